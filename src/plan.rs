//! Args → Plan: what will be done, decided before anything is done.
//!
//! Knows targets, ports, budgets and what contradicts what; nonsense is refused here, in the
//! user's words. Must not know what any server answers. Go on with [`probe`](crate::probe).

mod list;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use self::list::targets_to_check;
use crate::cli::args::{Args, Command, ConnectTo, FailOn, ServerArg};
use crate::cli::config::TargetTable;
use crate::control::Controls;
use crate::diagnosis::demands::{Demands, TargetDemands};
use crate::names::{Host, Server, Target};
use crate::port::{PortMode, Requirement, Role, requirement};

pub use self::list::{Entry, List, ListFrom, entry, streams};

/// What one run will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to check, in order. A line of a list that is no target stays in its place, with the
    /// reason.
    pub targets: Vec<Entry>,
    /// A list whose targets are read only as they are needed, since nothing waits for the last.
    pub list: Option<List>,
    /// The targets come from a list, and one operator may serve many of them.
    pub bulk: bool,
    /// Where the submission servers come from.
    pub submission: Submission,
    /// The ports to look at, each once.
    pub ports: Vec<PortMode>,
    /// The user chose the ports.
    pub ports_given: bool,
    /// IPv4 may be used.
    pub ipv4: bool,
    /// IPv6 may be used.
    pub ipv6: bool,
    /// Longest wait for one TCP connection.
    pub connect_timeout: Duration,
    /// Longest time for one conversation, connection included.
    pub timeout: Duration,
    /// Conversations under way at once.
    pub jobs: usize,
    /// Connections that are begun a second, where the user limits them.
    pub rate: Option<f64>,
    /// What is dialled in another's place.
    pub connect_to: Vec<ConnectTo>,
    /// No address is dialled that is not public, whoever named it.
    pub public_only: bool,
    /// The name to give in EHLO, where the user chose one.
    pub helo: Option<String>,
    /// The local addresses to connect from, at most one a family.
    pub bind: Vec<IpAddr>,
    /// Keep every line of every conversation.
    pub keep_transcripts: bool,
    /// How what is seen is judged.
    pub demands: Demands,
    /// Which findings make the exit code 1.
    pub fail_on: FailOn,
    /// What is different for single targets.
    pub special: HashMap<Target, Special>,
    /// Who is asked whether a port leaves this network.
    pub controls: Controls,
    /// When the path of a port is traced.
    pub trace: TraceWhen,
}

/// When the path of a port is traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceWhen {
    /// Where a required port fails.
    #[default]
    Auto,
    /// Of every required port and of every other that does not answer.
    Always,
    /// In no case.
    Never,
}

/// What is different for one target, where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Special {
    /// Where its submission servers come from.
    pub submission: Option<Submission>,
    /// Which of its findings make the exit code 1.
    pub fail_on: Option<FailOn>,
}

/// Where the submission servers of a domain come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// SRV records (RFC 6186, RFC 8314 §5.1).
    Discover,
    /// The user named them; with none named, none is checked.
    Named(Vec<Server>),
}

