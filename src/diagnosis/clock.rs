//! Is it this machine's clock that is wrong?
//!
//! Knows three kinds of evidence, all of them in the facts of one run, and each strong enough not
//! to blame the clock for servers that are really neglected. Must not know the checks that ask.

use time::{Duration, OffsetDateTime};

use super::words::{day, days, instant, list};
use crate::names::Host;
use crate::observation::{
    CLOCKS_DIFFER, CertificateFacts, EndpointObservation, Observations, TlsFacts, UntrustedBecause,
};

/// Servers whose times differ by less from each other have one and the same: clocks that nobody
/// sets are minutes off, zones that are set wrongly hours.
const AGREE: Duration = Duration::minutes(10);

/// So many unrelated servers have to state a time.
const STATING: usize = 2;

/// So many unrelated servers have to have certificates that are not valid yet: public authorities
/// date them back, so that one alone is rare.
const EARLY: usize = 2;

/// So many have to have expired ones, which neglect makes by itself.
const LATE: usize = 3;

/// So many authorities have to have issued them: one may have failed all its customers at once.
const ISSUERS: usize = 2;

/// A clock that is wrong, and what the time may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongClock {
    /// The earliest time that may be right.
    from: OffsetDateTime,
    /// The latest; absent where nothing limits it.
    to: Option<OffsetDateTime>,
    /// What shows that the clock is wrong, behind "this machine's clock says … ".
    pub shown_by: String,
    /// The facts that show it.
    pub evidence: Vec<String>,
}

impl WrongClock {
    /// Whether a certificate is valid at a time that may be right.
    pub fn excuses(&self, certificate: &CertificateFacts) -> bool {
        let (Some(begin), Some(end)) = (certificate.not_before, certificate.not_after) else {
            return false;
        };
        end >= self.from && self.to.is_none_or(|to| begin <= to)
    }
}

/// Whether the clock of the machine that made these observations is wrong.
pub fn wrong(run: &Observations) -> Option<WrongClock> {
    before_release(run).or_else(|| {
        let stating = stating(run);
        // A server that has the same time as this clock speaks for it.
        match stating.iter().any(|stating| stating.off.abs() < CLOCKS_DIFFER) {
            true => None,
            false => stated(run, &stating).or_else(|| certified(run)),
        }
    })
}

fn before_release(run: &Observations) -> Option<WrongClock> {
    let (now, released) = (run.started_at, run.released_at?);
    (now < released).then(|| WrongClock {
        from: released,
        to: None,
        shown_by: format!("which is before this program was made ({})", day(released)),
        evidence: vec![
            format!("this machine's clock: {}", instant(now)),
            format!("this program was released on {}", day(released)),
        ],
    })
}

/// A server that states its time.
struct Stating<'a> {
    endpoint: &'a EndpointObservation,
    time: OffsetDateTime,
    /// How far it is from this machine's clock.
    off: Duration,
}

fn stating(run: &Observations) -> Vec<Stating<'_>> {
    let all = run.endpoints().filter_map(|(observed_at, endpoint)| {
        let time = endpoint.conversation()?.smtp.stated_time?;
        Some(Stating { endpoint, time, off: time - observed_at })
    });
    all.collect()
}

/// Unrelated servers state one and the same time, and it is not this clock's.
fn stated(run: &Observations, all: &[Stating<'_>]) -> Option<WrongClock> {
    let first = all.first()?;
    let agreeing = || all.iter().filter(|other| (other.off - first.off).abs() < AGREE);
    // Where servers contradict each other, one of them is wrong, and nobody knows which.
    if agreeing().count() < all.len() {
        return None;
    }
    let witnesses = unrelated(agreeing(), |stating| stating.endpoint);
    if witnesses.len() < STATING {
        return None;
    }
    let said = |s: &&Stating<'_>| {
        format!("{} greets with the time {}", s.endpoint.label(), instant(s.time))
    };
    let mut evidence = vec![format!("this machine's clock: {}", instant(run.started_at))];
    evidence.extend(witnesses.iter().map(said));
    let behind = first.off.is_positive();
    Some(WrongClock {
        from: run.started_at + first.off - AGREE,
        to: Some(run.started_at + first.off + AGREE),
        shown_by: format!(
            "{} {} of what {} unrelated servers state",
            days(first.off.abs()),
            if behind { "short" } else { "ahead" },
            witnesses.len()
        ),
        evidence,
    })
}

