use std::collections::BTreeMap;

use super::*;

/// What a path does with the `nth` packet (from 0) of a TTL: what comes, and after how long.
type Way<'a> = &'a dyn Fn(u8, usize) -> (Seen, Duration);

/// A ladder that was walked against a clock of its own.
struct Walked {
    /// When each packet left, by TTL.
    sent: BTreeMap<u8, Vec<Duration>>,
    hops: Vec<Hop>,
    end: PathEnd,
    took: Duration,
    most_at_once: usize,
}

impl Walked {
    fn distance(&self) -> Option<u8> {
        (self.end != PathEnd::Silence).then(|| self.hops.last().expect("a hop").ttl)
    }

    fn last_ttl(&self) -> u8 {
        *self.sent.keys().next_back().expect("a packet")
    }

    fn routers(&self) -> Vec<Option<IpAddr>> {
        self.hops.iter().map(|hop| hop.address).collect()
    }
}

const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 25));
const RTT: Duration = Duration::from_millis(20);

fn router(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

fn at(distance: u8) -> Reference {
    Reference { distance: Some(distance), ..Reference::default() }
}

fn ladder(reference: Option<u8>) -> Ladder {
    let mut ladder = Ladder::new(TARGET);
    ladder.refer_to(Reference { distance: reference, ..Reference::default() });
    ladder
}

fn walk(mut ladder: Ladder, way: Way<'_>) -> Walked {
    let mut sent: BTreeMap<u8, Vec<Duration>> = BTreeMap::new();
    let mut under_way: Vec<(Duration, u8, Seen, Duration)> = Vec::new();
    let (mut now, mut most_at_once) = (Duration::ZERO, 0);
    loop {
        let until = match ladder.next(now) {
            Step::Done => break,
            Step::Wait(until) => until,
            Step::Probe(ttl) => {
                let nth = sent.get(&ttl).map_or(0, Vec::len);
                let (seen, after) = match way(ttl, nth) {
                    (_, after) if after >= PATIENCE => (Seen::Nothing, PATIENCE),
                    known => known,
                };
                ladder.sent(ttl, now);
                sent.entry(ttl).or_default().push(now);
                under_way.push((now + after, ttl, seen, after));
                most_at_once = most_at_once.max(under_way.len());
                continue;
            }
        };
        under_way.sort_by_key(|(at, ..)| *at);
        let next = under_way.first().map(|(at, ..)| *at);
        now = [next, until].into_iter().flatten().min().expect("something to wait for");
        if next == Some(now) {
            let (_, ttl, seen, took) = under_way.remove(0);
            ladder.learn(ttl, seen, took.into(), now);
        }
    }
    let (hops, end) = ladder.result();
    Walked { sent, hops, end, took: now, most_at_once }
}

/// Routers up to `distance`, and what answers there; silence where that is none.
fn plain(distance: u8, end: Option<PathEnd>) -> impl Fn(u8, usize) -> (Seen, Duration) {
    move |ttl, _| match end {
        _ if ttl < distance => (Seen::TimeExceeded(router(ttl)), RTT),
        Some(end) => (Seen::Answer(end), RTT),
        None => (Seen::Nothing, PATIENCE),
    }
}

const REJECTED: PathEnd = PathEnd::IcmpUnreachable(IcmpMessage { kind: 3, code: 13, from: TARGET });

#[test]
fn the_first_answer_ends_it_and_at_most_two_packets_reach_the_server() {
    for end in [PathEnd::Connected, PathEnd::Refused, REJECTED] {
        for distance in 1..=30_u8 {
            for reference in [None, Some(distance), Some(distance.saturating_sub(2).max(1))] {
                let walked = walk(ladder(reference), &plain(distance, Some(end)));
                let context = format!("{end:?} at {distance}, reference {reference:?}");
                assert_eq!((walked.end, walked.distance()), (end, Some(distance)), "{context}");
                let reached: usize =
                    walked.sent.range(distance..).map(|(_, times)| times.len()).sum();
                assert!((1..=2).contains(&reached), "{context}: {reached} reached it");
                assert_eq!(walked.hops.len(), usize::from(distance), "{context}");
                assert!(walked.hops.iter().all(|hop| hop.address.is_some()), "{context}");
            }
        }
    }
}

#[test]
fn nothing_breaks_the_etiquette() {
    let silent_from = |n: u8| plain(n, None);
    type Boxed = Box<dyn Fn(u8, usize) -> (Seen, Duration)>;
    let ways: [(&str, Boxed); 6] = [
        ("answered", Box::new(plain(12, Some(PathEnd::Connected)))),
        ("silent from the start", Box::new(silent_from(1))),
        ("silent server", Box::new(silent_from(12))),
        ("endless", Box::new(plain(200, None))),
        (
            "every third router silent",
            Box::new(|ttl, _| match ttl % 3 {
                0 => (Seen::Nothing, PATIENCE),
                _ => (Seen::TimeExceeded(router(ttl)), RTT),
            }),
        ),
        ("slow", Box::new(|ttl, _| (Seen::TimeExceeded(router(ttl)), PATIENCE - RTT))),
    ];
    for (name, way) in &ways {
        for reference in [None, Some(1), Some(12), Some(30)] {
            let walked = walk(ladder(reference), way);
            assert!(walked.last_ttl() <= 30, "{name}: {}", walked.last_ttl());
            // A late answer may leave a socket open beside the window's four.
            assert!(walked.most_at_once <= 16, "{name}: {} sockets", walked.most_at_once);
            for (ttl, times) in &walked.sent {
                assert!(times.len() <= 2, "{name}: {} sockets at TTL {ttl}", times.len());
                if let [first, second] = times[..] {
                    let apart = second - first;
                    assert!(apart > Duration::from_millis(1100), "{name}: {apart:?} at TTL {ttl}");
                }
            }
        }
    }
}

#[test]
fn a_silent_server_ends_two_hops_behind_the_reference_or_after_four_silent_ones() {
    for (reference, last, expected_end) in [(None, 7, 11), (Some(8), 7, 10), (Some(12), 7, 14)] {
        let walked = walk(ladder(reference), &plain(last + 1, None));
        assert_eq!(walked.end, PathEnd::Silence);
        assert_eq!(walked.last_ttl(), expected_end, "reference {reference:?}");
        assert_eq!(walked.hops.len(), usize::from(expected_end), "the silent ones are facts too");
        for (ttl, times) in &walked.sent {
            let repeated = *ttl > last && reference.is_none_or(|distance| *ttl <= distance);
            assert_eq!(times.len(), 1 + usize::from(repeated), "TTL {ttl}, {reference:?}");
        }
        assert!(walked.took.as_secs() < 4, "{:?} is long to wait", walked.took);
    }
}

#[test]
fn a_silent_hop_in_the_middle_is_asked_once_more_and_passed() {
    let way = |ttl: u8, _| match ttl {
        3 | 4 => (Seen::Nothing, PATIENCE),
        9 => (Seen::Answer(PathEnd::Connected), RTT),
        ttl => (Seen::TimeExceeded(router(ttl)), RTT),
    };
    let walked = walk(ladder(None), &way);
    assert_eq!(walked.distance(), Some(9));
    assert_eq!((walked.sent[&3].len(), walked.sent[&4].len(), walked.sent[&5].len()), (2, 2, 1));
    assert_eq!(walked.routers()[2..5], [None, None, Some(router(5))]);
}

#[test]
fn a_router_that_answers_only_once_a_second_is_heard() {
    // The burst is used up by others: the first packet of a TTL finds nobody, the second does.
    let way = |ttl: u8, nth: usize| match (ttl, nth) {
        (7.., _) => (Seen::Answer(PathEnd::Refused), RTT),
        (2..=4, 0) => (Seen::Nothing, PATIENCE),
        (ttl, _) => (Seen::TimeExceeded(router(ttl)), RTT),
    };
    let walked = walk(ladder(None), &way);
    assert_eq!(walked.distance(), Some(7));
    assert!(walked.routers().iter().all(Option::is_some), "{:?}", walked.routers());
}

#[test]
fn one_lost_packet_does_not_move_the_server_away() {
    let way = |ttl: u8, nth: usize| match (ttl, nth) {
        (5, 0) => (Seen::Nothing, PATIENCE),
        (5.., _) => (Seen::Answer(PathEnd::Connected), RTT),
        (ttl, _) => (Seen::TimeExceeded(router(ttl)), RTT),
    };
    let walked = walk(ladder(None), &way);
    assert_eq!(walked.distance(), Some(5));
}

#[test]
fn an_answer_nearer_than_the_reference_is_found_at_its_own_distance() {
    for (near, end) in [(1, PathEnd::Connected), (2, PathEnd::Refused), (3, REJECTED)] {
        let walked = walk(ladder(Some(9)), &plain(near, Some(end)));
        assert_eq!((walked.end, walked.distance()), (end, Some(near)));
        assert!(walked.last_ttl() <= near + 3, "a window at the most: {}", walked.last_ttl());
    }
}

#[test]
fn a_loop_is_left() {
    let way = |ttl: u8, _| match ttl {
        1..=3 => (Seen::TimeExceeded(router(ttl)), RTT),
        ttl => (Seen::TimeExceeded(router(100 + ttl % 2)), RTT),
    };
    let walked = walk(ladder(None), &way);
    assert_eq!(walked.end, PathEnd::Silence);
    assert!((8..15).contains(&walked.last_ttl()), "{}", walked.last_ttl());
    assert_eq!(
        returning(walked.hops.iter().filter_map(|h| Some((h.ttl, h.address?))), TARGET),
        Some(router(100))
    );

    // Neither a router that answers twice in a row nor one that rewrites addresses is a loop.
    let way = |ttl: u8, _| match ttl {
        1..=4 => (Seen::TimeExceeded(router(1 + ttl / 2)), RTT),
        9 => (Seen::Answer(PathEnd::Connected), RTT),
        ttl if ttl % 2 == 0 => (Seen::TimeExceeded(TARGET), RTT),
        ttl => (Seen::TimeExceeded(router(ttl)), RTT),
    };
    assert_eq!(walk(ladder(None), &way).distance(), Some(9));
}

#[test]
fn a_reference_that_comes_later_ends_the_wait_sooner() {
    let mut ladder = Ladder::new(TARGET);
    for ttl in 1..=6 {
        ladder.sent(ttl, RTT);
        let seen = if ttl <= 2 { Seen::TimeExceeded(router(ttl)) } else { Seen::Nothing };
        ladder.learn(ttl, seen, RTT.into(), RTT + PATIENCE);
    }
    let later = Duration::from_secs(2);
    assert_eq!(ladder.next(later), Step::Probe(3), "TTL 3 to 6 are asked once more");
    ladder.refer_to(at(3));
    ladder.refer_to(at(2));
    ladder.sent(3, later);
    ladder.learn(3, Seen::Nothing, PATIENCE.into(), later + PATIENCE);
    assert_eq!(ladder.next(later + PATIENCE), Step::Done, "the farthest reference counts");
}

#[test]
fn only_a_ttl_that_ran_out_is_a_hop() {
    let message = |kind, code, from: &str| {
        Seen::of_icmp(IcmpMessage { kind, code, from: from.parse().expect("an address") })
    };
    assert_eq!(message(11, 0, "10.0.0.1"), Seen::TimeExceeded(router(1)));
    assert!(matches!(message(3, 0, "2001:db8::1"), Seen::TimeExceeded(_)));
    for other in [message(3, 0, "10.0.0.1"), message(11, 1, "10.0.0.1"), message(1, 1, "fd00::1")] {
        assert!(matches!(other, Seen::Answer(PathEnd::IcmpUnreachable(_))), "{other:?}");
    }
}

/// What a ladder shows that is answered everywhere up to `distance`.
fn answered_up_to(distance: u8) -> Reference {
    let heard = (1..=distance).fold(0, |all, ttl| all | 1 << ttl);
    Reference { distance: Some(distance), heard, slowest: RTT.into() }
}

#[test]
fn a_brief_ladder_ends_soon_after_the_cut_however_far_the_server_is() {
    for (last, distance) in [(0, 5), (2, 5), (2, 15), (9, 24)] {
        let mut brief = Ladder::brief(TARGET);
        brief.refer_to(answered_up_to(distance));
        let walked = walk(brief, &plain(last + 1, None));
        assert_eq!(walked.end, PathEnd::Silence);
        let beyond = (distance - last).min(SILENT_WHERE_REFERENCE_IS_HEARD);
        assert_eq!(walked.last_ttl(), last + beyond, "{last} of {distance}");
        // Each silent TTL had its second try more than a second after the first.
        for ttl in last + 1..=last + beyond {
            let sent = &walked.sent[&ttl];
            assert_eq!(sent.len(), 2, "TTL {ttl}");
            assert!(sent[1] - sent[0] > Duration::from_millis(1100), "TTL {ttl}: {sent:?}");
        }
        let took = walked.took;
        assert!(took < Duration::from_millis(1900), "{last} of {distance}: {took:?}");
    }
}

#[test]
fn a_brief_ladder_still_hears_a_slow_router_at_its_second_try() {
    let way = |ttl: u8, nth| match (ttl, nth) {
        (3, 0) => (Seen::Nothing, PATIENCE),
        (1..=3, _) => (Seen::TimeExceeded(router(ttl)), RTT),
        _ => (Seen::Nothing, PATIENCE),
    };
    let mut brief = Ladder::brief(TARGET);
    brief.refer_to(answered_up_to(9));
    let walked = walk(brief, &way);
    assert_eq!(walked.routers()[2], Some(router(3)), "a router that was silent once is no cut");
}

#[test]
fn a_brief_ladder_waits_for_as_long_as_the_reference_took() {
    let slow = Duration::from_millis(250);
    let mut brief = Ladder::brief(TARGET);
    brief.refer_to(Reference { slowest: slow.into(), ..answered_up_to(4) });
    // The second try of TTL 3 is answered late, but no later than three times the slowest.
    let way = |ttl: u8, nth| match (ttl, nth) {
        (1 | 2, _) => (Seen::TimeExceeded(router(ttl)), RTT),
        (3, 1) => (Seen::TimeExceeded(router(3)), Duration::from_millis(700)),
        _ => (Seen::Nothing, PATIENCE),
    };
    assert_eq!(walk(brief, &way).routers()[2], Some(router(3)));
}

#[test]
fn a_brief_ladder_goes_on_where_the_other_port_was_answered_nearer() {
    for end in [PathEnd::Connected, PathEnd::Silence] {
        let mut brief = Ladder::brief(TARGET);
        brief.refer_to(answered_up_to(1));
        let walked = walk(brief, &plain(5, (end == PathEnd::Connected).then_some(end)));
        let routers = walked.routers().into_iter().flatten().count();
        assert!(routers >= 4, "{end:?}: it stopped at hop {routers}");
        assert_eq!(walked.end, end);
    }
}
