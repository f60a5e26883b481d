//! Reads what a server answers to the ClientHello of [`super::hello`]: everything up to
//! TLS 1.2 and the choice of TLS 1.3 are sent in clear.
//!
//! A parser and nothing else: bytes come in as they arrive, cut anywhere; it is bounded in what it
//! keeps, and whatever is no TLS ends it. It believes nothing: what it reads is what was sent, and
//! nobody proved anything.

use rustls::CipherSuite;
use rustls::pki_types::CertificateDer;

use super::iana;

/// The first flight of a server: a chain of ten certificates has 20 KiB.
const OCTETS: usize = 64 * 1024;
/// A record's payload (RFC 5246 §6.2.3).
const RECORD: usize = (1 << 14) + 2048;
/// Certificates that are kept.
const CERTIFICATES: usize = 10;

/// What a server answered, as far as it was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The fatal alert with which it refused, or closed.
    pub(super) alert: Option<u8>,
    /// What it chose.
    pub(super) chosen: Option<Chosen>,
    pub(super) chain: Vec<CertificateDer<'static>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) version: u16,
    pub(super) suite: u16,
    pub(super) group: Option<u16>,
    pub(super) scheme: Option<u16>,
}

/// Reads an answer piece by piece.
#[derive(Debug, Default)]
pub(super) struct AnswerReader {
    answer: Answer,
    /// Bytes that are no whole record yet.
    pending: Vec<u8>,
    /// Payloads of handshake records that are no whole message yet.
    handshake: Vec<u8>,
    octets: usize,
    done: bool,
}

const SSL_3: u8 = 3;
const TLS_1_2: u16 = 0x0303;
const TLS_1_3: u16 = 0x0304;

impl AnswerReader {
    /// Takes bytes; true where nothing more is to be learnt.
    pub(super) fn received(&mut self, bytes: &[u8]) -> bool {
        self.octets = self.octets.saturating_add(bytes.len());
        if self.octets > OCTETS {
            self.done = true;
        }
        if !self.done {
            self.pending.extend_from_slice(bytes);
            self.read_records();
        }
        self.done
    }

    /// What was seen until now.
    pub(super) fn finish(self) -> Answer {
        self.answer
    }

    fn read_records(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while !self.done {
            let [kind, major, _, high, low, behind @ ..] = rest else {
                // What cannot be a header any more is no TLS.
                self.done = !matches!(rest, [] | [20..=24] | [20..=24, SSL_3, ..]);
                break;
            };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if !(20..=24).contains(kind) || *major != SSL_3 || length > RECORD {
                self.done = true;
                break;
            }
            let Some((payload, next)) = behind.split_at_checked(length) else { break };
            rest = next;
            match kind {
                21 => self.alert(payload),
                22 => {
                    self.handshake.extend_from_slice(payload);
                    self.read_messages();
                }
                _ => self.done = true,
            }
        }
        if !self.done {
            self.pending = rest.to_vec();
        }
    }

    fn alert(&mut self, payload: &[u8]) {
        const WARNING: u8 = 1;
        match payload {
            // A server that does not know the name may say so and go on (RFC 6066 §3).
            [WARNING, alert] if *alert != 0 => {}
            [_, alert] => {
                self.answer.alert = Some(*alert);
                self.done = true;
            }
            _ => self.done = true,
        }
    }

    fn read_messages(&mut self) {
        let handshake = std::mem::take(&mut self.handshake);
        let mut rest = handshake.as_slice();
        while let [kind, a, b, c, behind @ ..] = rest
            && !self.done
        {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let Some((body, next)) = behind.split_at_checked(length) else { break };
            rest = next;
            if self.message(*kind, body).is_none() {
                self.done = true;
            }
        }
        self.handshake = rest.to_vec();
    }

    /// Reads a message; nothing where it is none, or the last of interest.
    fn message(&mut self, kind: u8, body: &[u8]) -> Option<()> {
        match (kind, &mut self.answer.chosen) {
            (2, None) => {
                let chosen = server_hello(body)?;
                let goes_on_in_clear = chosen.version < TLS_1_3;
                self.answer.chosen = Some(chosen);
                goes_on_in_clear.then_some(())
            }
            (11, Some(_)) => {
                self.answer.chain = certificates(body)?;
                Some(())
            }
            (12, Some(chosen)) => server_key_exchange(body, chosen),
            // CertificateRequest and CertificateStatus stand between, HelloRequest anywhere.
            (13 | 22, Some(_)) | (0, _) => Some(()),
            _ => None,
        }
    }
}

