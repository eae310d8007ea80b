//! What a target's `tls` says, read for every attempt: certificates run out, and are replaced while a server runs.

use crate::delivery::webhook::read_secret;
use driftline_pipeline::config::{SecretReference, TlsConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Certificates and key as they stand where they are named.
#[derive(Default)]
pub(super) struct TlsFiles {
    ca: Option<SecretString>,
    client: Option<(SecretString, SecretString)>,
}

impl TlsFiles {
    /// Reads what is named.
    ///
    /// # Errors
    /// What cannot be read, for people.
    pub(super) fn read(config: &TlsConfig) -> Result<Self, String> {
        let read = |key: &str, reference: &Option<SecretReference>| {
            let reference = reference.as_ref();
            let text = reference.map(|reference| {
                read_secret(reference).map_err(|said| format!("its `{key}`, `{reference}`, {said}"))
            });
            text.transpose()
        };
        let certificate = read("client_certificate", &config.client_certificate)?;
        let key = read("client_key", &config.client_key)?;
        Ok(Self {
            ca: read("ca", &config.ca)?,
            client: certificate.zip(key),
        })
    }

    /// What tells these from those that were read before.
    pub(super) fn digest(&self) -> [u8; 32] {
        let client = self.client.as_ref();
        let texts = [
            self.ca.as_ref(),
            client.map(|(certificate, _)| certificate),
            client.map(|(_, key)| key),
        ];
        let mut digest = Sha256::new();
        for text in texts {
            let text = text.map_or("", ExposeSecret::expose_secret);
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }

    /// How connections are made by them; without authorities of its own, the system's are believed.
    ///
    /// # Errors
    /// What is no certificate or key, for people.
    pub(super) fn client_config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("no TLS: {error}"))?;
        let builder = match &self.ca {
            Some(ca) => builder.with_root_certificates(authorities(ca)?),
            None => builder
                .with_platform_verifier()
                .map_err(|error| format!("the system's authorities: {error}"))?,
        };
        let Some((certificate, key)) = &self.client else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates("client_certificate", certificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).map_err(|error| {
                match error {
                    pem::Error::NoItemsFound => "its `client_key` holds no private key".to_owned(),
                    error => format!("its `client_key` is no PEM: {error}"),
                }
            })?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("its `client_certificate` and `client_key`: {error}"))
    }
}

fn authorities(ca: &SecretString) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates("ca", ca)? {
        store
            .add(certificate)
            .map_err(|error| format!("its `ca` holds what is no authority: {error}"))?;
    }
    Ok(store)
}

fn certificates(key: &str, text: &SecretString) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.expose_secret().as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => Err(format!("its `{key}` holds no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("its `{key}` is no PEM: {error}")),
    }
}