impl Plan {
    /// Makes the plan. `list` gives the whole text of a list, and is called where there is one and
    /// the report cannot be written before the last target is known.
    ///
    /// # Errors
    ///
    /// One line that names what contradicts what, or the target that is none.
    pub fn new(
        args: &Args,
        list: impl FnOnce(&ListFrom) -> Result<String, String>,
    ) -> Result<Self, String> {
        let ports = distinct_ports(&args.ports)?;
        let named = servers(&args.submission);
        let none = args.submission.contains(&ServerArg::None);
        if none && !named.is_empty() {
            return Err("--submission none contradicts the other --submission".to_owned());
        }
        let no_target =
            args.targets.is_empty() && args.configured.is_empty() && args.input.is_none();
        if none && no_target && args.command.is_none() {
            return Err("--submission none leaves nothing to check; name a target".to_owned());
        }
        let of_family = |v4: bool| args.bind.iter().filter(|a| a.is_ipv4() == v4).count();
        if of_family(true) > 1 || of_family(false) > 1 {
            return Err("--bind takes one address a family".to_owned());
        }
        let (mut targets, mut listed) = match &args.command {
            Some(Command::Trace { hosts }) => (hosts_to_trace(hosts)?, None),
            // Nothing is probed for an explanation, and of a network no target is.
            Some(Command::Explain { .. } | Command::Network) => (Vec::new(), None),
            _ => targets_to_check(args, &named)?,
        };
        let bulk = listed.is_some();
        if args.resume.is_some() && !streams(args) {
            return Err("--resume goes with --format jsonl, and without --report".to_owned());
        }
        if let Some(List { from, before }) = listed.take_if(|_| !streams(args)) {
            let lines = list(&from)?;
            targets.splice(before..before, lines.lines().filter_map(entry));
            if targets.is_empty() {
                return Err(from.holds_nothing());
            }
        }
        let controls = controls(&args.control)?;
        if args.command == Some(Command::Network) && controls.are_off() {
            return Err("--control none leaves `network` nobody to ask".to_owned());
        }
        Ok(Self {
            targets,
            list: listed,
            bulk,
            submission: match args.submission.is_empty() {
                true => Submission::Discover,
                false => Submission::Named(named),
            },
            fail_on: args.fail_on,
            special: args.configured.iter().map(special).collect(),
            ports,
            ports_given: args.ports_given,
            ipv4: !args.ipv6,
            ipv6: !args.ipv4,
            connect_timeout: args.connect_timeout,
            timeout: args.timeout,
            jobs: usize::from(args.jobs),
            rate: args.rate,
            connect_to: args.connect_to.clone(),
            public_only: args.public_only,
            helo: args.helo.clone(),
            bind: args.bind.clone(),
            keep_transcripts: args.verbose >= 2,
            demands: Demands {
                ignore: args.ignore.clone(),
                blocked_here: args.blocked_here.into(),
                targets: args.configured.iter().map(demands).collect(),
            },
            controls,
            trace: args.trace.into(),
        })
    }

    /// A family that the user excluded is left out altogether.
    pub fn may_use(&self, address: IpAddr) -> bool {
        if address.is_ipv4() { self.ipv4 } else { self.ipv6 }
    }

    /// Where the submission servers of a target come from.
    pub fn submission_of(&self, target: &Target) -> &Submission {
        let own = self.special.get(target).and_then(|special| special.submission.as_ref());
        own.unwrap_or(&self.submission)
    }

    /// Which findings of a target make the exit code 1.
    pub fn fail_on_of(&self, target: &Target) -> FailOn {
        let own = self.special.get(target).and_then(|special| special.fail_on);
        own.unwrap_or(self.fail_on)
    }

    /// The ports of a role that something is expected of.
    pub fn expected_ports(&self, target: &Target, role: Role) -> Vec<PortMode> {
        let expectations = self.demands.expectations(target).iter();
        expectations.filter(|e| e.role == role).map(|e| self.port_mode(e.port)).collect()
    }

    /// The local address to connect from to this one, where the user chose one of its family.
    pub fn bind_for(&self, address: IpAddr) -> Option<IpAddr> {
        self.bind.iter().find(|own| own.is_ipv4() == address.is_ipv4()).copied()
    }

    /// The ports to probe at a server, with what is required of each.
    ///
    /// `named` are the ports that SRV records or the user named for this very server; nothing
    /// else is required of it then.
    pub fn ports_of(&self, role: Role, named: &[PortMode]) -> Vec<(PortMode, Requirement)> {
        let mut ports: Vec<(PortMode, Requirement)> = Vec::new();
        for port in named {
            if !ports.iter().any(|(known, _)| known == port) {
                ports.push((*port, requirement(role, port.port, true)));
            }
        }
        for port in &self.ports {
            if !named.iter().any(|n| n.port == port.port) {
                let requirement = match named.is_empty() {
                    false => Requirement::Optional,
                    true => requirement(role, port.port, role == Role::Host && self.ports_given),
                };
                ports.push((*port, requirement));
            }
        }
        ports
    }

    /// The ports to probe at a server that the user named: the one given, or those of `--ports`.
    pub fn ports_of_named(&self, role: Role, port: Option<u16>) -> Vec<(PortMode, Requirement)> {
        match port {
            None => self.ports_of(role, &[]),
            Some(port) => vec![(self.port_mode(port), requirement(role, port, true))],
        }
    }

    /// A port with the mode that `--ports` gives it, or its usual one.
    fn port_mode(&self, port: u16) -> PortMode {
        let given = self.ports.iter().find(|known| known.port == port).copied();
        given.unwrap_or_else(|| PortMode::usual(port))
    }