/// RFC 5246 §7.4.1.3 and RFC 8446 §4.1.3; a HelloRetryRequest has the same form.
fn server_hello(body: &[u8]) -> Option<Chosen> {
    let mut input = Input(body);
    let mut version = input.number()?;
    input.take(32)?;
    let session = input.octet()?;
    input.take(session.into())?;
    let suite = input.number()?;
    input.octet()?;
    let mut group = None;
    // SSLv3 and many servers after it have no extensions at all.
    let mut extensions = Input(input.counted().unwrap_or_default());
    while let Some(number) = extensions.number() {
        let mut content = Input(extensions.counted()?);
        match number {
            43 => version = content.number()?,
            51 => group = content.number(),
            _ => {}
        }
    }
    (version >> 8 == u16::from(SSL_3)).then_some(Chosen { version, suite, group, scheme: None })
}

/// RFC 5246 §7.4.2.
fn certificates(body: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut list = Input(Input(body).long_counted()?);
    let mut chain = Vec::new();
    while !list.0.is_empty() && chain.len() < CERTIFICATES {
        chain.push(CertificateDer::from(list.long_counted()?.to_vec()));
    }
    Some(chain)
}

/// RFC 8422 §5.4 (named curves) and RFC 5246 §7.4.3 (finite fields); which of the two it is, only
/// the cipher suite says.
fn server_key_exchange(body: &[u8], chosen: &mut Chosen) -> Option<()> {
    const NAMED_CURVE: u8 = 3;
    let mut input = Input(body);
    let suite = iana::suite(CipherSuite::from(chosen.suite));
    if suite.starts_with("TLS_ECDHE_") {
        (input.octet()? == NAMED_CURVE).then_some(())?;
        chosen.group = Some(input.number()?);
        let point = input.octet()?;
        input.take(point.into())?;
    } else if suite.starts_with("TLS_DHE_") {
        // The prime, the generator and the server's share.
        for _ in 0..3 {
            input.counted()?;
        }
    } else {
        return None;
    }
    // Older versions have one scheme only and do not name it.
    if chosen.version == TLS_1_2 {
        chosen.scheme = Some(input.number()?);
    }
    // Nothing of interest comes behind it.
    None
}

