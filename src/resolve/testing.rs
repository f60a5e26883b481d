//! Name servers for tests: a misbehaving one on loopback, and one that is no server at all.
//!
//! The loopback server writes its messages octet by octet instead of through the codec that is
//! under test, so that it can send what no codec would.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::{Answer, BoxFuture, RecordType, Resolver};

pub(crate) const NOERROR: u8 = 0;
pub(crate) const FORMERR: u8 = 1;
pub(crate) const SERVFAIL: u8 = 2;
pub(crate) const NXDOMAIN: u8 = 3;
pub(crate) const NOTIMP: u8 = 4;
pub(crate) const REFUSED: u8 = 5;

/// A question as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Lower case, without a trailing dot.
    pub name: String,
    pub record_type: u16,
    pub edns: bool,
    pub checking_disabled: bool,
    pub tcp: bool,
}

/// The data of a record. Names may hold `\DDD`.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Address(IpAddr),
    Mx(u16, String),
    Srv(u16, u16, u16, String),
    Cname(String),
    Ns(String),
    Soa,
    Raw(u16, Vec<u8>),
}

/// What the server does with a question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub silent: bool,
    pub rcode: u8,
    pub truncated: bool,
    /// The answer section: owner and data.
    pub answers: Vec<(String, Data)>,
    pub authority: Vec<(String, Data)>,
    /// An extended error (RFC 8914).
    pub extended: Option<(u16, &'static str)>,
    /// Repeats this name in the question section instead of the asked one.
    pub other_question: Option<&'static str>,
}

impl Reply {
    pub fn silence() -> Self {
        Self { silent: true, ..Self::default() }
    }

    pub fn code(rcode: u8) -> Self {
        Self { rcode, ..Self::default() }
    }

    /// NOERROR with these records.
    pub fn with(answers: &[(&str, Data)]) -> Self {
        let answers = answers.iter().map(|(n, d)| ((*n).to_owned(), d.clone())).collect();
        Self { answers, ..Self::default() }
    }

    /// Adds the SOA that comes with a proper negative answer.
    pub fn soa(mut self) -> Self {
        self.authority.push(("test".to_owned(), Data::Soa));
        self
    }

    pub fn truncated() -> Self {
        Self { truncated: true, ..Self::default() }
    }
}

/// A name server on loopback, over UDP and, if wanted, TCP on the same port. It ends with the
/// value.
pub(crate) struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
    _tasks: JoinSet<()>,
}

type Rules = dyn Fn(&Question) -> Reply + Send + Sync;

impl Server {
    pub async fn start(rules: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        Self::begin(true, Arc::new(rules)).await
    }

    /// Nothing listens on the TCP port.
    pub async fn udp_only(rules: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        Self::begin(false, Arc::new(rules)).await
    }

    async fn begin(with_tcp: bool, rules: Arc<Rules>) -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a TCP port");
            let address = tcp.local_addr().expect("a bound address");
            if let Ok(udp) = UdpSocket::bind(address).await {
                break (udp, with_tcp.then_some(tcp));
            }
        };
        let address = udp.local_addr().expect("a bound address");
        let asked: Arc<Mutex<Vec<Question>>> = Arc::default();
        let mut tasks = JoinSet::new();
        if let Some(tcp) = tcp {
            tasks.spawn(serve_tcp(tcp, rules.clone(), asked.clone()));
        }
        tasks.spawn(serve_udp(udp, rules, asked.clone()));
        Self { address, asked, _tasks: tasks }
    }

    /// Every question so far.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve_udp(socket: UdpSocket, rules: Arc<Rules>, asked: Arc<Mutex<Vec<Question>>>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        if let Some(reply) = reply_to(&buffer[..length], false, &rules, &asked) {
            socket.send_to(&reply, from).await.expect("loopback takes datagrams");
        }
    }
}

async fn serve_tcp(listener: TcpListener, rules: Arc<Rules>, asked: Arc<Mutex<Vec<Question>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A peer that hangs up is no failure of the server's.
        let _ = serve_connection(stream, &rules, &asked).await;
    }
}

async fn serve_connection(
    mut stream: TcpStream,
    rules: &Arc<Rules>,
    asked: &Mutex<Vec<Question>>,
) -> std::io::Result<()> {
    let mut query = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut query).await?;
    if let Some(reply) = reply_to(&query, true, rules, asked) {
        stream.write_u16(u16::try_from(reply.len()).expect("a message below 64 KiB")).await?;
        stream.write_all(&reply).await?;
    }
    Ok(())
}

