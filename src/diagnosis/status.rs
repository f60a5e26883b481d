//! Statuses, what is required, and the verdict: the tables of the contract.

use std::net::IpAddr;

use super::check::Group;
use super::demands::BlockedHere;
use super::finding::{Finding, Severity, Status, Verdict};
use super::reach::Reach;
use super::stop::Stop;
use super::{Draft, Judged, summary};
use crate::names::{Exchange, Host, HostName, Target};
use crate::observation::{EndpointObservation, LookupOutcome, TargetObservation};
use crate::port::{RELAY, Requirement};

/// The codes by which a server turns this client away.
pub(super) const REJECTED: [&str; 3] = ["greeting-rejected", "greeting-throttled", "ehlo-rejected"];

/// The codes of a conversation that breaks off, which something on this side may be the reason of.
const BROKEN_OFF: [&str; 2] = ["greeting-missing", "connection-dropped"];

/// The code of a server that asks to be left alone for now.
pub const THROTTLED: &str = "greeting-throttled";

/// An endpoint's status: the first that applies. `drafts` hold no ignored codes.
pub fn of(
    endpoint: &EndpointObservation,
    reach: &Reach,
    drafts: &[Draft],
    ignore: &[&str],
) -> Status {
    let has = |codes: &[&str]| drafts.iter().any(|draft| codes.contains(&draft.check.code));
    match reach {
        Reach::NotDialled => Status::Skipped,
        Reach::Closed(_) => Status::Closed,
        Reach::Blocked { code, .. } if ignore.contains(code) => Status::Silent,
        // Of an optional one no block is claimed; which are, is decided next.
        Reach::Blocked { .. } => Status::Blocked,
        // What was swallowed is told by the finding of its end, unless that is ignored.
        Reach::Swallowed { .. } if has(&BROKEN_OFF) => Status::Blocked,
        Reach::Connected | Reach::Swallowed { .. } if has(&REJECTED) => Status::Rejected,
        Reach::Connected | Reach::Swallowed { .. }
            if drafts.iter().any(|d| d.severity == Severity::Error) =>
        {
            Status::Misconfigured
        }
        // A conversation that broke off is never open, even where no check knows why, or what it
        // knows is ignored: nobody is to rely on a port that was not seen to work.
        Reach::Connected | Reach::Swallowed { .. } if !was_seen_to_work(endpoint) => {
            Status::Misconfigured
        }
        Reach::Connected | Reach::Swallowed { .. } => Status::Open,
    }
}

/// The dialogue went as far as a client needs it: on 25 that may be without TLS.
fn was_seen_to_work(endpoint: &EndpointObservation) -> bool {
    let Some(seen) = endpoint.conversation() else { return false };
    match Stop::of_conversation(endpoint.mode, seen) {
        Stop::Nothing => true,
        Stop::StarttlsRefused(_)
        | Stop::TlsVersionTooOld
        | Stop::ClientCertificateRequired { .. }
        | Stop::NothingInCommon(_)
        | Stop::HandshakeFailed { .. } => endpoint.port == RELAY,
        _ => false,
    }
}

/// Decides which endpoints are required. Of those of which one has to work, the ones that work
/// are, and none of the others; where none works, all are. An optional sibling that does not
/// answer is then silent, not blocked.
pub fn decide_required(endpoints: &[EndpointObservation], judged: &mut [Judged]) {
    for at in 0..endpoints.len() {
        let this = &endpoints[at];
        judged[at].required = match this.requirement {
            Requirement::Required => true,
            Requirement::Optional => false,
            Requirement::OneOf => {
                let working = (0..endpoints.len()).filter(|i| {
                    let other = &endpoints[*i];
                    other.requirement == Requirement::OneOf
                        && (other.role, &other.host) == (this.role, &this.host)
                        && judged[*i].status == Status::Open
                });
                let (here, elsewhere): (Vec<usize>, Vec<usize>) =
                    working.partition(|i| endpoints[*i].address == this.address);
                match (here.as_slice(), elsewhere.as_slice()) {
                    ([], []) => true,
                    // What the server offers at its other addresses is what is missing here.
                    ([], elsewhere) => elsewhere.iter().any(|i| endpoints[*i].port == this.port),
                    (here, _) => here.contains(&at),
                }
            }
        };
        let judged = &mut judged[at];
        // A port that takes connections and drops them before a greeting is not offered.
        let is_not_offered = judged.status == Status::Misconfigured
            && judged.drafts.iter().all(|draft| draft.check.group == Group::Reach)
            && this.conversation().is_some_and(|seen| seen.smtp.greeting.is_none());
        if !judged.required && is_not_offered {
            judged.status = Status::Silent;
        }
        if !judged.required && judged.status == Status::Blocked && !judged.is_blocked_on_this_side()
        {
            judged.status = Status::Silent;
        }
    }
}

