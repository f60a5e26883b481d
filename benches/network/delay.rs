//! A line that is 50 ms long in each direction: a router that keeps what it forwards for a while.
//!
//! Knows netfilter's queues (`linux/netfilter/nfnetlink_queue.h`): the kernel tells of a packet, waits
//! for the verdict, and the verdict comes late. Must not know what the packets are. `tc netem` would
//! be shorter, but many a kernel is built without it, and this needs no module beside those of
//! iptables and nothing of root's.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use crate::namespace::{Namespace, tool};

/// The queue's number, in a namespace in which there is no other.
const QUEUE: u16 = 50;

// Message types, of subsystem 3 (NFNL_SUBSYS_QUEUE).
const PACKET: u16 = 3 << 8;
const VERDICT: u16 = 3 << 8 | 1;
const CONFIG: u16 = 3 << 8 | 2;

// NLM_F_REQUEST alone, and with NLM_F_ACK.
const TOLD: u16 = 1;
const ASKED: u16 = 5;

/// Where attributes begin: behind struct nlmsghdr and struct nfgenmsg.
const HEADERS: usize = 16 + 4;

/// Keeps everything that a router forwards, of both families and in both directions, for `delay`,
/// as long as this process lives.
pub fn everything_through(router: &Namespace, delay: Duration) -> Result<(), String> {
    let asked = || -> io::Result<File> {
        let kind = SockType::Raw;
        let flags = SockFlag::SOCK_CLOEXEC;
        let protocol = SockProtocol::NetlinkNetFilter;
        let socket: OwnedFd = socket(AddressFamily::Netlink, kind, flags, protocol)?;
        let socket = File::from(socket);
        // NFQNL_CFG_CMD_BIND; then NFQNL_COPY_META, as nobody looks into the packets.
        configure(&socket, 1, &[1, 0, 0, 0])?;
        configure(&socket, 2, &[0, 0, 0, 0, 1])?;
        Ok(socket)
    };
    let socket = router.inside(asked).map_err(|error| format!("no packet queue: {error}"))?;
    for program in ["iptables", "ip6tables"] {
        let rule = format!("-A FORWARD -j NFQUEUE --queue-num {QUEUE}");
        let output = router
            .inside(|| tool(program).args(rule.split(' ')).output())
            .map_err(|error| format!("{program} cannot be run: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{program} {rule}: {}", said.trim()));
        }
    }
    let (came, next) = mpsc::channel();
    let socket = Arc::new(socket);
    let reader = Arc::clone(&socket);
    thread::spawn(move || note(&reader, delay, &came));
    thread::spawn(move || let_go(&socket, &next));
    Ok(())
}

/// Notes down which packets there are, and when each of them may go on.
#[expect(clippy::disallowed_methods, reason = "a line is as long as the real clock says")]
fn note(mut socket: &File, delay: Duration, came: &mpsc::Sender<(Instant, [u8; 4])>) {
    let mut buffer = [0; 4096];
    loop {
        // The error is a queue that ran over, which costs its packets and nothing else.
        let read = socket.read(&mut buffer).unwrap_or(0);
        if let Some(id) = packet_id(&buffer[..read])
            && came.send((Instant::now() + delay, id)).is_err()
        {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a line is as long as the real clock says")]
fn let_go(mut socket: &File, next: &mpsc::Receiver<(Instant, [u8; 4])>) {
    for (due, id) in next {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // NFQA_VERDICT_HDR, with NF_ACCEPT in network order.
        let [a, b, c, d] = id;
        // It fails where the packet is gone already, and then nobody waits for it.
        let _ = socket.write(&message(VERDICT, TOLD, 2, &[0, 0, 0, 1, a, b, c, d]));
    }
}

fn configure(mut socket: &File, attribute: u16, value: &[u8]) -> io::Result<()> {
    socket.write_all(&message(CONFIG, ASKED, attribute, value))?;
    let mut answer = [0; 4096];
    let read = socket.read(&mut answer)?;
    // struct nlmsgerr begins with the error, negative, or zero.
    let error = answer[..read].get(16..20).and_then(|octets| octets.try_into().ok());
    match i32::from_ne_bytes(error.unwrap_or_default()) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

/// A message for the queue with one attribute. Headers are in this machine's order (netlink(7)),
/// but for the number of the queue.
fn message(kind: u16, flags: u16, attribute: u16, value: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Neither sequence number nor sender; family and version are zero.
    message.extend([0; 8 + 2]);
    message.extend(QUEUE.to_be_bytes());
    let length = u16::try_from(4 + value.len()).expect("a few octets");
    message.extend(length.to_ne_bytes());
    message.extend(attribute.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let length = u32::try_from(message.len()).expect("a few octets");
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

/// The number that the kernel gave the packet of which a message tells: the first attribute is
/// NFQA_PACKET_HDR, which begins with it.
fn packet_id(message: &[u8]) -> Option<[u8; 4]> {
    let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    let attribute = u16::from_ne_bytes(message.get(HEADERS + 2..HEADERS + 4)?.try_into().ok()?);
    let id = message.get(HEADERS + 4..HEADERS + 8)?.try_into().ok()?;
    (kind == PACKET && attribute == 1).then_some(id)
}
