//! The effect "connections": servers in memory, and an eye on the manners of whoever dials.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use smtpcheck::observation::{Connect, ConnectOutcome, IcmpMessage, LocalNetwork, Millis};
use smtpcheck::{BoxedStream, Connector, Dialled, Dialling, Hops, Shortage};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::sleep;

use super::scenario::{Local, Scenario, Server};
use super::server::{self, Script};

/// This machine's addresses.
const OWN_IPV4: &str = "198.51.100.9";
const OWN_IPV6: &str = "2001:db8:9::9";

/// Linux ≥ 6.5.
const THREE_SYNS: Duration = Duration::from_millis(2500);

pub struct World {
    local: LocalNetwork,
    routes: Vec<IpAddr>,
    servers: Vec<Arc<Machine>>,
    swallows: Vec<u16>,
    paths: HashMap<IpAddr, Vec<IpAddr>>,
    /// What has been done wrong, in words.
    pub complaints: Complaints,
    active: Arc<Mutex<HashMap<SocketAddr, usize>>>,
    /// How often each place was dialled.
    pub dialled: Mutex<HashMap<SocketAddr, usize>>,
}

pub type Complaints = Arc<Mutex<Vec<String>>>;

struct Machine {
    server: Server,
    scripts: Mutex<HashMap<(SocketAddr, usize), Script>>,
}

impl World {
    pub fn new(scenario: &mut Scenario) -> Self {
        let Local { ipv4, ipv6, routes, swallows, .. } = std::mem::take(&mut scenario.local);
        let path = |(address, routers): (IpAddr, String)| {
            let routers = routers.split_whitespace();
            (address, routers.map(|text| text.parse().expect("a router")).collect())
        };
        let complaints = Complaints::default();
        let machine = |server: Server| {
            let certificate = match &server.certificate {
                None => super::scenario::Certificate::default(),
                Some(name) => scenario.certificate.get(name).expect("a certificate").clone(),
            };
            let mut scripts = HashMap::new();
            for at in &server.at {
                for number in 0..server.says.number() {
                    let text = server.says.of_connection(number);
                    let script = Script::parse(text, *at, &certificate);
                    scripts.insert((*at, number), script);
                }
            }
            Arc::new(Machine { server, scripts: Mutex::new(scripts) })
        };
        Self {
            local: LocalNetwork { ipv4, ipv6 },
            routes,
            servers: std::mem::take(&mut scenario.server).into_iter().map(machine).collect(),
            complaints,
            active: Arc::default(),
            swallows,
            paths: std::mem::take(&mut scenario.path).into_iter().map(path).collect(),
            dialled: Mutex::default(),
        }
    }

    fn complain(&self, what: String) {
        self.complaints.lock().expect("complaints").push(what);
    }

    async fn dial(&self, dialling: &Dialling) -> (Connect, Option<BoxedStream>) {
        let to = dialling.to;
        let busy = self.sit_down(to);
        let number = {
            let mut dialled = self.dialled.lock().expect("numbers");
            let number = dialled.entry(to).or_default();
            *number += 1;
            *number - 1
        };
        let is_inhabited =
            |machine: &Arc<Machine>| machine.server.at.iter().any(|at| at.ip() == to.ip());
        if to.ip() != own(to.ip()) && !self.servers.iter().any(is_inhabited) {
            self.complain(format!("{to} was dialled, where nobody lives"));
        }
        let machine = self.servers.iter().find(|machine| machine.server.at.contains(&to));
        let (outcome, delay) = match machine {
            _ if self.swallows.contains(&to.port()) => (ConnectOutcome::TimedOut, dialling.limit),
            None => (ConnectOutcome::Refused, Duration::from_millis(10)),
            Some(machine) => {
                let delay = Duration::from_secs_f64(machine.server.delay);
                (self.outcome(&machine.server.connect, to.ip()), delay)
            }
        };
        let own = dialling.bind.unwrap_or_else(|| own(to.ip()));
        let (outcome, elapsed) = match outcome {
            ConnectOutcome::TimedOut => (ConnectOutcome::TimedOut, dialling.limit),
            // Neither needs the network.
            local @ (ConnectOutcome::NoRoute | ConnectOutcome::DeniedLocally { .. }) => {
                (local, Duration::ZERO)
            }
            _ if delay >= dialling.limit => (ConnectOutcome::TimedOut, dialling.limit),
            other => (other, delay),
        };
        sleep(elapsed).await;
        let connected = outcome == ConnectOutcome::Connected;
        let local = Some(SocketAddr::new(own, 40_000));
        let facts =
            Connect { outcome, elapsed: Millis::from(elapsed), local, ..Connect::default() };
        let Some(machine) = machine.filter(|_| connected) else { return (facts, None) };
        let script = {
            let scripts = machine.scripts.lock().expect("scripts");
            scripts[&(to, number.min(machine.server.says.number() - 1))].clone()
        };
        let (near, far) = tokio::io::duplex(64 * 1024);
        let reset = Arc::new(AtomicBool::new(false));
        tokio::spawn(server::serve(script, far, reset.clone(), to, self.complaints.clone()));
        (facts, Some(Box::new(Line { inner: near, reset, _busy: busy })))
    }

