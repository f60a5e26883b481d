//! The socket's error queue (ip(7), `IP_RECVERR`; ipv6(7), `IPV6_RECVERR`): the ICMP message that
//! ended a connection attempt, and who sent it. Linux only; TCP sockets have it since 5.9.
//!
//! Knows the kernel's interface and nothing of what a message means; [`super::outcome`] goes on.

use std::io::IoSliceMut;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmsg, setsockopt,
    sockopt,
};

use super::outcome::QueuedError;
use crate::observation::IcmpMessage;

/// `SO_EE_ORIGIN_ICMP` and `SO_EE_ORIGIN_ICMP6` of linux/errqueue.h. Other origins (1 is this
/// kernel itself) are no ICMP messages.
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;

/// More messages than this about a handful of SYNs are noise.
const ENTRIES: usize = 32;

/// Asks the kernel to queue ICMP errors for this socket, or to stop that. A kernel that refuses
/// leaves the queue empty, which loses a fact and falsifies none.
pub(crate) fn enable(socket: &impl AsFd, ipv4: bool, on: bool) {
    let _ = if ipv4 {
        setsockopt(socket, sockopt::Ipv4RecvErr, &on)
    } else {
        setsockopt(socket, sockopt::Ipv6RecvErr, &on)
    };
}

/// Takes the queue's ICMP messages, oldest first. Does not wait.
pub(crate) fn read(socket: &OwnedFd) -> Vec<QueuedError> {
    let mut entries = Vec::new();
    for _ in 0..ENTRIES {
        let mut packet = [0; 64];
        let mut iov = [IoSliceMut::new(&mut packet)];
        let mut space = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, [u64; 8]);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let Ok(message) =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut iov, Some(&mut space), flags)
        else {
            break;
        };
        let Ok(controls) = message.cmsgs() else {
            continue;
        };
        entries.extend(controls.filter_map(|control| icmp(&control)));
    }
    entries
}

fn icmp(control: &ControlMessageOwned) -> Option<QueuedError> {
    let (error, from) = match control {
        ControlMessageOwned::Ipv4RecvErr(error, Some(from)) => {
            (error, IpAddr::V4(SockaddrIn::from(*from).ip()))
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(from)) => {
            (error, IpAddr::V6(SockaddrIn6::from(*from).ip()))
        }
        _ => return None,
    };
    if !matches!(error.ee_origin, ORIGIN_ICMP | ORIGIN_ICMP6) {
        return None;
    }
    let icmp = IcmpMessage { kind: error.ee_type, code: error.ee_code, from: from.to_canonical() };
    Some(QueuedError { errno: error.ee_errno as i32, icmp })
}
