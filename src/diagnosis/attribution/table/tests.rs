//! Each row by an example, and every combination of signs against the rules that no row may break.

use super::super::signs::Intercepted;
use super::*;

/// Nothing is known but that nothing came back.
const SILENCE_ALONE: Signs = Signs {
    event: Event::Silence,
    place: Place::Unknown,
    comes_from_beyond: false,
    own_ladder: false,
    another_is_traced: false,
    alike: 0,
    alike_alive: false,
    passing: 0,
    answered_once: false,
    host_answers: false,
    self_probe_silent: false,
    nearer: false,
    intercepted: Intercepted {
        answered_here: false,
        same_greeting: 0,
        nearer_alike: false,
        rewritten: false,
        without_starttls: 0,
    },
};

const NOTHING: Intercepted = SILENCE_ALONE.intercepted;

/// The port's own ladder shows where it stops, and two controls that are alive are as silent.
fn cut(place: Place) -> Signs {
    Signs { place, own_ladder: true, alike: 2, alike_alive: true, ..SILENCE_ALONE }
}

/// The port's own ladder shows where it stops, and two other operators' servers answer on it.
fn theirs(place: Place) -> Signs {
    Signs { place, own_ladder: true, passing: 2, host_answers: true, ..SILENCE_ALONE }
}

fn of(event: Event) -> Signs {
    Signs { event, ..SILENCE_ALONE }
}

fn refused_by_router(place: Place) -> Signs {
    Signs { event: Event::Refused(Sender::Router), place, ..SILENCE_ALONE }
}

fn connected(intercepted: Intercepted) -> Signs {
    Signs { event: Event::Connected(Broken::Not), intercepted, ..SILENCE_ALONE }
}

fn broken(broken: Broken, alike: usize) -> Signs {
    Signs { event: Event::Connected(broken), alike, ..SILENCE_ALONE }
}

