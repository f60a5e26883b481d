//! Holds a target back whose certificates are out of date, until others have had the time to show
//! whether they are, or this machine's clock is wrong.
//!
//! Knows whose certificates are valid by this clock, and how many targets wait to be told. Must not
//! know which of them are right: [`diagnosis::clock`](crate::diagnosis) decides. Of use only where each
//! target is judged by itself: the first line of a list would blame a server for what the tenth shows to
//! be our fault.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::observation::{CLOCKS_DIFFER, EndpointObservation, TargetObservation};

/// How long targets are held back at most, from the first one on. Most servers have answered by then,
/// and where this clock is wrong, a long list may not wait for each of them.
const LONGEST: Duration = Duration::from_secs(5);

/// The targets under way, and what those that are finished show.
#[derive(Default)]
pub struct Dates(watch::Sender<Counts>);

#[derive(Default)]
struct Counts {
    under_way: usize,
    held_back: usize,
    /// A certificate is valid by this clock, which speaks for it.
    valid: bool,
    /// When targets are held back no longer; known from the first one on.
    until: Option<Instant>,
}

impl Counts {
    /// Where nothing else is under way there is nothing to wait for.
    fn tell_enough(&self) -> bool {
        self.valid || self.held_back == self.under_way
    }
}

/// A target that is under way, until this is dropped.
pub struct UnderWay<'a>(Counted<'a>);

/// One of a number, until it is dropped.
struct Counted<'a> {
    dates: &'a Dates,
    number: fn(&mut Counts) -> &mut usize,
}

impl Dates {
    /// A target begins.
    pub fn begin(&self) -> UnderWay<'_> {
        UnderWay(self.count(|counts| &mut counts.under_way))
    }

    fn count(&self, number: fn(&mut Counts) -> &mut usize) -> Counted<'_> {
        self.0.send_modify(|counts| *number(counts) += 1);
        Counted { dates: self, number }
    }
}

impl UnderWay<'_> {
    /// Returns when the target can be judged: at once, unless its certificates are out of date and
    /// it is not known yet what others show.
    pub async fn can_be_judged(&self, target: &TargetObservation) {
        let at = target.observed_at;
        let valid = target.endpoints.iter().any(|endpoint| is_valid(endpoint, at));
        let out_of_date = target.endpoints.iter().any(|endpoint| is_out_of_date(endpoint, at));
        let dates = self.0.dates;
        dates.0.send_modify(|counts| counts.valid |= valid);
        if out_of_date && target.complete {
            let _held_back = dates.count(|counts| &mut counts.held_back);
            let mut until = Instant::now() + LONGEST;
            dates.0.send_modify(|counts| until = *counts.until.get_or_insert(until));
            let mut told = dates.0.subscribe();
            // Whether it was told or the time is up: it is judged by what there is.
            let _ = timeout_at(until, told.wait_for(Counts::tell_enough)).await;
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.dates.0.send_modify(|counts| *(self.number)(counts) -= 1);
    }
}

/// Whether an endpoint's certificate is out of date by this machine's clock.
pub(super) fn is_out_of_date(endpoint: &EndpointObservation, at: OffsetDateTime) -> bool {
    let tls = endpoint.conversation().and_then(|seen| seen.tls.as_ref());
    tls.and_then(|tls| tls.chain.first()).is_some_and(|leaf| {
        leaf.not_before.is_some_and(|begin| at < begin)
            || leaf.not_after.is_some_and(|end| end < at)
    })
}

/// Whether a trusted certificate is valid by it; of others nobody knows who dated them.
pub(super) fn is_valid(endpoint: &EndpointObservation, at: OffsetDateTime) -> bool {
    let tls = endpoint.conversation().and_then(|seen| seen.tls.as_ref());
    let trusted = tls.and_then(|tls| tls.path.as_ref()).is_some_and(|path| path.trusted);
    trusted && !is_out_of_date(endpoint, at)
}

