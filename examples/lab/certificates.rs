//! Certificates with every flaw that a mail server's can have, made anew in each run.
//!
//! Knows X.509 and rustls' side of a server. Must not know which server has which flaw.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use tempfile::NamedTempFile;
use time::{Duration, OffsetDateTime};

/// What is wrong with a server's certificate, or with its TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It ended twelve days ago.
    Expired,
    /// It begins tomorrow.
    NotYetValid,
    /// It ends in five days.
    ExpiresSoon,
    /// It names another server.
    OtherName,
    /// Issuer and subject are the same.
    SelfSigned,
    /// An authority has signed it that nobody trusts.
    Stranger,
    /// An intermediate has signed it, which is sent too: no flaw at all.
    ViaIntermediate,
    /// The intermediate is not sent, and nothing says where to get it.
    IntermediateLeftOut,
    /// The intermediate is not sent, but the leaf says where to get it (AIA caIssuers).
    IntermediateByReference,
    /// Only TLS 1.2: no flaw at all.
    Tls12Only,
    /// It insists on a certificate of the client's.
    WantsClientCertificate,
}

/// The authorities of one run.
pub struct Certificates {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
    stranger: CertifiedIssuer<'static, KeyPair>,
    ca_file: NamedTempFile,
}

/// What a server shows in a handshake: its key, and its certificate with the intermediate ones.
pub struct Identity {
    /// The key of the first certificate.
    pub key: KeyPair,
    /// The server's own certificate first.
    pub chain: Vec<Certificate>,
}

impl Certificates {
    /// Makes the authorities and writes the one that is to be trusted into a file.
    pub fn issue() -> Self {
        let root = CertifiedIssuer::self_signed(authority("Lab Root"), key()).expect("a root");
        let intermediate = CertifiedIssuer::signed_by(authority("Lab Intermediate"), key(), &root)
            .expect("an intermediate");
        let stranger =
            CertifiedIssuer::self_signed(authority("Unknown Root"), key()).expect("a root");
        let ca_file = tempfile::Builder::new()
            .prefix("lab-ca-")
            .suffix(".pem")
            .tempfile()
            .expect("a temporary file");
        std::fs::write(ca_file.path(), root.pem()).expect("a temporary file can be written");
        Self { root, intermediate, stranger, ca_file }
    }

    /// The trust anchor in PEM, for `--ca-file`.
    pub fn ca_file(&self) -> &Path {
        self.ca_file.path()
    }

    /// The TLS configuration of a server of this name with this flaw.
    pub fn serve_as(&self, host: &str, flaw: Flaw) -> Arc<ServerConfig> {
        let Identity { key, chain } = self.identify(host, flaw);
        let chain = chain.iter().map(|certificate| certificate.der().clone()).collect();
        Arc::new(self.configure(flaw, chain, &key))
    }

    /// The certificate of a server of this name with this flaw, with what is sent beside it.
    #[allow(clippy::disallowed_methods, reason = "the dates are to be wrong by the real clock")]
    pub fn identify(&self, host: &str, flaw: Flaw) -> Identity {
        let now = OffsetDateTime::now_utc();
        let name = if flaw == Flaw::OtherName { "www.elsewhere.example" } else { host };
        let mut leaf = CertificateParams::new([name.to_owned()]).expect("a good name");
        leaf.distinguished_name.push(DnType::CommonName, name);
        (leaf.not_before, leaf.not_after) = match flaw {
            Flaw::Expired => (now - Duration::days(102), now - Duration::days(12)),
            Flaw::NotYetValid => (now + Duration::days(1), now + Duration::days(91)),
            Flaw::ExpiresSoon => (now - Duration::days(85), now + Duration::days(5)),
            _ => (now - Duration::days(1), now + Duration::days(89)),
        };
        if flaw == Flaw::IntermediateByReference {
            leaf.custom_extensions.push(issuer_at("http://ca.example/intermediate.der"));
        }
        let key = key();
        let issuer: Option<&Issuer<'_, KeyPair>> = match flaw {
            Flaw::SelfSigned => None,
            Flaw::Stranger => Some(&self.stranger),
            Flaw::ViaIntermediate | Flaw::IntermediateLeftOut | Flaw::IntermediateByReference => {
                Some(&self.intermediate)
            }
            _ => Some(&self.root),
        };
        let signed = match issuer {
            Some(issuer) => leaf.signed_by(&key, issuer),
            None => leaf.self_signed(&key),
        };
        let mut chain = vec![signed.expect("a leaf")];
        if flaw == Flaw::ViaIntermediate {
            chain.push(AsRef::<Certificate>::as_ref(&self.intermediate).clone());
        }
        Identity { key, chain }
    }

    fn configure(
        &self,
        flaw: Flaw,
        chain: Vec<CertificateDer<'static>>,
        key: &KeyPair,
    ) -> ServerConfig {
        let versions: &[&SupportedProtocolVersion] = match flaw {
            Flaw::Tls12Only => &[&version::TLS12],
            _ => rustls::ALL_VERSIONS,
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("the provider has these versions");
        let builder = if flaw == Flaw::WantsClientCertificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.root.der().clone()).expect("a good root");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
            builder.with_client_cert_verifier(verifier.expect("there is a root"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS #8 key");
        builder.with_single_cert(chain, key).expect("the key belongs to the leaf")
    }
}

impl Identity {
    /// The key and then the chain in PEM, as mail servers want them in one file.
    pub fn pem(&self) -> String {
        let chain = self.chain.iter().map(Certificate::pem);
        std::iter::once(self.key.serialize_pem()).chain(chain).collect()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

/// The authority information access extension with one caIssuers URL (RFC 5280 §4.2.2.1).
fn issuer_at(url: &str) -> CustomExtension {
    const CA_ISSUERS: [u8; 10] = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];
    let location = der(0x86, url.as_bytes());
    let description = der(0x30, &[&CA_ISSUERS, location.as_slice()].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], der(0x30, &description))
}

/// A value in DER with the short form of the length.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("the lab's values are short");
    assert!(length < 128, "the lab's values are short");
    [&[tag, length], content].concat()
}
