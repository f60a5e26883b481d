//! The ladder: which TTL is tried when, and when it is enough. No sockets and no clock.
//!
//! Knows what routers and servers put up with: Linux routers send a client six time-exceeded at
//! once and then one a second, and a server is not to be knocked at more than twice. Must not know
//! how a packet is sent or what a path means: [`walk`](super::walk) carries the steps out and
//! [`compare`](super::compare) reads the result.

use std::net::IpAddr;
use std::time::Duration;

use crate::observation::{Hop, IcmpMessage, Millis, PathEnd};

/// TTLs under way at once. Half of what a router answers in one go, so that a loop or a filter
/// that answers for several TTLs is still heard.
const WINDOW: usize = 4;
/// TTLs under way at once that may reach the server, and so the most connections that it sees.
const WINDOW_AT_SERVER: usize = 2;
/// No path of the Internet is longer; a ladder that gets here goes round in circles.
const MOST_HOPS: u8 = 30;
/// Sockets a TTL.
const MOST_TRIES: u8 = 2;
/// How long a socket stays open: less than the second after which the kernel repeats its SYN, so
/// that one socket is one packet.
pub const PATIENCE: Duration = Duration::from_millis(900);
/// From the end of a silent try to the next. With [`PATIENCE`] more than 1.1 s lie between two
/// packets of a TTL, and the router may speak again.
const REST: Duration = Duration::from_millis(250);
/// An answer that is this late keeps no other TTL waiting; three times the slowest answer so far
/// counts where that is more. The socket stays open all the same.
const LATE: Duration = Duration::from_millis(300);
/// Silent TTLs behind the server's distance that end a ladder: routes of different ports may
/// differ by a hop or two.
const SILENT_BEHIND_REFERENCE: u8 = 2;
/// Silent TTLs in a row that end a ladder where the server's distance is not known. Runs of two or
/// three routers that answer nobody are common (tunnels, provider cores), longer ones are rare,
/// and every one costs the user half a second.
const SILENT_IN_A_ROW: u8 = 4;
/// Silent TTLs in a row, of which the reference's ladder was answered at two or more, that end a
/// brief ladder: the port's packets have stopped before them.
const SILENT_WHERE_REFERENCE_IS_HEARD: u8 = 4;
/// How often an address may come back, with others between, before the path is a loop.
const LOOP: usize = 3;

/// What came of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// This router let the packet's time run out.
    TimeExceeded(IpAddr),
    /// Something that is no router on the way answered.
    Answer(PathEnd),
    /// Nothing came while the socket was open.
    Nothing,
}

