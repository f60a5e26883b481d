//! Reading certificates, well-meant and hostile ones.

use proptest::prelude::*;
use rcgen::{DnValue, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData, SanType};
use ring::digest::{SHA256, digest};

use super::*;
use crate::tls::certificate::{key_name, read, within_bounds};
use crate::tls::judge;

fn facts(params: CertificateParams) -> CertificateFacts {
    read(&Made::self_signed(params).der).facts
}

fn hex(octets: &[u8]) -> String {
    digest(&SHA256, octets).as_ref().iter().map(|o| format!("{o:02x}")).collect()
}

#[test]
fn everything_that_people_ask_about() {
    let mut asked = with_pointer(params(NAME));
    asked.distinguished_name.push(DnType::OrganizationName, "Österreichische Post");
    asked.distinguished_name.push(DnType::CountryName, "AT");
    asked.subject_alt_names.push(SanType::IpAddress([192, 0, 2, 7].into()));
    let v6: std::net::IpAddr = "2001:db8::7".parse().expect("an address");
    asked.subject_alt_names.push(SanType::IpAddress(v6));
    let (begin, end) = (asked.not_before, asked.not_after);
    let ca = Made::self_signed(authority_params("Root"));
    let made = ca.signs(asked);
    let facts = read(&made.der).facts;
    assert_eq!(facts.subject, "CN=mx.example.test, O=Österreichische Post, C=AT");
    assert_eq!(facts.issuer, "CN=Root");
    assert_eq!(facts.names, [NAME, "192.0.2.7", "2001:db8::7"]);
    assert_eq!(facts.not_before.map(|t| t.unix_timestamp()), Some(begin.unix_timestamp()));
    assert_eq!(facts.not_after.map(|t| t.unix_timestamp()), Some(end.unix_timestamp()));
    assert_eq!(facts.key, "ECDSA P-256");
    assert_eq!(facts.signature, "ecdsa-with-SHA256");
    assert_eq!(facts.sha256, hex(&made.der));
    assert_eq!(facts.spki_sha256, hex(&made.key.subject_public_key_info()));
    assert_eq!(facts.issuer_urls, ["http://a.test"]);
    assert_eq!(facts.error, None);
}

#[test]
fn keys_and_signatures_have_their_usual_names() {
    for (algorithm, key, signature) in [
        (&PKCS_ED25519, "Ed25519", "ED25519"),
        (&PKCS_ECDSA_P384_SHA384, "ECDSA P-384", "ecdsa-with-SHA384"),
    ] {
        let pair = KeyPair::generate_for(algorithm).expect("a key");
        let made = params(NAME).self_signed(&pair).expect("a certificate");
        let facts = read(made.der()).facts;
        assert_eq!((facts.key.as_str(), facts.signature.as_str()), (key, signature));
    }
    // The anchors that are built in have RSA keys of known sizes.
    let keys: Vec<_> = webpki_roots::TLS_SERVER_ROOTS.iter().map(key_of).collect();
    for expected in ["RSA 2048", "RSA 4096", "ECDSA P-256", "ECDSA P-384"] {
        assert!(keys.iter().any(|key| key == expected), "{expected}: {keys:?}");
    }
    assert!(keys.iter().all(|k| k.starts_with("RSA ") || k.starts_with("ECDSA P-")), "{keys:?}");
}

/// An anchor has the inside of its SubjectPublicKeyInfo.
fn key_of(anchor: &rustls::pki_types::TrustAnchor<'_>) -> String {
    use x509_parser::prelude::FromDer;
    let inside = anchor.subject_public_key_info.as_ref();
    let length = u16::try_from(inside.len()).expect("a short key").to_be_bytes();
    let mut outside = match length {
        [0, low @ 0..128] => vec![0x30, low],
        [0, low] => vec![0x30, 0x81, low],
        [high, low] => vec![0x30, 0x82, high, low],
    };
    outside.extend(inside);
    let (_, key) = x509_parser::x509::SubjectPublicKeyInfo::from_der(&outside).expect("a key");
    key_name(&key)
}

#[test]
fn names_that_are_not_utf8_are_shown_all_the_same() {
    let mut odd = params(NAME);
    odd.distinguished_name = rcgen::DistinguishedName::new();
    let teletex = rcgen::string::TeletexString::try_from("Post").expect("a string");
    odd.distinguished_name.push(DnType::OrganizationName, DnValue::TeletexString(teletex));
    let bmp = rcgen::string::BmpString::try_from("Bücher").expect("a string");
    odd.distinguished_name.push(DnType::CommonName, DnValue::BmpString(bmp));
    let made = Made::self_signed(odd);
    let position = made.der.windows(4).position(|w| w == b"Post").expect("the name");
    let mut der = made.der.to_vec();
    der[position + 1] = 0xf6;
    let facts = read(&der.into()).facts;
    assert_eq!(facts.subject, "O=Post, CN=Bücher");
    assert_eq!(facts.issuer, "O=P\u{fffd}st, CN=Bücher");
}

