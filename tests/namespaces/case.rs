//! A case: what is done to the lab, who is guilty, and what smtpcheck is to say now.
//!
//! Knows how to compare a report with an expectation. The cases themselves are in `cases/`. What a
//! case does not mention has to look as in a healthy world, so a verdict too many is a failure.

use std::fmt;
use std::net::IpAddr;
use std::thread;

use serde_json::Value;

use crate::filter::Filter;
use crate::harness::Checked;
use crate::node::{Family, Node};
use crate::world::{Change, World};

/// One case. Start from [`Case::healthy`] and change what differs.
#[derive(Clone)]
pub struct Case {
    /// What is done, for people.
    pub name: String,
    /// The filters.
    pub filters: Vec<Filter>,
    /// Everything else that is done to the machines.
    pub changes: Vec<Change>,
    /// What changes while the program runs, once the first mail exchanger and the submission server
    /// have been talked to.
    pub midway: Vec<Change>,
    /// Who does it, in truth. Anybody else whom a report names is accused wrongly.
    pub culprit: Culprit,
    /// The target.
    pub target: &'static str,
    /// The name server.
    pub resolver: &'static str,
    /// Further arguments.
    pub arguments: Vec<&'static str>,
    /// The exit code.
    pub exit: i32,
    /// The verdict on the target.
    pub verdict: &'static str,
    /// Errors and warnings, as `severity code`.
    pub faults: Vec<&'static str>,
    /// The endpoints that look other than in a healthy world; the first that fits counts.
    pub shows: Vec<Shows>,
    /// Anything else that has to be so.
    pub also: fn(&World, &Checked) -> Result<(), String>,
}

/// Who stops the packets: the columns of the contract's `block.by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Culprit {
    Nobody,
    ThisHost,
    YourNetwork,
    Transit,
    TheirNetwork,
}

/// What one or several endpoints show.
#[derive(Clone, Debug)]
pub struct Shows {
    /// Whose; absent for everybody's.
    pub host: Option<Node>,
    /// Which ports; empty for all.
    pub ports: Vec<u16>,
    /// Which addresses.
    pub family: Family,
    /// The fact.
    pub connect: Connect,
    /// The status.
    pub status: &'static str,
    /// The `block` of the report.
    pub block: Option<Block>,
}

/// A block in the report's words.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub by: &'static str,
    pub how: &'static str,
    /// [`ANY`] where chance decides how much of the way is seen.
    pub confidence: &'static str,
    /// Whose address stands in `hop_address`.
    pub hop: Option<Sender>,
}

/// How a connection attempt is to end.
#[derive(Clone, Copy, Debug)]
pub enum Connect {
    Connected,
    Refused,
    TimedOut,
    /// An ICMP message by its type and code for IPv4 and for IPv6, and its sender.
    Icmp((u8, u8), (u8, u8), Sender),
    NoRoute,
    DeniedLocally,
    /// There is none, and this is why.
    Skipped(&'static str),
}

/// Who sends an ICMP message.
#[derive(Clone, Copy, Debug)]
pub enum Sender {
    /// A machine, by the address that it has towards the client.
    Machine(Node),
    /// The address that was dialled.
    Target,
}

/// Any confidence and any hop.
pub const ANY: &str = "any";

/// Silence, with whom it is blamed on and the last hop that was heard of.
pub fn silence(by: &'static str, confidence: &'static str, after: Option<Node>) -> Option<Block> {
    Some(Block { by, how: "silence", confidence, hop: after.map(Sender::Machine) })
}

impl Case {
    /// Nothing is filtered, and all is well.
    pub fn healthy() -> Self {
        Self {
            name: String::new(),
            filters: Vec::new(),
            changes: Vec::new(),
            midway: Vec::new(),
            culprit: Culprit::Nobody,
            target: "lab.example",
            resolver: "203.0.113.53",
            arguments: Vec::new(),
            exit: 0,
            verdict: "ok",
            faults: Vec::new(),
            shows: Vec::new(),
            also: |_, _| Ok(()),
        }
    }

