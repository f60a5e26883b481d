//! How handshakes end.

use std::io;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::observation::TlsErrorKind::{self, *};

fn anybody() -> Trust {
    Trust::new(&[]).expect("the built-in roots")
}

#[tokio::test]
async fn what_was_agreed_on_has_its_registered_name() {
    let leaf = Made::self_signed(params(NAME));
    for (version, name, suite) in [
        (&rustls::version::TLS13, "TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        (&rustls::version::TLS12, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let config = server(shows(&[&leaf], &leaf.key), &[version]);
        let (facts, _, _) = handshake(&anybody(), &host(), config).await;
        assert_eq!(facts.version.as_deref(), Some(name));
        assert_eq!(facts.cipher_suite.as_deref(), Some(suite));
        assert_eq!(facts.key_exchange.as_deref(), Some("x25519"));
        assert!(facts.signature.is_some_and(|s| s.error.is_none()));
    }
}

#[tokio::test]
async fn a_name_is_sent_and_an_address_is_not() {
    let leaf = Made::self_signed(params(NAME));
    for (host, sent, matches) in [
        (NAME, Some(NAME), Some(true)),
        ("other.example.test", Some("other.example.test"), Some(false)),
        ("192.0.2.1", None, None),
        ("2001:db8::1", None, None),
    ] {
        let shows = shows(&[&leaf], &leaf.key);
        let host = Host::parse(host).expect("a host");
        let (facts, result, _) = handshake(&anybody(), &host, server(shows.clone(), BOTH)).await;
        result.expect("a handshake");
        let asked_for = shows.asked_for.lock().expect("the name").clone();
        assert_eq!(asked_for, Some(sent.map(str::to_owned)));
        assert_eq!(facts.name_matches, matches, "{host}");
    }
}

/// RFC 6066 §3 lets a server that does not know the name say so and go on; many did.
#[tokio::test]
async fn a_server_that_only_warns_of_an_unknown_name_is_no_failure() {
    let leaf = Made::self_signed(params("default.example.test"));
    let config = server(shows(&[&leaf], &leaf.key), &[&rustls::version::TLS12]);
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let (trust, host) = (anybody(), host());
    let attempt = Attempt::new(&trust, &host);
    let serving = async {
        far.write_all(&[21, 3, 3, 0, 2, 1, 112]).await.expect("a warning");
        TlsAcceptor::from(Arc::new(config)).accept(far).await
    };
    let (result, served) = tokio::join!(attempt.connect(near), serving);
    result.expect("a handshake");
    served.expect("a handshake");
    let facts = attempt.facts();
    assert_eq!((facts.error, facts.name_matches), (None, Some(false)));
}

/// Somebody in the middle has the certificate and not its key.
#[tokio::test]
async fn a_signature_by_another_key_is_seen() {
    let leaf = Made::self_signed(params(NAME));
    let thief = KeyPair::generate().expect("a key");
    for version in BOTH {
        let config = server(shows(&[&leaf], &thief), &[version]);
        let (facts, result, _) = handshake(&anybody(), &host(), config).await;
        result.expect("a handshake");
        assert_eq!(facts.signature.and_then(|s| s.error).as_deref(), Some("BadSignature"));
    }
}

#[tokio::test]
async fn a_client_certificate_is_insisted_on() {
    let leaf = Made::self_signed(params(NAME));
    let mut roots = RootCertStore::empty();
    roots.add(leaf.der.clone()).expect("an anchor");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .build()
        .expect("a verifier");
    for version in BOTH {
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_client_cert_verifier(verifier.clone())
            .with_cert_resolver(shows(&[&leaf], &leaf.key));
        let (facts, result, served) = handshake(&anybody(), &host(), config).await;
        assert!(served.is_err());
        let error = match result {
            // TLS 1.3: the client is done before the server has looked.
            Ok(mut stream) => {
                assert_eq!(facts.error, None);
                let error = stream.read(&mut [0; 1]).await.expect_err("an alert");
                classify(&error).expect("a matter of TLS")
            }
            Err(_) => facts.error.clone().expect("an error"),
        };
        assert_eq!(error.kind, ClientCertificateRequired);
        assert!(error.text.contains("certificate_required"), "{}", error.text);
        assert_eq!(facts.chain.len(), 1);
        assert_eq!(facts.name_matches, Some(true));
    }
}

#[tokio::test]
async fn an_end_after_the_handshake_is_no_matter_of_tls() {
    let leaf = Made::self_signed(params(NAME));
    let config = server(shows(&[&leaf], &leaf.key), BOTH);
    let (_, result, served) = handshake(&anybody(), &host(), config).await;
    let (stream, _) = served.expect("a handshake").into_inner();
    drop(stream);
    let error = result.expect("a handshake").read(&mut [0; 1]).await.expect_err("no close_notify");
    assert_eq!(classify(&error), None);
    assert_eq!(classify(&io::ErrorKind::ConnectionReset.into()), None);
}

/// The facts where the peer reads the ClientHello, says this and closes.
async fn answered(answer: &[u8]) -> TlsFacts {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let attempt = Attempt::new(&anybody(), &host());
    let peer = async {
        let hello = far.read(&mut [0; 4096]).await.expect("a ClientHello");
        assert_ne!(hello, 0);
        far.write_all(answer).await.expect("the answer");
        drop(far);
    };
    let (result, ()) = tokio::join!(attempt.connect(near), peer);
    assert!(result.is_err());
    attempt.facts()
}

#[tokio::test]
async fn answers_that_are_no_handshake() {
    let alert = |level, number| vec![21, 3, 3, 0, 2, level, number];
    let cases: Vec<(Vec<u8>, TlsErrorKind, &str)> = vec![
        (b"220 mx.example.test ESMTP\r\n".into(), NotTls, "`220 mx.example.test ESMTP`"),
        (b"HTTP/1.1 400 \x1b[31mBad Request\r\n".into(), NotTls, r"400 \u{1b}[31mBad"),
        (b"hm".into(), NotTls, "`hm`"),
        (vec![0; 64], NotTls, "not TLS"),
        (b"\x16\x01\x02".into(), NotTls, "not TLS"),
        (vec![], Closed, "nothing had been received"),
        (vec![22, 3, 3, 0], Closed, "the server's answer had begun"),
        (server_hello([3, 3], [0xc0, 0x2c])[..20].into(), Closed, "the server's answer had begun"),
        (alert(1, 112), Closed, "the alert unrecognized_name"),
        (alert(2, 112), Alert, "the alert unrecognized_name"),
        (alert(2, 80), Alert, "the alert internal_error"),
        (alert(2, 200), Alert, "the alert number 200"),
        (alert(2, 40), HandshakeFailure, "the alert handshake_failure"),
        (alert(2, 71), HandshakeFailure, "the alert insufficient_security"),
        (alert(2, 70), VersionTooOld, "the alert protocol_version"),
        (alert(2, 116), ClientCertificateRequired, "the alert certificate_required"),
        (alert(2, 42), Alert, "the alert bad_certificate"),
        (server_hello([3, 0], [0, 0x2f]), VersionTooOld, "chose SSLv3"),
        (server_hello([3, 1], [0, 0x2f]), VersionTooOld, "chose TLSv1.0"),
        (server_hello([3, 2], [0, 0x2f]), VersionTooOld, "chose TLSv1.1"),
        (server_hello([3, 3], [0, 5]), PeerMisbehaved, "TLS_RSA_WITH_RC4_128_SHA"),
        (vec![23, 3, 3, 0, 1, 0], PeerMisbehaved, "unexpected message"),
        ([&[22, 3, 3, 0xff, 0xff][..], &[0; 64]].concat(), PeerMisbehaved, "corrupt message"),
    ];
    for (answer, kind, part) in cases {
        let facts = answered(&answer).await;
        let error = facts.error.expect("an error");
        assert_eq!(error.kind, kind, "{answer:?}: {}", error.text);
        assert!(error.text.contains(part), "{answer:?}: {}", error.text);
        assert_eq!(facts.first_bytes, answer);
        assert!(facts.chain.is_empty() && facts.path.is_none() && facts.name_matches.is_none());
    }
}

#[tokio::test]
async fn what_is_kept_of_an_answer_is_bounded() {
    let facts = answered(&[b'x'; 5000]).await;
    assert_eq!(facts.first_bytes.len(), 512);
    assert!(facts.error.is_some_and(|e| e.text.len() < 200));
}

/// Before TLS 1.3 the server's complaint is an ordinary handshake failure.
#[test]
fn a_failure_behind_a_request_for_a_certificate_is_about_that() {
    use crate::tls::failure::of_handshake;
    use crate::tls::verify::Seen;
    let chain = || vec![crate::tls::certificate::read(&CertificateDer::from(vec![0x30, 0])).facts];
    let io = |alert: u8| {
        io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert.into()))
    };
    for (asked, chain, alert, expected) in [
        (true, chain(), 40, ClientCertificateRequired),
        (true, chain(), 42, ClientCertificateRequired),
        (false, chain(), 40, HandshakeFailure),
        (false, chain(), 42, Alert),
        (true, chain(), 80, Alert),
    ] {
        let seen = Seen { client_certificate_asked: asked, chain, ..Seen::default() };
        assert_eq!(of_handshake(&io(alert), &[], &seen).kind, expected, "{asked} {alert}");
    }
    let seen = Seen { client_certificate_asked: true, chain: chain(), ..Seen::default() };
    for (kind, expected) in [
        (io::ErrorKind::ConnectionReset, Reset),
        (io::ErrorKind::BrokenPipe, Reset),
        (io::ErrorKind::UnexpectedEof, Closed),
        (io::ErrorKind::TimedOut, TimedOut),
        (io::ErrorKind::Unsupported, Other),
    ] {
        let error = of_handshake(&kind.into(), &[], &seen);
        assert_eq!(error.kind, expected);
        assert_eq!(expected != Other, error.text.contains("asked for a client certificate"));
    }
    // Agreed on long ago: no missing suite or version can be meant after the handshake.
    for alert in [40, 70, 71] {
        assert_eq!(classify(&io(alert)).map(|e| e.kind), Some(Alert), "{alert}");
    }
}

