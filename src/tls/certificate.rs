//! Reads a certificate for people and for the judgement: names, dates, key, fingerprints.
//!
//! Knows X.509 and distrusts every byte of it: strings are capped, a certificate that cannot be
//! parsed becomes facts with an error. What it is worth is a matter of `judge`.

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::oid_registry::{OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

use crate::observation::CertificateFacts;

/// Certificates of large hosters have some hundred names; this many are shown.
const NAMES: usize = 200;
/// No host name is longer than 253 octets.
const NAME_OCTETS: usize = 256;
/// Long enough for every real distinguished name, URL or error message.
const TEXT_OCTETS: usize = 1024;
const URLS: usize = 8;
/// What is kept of a chain in all. Those of real servers have 2 KiB of names and rarely twice that.
const CHAIN_OCTETS: usize = 16 * 1024;
/// What a certificate and a name cost besides their texts.
const CERTIFICATE_COST: usize = 512;
const NAME_COST: usize = 32;

/// A certificate, read.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) facts: CertificateFacts,
    /// Issuer and subject are the same, octet for octet.
    pub(super) self_issued: bool,
    /// It may be used by servers (RFC 5280 §4.2.1.12): it says so, or says nothing on its use.
    pub(super) for_servers: bool,
    /// The size of its key, where that is an RSA key.
    pub(super) rsa_bits: Option<usize>,
}

/// Reads a certificate as far as it can be read.
pub(super) fn read(der: &CertificateDer<'_>) -> Certificate {
    let sha256 = fingerprint(der);
    let parsed = match X509Certificate::from_der(der) {
        Ok((_, parsed)) => parsed,
        Err(error) => return unreadable(sha256, &error.to_string()),
    };
    let mut names = Vec::new();
    let mut issuer_urls = Vec::new();
    let mut for_servers = true;
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => {
                let shown = san.general_names.iter().filter_map(presented);
                names.extend(shown.take(NAMES - names.len()));
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let urls = access.accessdescs.iter().filter_map(|description| {
                    // id-ad-caIssuers, RFC 5280 §4.2.2.1
                    let issuers = description.access_method.to_id_string() == "1.3.6.1.5.5.7.48.2";
                    match description.access_location {
                        GeneralName::URI(url) if issuers => Some(capped(url)),
                        _ => None,
                    }
                });
                issuer_urls.extend(urls.take(URLS - issuer_urls.len()));
            }
            ParsedExtension::ExtendedKeyUsage(usage) => for_servers = usage.server_auth,
            _ => {}
        }
    }
    let key = parsed.public_key();
    let validity = parsed.validity();
    Certificate {
        facts: CertificateFacts {
            subject: distinguished_name(parsed.subject()),
            issuer: distinguished_name(parsed.issuer()),
            names,
            not_before: Some(validity.not_before.to_datetime()),
            not_after: Some(validity.not_after.to_datetime()),
            key: key_name(key),
            signature: signature_name(&parsed.signature_algorithm.algorithm.to_id_string()),
            sha256,
            spki_sha256: fingerprint(key.raw),
            issuer_urls,
            error: None,
        },
        self_issued: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        for_servers,
        rsa_bits: rsa_bits(key),
    }
}

/// A chain as it is kept: whole, or as many certificates and names as fit, but at least its two
/// ends, which the findings are about. A handshake carries 64 KiB of names, and what is kept of a
/// hundred servers is in memory together.
pub(super) fn within_bounds(mut chain: Vec<CertificateFacts>) -> Vec<CertificateFacts> {
    let mut room = CHAIN_OCTETS;
    let mut take = |octets: usize| match room.checked_sub(octets) {
        Some(left) => {
            room = left;
            true
        }
        None => {
            room = 0;
            false
        }
    };
    let last = chain.len().saturating_sub(1);
    let mut at = 0;
    chain.retain_mut(|facts| {
        let urls: usize = facts.issuer_urls.iter().map(String::len).sum();
        let fits = take(facts.subject.len() + facts.issuer.len() + urls + CERTIFICATE_COST);
        facts.names.retain(|name| take(name.len() + NAME_COST));
        let is_an_end = at == 0 || at == last;
        at += 1;
        fits || is_an_end
    });
    chain
}

/// The text, cut at [`TEXT_OCTETS`].
pub(super) fn capped(text: &str) -> String {
    cut(text, TEXT_OCTETS)
}

