//! The look at a server whose handshake failed for a reason that it does not say: what would it
//! choose from a wider offer?
//!
//! Knows when that is worth a second connection and how to get to where TLS begins. Must not know
//! what an answer means.

use std::time::Duration;

use tokio::time::Instant;

use super::Probing;
use super::endpoint::{SECOND_LOOK, Spot};
use super::progress::{Step, UnderWay};
use crate::deadline::Deadline;
use crate::net::connector::BoxedStream;
use crate::net::drive;
use crate::observation::{Conversation, SecondLook, TlsErrorKind, TlsFacts, WiderOffer};
use crate::smtp::Dialogue;
use crate::tls;

/// The alerts with which servers refuse a ClientHello that offers nothing to their liking:
/// handshake_failure, illegal_parameter, decode_error, protocol_version, insufficient_security,
/// internal_error and missing_extension. The others say what they are about: a name, a certificate,
/// a permission.
const WITHOUT_REASON: [u8; 7] = [40, 47, 50, 70, 71, 80, 109];

impl Probing {
    /// Makes a wider offer where a handshake failed without a reason, in its turn. Never where the
    /// server had put us off: it has seen two connections already.
    pub(super) async fn look_wider(
        &self,
        spot: &Spot,
        seen: &Conversation,
        under_way: &UnderWay,
    ) -> Option<SecondLook> {
        if seen.put_off.is_some() || !seen.tls.as_ref().is_some_and(is_without_reason) {
            return None;
        }
        under_way.at(Step::LookingAgain);
        let _turn = self.places.turn(&spot.host, spot.to, false).await;
        let _permit = self.jobs.clone().acquire_owned().await.ok();
        self.rate.next().await;
        // The way to where TLS begins takes what it took before; only the look itself is new.
        let limit = SECOND_LOOK + Duration::from_secs_f64(seen.timings.total.as_secs());
        let limit = limit.min(self.plan.timeout);
        let trust = &self.effects.trust;
        let (stream, deadline) = self.where_tls_begins(spot, limit).await?;
        let mut offer = tls::offer_wider(trust, &spot.host, stream, deadline).await?;
        if let WiderOffer::Chosen(choice) = &mut offer
            && choice.leaves_schemes_open()
            && let Some((stream, deadline)) = self.where_tls_begins(spot, limit).await
        {
            tls::offer_more_schemes(trust, &spot.host, choice, stream, deadline).await;
        }
        Some(SecondLook::WiderOffer(offer))
    }

    /// A new connection, led through the dialogue to where the server expects a ClientHello, and
    /// when the look ends that takes no longer than `limit` with all of it.
    async fn where_tls_begins(
        &self,
        spot: &Spot,
        limit: Duration,
    ) -> Option<(BoxedStream, Deadline)> {
        let start = Instant::now();
        let mut deadline = Deadline::at(start + limit);
        let (connect, stream) = self.dial(spot, limit, None).await.ok()?;
        let mut dialogue = Dialogue::new(spot.mode, self.helo_for(&connect), start.elapsed());
        let stream = drive::up_to_tls(stream?, &mut dialogue, start, &mut deadline).await?;
        Some((stream, deadline))
    }
}

/// Whether an alert was the first thing that came, and one of those that say nothing; or nothing
/// came, and the connection was closed, as servers in Python do it for whatever reason.
fn is_without_reason(tls: &TlsFacts) -> bool {
    match tls.first_bytes.as_slice() {
        [] => tls
            .error
            .as_ref()
            .is_some_and(|error| matches!(error.kind, TlsErrorKind::Closed | TlsErrorKind::Reset)),
        [21, 3, _, 0, 2, _level, alert, ..] => {
            tls.error.is_some() && tls.chain.is_empty() && WITHOUT_REASON.contains(alert)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::TlsError;

    fn failed(first_bytes: &[u8]) -> TlsFacts {
        let error = TlsError { kind: TlsErrorKind::Alert, text: String::new() };
        TlsFacts { error: Some(error), first_bytes: first_bytes.to_vec(), ..TlsFacts::default() }
    }

    #[test]
    fn only_an_end_without_a_reason_is_worth_a_second_connection() {
        for alert in WITHOUT_REASON {
            assert!(is_without_reason(&failed(&[21, 3, 3, 0, 2, 2, alert])), "{alert}");
        }
        // unrecognized_name, access_denied and certificate_required say it all.
        for alert in [112, 49, 116, 42, 0] {
            assert!(!is_without_reason(&failed(&[21, 3, 3, 0, 2, 2, alert])), "{alert}");
        }
        for other in [&b""[..], b"454 no", &[22, 3, 1, 0, 2, 2, 40], &[21, 3, 3, 0, 2, 2]] {
            assert!(!is_without_reason(&failed(other)), "{other:?}");
        }
        let ended = |kind| TlsFacts {
            error: Some(TlsError { kind, text: String::new() }),
            ..TlsFacts::default()
        };
        assert!(is_without_reason(&ended(TlsErrorKind::Closed)));
        assert!(is_without_reason(&ended(TlsErrorKind::Reset)));
        assert!(!is_without_reason(&ended(TlsErrorKind::TimedOut)));
        assert!(!is_without_reason(&TlsFacts::default()));
        let succeeded = TlsFacts { error: None, ..failed(&[21, 3, 3, 0, 2, 1, 40]) };
        assert!(!is_without_reason(&succeeded));
    }
}