/// The verdict on a target. `findings` are those of the target as a whole; `undetermined` says that
/// [`undetermined_because`] has a reason.
pub fn verdict(
    target: &TargetObservation,
    judged: &[Judged],
    findings: &[Finding],
    undetermined: bool,
) -> Verdict {
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error)
        || judged.iter().any(|judged| {
            let mut counting = judged.drafts.iter().filter(|draft| draft.counts(judged.required));
            counting.any(|draft| draft.severity == Severity::Error)
        });
    if !target.complete {
        return Verdict::Undetermined;
    }
    if errors {
        return Verdict::Problems;
    }
    if undetermined { Verdict::Undetermined } else { Verdict::Ok }
}

/// Why no verdict can be given although nothing is wrong, as a sentence without its full stop.
pub fn undetermined_because(target: &TargetObservation, judged: &[Judged]) -> Option<String> {
    if let Some(failed) = target.dns.lookups().find(|lookup| !lookup.outcome.is_answer()) {
        return Some(format!("{} of {} could not be looked up", failed.record_type, failed.name));
    }
    if let Some(address) = named_in_vain(target) {
        let (own, only) = match address {
            IpAddr::V4(_) => ("IPv4", "IPv6 (-6)"),
            IpAddr::V6(_) => ("IPv6", "IPv4 (-4)"),
        };
        return Some(format!("{address} is an {own} address, and only {only} was to be used"));
    }
    for (endpoint, this) in target.endpoints.iter().zip(judged) {
        // What the user leaves out is not missed, as long as anything else was carried out.
        let left_out = this.excused && this.status == Status::Skipped;
        if !this.required || left_out || is_conclusive(this) {
            continue;
        }
        // Another address of the same host stands in.
        let stand_in = target.endpoints.iter().zip(judged).any(|(other, judged)| {
            (other.role, &other.host, other.port) == (endpoint.role, &endpoint.host, endpoint.port)
                && matches!(judged.status, Status::Open | Status::Misconfigured)
        });
        if stand_in {
            continue;
        }
        return Some(summary::not_tested(endpoint, this));
    }
    if let Some(left_out) = target.dns.left_out.iter().find(|left_out| left_out.is_of_servers()) {
        return Some(summary::not_followed(left_out));
    }
    let carried_out =
        judged.iter().any(|judged| judged.required && judged.status != Status::Skipped);
    if carried_out || takes_no_mail(target) {
        return None;
    }
    let nothing = "nothing that is required was checked";
    let excused = judged.iter().any(|judged| judged.required && judged.excused);
    Some(match without_the_family(target) {
        _ if excused => format!("{nothing}, as it is blocked on this side"),
        Some((host, family)) => {
            format!("{host} has no {family} address, and no other was to be used")
        }
        None => nothing.to_owned(),
    })
}

/// An address that the user named as a server and excluded with its whole family: nothing else
/// keeps one from becoming an endpoint.
fn named_in_vain(target: &TargetObservation) -> Option<IpAddr> {
    let own = match &target.target {
        Target::Server(server) | Target::Submission(server) => Some(&server.host),
        Target::Domain(_) => None,
    };
    let named = own.into_iter().chain(target.dns.submission.iter().map(|server| &server.host));
    let mut addresses = named.filter_map(|host| match host {
        Host::Address(address) => Some(*address),
        Host::Name(_) => None,
    });
    let is_endpoint = |address| target.endpoints.iter().any(|e| e.host == Host::Address(address));
    addresses.find(|address| !is_endpoint(*address))
}

