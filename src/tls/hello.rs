//! A ClientHello that offers far more than this program speaks.
//!
//! Encodes bytes and nothing else (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2). Nobody could complete the
//! handshake that it begins; it makes a server show what it would choose, which [`super::answer`]
//! reads. What this program really speaks stands first in each list, so that a server which goes
//! by the client's order chooses something else only where it must.

use rustls::CipherSuite as Suite;

/// The cipher suites. Not among them are those without a certificate (`anon`, PSK) and without
/// encryption (NULL, EXPORT): mail clients never offered the first, and to choose one of the second
/// would prove nothing but that somebody offered it.
pub(super) const SUITES: [Suite; 83] = [
    Suite::TLS13_AES_256_GCM_SHA384,
    Suite::TLS13_AES_128_GCM_SHA256,
    Suite::TLS13_CHACHA20_POLY1305_SHA256,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    // From here on nothing is spoken by this program.
    Suite::TLS13_AES_128_CCM_SHA256,
    Suite::TLS13_AES_128_CCM_8_SHA256,
    Suite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    Suite::TLS_DHE_DSS_WITH_AES_256_GCM_SHA384,
    Suite::TLS_DHE_DSS_WITH_AES_128_GCM_SHA256,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
    Suite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
    Suite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384,
    Suite::TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256,
    Suite::TLS_ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384,
    Suite::TLS_ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256,
    Suite::TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384,
    Suite::TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256,
    Suite::TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384,
    Suite::TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256,
    Suite::TLS_DHE_RSA_WITH_AES_256_CCM,
    Suite::TLS_DHE_RSA_WITH_AES_128_CCM,
    Suite::TLS_DHE_RSA_WITH_AES_256_CBC_SHA256,
    Suite::TLS_DHE_RSA_WITH_AES_128_CBC_SHA256,
    Suite::TLS_DHE_RSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_DHE_DSS_WITH_AES_256_CBC_SHA256,
    Suite::TLS_DHE_DSS_WITH_AES_128_CBC_SHA256,
    Suite::TLS_DHE_DSS_WITH_AES_256_CBC_SHA,
    Suite::TLS_DHE_DSS_WITH_AES_128_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256,
    Suite::TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256,
    Suite::TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_SEED_CBC_SHA,
    Suite::TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_ECDH_RSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_ECDH_RSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_RSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_RSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_RSA_WITH_AES_256_CCM,
    Suite::TLS_RSA_WITH_AES_128_CCM,
    Suite::TLS_RSA_WITH_AES_256_CBC_SHA256,
    Suite::TLS_RSA_WITH_AES_128_CBC_SHA256,
    Suite::TLS_RSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_RSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256,
    Suite::TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256,
    Suite::TLS_RSA_WITH_CAMELLIA_256_CBC_SHA,
    Suite::TLS_RSA_WITH_CAMELLIA_128_CBC_SHA,
    Suite::TLS_RSA_WITH_SEED_CBC_SHA,
    Suite::TLS_RSA_WITH_IDEA_CBC_SHA,
    Suite::TLS_GOSTR341001_WITH_28147_CNT_IMIT,
    Suite::TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA,
    Suite::TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA,
    Suite::TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA,
    Suite::TLS_RSA_WITH_3DES_EDE_CBC_SHA,
    Suite::TLS_ECDHE_ECDSA_WITH_RC4_128_SHA,
    Suite::TLS_ECDHE_RSA_WITH_RC4_128_SHA,
    Suite::TLS_RSA_WITH_RC4_128_SHA,
    Suite::TLS_RSA_WITH_RC4_128_MD5,
    Suite::TLS_DHE_RSA_WITH_DES_CBC_SHA,
    Suite::TLS_RSA_WITH_DES_CBC_SHA,
];

/// The signal that renegotiation is secure (RFC 5746 §3.3), without which some servers refuse.
const SECURE_RENEGOTIATION: u16 = 0x00ff;

/// TLS 1.3 down to 1.0. SSLv3 cannot be asked for beside them in good manners, and no server is
/// left that has nothing else.
const VERSIONS: [u16; 4] = [0x0304, 0x0303, 0x0302, 0x0301];

/// The groups by their number in the registry: those of this program, then the other curves
/// (NIST, Brainpool, Koblitz), finite fields and post-quantum hybrids.
const GROUPS: [u16; 26] = [
    29, 23, 24, 30, 25, 26, 27, 28, 31, 32, 33, 22, 21, 19, 14, 13, 12, 11, 10, 9, 256, 257, 258,
    259, 260, 0x11ec,
];

/// The signature schemes: those of this program, then P-521, Ed448, PSS keys, Brainpool, SHA-224,
/// SHA-1, DSA and MD5.
const SCHEMES: [u16; 28] = [
    0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0603, 0x0808, 0x0809,
    0x080a, 0x080b, 0x081a, 0x081b, 0x081c, 0x0301, 0x0303, 0x0201, 0x0203, 0x0602, 0x0502, 0x0402,
    0x0302, 0x0202, 0x0904, 0x0101,
];

