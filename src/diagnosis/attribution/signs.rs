//! The signs about one port: what the table asks, and nothing else.
//!
//! Knows no observation and no verdict: [`evidence`](super::evidence) reads the signs,
//! [`table`](super::table) decides by them.

/// What happened to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing came back.
    Silence,
    /// A reset came.
    Reset,
    /// A rule refused it with ICMP.
    Refused(Sender),
    /// A router, or this machine, says that there is no way.
    Unreachable { own: bool },
    /// This machine's routing table has no way.
    NoRoute,
    /// The kernel of this machine refused the call.
    Denied,
    /// The connection was made.
    Connected(Broken),
}

/// Who sent an ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// This machine.
    Own,
    /// The address that was dialled.
    Target,
    /// A router.
    Router,
}

/// What was wrong with a conversation, as far as the way to the server may be the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Nothing that the way can do.
    Not,
    /// It was swallowed or cut before TLS.
    Dialogue,
    /// The handshake stalled or was cut.
    Handshake,
    /// The handshake stalled, and with small segments it did not.
    LargePackets,
}

/// Where the packets of a port stop, or who turns them away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the first router was heard of.
    Here,
    /// At a hop with a private or shared address on this side, or just before it.
    OwnNetwork,
    /// At a public hop that the ways to unrelated servers share, or just before it.
    Shared,
    /// Between hops beyond this side, more than one before the server.
    Beyond,
    /// At the last hop before the server or just before it, and beyond this side.
    LastHop,
    /// Behind the last hop before the server.
    Server,
    /// The ladders do not show it.
    Unknown,
}

/// What the table asks about one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// What happened.
    pub event: Event,
    /// Where.
    pub place: Place,
    /// The hop before that place is beyond this side as well.
    pub comes_from_beyond: bool,
    /// A ladder to the same address shows it, or the sender of an ICMP message is on a ladder.
    pub own_ladder: bool,
    /// A ladder to another server shows where that one's packets stop, on the same port.
    pub another_is_traced: bool,
    /// Operators of controls, unrelated to the server and to each other, whose servers show the same
    /// on the same port (for a handshake: on any port).
    pub alike: usize,
    /// One of them is known to answer on another port.
    pub alike_alive: bool,
    /// Operators whose servers get through there.
    pub passing: usize,
    /// A packet of the ladder was answered, though the connection was waited for in vain.
    pub answered_once: bool,
    /// The same address answers on another port.
    pub host_answers: bool,
    /// A connection to this machine's own address is swallowed as well.
    pub self_probe_silent: bool,
    /// The answer came from nearer than the server.
    pub nearer: bool,
    /// What else speaks for something that answers in the server's place.
    pub intercepted: Intercepted,
}

/// Signs of something that answers in the server's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intercepted {
    /// A connection to this machine's own address is answered with the very same greeting.
    pub answered_here: bool,
    /// Operators of unrelated servers that greet with the very same words.
    pub same_greeting: usize,
    /// An unrelated server is answered from nearer than it is, too, and from the same distance,
    /// which lies on this side.
    pub nearer_alike: bool,
    /// A hop on this side answers under the server's address.
    pub rewritten: bool,
    /// Operators of servers known to be good that offer no STARTTLS here, where this one offers
    /// none either.
    pub without_starttls: usize,
}
