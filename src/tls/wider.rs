//! One wider offer: what would a server choose that refused, without a reason, what this program
//! speaks?
//!
//! Sends the ClientHello of [`super::hello`] and reads what [`super::answer`] makes of the answer;
//! then says so and goes. What was chosen is a fact, and so is what of it had not been offered in
//! an ordinary handshake; what that means is a matter of [`crate::diagnosis`].

use ring::rand::{SecureRandom, SystemRandom};
use rustls::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer::{Answer, AnswerReader, Chosen};
use super::config::{Attempt, Trust};
use super::{certificate, hello, iana};
use crate::deadline::Deadline;
use crate::names::Host;
use crate::observation::{Choice, TlsPart, WiderOffer};

/// The alerts user_canceled and close_notify (RFC 8446 §6.1): we leave because we want to.
const GOODBYE: [u8; 14] = [21, 3, 1, 0, 2, 1, 90, 21, 3, 1, 0, 2, 1, 0];

/// Signature schemes that this program cannot verify: SHA-1, P-521 and Ed448. What the verifier
/// cannot verify it records, so that a handshake comes to its end with them.
pub(super) const MORE_SCHEMES: [SignatureScheme; 4] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::ECDSA_SHA1_Legacy,
];

/// Makes the wider offer on a connection where the server expects a ClientHello, and closes it.
/// `None` where nothing came in time that says anything.
pub async fn offer_wider<S>(
    trust: &Trust,
    host: &Host,
    mut stream: S,
    mut deadline: Deadline,
) -> Option<WiderOffer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).ok()?;
    let name = host.name().map(|name| name.as_str());
    let mut reader = AnswerReader::default();
    let talk = async {
        stream.write_all(&hello::client_hello(name, random)).await?;
        stream.flush().await?;
        let mut buffer = [0; 4096];
        loop {
            let length = stream.read(&mut buffer).await?;
            if length == 0 || reader.received(&buffer[..length]) {
                break;
            }
        }
        stream.write_all(&GOODBYE).await?;
        stream.shutdown().await
    };
    // However it ends, what counts is what was read by then.
    let _: Option<std::io::Result<()>> = deadline.wait(talk).await;
    told(trust, reader.finish())
}

/// Makes one more ordinary handshake, which offers more signature schemes, where a choice of TLS
/// 1.3 left those as the only reason: from there on everything is encrypted, and only a handshake
/// that comes to its end shows them.
pub async fn offer_more_schemes<S>(
    trust: &Trust,
    host: &Host,
    choice: &mut Choice,
    stream: S,
    mut deadline: Deadline,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let attempt = Attempt::with_schemes(trust, host, &MORE_SCHEMES);
    let Some(Ok(mut stream)) = deadline.wait(attempt.connect(stream)).await else { return };
    let facts = attempt.facts();
    choice.chain = facts.chain;
    if let Some(scheme) = attempt.scheme() {
        choice.signature_scheme = Some(iana::scheme(scheme));
        if !trust.schemes().contains(&scheme) {
            choice.not_offered.push(TlsPart::SignatureScheme);
        }
    }
    let _ = deadline.wait(stream.shutdown()).await;
}

fn told(trust: &Trust, answer: Answer) -> Option<WiderOffer> {
    match answer {
        Answer { chosen: Some(chosen), chain, .. } => {
            let mut choice = choice(trust, &chosen);
            choice.chain = chain.iter().map(|der| certificate::read(der).facts).collect();
            if choice.chain.first().is_some_and(|leaf| !offers_curve_of(trust, &leaf.key)) {
                choice.not_offered.push(TlsPart::CertificateKey);
            }
            Some(WiderOffer::Chosen(Box::new(choice)))
        }
        Answer { alert: Some(alert), .. } => {
            Some(WiderOffer::Refused(iana::alert(AlertDescription::from(alert))))
        }
        Answer { chosen: None, alert: None, .. } => None,
    }
}

/// Whether a key is on a curve that is offered. Up to TLS 1.2 a certificate's curve has to be among
/// the groups (RFC 8422 §5.1.1), whatever the signature scheme; only then is a chain seen in clear.
fn offers_curve_of(trust: &Trust, key: &str) -> bool {
    let Some(curve) = key.strip_prefix("ECDSA ") else { return true };
    trust.provider().kx_groups.iter().any(|own| match own.name() {
        NamedGroup::secp256r1 => curve == "P-256",
        NamedGroup::secp384r1 => curve == "P-384",
        _ => false,
    })
}

fn choice(trust: &Trust, chosen: &Chosen) -> Choice {
    let version = ProtocolVersion::from(chosen.version);
    let suite = CipherSuite::from(chosen.suite);
    let group = chosen.group.map(NamedGroup::from);
    let scheme = chosen.scheme.map(SignatureScheme::from);
    let provider = trust.provider();
    let offered = [
        (TlsPart::Version, matches!(version, ProtocolVersion::TLSv1_2 | ProtocolVersion::TLSv1_3)),
        (TlsPart::CipherSuite, provider.cipher_suites.iter().any(|own| own.suite() == suite)),
        (
            TlsPart::KeyExchange,
            group.is_none_or(|group| provider.kx_groups.iter().any(|own| own.name() == group)),
        ),
        (TlsPart::SignatureScheme, scheme.is_none_or(|scheme| trust.schemes().contains(&scheme))),
    ];
    Choice {
        version: iana::version(version),
        cipher_suite: iana::suite(suite),
        key_exchange: group.map(iana::group),
        signature_scheme: scheme.map(iana::scheme),
        not_offered: offered.iter().filter(|(_, was)| !was).map(|(part, _)| *part).collect(),
        chain: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_curves_that_are_offered_as_groups_are_offered_for_certificates() {
        let trust = Trust::new(&[]).expect("the built-in roots");
        for key in ["ECDSA P-256", "ECDSA P-384", "RSA 2048", "Ed25519", ""] {
            assert!(offers_curve_of(&trust, key), "{key}");
        }
        for key in ["ECDSA P-521", "ECDSA brainpoolP256r1", "ECDSA secp256k1"] {
            assert!(!offers_curve_of(&trust, key), "{key}");
        }
    }
}
