//! Who is told by e-mail: `actions.emails` of a pipeline.

use super::{Name, Pipeline, SecretReference, TlsConfig, Topic};
use schemars::JsonSchema;
use serde::Deserialize;

/// Who is told of what, by e-mail.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailTarget {
    /// Its name, unique in the pipeline.
    pub name: Name,
    /// What it is told of.
    pub on: Vec<Topic>,
    /// The server that takes mail: `smtp://HOST:PORT` for STARTTLS, `smtps://HOST:PORT` for TLS from the start.
    pub url: String,
    /// The address that mail comes from.
    pub from: String,
    /// The addresses that mail goes to.
    pub to: Vec<String>,
    /// The user at the server, by reference.
    #[serde(default)]
    pub user: Option<SecretReference>,
    /// Its password, by reference.
    #[serde(default)]
    pub password: Option<SecretReference>,
    /// Whether an event waits until those before it have arrived or been given up.
    #[serde(default)]
    pub ordered: bool,
    /// Whether mail is sent in plain where the server offers no STARTTLS.
    #[serde(default)]
    pub allow_plain: bool,
    /// Networks that may be reached although they are private.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub allow_addresses: Vec<ipnet::IpNet>,
    /// Whom its certificate must come from, and what is shown of Driftline.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
}

impl EmailTarget {
    /// The same with files read against the pipeline's folder.
    #[must_use]
    pub fn placed(&self, pipeline: &Pipeline) -> Self {
        let placed = |reference: &SecretReference| pipeline.placed(reference);
        Self {
            user: self.user.as_ref().map(placed),
            password: self.password.as_ref().map(placed),
            tls: self.tls.as_ref().map(|tls| tls.placed(pipeline)),
            ..self.clone()
        }
    }

    /// The key and the sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&str, String)> {
        let said = |key, said: &str| Some((key, said.to_owned()));
        if self.on.is_empty() {
            return said(
                "emails",
                "`on` names nothing: name `notify`, `alert` or `retrain`",
            );
        }
        if self.to.is_empty() {
            return said("emails", "`to` names nobody");
        }
        let addresses = self.to.iter().chain([&self.from]);
        if let Some(address) = addresses.into_iter().find(|address| !is_address(address)) {
            let said =
                format!("`{address}` is no address: write `name@example.com`, in ASCII and bare");
            return Some((address, said));
        }
        if self.user.is_some() != self.password.is_some() {
            return said("emails", "`user` and `password` belong together: give both");
        }
        if self.allow_plain && self.user.is_some() {
            return said(
                "allow_plain",
                "a password is never sent in plain: leave out `allow_plain`, or `user` and `password`",
            );
        }
        let tls = self.tls.as_ref().and_then(TlsConfig::mistake)?;
        said("tls", tls)
    }
}

/// Whether mail servers take it; that it exists they alone know.
fn is_address(address: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>,;:\"()[]\\".contains(c);
    match address.rsplit_once('@') {
        Some((name, host)) => !name.is_empty() && !host.is_empty() && address.chars().all(is_plain),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::Pipeline;

    #[test]
    fn what_could_not_be_sent_is_found_where_it_stands() {
        let said = |keys: &str| {
            let text = format!(
                "name: a\nbaseline: {{source: a.csv}}\nlive: {{source: b.csv}}\nactions:\n  emails:\n  - name: people\n    \
                 url: smtp://mail.example.com\n    {keys}\n"
            );
            let read = Pipeline::parse(&text, "p.yaml", Default::default());
            read.err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        let whole = "on: [alert]\n    from: a@example.com\n    to: [b@example.com]";
        assert_eq!(said(whole), "");
        for (keys, place, wanted) in [
            (
                &*whole.replace("[alert]", "[]"),
                "5:3",
                "`on` names nothing",
            ),
            (
                &*whole.replace("[b@example.com]", "[]"),
                "5:3",
                "`to` names nobody",
            ),
            (&*whole.replace("b@", "B <b@"), "10:10", "is no address"),
            (
                &*whole.replace("a@example.com", "nobody"),
                "9:11",
                "is no address",
            ),
            (&*format!("{whole}\n    user: env:U"), "5:3", "give both"),
            (
                &*format!("{whole}\n    user: env:U\n    password: env:P\n    allow_plain: true"),
                "13:5",
                "never sent in plain",
            ),
            (&*format!("{whole}\n    tls: {{}}"), "11:5", "names nothing"),
        ] {
            let said = said(keys);
            assert!(said.contains(wanted) && said.contains(place), "{said}");
        }
    }
}
