//! Where packets to a port stop, and on whose side of the path that is. No sockets and no clock.
//!
//! Knows what several ladders show together: hops that the ways to unrelated servers share are on
//! this side, whoever owns them. Must not know who is to blame for a cut; go on with
//! [`diagnosis`](crate::diagnosis), which also asks what other servers show.

use std::net::IpAddr;

use super::compare::{self, Heard, Parting};
use crate::address::{self, AddressKind};
use crate::observation::PathObservation;

/// Where packets to a port stop: between two hops, as far as ladders show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The last hop that they reached; absent where none answered.
    pub after: Option<Heard>,
    /// What comes next on the way.
    pub next: Next,
    /// The port of the ladder that passes the cut.
    pub reference_port: u16,
    /// That ladder leads to the same address, so nothing but the port differs.
    pub own_reference: bool,
    /// The distance at which the same address is known to answer on another port.
    pub distance: Option<u8>,
}

/// What comes behind a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A hop on this side of the path.
    OnYourSide(Heard),
    /// A hop beyond it, and more than one before the server.
    Beyond(Heard),
    /// The last hop before the server, and beyond this side.
    LastHop(Heard),
    /// The server itself.
    Server(u8),
    /// Some hops before the next that is known answer nobody, or none is known.
    Unknown,
}

/// The ladders of a run, and which of the addresses that they lead to are unrelated.
pub struct Ladders<'a> {
    paths: &'a [PathObservation],
    unrelated: &'a dyn Fn(IpAddr, IpAddr) -> bool,
}

impl<'a> Ladders<'a> {
    /// All ladders of a run. `unrelated` tells whether two addresses belong to different operators.
    pub fn new(
        paths: &'a [PathObservation],
        unrelated: &'a dyn Fn(IpAddr, IpAddr) -> bool,
    ) -> Self {
        Self { paths, unrelated }
    }

    /// The ladder to a port.
    pub fn to(&self, address: IpAddr, port: u16) -> Option<&'a PathObservation> {
        self.paths.iter().find(|path| (path.address, path.port) == (address, port))
    }

    /// The ladder with which that to a port is compared: another port of the same address, the
    /// farthest that was answered.
    pub fn reference(&self, address: IpAddr, port: u16) -> Option<&'a PathObservation> {
        let others = self.paths.iter().filter(|p| p.address == address && p.port != port);
        // Of equals the last would win, and the first was chosen with more care.
        others.rev().max_by_key(|path| (path.own_distance(), path.routers().next_back()))
    }

    /// Where the packets of a ladder that ended in silence stop. `None` where no ladder passes.
    pub fn cut(&self, path: &PathObservation) -> Option<Cut> {
        let own = self.reference(path.address, path.port);
        let by_own = own.and_then(|reference| self.cut_by(path, reference, true));
        by_own.or_else(|| {
            let others = self.paths.iter().filter(|other| {
                other.address != path.address && other.address.is_ipv4() == path.address.is_ipv4()
            });
            let cuts = others.filter_map(|other| self.cut_by(path, other, false));
            // One whose next hop is known to be on this side says most.
            cuts.max_by_key(|cut| matches!(cut.next, Next::OnYourSide(_)))
        })
    }

    fn cut_by(
        &self,
        path: &PathObservation,
        reference: &PathObservation,
        own_reference: bool,
    ) -> Option<Cut> {
        let Parting::Silent { after, before } = compare::parting(path, reference) else {
            return None;
        };
        if !own_reference && !is_same_way(path, reference, after) {
            return None;
        }
        let before = before?;
        let distance = reference.own_distance().filter(|_| own_reference);
        let last = after.map_or(0, |(ttl, _)| ttl);
        let follows = before.heard.0 == last + 1;
        let next = match before.is_end {
            // The end of the way to somebody else says nothing about this one's.
            true if !own_reference => return None,
            true if follows => Next::Server(before.heard.0),
            true => Next::Unknown,
            // Hops between that answer nobody are nearer still.
            false if self.is_on_your_side(before.heard) => Next::OnYourSide(before.heard),
            false if !own_reference => Next::Unknown,
            false => match distance {
                Some(distance) if before.heard.0 + 1 < distance => Next::Beyond(before.heard),
                Some(_) if follows => Next::LastHop(before.heard),
                _ => Next::Unknown,
            },
        };
        Some(Cut { after, next, reference_port: reference.port, own_reference, distance })
    }

    /// Whether a hop is on this side of the path: the ways to two unrelated servers share it or a
    /// farther one, or no public hop comes before it on the way to a public address.
    pub fn is_on_your_side(&self, hop: Heard) -> bool {
        self.paths
            .iter()
            .any(|path| path.routers().any(|known| known == hop) && self.depth(path) >= hop.0)
    }

    /// Whether a hop is in the run of private and shared addresses with which a way to a public
    /// address begins: whoever has it, it is no public router.
    pub fn is_in_own_network(&self, hop: Heard) -> bool {
        let has = |path: &PathObservation| path.routers().any(|known| known == hop);
        self.paths.iter().any(|path| own_network(path) >= hop.0 && has(path))
    }

    /// The last TTL of a path that is on this side. The first hop always is: it is this machine's
    /// own gateway.
    pub fn depth(&self, path: &PathObservation) -> u8 {
        let unrelated = |other: &&PathObservation| {
            other.address.is_ipv4() == path.address.is_ipv4()
                && (self.unrelated)(path.address, other.address)
        };
        let shared = self.paths.iter().filter(unrelated).filter_map(|other| shared(path, other));
        shared.chain([1, own_network(path)]).max().unwrap_or(1)
    }
}

/// Whether the way to somebody else is the same as far as `path` was heard of. Two that begin at
/// different addresses of this machine leave it by different doors.
fn is_same_way(path: &PathObservation, other: &PathObservation, after: Option<Heard>) -> bool {
    if path.local.zip(other.local).is_some_and(|(one, other)| one != other) {
        return false;
    }
    match after {
        Some(last) => other.routers().any(|hop| hop == last) || path.address == last.1,
        // Out of this network every way leads through the gateway; to a neighbour none does.
        None => address::is_public(path.address),
    }
}

/// The last hop that two ways share.
fn shared(one: &PathObservation, other: &PathObservation) -> Option<u8> {
    // A hop that bears the address of the server is none: something rewrites addresses there.
    let mut hops = one.routers().filter(|(_, address)| *address != one.address).rev();
    hops.find(|hop| other.routers().any(|known| known == *hop)).map(|(ttl, _)| ttl)
}

/// The last hop of the run of private and shared addresses (RFC 1918, RFC 4193, RFC 6598) that a
/// way to a public address begins with.
fn own_network(path: &PathObservation) -> u8 {
    if !address::is_public(path.address) {
        return 0;
    }
    let private = |(_, address): &Heard| {
        let kind = address::kind(*address);
        matches!(kind, AddressKind::Private | AddressKind::Shared | AddressKind::LinkLocal)
    };
    path.routers().take_while(private).last().map_or(0, |(ttl, _)| ttl)
}

#[cfg(test)]
mod tests;
