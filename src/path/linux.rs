//! Hops on Linux: the kernel tells an unprivileged program which router let a SYN's time run out,
//! through the socket's error queue (since 5.9).

use std::future::Future;
use std::pin::Pin;

use super::Hops;
use crate::net::connect::{self, Dialling, Shortage};
use crate::observation::Connect;

/// The operating system's TCP.
#[derive(Clone, Debug, Default)]
pub struct SystemHops {
    /// Dial no address that is not public, as in
    /// [`SystemConnector`](crate::net::connector::SystemConnector).
    pub public_only: bool,
}

impl Hops for SystemHops {
    fn probe<'a>(
        &'a self,
        dialling: &'a Dialling,
        ttl: u8,
    ) -> Pin<Box<dyn Future<Output = Result<Connect, Shortage>> + Send + 'a>> {
        Box::pin(async move {
            connect::allowed(dialling, self.public_only)?;
            connect::connect_within(dialling, ttl).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;
    use crate::observation::ConnectOutcome;

    /// Loopback is no hop away, so the shortest-lived packet arrives.
    #[tokio::test]
    async fn one_hop_is_enough_for_loopback() {
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let Ok(listener) = TcpListener::bind((address, 0)).await else {
                assert!(address.is_ipv6(), "there is IPv4 loopback everywhere");
                continue;
            };
            let to = listener.local_addr().expect("its address");
            let dialling = Dialling::new(to, None, Duration::from_secs(20));
            let hops = SystemHops::default();
            let facts = hops.probe(&dialling, 1).await.expect("it can be done");
            assert_eq!(facts.outcome, ConnectOutcome::Connected);
            drop(listener);
            let guarded = SystemHops { public_only: true }.probe(&dialling, 1).await;
            assert!(guarded.expect_err("a rule").0.contains("--public-only"));
            let facts = hops.probe(&dialling, 1).await.expect("it can be done");
            assert_eq!(facts.outcome, ConnectOutcome::Refused);
        }
    }
}
