//! What is worth an inquiry, and what is not. Pure.

use crate::observation::{ConnectOutcome, Conversation, Ending, Phase, SecondLook, TlsErrorKind};
use crate::port::Mode;

/// What is wrong with a required port, as far as the way to it may be the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Nothing comes back.
    Silence,
    /// A reset or an ICMP message comes back.
    Refusal,
    /// It was connected to, and the conversation went wrong in a way that a proxy or a filter on
    /// the way could be the reason of.
    Dialogue,
}

/// What is wrong with what was seen, where it is worth an inquiry. What this machine's own kernel
/// refuses needs none, and a server that answers in its own words has spoken for itself.
pub fn of_conversation(mode: Mode, seen: &Conversation) -> Option<Trouble> {
    match &seen.connect.outcome {
        ConnectOutcome::TimedOut => Some(Trouble::Silence),
        ConnectOutcome::Refused => Some(Trouble::Refusal),
        ConnectOutcome::IcmpUnreachable(icmp) => {
            let own = seen.connect.local.is_some_and(|local| local.ip() == icmp.from);
            (!own).then_some(Trouble::Refusal)
        }
        ConnectOutcome::NoRoute | ConnectOutcome::DeniedLocally { .. } => None,
        ConnectOutcome::Connected => is_suspicious(mode, seen).then_some(Trouble::Dialogue),
    }
}

fn is_suspicious(mode: Mode, seen: &Conversation) -> bool {
    // A reply that turns this client away, or puts it off, is the server's.
    let turned_away = seen.smtp.greeting.as_ref().is_some_and(|greeting| !greeting.is_positive());
    if turned_away || seen.put_off.is_some() {
        return false;
    }
    match &seen.ending {
        Some(
            Ending::Closed(_) | Ending::Reset(_) | Ending::TimedOut { .. } | Ending::TlsFailed,
        ) => !tls_answered(seen),
        Some(Ending::Completed) => {
            mode == Mode::Starttls && (lacks_starttls(seen) || is_masked(seen))
        }
        // Bytes that are no SMTP, or too many of them, are an answer; a failure here is ours.
        Some(Ending::NotSmtp(_) | Ending::TooMuch { .. } | Ending::Failed { .. }) | None => false,
    }
}

/// The handshake failed with something that the server said, such as an alert about its own
/// certificate; or the port speaks TLS where none was expected.
fn tls_answered(seen: &Conversation) -> bool {
    let error = seen.tls.as_ref().and_then(|tls| tls.error.as_ref()).map(|error| error.kind);
    match error {
        Some(TlsErrorKind::Closed | TlsErrorKind::Reset | TlsErrorKind::TimedOut) => false,
        Some(_) => true,
        None => seen.second_look == Some(SecondLook::TlsAnswered),
    }
}

fn lacks_starttls(seen: &Conversation) -> bool {
    seen.smtp.capabilities.as_ref().is_some_and(|offered| !offered.offers("STARTTLS"))
}

/// A filter has overwritten the greeting; an overwritten STARTTLS is a missing one.
fn is_masked(seen: &Conversation) -> bool {
    let greeting = seen.smtp.greeting.as_ref().and_then(|greeting| greeting.lines.first());
    greeting.is_some_and(|line| line.starts_with("***"))
}

/// A conversation that left nothing to be desired: whoever has one there is not cut off.
pub fn is_healthy(seen: &Conversation) -> bool {
    seen.ending == Some(Ending::Completed)
        && seen.smtp.greeting.as_ref().is_some_and(|greeting| greeting.is_positive())
        && seen.tls.as_ref().is_some_and(|tls| tls.error.is_none() && tls.version.is_some())
}

/// A handshake stalled: nothing more came, though the connection stands.
pub fn handshake_stalled(seen: &Conversation) -> bool {
    matches!(&seen.ending, Some(Ending::TimedOut { phase: Phase::Tls, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{
        Capabilities, Connect, IcmpMessage, Keyword, Reply, TlsError, TlsFacts,
    };

    fn connected(ending: Ending) -> Conversation {
        let connect = Connect { outcome: ConnectOutcome::Connected, ..Connect::default() };
        Conversation { connect, ending: Some(ending), ..Conversation::default() }
    }

    fn failed(kind: TlsErrorKind) -> Conversation {
        let error = Some(TlsError { kind, text: String::new() });
        let tls = Some(TlsFacts { error, ..TlsFacts::default() });
        Conversation { tls, ..connected(Ending::TlsFailed) }
    }

    fn offering(keywords: &[&str]) -> Conversation {
        let keyword =
            |word: &&str| Keyword { keyword: (*word).to_owned(), parameters: String::new() };
        let keywords = keywords.iter().map(keyword).collect();
        let mut seen = connected(Ending::Completed);
        seen.smtp.greeting = Some(Reply { code: 220, ..Reply::default() });
        seen.smtp.capabilities = Some(Capabilities { keywords, ..Capabilities::default() });
        seen
    }

    #[test]
    fn what_the_way_may_be_the_reason_of_is_looked_into() {
        let silent = Ending::TimedOut { phase: Phase::Greeting, partial: false };
        for seen in [
            connected(silent),
            connected(Ending::Closed(Phase::Greeting)),
            connected(Ending::Reset(Phase::Ehlo)),
            failed(TlsErrorKind::Reset),
            failed(TlsErrorKind::TimedOut),
            offering(&["SIZE"]),
        ] {
            let trouble = of_conversation(Mode::Starttls, &seen);
            assert_eq!(trouble, Some(Trouble::Dialogue), "{seen:?}");
        }
    }

    #[test]
    fn what_the_server_says_itself_is_not() {
        let mut rejected = offering(&[]);
        rejected.smtp.greeting = Some(Reply { code: 554, ..Reply::default() });
        let put_off = Conversation {
            put_off: Some(Reply { code: 421, ..Reply::default() }),
            ..connected(Ending::Closed(Phase::Greeting))
        };
        let wrong_mode = Conversation {
            second_look: Some(SecondLook::TlsAnswered),
            ..connected(Ending::TimedOut { phase: Phase::Greeting, partial: false })
        };
        for seen in [
            rejected,
            put_off,
            wrong_mode,
            failed(TlsErrorKind::HandshakeFailure),
            failed(TlsErrorKind::NotTls),
            connected(Ending::NotSmtp(Phase::Greeting)),
            offering(&["SIZE", "STARTTLS"]),
        ] {
            assert_eq!(of_conversation(Mode::Starttls, &seen), None, "{seen:?}");
        }
        assert_eq!(of_conversation(Mode::Implicit, &offering(&["AUTH"])), None);
    }

    #[test]
    fn no_packet_is_spent_on_what_this_machines_kernel_refuses() {
        let own = IcmpMessage { kind: 3, code: 13, from: [192, 0, 2, 9].into() };
        let local = Some(([192, 0, 2, 9], 0).into());
        for (outcome, expected) in [
            (ConnectOutcome::NoRoute, None),
            (ConnectOutcome::DeniedLocally { error: String::new() }, None),
            (ConnectOutcome::IcmpUnreachable(own), None),
            (ConnectOutcome::TimedOut, Some(Trouble::Silence)),
            (ConnectOutcome::Refused, Some(Trouble::Refusal)),
        ] {
            let connect = Connect { outcome, local, ..Connect::default() };
            let seen = Conversation { connect, ..Conversation::default() };
            assert_eq!(of_conversation(Mode::Starttls, &seen), expected, "{seen:?}");
        }
    }
}