    fn outcome(&self, connect: &str, server: IpAddr) -> ConnectOutcome {
        match connect {
            "open" => ConnectOutcome::Connected,
            "refused" => ConnectOutcome::Refused,
            "silent" => ConnectOutcome::TimedOut,
            "no-route" => ConnectOutcome::NoRoute,
            "a-fault-of-ours" => panic!("a fault of the program, which this scenario plays"),
            "denied" => ConnectOutcome::DeniedLocally { error: "Permission denied".to_owned() },
            icmp => ConnectOutcome::IcmpUnreachable(message(icmp, server)),
        }
    }

    /// Notes a conversation with a place, which lasts until what is returned is dropped.
    fn sit_down(&self, to: SocketAddr) -> Busy {
        let mut active = self.active.lock().expect("places");
        let here = active.entry(to).or_default();
        *here += 1;
        if *here > 1 {
            self.complain(format!("{here} conversations at once with {to}"));
        }
        Busy { active: self.active.clone(), to }
    }
}

/// `icmp 3/13 from 203.0.113.1`; the sender may be `itself` (the server) or `this-machine`.
fn message(text: &str, server: IpAddr) -> IcmpMessage {
    let read = || {
        let (numbers, from) = text.strip_prefix("icmp ")?.split_once(" from ")?;
        let (kind, code) = numbers.split_once('/')?;
        let from = match from {
            "itself" => server,
            "this-machine" if server.is_ipv4() => OWN_IPV4.parse().ok()?,
            "this-machine" => OWN_IPV6.parse().ok()?,
            other => other.parse().ok()?,
        };
        Some(IcmpMessage { kind: kind.parse().ok()?, code: code.parse().ok()?, from })
    };
    read().unwrap_or_else(|| panic!("`{text}` is no outcome of a connection"))
}

impl Connector for World {
    fn connect<'a>(
        &'a self,
        dialling: &'a Dialling,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>> {
        Box::pin(async move { Ok(self.dial(dialling).await) })
    }

    fn has_route(&self, to: IpAddr) -> bool {
        let family = if to.is_ipv4() { self.local.ipv4 } else { self.local.ipv6 };
        family || self.routes.contains(&to)
    }

    fn source(&self, to: IpAddr, bind: Option<IpAddr>) -> Option<IpAddr> {
        Some(bind.unwrap_or_else(|| own(to)))
    }

    fn local_network(&self) -> LocalNetwork {
        self.local
    }

    fn three_syns(&self) -> Duration {
        THREE_SYNS
    }
}

struct Busy {
    active: Arc<Mutex<HashMap<SocketAddr, usize>>>,
    to: SocketAddr,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(here) = self.active.lock().expect("places").get_mut(&self.to) {
            *here -= 1;
        }
    }
}

/// The client's end of a connection, which can also end in a reset.
struct Line {
    inner: DuplexStream,
    reset: Arc<AtomicBool>,
    _busy: Busy,
}

impl Line {
    fn end(&self, otherwise: io::Result<usize>) -> io::Result<usize> {
        match self.reset.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => otherwise,
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        Poll::Ready(if read == 0 { self.end(Ok(0)).map(drop) } else { Ok(()) })
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        Poll::Ready(if written.is_err() { self.end(written) } else { written })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// The ladders of a scenario: its routers, and what stops a port's packets between them.
pub struct Paths(pub Arc<World>);

impl Hops for Paths {
    fn probe<'a>(
        &'a self,
        dialling: &'a Dialling,
        ttl: u8,
    ) -> Pin<Box<dyn Future<Output = Result<Connect, Shortage>> + Send + 'a>> {
        Box::pin(async move {
            let (outcome, elapsed) = self.0.hop(dialling.to, ttl, dialling.limit);
            sleep(elapsed).await;
            let local = Some(SocketAddr::new(own(dialling.to.ip()), 40_001));
            Ok(Connect { outcome, elapsed: Millis::from(elapsed), local, ..Connect::default() })
        })
    }
}

impl World {
    /// What comes of a packet that lives for so many hops.
    fn hop(&self, to: SocketAddr, ttl: u8, limit: Duration) -> (ConnectOutcome, Duration) {
        let routers = self.paths.get(&to.ip()).map_or(&[][..], Vec::as_slice);
        let machine = self.servers.iter().find(|machine| machine.server.at.contains(&to));
        let server = machine.map(|machine| &machine.server);
        let cut = server.and_then(|server| server.cut);
        let answered_at = server.and_then(|server| server.answered_at);
        let answered_at = answered_at.map_or(routers.len() + 1, usize::from);
        let silence = (ConnectOutcome::TimedOut, limit);
        if self.swallows.contains(&to.port()) || cut.is_some_and(|cut| ttl > cut) {
            return silence;
        }
        if usize::from(ttl) < answered_at {
            let from = routers[usize::from(ttl) - 1];
            let (kind, code) = if from.is_ipv4() { (11, 0) } else { (3, 0) };
            let exceeded = ConnectOutcome::IcmpUnreachable(IcmpMessage { kind, code, from });
            return (exceeded, Duration::from_millis(5));
        }
        match server.map(|server| self.outcome(&server.connect, to.ip())) {
            None => (ConnectOutcome::Refused, Duration::from_millis(10)),
            Some(ConnectOutcome::TimedOut) => silence,
            Some(outcome) => (outcome, Duration::from_millis(10)),
        }
    }
}

/// This machine's address of the family.
fn own(to: IpAddr) -> IpAddr {
    let own = if to.is_ipv4() { OWN_IPV4 } else { OWN_IPV6 };
    own.parse().expect("an address")
}
