//! The names that IANA's TLS registries give to what rustls names in its own way.

use rustls::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// `TLSv1.2` and so on, as OpenSSL and the mail servers' logs write it.
pub(super) fn version(version: ProtocolVersion) -> String {
    match u16::from(version) {
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv1.0".to_owned(),
        0x0302 => "TLSv1.1".to_owned(),
        0x0303 => "TLSv1.2".to_owned(),
        0x0304 => "TLSv1.3".to_owned(),
        other => format!("{other:#06x}"),
    }
}

/// The cipher suite; rustls marks those of TLS 1.3 in its names.
pub(super) fn suite(suite: CipherSuite) -> String {
    match suite.as_str() {
        Some(name) => name.replacen("TLS13_", "TLS_", 1),
        None => format!("{:#06x}", u16::from(suite)),
    }
}

/// The key exchange group ("TLS Supported Groups").
pub(super) fn group(group: NamedGroup) -> String {
    let name = match u16::from(group) {
        0x001d => "x25519",
        0x001e => "x448",
        0x0100 => "ffdhe2048",
        0x0101 => "ffdhe3072",
        0x0102 => "ffdhe4096",
        0x0103 => "ffdhe6144",
        0x0104 => "ffdhe8192",
        9 => "sect283k1",
        10 => "sect283r1",
        11 => "sect409k1",
        12 => "sect409r1",
        13 => "sect571k1",
        14 => "sect571r1",
        19 => "secp192r1",
        21 => "secp224r1",
        22 => "secp256k1",
        26 => "brainpoolP256r1",
        27 => "brainpoolP384r1",
        28 => "brainpoolP512r1",
        31 => "brainpoolP256r1tls13",
        32 => "brainpoolP384r1tls13",
        33 => "brainpoolP512r1tls13",
        // The rest, `secp256r1` and `X25519MLKEM768` among them, has the same name in both.
        other => match group.as_str() {
            Some(name) => name,
            None => return format!("{other:#06x}"),
        },
    };
    name.to_owned()
}

/// The signature scheme ("TLS SignatureScheme").
pub(super) fn scheme(scheme: SignatureScheme) -> String {
    let name = match u16::from(scheme) {
        0x0201 => "rsa_pkcs1_sha1",
        0x0203 => "ecdsa_sha1",
        0x0401 => "rsa_pkcs1_sha256",
        0x0501 => "rsa_pkcs1_sha384",
        0x0601 => "rsa_pkcs1_sha512",
        0x0403 => "ecdsa_secp256r1_sha256",
        0x0503 => "ecdsa_secp384r1_sha384",
        0x0603 => "ecdsa_secp521r1_sha512",
        0x0804 => "rsa_pss_rsae_sha256",
        0x0805 => "rsa_pss_rsae_sha384",
        0x0806 => "rsa_pss_rsae_sha512",
        0x0807 => "ed25519",
        0x0808 => "ed448",
        0x0809 => "rsa_pss_pss_sha256",
        0x080a => "rsa_pss_pss_sha384",
        0x080b => "rsa_pss_pss_sha512",
        0x081a => "ecdsa_brainpoolP256r1tls13_sha256",
        0x081b => "ecdsa_brainpoolP384r1tls13_sha384",
        0x081c => "ecdsa_brainpoolP512r1tls13_sha512",
        0x0904 => "mldsa44",
        // TLS 1.2 knew pairs of hash and key (RFC 5246 §7.4.1.4.1), which the registry keeps free.
        0x0101 => "rsa_md5",
        0x0301 => "rsa_sha224",
        0x0303 => "ecdsa_sha224",
        0x0202 => "dsa_sha1",
        0x0302 => "dsa_sha224",
        0x0402 => "dsa_sha256",
        0x0502 => "dsa_sha384",
        0x0602 => "dsa_sha512",
        other => return format!("{other:#06x}"),
    };
    name.to_owned()
}

/// The alert (RFC 8446 §6 and the registry; RFC 6066 spells `unrecognized_name` with a z).
pub(super) fn alert(alert: AlertDescription) -> String {
    let name = match u8::from(alert) {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        other => return format!("number {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_offered_has_its_registered_name() {
        let provider = rustls::crypto::ring::default_provider();
        let suites: Vec<_> = provider.cipher_suites.iter().map(|s| suite(s.suite())).collect();
        assert!(suites.contains(&"TLS_AES_256_GCM_SHA384".to_owned()), "{suites:?}");
        assert!(
            suites.contains(&"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256".to_owned()),
            "{suites:?}"
        );
        assert!(suites.iter().all(|s| s.starts_with("TLS_")), "{suites:?}");
        let groups: Vec<_> = provider.kx_groups.iter().map(|g| group(g.name())).collect();
        assert_eq!(groups, ["x25519", "secp256r1", "secp384r1"]);
        for offered in provider.signature_verification_algorithms.supported_schemes() {
            assert!(!scheme(offered).starts_with("0x"), "{offered:?}");
        }
    }

    #[test]
    fn what_has_no_name_is_told_by_its_number() {
        assert_eq!(suite(CipherSuite::Unknown(0x1234)), "0x1234");
        assert_eq!(group(NamedGroup::Unknown(0x1234)), "0x1234");
        assert_eq!(scheme(SignatureScheme::Unknown(0x1234)), "0x1234");
        assert_eq!(alert(AlertDescription::Unknown(200)), "number 200");
        assert_eq!(version(ProtocolVersion::Unknown(0x0305)), "0x0305");
    }
}
