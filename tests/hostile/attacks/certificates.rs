//! Certificates with every odd field, and too many of them.

use rcgen::{CustomExtension, DnType, SanType, SerialNumber};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use super::greeting::BIDI;
use crate::attack::{Attack, Expected, problems, server};
use crate::certificates::{HOST, chain, dns_name, key, odd_server, plain, shows, year};
use crate::peer::{Act, say};
use std::sync::Arc;

fn shown(name: &str, config: Arc<ServerConfig>, expected: Expected) -> Attack {
    let script = vec![
        Act::Tls(config),
        say(&format!("220 {HOST} ESMTP\r\n")),
        Act::Hear,
        say("250-server.example\r\n250 AUTH PLAIN\r\n"),
        Act::Hear,
        say("221 bye\r\n"),
    ];
    server(name, 465, script, expected)
}

pub fn attacks() -> Vec<Attack> {
    let (good, good_key) = plain();
    let (mut cut, cut_key) = plain();
    cut = CertificateDer::from(cut[..cut.len() / 2].to_vec());
    let (flipped, flipped_key) = plain();
    let mut flipped = flipped.to_vec();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let (before_noise, noise_key) = plain();
    let (behind, behind_key) = plain();
    let behind = [&behind[..], b"and more behind it"].concat();
    let many_names = |n: usize| {
        move |params: &mut rcgen::CertificateParams| {
            let names = (0..n).map(|n| dns_name(&format!("name-{n}.example")));
            params.subject_alt_names.extend(names);
        }
    };
    vec![
        shown(
            "a chain of 100 certificates",
            chain(100),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a chain of 1000 certificates",
            chain(1000),
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        shown(
            "the same certificate 100 times",
            shows(vec![good; 100], &good_key),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "no certificate",
            shows(Vec::new(), &key()),
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        shown(
            "a certificate of one byte",
            shows(vec![CertificateDer::from(vec![0x30])], &key()),
            problems(
                &["misconfigured"],
                &["error certificate-host-mismatch", "error certificate-not-trusted"],
            ),
        ),
        shown(
            "a certificate of noise",
            shows(vec![CertificateDer::from(vec![0xa5; 40_000])], &key()),
            problems(
                &["misconfigured"],
                &["error certificate-host-mismatch", "error certificate-not-trusted"],
            ),
        ),
        shown(
            "a certificate that is cut",
            shows(vec![cut], &cut_key),
            problems(
                &["misconfigured"],
                &["error certificate-host-mismatch", "error certificate-not-trusted"],
            ),
        ),
        shown(
            "a certificate with a changed signature",
            shows(vec![flipped.into()], &flipped_key),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a certificate with something behind it",
            shows(vec![behind.into()], &behind_key),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a certificate of another key",
            shows(vec![plain().0], &key()),
            problems(
                &["misconfigured"],
                &["error certificate-self-signed", "error tls-handshake-failed"],
            ),
        ),
        shown(
            "2000 names",
            odd_server(many_names(2000)),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a subject of 30 KB",
            odd_server(|p| p.distinguished_name.push(DnType::CommonName, "x".repeat(30_000))),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a subject that acts on a terminal",
            odd_server(|p| {
                p.distinguished_name
                    .push(DnType::CommonName, format!("\x1b[2J\x1b[31m{BIDI}\r\nerror: run this"));
                p.distinguished_name.push(DnType::OrganizationName, "a, CN=server.example");
            }),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "names that act on a terminal",
            odd_server(|p| {
                p.subject_alt_names.push(dns_name("\x1b]0;owned\x07.example"));
                p.subject_alt_names.push(dns_name("a\r\nb\0.server.example"));
            }),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a NUL in the only name",
            odd_server(|p| p.subject_alt_names = vec![dns_name("server.example\0.evil.example")]),
            problems(
                &["misconfigured"],
                &["error certificate-host-mismatch", "error certificate-self-signed"],
            ),
        ),
        shown(
            "wildcards everywhere",
            odd_server(|p| {
                p.subject_alt_names =
                    ["*", "*.*", "*.example", "server.*", "s*.example"].map(dns_name).to_vec();
            }),
            problems(
                &["misconfigured"],
                &["error certificate-host-mismatch", "error certificate-self-signed"],
            ),
        ),
        shown(
            "no name at all",
            odd_server(|p| {
                p.subject_alt_names.clear();
                p.distinguished_name = rcgen::DistinguishedName::new();
            }),
            problems(
                &["misconfigured"],
                &["error certificate-host-mismatch", "error certificate-self-signed"],
            ),
        ),
        shown(
            "an address for a name",
            odd_server(|p| p.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())]),
            problems(
                &["misconfigured"],
                &["error certificate-host-mismatch", "error certificate-self-signed"],
            ),
        ),
        shown(
            "valid from the end to the beginning",
            odd_server(|p| (p.not_before, p.not_after) = (year(2090), year(1960))),
            problems(
                &["misconfigured"],
                &[
                    "error certificate-expired",
                    "error certificate-not-yet-valid",
                    "error certificate-self-signed",
                ],
            ),
        ),
        shown(
            "valid until the year 9999",
            odd_server(|p| p.not_after = year(9999)),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a serial number of 200 bytes",
            odd_server(|p| p.serial_number = Some(SerialNumber::from(vec![0x7f; 200]))),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "an unknown critical extension",
            odd_server(|p| {
                let mut extension = CustomExtension::from_oid_content(
                    &[1, 3, 6, 1, 4, 1, 99_999, 1],
                    vec![0x05, 0],
                );
                extension.set_criticality(true);
                p.custom_extensions.push(extension);
            }),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "extensions of noise",
            odd_server(|p| {
                for oid in [
                    &[2, 5, 29, 19][..],
                    &[2, 5, 29, 37],
                    &[2, 5, 29, 15],
                    &[1, 3, 6, 1, 5, 5, 7, 1, 1],
                ] {
                    let oid: Vec<u64> = oid.iter().map(|n| *n as u64).collect();
                    p.custom_extensions.push(CustomExtension::from_oid_content(
                        &oid,
                        vec![0x30, 0x82, 0xff, 0xff, 1],
                    ));
                }
            }),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
        shown(
            "a chain that ends in noise",
            shows(vec![before_noise, CertificateDer::from(vec![0; 1000])], &noise_key),
            problems(&["misconfigured"], &["error certificate-self-signed"]),
        ),
    ]
}
