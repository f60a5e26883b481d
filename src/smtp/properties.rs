//! Whatever a server sends, in whatever chunks: no panic, no limit passed, nothing but commands
//! sent.

use proptest::prelude::*;

use super::HeloNames;
use super::fuzz::{Event, assert_limits, read_all, run};
use crate::port::Mode;

/// Pure noise would hardly ever get past the greeting: pieces of real conversations are thrown
/// in.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            &b"220 mx.example\r\n"[..], b"220-mx\r\n", b"220 ", b"250-mx\r\n", b"250-STARTTLS\r\n",
            b"250 STARTTLS\r\n", b"250 ok\n", b"421 4.7.0 no\r\n", b"502 what\r\n", b"550 no\r\n",
            b"\r\n", b"\n", b"\r", b"\x15\x03\x01\x00\x02\x02\x28", b"HTTP/1.1 400\r\n", b"\0",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0..90_000_usize).prop_map(|(byte, times)| vec![byte; times]),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        20 => bytes().prop_map(Event::Received),
        4 => Just(Event::Tls),
        1 => Just(Event::TlsFails),
        1 => Just(Event::Closed),
        1 => Just(Event::Reset),
        1 => Just(Event::TimedOut),
        1 => Just(Event::Failed),
    ];
    prop::collection::vec(event, 0..24)
}

fn names() -> impl Strategy<Value = HeloNames> {
    (".{0,12}", any::<String>()).prop_map(|(name, literal)| HeloNames { name, literal })
}

proptest! {
    #[test]
    fn no_limit_is_passed(
        implicit: bool,
        names in names(),
        events in events(),
        eager: bool,
    ) {
        let mode = if implicit { Mode::Implicit } else { Mode::Starttls };
        let (sent, said) = run(mode, names, &events, eager);
        assert_limits(&sent, &said);
    }

    #[test]
    fn cuts_make_no_difference_to_replies(
        input in bytes(),
        cuts in prop::collection::vec(0..100_usize, 0..20),
    ) {
        prop_assert_eq!(read_all(&input, &cuts), read_all(&input, &[]));
    }
}