/// Some load balancers hang on a ClientHello between these sizes (RFC 7685 §1).
const HANGS: std::ops::Range<usize> = 256..512;

/// The whole record. `random` is the client's random of the handshake. The name goes into SNI.
pub(super) fn client_hello(name: Option<&str>, random: [u8; 32]) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(name) = name {
        // RFC 6066 §3: one name of the type "host name".
        let host = [&[0][..], &counted(name.as_bytes())].concat();
        extension(&mut extensions, 0, &counted(&host));
    }
    extension(&mut extensions, 10, &counted(&numbers(GROUPS)));
    // RFC 8422 §5.1.2: points uncompressed.
    extension(&mut extensions, 11, &[1, 0]);
    extension(&mut extensions, 13, &counted(&numbers(SCHEMES)));
    let versions = numbers(VERSIONS);
    extension(&mut extensions, 43, &[&[versions.len() as u8][..], &versions].concat());
    // RFC 8446 §4.2.8: no key share at all asks the server to name the group that it wants.
    extension(&mut extensions, 51, &counted(&[]));

    let suites = SUITES.into_iter().map(u16::from).chain([SECURE_RENEGOTIATION]);
    let mut body = vec![3, 3];
    body.extend(random);
    // No session to resume.
    body.push(0);
    body.extend(counted(&numbers(suites)));
    // Nothing but the compression "null".
    body.extend([1, 0]);
    let unpadded = 4 + body.len() + 2 + extensions.len();
    if HANGS.contains(&unpadded) {
        let missing = HANGS.end.saturating_sub(unpadded + 4);
        extension(&mut extensions, 21, &vec![0; missing]);
    }
    body.extend(counted(&extensions));

    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    // The oldest version that is offered (RFC 8446 §5.1).
    [&[22, 3, 1][..], &counted(&message)].concat()
}

fn extension(all: &mut Vec<u8>, number: u16, content: &[u8]) {
    all.extend(number.to_be_bytes());
    all.extend(counted(content));
}

/// A vector of up to 2^16-1 octets: its length, then itself.
fn counted(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn numbers(all: impl IntoIterator<Item = u16>) -> Vec<u8> {
    all.into_iter().flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::crypto::ring::default_provider;

    use super::*;

    /// What another implementation reads out of it.
    fn accepted(name: Option<&str>) -> rustls::server::Accepted {
        let record = client_hello(name, [7; 32]);
        let mut acceptor = rustls::server::Acceptor::default();
        acceptor.read_tls(&mut record.as_slice()).expect("bytes");
        acceptor.accept().map_err(|(error, _)| error).expect("a ClientHello").expect("a whole one")
    }

    #[test]
    fn another_implementation_reads_it() {
        let accepted = accepted(Some("mx.example.test"));
        let hello = accepted.client_hello();
        assert_eq!(hello.server_name(), Some("mx.example.test"));
        let suites: Vec<u16> = hello.cipher_suites().iter().map(|s| u16::from(*s)).collect();
        let offered = SUITES.into_iter().map(u16::from).chain([SECURE_RENEGOTIATION]);
        assert_eq!(suites, offered.collect::<Vec<_>>());
        let schemes = hello.signature_schemes().iter().map(|s| u16::from(*s));
        assert_eq!(schemes.collect::<Vec<_>>(), SCHEMES);
        let groups = hello.named_groups().expect("groups").iter().map(|g| u16::from(*g));
        assert_eq!(groups.collect::<Vec<_>>(), GROUPS);
    }

    #[test]
    fn a_server_known_by_address_is_sent_no_name() {
        assert_eq!(self::accepted(None).client_hello().server_name(), None);
    }

    #[test]
    fn everything_that_this_program_speaks_comes_first_and_nothing_twice() {
        let provider = Arc::new(default_provider());
        let own: Vec<Suite> = provider.cipher_suites.iter().map(|suite| suite.suite()).collect();
        assert!(SUITES[..own.len()].iter().all(|suite| own.contains(suite)));
        let own: Vec<u16> = provider.kx_groups.iter().map(|g| u16::from(g.name())).collect();
        assert!(GROUPS[..own.len()].iter().all(|group| own.contains(group)));
        let own = provider.signature_verification_algorithms.supported_schemes();
        let own: Vec<u16> = own.into_iter().map(u16::from).collect();
        assert!(SCHEMES[..own.len()].iter().all(|scheme| own.contains(scheme)));
        for list in [&SUITES.map(u16::from)[..], &GROUPS, &SCHEMES] {
            let different: std::collections::BTreeSet<_> = list.iter().collect();
            assert_eq!(different.len(), list.len());
        }
    }

    #[test]
    fn no_size_hangs_a_load_balancer_and_it_fits_into_one_segment() {
        for length in (0..=63).chain([253]) {
            let name = "x".repeat(length);
            let size = client_hello(Some(&name).filter(|n| !n.is_empty()).map(|n| &**n), [0; 32]);
            assert!(size.len() - 5 >= HANGS.end && size.len() < 1200, "{} octets", size.len());
        }
    }
}
