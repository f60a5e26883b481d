//! What a check is: a code, its documentation and a total function over facts.
//!
//! A check knows facts and nothing else: no clock (it uses the observation's instant), no parsing
//! of text, no printing. Each stands in a file of its own under `checks/`, declared with
//! [`declare_check!`], documentation inside.

use serde::{Deserialize, Serialize};

use super::finding::Severity;
use super::reach::Reach;
use super::stop::Stop;
use crate::observation::{
    Conversation, EndpointObservation, Observations, SecondLook, TargetObservation, TlsFacts,
    WiderOffer,
};
use crate::port;

/// A family of checks, named as in the table of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// What DNS says.
    Names,
    /// Whether packets get there.
    Reach,
    /// What the server says.
    Dialogue,
    /// The handshake and the certificates.
    Tls,
    /// What the user wants to be so.
    Policy,
}

impl Group {
    /// The group's heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Reach => "reach",
            Self::Dialogue => "dialogue",
            Self::Tls => "TLS",
            Self::Policy => "policy",
        }
    }
}

/// What a check works on.
#[derive(Clone, Copy)]
pub enum Rule {
    /// Looks at a target as a whole.
    Target(fn(&TargetFacts<'_>) -> Outcome),
    /// Looks at one endpoint.
    Endpoint(fn(&EndpointFacts<'_>) -> Outcome),
    /// Looks at all endpoints of a target together; `diagnosis::together` makes it.
    Together,
}

/// One check.
pub struct Check {
    /// The stable code.
    pub code: &'static str,
    /// The family.
    pub group: Group,
    /// How bad it is on port 25 (and for a target as a whole); absent where it does not occur.
    pub relay: Option<Severity>,
    /// How bad it is on every other port; absent where it does not occur.
    pub elsewhere: Option<Severity>,
    /// What is so, in a few words, for lists.
    pub summary: &'static str,
    /// The documentation: the sections of `explain`.
    pub doc: &'static str,
    /// How to mend it in one server software or another.
    pub settings: Settings,
    /// The rule.
    pub rule: Rule,
}

/// What to set, by the id of the server software (`software/software.toml`): whole sentences that stand
/// behind the software's name and a colon, so the first begins in lower case.
pub type Settings = &'static [(&'static str, &'static str)];

impl Check {
    /// How to mend it in this server software, where that is known.
    pub fn setting(&self, software: &str) -> Option<&'static str> {
        self.settings.iter().find(|(id, _)| *id == software).map(|(_, text)| *text)
    }

    /// How bad it is on this port; absent where it does not occur there.
    pub fn severity(&self, port: u16) -> Option<Severity> {
        if port == port::RELAY { self.relay } else { self.elsewhere }
    }
}

/// What a target-level rule may look at.
#[derive(Clone, Copy)]
pub struct TargetFacts<'a> {
    /// The whole run, for what other targets showed.
    pub run: &'a Observations,
    /// The target.
    pub target: &'a TargetObservation,
}

/// What an endpoint-level rule may look at.
#[derive(Clone, Copy)]
pub struct EndpointFacts<'a> {
    /// The whole run, for what other servers showed.
    pub run: &'a Observations,
    /// The target that the endpoint belongs to.
    pub target: &'a TargetObservation,
    /// The endpoint.
    pub endpoint: &'a EndpointObservation,
    /// Whether packets get there, and who stops them if not.
    pub reach: &'a Reach,
}

impl<'a> EndpointFacts<'a> {
    /// The conversation, where one took place: the endpoint was dialled and connected.
    pub fn connected(&self) -> Option<&'a Conversation> {
        match self.reach {
            Reach::Connected | Reach::Swallowed { .. } => self.endpoint.conversation(),
            _ => None,
        }
    }

    /// What stopped the conversation, where one took place.
    pub fn stop(&self) -> Option<Stop<'a>> {
        self.connected().map(|seen| Stop::of(self.endpoint, seen))
    }

    /// The handshake, where one was begun.
    pub fn handshake(&self) -> Option<&'a TlsFacts> {
        self.connected().and_then(|seen| seen.tls.as_ref())
    }

    /// What a wider offer showed, where one was made after a handshake that failed.
    pub fn wider_offer(&self) -> Option<&'a WiderOffer> {
        match self.connected()?.second_look.as_ref()? {
            SecondLook::WiderOffer(offer) => Some(offer),
            _ => None,
        }
    }

    /// The outcome of every check that looks at a conversation, where there was none.
    pub fn unseen(&self) -> Outcome {
        match self.reach {
            Reach::Closed(_) => Outcome::NotApplicable("nothing listens there"),
            Reach::Blocked { .. } => Outcome::CannotTell("there was no connection"),
            Reach::NotDialled | Reach::Connected | Reach::Swallowed { .. } => {
                Outcome::CannotTell("it was not dialled")
            }
        }
    }

    /// The outcome of every check that looks at what comes late in a conversation, where it did
    /// not come: normal where the conversation went to its end without it.
    pub fn not_reached(&self) -> Outcome {
        match self.stop() {
            None => self.unseen(),
            Some(Stop::Nothing) => Outcome::NotApplicable("the conversation has no such step"),
            Some(_) => Outcome::CannotTell("the conversation ended before that"),
        }
    }
}

/// What a rule found: the parts of a finding that are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What is so: one sentence without its full stop.
    pub message: String,
    /// What to do: whole sentences.
    pub fix: String,
    /// Which facts show it.
    pub evidence: Vec<String>,
    /// The standard that it goes by; empty where none does.
    pub reference: &'static str,
}

/// What came of a check. "Not tested" is not "passed".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was looked at, and it is as it should be.
    Pass,
    /// It is not as it should be. A target-level rule may have several.
    Found(Vec<Found>),
    /// There is nothing to look at here, and that is normal; says why.
    NotApplicable(&'static str),
    /// There would be something to look at, but it was not seen; says what is missing.
    CannotTell(&'static str),
}

impl Outcome {
    /// One thing was found.
    pub fn found(found: Found) -> Self {
        Self::Found(vec![found])
    }

    /// [`Pass`](Self::Pass) where nothing was found.
    pub fn from_list(found: Vec<Found>) -> Self {
        if found.is_empty() { Self::Pass } else { Self::Found(found) }
    }
}

/// Declares a check. The doc comment becomes its explanation and has to have the sections
/// "What it checks", "Why it matters", "How to fix it", "When it may be wrong" and "References".
/// "How to fix it" speaks of servers in general; `settings` says it in the words of one software.
macro_rules! declare_check {
    (
        $(#[doc = $doc:literal])+
        pub static $name:ident = {
            code: $code:literal,
            group: $group:ident,
            relay: $relay:expr,
            elsewhere: $elsewhere:expr,
            summary: $summary:literal,
            $(settings: $settings:expr,)?
            rule: $rule:expr $(,)?
        };
    ) => {
        $(#[doc = $doc])+
        pub static $name: $crate::diagnosis::check::Check = $crate::diagnosis::check::Check {
            code: $code,
            group: $crate::diagnosis::check::Group::$group,
            relay: $relay,
            elsewhere: $elsewhere,
            summary: $summary,
            doc: concat!($($doc, "\n"),+),
            settings: $crate::diagnosis::check::declare_check!(@settings $($settings)?),
            rule: $rule,
        };
    };
    (@settings) => { &[] };
    (@settings $settings:expr) => { $settings };
}

pub(crate) use declare_check;