/// What is left to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|taken| u16::from_be_bytes([taken[0], taken[1]]))
    }

    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }

    fn long_counted(&mut self) -> Option<&'a [u8]> {
        let length = self.take(3)?;
        self.take(u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        [&[kind, 3, 3][..], &(payload.len() as u16).to_be_bytes(), payload].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
    }

    fn server_hello(version: u16, suite: u16, extensions: Option<&[u8]>) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.extend([2, 0xaa, 0xbb]);
        body.extend(suite.to_be_bytes());
        body.push(0);
        if let Some(extensions) = extensions {
            body.extend((extensions.len() as u16).to_be_bytes());
            body.extend(extensions);
        }
        message(2, &body)
    }

    fn chain(certificates: &[&[u8]]) -> Vec<u8> {
        let one = |der: &&[u8]| [&(der.len() as u32).to_be_bytes()[1..], der].concat();
        let list: Vec<u8> = certificates.iter().flat_map(one).collect();
        message(11, &[&(list.len() as u32).to_be_bytes()[1..], &list].concat())
    }

    /// A server that signs an ECDHE share on secp521r1 with `ecdsa_sha1`, in TLS 1.2.
    fn flight() -> Vec<u8> {
        let share = [&[3, 0, 25, 4, 1, 2, 3, 4][..], &[0x02, 0x03, 0, 2, 9, 9]].concat();
        let messages = [
            server_hello(0x0303, 0xc02b, Some(&[0xff, 0x01, 0, 1, 0])),
            chain(&[b"leaf", b"issuer"]),
            message(22, b"status"),
            message(12, &share),
            message(14, b""),
        ];
        // Messages may share a record and be cut between two.
        let all = messages.concat();
        [record(22, &all[..50]), record(22, &all[50..])].concat()
    }

    fn read(bytes: &[u8], cut: usize) -> (Answer, bool) {
        let mut reader = AnswerReader::default();
        let (front, back) = bytes.split_at(cut);
        let done = reader.received(front) | reader.received(back);
        (reader.finish(), done)
    }

    #[test]
    fn a_flight_reads_the_same_wherever_it_is_cut() {
        let flight = flight();
        for cut in 0..=flight.len() {
            let (answer, done) = read(&flight, cut);
            assert!(done, "cut at {cut}");
            assert_eq!(answer.alert, None);
            assert_eq!(answer.chain, [b"leaf".to_vec().into(), b"issuer".to_vec().into()]);
            let chosen = answer.chosen.expect("a choice");
            assert_eq!((chosen.version, chosen.suite), (0x0303, 0xc02b), "cut at {cut}");
            assert_eq!((chosen.group, chosen.scheme), (Some(25), Some(0x0203)), "cut at {cut}");
        }
        let mut reader = AnswerReader::default();
        for byte in &flight {
            reader.received(&[*byte]);
        }
        assert_eq!(reader.finish(), read(&flight, 0).0);
    }

    #[test]
    fn a_flight_that_breaks_off_gives_what_was_there() {
        let flight = flight();
        for end in 0..flight.len() {
            let (answer, _) = read(&flight[..end], 0);
            let complete = answer.chosen.as_ref().is_some_and(|chosen| chosen.scheme.is_some());
            assert!(!complete || end > flight.len() - 10, "{end}");
        }
    }

    #[test]
    fn old_and_new_versions_say_less_in_clear() {
        let old = record(22, &server_hello(0x0301, 0x0005, None));
        let (answer, done) = read(&old, 0);
        assert!(!done, "the chain is to come");
        assert_eq!(answer.chosen.expect("a choice").version, 0x0301);
        // TLS 1.0 with ECDHE: the scheme is not named.
        let share = [3, 0, 23, 1, 4, 0, 2, 9, 9];
        let old = [server_hello(0x0301, 0xc013, None), message(12, &share)].concat();
        let chosen = read(&record(22, &old), 0).0.chosen.expect("a choice");
        assert_eq!((chosen.group, chosen.scheme), (Some(23), None));
        // A finite field has no name; the scheme stands behind three numbers.
        let share = [0, 1, 5, 0, 1, 2, 0, 1, 3, 4, 1, 0, 1, 9];
        let finite = [server_hello(0x0303, 0x009e, None), message(12, &share)].concat();
        let chosen = read(&record(22, &finite), 0).0.chosen.expect("a choice");
        assert_eq!((chosen.group, chosen.scheme), (None, Some(0x0401)));
        // HelloRetryRequest: the version and the group are extensions.
        let extensions = [0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 25];
        let (answer, done) = read(&record(22, &server_hello(0x0303, 0x1302, Some(&extensions))), 0);
        assert!(done, "everything else is encrypted");
        let chosen = answer.chosen.expect("a choice");
        assert_eq!((chosen.version, chosen.group), (0x0304, Some(25)));
    }

    #[test]
    fn alerts_end_it_and_warnings_do_not() {
        let warned = [record(21, &[1, 112]), flight()].concat();
        assert!(read(&warned, 0).0.chosen.is_some());
        for (payload, alert) in
            [(&[2, 40][..], Some(40)), (&[1, 0], Some(0)), (&[2, 40, 1], None), (&[], None)]
        {
            let (answer, done) = read(&record(21, payload), 0);
            assert!(done);
            assert_eq!((answer.alert, answer.chosen), (alert, None), "{payload:?}");
        }
    }

    #[test]
    fn what_is_no_tls_ends_it_at_its_first_byte_that_cannot_be() {
        for (bytes, expected) in [
            (&b"2"[..], true),
            (b"220 mx", true),
            (b"\x16", false),
            (b"\x16\x03", false),
            (b"\x16\x04", true),
            (b"\x16\x03\x03\xff\xff", true),
            (b"\x17\x03\x03\x00\x01\x00", true),
            (b"", false),
        ] {
            let (answer, done) = read(bytes, 0);
            assert_eq!(done, expected, "{bytes:?}");
            assert_eq!(answer, Answer::default());
        }
        // A second ServerHello, a message that claims more than there is, a version of another kind.
        for messages in [
            [server_hello(0x0303, 5, None), server_hello(0x0301, 5, None)].concat(),
            [server_hello(0x0303, 5, None), message(11, &[0, 0, 9, 0, 0, 200, 1])].concat(),
        ] {
            let (answer, done) = read(&record(22, &messages), 0);
            assert!(done && answer.chain.is_empty());
            assert_eq!(answer.chosen.expect("the first").version, 0x0303);
        }
        assert_eq!(read(&record(22, &server_hello(0x7f17, 5, None)), 0), (Answer::default(), true));
    }

    #[test]
    fn it_keeps_little_however_much_comes() {
        let mut reader = AnswerReader::default();
        let endless = record(22, &message(2, &[0; 8000])[..1000]);
        let mut fed = 0;
        while !reader.received(&endless) {
            fed += endless.len();
            assert!(fed <= OCTETS, "{fed} octets");
        }
        assert!(reader.pending.len() + reader.handshake.len() <= OCTETS);
        let many = vec![&b"certificate"[..]; 40];
        let flight = [server_hello(0x0303, 5, None), chain(&many)].concat();
        assert_eq!(read(&record(22, &flight), 0).0.chain.len(), CERTIFICATES);
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_it_does_not_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            at in 0..90_usize,
            lengths in proptest::collection::vec(1..40_usize, 0..20),
        ) {
            // Noise never gets past the first record, so it is thrown into a real flight.
            let mut flight = flight();
            let at = at.min(flight.len());
            flight.splice(at..at, bytes);
            let mut reader = AnswerReader::default();
            let mut rest = flight.as_slice();
            for length in lengths {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                reader.received(piece);
                rest = behind;
            }
            reader.received(rest);
            let answer = reader.finish();
            proptest::prop_assert_eq!(answer, read(&flight, 0).0);
        }
    }
}
