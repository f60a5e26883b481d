//! The effect "names": a name server that knows what the scenario says.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use smtpcheck::observation::dns::{ExtendedError, LookupOutcome, ServerFailure};
use smtpcheck::{Answer, BoxFuture, Record, RecordType, Resolver};

use super::scenario::{self, Behaviour, Both, Mood, Name};

/// A name server in the same room.
const ANSWER: Duration = Duration::from_millis(5);
/// When everybody would have given up.
const NO_ANSWER: Duration = Duration::from_secs(5);
/// Enough to follow every alias of a scenario.
const ALIASES: usize = 8;

pub struct World {
    mood: Mood,
    names: BTreeMap<String, Name>,
    asked: Mutex<HashSet<(String, RecordType)>>,
}

impl World {
    pub fn new(mood: Mood, names: BTreeMap<String, Name>) -> Self {
        Self { mood, names, asked: Mutex::default() }
    }

    fn answer(&self, name: &str, record_type: RecordType, checking_disabled: bool) -> Answer {
        let first = self.asked.lock().expect("questions").insert((name.to_owned(), record_type));
        let failed = |extended| LookupOutcome::ServerFailure(extended);
        let mood = match self.mood {
            Mood::Works => None,
            Mood::Fails => Some(failed(ServerFailure::default())),
            Mood::Refuses => Some(LookupOutcome::Refused),
            Mood::Silent => Some(LookupOutcome::TimedOut),
        };
        if let Some(outcome) = mood {
            return Answer::new(name, record_type, outcome, Vec::new());
        }
        let mut end = name.to_owned();
        let mut aliases = Vec::new();
        while let Some(alias) = self.names.get(&end).and_then(|name| name.cname.clone()) {
            assert!(aliases.len() < ALIASES, "{name} is an alias without an end");
            aliases.push(alias.clone());
            end = alias;
        }
        let Both { behaviour, records, extended } = self.at_the_end(&end, record_type);
        let extended = extended.into_iter().map(|code| ExtendedError { code, text: String::new() });
        let failure = ServerFailure { extended: extended.collect(), ..ServerFailure::default() };
        let found = || match records.is_empty() {
            true => LookupOutcome::NoData,
            false => LookupOutcome::Found,
        };
        let outcome = match behaviour {
            Behaviour::Nxdomain => LookupOutcome::NxDomain,
            Behaviour::Nodata => found(),
            Behaviour::ServfailUnlessCd if checking_disabled => found(),
            Behaviour::ServfailAtFirst if !first => found(),
            Behaviour::Servfail | Behaviour::ServfailUnlessCd | Behaviour::ServfailAtFirst => {
                failed(failure)
            }
            Behaviour::Refused => LookupOutcome::Refused,
            Behaviour::Timeout => LookupOutcome::TimedOut,
            Behaviour::Truncated => LookupOutcome::Truncated,
        };
        let records = match outcome {
            LookupOutcome::Found => records.iter().map(|r| record(record_type, r)).collect(),
            _ => Vec::new(),
        };
        let mut answer = Answer::new(name, record_type, outcome, records);
        answer.lookup.aliases = aliases;
        answer
    }

    /// Records, or what happens instead; records alone are `Nodata` with records.
    fn at_the_end(&self, name: &str, record_type: RecordType) -> Both {
        let only = |behaviour| Both { behaviour, records: Vec::new(), extended: Vec::new() };
        let Some(known) = self.names.get(name) else {
            let below = format!(".{name}");
            // A name with names below it exists (RFC 8020 §2).
            return only(match self.names.keys().any(|known| known.ends_with(&below)) {
                true => Behaviour::Nodata,
                false => Behaviour::Nxdomain,
            });
        };
        let answer = match record_type {
            RecordType::A => &known.a,
            RecordType::Aaaa => &known.aaaa,
            RecordType::Mx => &known.mx,
            RecordType::Srv => &known.srv,
        };
        match answer.clone() {
            Some(scenario::Answer::Records(records)) => Both { records, ..only(Behaviour::Nodata) },
            Some(scenario::Answer::Instead(behaviour)) => only(behaviour),
            Some(scenario::Answer::Both(both)) => both,
            None => only(known.every.unwrap_or(Behaviour::Nodata)),
        }
    }
}

impl Resolver for World {
    fn query<'a>(
        &'a self,
        name: &'a str,
        record_type: RecordType,
        checking_disabled: bool,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let answer = self.answer(name, record_type, checking_disabled);
            let silent = answer.lookup.outcome == LookupOutcome::TimedOut;
            tokio::time::sleep(if silent { NO_ANSWER } else { ANSWER }).await;
            answer
        })
    }
}

/// A record in presentation form, without owner and type.
fn record(record_type: RecordType, text: &str) -> Record {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"));
    match record_type {
        RecordType::Mx => {
            let (preference, exchange) = text.split_once(' ').expect("`PREFERENCE EXCHANGE`");
            Record::Mx { preference: number(preference), exchange: exchange.to_owned() }
        }
        RecordType::Srv => {
            let words: Vec<&str> = text.split(' ').collect();
            let [priority, weight, port, target] = words.as_slice() else {
                panic!("`{text}` is not `PRIORITY WEIGHT PORT TARGET`");
            };
            Record::Srv {
                priority: number(priority),
                weight: number(weight),
                port: number(port),
                target: (*target).to_owned(),
            }
        }
        _ => Record::Address(text.parse().unwrap_or_else(|_| panic!("`{text}` is no address"))),
    }
}