/// A host without addresses of the one family that was looked up, and that family.
fn without_the_family(target: &TargetObservation) -> Option<(&HostName, &'static str)> {
    let mut without = target.dns.hosts.iter().filter(|host| host.addresses.is_empty());
    without.find_map(|host| match (&host.ipv4, &host.ipv6) {
        (Some(_), None) => Some((&host.host, "IPv4")),
        (None, Some(_)) => Some((&host.host, "IPv6")),
        _ => None,
    })
}

/// The endpoint was looked at, and what was seen is more than "come back later". Another address
/// stands in for one that was not only where a sender can talk to it.
fn is_conclusive(judged: &Judged) -> bool {
    judged.status != Status::Skipped && !is_throttled(judged) && !judged.excused
}

/// The server asks to be left alone for now.
pub fn is_throttled(judged: &Judged) -> bool {
    judged.drafts.iter().any(|draft| draft.check.code == THROTTLED)
}

/// Holds what is blocked on this side against nobody, where the user wants it so: what says so
/// becomes a note. Where the user expects it to be blocked there is nothing to excuse.
pub fn excuse(judged: &mut [Judged], blocked_here: BlockedHere) {
    if blocked_here == BlockedHere::Fail {
        return;
    }
    for judged in judged.iter_mut().filter(|judged| judged.is_blocked_here() && !judged.settled) {
        judged.excused = true;
        for draft in &mut judged.drafts {
            draft.severity = Severity::Note;
        }
        if blocked_here == BlockedHere::Skip {
            judged.status = Status::Skipped;
        }
    }
}