    /// What is dialled when this server and port are meant, where `--connect-to` says so. As in
    /// curl, the first that fits counts.
    pub fn instead_of(&self, host: &Host, port: u16) -> Option<SocketAddr> {
        let fits = |rule: &&ConnectTo| {
            rule.host.as_ref().is_none_or(|h| h == host) && rule.port.is_none_or(|p| p == port)
        };
        self.connect_to.iter().find(fits).map(|rule| rule.to)
    }

    /// Every port that this run asks about, in the user's order, for the report's columns.
    pub fn asked_ports(&self) -> Vec<u16> {
        self.ports_asked_of(&self.targets)
    }

    /// Every port that these targets are asked about.
    pub fn ports_asked_of(&self, targets: &[Entry]) -> Vec<u16> {
        let only_named = !targets.is_empty() && targets.iter().all(|(_, target)| {
            matches!(target, Ok(Target::Server(s) | Target::Submission(s)) if s.port.is_some())
        });
        let mut ports: Vec<u16> =
            if only_named { Vec::new() } else { self.ports.iter().map(|p| p.port).collect() };
        let named = targets.iter().filter_map(|(_, target)| match target {
            Ok(Target::Server(server) | Target::Submission(server)) => server.port,
            _ => None,
        });
        let understood = || targets.iter().filter_map(|(_, target)| target.as_ref().ok());
        let submission = understood().flat_map(|target| match self.submission_of(target) {
            Submission::Named(servers) => servers.iter().filter_map(|s| s.port).collect(),
            Submission::Discover => Vec::new(),
        });
        let expected = understood().flat_map(|target| {
            self.demands.expectations(target).iter().map(|expectation| expectation.port)
        });
        for port in named.chain(submission).chain(expected) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        ports
    }
}

fn servers(given: &[ServerArg]) -> Vec<Server> {
    let named = given.iter().filter_map(|value| match value {
        ServerArg::None => None,
        ServerArg::Server(server) => Some(server.clone()),
    });
    named.collect()
}

fn special(table: &TargetTable) -> (Target, Special) {
    let submission = table.submission.as_ref().filter(|given| !given.is_empty());
    let submission = submission.map(|given| Submission::Named(servers(given)));
    (table.target.clone(), Special { submission, fail_on: table.fail_on })
}

fn demands(table: &TargetTable) -> (Target, TargetDemands) {
    let (ignore, expectations) = (table.ignore.clone(), table.expectations.clone());
    (table.target.clone(), TargetDemands { ignore, expectations })
}

fn hosts_to_trace(hosts: &[String]) -> Result<Vec<Entry>, String> {
    let server = |text: &String| match Server::parse(text) {
        Ok(server) => Ok((text.clone(), Ok(Target::Server(server)))),
        Err(why) => Err(format!("`{text}` cannot be a host: {why}")),
    };
    hosts.iter().map(server).collect()
}

/// Who is asked whether a port leaves this network.
fn controls(given: &[ServerArg]) -> Result<Controls, String> {
    let mut named = Vec::new();
    let mut none = false;
    for value in given {
        match value {
            ServerArg::None => none = true,
            ServerArg::Server(server) => named.push(server.clone()),
        }
    }
    match (none, named.is_empty()) {
        (true, false) => Err("--control none contradicts the other --control".to_owned()),
        (false, true) => Ok(Controls::BuiltIn),
        _ => Ok(Controls::Named(named)),
    }
}