/// The connection stalls behind the server's first flight, and the caller loses patience.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_given_up_keeps_what_was_seen() {
    let leaf = Made::self_signed(params(NAME));
    let config = server(shows(&[&leaf], &leaf.key), &[&rustls::version::TLS12]);
    let (near, middle_near) = tokio::io::duplex(64 * 1024);
    let (middle_far, far) = tokio::io::duplex(64 * 1024);
    let attempt = Attempt::new(&anybody(), &host());
    let stalling = async {
        let (mut from_client, mut to_client) = tokio::io::split(middle_near);
        let (mut from_server, mut to_server) = tokio::io::split(middle_far);
        let onwards = tokio::io::copy(&mut from_client, &mut to_server);
        let back = async {
            let mut flight = vec![0; 16 * 1024];
            let length = from_server.read(&mut flight).await.expect("the first flight");
            to_client.write_all(&flight[..length]).await.expect("its delivery");
            std::future::pending::<()>().await;
        };
        let _ = tokio::join!(onwards, back);
    };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let serving = async {
        let _served = acceptor.accept(far).await;
        std::future::pending::<()>().await;
    };
    let limit = std::time::Duration::from_secs(30);
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(limit, attempt.connect(near)) => outcome.map(|_| ()),
        () = stalling => Ok(()),
        () = serving => Ok(()),
    };
    outcome.expect_err("no end");
    let facts = attempt.facts();
    let error = facts.error.expect("an error");
    assert_eq!(error.kind, TlsErrorKind::TimedOut);
    assert!(error.text.contains("certificate had been received"), "{}", error.text);
    assert_eq!(facts.chain.len(), 1);
    assert_eq!(facts.version.as_deref(), Some("TLSv1.2"));
    assert_eq!(facts.name_matches, Some(true));
    assert!(facts.first_bytes.starts_with(&[22, 3, 3]));
}
