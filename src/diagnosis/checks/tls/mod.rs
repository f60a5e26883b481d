//! Checks of the handshake and the certificates. Each fault of a chain is judged on its own, so
//! that an expired, self-signed certificate for another name is three findings.

pub mod certificate_chain_incomplete;
pub mod certificate_expired;
pub mod certificate_expires_soon;
pub mod certificate_host_mismatch;
pub mod certificate_not_trusted;
pub mod certificate_not_yet_valid;
pub mod certificate_self_signed;
pub mod certificate_weak;
pub mod client_certificate_required;
pub mod clock_wrong_here;
pub mod tls_handshake_failed;
pub mod tls_no_common_cipher;
pub mod tls_version_too_old;

use time::OffsetDateTime;

use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Settings};
use crate::diagnosis::clock;
use crate::diagnosis::words::instant;
use crate::observation::{CertificateFacts, PathVerdict, TlsFacts, UntrustedBecause};

/// Where server software takes its certificate from.
const CERTIFICATE: Settings = &[
    (
        "postfix",
        "`smtpd_tls_chain_files` names the key and the whole chain (before Postfix 3.4 \
         `smtpd_tls_key_file` and `smtpd_tls_cert_file`); then `postfix reload`.",
    ),
    (
        "exim",
        "`tls_certificate` names the file with the certificate and the rest of the chain below \
         it, `tls_privatekey` the key; unset, Exim makes a self-signed one. Restart Exim after a \
         change.",
    ),
    (
        "sendmail",
        "`confSERVER_CERT` and `confSERVER_KEY` in sendmail.mc name the files; rebuild \
         sendmail.cf after a change of the names, and restart Sendmail after a change of the \
         files.",
    ),
    (
        "opensmtpd",
        "`pki NAME cert FILE` and `pki NAME key FILE` in smtpd.conf name the files, and `pki \
         NAME` at `listen on` uses them; restart smtpd after a change.",
    ),
    (
        "exchange",
        "import it with `Import-ExchangeCertificate`, then \
         `Enable-ExchangeCertificate -Services SMTP` with its thumbprint; `TlsCertificateName` of a \
         receive connector can name another one.",
    ),
    (
        "haraka",
        "`cert` and `key` in config/tls.ini name the files (tls_cert.pem and tls_key.pem unless \
         set), or they lie in config/tls; restart Haraka after a change.",
    ),
    (
        "stalwart",
        "a `Certificate` object holds the chain and the key, or an ACME provider renews them \
         (before 0.16: `certificate.NAME.cert` and `certificate.NAME.private-key`).",
    ),
    (
        "mox",
        "in mox.conf, `ACME` of the listener's `TLS` renews by itself; else `CertFile` in \
         `KeyCerts` names the whole chain and `KeyFile` the key. Restart mox after a change.",
    ),
];

/// A handshake that showed a chain; else the outcome of every check that looks at one.
fn chain<'a>(facts: &EndpointFacts<'a>) -> Result<&'a TlsFacts, Outcome> {
    match facts.handshake() {
        None => Err(facts.not_reached()),
        Some(tls) if tls.chain.is_empty() => Err(Outcome::CannotTell("no certificate was seen")),
        Some(tls) => Ok(tls),
    }
}

/// The verdict on a chain where its fault is one of `wanted`; else the outcome of the check.
fn distrusted<'a>(
    facts: &EndpointFacts<'a>,
    wanted: fn(Option<UntrustedBecause>) -> bool,
) -> Result<(&'a TlsFacts, &'a PathVerdict), Outcome> {
    let tls = chain(facts)?;
    match &tls.path {
        None => Err(Outcome::CannotTell("the chain was not judged")),
        Some(path) if path.trusted || !wanted(path.untrusted_because) => Err(Outcome::Pass),
        Some(path) => Ok((tls, path)),
    }
}