/// Refuses a port that is asked for in two modes, and takes one that is given twice once.
fn distinct_ports(given: &[PortMode]) -> Result<Vec<PortMode>, String> {
    let mut ports: Vec<PortMode> = Vec::new();
    for port in given {
        match ports.iter().find(|known| known.port == port.port) {
            None => ports.push(*port),
            Some(known) if known.mode == port.mode => {}
            Some(_) => {
                return Err(format!(
                    "--ports gives port {} two modes; one port is probed in one mode",
                    port.port
                ));
            }
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Mode;

    fn plan(words: &[&str]) -> Result<Plan, String> {
        let words = std::iter::once("smtpcheck").chain(words.iter().copied());
        let args = Args::read(words.map(Into::into)).map_err(|stop| format!("{stop:?}"))?;
        Plan::new(&args, |_| Ok("# a list\n\nA.example\nnot a name\n".to_owned()))
    }

    fn required(ports: &[(PortMode, Requirement)]) -> Vec<u16> {
        let required = ports.iter().filter(|(_, r)| *r == Requirement::Required);
        required.map(|(port, _)| port.port).collect()
    }

    #[test]
    fn a_server_with_a_port_is_probed_there_only_in_the_mode_that_ports_give_it() {
        let plan = plan(&["-p", "25,10465=implicit", "mx.example:10465"]).expect("a plan");
        let ports = plan.ports_of_named(Role::Host, Some(10465));
        let only = PortMode { port: 10465, mode: Mode::Implicit };
        assert_eq!(ports, [(only, Requirement::Required)]);
        assert_eq!(plan.asked_ports(), [10465]);
    }

    #[test]
    fn ports_that_are_chosen_are_required_of_a_host_that_is_named() {
        let chosen = plan(&["-p", "25,2525", "192.0.2.1"]).expect("a plan");
        assert_eq!(required(&chosen.ports_of(Role::Host, &[])), [25, 2525]);
        let default = plan(&["192.0.2.1"]).expect("a plan");
        assert_eq!(required(&default.ports_of(Role::Host, &[])), [0u16; 0]);
    }

    #[test]
    fn the_srv_port_is_probed_in_its_services_mode_even_when_ports_lack_it() {
        let plan = plan(&["-p", "25", "a.example"]).expect("a plan");
        let srv = PortMode { port: 1587, mode: Mode::Implicit };
        let ports = plan.ports_of(Role::Submission, &[srv]);
        assert_eq!(ports[0], (srv, Requirement::Required));
        assert_eq!(ports[1].1, Requirement::Optional, "25 of a submission server");
        let default = super::tests::plan(&["a.example"]).expect("a plan");
        let only_587 = default.ports_of(Role::Submission, &[PortMode::usual(587)]);
        assert_eq!(required(&only_587), [587], "465 is not announced, so it is optional");
        assert!(only_587.iter().all(|(_, r)| *r != Requirement::OneOf));
    }

    #[test]
    fn connect_to_goes_by_the_first_rule_that_fits() {
        let plan = plan(&[
            "--connect-to=mx.example:25:127.0.0.1:2500",
            "--connect-to=:25:[::1]:2501",
            "--connect-to=::127.0.0.2:2502",
            "a.example",
        ])
        .expect("a plan");
        let host = |text: &str| Host::parse(text).expect("a host");
        let to = |text: &str, port| plan.instead_of(&host(text), port).map(|a| a.to_string());
        assert_eq!(to("MX.example.", 25).as_deref(), Some("127.0.0.1:2500"));
        assert_eq!(to("other.example", 25).as_deref(), Some("[::1]:2501"));
        assert_eq!(to("other.example", 587).as_deref(), Some("127.0.0.2:2502"));
    }

    #[test]
    fn a_list_keeps_a_bad_line_in_its_place() {
        let plan = plan(&["b.example", "-"]).expect("a plan");
        let inputs: Vec<&str> = plan.targets.iter().map(|(input, _)| input.as_str()).collect();
        assert_eq!(inputs, ["b.example", "A.example", "not a name"]);
        assert!(plan.targets[2].1.is_err());
    }

    #[test]
    fn hosts_to_trace_are_servers_and_never_domains() {
        let plan = plan(&["trace", "a.example", "b.example:26", "2001:db8::1"]).expect("a plan");
        let is_server = |(_, t): &(String, _)| matches!(t, Ok(Target::Server(_)));
        assert!(plan.targets.iter().all(is_server), "{:?}", plan.targets);
        assert_eq!(plan.asked_ports(), [25, 465, 587, 2525, 26]);
    }

    #[test]
    fn nonsense_is_refused_in_the_users_words() {
        for (words, part) in [
            (vec!["-s", "none"], "nothing to check"),
            (vec!["-s", "none", "-s", "smtp.example", "a.example"], "contradicts"),
            (vec!["-p", "25,25=implicit", "a.example"], "two modes"),
            (
                vec!["--bind", "192.0.2.1", "--bind", "192.0.2.2", "a.example"],
                "one address a family",
            ),
            (vec!["https://a.example/"], "it is a URL"),
            (vec!["-", "-"], "once"),
            (vec!["-4", "trace", "-6", "a.example"], "exclude each other"),
            (vec!["trace", "-"], "`-` cannot be a host"),
            (vec!["trace", "a.example:0"], "is not a port"),
        ] {
            let refusal = plan(&words).expect_err("nonsense");
            assert!(refusal.contains(part), "{words:?}: {refusal}");
        }
    }
}
