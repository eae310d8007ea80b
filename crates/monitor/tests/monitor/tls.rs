//! Receivers with authorities of their own, which want to see a certificate.

use crate::support::World;
use axum::http::HeaderMap;
use driftline_monitor::delivery::{HttpTransport, Request, Transport, Webhook};
use driftline_pipeline::config::{SecretReference, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Signs certificates.
pub(crate) struct Authority {
    pub(crate) pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
struct Signed {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Signed { certificate, key }
    }

    /// Writes a client's certificate and key to a folder.
    fn write_client(&self, folder: &Path) {
        let client = self.sign("driftline");
        std::fs::write(folder.join("client.pem"), client.certificate.pem()).unwrap();
        std::fs::write(folder.join("client.key"), client.key.serialize_pem()).unwrap();
    }

    /// A server on this machine; `is_asking` for a certificate of this authority.
    pub(crate) fn acceptor(&self, is_asking: bool) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .unwrap();
        let Signed { certificate, key } = self.sign("127.0.0.1");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match is_asking {
            true => config.with_client_cert_verifier(verifier),
            false => config.with_no_client_auth(),
        };
        let config = config
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A receiver that says yes to whom it lets in. Returns its URL.
async fn receiver(acceptor: TlsAcceptor) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = [0; 8_192];
                let _read = stream.read(&mut head).await;
                let yes = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                let _written = stream.write_all(yes).await;
                let _closed = stream.shutdown().await;
            });
        }
    });
    url
}

async fn send(
    transport: &HttpTransport,
    world: &World,
    url: &str,
    tls: Option<TlsConfig>,
) -> Result<u16, String> {
    let mut config = world.config("chat", url);
    config.tls = tls;
    let request = Request {
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: "{}".to_owned(),
    };
    let webhook = Webhook::new(config).unwrap();
    let answer = transport.send(&webhook, request).await?;
    Ok(answer.status)
}

#[tokio::test]
async fn a_receiver_that_wants_a_certificate_gets_it_and_is_believed_by_its_authority_alone() {
    let world = World::new().await;
    let folder = world.folder.path();
    let file = |name: &str| Some(SecretReference::File(folder.join(name)));
    let (authority, stranger) = (Authority::new(), Authority::new());
    std::fs::write(folder.join("ca.pem"), &authority.pem).unwrap();
    std::fs::write(folder.join("stranger.pem"), &stranger.pem).unwrap();
    authority.write_client(folder);
    let url = receiver(authority.acceptor(true)).await;
    let transport = HttpTransport::new();
    let by = |ca: &str, is_shown: bool| {
        Some(TlsConfig {
            ca: file(ca),
            client_certificate: file("client.pem").filter(|_| is_shown),
            client_key: file("client.key").filter(|_| is_shown),
        })
    };
    let sent = async |tls| send(&transport, &world, &url, tls).await;

    assert_eq!(sent(by("ca.pem", true)).await, Ok(204));
    let unknown = "invalid peer certificate";
    let said = sent(None).await.unwrap_err();
    assert!(said.contains(unknown), "{said}");
    let said = sent(by("stranger.pem", true)).await.unwrap_err();
    assert!(said.contains(unknown), "{said}");
    let said = sent(by("ca.pem", false)).await.unwrap_err();
    assert!(said.contains("CertificateRequired"), "{said}");

    // What is replaced counts from the next attempt on.
    stranger.write_client(folder);
    sent(by("ca.pem", true)).await.unwrap_err();
    authority.write_client(folder);
    assert_eq!(sent(by("ca.pem", true)).await, Ok(204));

    // A key of another certificate, and none at all.
    let key = KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(folder.join("client.key"), key).unwrap();
    let said = sent(by("ca.pem", true)).await.unwrap_err();
    assert!(said.contains("`client_key`"), "{said}");
    std::fs::write(folder.join("client.key"), "T0KEN").unwrap();
    let said = sent(by("ca.pem", true)).await.unwrap_err();
    assert!(said.contains("holds no private key"), "{said}");
    assert!(!said.contains("T0KEN"), "{said}");
}

#[tokio::test]
async fn tls_is_not_for_plain_http() {
    let world = World::new().await;
    let mut config = world.config("chat", "http://127.0.0.1:1/");
    config.tls = Some(TlsConfig {
        ca: Some(SecretReference::File("ca.pem".into())),
        client_certificate: None,
        client_key: None,
    });
    let said = Webhook::new(config).unwrap_err().to_string();
    assert!(said.contains("`https://`"), "{said}");
}