/// Row, signs, verdict. A row may have several examples; none may have none.
fn examples() -> Vec<(&'static str, Signs, Verdict)> {
    use Verdict::{Closed, Passes, Swallowed};
    let swallowed = "swallowed on this machine";
    let this_side = "stops on this side, and nobody answers on the port";
    let unknown = "silent, and nothing shows where";
    let last_hop = "stops behind the last hop, and the port works elsewhere";
    let no_ladder = "no ladder shows it, and unrelated servers are as silent";
    let large = "large packets vanish, at unrelated servers, too";
    let handshakes = "every handshake dies";
    let open = LAST.name;
    let without_ladder = Signs { alike: 2, alike_alive: true, ..SILENCE_ALONE };
    let nearer = Signs { event: Event::Reset, nearer: true, own_ladder: true, ..SILENCE_ALONE };
    let near = |found| Signs { nearer: true, ..connected(found) };
    let silent = |by, confidence| {
        blocked(if by == Unknown { SILENT } else { FILTERED }, by, Silence, confidence)
    };
    let outbound = |by, confidence| blocked(OUTBOUND, by, Silence, confidence);
    vec![
        ("no route", of(Event::NoRoute), blocked(UNREACHABLE, ThisHost, Denied, Certain)),
        (
            "the kernel refuses the call",
            of(Event::Denied),
            blocked(OUTBOUND, ThisHost, Denied, Certain),
        ),
        (
            "refused in this machine's own name",
            of(Event::Refused(Sender::Own)),
            blocked(OUTBOUND, ThisHost, Icmp, Certain),
        ),
        (
            "unreachable, says a router or this machine's own kernel",
            of(Event::Unreachable { own: true }),
            blocked(UNREACHABLE, Unknown, Icmp, Guess),
        ),
        (
            swallowed,
            Signs { self_probe_silent: true, ..cut(Place::Here) },
            outbound(ThisHost, Likely),
        ),
        // The self-probe answers: a rule for the way out, or the router's.
        (this_side, cut(Place::Here), outbound(YourNetwork, Certain)),
        (this_side, cut(Place::OwnNetwork), outbound(YourNetwork, Certain)),
        (this_side, cut(Place::Shared), outbound(YourNetwork, Certain)),
        // With another host's ladder one control makes it likely, and without controls it is a
        // guess.
        (
            this_side,
            Signs { own_ladder: false, alike: 1, ..cut(Place::OwnNetwork) },
            outbound(YourNetwork, Likely),
        ),
        (
            this_side,
            Signs { alike_alive: false, ..cut(Place::OwnNetwork) },
            outbound(YourNetwork, Likely),
        ),
        (this_side, Signs { alike: 0, ..cut(Place::OwnNetwork) }, outbound(YourNetwork, Guess)),
        // Somebody answers on that port: it is no rule for the port.
        (unknown, Signs { passing: 1, ..cut(Place::OwnNetwork) }, silent(Unknown, Guess)),
        (
            unknown,
            Signs { passing: 1, self_probe_silent: true, ..cut(Place::Here) },
            silent(Unknown, Guess),
        ),
        (no_ladder, without_ladder, outbound(YourNetwork, Likely)),
        (
            "no ladder shows it, unrelated servers are as silent, and so is the self-probe",
            Signs { self_probe_silent: true, ..without_ladder },
            outbound(ThisHost, Guess),
        ),
        // One control that fails proves nothing, nor do two that may be dead.
        (unknown, Signs { alike: 1, ..without_ladder }, silent(Unknown, Guess)),
        (unknown, Signs { alike_alive: false, ..without_ladder }, silent(Unknown, Guess)),
        (unknown, Signs { another_is_traced: true, ..without_ladder }, silent(Unknown, Guess)),
        (last_hop, theirs(Place::Server), silent(TheirNetwork, Certain)),
        (
            last_hop,
            Signs { own_ladder: false, ..theirs(Place::Server) },
            silent(TheirNetwork, Likely),
        ),
        (
            "stops behind the last hop, and nobody else was asked",
            Signs { alike: 0, ..cut(Place::Server) },
            silent(TheirNetwork, Guess),
        ),
        // Controls that are as silent speak against the server, and the ladder for it.
        (unknown, cut(Place::Server), silent(Unknown, Guess)),
        (
            "stops at the last hop, well beyond this side, and the port works elsewhere",
            Signs { comes_from_beyond: true, ..theirs(Place::LastHop) },
            silent(TheirNetwork, Likely),
        ),
        // The hop before it is on this side and may have a rule for this destination.
        (unknown, theirs(Place::LastHop), silent(Unknown, Guess)),
        (
            "stops in between, well beyond this side, and the port works elsewhere",
            Signs { comes_from_beyond: true, ..theirs(Place::Beyond) },
            silent(Transit, Likely),
        ),
        (unknown, theirs(Place::Beyond), silent(Unknown, Guess)),
        (unknown, cut(Place::Beyond), silent(Unknown, Guess)),
        (
            "no ladder shows it, the host answers on another port, and the port works elsewhere",
            theirs(Place::Unknown),
            silent(TheirNetwork, Guess),
        ),
        // The host is down, or bans this address on every port.
        (unknown, Signs { host_answers: false, ..theirs(Place::Unknown) }, silent(Unknown, Guess)),
        (unknown, SILENCE_ALONE, silent(Unknown, Guess)),
        (
            "silent, and yet a packet of the ladder was answered",
            Signs { answered_once: true, ..without_ladder },
            silent(Unknown, Guess),
        ),
        (
            "reset from nearer than the server, here and at unrelated servers",
            Signs { alike: 1, ..nearer },
            blocked(OUTBOUND, YourNetwork, Reset, Certain),
        ),
        // Port-forwarding routers and load balancers look like that.
        ("reset", nearer, Closed),
        ("reset", Signs { alike: 1, passing: 1, ..nearer }, Closed),
        ("reset", Signs { alike: 2, nearer: false, ..nearer }, Closed),
        ("reset", of(Event::Reset), Closed),
        (
            "a router refuses it for unrelated servers, too",
            Signs { alike: 1, own_ladder: true, ..refused_by_router(Place::OwnNetwork) },
            blocked(OUTBOUND, YourNetwork, Icmp, Certain),
        ),
        // No ladder was walked: the router's private address alone is no proof.
        (
            "a router refuses it for unrelated servers, too",
            Signs { alike: 2, ..refused_by_router(Place::OwnNetwork) },
            blocked(OUTBOUND, YourNetwork, Icmp, Likely),
        ),
        (
            "a router refuses it for unrelated servers, too",
            Signs { alike: 2, ..refused_by_router(Place::Unknown) },
            blocked(OUTBOUND, YourNetwork, Icmp, Likely),
        ),
        (
            "a router refuses it for unrelated servers, too",
            Signs { alike: 1, ..refused_by_router(Place::Unknown) },
            blocked(OUTBOUND, YourNetwork, Icmp, Guess),
        ),
        (
            "the router in front of the server refuses it, and the port works elsewhere",
            Signs { passing: 1, ..refused_by_router(Place::LastHop) },
            blocked(FILTERED, TheirNetwork, Icmp, Certain),
        ),
        (
            "a public router in between refuses it, and the port works elsewhere",
            Signs { passing: 1, ..refused_by_router(Place::Beyond) },
            blocked(FILTERED, Transit, Icmp, Certain),
        ),
        (
            "a public router in between refuses it, and the port works elsewhere",
            Signs { passing: 1, ..refused_by_router(Place::Shared) },
            blocked(FILTERED, Transit, Icmp, Likely),
        ),
        // A router of one's own network with a rule for one destination.
        (
            "a router refuses it, and nothing shows whose it is",
            Signs { passing: 1, ..refused_by_router(Place::OwnNetwork) },
            blocked(SILENT, Unknown, Icmp, Guess),
        ),
        (
            "a router refuses it, and nothing shows whose it is",
            refused_by_router(Place::OwnNetwork),
            blocked(SILENT, Unknown, Icmp, Guess),
        ),
        (
            "the server's own address refuses it",
            Signs { passing: 1, own_ladder: true, ..of(Event::Refused(Sender::Target)) },
            blocked(FILTERED, TheirNetwork, Icmp, Certain),
        ),
        // A router that rewrites addresses may speak in the server's name.
        (
            "the server's own address refuses it",
            Signs {
                passing: 1,
                own_ladder: true,
                nearer: true,
                ..of(Event::Refused(Sender::Target))
            },
            blocked(FILTERED, TheirNetwork, Icmp, Likely),
        ),
        (
            "the server's own address refuses it",
            of(Event::Refused(Sender::Target)),
            blocked(FILTERED, TheirNetwork, Icmp, Guess),
        ),
        (
            "answered as this machine's own address is, and so are unrelated servers",
            connected(Intercepted { answered_here: true, same_greeting: 1, ..NOTHING }),
            blocked(INTERCEPTED, ThisHost, Intercepted, Certain),
        ),
        // The mail server runs on this very machine.
        (open, connected(Intercepted { answered_here: true, ..NOTHING }), Passes),
        (
            "connected nearer than the server, as unrelated servers are",
            near(Intercepted { nearer_alike: true, ..NOTHING }),
            blocked(INTERCEPTED, YourNetwork, Intercepted, Certain),
        ),
        (
            "connected nearer than the server, as unrelated servers are",
            near(Intercepted { same_greeting: 1, ..NOTHING }),
            blocked(INTERCEPTED, YourNetwork, Intercepted, Certain),
        ),
        (
            "connected nearer than the server, and a hop on this side bears its address",
            near(Intercepted { rewritten: true, ..NOTHING }),
            blocked(INTERCEPTED, YourNetwork, Intercepted, Likely),
        ),
        // A proxy in front of the server itself, and a router that forwards a port.
        (open, near(NOTHING), Passes),
        (open, connected(Intercepted { rewritten: true, ..NOTHING }), Passes),
        (
            "unrelated servers greet as one host that none of them is",
            connected(Intercepted { same_greeting: 2, ..NOTHING }),
            blocked(INTERCEPTED, YourNetwork, Intercepted, Likely),
        ),
        (open, connected(Intercepted { same_greeting: 1, ..NOTHING }), Passes),
        (
            "STARTTLS is missing at servers that have it",
            connected(Intercepted { without_starttls: 2, ..NOTHING }),
            blocked(INTERCEPTED, YourNetwork, Intercepted, Likely),
        ),
        (open, connected(Intercepted { without_starttls: 1, ..NOTHING }), Passes),
        (
            large,
            broken(Broken::LargePackets, 2),
            blocked("path-mtu-blackhole", YourNetwork, Silence, Likely),
        ),
        (
            "large packets vanish",
            broken(Broken::LargePackets, 1),
            blocked("path-mtu-blackhole", Unknown, Silence, Guess),
        ),
        (
            "large packets vanish",
            Signs { passing: 1, ..broken(Broken::LargePackets, 2) },
            blocked("path-mtu-blackhole", Unknown, Silence, Guess),
        ),
        (
            handshakes,
            broken(Broken::Handshake, 2),
            blocked("tls-blocked", YourNetwork, Silence, Likely),
        ),
        (
            handshakes,
            broken(Broken::Handshake, 1),
            blocked("tls-blocked", YourNetwork, Silence, Guess),
        ),
        // One server alone, or a handshake that succeeds anywhere.
        (open, broken(Broken::Handshake, 0), Passes),
        (open, Signs { passing: 1, ..broken(Broken::Handshake, 2) }, Passes),
        (
            "unrelated servers are swallowed at the same step",
            broken(Broken::Dialogue, 2),
            Swallowed { how: Silence, confidence: Likely },
        ),
        (open, broken(Broken::Dialogue, 1), Passes),
        (open, Signs { passing: 1, ..broken(Broken::Dialogue, 2) }, Passes),
        (open, connected(NOTHING), Passes),
    ]
}

