//! Where the paths to two ports of one address part. No sockets and no clock.
//!
//! Knows what two ladders can and cannot show: a packet that is not heard of any more stopped at
//! the last hop that answered or on the way to the next. Must not know whose fault that is; go on
//! with [`diagnosis`](crate::diagnosis), which also has the words.

use std::net::IpAddr;

use super::ladder::returning;
use crate::observation::{IcmpMessage, PathEnd, PathObservation};

/// A hop that answered.
pub type Heard = (u8, IpAddr);

/// Where a path parts from its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// Both are answered at the same distance.
    Nowhere,
    /// One is answered nearer than the other.
    Nearer {
        /// Its distance.
        at: u8,
        /// The reference's.
        reference: u8,
        /// The answer is a reset; else it is a connection.
        refused: bool,
    },
    /// It falls silent.
    Silent {
        /// The last hop that answered; absent where none did.
        after: Option<Heard>,
        /// The next TTL at which the reference was answered; absent where it got no farther.
        before: Option<Beyond>,
    },
    /// It falls silent because a router comes back again and again.
    Circle(IpAddr),
    /// An ICMP message turns it away.
    TurnedAway(IcmpMessage, Sender),
}

/// A hop that only the reference shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Its TTL and its address.
    pub heard: Heard,
    /// It is what answered the reference: the server, for all that is known.
    pub is_end: bool,
}

/// Who sent an ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// This machine.
    Own,
    /// The address that was dialled.
    Target,
    /// A hop that one of the two ladders shows.
    Hop(u8),
    /// Somebody whose place is not known.
    Elsewhere,
}

/// The path with which the others of one address are compared: that which was answered, and of
/// several the farthest, since whatever answers nearer may not be the server. Where none was
/// answered, the one that shows most.
pub fn reference(paths: &[PathObservation]) -> Option<&PathObservation> {
    // Of equals the last would win, and the user's order counts.
    paths.iter().rev().max_by_key(|path| {
        let connected = path.end == PathEnd::Connected;
        (path.own_distance(), connected, farthest(path).map(|(ttl, _)| ttl))
    })
}

/// Where `path` parts from `reference`, another port of the same address or itself.
pub fn parting(path: &PathObservation, reference: &PathObservation) -> Parting {
    match path.end {
        PathEnd::IcmpUnreachable(icmp) => Parting::TurnedAway(icmp, sender(icmp, path, reference)),
        PathEnd::Connected | PathEnd::Refused => {
            let at = path.distance().unwrap_or_default();
            match reference.own_distance() {
                Some(farther) if farther > at => Parting::Nearer {
                    at,
                    reference: farther,
                    refused: path.end == PathEnd::Refused,
                },
                _ => Parting::Nowhere,
            }
        }
        PathEnd::Silence => match circle(path, reference) {
            Some(router) => Parting::Circle(router),
            None => {
                let after = farthest(path);
                let last = after.map_or(0, |(ttl, _)| ttl);
                Parting::Silent { after, before: next_beyond(last, reference) }
            }
        },
    }
}

/// The nearest hop at which a time-exceeded bears the address that was dialled, while the
/// reference shows another or none there: something at or before it rewrites addresses.
pub fn rewritten_at(path: &PathObservation, reference: &PathObservation) -> Option<u8> {
    let own = |heard: &Heard| heard.1 == path.address;
    let (ttl, _) = path.routers().find(own)?;
    (!reference.routers().any(|heard| heard == (ttl, path.address))).then_some(ttl)
}

/// Whether a port is open or refused at the distance at which the server is, for all that `paths`,
/// those to its address, show. A reset alone does not show that: it may come from anywhere.
pub fn answers_itself<'a>(
    path: &PathObservation,
    paths: impl Iterator<Item = &'a PathObservation> + Clone,
) -> bool {
    let farthest = paths.clone().filter_map(PathObservation::own_distance).max();
    let from_there = path.own_distance() == farthest;
    match path.end {
        PathEnd::Connected => from_there,
        PathEnd::Refused => from_there && paths.clone().any(|p| p.end == PathEnd::Connected),
        PathEnd::IcmpUnreachable(_) | PathEnd::Silence => false,
    }
}

/// The router that comes back. A path that falls silent among the routers of the reference's circle
/// goes round in it too: they answer only so often.
fn circle(path: &PathObservation, reference: &PathObservation) -> Option<IpAddr> {
    let of_reference = returning(reference.routers(), reference.address);
    let last = farthest(path).map(|(_, address)| address);
    let repeats = |address| reference.routers().filter(|(_, a)| Some(*a) == address).count() > 1;
    of_reference.filter(|_| repeats(last)).or_else(|| returning(path.routers(), path.address))
}

fn farthest(path: &PathObservation) -> Option<Heard> {
    path.routers().next_back()
}

fn next_beyond(last: u8, reference: &PathObservation) -> Option<Beyond> {
    let beyond = reference.hops.iter().filter(|hop| hop.ttl > last);
    let (ttl, address) = beyond.filter_map(|hop| Some((hop.ttl, hop.address?))).next()?;
    // An ICMP message came from somewhere; what TTL it took says nothing about where.
    let is_end = Some(ttl) == reference.distance();
    match is_end && reference.own_distance().is_none() {
        true => None,
        false => Some(Beyond { heard: (ttl, address), is_end }),
    }
}

fn sender(icmp: IcmpMessage, path: &PathObservation, reference: &PathObservation) -> Sender {
    let mut routers = path.routers().chain(reference.routers());
    match icmp.from {
        from if Some(from) == path.local => Sender::Own,
        from if from == path.address => Sender::Target,
        from => match routers.find(|(_, address)| *address == from) {
            Some((ttl, _)) => Sender::Hop(ttl),
            None => Sender::Elsewhere,
        },
    }
}

#[cfg(test)]
mod tests;
