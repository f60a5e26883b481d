//! A world of mail on loopback: one name server, many SMTP servers, most of them faulty.
//!
//! The example `lab` shows it to people, and `tests/loopback.rs` uses it as its fixture. It knows
//! what each server does; it must not know what smtpcheck makes of it. Real names and ports cannot
//! be had without a network and without root, so [`Lab::options`] gives the `--resolver` and
//! `--connect-to` options that lead there. Go on with [`world`] for the domains, [`behaviour`] for
//! what a server can do wrong, [`dns`] for the zones.

// Each of the two users uses its own part of it.
#![allow(dead_code)]

pub mod behaviour;
pub mod certificates;
pub mod dns;
pub mod smtp;
pub mod world;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use behaviour::{Behaviour, Interruption, Step};
use certificates::{Certificates, Flaw};
use dns::NameServer;
use rustls::ServerConfig;
use smtp::Record;
use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, Runtime};

/// The ports that smtpcheck looks at. Every host of the lab has all four, most of them closed.
pub const PORTS: [u16; 4] = [25, 465, 587, 2525];

/// The running world. Its servers live on threads of their own until it is dropped.
pub struct Lab {
    /// The name server that stands in for the user's resolver.
    pub dns: NameServer,
    /// The authority that the lab's clients trust, and some that they do not.
    pub certificates: Certificates,
    ports: BTreeMap<(String, u16), Port>,
    runtime: Option<Runtime>,
}

/// What is behind one port of one host.
enum Port {
    /// Bound and not listening: the kernel refuses, and nobody else gets the port.
    Closed(Socket),
    /// Listening with a full queue: the kernel drops every further SYN, as a firewall would.
    Deaf(Socket, TcpStream),
    Server(SocketAddr, Arc<Record>),
    /// A server that is not the lab's own.
    Elsewhere(SocketAddr),
}

impl Lab {
    /// Starts an empty world: a name server without zones, and no mail server.
    pub fn start() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads for the lab's servers");
        let dns = runtime.block_on(NameServer::start()).expect("a free port on loopback");
        Self {
            dns,
            certificates: Certificates::issue(),
            ports: BTreeMap::new(),
            runtime: Some(runtime),
        }
    }

    /// Adds a host with all its ports closed.
    pub fn host(&mut self, host: &str) {
        for port in PORTS {
            self.ports.entry((host.to_owned(), port)).or_insert_with(closed);
        }
    }

    /// Puts a server behind a port of a host and hands back what it notes down.
    pub fn serve(&mut self, host: &str, port: u16, behaviour: Behaviour) -> Arc<Record> {
        self.serve_many(&[host.to_owned()], port, &behaviour)
    }

    /// Puts servers of one kind behind a port of several hosts; what they see is noted down together.
    pub fn serve_many(&mut self, hosts: &[String], port: u16, like: &Behaviour) -> Arc<Record> {
        let record = Arc::new(Record::default());
        for host in hosts {
            self.host(host);
            let runtime = self.runtime.as_ref().expect("it lives as long as the lab");
            let serving = smtp::serve(host, like.clone(), record.clone());
            let address = runtime.block_on(serving).expect("a free port on loopback");
            self.ports.insert((host.to_owned(), port), Port::Server(address, record.clone()));
        }
        record
    }

    /// Puts a server that the lab does not run itself behind a port of a host.
    pub fn put(&mut self, host: &str, port: u16, address: SocketAddr) {
        self.host(host);
        self.ports.insert((host.to_owned(), port), Port::Elsewhere(address));
    }

    /// Makes a port of a host swallow every connection attempt.
    pub fn deafen(&mut self, host: &str, port: u16) {
        self.host(host);
        self.ports.insert((host.to_owned(), port), deaf());
    }

    /// A healthy relay on 25, but for its certificate.
    pub fn relay(&mut self, host: &str, flaw: Flaw) -> Arc<Record> {
        let identity = self.identity(host, flaw);
        self.serve(host, 25, Behaviour::relay(identity))
    }

    /// A relay on 25 that accepts connections and never greets.
    pub fn mute(&mut self, host: &str) -> Arc<Record> {
        let relay = Behaviour::relay(self.identity(host, Flaw::None));
        self.serve(host, 25, relay.interrupted(Step::Greeting, Interruption::FallsSilent))
    }

    /// A healthy submission server on 465 and 587, but for its certificate.
    pub fn submission(&mut self, host: &str, flaw: Flaw) {
        let identity = self.identity(host, flaw);
        self.serve(host, 465, Behaviour::submissions(identity.clone()));
        self.serve(host, 587, Behaviour::submission(identity));
    }

    /// A certificate for a host, ready to serve with.
    pub fn identity(&self, host: &str, flaw: Flaw) -> Arc<ServerConfig> {
        self.certificates.serve_as(host, flaw)
    }

    /// The real address behind a port of a host.
    pub fn address(&self, host: &str, port: u16) -> SocketAddr {
        match &self.ports[&(host.to_owned(), port)] {
            Port::Server(address, _) | Port::Elsewhere(address) => *address,
            Port::Closed(socket) | Port::Deaf(socket, _) => bound_to(socket),
        }
    }

    /// How many mail servers there are.
    pub fn servers(&self) -> usize {
        self.ports.values().filter(|port| matches!(port, Port::Server(..))).count()
    }

    /// The options that lead smtpcheck into this world.
    pub fn options(&self) -> Vec<String> {
        let mut options = vec![format!("--resolver={}", self.dns.address())];
        options.push(format!("--ca-file={}", self.certificates.ca_file().display()));
        for (host, port) in self.ports.keys() {
            let real = self.address(host, *port);
            options.push(format!("--connect-to={host}:{port}:{}:{}", real.ip(), real.port()));
        }
        options
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Servers that wait for a client's next word must not hold the program up.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn closed() -> Port {
    Port::Closed(bound())
}

fn deaf() -> Port {
    let socket = bound();
    // A queue of length 0 takes exactly one connection that nobody accepts.
    socket.listen(0).expect("listening on loopback");
    let filler = TcpStream::connect(bound_to(&socket)).expect("the one that fills the queue");
    Port::Deaf(socket, filler)
}

fn bound() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&anywhere.into()).expect("a free port on loopback");
    socket
}

fn bound_to(socket: &Socket) -> SocketAddr {
    socket.local_addr().ok().and_then(|a| a.as_socket()).expect("it was bound to an IP address")
}