#[test]
fn every_example_is_decided_by_its_row() {
    for (name, signs, expected) in examples() {
        let (row, verdict) = decide(&signs);
        assert_eq!((row.name, verdict), (name, expected), "{signs:?}");
    }
}

#[test]
fn every_row_has_an_example() {
    let examples = examples();
    for row in ROWS.iter().chain([&LAST]) {
        assert!(examples.iter().any(|(name, ..)| *name == row.name), "{}", row.name);
    }
}

/// Every combination of signs, as far as the table tells them apart.
fn every_combination(mut judge: impl FnMut(Signs, Verdict)) {
    let events = [
        Event::Silence,
        Event::Reset,
        Event::Refused(Sender::Router),
        Event::Refused(Sender::Target),
        Event::Connected(Broken::Not),
        Event::Connected(Broken::Dialogue),
        Event::Connected(Broken::Handshake),
        Event::Connected(Broken::LargePackets),
    ];
    let places = [
        Place::Here,
        Place::OwnNetwork,
        Place::Shared,
        Place::Beyond,
        Place::LastHop,
        Place::Server,
        Place::Unknown,
    ];
    for event in events {
        for place in places {
            for bits in 0..1u32 << 15 {
                let bit = |n: u32| bits >> n & 1 == 1;
                let signs = Signs {
                    event,
                    place,
                    comes_from_beyond: bit(0),
                    own_ladder: bit(1),
                    another_is_traced: bit(2),
                    alike: (bits >> 3 & 3) as usize,
                    alike_alive: bit(5),
                    passing: (bits >> 6 & 1) as usize * 2,
                    answered_once: bit(14),
                    host_answers: bit(7),
                    self_probe_silent: bit(8),
                    nearer: bit(9),
                    intercepted: Intercepted {
                        answered_here: bit(10),
                        same_greeting: usize::from(bit(11)) * 2,
                        nearer_alike: bit(12),
                        rewritten: bit(13),
                        without_starttls: usize::from(bit(11)) * 2,
                    },
                };
                judge(signs, decide(&signs).1);
            }
        }
    }
}

