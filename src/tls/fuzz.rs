//! Any bytes for what is read of TLS without rustls: certificates for display, and a server's first
//! answer. No panic, and what is kept is bounded.

use rustls::pki_types::CertificateDer;

use super::answer::AnswerReader;
use super::certificate;

/// A certificate, or several behind each other: what is shown of it.
pub fn certificate(data: &[u8]) {
    let chain: Vec<_> = data
        .chunks(4096)
        .map(|der| certificate::read(&CertificateDer::from(der.to_vec())))
        .collect();
    for read in &chain {
        let facts = &read.facts;
        for text in [&facts.subject, &facts.issuer, &facts.key, &facts.signature] {
            assert!(text.len() <= 1024, "{text}");
        }
        assert!(facts.error.as_ref().is_none_or(|error| error.len() <= 1024));
        assert!(facts.names.len() <= 200 && facts.names.iter().all(|name| name.len() <= 256));
        assert!(facts.issuer_urls.len() <= 8);
        assert_eq!(facts.sha256.len(), 64);
    }
    let (first, all) = (chain.first().map(|c| c.facts.sha256.clone()), chain.len());
    let kept = certificate::within_bounds(chain.into_iter().map(|read| read.facts).collect());
    assert!(kept.len() <= all && kept.first().map(|facts| facts.sha256.clone()) == first);
    let names: usize = kept.iter().flat_map(|facts| &facts.names).map(String::len).sum();
    assert!(names <= 16 * 1024);
}

/// A server's answer to a ClientHello: how it is cut makes no difference. The first byte says how.
pub fn server_hello(data: &[u8]) {
    let Some((first, input)) = data.split_first() else { return };
    let mut whole = AnswerReader::default();
    whole.received(input);
    let mut pieces = AnswerReader::default();
    for piece in input.chunks(usize::from(*first).max(1)) {
        if pieces.received(piece) {
            break;
        }
    }
    let (whole, pieces) = (whole.finish(), pieces.finish());
    // A flood ends the reading at once where it comes in one piece.
    if input.len() <= 64 * 1024 {
        assert_eq!(whole, pieces);
    }
    assert!(whole.chain.len() <= 10);
}
