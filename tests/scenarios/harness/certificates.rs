//! Certificates, made when a server is asked for one.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, KeyPair,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use smtpcheck::Trust;
use time::{Duration, OffsetDateTime};

use super::scenario::{Certificate, Issuer};

/// The verifier judges by the wall clock, paused clock or not, so dates are relative to it.
#[expect(clippy::disallowed_methods, reason = "a test is its own outermost place")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
    der: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    fn new(name: &str, above: Option<&Self>) -> Self {
        let mut params = CertificateParams::new([]).expect("parameters");
        params.distinguished_name = called(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = now() - Duration::days(1000);
        params.not_after = now() + Duration::days(1000);
        let key = KeyPair::generate().expect("a key");
        let made = match above {
            None => params.self_signed(&key),
            Some(above) => params.signed_by(&key, &above.issuer()),
        }
        .expect("a certificate");
        Self { der: made.der().clone(), pem: made.pem(), params, key }
    }

    fn issuer(&self) -> rcgen::Issuer<'_, &KeyPair> {
        rcgen::Issuer::from_params(&self.params, &self.key)
    }
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

/// The authorities of all scenarios, made once.
struct Authorities {
    trusted: Authority,
    second: Authority,
    intermediate: Authority,
    untrusted: Authority,
    trust: Trust,
}

fn authorities() -> &'static Authorities {
    static MADE: OnceLock<Authorities> = OnceLock::new();
    MADE.get_or_init(|| {
        let trusted = Authority::new("Trusted Root", None);
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("scenarios-{}.pem", std::process::id()));
        let second = Authority::new("Second Root", None);
        std::fs::write(&file, format!("{}{}", trusted.pem, second.pem))
            .expect("a file for the trust anchor");
        let trust = Trust::new(std::slice::from_ref(&file)).expect("a trust anchor");
        let _ = std::fs::remove_file(&file);
        Authorities {
            intermediate: Authority::new("Intermediate", Some(&trusted)),
            untrusted: Authority::new("Unknown Root", None),
            trusted,
            second,
            trust,
        }
    })
}

/// Trusts the trusted authority.
pub fn trust() -> Trust {
    authorities().trust.clone()
}

/// A server's half of TLS with this certificate.
pub fn server(certificate: &Certificate) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(certificate.clone())))
}

#[derive(Debug)]
struct Shows(Certificate);

impl ResolvesServerCert for Shows {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked_for = hello.server_name().unwrap_or("unnamed.test").to_owned();
        Some(Arc::new(make(&self.0, asked_for)))
    }
}

fn make(certificate: &Certificate, asked_for: String) -> CertifiedKey {
    let names = certificate.names.clone().unwrap_or_else(|| vec![asked_for]);
    let mut params = CertificateParams::new(names.clone()).expect("names");
    params.distinguished_name = called(&names[0]);
    params.not_before = now() + Duration::days(certificate.not_before);
    params.not_after = now() + Duration::days(certificate.not_after);
    let key = KeyPair::generate().expect("a key");
    let Authorities { trusted, second, intermediate, untrusted, .. } = authorities();
    let (made, others) = match certificate.issuer {
        Issuer::Trusted => (params.signed_by(&key, &trusted.issuer()), vec![]),
        Issuer::TrustedToo => (params.signed_by(&key, &second.issuer()), vec![]),
        Issuer::Untrusted => {
            (params.signed_by(&key, &untrusted.issuer()), vec![untrusted.der.clone()])
        }
        Issuer::SelfSigned => (params.self_signed(&key), vec![]),
        Issuer::NotSent => {
            params.custom_extensions.push(issuer_is_to_be_had());
            (params.signed_by(&key, &intermediate.issuer()), vec![])
        }
    };
    let mut chain = vec![made.expect("a certificate").der().clone()];
    chain.extend(others);
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let key = ring::sign::any_supported_type(&key).expect("a signing key");
    CertifiedKey::new(chain, key)
}

/// The extension authorityInfoAccess with caIssuers `http://a.test` (RFC 5280 §4.2.2.1).
fn issuer_is_to_be_had() -> CustomExtension {
    let mut content = vec![0x30, 27, 0x30, 25, 0x06, 8];
    content.extend([0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 13]);
    content.extend(b"http://a.test");
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}
