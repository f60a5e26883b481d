//! What chains are worth.

use super::*;
use crate::observation::UntrustedBecause::{self, *};

struct Authorities {
    root: Made,
    intermediate: Made,
    stranger: Made,
}

impl Authorities {
    fn new() -> Self {
        let root = Made::self_signed(authority_params("Root"));
        let intermediate = root.signs(authority_params("Intermediate"));
        Self { root, intermediate, stranger: Made::self_signed(authority_params("Stranger")) }
    }
}

fn because(facts: &TlsFacts) -> Option<UntrustedBecause> {
    let path = facts.path.as_ref().expect("a verdict on the path");
    assert_eq!(path.trusted, path.untrusted_because.is_none());
    assert_eq!(path.trusted, path.error.is_none());
    path.untrusted_because
}

#[tokio::test]
async fn chains_that_lead_to_an_anchor() {
    let ca = Authorities::new();
    let direct = ca.root.signs(params(NAME));
    let leaf = ca.intermediate.signs(params(NAME));
    let chains: [&[&Made]; 4] = [
        &[&direct],
        &[&leaf, &ca.intermediate],
        &[&leaf, &ca.intermediate, &ca.root],
        &[&leaf, &ca.root, &ca.stranger, &ca.intermediate],
    ];
    for chain in chains {
        let facts = shown(&ca.root, chain).await;
        assert_eq!(because(&facts), None, "{:?}", facts.path);
        assert_eq!(facts.name_matches, Some(true));
        let signature = facts.signature.expect("a signature");
        assert_eq!((signature.scheme.as_str(), signature.error), ("ecdsa_secp256r1_sha256", None));
    }
}

#[tokio::test]
async fn chains_that_lead_nowhere() {
    let ca = Authorities::new();
    let bare = ca.intermediate.signs(params(NAME));
    let pointing = ca.intermediate.signs(with_pointer(params(NAME)));
    let foreign_intermediate = ca.stranger.signs(authority_params("Foreign intermediate"));
    let foreign = foreign_intermediate.signs(with_pointer(params(NAME)));
    let self_signed = Made::self_signed(with_pointer(params(NAME)));
    let self_signed_authority = Made::self_signed({
        let mut params = params(NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    });
    let for_clients = ca.root.signs({
        let mut params = params(NAME);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    });
    let mut altered = ca.root.signs(params(NAME));
    let mut der = altered.der.to_vec();
    *der.last_mut().expect("an octet") ^= 1;
    altered.der = der.into();
    let critical = ca.root.signs({
        let mut params = params(NAME);
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 9999, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
        params
    });
    let authority = ca.root.signs(authority_params("Not a server"));
    let cases: [(&[&Made], UntrustedBecause); 11] = [
        (&[&bare], UnknownIssuer),
        (&[&pointing], ChainIncomplete),
        // What counts is the last certificate sent, and there is nothing to fetch above a root.
        (&[&foreign, &foreign_intermediate], UnknownIssuer),
        (&[&foreign, &foreign_intermediate, &ca.stranger], UnknownIssuer),
        (&[&pointing, &ca.stranger], UnknownIssuer),
        (&[&self_signed], SelfSigned),
        (&[&self_signed_authority], SelfSigned),
        (&[&for_clients], WrongPurpose),
        (&[&altered], BadSignature),
        (&[&critical], Other),
        (&[&authority], Other),
    ];
    for (number, (chain, expected)) in cases.into_iter().enumerate() {
        let facts = shown(&ca.root, chain).await;
        assert_eq!(because(&facts), Some(expected), "case {number}: {:?}", facts.path);
        let named = !std::ptr::eq(chain[0], &raw const authority);
        assert_eq!(facts.name_matches, Some(named), "case {number}");
    }
}

#[tokio::test]
async fn time_is_told_apart_from_the_path() {
    let ca = Authorities::new();
    let late = ca.root.signs(expired(params(NAME)));
    let early = ca.root.signs({
        let mut params = params(NAME);
        params.not_before = OffsetDateTime::now_utc() + Duration::days(5);
        params
    });
    let late_intermediate = ca.root.signs(expired(authority_params("Intermediate")));
    let under_late = late_intermediate.signs(params(NAME));
    // Issued after the end of its issuer: there is no instant at which both are valid.
    let never = late_intermediate.signs({
        let mut params = params(NAME);
        params.not_before = OffsetDateTime::now_utc() - Duration::days(3);
        params
    });
    let late_foreign = ca.stranger.signs(with_pointer(expired(params(NAME))));
    let late_for_clients = ca.root.signs({
        let mut params = expired(params(NAME));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    });
    let cases: [(&[&Made], UntrustedBecause); 6] = [
        (&[&late], Expired),
        (&[&early], NotYetValid),
        (&[&under_late, &late_intermediate], Expired),
        (&[&never, &late_intermediate], Expired),
        (&[&late_foreign], ChainIncomplete),
        (&[&late_for_clients], WrongPurpose),
    ];
    for (number, (chain, expected)) in cases.into_iter().enumerate() {
        let facts = shown(&ca.root, chain).await;
        assert_eq!(because(&facts), Some(expected), "case {number}: {:?}", facts.path);
    }
}

#[tokio::test]
async fn three_faults_at_once_are_all_seen() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = expired(params("elsewhere.test"));
        params.is_ca = is_ca;
        let leaf = Made::self_signed(params);
        let facts = shown(&Authorities::new().root, &[&leaf]).await;
        assert_eq!(because(&facts), Some(SelfSigned));
        let words = facts.path.and_then(|p| p.error).expect("the validator's words");
        assert!(["UnknownIssuer", "CaUsedAsEndEntity"].contains(&words.as_str()), "{words}");
        assert_eq!(facts.name_matches, Some(false));
        let end = facts.chain[0].not_after.expect("an end");
        assert!(end < OffsetDateTime::now_utc());
    }
}

