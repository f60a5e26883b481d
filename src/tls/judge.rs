//! What a recorded chain is worth: path, name and signature, each on its own.
//!
//! Pure functions over the recorded certificates and an instant. The rules are those of the
//! `UntrustedBecause` type; the validator is webpki, called apart for each question because it
//! stops at its first error, and because that is always the time where time is at fault.

use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, SignatureScheme};

use super::certificate::{self, Certificate};
use super::config::Anchors;
use super::iana;
use crate::observation::{PathVerdict, SignatureVerdict, UntrustedBecause};

/// A hostile chain may ask for much work at every instant at which it is judged.
const INSTANTS: usize = 8;

/// Under this the validator knows no signatures of RSA keys.
const RSA_BITS: usize = 2048;

/// Whether the chain leads to a trust anchor at `now`. `read` are the same certificates, read.
pub(super) fn path(
    chain: &[CertificateDer<'_>],
    read: &[Certificate],
    anchors: &Anchors,
    now: UnixTime,
) -> PathVerdict {
    let ([leaf, ..], [own, ..]) = (chain, read) else {
        return untrusted(UntrustedBecause::Other, "no certificate was sent".to_owned());
    };
    let fault = match validate(chain, anchors, now) {
        Ok(()) => return TRUSTED,
        Err(fault) => fault,
    };
    if anchors.given.contains(leaf) {
        return anchor_as_leaf(own, now, &fault);
    }
    let timely = time_fault(&fault);
    let fault = match timely {
        None => fault,
        Some(because) => match apart_from_time(chain, read, anchors) {
            None => return untrusted(because, words(&fault)),
            Some(behind) => behind,
        },
    };
    let because =
        if own.self_issued { UntrustedBecause::SelfSigned } else { reason(&fault, read.last()) };
    untrusted(because, words(&fault))
}

/// Whether the leaf names the server; `None` where no chain was seen.
pub(super) fn name(
    chain: &[CertificateDer<'_>],
    read: &[Certificate],
    reference: &ServerName<'_>,
) -> Option<bool> {
    let ([leaf, ..], [own, ..]) = (chain, read) else {
        return None;
    };
    let verified =
        ParsedCertificate::try_from(leaf).and_then(|leaf| verify_server_name(&leaf, reference));
    Some(match verified {
        Ok(()) => true,
        Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => false,
        // A certificate that webpki does not read (version 1, an unknown critical extension) has
        // names all the same.
        Err(_) => own.facts.names.iter().any(|presented| matches(presented, &reference.to_str())),
    })
}

/// Whether the handshake's signature verifies; `None` where nobody could tell: the validator takes
/// no RSA key under 2048 bits and no certificate that it cannot read, which are faults of the
/// certificate and not of the signature.
pub(super) fn signature(
    scheme: SignatureScheme,
    error: Option<&Error>,
    rsa_bits: Option<usize>,
) -> Option<SignatureVerdict> {
    let small = rsa_bits.is_some_and(|bits| bits < RSA_BITS);
    let error = match error {
        None => None,
        Some(Error::InvalidCertificate(CertificateError::BadSignature)) if small => return None,
        Some(Error::InvalidCertificate(
            e @ (CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }),
        )) => Some(words(e)),
        Some(Error::InvalidCertificate(_)) => return None,
        Some(other) => Some(certificate::capped(&other.to_string())),
    };
    Some(SignatureVerdict { scheme: iana::scheme(scheme), error })
}

const TRUSTED: PathVerdict = PathVerdict { trusted: true, untrusted_because: None, error: None };

fn untrusted(because: UntrustedBecause, error: String) -> PathVerdict {
    PathVerdict { trusted: false, untrusted_because: Some(because), error: Some(error) }
}

/// The validator's words, without the wrapping of the layers above it.
fn words(fault: &CertificateError) -> String {
    let text = match fault {
        CertificateError::Other(rustls::OtherError(inner)) => inner.to_string(),
        // It lists every algorithm that is known.
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "UnsupportedSignatureAlgorithm".to_owned()
        }
        other => other.to_string(),
    };
    certificate::capped(&text)
}

fn validate(
    chain: &[CertificateDer<'_>],
    anchors: &Anchors,
    at: UnixTime,
) -> Result<(), CertificateError> {
    let Some((leaf, others)) = chain.split_first() else {
        return Err(CertificateError::BadEncoding);
    };
    let verified = ParsedCertificate::try_from(leaf).and_then(|leaf| {
        let algorithms = anchors.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, &anchors.roots, others, at, algorithms)
    });
    verified.map_err(|error| match error {
        Error::InvalidCertificate(fault) => fault,
        other => CertificateError::Other(rustls::OtherError(std::sync::Arc::new(other))),
    })
}

/// The path's fault at instants at which the certificates are valid; `None` where it has none but
/// time. The instants lie just inside each window: where there is one at which all are valid, one
/// of these is it.
fn apart_from_time(
    chain: &[CertificateDer<'_>],
    read: &[Certificate],
    anchors: &Anchors,
) -> Option<CertificateError> {
    let second = time::Duration::SECOND;
    let inside = read.iter().flat_map(|c| {
        [
            c.facts.not_after.and_then(|end| end.checked_sub(second)),
            c.facts.not_before.and_then(|begin| begin.checked_add(second)),
        ]
    });
    let mut found = None;
    for at in inside.flatten().take(INSTANTS) {
        let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        match validate(chain, anchors, at) {
            Ok(()) => return None,
            Err(fault) if time_fault(&fault).is_none() => found = found.or(Some(fault)),
            Err(_) => {}
        }
    }
    found
}

fn time_fault(fault: &CertificateError) -> Option<UntrustedBecause> {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some(UntrustedBecause::Expired)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some(UntrustedBecause::NotYetValid)
        }
        _ => None,
    }
}

fn reason(fault: &CertificateError, last: Option<&Certificate>) -> UntrustedBecause {
    match fault {
        CertificateError::UnknownIssuer => {
            let pointer =
                last.is_some_and(|last| !last.self_issued && !last.facts.issuer_urls.is_empty());
            if pointer {
                UntrustedBecause::ChainIncomplete
            } else {
                UntrustedBecause::UnknownIssuer
            }
        }
        CertificateError::BadSignature => UntrustedBecause::BadSignature,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            UntrustedBecause::WrongPurpose
        }
        _ => UntrustedBecause::Other,
    }
}

/// A certificate that the user gave as an anchor, shown by the server as its own. webpki refuses
/// it where it is one for authorities (`CA:TRUE`, as `openssl req -x509` makes them), though the
/// user has vouched for this very key.
fn anchor_as_leaf(leaf: &Certificate, now: UnixTime, fault: &CertificateError) -> PathVerdict {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let (Some(begin), Some(end)) = (leaf.facts.not_before, leaf.facts.not_after) else {
        return untrusted(UntrustedBecause::Other, words(fault));
    };
    if now > end.unix_timestamp() {
        untrusted(UntrustedBecause::Expired, words(fault))
    } else if now < begin.unix_timestamp() {
        untrusted(UntrustedBecause::NotYetValid, words(fault))
    } else if !leaf.for_servers {
        untrusted(UntrustedBecause::WrongPurpose, words(fault))
    } else {
        TRUSTED
    }
}

/// RFC 9525 §6.3: a wildcard is the whole leftmost label and stands for exactly one.
fn matches(presented: &str, reference: &str) -> bool {
    let presented = presented.strip_suffix('.').unwrap_or(presented);
    match presented.strip_prefix("*.") {
        Some(parent) => reference
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(parent)),
        None => presented.eq_ignore_ascii_case(reference),
    }
}