#[test]
fn what_is_kept_of_a_certificate_is_bounded() {
    let mut large = params(NAME);
    large.subject_alt_names = (0..1000)
        .map(|n| format!("{}{n}.test", "a".repeat(400)).try_into().map(SanType::DnsName))
        .collect::<Result<_, _>>()
        .expect("names");
    large.distinguished_name.push(DnType::OrganizationName, "ö".repeat(5000));
    let facts = facts(large);
    assert_eq!(facts.names.len(), 200);
    assert!(facts.names.iter().all(|name| name.len() == 256));
    assert!(facts.subject.len() <= 1024 && facts.subject.ends_with('ö'), "{}", facts.subject);
}

#[test]
fn what_is_no_certificate_has_a_fingerprint_and_a_reason() {
    let facts = read(&CertificateDer::from(b"no certificate".to_vec())).facts;
    assert_eq!(facts.sha256, hex(b"no certificate"));
    assert!(facts.error.is_some_and(|e| !e.is_empty()));
    assert_eq!((facts.subject.as_str(), facts.not_after), ("", None));
}

/// A small RSA key, or a certificate that the validator cannot read, is no proof of a thief.
#[test]
fn a_signature_that_nobody_can_check_is_not_called_wrong() {
    use rustls::{CertificateError, Error, OtherError, SignatureScheme};
    let scheme = SignatureScheme::RSA_PSS_SHA256;
    let bad = Error::InvalidCertificate(CertificateError::BadSignature);
    let mut leaf = read(&Made::self_signed(params(NAME)).der);
    let error = |leaf: &crate::tls::certificate::Certificate| {
        judge::signature(scheme, Some(&bad), leaf.rsa_bits).map(|s| s.error)
    };
    assert_eq!(error(&leaf), Some(Some("BadSignature".to_owned())));
    leaf.rsa_bits = Some(2048);
    assert_eq!(error(&leaf), Some(Some("BadSignature".to_owned())));
    leaf.rsa_bits = Some(1024);
    assert_eq!(error(&leaf), None);
    let unread = OtherError(Arc::new(std::io::Error::other("version 1")));
    let unread = Error::InvalidCertificate(CertificateError::Other(unread));
    assert_eq!(judge::signature(scheme, Some(&unread), leaf.rsa_bits), None);
    let good = judge::signature(scheme, None, leaf.rsa_bits).expect("a verdict");
    assert_eq!((good.scheme.as_str(), good.error), ("rsa_pss_rsae_sha256", None));
}

fn rich() -> &'static (Vec<u8>, Trust) {
    static RICH: std::sync::OnceLock<(Vec<u8>, Trust)> = std::sync::OnceLock::new();
    RICH.get_or_init(|| {
        let mut rich = with_pointer(params(NAME));
        rich.subject_alt_names.push(SanType::IpAddress([192, 0, 2, 7].into()));
        rich.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        rich.use_authority_key_identifier_extension = true;
        let ca = Made::self_signed(authority_params("Root"));
        (ca.signs(rich).der.to_vec(), trust(&ca))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_alteration_of_a_certificate_does_harm(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let (der, trust) = rich();
        let mut der = der.clone();
        for (at, bit) in &flips {
            let at = at.index(der.len());
            der[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            der.truncate(cut.index(der.len()));
        }
        let altered = der != rich().0;
        let chain = [CertificateDer::from(der)];
        let read = [read(&chain[0])];
        prop_assert!(read[0].facts.subject.len() <= 1024 && read[0].facts.names.len() <= 200);
        let now = rustls::pki_types::UnixTime::now();
        let path = judge::path(&chain, &read, trust.anchors(), now);
        prop_assert_eq!(path.trusted, !altered);
    }
}

#[test]
fn of_a_chain_without_end_the_ends_are_kept() {
    let named = |n: usize| {
        let mut facts = read(&[0_u8].as_slice().into()).facts;
        facts.subject = format!("CN={n}");
        facts.names = (0..200).map(|i| format!("name-{i}.{}.example", "n".repeat(40))).collect();
        facts
    };
    let usual: Vec<CertificateFacts> = [named(0)].to_vec();
    assert_eq!(within_bounds(usual.clone())[0].names.len(), 179, "60 octets and their cost each");
    let kept = within_bounds((0..100).map(named).collect());
    let subjects: Vec<&str> = kept.iter().map(|facts| facts.subject.as_str()).collect();
    assert_eq!(subjects, ["CN=0", "CN=99"]);
    assert_eq!(kept[1].names, [""; 0]);
    let mut small = named(1);
    small.names.truncate(3);
    let chain = vec![small.clone(), small.clone(), small];
    assert_eq!(within_bounds(chain.clone()), chain, "an ordinary chain is kept whole");
}
