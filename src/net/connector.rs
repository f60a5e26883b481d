//! The one narrow trait for the effect "connections", and the real one.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connect::{self, Dialling, Shortage};
use crate::observation::{Connect, LocalNetwork};

/// Anything that a conversation can be held on.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, whatever it is made of.
pub type BoxedStream = Box<dyn Stream>;

/// What a connection attempt gives: the facts, and the connection where there is one. The error
/// says that this machine ran out of something, which is no fact about the network.
pub type Dialled = Result<(Connect, Option<BoxedStream>), Shortage>;

/// Makes connections. Tests replace it with servers in memory.
pub trait Connector: Send + Sync {
    /// Dials once. Dropping the future closes what was begun.
    fn connect<'a>(
        &'a self,
        dialling: &'a Dialling,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>>;

    /// Whether the routing table leads to an address; sends nothing.
    fn has_route(&self, to: IpAddr) -> bool;

    /// The local address from which packets to this address would leave; sends nothing.
    fn source(&self, to: IpAddr, bind: Option<IpAddr>) -> Option<IpAddr>;

    /// What this machine's routing table offers; sends nothing.
    fn local_network(&self) -> LocalNetwork;

    /// How long it takes until three SYNs have been sent.
    fn three_syns(&self) -> Duration;
}

/// The operating system's TCP.
#[derive(Clone, Debug, Default)]
pub struct SystemConnector {
    /// Dial no address that is not public. Whoever plans a connection has asked before, and tells
    /// the user; this holds where somebody forgets.
    pub public_only: bool,
}

impl Connector for SystemConnector {
    fn connect<'a>(
        &'a self,
        dialling: &'a Dialling,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>> {
        Box::pin(async move {
            connect::allowed(dialling, self.public_only)?;
            let (facts, stream) = connect::connect(dialling).await?;
            Ok((facts, stream.map(|stream| Box::new(stream) as BoxedStream)))
        })
    }

    fn has_route(&self, to: IpAddr) -> bool {
        connect::has_route(to, None)
    }

    fn source(&self, to: IpAddr, bind: Option<IpAddr>) -> Option<IpAddr> {
        connect::source_for(to, bind)
    }

    fn local_network(&self) -> LocalNetwork {
        connect::local_network()
    }

    fn three_syns(&self) -> Duration {
        // Linux ≥ 6.5 sends SYNs at 0, 1 and 2 s where this setting is at least 2; everything
        // else sends them at 0, 1 and 3 s.
        let linear = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_syn_linear_timeouts")
            .ok()
            .and_then(|text| text.trim().parse::<u32>().ok());
        Duration::from_millis(if linear.is_some_and(|n| n >= 2) { 2500 } else { 3500 })
    }
}
