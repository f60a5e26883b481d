//! A recursive resolver whose whole world is a text.
//!
//! Knows zones, and the ways in which a name server fails. Must not know who asks or why.
//!
//! A zone is a line a record, without trailing dots; a name and all below it may have a fate:
//!
//! ```text
//! healthy.example                    MX   10 mx1.healthy.example
//! null-mx.example                    MX   0 .
//! _submissions._tcp.healthy.example  SRV  0 1 465 smtp.healthy.example
//! mx1.healthy.example                A    192.0.2.1
//! alias.example                      CNAME mx1.healthy.example
//! empty.example                      EXISTS
//! broken.example                     BOGUS
//! *                                  SERVFAIL
//! ```
//!
//! A name without a line, and with none below it, does not exist.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use hickory_resolver::proto::op::{Edns, Message, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::opt::EdnsOption;
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SOA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// A name server over UDP and TCP.
pub struct NameServer {
    address: SocketAddr,
    world: Arc<World>,
}

#[derive(Default)]
struct World(Mutex<Zones>);

#[derive(Default)]
struct Zones {
    records: Vec<(String, RData)>,
    names: Vec<String>,
    fates: Vec<(String, Fate)>,
    queries: Vec<String>,
}

/// How the name server treats a name and all below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Answers as it should.
    Answered,
    /// SERVFAIL, whatever is asked.
    ServFail,
    /// SERVFAIL with the extended error "DNSSEC bogus" (RFC 8914 §4.7), an answer with CD=1.
    Bogus,
    /// REFUSED.
    Refused,
    /// No answer at all.
    Silent,
    /// Truncated over UDP, complete over TCP.
    Truncated,
}

impl NameServer {
    /// Starts it on a free port of loopback, the same for UDP and TCP.
    pub async fn start() -> io::Result<Self> {
        let (udp, tcp) = bind_both().await?;
        Self::start_on(udp, tcp)
    }

    /// Starts it on these two, wherever they are bound.
    pub fn start_on(udp: UdpSocket, tcp: TcpListener) -> io::Result<Self> {
        let address = udp.local_addr()?;
        let world = Arc::new(World::default());
        tokio::spawn(serve_udp(udp, world.clone()));
        tokio::spawn(serve_tcp(tcp, world.clone()));
        Ok(Self { address, world })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds the records of a zone.
    pub fn add(&self, zone: &str) {
        let mut zones = self.world.zones();
        for line in zone.lines().map(str::trim).filter(|line| !line.is_empty()) {
            zones.add(line).unwrap_or_else(|| panic!("the lab's zone has a bad line: {line}"));
        }
    }

    /// Every question so far, as `example.com MX`.
    pub fn queries(&self) -> Vec<String> {
        self.world.zones().queries.clone()
    }
}

impl World {
    fn zones(&self) -> MutexGuard<'_, Zones> {
        self.0.lock().expect("nothing panics while it holds the zones")
    }

    /// The answer to one message; absent where there is none.
    fn answer(&self, query: &[u8], over_udp: bool) -> Option<Vec<u8>> {
        let query = Message::from_vec(query).ok()?;
        self.zones().answer(&query, over_udp)?.to_vec().ok()
    }
}

impl Zones {
    fn add(&mut self, line: &str) -> Option<()> {
        let (name, rest) = line.split_once(char::is_whitespace)?;
        let (kind, data) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        let mut words = data.split_whitespace();
        let mut number = || words.next()?.parse().ok();
        let data = match kind {
            "A" => RData::A(A(data.trim().parse().ok()?)),
            "AAAA" => RData::AAAA(AAAA(data.trim().parse().ok()?)),
            "CNAME" => RData::CNAME(CNAME(to_name(data)?)),
            "MX" => {
                // The rest of the line is the exchange, spaces and all: some zones have such.
                let exchange = data.trim().split_once(' ')?.1;
                RData::MX(MX::new(number()?, to_name(exchange)?))
            }
            "SRV" => {
                let (priority, weight, port) = (number()?, number()?, number()?);
                RData::SRV(SRV::new(priority, weight, port, to_name(words.next()?)?))
            }
            fate => {
                let fate = match fate {
                    "EXISTS" => Fate::Answered,
                    "SERVFAIL" => Fate::ServFail,
                    "BOGUS" => Fate::Bogus,
                    "REFUSED" => Fate::Refused,
                    "SILENT" => Fate::Silent,
                    "TRUNCATED" => Fate::Truncated,
                    _ => return None,
                };
                self.fates.push((name.trim_start_matches('*').to_owned(), fate));
                self.names.push(name.to_owned());
                return Some(());
            }
        };
        self.names.push(name.to_owned());
        self.records.push((name.to_owned(), data));
        Some(())
    }