#[tokio::test]
async fn a_given_anchor_may_be_the_servers_own_certificate() {
    type Change = fn(&mut CertificateParams);
    let none: Change = |_| {};
    let authority: Change = |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let late: Change = |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        *p = expired(p.clone());
    };
    let early: Change = |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.not_before = OffsetDateTime::now_utc() + Duration::days(5);
    };
    let for_clients: Change = |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    for (number, (change, expected)) in [
        (none, None),
        (authority, None),
        (late, Some(Expired)),
        (early, Some(NotYetValid)),
        (for_clients, Some(WrongPurpose)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut params = params(NAME);
        change(&mut params);
        let own = Made::self_signed(params);
        let facts = shown(&own, &[&own]).await;
        assert_eq!(because(&facts), expected, "case {number}: {:?}", facts.path);
    }
}

#[tokio::test]
async fn names() {
    let ca = Authorities::new();
    for (presented, expected) in [
        (NAME, true),
        ("MX.Example.TEST", true),
        ("*.example.test", true),
        ("*.test", false),
        ("example.test", false),
        ("a.mx.example.test", false),
    ] {
        for critical in [false, true] {
            let mut params = params(presented);
            if critical {
                // The validator does not read such a certificate; the names stand in it all the same.
                let mut unknown = CustomExtension::from_oid_content(&[1, 3, 9999, 1], vec![5, 0]);
                unknown.set_criticality(true);
                params.custom_extensions.push(unknown);
            }
            let facts = shown(&ca.root, &[&ca.root.signs(params)]).await;
            assert_eq!(facts.name_matches, Some(expected), "{presented} {critical}");
        }
    }
    // A common name is no presented identifier (RFC 9525 §2).
    let mut params = params(NAME);
    params.subject_alt_names.clear();
    let facts = shown(&ca.root, &[&ca.root.signs(params)]).await;
    assert_eq!(facts.name_matches, Some(false));
}

#[test]
fn ca_files_that_cannot_be_used() {
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (text, part) in [
        ("", "is not PEM"),
        ("\u{0}\u{1}binary", "is not PEM"),
        (key.as_str(), "has no certificate in it"),
        (cut, "is not well-formed PEM"),
        (nonsense, "(number 1) that cannot be a trust anchor"),
    ] {
        let file = File::with(text);
        let error = Trust::new(std::slice::from_ref(&file.0)).expect_err(text).to_string();
        assert!(error.contains(part) && error.contains(&file.0.display().to_string()), "{error}");
    }
    let error = Trust::new(&["/nonexistent/ca.pem".into()]).expect_err("no file").to_string();
    assert!(error.starts_with("the CA file `/nonexistent/ca.pem` cannot be read: "), "{error}");
}

#[tokio::test]
async fn a_ca_file_may_hold_several_anchors() {
    let ca = Authorities::new();
    let both = File::with(&format!("{}{}", ca.stranger.pem, ca.root.pem));
    let trust = Trust::new(std::slice::from_ref(&both.0)).expect("two anchors");
    for authority in [&ca.root, &ca.stranger] {
        let leaf = authority.signs(params(NAME));
        let config = server(shows(&[&leaf], &leaf.key), BOTH);
        let (facts, _, _) = handshake(&trust, &host(), config).await;
        assert_eq!(because(&facts), None);
    }
}
