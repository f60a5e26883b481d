//! What servers choose from a wider offer.

use std::time::Duration as Span;

use rustls::crypto::{CryptoProvider, ring};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::*;
use crate::deadline::Deadline;
use crate::observation::{Choice, TlsPart, WiderOffer};

fn soon() -> Deadline {
    Deadline::at(Instant::now() + Span::from_secs(5))
}

fn anybody() -> Trust {
    Trust::new(&[]).expect("the built-in roots")
}

/// What a peer says to the ClientHello, and what it hears back behind it.
async fn answered(answer: &[u8]) -> (Option<WiderOffer>, Vec<u8>) {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let trust = anybody();
    let host = host();
    let peer = async {
        let mut hello = vec![0; 4096];
        let length = far.read(&mut hello).await.expect("a ClientHello");
        assert_eq!(hello[..2], [22, 3], "{length}");
        far.write_all(answer).await.expect("the answer");
        far.shutdown().await.expect("the end");
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.expect("the rest");
        heard
    };
    tokio::join!(offer_wider(&trust, &host, near, soon()), peer)
}

fn chosen(offer: Option<WiderOffer>) -> Choice {
    match offer {
        Some(WiderOffer::Chosen(choice)) => *choice,
        other => panic!("no choice: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_chosen_is_named_and_compared_with_what_was_offered() {
    use TlsPart::{CipherSuite, Version};
    for (version, suite, name, not_offered) in [
        ([3, 1], [0, 0x0a], "TLSv1.0 TLS_RSA_WITH_3DES_EDE_CBC_SHA", vec![Version, CipherSuite]),
        ([3, 2], [0, 0x39], "TLSv1.1 TLS_DHE_RSA_WITH_AES_256_CBC_SHA", vec![Version, CipherSuite]),
        ([3, 0], [0, 0x05], "SSLv3 TLS_RSA_WITH_RC4_128_SHA", vec![Version, CipherSuite]),
        ([3, 3], [0, 0x9d], "TLSv1.2 TLS_RSA_WITH_AES_256_GCM_SHA384", vec![CipherSuite]),
        ([3, 3], [0xc0, 0x30], "TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", vec![]),
    ] {
        let (offer, heard) = answered(&server_hello(version, suite)).await;
        let choice = chosen(offer);
        assert_eq!(choice.parts().join(" "), name);
        assert_eq!(choice.not_offered, not_offered, "{name}");
        // The server closed in the middle, so there was nobody to say goodbye to.
        assert!(heard.is_empty() || heard.starts_with(&[21, 3, 1]), "{heard:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_named_and_silence_says_nothing() {
    let (offer, heard) = answered(&[21, 3, 1, 0, 2, 2, 40]).await;
    assert_eq!(offer, Some(WiderOffer::Refused("handshake_failure".to_owned())));
    assert_eq!(heard, [21, 3, 1, 0, 2, 1, 90, 21, 3, 1, 0, 2, 1, 0], "a polite end");
    assert_eq!(answered(b"").await.0, None);
    assert_eq!(answered(b"454 4.7.0 TLS not available\r\n").await.0, None);
    assert_eq!(answered(&[22, 3, 1, 0, 42, 2, 0]).await.0, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_no_more_is_not_waited_for_and_what_it_said_counts() {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(&server_hello([3, 1], [0, 5])).await.expect("an answer");
    let begin = Instant::now();
    let choice = chosen(offer_wider(&anybody(), &host(), near, soon()).await);
    assert_eq!(choice.version, "TLSv1.0");
    assert_eq!(begin.elapsed(), Span::from_secs(5));
}

/// Another implementation with one group and one suite of its own.
fn odd_server(leaf: &Made, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let provider =
        CryptoProvider { kx_groups: vec![ring::kx_group::SECP384R1], ..ring::default_provider() };
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(shows(&[leaf], &leaf.key))
}

#[tokio::test]
async fn a_real_server_shows_its_group_and_in_older_versions_its_chain() {
    let leaf = Made::self_signed(params(NAME));
    let trust = anybody();
    let (tls12, tls13) = (&[&rustls::version::TLS12][..], &[&rustls::version::TLS13][..]);
    let suite = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"];
    for (versions, suite) in [(tls12, suite[0]), (tls13, suite[1])] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let acceptor = TlsAcceptor::from(Arc::new(odd_server(&leaf, versions)));
        let host = host();
        let (offer, served) =
            tokio::join!(offer_wider(&trust, &host, near, soon()), acceptor.accept(far));
        let said = served.expect_err("nobody completes it").to_string();
        assert!(said.contains("CloseNotify") || said.contains("eof"), "{said}");
        let mut choice = chosen(offer);
        assert_eq!(choice.cipher_suite, suite);
        assert_eq!(choice.key_exchange.as_deref(), Some("secp384r1"));
        assert!(choice.not_offered.is_empty(), "{choice:?}");
        let in_clear = versions == tls12;
        assert_eq!(choice.chain.len(), usize::from(in_clear));
        assert_eq!(choice.leaves_schemes_open(), !in_clear);
        if in_clear {
            assert_eq!(choice.signature_scheme.as_deref(), Some("ecdsa_secp256r1_sha256"));
            continue;
        }
        // Only a handshake that comes to its end shows the rest.
        let (near, far) = tokio::io::duplex(64 * 1024);
        let more = offer_more_schemes(&trust, &host, &mut choice, near, soon());
        // The client leaves before the server has got rid of its session tickets.
        let ((), _) = tokio::join!(more, acceptor.accept(far));
        assert_eq!(choice.signature_scheme.as_deref(), Some("ecdsa_secp256r1_sha256"));
        assert_eq!((choice.chain.len(), choice.not_offered.len()), (1, 0));
    }
}
