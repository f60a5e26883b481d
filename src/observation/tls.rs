//! What a TLS handshake showed: the protocol, the chain, and each judgement on its own.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What one handshake showed. The verifier judges path, name, time and signature separately and
/// lets the handshake finish, so a fault hides neither another fault nor the dialogue behind it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`; absent where the handshake did not get that far.
    pub version: Option<String>,
    /// The IANA name of the cipher suite.
    pub cipher_suite: Option<String>,
    /// The IANA name of the key exchange group.
    pub key_exchange: Option<String>,
    /// The certificates in the order in which they were sent, leaf first.
    pub chain: Vec<CertificateFacts>,
    /// Whether the chain leads to a trust anchor; absent where no chain was seen.
    pub path: Option<PathVerdict>,
    /// Whether the leaf names the server that was asked for; absent where no chain was seen or
    /// where there is no reference identifier.
    pub name_matches: Option<bool>,
    /// Whether the peer proved that it has the leaf's key.
    pub signature: Option<SignatureVerdict>,
    /// Why the handshake failed; absent where it succeeded.
    pub error: Option<TlsError>,
    /// The first bytes received on the connection (at most 512) where the handshake failed.
    pub first_bytes: Vec<u8>,
}

/// Whether a chain leads to a trust anchor at the time of the handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathVerdict {
    /// It does.
    pub trusted: bool,
    /// Why it does not. Where time and path are both at fault, the path's fault stands here: the
    /// dates of the chain tell the other.
    pub untrusted_because: Option<UntrustedBecause>,
    /// The validator's own words, for evidence.
    pub error: Option<String>,
}

/// Why a chain is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UntrustedBecause {
    /// A certificate's validity has ended; nothing else is wrong with the path.
    Expired,
    /// A certificate's validity has not begun; nothing else is wrong with the path.
    NotYetValid,
    /// The leaf's issuer and subject are the same, and it is no trust anchor.
    SelfSigned,
    /// The last certificate sent is not self-issued and names where its issuer is to be had
    /// (AIA caIssuers, RFC 5280 §4.2.2.1).
    ChainIncomplete,
    /// Any other chain that ends in no trust anchor.
    UnknownIssuer,
    /// A signature in the chain does not verify.
    BadSignature,
    /// The leaf is not for servers (extended key usage).
    WrongPurpose,
    /// Anything else; `PathVerdict::error` says what.
    Other,
}

/// Whether the handshake's signature verifies with the leaf's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureVerdict {
    /// The IANA name of the signature scheme.
    pub scheme: String,
    /// Why it does not verify; absent where it does.
    pub error: Option<String>,
}

/// One certificate, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CertificateFacts {
    /// The subject's distinguished name; empty where the certificate could not be parsed.
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// The presented identifiers: DNS names and IP addresses of the subject alternative name.
    pub names: Vec<String>,
    /// The beginning of its validity.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    #[cfg_attr(test, schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub not_before: Option<OffsetDateTime>,
    /// The end of its validity.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    #[cfg_attr(test, schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub not_after: Option<OffsetDateTime>,
    /// The key, as `ECDSA P-256` or `RSA 2048`.
    pub key: String,
    /// The signature algorithm, as `ecdsa-with-SHA256`.
    pub signature: String,
    /// The SHA-256 fingerprint of the certificate, in lower-case hexadecimal.
    pub sha256: String,
    /// The SHA-256 digest of its SubjectPublicKeyInfo, in lower-case hexadecimal (RFC 7671's
    /// selector 1).
    pub spki_sha256: String,
    /// Where its issuer's certificate is to be had (AIA caIssuers).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuer_urls: Vec<String>,
    /// Why it could not be parsed; the other facts are then mostly empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TlsError {
    /// The kind, for machines.
    pub kind: TlsErrorKind,
    /// What happened, in words; for alerts it contains the alert's name.
    pub text: String,
}

/// The kind of a failed handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TlsErrorKind {
    /// What came is not TLS; the first bytes tell what it is.
    NotTls,
    /// The peer speaks no version newer than TLS 1.1.
    VersionTooOld,
    /// The alert `handshake_failure` or `insufficient_security`: usually nothing in common.
    HandshakeFailure,
    /// The peer insists on a client certificate.
    ClientCertificateRequired,
    /// Another fatal alert; the text names it.
    Alert,
    /// The peer breaks the protocol.
    PeerMisbehaved,
    /// The connection was closed in the middle.
    Closed,
    /// The connection was reset in the middle.
    Reset,
    /// Time ran out in the middle.
    TimedOut,
    /// Anything else.
    Other,
}

/// What a wider offer showed, on a new connection: a ClientHello with the versions, cipher suites,
/// groups and signature schemes of thirty years, after a server had refused, without a reason,
/// what this program speaks. The handshake is broken off as soon as the server has chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WiderOffer {
    /// The server chose from it.
    Chosen(Box<Choice>),
    /// It refused that as well; the name of its alert.
    Refused(String),
}

/// What a server chose from a wider offer, as far as it showed it in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Choice {
    /// The version, as `TLSv1.0`.
    pub version: String,
    /// The IANA name of the cipher suite.
    pub cipher_suite: String,
    /// The IANA name of the key exchange group, where there is a named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_exchange: Option<String>,
    /// The IANA name of the scheme with which the server signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_scheme: Option<String>,
    /// What of this had not stood in the offer that the server refused.
    pub not_offered: Vec<TlsPart>,
    /// The certificates in the order in which they were sent, leaf first; they were not judged.
    pub chain: Vec<CertificateFacts>,
}

impl Choice {
    /// What was chosen, part by part.
    pub(crate) fn parts(&self) -> Vec<&str> {
        let always = [&self.version, &self.cipher_suite].into_iter();
        let named = [&self.key_exchange, &self.signature_scheme].into_iter().flatten();
        always.chain(named).map(String::as_str).collect()
    }

    /// Nothing of it is new, and how the server signs was not seen: that may be what it missed.
    pub(crate) fn leaves_schemes_open(&self) -> bool {
        self.not_offered.is_empty() && self.signature_scheme.is_none()
    }
}

/// Something that the two sides of a handshake have to agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TlsPart {
    /// The version of the protocol.
    Version,
    /// The cipher suite.
    CipherSuite,
    /// The key exchange group.
    KeyExchange,
    /// The signature scheme.
    SignatureScheme,
    /// The kind of key that the server's certificate has.
    CertificateKey,
}
