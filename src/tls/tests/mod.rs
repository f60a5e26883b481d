//! Handshakes over in-memory streams, with certificates made for each run.
#![expect(clippy::disallowed_methods, reason = "certificates are dated by the real clock")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};
use time::{Duration, OffsetDateTime};
use tokio::io::DuplexStream;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::names::Host;
use crate::observation::{CertificateFacts, TlsFacts};

mod chains;
mod handshakes;
mod reading;
mod wider;

/// The name that is asked for.
const NAME: &str = "mx.example.test";

fn host() -> Host {
    Host::parse(NAME).expect("a host")
}

/// Mostly in order: what a test is about, it changes.
fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).expect("parameters");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(10);
    params.not_after = now + Duration::days(80);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = OffsetDateTime::now_utc() - Duration::days(100);
    params.not_after = OffsetDateTime::now_utc() - Duration::days(10);
    params
}

/// AIA caIssuers with the URL `http://a.test`.
fn with_pointer(mut params: CertificateParams) -> CertificateParams {
    let url = b"http://a.test";
    let mut content = vec![0x30, 27, 0x30, 25, 0x06, 8];
    content.extend([0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 13]);
    content.extend(url);
    let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
    params.custom_extensions.push(CustomExtension::from_oid_content(&oid, content));
    params
}

/// A certificate and its key, and where it has signed others, their issuer.
struct Made {
    der: CertificateDer<'static>,
    pem: String,
    params: CertificateParams,
    key: KeyPair,
}

impl Made {
    fn self_signed(params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        Self { der: made.der().clone(), pem: made.pem(), params, key }
    }

    fn signs(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let made = params.signed_by(&key, &issuer).expect("a certificate");
        Self { der: made.der().clone(), pem: made.pem(), params, key }
    }
}

/// Trusts this certificate as `--ca-file` does.
fn trust(anchor: &Made) -> Trust {
    let file = File::with(&anchor.pem);
    Trust::new(std::slice::from_ref(&file.0)).expect("an anchor")
}

/// A file that goes away with its test.
struct File(PathBuf);

impl File {
    fn with(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("smtpcheck-tls-{}-{number}.pem", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, text).expect("a temporary file");
        Self(file)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Shows a chain, whether or not key and certificate belong together.
#[derive(Debug)]
struct Shows {
    certified: Arc<CertifiedKey>,
    asked_for: std::sync::Mutex<Option<Option<String>>>,
}

impl ResolvesServerCert for Shows {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_owned);
        *self.asked_for.lock().expect("the name") = Some(name);
        Some(self.certified.clone())
    }
}

fn shows(chain: &[&Made], key: &KeyPair) -> Arc<Shows> {
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a signing key");
    let chain = chain.iter().map(|made| made.der.clone()).collect();
    let certified = Arc::new(CertifiedKey::new(chain, key));
    Arc::new(Shows { certified, asked_for: std::sync::Mutex::default() })
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];

fn server(shows: Arc<Shows>, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(shows)
}

/// Makes a handshake with this server: the facts, the result, and the server's end.
async fn handshake(
    trust: &Trust,
    host: &Host,
    config: ServerConfig,
) -> (
    TlsFacts,
    std::io::Result<TlsStream<Tee<DuplexStream>>>,
    std::io::Result<tokio_rustls::server::TlsStream<DuplexStream>>,
) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let attempt = Attempt::new(trust, host);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (result, served) = tokio::join!(attempt.connect(near), acceptor.accept(far));
    (attempt.facts(), result, served)
}

/// What a server with this chain shows to somebody who trusts this anchor. The handshake has to
/// succeed, whatever the certificates are.
async fn shown(trusted: &Made, chain: &[&Made]) -> TlsFacts {
    let config = server(shows(chain, &chain[0].key), BOTH);
    let (facts, result, _) = handshake(&trust(trusted), &host(), config).await;
    result.expect("a handshake");
    assert_eq!(facts.error, None);
    assert_eq!(facts.chain.len(), chain.len());
    assert!(facts.first_bytes.is_empty());
    facts
}

/// A ServerHello in a record of its own (RFC 5246 §7.4.1.3).
fn server_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let mut hello = vec![22, version[0], version[1], 0, 42, 2, 0, 0, 38];
    hello.extend(version);
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(suite);
    hello.push(0);
    hello
}