/// All certificates that are trusted but for their dates are out of date in the same direction,
/// those of unrelated servers and authorities, and there is a time at which all are valid.
fn certified(run: &Observations) -> Option<WrongClock> {
    let mut out_of_date = Vec::new();
    for (observed_at, endpoint) in run.endpoints() {
        let Some(leaf) = endpoint
            .conversation()
            .and_then(|seen| seen.tls.as_ref())
            .filter(|tls| trusted_but_for_time(tls))
            .and_then(|tls| tls.chain.first())
        else {
            continue;
        };
        let (begin, end) = (leaf.not_before?, leaf.not_after?);
        if begin <= observed_at && observed_at <= end {
            // A certificate that is valid by this clock speaks for it.
            return None;
        }
        out_of_date.push((endpoint, leaf, begin, end));
    }
    let from = out_of_date.iter().map(|(_, _, begin, _)| *begin).max()?;
    let to = out_of_date.iter().map(|(_, _, _, end)| *end).min()?;
    let early = run.started_at < from;
    let witnesses = unrelated(out_of_date.iter(), |(endpoint, ..)| endpoint);
    let mut issuers: Vec<&str> = witnesses.iter().map(|(_, leaf, ..)| authority(leaf)).collect();
    issuers.sort_unstable();
    issuers.dedup();
    let enough = if early { EARLY } else { LATE };
    if from > to || witnesses.len() < enough || issuers.len() < ISSUERS {
        return None;
    }
    let mut evidence = vec![format!("this machine's clock: {}", instant(run.started_at))];
    evidence.extend(witnesses.iter().map(|(endpoint, _, begin, end)| {
        format!("{}: valid from {} to {}", endpoint.label(), day(*begin), day(*end))
    }));
    evidence.push(format!("issued by {}", list(&issuers)));
    Some(WrongClock {
        from,
        to: Some(to),
        shown_by: format!(
            "when the certificates of all {} unrelated servers are {}, though all are valid from {} \
             to {}",
            witnesses.len(),
            if early { "not valid yet" } else { "expired" },
            day(from),
            day(to)
        ),
        evidence,
    })
}

fn trusted_but_for_time(tls: &TlsFacts) -> bool {
    tls.path.as_ref().is_some_and(|path| {
        path.trusted
            || matches!(
                path.untrusted_because,
                Some(UntrustedBecause::Expired | UntrustedBecause::NotYetValid)
            )
    })
}

/// The organisation that issued a certificate, as its name says: authorities have many
/// intermediate certificates.
fn authority(certificate: &CertificateFacts) -> &str {
    let mut parts = certificate.issuer.split(", ");
    parts.find(|part| part.starts_with("O=")).unwrap_or(&certificate.issuer)
}

/// As many as have nothing to do with each other: another domain, and another address.
fn unrelated<'a, T>(
    all: impl Iterator<Item = &'a T>,
    endpoint: impl Fn(&T) -> &EndpointObservation,
) -> Vec<&'a T> {
    let mut kept: Vec<&T> = Vec::new();
    for candidate in all {
        let this = endpoint(candidate);
        let Some(domain) = domain(&this.host) else { continue };
        let known = kept.iter().map(|kept| endpoint(kept)).any(|other| {
            other.address == this.address
                || self::domain(&other.host).is_none_or(|other| other == domain)
        });
        if !known {
            kept.push(candidate);
        }
    }
    kept
}

/// The last two labels of a name. Under `co.uk` that takes strangers for relatives, which is the
/// safe mistake.
fn domain(host: &Host) -> Option<&str> {
    let name = host.name()?.as_str();
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at + 1);
    let _last = dots.next();
    Some(&name[dots.next().unwrap_or(0)..])
}