    /// Does to the world what the case says, runs the program and lists what is not as expected.
    /// `show` runs it once more for the report that people read.
    pub fn run(&self, world: &mut World, show: bool) -> Result<Outcome, String> {
        for change in &self.changes {
            world.change(change)?;
        }
        world.filter(&self.filters)?;
        world.forget_calls();
        let mut arguments = world.options();
        if self.arguments.iter().any(|argument| argument.starts_with("--control=")) {
            arguments.retain(|argument| !argument.starts_with("--control="));
        }
        arguments.push("--format=json".to_owned());
        arguments.push(format!("--resolver={}", self.resolver));
        arguments.extend(self.arguments.iter().map(|a| (*a).to_owned()));
        arguments.push(self.target.to_owned());
        let output = thread::scope(|scope| {
            let meanwhile = scope.spawn(|| self.change_midway(world));
            let output = world.smtpcheck(&arguments);
            meanwhile.join().map_err(|_| "the change panicked".to_owned())??;
            output.map_err(|e| format!("it does not run: {e}"))
        })?;
        let seen: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let checked = Checked::read(&seen, &output);
        let text = match show {
            true => {
                arguments.retain(|argument| argument != "--format=json");
                let output = world.smtpcheck(&arguments).map_err(|e| format!("no text: {e}"))?;
                String::from_utf8_lossy(&output.stdout).into_owned()
            }
            false => String::new(),
        };
        Ok(Outcome {
            text,
            wrong: self.compare(world, &checked),
            named: named(&checked),
            took_ms: checked.report["duration_ms"].as_f64().unwrap_or_default(),
            report: checked.to_string(),
        })
    }

    fn change_midway(&self, world: &World) -> Result<(), String> {
        if self.midway.is_empty() {
            return Ok(());
        }
        world.wait_for_quits()?;
        self.midway.iter().try_for_each(|change| world.change(change))
    }

    fn compare(&self, world: &World, checked: &Checked) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut same = |what: &str, found: &dyn fmt::Debug, expected: &dyn fmt::Debug| {
            let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
            if found != expected {
                wrong.push(format!("{what}: {found}, not {expected}"));
            }
        };
        same("exit", &checked.exit, &self.exit);
        same("verdict", &checked.verdict(), &self.verdict);
        let mut faults = self.faults.clone();
        faults.sort_unstable();
        same("faults", &checked.faults(), &faults);
        for endpoint in checked.endpoints() {
            let label =
                format!("{} {}:{}", text(&endpoint["host"]), endpoint["address"], endpoint["port"]);
            let expected = self.expected(endpoint);
            let mut found = seen(endpoint);
            if let Some((front, _)) = expected.split_once(ANY)
                && found.starts_with(front)
            {
                found.clone_from(&expected);
            }
            same(&label, &found, &expected);
        }
        let accused = named(checked).into_iter().filter(|by| by != "unknown");
        for by in accused.filter(|by| by != self.culprit.word()) {
            wrong.push(format!("{by} is accused, and {} is guilty", self.culprit.word()));
        }
        wrong.extend((self.also)(world, checked).err());
        wrong
    }

    fn expected(&self, endpoint: &Value) -> String {
        let host = text(&endpoint["host"]);
        let port = endpoint["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        let Ok(address) = text(&endpoint["address"]).parse::<IpAddr>() else {
            return "an address".to_owned();
        };
        let fits = |shows: &&Shows| {
            shows.host.is_none_or(|node| node.host() == host)
                && (shows.ports.is_empty() || shows.ports.contains(&port))
                && shows.family.has(address)
        };
        if let Some(shows) = self.shows.iter().find(fits) {
            return expected(shows, address);
        }
        let served = match host.split('.').next() {
            Some("smtp") => [465, 587].contains(&port),
            _ => port == 25,
        };
        let (status, fact) = if served { ("open", "connected") } else { ("closed", "refused") };
        line(status, fact, None)
    }
}