/// The domain declares that it takes no mail (RFC 7505).
pub fn takes_no_mail(target: &TargetObservation) -> bool {
    target.dns.mx.as_ref().is_some_and(|mx| {
        mx.lookup.outcome == LookupOutcome::Found
            && mx.records.iter().all(|record| record.exchange == Exchange::Null)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::demands::Demands;
    use crate::diagnosis::diagnose;
    use crate::diagnosis::fixture::{self, Talk, talk};
    use crate::observation::{Connect, ConnectOutcome, Conversation, Ending, Limit, Phase, Skip};

    /// Every way in which a conversation can break off.
    fn broken_endings() -> Vec<Ending> {
        use Phase::{Ehlo, EhloAfterTls, Greeting, Starttls, Tls};
        let mut endings = vec![Ending::TlsFailed];
        for phase in [Greeting, Ehlo, Starttls, Tls, EhloAfterTls] {
            endings.extend([
                Ending::Closed(phase),
                Ending::Reset(phase),
                Ending::TimedOut { phase, partial: false },
                Ending::TimedOut { phase, partial: true },
                Ending::NotSmtp(phase),
                Ending::TooMuch { phase, limit: Limit::Reply },
                Ending::TooMuch { phase, limit: Limit::Conversation },
                Ending::Failed { phase, error: "something local".to_owned() },
            ]);
        }
        endings
    }

    #[test]
    fn a_conversation_that_breaks_off_always_has_a_finding_that_says_so() {
        for port in [25, 465, 587, 2525, 10025] {
            for ending in broken_endings() {
                let codes = talk(port).ends(ending.clone()).codes();
                assert!(!codes.is_empty(), "{ending:?} on {port} is not told");
            }
        }
    }

    #[test]
    fn a_conversation_that_breaks_off_is_never_open() {
        for ending in broken_endings() {
            let endpoint = talk(587).ends(ending.clone()).endpoint();
            let status = of(&endpoint, &Reach::Connected, &[], &[]);
            assert_ne!(status, Status::Open, "{ending:?}");
        }
    }

    fn verdict_on(endpoints: Vec<EndpointObservation>) -> (Verdict, Vec<(bool, Status)>) {
        let mut world = fixture::domain("example.test").mx(10, "mx.example.test.");
        for endpoint in endpoints {
            world = world.endpoint(endpoint);
        }
        let made = diagnose(&world.run, &Demands::default()).targets.remove(0);
        let endpoints = made.endpoints.iter().map(|e| (e.required, e.status)).collect();
        (made.verdict, endpoints)
    }

    #[test]
    fn of_two_ways_to_send_the_one_that_works_makes_the_other_optional() {
        let one_of = |talk: Talk| {
            talk.at(|e| {
                e.role = crate::port::Role::Submission;
                e.requirement = Requirement::OneOf;
            })
            .endpoint()
        };
        let fine = |port| one_of(talk(port));
        let broken = |port| one_of(talk(port).silent());
        let (verdict, endpoints) = verdict_on(vec![fine(465), broken(587)]);
        assert_eq!(verdict, Verdict::Ok);
        assert_eq!(endpoints, [(true, Status::Open), (false, Status::Misconfigured)]);
        let (verdict, endpoints) = verdict_on(vec![broken(465), broken(587)]);
        assert_eq!(verdict, Verdict::Problems);
        assert!(endpoints.iter().all(|(required, _)| *required), "{endpoints:?}");
        let (_, endpoints) = verdict_on(vec![fine(465), fine(587)]);
        assert!(endpoints.iter().all(|(required, _)| *required), "{endpoints:?}");
    }

    #[test]
    fn another_address_of_the_same_host_stands_in_and_another_host_does_not() {
        let skipped = |host: &str| EndpointObservation {
            host: crate::names::Host::parse(host).expect("a host"),
            address: fixture::ip("2001:db8::25"),
            probe: crate::observation::Probe::Skipped(Skip::NoIpv6Here),
            ..talk(25).endpoint()
        };
        let open = || talk(25).endpoint();
        let own = talk(25).endpoint().host.to_string();
        assert_eq!(verdict_on(vec![open(), skipped(&own)]).0, Verdict::Ok);
        let (verdict, endpoints) = verdict_on(vec![open(), skipped("other.example.test")]);
        assert_eq!(verdict, Verdict::Undetermined, "{endpoints:?}");
    }

    #[test]
    fn a_run_in_which_nothing_required_was_looked_at_is_not_ok() {
        let optional = talk(587).at(|e| e.requirement = Requirement::Optional).endpoint();
        assert_eq!(verdict_on(vec![optional]).0, Verdict::Undetermined);
        assert_eq!(verdict_on(Vec::new()).0, Verdict::Undetermined);
    }

    /// An endpoint of a submission server at this address, of which one port has to work.
    fn way_to_send(talk: Talk, address: &str) -> EndpointObservation {
        EndpointObservation {
            role: crate::port::Role::Submission,
            requirement: Requirement::OneOf,
            address: fixture::ip(address),
            ..talk.endpoint()
        }
    }

    fn unreached(endpoint: EndpointObservation, outcome: ConnectOutcome) -> EndpointObservation {
        let connect = Connect { outcome, ..Connect::default() };
        let conversation = Conversation { connect, ..Conversation::default() };
        let probe = crate::observation::Probe::Dialled(conversation.into());
        EndpointObservation { probe, ..endpoint }
    }

    #[test]
    fn a_port_that_the_server_offers_nowhere_is_not_missed_at_a_dead_address() {
        let (v4, v6) = ("192.0.2.25", "2001:db8::25");
        let (verdict, endpoints) = verdict_on(vec![
            way_to_send(talk(465), v4),
            unreached(way_to_send(talk(587), v4), ConnectOutcome::Refused),
            unreached(way_to_send(talk(465), v6), ConnectOutcome::TimedOut),
            unreached(way_to_send(talk(587), v6), ConnectOutcome::TimedOut),
        ]);
        let required: Vec<bool> = endpoints.iter().map(|(required, _)| *required).collect();
        assert_eq!(required, [true, false, true, false]);
        assert_eq!(verdict, Verdict::Ok, "IPv6 is broken, which is a warning: {endpoints:?}");
    }

    #[test]
    fn a_local_firewall_on_ipv6_is_no_fault_of_the_servers_ipv6() {
        let denied = ConnectOutcome::DeniedLocally { error: "Permission denied".to_owned() };
        let v6 =
            EndpointObservation { address: fixture::ip("2001:db8::25"), ..talk(25).endpoint() };
        let world = fixture::domain("example.test").mx(10, "mx.example.test.");
        let world = world.endpoint(talk(25).endpoint()).endpoint(unreached(v6, denied));
        let made = diagnose(&world.run, &Demands::default()).targets.remove(0);
        let all = made.findings.iter().chain(made.endpoints.iter().flat_map(|e| &e.findings));
        let codes: Vec<&str> = all.map(|finding| finding.code.as_str()).collect();
        assert!(!codes.contains(&"ipv6-broken"), "{codes:?}");
    }
}
