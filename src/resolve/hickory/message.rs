//! What a DNS message says, and how a question is written as one. Pure.
//!
//! Knows the codec's types, aliases, and the forms of names. Must not know name servers or time;
//! [`hickory`](super) asks.

use hickory_resolver::proto::op::{Edns, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, RecordType as WireType};

use super::super::{Record, RecordType};
use crate::observation::dns::{ExtendedError, LookupOutcome, ServerFailure};

/// Aliases that are followed. Resolvers stop at 11 to 16; what is longer works for nobody.
pub(super) const MAX_ALIASES: usize = 16;
/// What is kept of an extended error's text, in characters.
pub(super) const MAX_EXTRA_TEXT: usize = 300;

/// What is asked.
#[derive(Clone)]
pub(super) struct Question {
    pub name: Name,
    pub record_type: WireType,
    pub checking_disabled: bool,
}

pub(super) fn write(question: &Question, edns: bool) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(question.name.clone(), question.record_type));
    message.metadata.recursion_desired = true;
    message.metadata.checking_disabled = question.checking_disabled;
    if edns {
        message.set_edns(Edns::new());
    }
    message
}

/// Where a reply leads.
pub(super) enum Step {
    Done(LookupOutcome, Vec<Record>),
    /// The same name server is to be asked for the target of an alias.
    Ask(Name),
}

/// Any bytes as a name server's reply, a question's type in the first: no panic, and the aliases end.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) {
    let Some((first, message)) = data.split_first() else { return };
    let Ok(message) = Message::from_vec(message) else { return };
    let record_type =
        [WireType::A, WireType::AAAA, WireType::MX, WireType::SRV][usize::from(first % 4)];
    let Ok(name) = wire_name("a.example") else { return };
    let question = Question { name: name.clone(), record_type, checking_disabled: first & 4 != 0 };
    let mut aliases = Vec::new();
    let step = read(&message, &question, &name, &mut aliases);
    assert!(aliases.len() <= MAX_ALIASES);
    let Step::Done(outcome, records) = step else { return };
    assert_eq!(outcome == LookupOutcome::Found, !records.is_empty());
    for record in records {
        let (Record::Mx { exchange: name, .. } | Record::Srv { target: name, .. }) = record else {
            continue;
        };
        assert!(name.ends_with('.') && name.bytes().all(|b| b.is_ascii_graphic()), "{name:?}");
        crate::names::Exchange::parse(&name.to_ascii_lowercase(), "a.example");
    }
}

/// Walks the aliases from the asked name through the answer section. Records of another name or
/// type are none of ours. `start` is the name from which the whole chain begins.
pub(super) fn read(
    message: &Message,
    question: &Question,
    start: &Name,
    aliases: &mut Vec<Name>,
) -> Step {
    let done = |outcome| Step::Done(outcome, Vec::new());
    match message.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        ResponseCode::ServFail => {
            let extended = extended_errors(message);
            return done(LookupOutcome::ServerFailure(ServerFailure {
                extended,
                ..Default::default()
            }));
        }
        ResponseCode::Refused => return done(LookupOutcome::Refused),
        other => {
            let name = match other {
                ResponseCode::Unknown(code) => code.to_string(),
                named => format!("{named:?}").to_ascii_uppercase(),
            };
            return done(LookupOutcome::Failed(format!("the reply code was {name}")));
        }
    }
    let mut name = &question.name;
    loop {
        let mut alias = None;
        let mut found = false;
        let mut records = Vec::new();
        for record in
            message.answers.iter().filter(|r| r.dns_class == DNSClass::IN && r.name == *name)
        {
            if record.record_type() == question.record_type {
                found = true;
                records.extend(convert(&record.data));
            } else if let RData::CNAME(target) = &record.data {
                alias = alias.or(Some(&target.0));
            }
        }
        if found {
            return Step::Done(LookupOutcome::Found, records);
        }
        let Some(target) = alias else { break };
        if target == start || aliases.contains(target) {
            return done(LookupOutcome::Failed("the CNAME chain is a loop".to_owned()));
        }
        if aliases.len() == MAX_ALIASES {
            let why = format!("the CNAME chain has more than {MAX_ALIASES} aliases");
            return done(LookupOutcome::Failed(why));
        }
        aliases.push(target.clone());
        name = target;
    }
    if message.response_code == ResponseCode::NXDomain {
        return done(LookupOutcome::NxDomain);
    }
    let has = |wanted| message.authorities.iter().any(|r| r.record_type() == wanted);
    if has(WireType::SOA) {
        return done(LookupOutcome::NoData); // RFC 2308 §2.2: this is what "no data" looks like.
    }
    if *name != question.name {
        return Step::Ask(name.clone());
    }
    if has(WireType::NS) && !message.authoritative {
        // Taken for "no data" this would turn a server that does not recurse into a domain
        // without mail (RFC 2308 §2.2.1).
        let why = "the name server only refers to other name servers";
        return done(LookupOutcome::Failed(why.to_owned()));
    }
    done(LookupOutcome::NoData)
}

fn convert(data: &RData) -> Option<Record> {
    match data {
        RData::A(address) => Some(Record::Address(address.0.into())),
        RData::AAAA(address) => Some(Record::Address(address.0.into())),
        RData::MX(mx) => {
            Some(Record::Mx { preference: mx.preference, exchange: presentation(&mx.exchange) })
        }
        RData::SRV(srv) => Some(Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: presentation(&srv.target),
        }),
        _ => None,
    }
}

/// The extended errors of a reply (RFC 8914 §2): two octets of code, then UTF-8 text.
pub(super) fn extended_errors(message: &Message) -> Vec<ExtendedError> {
    const EXTENDED_ERROR: u16 = 15;
    let Some(edns) = &message.edns else { return Vec::new() };
    edns.options()
        .get_all(EdnsCode::from(EXTENDED_ERROR))
        .into_iter()
        .filter_map(|option| match option {
            EdnsOption::Unknown(_, data) => data.split_first_chunk::<2>(),
            _ => None,
        })
        .map(|(code, text)| {
            let text = String::from_utf8_lossy(text);
            let text = text.trim_end_matches('\0').chars().take(MAX_EXTRA_TEXT).collect();
            ExtendedError { code: u16::from_be_bytes(*code), text }
        })
        .collect()
}

pub(super) fn wire_type(record_type: RecordType) -> WireType {
    match record_type {
        RecordType::A => WireType::A,
        RecordType::Aaaa => WireType::AAAA,
        RecordType::Mx => WireType::MX,
        RecordType::Srv => WireType::SRV,
    }
}

/// Takes the labels as they are: hickory's own parser applies IDNA, and refuses underscores.
pub(super) fn wire_name(name: &str) -> Result<Name, String> {
    let labels = name.split('.').filter(|_| !name.is_empty()).map(str::as_bytes);
    Name::from_labels(labels).map_err(|error| format!("the name cannot be asked for: {error}"))
}

/// Presentation form with a trailing dot, escaped as RFC 4343 §2.1 says. hickory's own form
/// writes octal numbers where that wants decimal ones.
fn presentation(name: &Name) -> String {
    let mut text = String::new();
    for label in name.iter() {
        for &octet in label {
            match octet {
                b'.' | b'\\' => text.extend(['\\', char::from(octet)]),
                0x21..=0x7e => text.push(char::from(octet)),
                _ => text.push_str(&format!("\\{octet:03}")),
            }
        }
        text.push('.');
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

pub(super) fn canonical(name: &Name) -> String {
    let mut text = presentation(name).to_ascii_lowercase();
    text.pop();
    text
}
