//! Which addresses a target may reach.
//!
//! A URL is data, and a name may resolve to anything tomorrow: without a guard, a webhook
//! is a way into the network that the server stands in. So every address that a name
//! resolves to is checked, the connection goes to a checked one and to nothing that is
//! resolved again, and only the target's own list of networks opens what is closed here.
//!
//! Ranges: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890),
//! with every range that carries an IPv4 address within an IPv6 one closed as a whole.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// An address that may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its address {address} is {what}: list it in `allow_addresses` if it is meant")]
pub(crate) struct RefusedAddress {
    address: IpAddr,
    what: &'static str,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(first: u16, second: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), length)
}

const REFUSED_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "of this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "shared by a carrier"),
    (v4(127, 0, 0, 0, 8), "this machine"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "reserved"),
    (v4(192, 0, 2, 0, 24), "for documentation"),
    (v4(192, 88, 99, 0, 24), "a 6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "for benchmarks"),
    (v4(198, 51, 100, 0, 24), "for documentation"),
    (v4(203, 0, 113, 0, 24), "for documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// All of IPv6 that is in use for the open Internet.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// What of it is not.
const REFUSED_V6: &[(Ipv6Net, &str)] = &[
    (v6(0x2001, 0, 23), "reserved"),
    (v6(0x2001, 0xdb8, 32), "for documentation"),
    (v6(0x2002, 0, 16), "a 6to4 address"),
    (v6(0x3fff, 0, 20), "for documentation"),
];

/// Whether an address may be reached.
pub(crate) fn check(address: IpAddr, allowed: &[IpNet]) -> Result<(), RefusedAddress> {
    // `::ffff:10.0.0.1` reaches 10.0.0.1, so a list that holds 10.0.0.0/8 means it too.
    let canonical = address.to_canonical();
    if allowed
        .iter()
        .any(|network| network.contains(&address) || network.contains(&canonical))
    {
        return Ok(());
    }
    match refusal(address) {
        None => Ok(()),
        Some(what) => Err(RefusedAddress { address, what }),
    }
}

fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => REFUSED_V4
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, what)| *what),
        IpAddr::V6(address) if !GLOBAL_V6.contains(&address) => Some(match address.segments() {
            [0, 0, 0, 0, 0, 0xffff, ..] => "an IPv4 address within an IPv6 one",
            [0, 0, 0, 0, 0, 0, 0, 1] => "this machine",
            [0x64, 0xff9b, ..] => "a NAT64 address",
            [0xfe80..=0xfebf, ..] => "link-local",
            [0xfc00..=0xfdff, ..] => "private",
            [0xff00..=0xffff, ..] => "multicast",
            _ => "not of the open Internet",
        }),
        IpAddr::V6(address) => REFUSED_V6
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, what)| *what),
    }
}

/// The address that a URL names without any resolving. The URL parser has already turned
/// decimal, octal and hexadecimal forms into the usual one.
pub(crate) fn ip_literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
        .parse()
        .ok()
}

/// Resolves a name and hands out its addresses only if every one may be reached: a name
/// with one public and one private address is refused, whichever would be tried first.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    allowed: Arc<[IpNet]>,
}

impl GuardedResolver {
    pub(crate) fn new(allowed: &[IpNet]) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }
}

/// The addresses of a host, if every one may be reached.
pub(crate) async fn resolve(
    host: &str,
    port: u16,
    allowed: &[IpNet],
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    for address in &addresses {
        check(address.ip(), allowed)?;
    }
    Ok(addresses)
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            // Port 0: the connector puts in the URL's.
            let addresses = resolve(name.as_str(), 0, &allowed).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
