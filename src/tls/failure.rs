//! From the error that ended a handshake to a [`TlsError`].
//!
//! rustls says what it could not go on with; what came first on the wire and what was seen by then
//! say what that means: the same `handshake_failure` is a missing cipher suite or a missing client
//! certificate, the same corrupt message is noise or an SMTP greeting.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CipherSuite, Error, PeerIncompatible, PeerMisbehaved};

use super::iana;
use super::verify::Seen;
use crate::observation::{TlsError, TlsErrorKind};

/// Classifies what a read gave after the handshake: a server of TLS 1.3 that insists on a client
/// certificate says so only then (RFC 8446 §4.4.2.4).
///
/// `None` where the error is no matter of TLS: a reset, or an end without `close_notify`, which
/// many servers leave out and which harms no dialogue that ends with QUIT.
pub fn classify(error: &io::Error) -> Option<TlsError> {
    let error = tls_error(error)?;
    let mut told = of_tls(error, &[], &Seen { client_certificate_asked: true, ..Seen::default() });
    // This program never shows a certificate, so `bad_certificate` can mean no other fault of one.
    // But version and cipher suite are agreed on by now.
    if matches!(told.kind, TlsErrorKind::HandshakeFailure | TlsErrorKind::VersionTooOld) {
        told.kind = TlsErrorKind::Alert;
    }
    Some(told)
}

/// What ended a handshake.
pub(super) fn of_handshake(error: &io::Error, first: &[u8], seen: &Seen) -> TlsError {
    let told = match tls_error(error) {
        Some(error) => of_tls(error, first, seen),
        None => of_io(error, first, seen),
    };
    if may_be_tls(first) {
        return told;
    }
    // Whatever rustls or the kernel make of it, and whether the peer closed behind it or not.
    let begins: String = String::from_utf8_lossy(first)
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(80)
        .flat_map(char::escape_debug)
        .collect();
    let text = format!("what came is not TLS; it begins `{begins}`");
    TlsError { kind: TlsErrorKind::NotTls, text }
}

/// How far a handshake got, for sentences.
pub(super) fn how_far(first: &[u8], seen: &Seen) -> &'static str {
    if seen.client_certificate_asked {
        "the server had asked for a client certificate"
    } else if !seen.chain.is_empty() {
        "the server's certificate had been received"
    } else if first.is_empty() {
        "nothing had been received"
    } else {
        "the server's answer had begun"
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn of_io(error: &io::Error, first: &[u8], seen: &Seen) -> TlsError {
    let far = how_far(first, seen);
    let (kind, what) = match error.kind() {
        ErrorKind::UnexpectedEof => (TlsErrorKind::Closed, "the connection was closed"),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            (TlsErrorKind::Reset, "the connection was reset")
        }
        ErrorKind::TimedOut => (TlsErrorKind::TimedOut, "the connection died"),
        _ => return TlsError { kind: TlsErrorKind::Other, text: error.to_string() },
    };
    // Of a warning rustls says nothing.
    let text = match plain_alert(first) {
        Some(alert) => format!("{what} after the alert {}", iana::alert(alert)),
        None => format!("{what}: {far}"),
    };
    TlsError { kind, text }
}

fn of_tls(error: &Error, first: &[u8], seen: &Seen) -> TlsError {
    let (kind, text) = match error {
        Error::AlertReceived(alert) => {
            let kind = of_alert(*alert, seen);
            let why = match kind {
                TlsErrorKind::ClientCertificateRequired => {
                    "the server insists on a client certificate: it sent"
                }
                _ => "the server sent",
            };
            (kind, format!("{why} the alert {}", iana::alert(*alert)))
        }
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            let text = match ServerHello::read(first) {
                Some(hello) => {
                    format!("the server chose {}", iana::version(hello.version.into()))
                }
                None => "the server chose a version before TLSv1.2".to_owned(),
            };
            (TlsErrorKind::VersionTooOld, text)
        }
        Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite) => {
            let text = match ServerHello::read(first) {
                Some(hello) => {
                    let suite = iana::suite(CipherSuite::from(hello.suite));
                    format!("the server chose the cipher suite {suite}, which was not offered")
                }
                None => error.to_string(),
            };
            (TlsErrorKind::PeerMisbehaved, text)
        }
        Error::PeerMisbehaved(_)
        | Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::NoCertificatesPresented
        | Error::DecryptError
        | Error::PeerSentOversizedRecord => (TlsErrorKind::PeerMisbehaved, error.to_string()),
        other => (TlsErrorKind::Other, other.to_string()),
    };
    TlsError { kind, text }
}

fn of_alert(alert: AlertDescription, seen: &Seen) -> TlsErrorKind {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => TlsErrorKind::ClientCertificateRequired,
        // Older stacks say it in these words. Behind the server's certificate the suites and
        // groups have long been agreed on, so `handshake_failure` cannot be about those.
        A::NoCertificate | A::BadCertificate if seen.client_certificate_asked => {
            TlsErrorKind::ClientCertificateRequired
        }
        A::HandshakeFailure if seen.client_certificate_asked && !seen.chain.is_empty() => {
            TlsErrorKind::ClientCertificateRequired
        }
        A::HandshakeFailure | A::InsufficientSecurity => TlsErrorKind::HandshakeFailure,
        A::ProtocolVersion => TlsErrorKind::VersionTooOld,
        _ => TlsErrorKind::Alert,
    }
}

/// Whether what came first may be a TLS record: a content type of RFC 8446 §5.1 and a major
/// version of 3. Nothing at all may be one.
fn may_be_tls(first: &[u8]) -> bool {
    match first {
        [] | [20..=24] => true,
        [kind, major, ..] => (20..=24).contains(kind) && *major == 3,
        _ => false,
    }
}

/// The alert with which the server began, where it did.
fn plain_alert(first: &[u8]) -> Option<AlertDescription> {
    match first {
        [21, 3, _, 0, 2, _level, alert, ..] => Some((*alert).into()),
        _ => None,
    }
}

/// What the first bytes show of a ServerHello (RFC 5246 §7.4.1.3; it has been the same since
/// SSLv3).
struct ServerHello {
    version: u16,
    suite: u16,
}

impl ServerHello {
    fn read(first: &[u8]) -> Option<Self> {
        let [22, 3, _, _, _, 2, _, _, _, rest @ ..] = first else {
            return None;
        };
        let (version, rest) = rest.split_first_chunk::<2>()?;
        let (session, rest) = rest.get(32..)?.split_first()?;
        let suite = rest.get(usize::from(*session)..)?.first_chunk::<2>()?;
        Some(Self { version: u16::from_be_bytes(*version), suite: u16::from_be_bytes(*suite) })
    }
}