impl Culprit {
    /// Its word in `block.by`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::ThisHost => "this-host",
            Self::YourNetwork => "your-network",
            Self::Transit => "transit",
            Self::TheirNetwork => "their-network",
        }
    }

    /// Who is guilty of a filter at a machine that is meant for everybody. All ways out lead through
    /// the core, so for whoever sits behind it that is this side, too, whoever owns it.
    pub fn at(node: Node) -> Self {
        match node {
            Node::Client => Self::ThisHost,
            Node::Home | Node::Isp | Node::Core => Self::YourNetwork,
            _ => Self::TheirNetwork,
        }
    }
}

/// What came of a case.
pub struct Outcome {
    /// What is not as expected; empty where all is.
    pub wrong: Vec<String>,
    /// Whom the report names, each once.
    pub named: Vec<String>,
    /// How long the run took, in milliseconds.
    pub took_ms: f64,
    /// The report as JSON.
    pub report: String,
    /// The report that people read, where it was to be shown.
    pub text: String,
}

/// What the report says of an endpoint, in one line.
fn seen(endpoint: &Value) -> String {
    let connect = &endpoint["connect"];
    let fact = match (connect["outcome"].as_str(), &connect["icmp"]) {
        (None, _) => text(&endpoint["skipped_because"]),
        (Some(outcome), Value::Null) => outcome.to_owned(),
        (Some(outcome), icmp) => {
            format!("{outcome} {}/{} {}", icmp["type"], icmp["code"], text(&icmp["from"]))
        }
    };
    let block = &endpoint["block"];
    let block = block.is_object().then(|| {
        let hop = block["hop"].as_u64().map_or(String::new(), |hop| format!(" {hop}"));
        let words = ["by", "how", "confidence", "hop_address"].map(|key| text(&block[key]));
        format!("{}{hop}", words.join(" ").trim_end())
    });
    line(&text(&endpoint["status"]), &fact, block)
}

/// The line that is expected of an endpoint with this address.
fn expected(shows: &Shows, address: IpAddr) -> String {
    let address_of = |sender| match sender {
        Sender::Machine(node) => Node::address_like(node, address),
        Sender::Target => address,
    };
    let fact = match shows.connect {
        Connect::Connected => "connected".to_owned(),
        Connect::Refused => "refused".to_owned(),
        Connect::TimedOut => "timed-out".to_owned(),
        Connect::NoRoute => "no-route".to_owned(),
        Connect::DeniedLocally => "denied-locally".to_owned(),
        Connect::Skipped(why) => why.to_owned(),
        Connect::Icmp(v4, v6, sender) => {
            let (kind, code) = if address.is_ipv4() { v4 } else { v6 };
            format!("icmp-unreachable {kind}/{code} {}", address_of(sender))
        }
    };
    let block = shows.block.map(|Block { by, how, confidence, hop }| {
        let hop = hop.map_or(String::new(), |hop| {
            let number = match hop {
                // Nobody shows how far away it is, or it is this machine.
                Sender::Target | Sender::Machine(Node::Client) => None,
                Sender::Machine(node) => Node::ROUTERS.iter().position(|router| *router == node),
            };
            let number = number.map_or(String::new(), |at| format!(" {}", at + 1));
            format!(" {}{number}", address_of(hop))
        });
        format!("{by} {how} {confidence}{hop}")
    });
    line(shows.status, &fact, block)
}

fn line(status: &str, fact: &str, block: Option<String>) -> String {
    let block = block.map_or(String::new(), |block| format!(", block: {}", block.trim_end()));
    format!("{status} ({fact}{block})")
}

/// Whom a report names as the one who blocks.
fn named(checked: &Checked) -> Vec<String> {
    let blocks = checked.endpoints().iter().map(|endpoint| &endpoint["block"]["by"]);
    let network = checked.report["network"]["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let ports = network.iter().map(|port| &port["block"]["by"]);
    let mut named: Vec<String> =
        blocks.chain(ports).filter_map(|by| by.as_str()).map(str::to_owned).collect();
    named.sort();
    named.dedup();
    named
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