/// A certificate whose dates exclude the time of the run, and which the client needs: the leaf
/// always, an intermediate only where the dates are what the path fails for. Servers often send an
/// expired cross-signed certificate too many, and it does no harm.
fn out_of_date<'a>(
    tls: &'a TlsFacts,
    because: UntrustedBecause,
    date: fn(&CertificateFacts) -> Option<OffsetDateTime>,
    excludes: impl Fn(OffsetDateTime) -> bool,
) -> Option<OutOfDate<'a>> {
    let path_says_so = fails_for(tls, because);
    let needed = if path_says_so { tls.chain.len() } else { 1 };
    let found = tls.chain.iter().take(needed).enumerate().find_map(|(position, certificate)| {
        let at = date(certificate).filter(|at| excludes(*at))?;
        Some(OutOfDate::Certificate { certificate, at, is_leaf: position == 0 })
    });
    found.or(path_says_so.then_some(OutOfDate::SomewhereInThePath))
}

/// The path is not trusted for this reason.
fn fails_for(tls: &TlsFacts, because: UntrustedBecause) -> bool {
    tls.path.as_ref().is_some_and(|path| !path.trusted && path.untrusted_because == Some(because))
}

/// How many certificates of a chain may be found out of date.
fn needed(tls: &TlsFacts) -> usize {
    let because = [UntrustedBecause::Expired, UntrustedBecause::NotYetValid];
    let all = because.into_iter().any(|because| fails_for(tls, because));
    if all { tls.chain.len() } else { tls.chain.len().min(1) }
}

/// Whether the dates of a certificate exclude an instant.
fn out_of_date_by(certificate: &CertificateFacts, now: OffsetDateTime) -> bool {
    certificate.not_after.is_some_and(|end| end < now)
        || certificate.not_before.is_some_and(|begin| begin > now)
}

/// Whether a certificate that seems out of date may be fine, as this machine's clock is wrong.
fn is_excused(facts: &EndpointFacts<'_>, found: &OutOfDate<'_>) -> bool {
    let OutOfDate::Certificate { certificate, .. } = found else { return false };
    clock::wrong(facts.run).is_some_and(|clock| clock.excuses(certificate))
}

/// The outcome of checks of dates by a clock that is wrong.
const NO_CLOCK: Outcome = Outcome::CannotTell("this machine's clock is wrong");

/// What [`out_of_date`] found.
enum OutOfDate<'a> {
    /// This certificate.
    Certificate {
        /// The certificate.
        certificate: &'a CertificateFacts,
        /// The date that excludes the time of the run.
        at: OffsetDateTime,
        /// It is the server's own.
        is_leaf: bool,
    },
    /// The validator says so, and none of the dates that were seen does.
    SomewhereInThePath,
}

/// The words for whose certificate it is, before "of `name[address]:port`".
fn whose(is_leaf: bool) -> &'static str {
    if is_leaf { "certificate" } else { "intermediate certificate" }
}

/// The leaf in one line, for evidence.
fn leaf_line(tls: &TlsFacts) -> String {
    match tls.chain.first() {
        None => "no certificate".to_owned(),
        Some(leaf) if leaf.subject.is_empty() => {
            format!("certificate that could not be read, SHA-256 {}", leaf.sha256)
        }
        Some(leaf) => format!("certificate: {}, issued by {}", leaf.subject, leaf.issuer),
    }
}

/// The evidence for a chain that is not trusted.
fn chain_evidence(tls: &TlsFacts, path: &PathVerdict) -> Vec<String> {
    let mut evidence = vec![leaf_line(tls)];
    if tls.chain.len() > 1
        && let Some(last) = tls.chain.last()
    {
        evidence.push(format!(
            "{} certificates were sent, the last issued by {}",
            tls.chain.len(),
            last.issuer
        ));
    } else {
        evidence.push("no other certificate was sent".to_owned());
    }
    evidence.extend(path.error.as_ref().map(|error| format!("validation: {error}")));
    evidence
}

/// A finding about dates.
fn dated(message: String, fix: &str, subject: &str, limit: &str, at: OffsetDateTime) -> Found {
    Found {
        message,
        fix: fix.to_owned(),
        evidence: vec![format!("{subject}: {limit} {}", instant(at))],
        reference: "RFC 5280 §4.1.2.5",
    }
}
