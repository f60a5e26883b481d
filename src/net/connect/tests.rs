//! Real sockets on loopback.

use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;

/// Long enough for loopback on a busy machine.
const AMPLE: Duration = Duration::from_secs(20);

fn dialling(to: SocketAddr) -> Dialling {
    Dialling::new(to, None, AMPLE)
}

fn loopbacks() -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    addresses.extend(Some(IpAddr::V6(Ipv6Addr::LOCALHOST)).filter(|a| can_bind(*a)));
    addresses
}

#[tokio::test]
async fn a_listener_is_connected_to() {
    for address in loopbacks() {
        let listener = TcpListener::bind((address, 0)).await.expect("a listener");
        let to = listener.local_addr().expect("its address");
        let (facts, stream) = connect(&dialling(to)).await.expect("no shortage");
        let stream = stream.expect("a stream");
        assert_eq!(facts.outcome, ConnectOutcome::Connected);
        assert_eq!(facts.local, stream.local_addr().ok());
        assert!(stream.nodelay().expect("the option"));
        let (mut served, _) = listener.accept().await.expect("the peer");
        // A second descriptor left open would keep the connection alive.
        drop(stream);
        assert_eq!(served.read(&mut [0; 1]).await.expect("the end"), 0);
    }
}

#[tokio::test]
async fn what_is_not_public_is_not_dialled_where_only_public_is_allowed() {
    use crate::net::connector::{Connector, SystemConnector};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    listener.set_nonblocking(true).expect("the option");
    let to = dialling(listener.local_addr().expect("its address"));
    let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), to.to.port()));
    for to in [to.clone(), dialling(mapped)] {
        let guarded = SystemConnector { public_only: true };
        let refusal = guarded.connect(&to).await.err().expect("a rule forbids it");
        assert!(refusal.0.contains("--public-only"), "{refusal}");
    }
    assert!(listener.accept().is_err(), "somebody was dialled");
    assert!(SystemConnector::default().connect(&to).await.is_ok());
    assert!(allowed(&dialling(([192, 0, 2, 1], 25).into()), true).is_ok());
}

#[tokio::test]
async fn a_closed_port_refuses() {
    for address in loopbacks() {
        // Bound and not listening: nobody else can take the port meanwhile.
        let holder = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let holder = holder.expect("a socket");
        holder.bind((address, 0).into()).expect("a port");
        let to = holder.local_addr().expect("its address");
        let (facts, stream) = connect(&dialling(to)).await.expect("no shortage");
        assert_eq!(facts.outcome, ConnectOutcome::Refused);
        assert_eq!(facts.local.map(|l| l.ip()), Some(address));
        assert!(stream.is_none());
    }
}

#[tokio::test]
async fn a_mapped_address_is_dialled_as_ipv4() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port));
    let (facts, _) = connect(&dialling(mapped)).await.expect("no shortage");
    assert_eq!(facts.outcome, ConnectOutcome::Connected);
    assert!(facts.local.is_some_and(|l| l.is_ipv4()));
}

/// A server that accepts and resets at once was reached all the same: it must not look like a
/// closed port, whichever of the two this program notices first.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_after_the_handshake_is_a_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let to = listener.local_addr().expect("its address");
    let server = std::thread::spawn(move || {
        for _ in 0..200 {
            let (peer, _) = listener.accept().expect("the peer");
            let peer = socket2::Socket::from(peer);
            peer.set_linger(Some(Duration::ZERO)).expect("reset on close");
        }
    });
    for _ in 0..200 {
        let (facts, stream) = connect(&dialling(to)).await.expect("no shortage");
        assert_eq!(facts.outcome, ConnectOutcome::Connected);
        let read = stream.expect("a stream").read(&mut [0; 1]).await;
        assert!(!matches!(read, Ok(1..)), "{read:?}");
    }
    server.join().expect("the server");
}

/// A process that was stopped finds its time over before tokio tells what the kernel knows.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_kernel_knows_when_the_time_is_over_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let open = listener.local_addr().expect("its address");
    let holder = TcpSocket::new_v4().expect("a socket");
    holder.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let closed = holder.local_addr().expect("its address");
    let over = std::future::ready;
    let mut attempt = Attempt::new(open, None, None, None).expect("a socket");
    let (_, result) = attempt.run(open, over(())).await;
    drop(attempt);
    let (mut served, _) = listener.accept().await.expect("the peer");
    drop(result.expect("an outcome").expect("a connection"));
    assert_eq!(served.read(&mut [0; 1]).await.expect("the end"), 0, "it was left open");
    let mut attempt = Attempt::new(closed, None, None, None).expect("a socket");
    let (_, result) = attempt.run(closed, over(())).await;
    let error = result.expect("an outcome").expect_err("nobody listens");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

/// Where the queue of a listener is full, the kernel drops further SYNs.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn dropped_packets_are_a_time_out() {
    let listener = TcpSocket::new_v4().expect("a socket");
    listener.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = listener.listen(0).expect("a listener");
    let to = listener.local_addr().expect("its address");
    let _held = connect(&dialling(to)).await.expect("no shortage");
    let brief = Dialling { limit: Duration::from_millis(150), ..dialling(to) };
    let (facts, stream) = connect(&brief).await.expect("no shortage");
    assert_eq!(facts.outcome, ConnectOutcome::TimedOut);
    assert!(facts.local.is_some_and(|l| l.ip() == to.ip() && l.port() != 0), "{facts:?}");
    assert!(stream.is_none());
}

#[tokio::test]
async fn the_local_address_is_the_one_that_was_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let to = listener.local_addr().expect("its address");
    let bind = Some(Ipv4Addr::LOCALHOST.into());
    let (facts, _) = connect(&Dialling { bind, ..dialling(to) }).await.expect("no shortage");
    assert_eq!(facts.local.map(|l| l.ip()), bind);

    // Another family's is ignored, and an address of somebody else's is no verdict on the port.
    let bind = Some(Ipv6Addr::LOCALHOST.into());
    let (facts, _) = connect(&Dialling { bind, ..dialling(to) }).await.expect("no shortage");
    assert_eq!(facts.outcome, ConnectOutcome::Connected);
    let bind = Some([192, 0, 2, 1].into());
    let shortage = connect(&Dialling { bind, ..dialling(to) }).await.expect_err("a shortage");
    assert!(shortage.to_string().contains("assign requested address"), "{shortage}");
}
