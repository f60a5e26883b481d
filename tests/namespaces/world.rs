//! The lab, built: every machine a network namespace, linked, routed, with real servers on the
//! real ports.
//!
//! Knows how to build the map of `node.rs` and how to run the program in it. Must not know any
//! expectation. All of it lives in this process and goes away with it.

use std::io;
use std::net::{IpAddr, Ipv6Addr, TcpListener, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::filter::Filter;
use crate::harness;
use crate::lab::behaviour::{Behaviour, Tls};
use crate::lab::certificates::{Certificates, Flaw};
use crate::lab::dns::NameServer;
use crate::lab::smtp::{self, Record};
use crate::namespace::Namespace;
use crate::node::{DEAD, FORWARDED, FORWARDED_TO, LINKS, Node, PROXY_PORT};

/// Something else than a filter that is different at a machine.
#[derive(Clone, Debug)]
pub enum Change {
    /// A command for `ip`.
    Ip(Node, String),
    /// A setting below `/proc/sys/net` and its value.
    Set(Node, &'static str, &'static str),
}

/// A running world.
pub struct World {
    machines: Vec<Namespace>,
    filtered: Vec<Node>,
    controls: Vec<Arc<Record>>,
    earlier_calls: usize,
    /// What the first mail exchanger and the submission server see, and how many had left them by
    /// QUIT before this case.
    own: Vec<(Arc<Record>, usize)>,
    certificates: Arc<Certificates>,
    names: Option<NameServer>,
    // Its threads end with it, whatever the servers wait for.
    runtime: Option<Runtime>,
}

impl World {
    /// Builds the machines and starts the servers.
    pub fn build(certificates: &Arc<Certificates>) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| format!("no thread for the servers: {error}"))?;
        let machines: io::Result<_> = Node::ALL.iter().map(|_| Namespace::new()).collect();
        let mut world = Self {
            machines: machines.map_err(|error| format!("no network namespace: {error}"))?,
            filtered: Vec::new(),
            controls: Vec::new(),
            earlier_calls: 0,
            own: Vec::new(),
            certificates: certificates.clone(),
            names: None,
            runtime: Some(runtime),
        };
        world.prepare()?;
        world.link()?;
        world.route()?;
        world.serve().map_err(|error| format!("a server does not start: {error}"))?;
        Ok(world)
    }

    /// Puts these filters in the place of all that were there.
    pub fn filter(&mut self, filters: &[Filter]) -> Result<(), String> {
        for node in std::mem::take(&mut self.filtered) {
            self.machine(node).nft(Filter::nothing())?;
        }
        for node in Node::ALL {
            let mine: Vec<&Filter> = filters.iter().filter(|filter| filter.at == node).collect();
            if !mine.is_empty() {
                self.filtered.push(node);
                self.machine(node).nft(&Filter::ruleset(&mine))?;
            }
        }
        Ok(())
    }

    /// Changes something for good: this world is not fit for another case.
    pub fn change(&self, change: &Change) -> Result<(), String> {
        match change {
            Change::Ip(node, command) => self.machine(*node).ip(command),
            Change::Set(node, key, value) => self.machine(*node).set(key, value),
        }
    }

    /// Waits until the first mail exchanger and the submission server have been left by QUIT, at
    /// both of their addresses.
    pub fn wait_for_quits(&self) -> Result<(), String> {
        for _ in 0..1000 {
            if self.own.iter().all(|(record, earlier)| quits(record) >= earlier + 2) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err("the conversations do not end".to_owned())
    }

    /// How often anybody has called on one of the controls in this case.
    pub fn calls_on_controls(&self) -> usize {
        self.all_calls() - self.earlier_calls
    }

    /// Begins to count the calls on controls anew.
    pub fn forget_calls(&mut self) {
        self.earlier_calls = self.all_calls();
        for (record, earlier) in &mut self.own {
            *earlier = quits(record);
        }
    }

    fn all_calls(&self) -> usize {
        self.controls.iter().map(|record| record.connections()).sum()
    }

    /// The options that every run needs.
    pub fn options(&self) -> Vec<String> {
        vec![
            format!("--ca-file={}", self.certificates.ca_file().display()),
            format!("--control={}", Node::ControlA.host()),
            format!("--control={}", Node::ControlB.host()),
        ]
    }

    /// Runs the program at the client, as a user who may do nothing special.
    pub fn smtpcheck(&self, arguments: &[String]) -> io::Result<Output> {
        self.at_client(&harness::smtpcheck(arguments))
    }

    /// Runs any program at the client in that way.
    pub fn at_client(&self, inner: &Command) -> io::Result<Output> {
        let mut command = as_nobody(inner.get_program().to_string_lossy().as_ref());
        command.args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.machine(Node::Client).inside(|| command.output())
    }

    /// Adds a zone to those that the name server knows.
    #[allow(dead_code, reason = "for the benchmark of a slow network, which has a larger domain")]
    pub fn announce(&self, zone: &str) {
        self.names.as_ref().expect("it is there as soon as the world is built").add(zone);
    }

    /// The capabilities of a program that runs at the client, in the kernel's words.
    pub fn capabilities(&self) -> io::Result<String> {
        let mut command = Command::new("grep");
        command.args(["^Cap[EPA]", "/proc/self/status"]);
        let output = self.at_client(&command)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A machine's namespace.
    pub fn machine(&self, node: Node) -> &Namespace {
        &self.machines[node as usize]
    }

    fn prepare(&self) -> Result<(), String> {
        for node in Node::ALL {
            let machine = self.machine(node);
            // New kernels limit ICMP for the whole namespace, too; where they do not let us lift
            // that, it is far above what one run needs.
            let _ = machine.set("ipv4/icmp_msgs_per_sec", "10000");
            let mut settings = vec![
                // The second limit, of one message a second and peer, is for the cases to lower.
                ("ipv4/icmp_ratelimit", "0"),
                ("ipv6/icmp/ratelimit", "0"),
                ("ipv6/conf/all/disable_ipv6", "0"),
                ("ipv6/conf/default/disable_ipv6", "0"),
                ("ipv6/conf/default/accept_dad", "0"),
            ];
            if Node::ROUTERS.contains(&node) {
                settings.push(("ipv4/ip_forward", "1"));
                settings.push(("ipv6/conf/all/forwarding", "1"));
                settings.push(("ipv4/conf/all/rp_filter", "0"));
                settings.push(("ipv4/conf/default/rp_filter", "0"));
            }
            for (key, value) in settings {
                machine.set(key, value)?;
            }
            machine.ip("link set lo up")?;
        }
        Ok(())
    }

    fn link(&self) -> Result<(), String> {
        for link in &LINKS {
            let (near, far) = link.ends;
            self.machine(near).ip(&format!(
                "link add name {} type veth peer name {} netns {}",
                far.name(),
                near.name(),
                self.machine(far).path()
            ))?;
            for (node, other, v4, v6) in
                [(near, far, link.v4.0, link.v6.0), (far, near, link.v4.1, link.v6.1)]
            {
                let device = other.name();
                self.machine(node).ip(&format!(
                    // One packet is one packet: a filter must not see several in one buffer.
                    "link set {device} up gso_max_segs 1\n\
                     addr add {v4} dev {device}\n\
                     addr add {v6} dev {device} nodad\n"
                ))?;
            }
        }
        Ok(())
    }

    fn route(&self) -> Result<(), String> {
        // The way out.
        for link in &LINKS {
            let (near, far) = link.ends;
            let (node, [v4, v6]) = match near {
                Node::Client | Node::Home | Node::Isp => (near, far.addresses()),
                _ => {
                    let (v4, _) = link.v4.0.split_once('/').expect("a prefix length");
                    let (v6, _) = link.v6.0.split_once('/').expect("a prefix length");
                    (far, [v4, v6].map(|text| text.parse().expect("an address")))
                }
            };
            self.machine(node).ip(&format!(
                "route add default via {v4}\n\
                 -6 route add default via {v6}\n"
            ))?;
        }
        // The way back, and from the core to the mail servers.
        self.machine(Node::Isp).ip("-6 route add 2001:db8:1:1::/64 via 2001:db8:1::2\n")?;
        self.machine(Node::Core).ip("-6 route add 2001:db8:1::/48 via 2001:db8:3::2\n\
             -6 route add 2001:db8:25::/48 via 2001:db8:3:1::2\n\
             route add 192.0.2.0/24 via 203.0.113.18\n")?;
        for (node, out) in [(Node::Home, Node::Isp), (Node::Isp, Node::Core)] {
            self.machine(node).nft(&format!(
                "table ip nat {{\nchain out {{\n\
                 type nat hook postrouting priority srcnat;\n\
                 oifname \"{}\" masquerade\n}}\n}}\n",
                out.name()
            ))?;
        }
        Ok(())
    }

    fn serve(&mut self) -> io::Result<()> {
        self.serve_at(Node::Mx2, 25, &Node::Mx2.host(), Behaviour::relay)?;
        for (node, port, behaviour) in [
            (Node::Mx1, 25, Behaviour::relay as fn(_) -> _),
            (Node::Smtp, 465, Behaviour::submissions),
            (Node::Smtp, 587, Behaviour::submission),
        ] {
            let record = self.serve_at(node, port, &node.host(), behaviour)?;
            self.own.push((record, 0));
        }
        for node in [Node::ControlA, Node::ControlB] {
            for (port, behaviour) in [
                (25, Behaviour::relay as fn(_) -> _),
                (465, Behaviour::submissions),
                (587, Behaviour::submission),
            ] {
                let record = self.serve_at(node, port, &node.host(), behaviour)?;
                self.controls.push(record);
            }
        }
        self.serve_at(FORWARDED_TO.0, FORWARDED_TO.1, FORWARDED, Behaviour::relay)?;
        for node in [Node::Client, Node::Home, Node::Isp, Node::Edge] {
            self.serve_at(node, PROXY_PORT, "proxy.example", |identity| Behaviour {
                tls: Tls::Absent,
                ..Behaviour::relay(identity)
            })?;
        }
        let (udp, tcp) = self.machine(Node::Dns).inside(|| {
            let everywhere = (Ipv6Addr::UNSPECIFIED, 53);
            Ok((UdpSocket::bind(everywhere)?, TcpListener::bind(everywhere)?))
        })?;
        let _guard = self.runtime().enter();
        udp.set_nonblocking(true)?;
        let udp = tokio::net::UdpSocket::from_std(udp)?;
        let names = NameServer::start_on(udp, to_tokio(tcp)?)?;
        names.add(&zones());
        self.names = Some(names);
        Ok(())
    }

    fn serve_at(
        &self,
        node: Node,
        port: u16,
        host: &str,
        behaviour: impl FnOnce(Arc<rustls::ServerConfig>) -> Behaviour,
    ) -> io::Result<Arc<Record>> {
        let everywhere = IpAddr::from(Ipv6Addr::UNSPECIFIED);
        self.serve_in(self.machine(node), (everywhere, port), host, behaviour)
    }

    /// Starts a server in any namespace, at this address and port of it.
    pub fn serve_in(
        &self,
        machine: &Namespace,
        at: (IpAddr, u16),
        host: &str,
        behaviour: impl FnOnce(Arc<rustls::ServerConfig>) -> Behaviour,
    ) -> io::Result<Arc<Record>> {
        let listener = machine.inside(|| TcpListener::bind(at))?;
        let _guard = self.runtime().enter();
        // With the intermediate, a server's first message inside TLS fills a whole packet.
        let identity = self.certificates.serve_as(host, Flaw::ViaIntermediate);
        Ok(smtp::serve_on(to_tokio(listener)?, host, behaviour(identity)))
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it lives as long as the world")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Servers that wait for a client's next word must not hold the tests up.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn quits(record: &Record) -> usize {
    record.commands().iter().filter(|command| *command == "QUIT").count()
}

/// A program in one more user namespace, in which nobody is root: what it starts with loses every
/// capability that this process has over the lab.
fn as_nobody(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--", program]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn to_tokio(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// `lab.example` is the domain of most cases; `dead.example` has a host that is switched off, and
/// `forwarded.example` one behind a router that has its address.
fn zones() -> String {
    let mut text = String::from(
        "lab.example                    MX  10 mx1.lab.example
         lab.example                    MX  20 mx2.lab.example
         _submissions._tcp.lab.example  SRV 0 1 465 smtp.lab.example
         _submission._tcp.lab.example   SRV 0 1 587 smtp.lab.example
         dead.example                   MX  10 mx.dead.example
         forwarded.example              MX  10 mx.forwarded.example\n",
    );
    let hosts = [Node::Mx1, Node::Mx2, Node::Smtp, Node::ControlA, Node::ControlB];
    let hosts = hosts.map(|node| (node.host(), node.addresses().map(|a| a.to_string())));
    let dead = ("mx.dead.example".to_owned(), [DEAD.0, DEAD.1].map(str::to_owned));
    let forwarded = (FORWARDED.to_owned(), Node::Edge.addresses().map(|a| a.to_string()));
    for (host, [v4, v6]) in hosts.into_iter().chain([dead, forwarded]) {
        text.push_str(&format!("{host} A {v4}\n{host} AAAA {v6}\n"));
    }
    text
}
