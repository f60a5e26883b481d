//! Certificates that no authority would issue, and keys that belong to none of them.

use std::sync::Arc;

use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};
use time::{Date, Month};

pub const HOST: &str = "server.example";

/// A server that shows this chain, whatever it is.
pub fn shows(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<ServerConfig> {
    Arc::new(configure(chain, key, rustls::ALL_VERSIONS))
}

/// The same, before it is shared.
pub fn configure(
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS #8 key");
    let key = provider.key_provider.load_private_key(key).expect("a key that can sign");
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider has these versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(CertifiedKey::new(chain, key)))))
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

pub fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// An ordinary self-signed certificate.
pub fn plain() -> (CertificateDer<'static>, KeyPair) {
    odd(|_| {})
}

/// A self-signed certificate, changed.
pub fn odd(change: impl FnOnce(&mut CertificateParams)) -> (CertificateDer<'static>, KeyPair) {
    let key = key();
    let mut params = CertificateParams::new([HOST.to_owned()]).expect("a good name");
    params.distinguished_name.push(DnType::CommonName, HOST);
    (params.not_before, params.not_after) = (year(2020), year(2090));
    change(&mut params);
    (params.self_signed(&key).expect("it can be signed").der().clone(), key)
}

/// A server that shows one odd certificate.
pub fn odd_server(change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
    let (certificate, key) = odd(change);
    shows(vec![certificate], &key)
}

pub fn year(year: i32) -> time::OffsetDateTime {
    Date::from_calendar_date(year, Month::January, 1).expect("a date").midnight().assume_utc()
}

/// A presented name that is no name.
pub fn dns_name(text: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(text).expect("ASCII"))
}

/// A chain of so many certificates, none of which has to do with another.
pub fn chain(length: usize) -> Arc<ServerConfig> {
    let (first, key) = plain();
    let rest = (1..length).map(|_| plain().0);
    shows(std::iter::once(first).chain(rest).collect(), &key)
}