#[test]
fn this_side_is_never_accused_while_somebody_gets_through() {
    every_combination(|signs, verdict| {
        let at_connecting = !matches!(signs.event, Event::Connected(_));
        if let Verdict::Blocked { by: ThisHost | YourNetwork, .. } = verdict
            && at_connecting
        {
            assert_eq!(signs.passing, 0, "{signs:?}");
        }
    });
}

#[test]
fn nobody_is_accused_of_the_silence_of_a_port_that_answered_once() {
    every_combination(|signs, verdict| {
        if signs.event == Event::Silence && signs.answered_once {
            assert_eq!(verdict, blocked(SILENT, Unknown, Silence, Guess), "{signs:?}");
        }
    });
}

#[test]
fn nobody_beyond_this_side_is_accused_of_silence_for_certain_unless_the_port_works_elsewhere() {
    every_combination(|signs, verdict| {
        if let Verdict::Blocked { by: TheirNetwork | Transit, confidence, .. } = verdict
            && confidence > Guess
        {
            assert!(signs.passing > 0, "{signs:?}");
        }
    });
}

#[test]
fn silence_is_blamed_on_this_side_only_for_a_place_or_two_witnesses() {
    every_combination(|signs, verdict| {
        if let (Event::Silence, Verdict::Blocked { by: ThisHost | YourNetwork, confidence, .. }) =
            (signs.event, verdict)
        {
            let place = matches!(signs.place, Place::Here | Place::OwnNetwork | Place::Shared);
            let witnesses = signs.alike > 1 && signs.alike_alive;
            assert!(place || witnesses, "{signs:?}");
            let proved = place && signs.own_ladder && signs.alike > 0 && signs.alike_alive;
            assert!(confidence < Certain || proved, "{signs:?}");
        }
    });
}

#[test]
fn interception_takes_more_than_one_sign() {
    every_combination(|signs, verdict| {
        if let Verdict::Blocked { how: BlockedHow::Intercepted, .. } = verdict {
            let found = signs.intercepted;
            let count = usize::from(signs.nearer)
                + usize::from(found.nearer_alike)
                + usize::from(found.rewritten)
                + found.same_greeting
                + found.without_starttls;
            assert!(count > 1, "{signs:?}");
        }
    });
}