fn cut(text: &str, octets: usize) -> String {
    let end = (0..=octets.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}

fn unreadable(sha256: String, error: &str) -> Certificate {
    Certificate {
        facts: CertificateFacts {
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: None,
            not_after: None,
            key: String::new(),
            signature: String::new(),
            sha256,
            spki_sha256: String::new(),
            issuer_urls: Vec::new(),
            error: Some(capped(error)),
        },
        self_issued: false,
        for_servers: false,
        rsa_bits: None,
    }
}

fn fingerprint(octets: &[u8]) -> String {
    let digest = digest(&SHA256, octets);
    let halves = digest.as_ref().iter().flat_map(|octet| [octet >> 4, octet & 15]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

fn presented(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(cut(name, NAME_OCTETS)),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|a| std::net::IpAddr::from(a).to_string()),
            16 => <[u8; 16]>::try_from(*octets).ok().map(|a| std::net::IpAddr::from(a).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// As `openssl x509` writes it: in the order of the certificate, `C=DE, O=Example, CN=mx.example`.
/// The parser's own form gives up on names that are not UTF-8, as old certificates have them.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let relative = name.iter().map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join(" + "));
    capped(&relative.collect::<Vec<_>>().join(", "))
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let kind = attribute.attr_type();
    let label = match oid2abbrev(kind, oid_registry()) {
        Ok(short) => short.to_owned(),
        Err(_) => kind.to_id_string(),
    };
    let octets = attribute.as_slice();
    // BMPString (X.680 §41.15) is UTF-16; everything else is ASCII, UTF-8 or nearly so.
    let value = if attribute.attr_value().tag() == x509_parser::der_parser::asn1_rs::Tag::BmpString
    {
        let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        String::from_utf8_lossy(octets).into_owned()
    };
    format!("{label}={value}")
}

pub(super) fn key_name(key: &SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = key.algorithm.algorithm.to_id_string();
    let bits = rsa_bits(key);
    let name = match (algorithm.as_str(), bits) {
        ("1.2.840.113549.1.1.1", Some(bits)) => return format!("RSA {bits}"),
        ("1.2.840.113549.1.1.10", Some(bits)) => return format!("RSA-PSS {bits}"),
        ("1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10", None) => "RSA",
        ("1.2.840.10045.2.1", _) => {
            let curve = key.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
            let curve = curve.map(|oid| oid.to_id_string()).unwrap_or_default();
            return format!("ECDSA {}", curve_name(&curve)).trim_end().to_owned();
        }
        ("1.3.101.112", _) => "Ed25519",
        ("1.3.101.113", _) => "Ed448",
        ("1.2.840.10040.4.1", _) => "DSA",
        ("2.16.840.1.101.3.4.3.17", _) => "ML-DSA-44",
        ("2.16.840.1.101.3.4.3.18", _) => "ML-DSA-65",
        ("2.16.840.1.101.3.4.3.19", _) => "ML-DSA-87",
        (other, _) => other,
    };
    capped(name)
}

fn curve_name(oid: &str) -> String {
    let name = match oid {
        "1.2.840.10045.3.1.7" => "P-256",
        "1.3.132.0.34" => "P-384",
        "1.3.132.0.35" => "P-521",
        "1.3.132.0.33" => "P-224",
        "1.2.840.10045.3.1.1" => "P-192",
        "1.3.132.0.10" => "secp256k1",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        other => other,
    };
    capped(name)
}

fn rsa_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    if ![OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS].contains(&key.algorithm.algorithm) {
        return None;
    }
    let (_, rsa) = RSAPublicKey::from_der(&key.subject_public_key.data).ok()?;
    let start = rsa.modulus.iter().position(|octet| *octet != 0)?;
    let modulus = &rsa.modulus[start..];
    Some(modulus.len() * 8 - modulus[0].leading_zeros() as usize)
}

/// The names that `openssl x509` prints.
fn signature_name(oid: &str) -> String {
    let name = match oid {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.3.14.3.2.29" => "sha1WithRSA",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.2.840.10040.4.3" => "dsaWithSHA1",
        "2.16.840.1.101.3.4.3.2" => "dsa_with_SHA256",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "ED25519",
        "1.3.101.113" => "ED448",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        other => other,
    };
    capped(name)
}
