//! Hands one mail to a server: over TLS unless the target allows plain, to checked addresses only, and reading
//! no more of what the server says than [`ANSWER_BYTES`].

use crate::delivery::address;
use crate::delivery::sender::{Failure, clean};
use crate::delivery::transport::ANSWER_BYTES;
use async_smtp::authentication::{Credentials, Mechanism};
use async_smtp::error::Error;
use async_smtp::extension::{ClientId, Extension, ServerInfo};
use async_smtp::response::Response;
use async_smtp::{SendableEmail, SmtpClient, SmtpTransport};
use ipnet::IpNet;
use rustls::{ClientConfig, pki_types::ServerName};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufReader, Join, ReadHalf, Take, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long the answer to a goodbye is waited for.
const GOODBYE_TIME: Duration = Duration::from_millis(250);

/// A mail server, and how it is spoken to.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Whether TLS comes before everything, rather than by STARTTLS.
    pub(super) is_tls_first: bool,
    /// Whether mail is sent in plain where STARTTLS is not offered.
    pub(super) allow_plain: bool,
    pub(super) allow_addresses: &'a [IpNet],
    pub(super) tls: ClientConfig,
    pub(super) login: Option<Credentials>,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection whose server may say so much and no more.
type Bounded = Join<BufReader<Take<ReadHalf<Box<dyn Wire>>>>, WriteHalf<Box<dyn Wire>>>;

fn bounded(wire: Box<dyn Wire>) -> Bounded {
    let (reader, writer) = tokio::io::split(wire);
    let limit = u64::try_from(ANSWER_BYTES).unwrap_or(u64::MAX);
    tokio::io::join(BufReader::new(reader.take(limit)), writer)
}

/// Sends a mail, and returns the status of the server's yes.
pub(super) async fn send(server: Server<'_>, mail: SendableEmail) -> Result<u16, Failure> {
    let mut transport = connect(&server).await.map_err(Failure::of)?;
    if let Some(login) = &server.login {
        // A login that is refused is not the mail's fault: it is tried again.
        log_in(&mut transport, login)
            .await
            .map_err(|error| failure(error, false))?;
    }
    let answer = transport.send(mail).await;
    let answer = answer.map_err(|error| failure(error, true))?;
    // It was taken: what becomes of the connection does not matter.
    let _goodbye = tokio::time::timeout(GOODBYE_TIME, transport.quit()).await;
    Ok(status(&answer).unwrap_or_default())
}

async fn connect(server: &Server<'_>) -> Result<SmtpTransport<Bounded>, String> {
    let addresses = address::resolve(server.host, server.port, server.allow_addresses)
        .await
        .map_err(|error| error.to_string())?;
    let tcp = TcpStream::connect(&addresses[..])
        .await
        .map_err(|error| error.to_string())?;
    let hello = hello(tcp.local_addr().ok());
    let client = client_of(&hello);
    if server.is_tls_first {
        let wire = encrypted(server, Box::new(tcp)).await?;
        return SmtpTransport::new(client, bounded(wire))
            .await
            .map_err(said);
    }
    let mut plain = SmtpTransport::new(client, bounded(Box::new(tcp)))
        .await
        .map_err(said)?;
    if server.allow_plain {
        let offers = plain.get_mut().ehlo(hello.clone()).await.map_err(said)?;
        let offers = ServerInfo::from_response(&offers).map_err(said)?;
        if !offers.supports_feature(Extension::StartTls) {
            return Ok(plain);
        }
    }
    let wire = plain.starttls().await.map_err(|error| match error {
        Error::Client(_) => {
            "offers no STARTTLS: use `smtps://`, or set `allow_plain: true`".to_owned()
        }
        error => said(error),
    })?;
    let (reader, writer) = wire.into_inner();
    // Else it could have been slipped in by whoever sits in between (CVE-2011-0411).
    if !reader.buffer().is_empty() {
        return Err("says more before TLS than it was asked".to_owned());
    }
    let wire = reader.into_inner().into_inner().unsplit(writer);
    let wire = bounded(encrypted(server, wire).await?);
    SmtpTransport::new(client_of(&hello).without_greeting(), wire)
        .await
        .map_err(said)
}

fn client_of(hello: &ClientId) -> SmtpClient {
    SmtpClient::new()
        .pipelining(false)
        .hello_name(hello.clone())
}

/// The name under which we greet: our address, for a machine's name is nobody's business.
fn hello(local: Option<SocketAddr>) -> ClientId {
    match local.map(|address| address.ip().to_canonical()) {
        Some(IpAddr::V4(ip)) => ClientId::Ipv4(ip),
        Some(IpAddr::V6(ip)) => ClientId::Ipv6(ip),
        None => ClientId::default(),
    }
}

async fn encrypted(server: &Server<'_>, wire: Box<dyn Wire>) -> Result<Box<dyn Wire>, String> {
    let name = ServerName::try_from(server.host.to_owned())
        .map_err(|_| "its `url` names no host that a certificate could be for".to_owned())?;
    let connector = TlsConnector::from(Arc::new(server.tls.clone()));
    let encrypted = connector.connect(name, wire).await;
    Ok(Box::new(
        encrypted.map_err(|error| format!("no TLS: {error}"))?,
    ))
}

/// By PLAIN, or, where the server has none, by LOGIN.
async fn log_in(transport: &mut SmtpTransport<Bounded>, login: &Credentials) -> Result<(), Error> {
    match transport.auth(Mechanism::Plain, login).await {
        // "Authentication credentials invalid" (RFC 4954): it has PLAIN.
        Err(Error::Permanent(answer)) if !answer.has_code(535) => {
            transport.auth(Mechanism::Login, login).await?;
        }
        tried => drop(tried?),
    }
    Ok(())
}

fn status(answer: &Response) -> Option<u16> {
    answer.code.to_string().parse().ok()
}

fn failure(error: Error, is_of_mail: bool) -> Failure {
    let (status, is_final) = match &error {
        Error::Transient(answer) => (status(answer), false),
        Error::Permanent(answer) => (status(answer), is_of_mail),
        _ => (None, false),
    };
    Failure {
        status,
        is_final,
        ..Failure::of(said(error))
    }
}

/// What went wrong, in the server's words where it has some.
fn said(error: Error) -> String {
    match error {
        Error::Transient(answer) | Error::Permanent(answer) => {
            let words = clean(&answer.message.join(" "));
            format!("answered {}: {words}", answer.code)
        }
        error => error.to_string(),
    }
}