    fn answer(&mut self, query: &Message, over_udp: bool) -> Option<Message> {
        let question = query.queries.first()?.clone();
        let name = to_text(&question.name);
        self.queries.push(format!("{name} {}", question.query_type));

        let mut answer = Message::response(query.metadata.id, OpCode::Query);
        answer.metadata.recursion_desired = query.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.metadata.checking_disabled = query.metadata.checking_disabled;
        answer.add_query(question.clone());
        let mut edns = query.edns.as_ref().map(|_| Edns::new());

        match self.fate(&name) {
            Fate::Silent => return None,
            Fate::ServFail => answer.metadata.response_code = ResponseCode::ServFail,
            Fate::Refused => answer.metadata.response_code = ResponseCode::Refused,
            Fate::Truncated if over_udp => answer.metadata.truncation = true,
            Fate::Bogus if !query.metadata.checking_disabled => {
                answer.metadata.response_code = ResponseCode::ServFail;
                if let Some(edns) = &mut edns {
                    let bogus = [&[0, 6], "no valid signature covers it".as_bytes()].concat();
                    edns.options_mut().insert(EdnsOption::Unknown(15, bogus));
                }
            }
            Fate::Answered | Fate::Bogus | Fate::Truncated => self.look_up(&question, &mut answer),
        }
        if let Some(edns) = edns {
            answer.set_edns(edns);
        }
        Some(answer)
    }

    fn fate(&self, name: &str) -> Fate {
        let fates = self.fates.iter().filter(|(above, _)| is_at_or_below(name, above));
        fates.map(|(_, fate)| *fate).next_back().unwrap_or(Fate::Answered)
    }

    /// Fills in what a recursive resolver would say: the whole chain of aliases, and a SOA where
    /// there is nothing.
    fn look_up(&self, question: &Query, answer: &mut Message) {
        let mut owner = question.name.clone();
        if owner.is_root() && question.query_type == RecordType::NS {
            // What a program asks to see whether its resolver works at all.
            let root = to_name("ns.root.test").expect("a good name");
            answer.add_answer(Record::from_rdata(owner, 60, RData::NS(NS(root))));
            return;
        }
        for _ in 0..8 {
            let name = to_text(&owner);
            let here = |kind: RecordType| {
                let mine = self.records.iter().filter(|(at, _)| at.eq_ignore_ascii_case(&name));
                mine.map(|(_, data)| data).filter(move |data| data.record_type() == kind).cloned()
            };
            let found: Vec<RData> = here(question.query_type).collect();
            if !found.is_empty() {
                for data in found {
                    answer.add_answer(Record::from_rdata(owner.clone(), 60, data));
                }
                return;
            }
            let Some(RData::CNAME(alias)) = here(RecordType::CNAME).next() else {
                if !self.names.iter().any(|known| is_at_or_below(known, &name)) {
                    answer.metadata.response_code = ResponseCode::NXDomain;
                }
                let zone = owner.trim_to(1);
                let soa = SOA::new(zone.clone(), zone.clone(), 1, 3600, 600, 86400, 60);
                answer.add_authority(Record::from_rdata(zone, 60, RData::SOA(soa)));
                return;
            };
            let next = alias.0.clone();
            answer.add_answer(Record::from_rdata(owner, 60, RData::CNAME(alias)));
            owner = next;
        }
    }
}

/// Whether a name is another or stands below it; everything stands below the empty name.
fn is_at_or_below(name: &str, above: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match name.strip_suffix(&above.to_ascii_lowercase()) {
        Some(front) => front.is_empty() || front.ends_with('.') || above.is_empty(),
        None => false,
    }
}

/// A name from its text, whatever stands in its labels; `.` is the root.
fn to_name(text: &str) -> Option<Name> {
    let labels = text.trim().split('.').filter(|label| !label.is_empty()).map(str::as_bytes);
    Name::from_labels(labels).ok()
}

fn to_text(name: &Name) -> String {
    let labels: Vec<_> = name.iter().map(String::from_utf8_lossy).collect();
    labels.join(".").to_ascii_lowercase()
}

/// UDP and TCP sockets at one loopback address and number.
pub async fn bind_both() -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            // Somebody else has this number for TCP.
            Err(_) if tries < 100 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn serve_udp(socket: UdpSocket, world: Arc<World>) {
    let mut buffer = [0; 4096];
    loop {
        // An ICMP error of an earlier answer may come out here; it concerns nobody.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = world.answer(&buffer[..length], true) {
            let _ = socket.send_to(&answer, client).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, world: Arc<World>) {
    while let Ok((stream, _)) = listener.accept().await {
        let world = world.clone();
        tokio::spawn(async move {
            let _ = serve_connection(stream, &world).await;
        });
    }
}

/// Messages with their length in front (RFC 1035 §4.2.2).
async fn serve_connection(mut stream: TcpStream, world: &World) -> io::Result<()> {
    loop {
        let mut query = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut query).await?;
        if let Some(answer) = world.answer(&query, false) {
            let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
            stream.write_all(&[&length.to_be_bytes(), answer.as_slice()].concat()).await?;
        }
    }
}
