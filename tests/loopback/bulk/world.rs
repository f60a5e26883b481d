//! A world of any number of domains that a few providers serve: `d0.bulk.example`, `d1.bulk.example`
//! and so on, each at `mx.p0.example` or another of them.
//!
//! Its name server makes answers up, as no zone could be long enough, and counts questions.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::lab::Lab;
use crate::lab::certificates::Flaw;
use crate::lab::smtp;

/// The world, and what was asked of it.
pub struct World {
    pub lab: Lab,
    pub records: Vec<Arc<smtp::Record>>,
    /// How often each name and type was asked for, the domains' own aside.
    asked: Arc<Mutex<HashMap<String, usize>>>,
    resolver: SocketAddr,
    mood: Arc<Mutex<Mood>>,
}

/// What the name server does at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mood {
    #[default]
    Answers,
    /// As one whose network has gone.
    IsSilent,
    /// As an internal one that asks nobody else: silent for all names but those of this world.
    KnowsItsOwn,
    /// As one that has lost its way to all others.
    Fails,
    /// It has ended, for good.
    IsGone,
}

impl World {
    /// A world with so many providers, each with a healthy relay.
    pub fn with_providers(providers: usize) -> Self {
        let mut lab = Lab::start();
        let relay = |n| lab.relay(&provider(n), Flaw::None);
        let records = (0..providers).map(relay).collect();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
        let resolver = socket.local_addr().expect("it is bound");
        let asked = Arc::default();
        let mood = Arc::default();
        let (counter, at_the_moment) = (Arc::clone(&asked), Arc::clone(&mood));
        // It ends with the test program.
        std::thread::spawn(move || serve(&socket, providers, &counter, &at_the_moment));
        Self { lab, records, asked, resolver, mood }
    }

    /// From now on the name server does this.
    pub fn name_server(&self, mood: Mood) {
        *self.mood.lock().expect("nothing panics while it holds it") = mood;
    }

    /// The options that lead the program here. Port 2525 is led nowhere, so that addresses are
    /// looked up, too.
    pub fn options(&self) -> Vec<String> {
        let mut options: Vec<String> = self.lab.options();
        options.retain(|option| {
            let of_relay = option.starts_with("--connect-to") && option.contains(":25:");
            of_relay || option.starts_with("--ca-file")
        });
        options.push(format!("--resolver={}", self.resolver));
        options.push("--format=jsonl".to_owned());
        options
    }

    /// How often each name was asked for, as `mx.p0.example A`, the domains' own names aside.
    pub fn asked(&self) -> HashMap<String, usize> {
        self.asked.lock().expect("nothing panics while it counts").clone()
    }
}

/// The mail exchanger of a provider.
pub fn provider(n: usize) -> String {
    format!("mx.p{n}.example")
}

/// A list of so many domains.
pub fn list(domains: usize) -> String {
    (0..domains).map(|n| format!("d{n}.bulk.example\n")).collect()
}

fn serve(
    socket: &UdpSocket,
    providers: usize,
    asked: &Mutex<HashMap<String, usize>>,
    mood: &Mutex<Mood>,
) {
    let mut buffer = [0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let query = &buffer[..length];
        let reply = match *mood.lock().expect("nothing panics while it holds it") {
            Mood::Answers => answer(query, providers, asked),
            Mood::KnowsItsOwn if !is_of_this_world(query) => None,
            Mood::KnowsItsOwn => answer(query, providers, asked),
            Mood::IsSilent => None,
            Mood::Fails => failure(query),
            Mood::IsGone => return,
        };
        let Some(reply) = reply else { continue };
        // A client that has gone wants no answer.
        let _ = socket.send_to(&reply, client);
    }
}

fn is_of_this_world(query: &[u8]) -> bool {
    let query = Message::from_vec(query).ok();
    let name = query.and_then(|query| Some(query.queries.first()?.name.to_ascii()));
    name.is_some_and(|name| name.ends_with(".example."))
}

fn failure(query: &[u8]) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.metadata.response_code = ResponseCode::ServFail;
    answer.add_query(query.queries.first()?.clone());
    answer.to_vec().ok()
}

fn answer(
    query: &[u8],
    providers: usize,
    asked: &Mutex<HashMap<String, usize>>,
) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let name = question.name.to_string().trim_end_matches('.').to_ascii_lowercase();
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.metadata.recursion_available = true;
    answer.add_query(question.clone());
    let number = name.strip_prefix('d').and_then(|rest| rest.strip_suffix(".bulk.example"));
    let number = number.and_then(|number| number.parse::<usize>().ok());
    let data = match (number, question.query_type) {
        (Some(n), RecordType::MX) => {
            let exchange = Name::from_utf8(provider(n % providers) + ".").ok()?;
            Some(RData::MX(MX::new(10, exchange)))
        }
        (None, RecordType::A) => Some(RData::A(A(Ipv4Addr::new(127, 0, 0, 9)))),
        _ => None,
    };
    if number.is_none() && !name.starts_with('_') {
        let mut asked = asked.lock().ok()?;
        *asked.entry(format!("{name} {}", question.query_type)).or_default() += 1;
    }
    match data {
        Some(data) => {
            answer.add_answer(Record::from_rdata(question.name, 60, data));
        }
        None if name.starts_with('_') => answer.metadata.response_code = ResponseCode::NXDomain,
        None => {}
    }
    answer.to_vec().ok()
}
