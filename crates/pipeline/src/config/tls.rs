//! By what a target and Driftline believe each other: `tls` of a target.

use super::{Pipeline, SecretReference};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use schemars::JsonSchema;
use serde::Deserialize;

/// Whom a target's certificate must come from, and what is shown of Driftline. All in PEM, by reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Authorities that are believed in place of the system's.
    #[serde(default)]
    pub ca: Option<SecretReference>,
    /// The certificate that is shown where one is asked for, and after it those between it and its authority.
    #[serde(default)]
    pub client_certificate: Option<SecretReference>,
    /// Its private key.
    #[serde(default)]
    pub client_key: Option<SecretReference>,
}

impl TlsConfig {
    /// The same with files read against the pipeline's folder.
    #[must_use]
    pub fn placed(&self, pipeline: &Pipeline) -> Self {
        let placed = |reference: &Option<SecretReference>| {
            let reference = reference.as_ref();
            reference.map(|reference| pipeline.placed(reference))
        };
        Self {
            ca: placed(&self.ca),
            client_certificate: placed(&self.client_certificate),
            client_key: placed(&self.client_key),
        }
    }

    /// What no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        match (&self.ca, &self.client_certificate, &self.client_key) {
            (_, Some(_), None) | (_, None, Some(_)) => Some(
                "`client_certificate` is shown, and `client_key` proves that it is ours: give both",
            ),
            (None, None, None) => {
                Some("`tls` names nothing: give `ca`, or `client_certificate` and `client_key`")
            }
            _ => None,
        }
    }

    /// The reference to a file that holds no certificate although it should, and what is wrong with it. Keys are
    /// read like other secrets, when they are needed.
    pub(super) fn file_mistake(&self, pipeline: &Pipeline) -> Option<(String, String)> {
        let certificates = [
            ("ca", &self.ca),
            ("client_certificate", &self.client_certificate),
        ];
        certificates.into_iter().find_map(|(key, reference)| {
            let reference = reference.as_ref()?;
            let SecretReference::File(path) = pipeline.placed(reference) else {
                return None;
            };
            let said = match std::fs::read(&path) {
                Err(error) => format!("cannot be read: {error}"),
                Ok(pem) => what_is_wrong(&pem)?,
            };
            let message = format!("`{key}`: {} {said}", path.display());
            Some((reference.to_string(), message))
        })
    }
}

fn what_is_wrong(pem: &[u8]) -> Option<String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Err(error) => Some(format!("is no PEM: {error}")),
        Ok(certificates) if certificates.is_empty() => Some(
            "holds no certificate: write it in PEM, between the lines `-----BEGIN CERTIFICATE-----` and \
             `-----END CERTIFICATE-----`"
                .to_owned(),
        ),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Pipeline, PipelineError};

    /// What is said of a pipeline whose target has this `tls`, beside `ca.pem` with that content.
    fn said(tls: &str, ca: Option<&str>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "name: a\nbaseline: {{source: a.csv}}\nlive: {{source: b.csv}}\nactions:\n  webhooks:\n  - name: w\n    \
             on: [notify]\n    format: slack\n    url: https://a.example\n    tls: {tls}\n"
        );
        std::fs::write(folder.path().join("p.yaml"), text).unwrap();
        if let Some(ca) = ca {
            std::fs::write(folder.path().join("ca.pem"), ca).unwrap();
        }
        match Pipeline::read(&folder.path().join("p.yaml")) {
            Ok(_) => None,
            Err(PipelineError::Yaml {
                line,
                column,
                message,
                ..
            }) => Some(format!("{line}:{column}: {message}")),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_found_where_it_is_named() {
        let tls = "{ca: 'file:ca.pem'}";
        let missing = said(tls, None).unwrap();
        assert!(
            missing.starts_with("10:16: target `w`: `ca`: "),
            "{missing}"
        );
        assert!(missing.contains("cannot be read"), "{missing}");
        let empty = said(tls, Some("nothing")).unwrap();
        assert!(empty.starts_with("10:16: "), "{empty}");
        assert!(empty.contains("holds no certificate"), "{empty}");
        let broken = "-----BEGIN CERTIFICATE-----\nMII\n";
        let broken = said(tls, Some(broken)).unwrap();
        assert!(broken.contains("is no PEM"), "{broken}");
        let whole = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert_eq!(said(tls, Some(whole)), None);
        // What the environment holds is read when it is needed.
        assert_eq!(said("{ca: 'env:NO_SUCH_CA'}", None), None);
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        for tls in [
            "{client_key: 'env:KEY'}",
            "{client_certificate: 'env:CERTIFICATE'}",
        ] {
            let said = said(tls, None).unwrap();
            assert!(
                said.starts_with("10:5: ") && said.contains("give both"),
                "{said}"
            );
        }
        let nothing = said("{}", None).unwrap();
        assert!(nothing.contains("names nothing"), "{nothing}");
        let written = said("{ca: '-----BEGIN'}", None).unwrap();
        assert!(written.contains("env:NAME"), "{written}");
    }
}