fn reply_to(
    query: &[u8],
    tcp: bool,
    rules: &Arc<Rules>,
    asked: &Mutex<Vec<Question>>,
) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let question = Question {
        name: labels.join("."),
        record_type: u16::from_be_bytes([query[at + 1], query[at + 2]]),
        edns: query[11] != 0,
        checking_disabled: query[3] & 0x10 != 0,
        tcp,
    };
    let reply = rules(&question);
    let edns = question.edns;
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(question);
    if reply.silent {
        return None;
    }
    let mut message = query[..2].to_vec();
    message.extend([0x81 | if reply.truncated { 2 } else { 0 }, 0x80 | reply.rcode, 0, 1]);
    let additional = u16::from(edns && reply.extended.is_some());
    for count in [reply.answers.len(), reply.authority.len(), usize::from(additional)] {
        message.extend(u16::try_from(count).expect("a count of 16 bits").to_be_bytes());
    }
    match reply.other_question {
        Some(name) => message.extend(wire(name)),
        None => message.extend(&query[12..=at]),
    }
    message.extend(&query[at + 1..at + 5]);
    for (owner, data) in reply.answers.iter().chain(&reply.authority) {
        // A pointer to the question, as every server writes it, leaves room for many records.
        let pointer = owner.eq_ignore_ascii_case(&labels.join("."));
        message.extend(if pointer { vec![0xc0, 12] } else { wire(owner) });
        let (record_type, data) = encode(data);
        message.extend(record_type.to_be_bytes());
        message.extend([0, 1, 0, 0, 1, 0]);
        message.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
        message.extend(data);
    }
    if edns && let Some((code, text)) = reply.extended {
        let length = |extra: usize| u16::try_from(text.len() + extra).expect("a short text");
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0]);
        message.extend(length(6).to_be_bytes());
        message.extend([0, 15]);
        message.extend(length(2).to_be_bytes());
        message.extend(code.to_be_bytes());
        message.extend(text.as_bytes());
    }
    Some(message)
}

fn encode(data: &Data) -> (u16, Vec<u8>) {
    let numbers = |numbers: &[u16], name: &str| {
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        bytes.extend(wire(name));
        bytes
    };
    match data {
        Data::Address(IpAddr::V4(address)) => (1, address.octets().to_vec()),
        Data::Address(IpAddr::V6(address)) => (28, address.octets().to_vec()),
        Data::Ns(name) => (2, wire(name)),
        Data::Cname(name) => (5, wire(name)),
        Data::Soa => (6, [wire("ns.test"), wire("admin.test"), vec![0; 20]].concat()),
        Data::Mx(preference, name) => (15, numbers(&[*preference], name)),
        Data::Srv(priority, weight, port, name) => {
            (33, numbers(&[*priority, *weight, *port], name))
        }
        Data::Raw(record_type, bytes) => (*record_type, bytes.clone()),
    }
}

fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|l| !l.is_empty()) {
        let mut parts = label.split('\\');
        let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            octets.push(part[..3].parse().expect("three digits behind the backslash"));
            octets.extend(&part.as_bytes()[3..]);
        }
        bytes.push(u8::try_from(octets.len()).expect("a label of at most 63 octets"));
        bytes.extend(octets);
    }
    bytes.push(0);
    bytes
}

type Answers = dyn Fn(&str, RecordType, bool) -> Answer + Send + Sync;

/// A resolver that is a function of name, type and CD, and keeps count of what it was asked.
pub(crate) struct FakeResolver {
    answers: Box<Answers>,
    asked: Mutex<Vec<(String, RecordType, bool)>>,
}

impl FakeResolver {
    pub fn new(answers: impl Fn(&str, RecordType, bool) -> Answer + Send + Sync + 'static) -> Self {
        Self { answers: Box::new(answers), asked: Mutex::default() }
    }

    /// Every question so far: name, type, checking disabled.
    pub fn asked(&self) -> Vec<(String, RecordType, bool)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Resolver for FakeResolver {
    fn query<'a>(
        &'a self,
        name: &'a str,
        record_type: RecordType,
        checking_disabled: bool,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let question = (name.to_owned(), record_type, checking_disabled);
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(question);
            tokio::task::yield_now().await; // so that two who ask at once really do
            (self.answers)(name, record_type, checking_disabled)
        })
    }
}
