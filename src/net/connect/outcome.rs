//! From an error and the socket's error queue to a [`ConnectOutcome`]: one table, no sockets.
//!
//! The same errno stands for different things: ECONNREFUSED is a reset or a packet filter's port
//! unreachable, EACCES a local rule or a router's "administratively prohibited" (IPv6). What tells
//! them apart is the error queue, and whether the system call itself failed.

use std::io::{self, ErrorKind};

use nix::errno::Errno;

use super::Shortage;
use crate::observation::{ConnectOutcome, IcmpMessage};

/// An ICMP message in a socket's error queue, and the errno that the kernel makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuedError {
    pub(crate) errno: i32,
    pub(crate) icmp: IcmpMessage,
}

/// What a failed attempt showed.
///
/// `at_once`: the system call itself failed. `routed`: whether the routing table has a way there;
/// asked only where it matters.
///
/// # Errors
///
/// [`Shortage`] for everything that says nothing about the network. An unknown error is one too:
/// no verdict is better than a wrong one.
pub(crate) fn of_error(
    error: &io::Error,
    at_once: bool,
    queue: &[QueuedError],
    routed: impl Fn() -> bool,
) -> Result<ConnectOutcome, Shortage> {
    // An entry of another errno did not end the attempt: a router may have complained about one
    // SYN, and the server have reset the next.
    let ended_it = queue.iter().rev().find(|q| Some(q.errno) == error.raw_os_error());
    if let Some(queued) = ended_it {
        return Ok(ConnectOutcome::IcmpUnreachable(queued.icmp));
    }
    Ok(match error.kind() {
        ErrorKind::ConnectionRefused => ConnectOutcome::Refused,
        ErrorKind::TimedOut => of_silence(queue),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown
            if at_once || !routed() =>
        {
            ConnectOutcome::NoRoute
        }
        // Later, something on the way said so, and this system does not tell what or who (Linux
        // before 5.9, macOS). Nothing is claimed but that no answer came.
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            ConnectOutcome::TimedOut
        }
        ErrorKind::PermissionDenied if !at_once => ConnectOutcome::TimedOut,
        // EINVAL is what Linux gives for a blackhole route.
        ErrorKind::PermissionDenied | ErrorKind::InvalidInput => {
            ConnectOutcome::DeniedLocally { error: error.to_string() }
        }
        // There is a route but no address to send from, as where IPv6 is switched off in part. With
        // an address the same errno means that its ports have run out.
        ErrorKind::AddrNotAvailable if !routed() => ConnectOutcome::NoRoute,
        _ if family_is_absent(error) => ConnectOutcome::NoRoute,
        _ => return Err(Shortage(error.to_string())),
    })
}

/// What an attempt showed that nothing ended before its limit, ours or the kernel's. The kernel may
/// have noted an ICMP message without ending the attempt: when it came while the socket was in use.
pub(crate) fn of_silence(queue: &[QueuedError]) -> ConnectOutcome {
    match queue.last() {
        Some(queued) => ConnectOutcome::IcmpUnreachable(queued.icmp),
        None => ConnectOutcome::TimedOut,
    }
}

/// Whether the connection was made and then reset: a reset in answer to the SYN is ECONNREFUSED
/// (`tcp_reset` in the kernel's tcp_input.c), so the server did accept.
pub(crate) fn was_reset_after_connecting(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Whether this system does not know the address family at all.
pub(crate) fn family_is_absent(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ICMP: IcmpMessage = IcmpMessage {
        kind: 3,
        code: 13,
        from: std::net::IpAddr::V4(std::net::Ipv4Addr::new(100, 64, 0, 1)),
    };

    fn judge(errno: Errno, at_once: bool, queue: &[Errno], routed: bool) -> String {
        let queue: Vec<_> =
            queue.iter().map(|e| QueuedError { errno: *e as i32, icmp: ICMP }).collect();
        let error = io::Error::from_raw_os_error(errno as i32);
        match of_error(&error, at_once, &queue, || routed) {
            Err(Shortage(words)) => {
                assert!(words.contains("os error"), "{words}");
                "shortage".to_owned()
            }
            Ok(ConnectOutcome::IcmpUnreachable(icmp)) => {
                assert_eq!(icmp, ICMP);
                "icmp".to_owned()
            }
            Ok(ConnectOutcome::DeniedLocally { error }) => {
                assert!(error.contains("os error"), "{error}");
                "denied".to_owned()
            }
            Ok(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn every_errno_and_queue_has_its_outcome() {
        use Errno::*;
        const AT_ONCE: bool = true;
        const LATER: bool = false;
        let empty: &[Errno] = &[];
        for (errno, when, queue, routed, expected) in [
            (ECONNREFUSED, LATER, empty, true, "Refused"),
            (ECONNREFUSED, LATER, &[ECONNREFUSED], true, "icmp"),
            (ECONNREFUSED, LATER, &[EHOSTUNREACH], true, "Refused"),
            (EHOSTUNREACH, LATER, &[EHOSTUNREACH], true, "icmp"),
            (ENETUNREACH, LATER, &[ENETUNREACH], true, "icmp"),
            (EACCES, LATER, &[EACCES], true, "icmp"),
            (ENOPROTOOPT, LATER, &[ENOPROTOOPT], true, "icmp"),
            (EHOSTUNREACH, AT_ONCE, empty, true, "NoRoute"),
            (ENETUNREACH, AT_ONCE, empty, false, "NoRoute"),
            (ENETDOWN, AT_ONCE, empty, false, "NoRoute"),
            (EHOSTUNREACH, LATER, empty, true, "TimedOut"),
            (ENETUNREACH, LATER, empty, false, "NoRoute"),
            (EACCES, AT_ONCE, empty, true, "denied"),
            (EPERM, AT_ONCE, empty, true, "denied"),
            (EINVAL, AT_ONCE, empty, true, "denied"),
            (EACCES, LATER, empty, true, "TimedOut"),
            (ETIMEDOUT, LATER, empty, true, "TimedOut"),
            (ETIMEDOUT, LATER, &[EHOSTUNREACH], true, "icmp"),
            (EADDRNOTAVAIL, AT_ONCE, empty, false, "NoRoute"),
            (EADDRNOTAVAIL, AT_ONCE, empty, true, "shortage"),
            (EAFNOSUPPORT, AT_ONCE, empty, false, "NoRoute"),
            (EADDRINUSE, AT_ONCE, empty, true, "shortage"),
            (EAGAIN, AT_ONCE, empty, true, "shortage"),
            (EMFILE, AT_ONCE, empty, true, "shortage"),
            (ENFILE, AT_ONCE, empty, true, "shortage"),
            (ENOBUFS, AT_ONCE, empty, true, "shortage"),
            (ENOMEM, AT_ONCE, empty, true, "shortage"),
            (EIO, LATER, empty, true, "shortage"),
        ] {
            let got = judge(errno, when, queue, routed);
            assert_eq!(got, expected, "{errno:?} at_once={when} {queue:?} routed={routed}");
        }
    }

    #[test]
    fn silence_with_a_noted_icmp_message_is_no_silence() {
        assert_eq!(of_silence(&[]), ConnectOutcome::TimedOut);
        let queued = QueuedError { errno: Errno::EHOSTUNREACH as i32, icmp: ICMP };
        assert_eq!(of_silence(&[queued]), ConnectOutcome::IcmpUnreachable(ICMP));
    }
}