impl Seen {
    /// What an ICMP message is to a ladder.
    pub fn of_icmp(icmp: IcmpMessage) -> Self {
        // Code 0 is the TTL; code 1 is about fragments.
        match (icmp.from, icmp.kind, icmp.code) {
            (IpAddr::V4(_), 11, 0) | (IpAddr::V6(_), 3, 0) => Self::TimeExceeded(icmp.from),
            _ => Self::Answer(PathEnd::IcmpUnreachable(icmp)),
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a packet with this TTL, and say so with [`Ladder::sent`].
    Probe(u8),
    /// Wait for an outcome, and at the longest until this instant, where there is one.
    Wait(Option<Duration>),
    /// It is enough. What is still under way can be closed.
    Done,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rung {
    tries: u8,
    /// When the try that is under way began.
    under_way: Option<Duration>,
    /// When the last try ended in silence.
    silent_at: Duration,
    seen: Option<(Seen, Millis)>,
}

/// What the ladders of other ports of the same address show so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reference {
    /// The distance at which another port answered; the farthest one counts, as whatever answers
    /// nearer may not be the server.
    pub distance: Option<u8>,
    /// The TTLs at which anything was heard: bit `n` stands for TTL `n`.
    pub heard: u32,
    /// The slowest answer.
    pub slowest: Millis,
}

impl Reference {
    /// Adds what one ladder shows.
    pub fn add(&mut self, other: Self) {
        self.distance = self.distance.max(other.distance);
        self.heard |= other.heard;
        if other.slowest > self.slowest {
            self.slowest = other.slowest;
        }
    }
}

/// One ladder. All instants count from a moment that the caller chooses.
#[derive(Clone, Debug)]
pub struct Ladder {
    target: IpAddr,
    /// Only where the path stops is of interest, and soon.
    brief: bool,
    reference: Reference,
    /// The rung at index 0 is TTL 1.
    rungs: Vec<Rung>,
}

impl Ladder {
    /// A ladder to an address that goes on for as long as it may show something.
    pub fn new(target: IpAddr) -> Self {
        Self { target, brief: false, reference: Reference::default(), rungs: Vec::new() }
    }

    /// A ladder that ends as soon as it shows where the path stops.
    pub fn brief(target: IpAddr) -> Self {
        Self { brief: true, ..Self::new(target) }
    }

    /// Other ports of the same address have shown this.
    pub fn refer_to(&mut self, reference: Reference) {
        self.reference.add(reference);
    }

    /// What this ladder shows to those of other ports: the TTLs at which it was answered, and how
    /// slowly. Its distance is the caller's to tell, once the path has ended.
    pub fn shows(&self) -> Reference {
        let heard = |(rung, ttl): (&Rung, u8)| rung.seen.map(|_| 1u32 << ttl);
        let heard = self.rungs.iter().zip(1u8..).filter_map(heard).fold(0, |all, bit| all | bit);
        Reference { distance: None, heard, slowest: self.slowest() }
    }

    /// What to do now.
    pub fn next(&self, now: Duration) -> Step {
        if returning(self.routers(), self.target).is_some() {
            return Step::Done;
        }
        let answered = self.answered();
        let top = match answered {
            // Nothing beyond an answer is asked, and below it only whether something nearer is.
            Some(ttl) => ttl - 1,
            None => self.last_to_try(),
        };
        let late = self.late();
        let is_late = |since: Duration| now >= since + late;
        let (mut window, mut at_server, mut settled) = (0, 0, true);
        let (mut fresh, mut again, mut wake) = (None, None, None);
        let mut wake_at = |at: Duration| wake = Some(wake.map_or(at, |w: Duration| w.min(at)));
        for ttl in 1..=top {
            let rung = self.rung(ttl);
            match (rung.under_way, rung.tries) {
                _ if rung.seen.is_some() => {}
                (None, 0) => {
                    settled = false;
                    fresh = fresh.or(Some(ttl));
                }
                (Some(since), tries) => {
                    at_server += usize::from(self.may_reach_server(ttl));
                    // A second try that is late changes nothing any more below an answer, nor
                    // where all that matters is where the path stops.
                    settled &=
                        (answered.is_some() || self.brief) && tries == MOST_TRIES && is_late(since);
                    if !is_late(since) {
                        window += 1;
                        wake_at(since + late);
                    }
                }
                (None, _) if self.deserves_another(ttl, rung) => {
                    settled = false;
                    match rung.silent_at + REST {
                        due if due <= now => again = again.or(Some(ttl)),
                        due => wake_at(due),
                    }
                }
                (None, _) => {}
            }
        }
        if settled {
            return Step::Done;
        }
        let may = |ttl: &u8| {
            window < WINDOW && (!self.may_reach_server(*ttl) || at_server < WINDOW_AT_SERVER)
        };
        // How far the path goes is worth more than a name for a silent hop.
        match fresh.filter(may).or(again.filter(may)) {
            Some(ttl) => Step::Probe(ttl),
            None => Step::Wait(wake),
        }
    }

    /// A packet with this TTL has left.
    pub fn sent(&mut self, ttl: u8, now: Duration) {
        let rung = self.rung_mut(ttl);
        rung.tries += 1;
        rung.under_way = Some(now);
    }

    /// What came of it, and how long that took on the wire.
    pub fn learn(&mut self, ttl: u8, seen: Seen, took: Millis, now: Duration) {
        let rung = self.rung_mut(ttl);
        rung.under_way = None;
        match seen {
            Seen::Nothing => rung.silent_at = now,
            seen => rung.seen = Some((seen, took)),
        }
    }

    /// Every TTL that was tried, up to the first answer, and how the path ended.
    pub fn result(&self) -> (Vec<Hop>, PathEnd) {
        let answered = self.answered();
        let tried = self.rungs.iter().zip(1u8..).filter(|(rung, _)| rung.tries > 0);
        let hops = tried.take_while(|(_, ttl)| answered.is_none_or(|end| *ttl <= end));
        let hops = hops.map(|(rung, ttl)| {
            let address = rung.seen.and_then(|(seen, _)| match seen {
                Seen::TimeExceeded(from) => Some(from),
                Seen::Answer(PathEnd::IcmpUnreachable(icmp)) => Some(icmp.from),
                Seen::Answer(_) => Some(self.target),
                Seen::Nothing => None,
            });
            Hop { ttl, address, rtt: rung.seen.map(|(_, rtt)| rtt) }
        });
        let end = answered.and_then(|ttl| self.rung(ttl).seen).map(|(seen, _)| seen);
        match end {
            Some(Seen::Answer(end)) => (hops.collect(), end),
            _ => (hops.collect(), PathEnd::Silence),
        }
    }

    fn rung(&self, ttl: u8) -> Rung {
        self.rungs.get(usize::from(ttl) - 1).copied().unwrap_or_default()
    }

    fn rung_mut(&mut self, ttl: u8) -> &mut Rung {
        let at = usize::from(ttl.max(1)) - 1;
        if self.rungs.len() <= at {
            self.rungs.resize(at + 1, Rung::default());
        }
        &mut self.rungs[at]
    }

    fn routers(&self) -> impl DoubleEndedIterator<Item = (u8, IpAddr)> {
        self.rungs.iter().enumerate().filter_map(|(at, rung)| match rung.seen {
            Some((Seen::TimeExceeded(from), _)) => Some((at as u8 + 1, from)),
            _ => None,
        })
    }

    /// The smallest TTL at which something answered that is no router on the way.
    fn answered(&self) -> Option<u8> {
        let is_answer = |rung: &Rung| matches!(rung.seen, Some((Seen::Answer(_), _)));
        self.rungs.iter().position(is_answer).map(|at| at as u8 + 1)
    }

    /// The farthest router that was heard.
    fn farthest(&self) -> u8 {
        self.routers().next_back().map_or(0, |(ttl, _)| ttl)
    }

    fn last_to_try(&self) -> u8 {
        let farthest = self.farthest();
        let last = match self.reference.distance {
            // A path that is heard of at the reference's distance goes on: whatever answered the
            // reference there is not the server.
            Some(distance) if self.brief && farthest >= distance => farthest + SILENT_IN_A_ROW,
            Some(distance) if self.brief => distance,
            Some(distance) => distance.max(farthest) + SILENT_BEHIND_REFERENCE,
            None => farthest + SILENT_IN_A_ROW,
        };
        let stop = farthest + SILENT_WHERE_REFERENCE_IS_HEARD;
        let beyond = (self.reference.heard >> (farthest + 1)).count_ones();
        match self.brief && beyond >= 2 {
            true => last.min(stop).min(MOST_HOPS),
            false => last.min(MOST_HOPS),
        }
    }

    /// Whether a packet with this TTL may get as far as the server, for all that is known.
    fn may_reach_server(&self, ttl: u8) -> bool {
        ttl > self.farthest() && self.reference.distance.is_none_or(|distance| ttl >= distance)
    }

    /// Whether a silent TTL is tried again. Behind the reference's distance it is not: those TTLs
    /// are themselves further tries of reaching the server.
    fn deserves_another(&self, ttl: u8, rung: Rung) -> bool {
        rung.tries < MOST_TRIES && self.reference.distance.is_none_or(|distance| ttl <= distance)
    }

    fn late(&self) -> Duration {
        let slowest = self.slowest().as_secs().max(self.reference.slowest.as_secs());
        Duration::try_from_secs_f64(3.0 * slowest).unwrap_or(PATIENCE).clamp(LATE, PATIENCE)
    }

    fn slowest(&self) -> Millis {
        let rtts = self.rungs.iter().filter_map(|rung| rung.seen).map(|(_, rtt)| rtt.0);
        Millis(rtts.fold(0.0, f64::max))
    }
}

/// A router that comes back again and again, with others between: the path is a loop. The target's
/// own address is none: behind a router that rewrites addresses every hop may bear it.
pub fn returning(routers: impl Iterator<Item = (u8, IpAddr)>, target: IpAddr) -> Option<IpAddr> {
    let mut visits: Vec<(IpAddr, usize)> = Vec::new();
    let mut before = None;
    for (_, address) in routers.filter(|(_, address)| *address != target) {
        if before.replace(address) != Some(address) {
            match visits.iter_mut().find(|(known, _)| *known == address) {
                Some((_, times)) => *times += 1,
                None => visits.push((address, 1)),
            }
        }
    }
    visits.iter().find(|(_, times)| *times >= LOOP).map(|(address, _)| *address)
}

#[cfg(test)]
mod tests;