/// Whether a server states the time of this clock in its greeting.
pub(super) fn states_the_time(endpoint: &EndpointObservation, at: OffsetDateTime) -> bool {
    let stated = endpoint.conversation().and_then(|seen| seen.smtp.stated_time);
    stated.is_some_and(|time| (time - at).abs() < CLOCKS_DIFFER)
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::names::Target;
    use crate::observation::{
        CertificateFacts, ConnectOutcome, Conversation, DnsObservation, Ending, PathVerdict, Probe,
        Reply, TlsFacts,
    };
    use crate::port::{Mode, Requirement, Role};

    pub const NOW: OffsetDateTime = time::macros::datetime!(2026-11-26 12:00 UTC);

    /// A target whose certificate ends so many days from now.
    pub fn target(days: i64) -> TargetObservation {
        let end = NOW + time::Duration::days(days);
        let leaf = CertificateFacts { not_after: Some(end), ..CertificateFacts::default() };
        let path = PathVerdict { trusted: days > 0, untrusted_because: None, error: None };
        let version = Some("TLS 1.3".to_owned());
        let tls = TlsFacts { version, chain: vec![leaf], path: Some(path), ..TlsFacts::default() };
        let ending = Some(Ending::Completed);
        let mut seen = Conversation { tls: Some(tls), ending, ..Conversation::default() };
        seen.connect.outcome = ConnectOutcome::Connected;
        seen.smtp.greeting = Some(Reply { code: 220, ..Reply::default() });
        let endpoint = EndpointObservation {
            role: Role::Host,
            host: crate::names::Host::parse("192.0.2.1").expect("an address"),
            preference: None,
            address: [192, 0, 2, 1].into(),
            port: 587,
            mode: Mode::Starttls,
            requirement: Requirement::Required,
            probe: Probe::Dialled(seen.into()),
        };
        TargetObservation {
            input: "192.0.2.1".to_owned(),
            target: Target::parse("192.0.2.1").expect("a target"),
            observed_at: NOW,
            duration: Duration::ZERO.into(),
            complete: true,
            unfinished: Vec::new(),
            dns: DnsObservation::default(),
            endpoints: vec![endpoint],
        }
    }

    /// How long a target is held back whose certificate has expired, while others end meanwhile, one
    /// a second.
    async fn held_back(others: &[i64]) -> Duration {
        let dates = Dates::default();
        let begun = Instant::now();
        let expired = dates.begin();
        let under_way: Vec<_> = others.iter().map(|days| (dates.begin(), target(*days))).collect();
        let rest = async {
            let end = under_way.into_iter().enumerate().map(|(at, (other, target))| async move {
                sleep(Duration::from_millis(1000 * at as u64 + 1000)).await;
                other.can_be_judged(&target).await;
            });
            futures_util::future::join_all(end).await;
        };
        let expired_target = target(-1);
        let judged = async {
            expired.can_be_judged(&expired_target).await;
            begun.elapsed()
        };
        tokio::join!(judged, rest).0
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_out_of_date_waits_until_others_tell_why() {
        for (others, seconds, why) in [
            (&[][..], 0, "nothing else is under way"),
            (&[90, -1, -1, -1], 1, "a valid certificate speaks for this clock"),
            (&[-1, -1, -1, 90], 4, "a valid one comes after many that are not"),
            (&[-1, -1], 2, "all are held back"),
            (&[-1; 9], 5, "the time is up"),
        ] {
            assert_eq!(held_back(others).await.as_secs(), seconds, "{why}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_for_ever_and_what_is_valid_not_at_all() {
        let dates = Dates::default();
        let (_slow, expired, valid) = (dates.begin(), dates.begin(), dates.begin());
        let begun = Instant::now();
        expired.can_be_judged(&target(-1)).await;
        assert_eq!(begun.elapsed(), LONGEST);
        let begun = Instant::now();
        dates.begin().can_be_judged(&target(-1)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "a list waits once, and not for each");
        let interrupted = TargetObservation { complete: false, ..target(-1) };
        let begun = Instant::now();
        expired.can_be_judged(&interrupted).await;
        valid.can_be_judged(&target(90)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
