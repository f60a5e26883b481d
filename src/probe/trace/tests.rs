//! Hosts in memory, with a paused clock.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use time::OffsetDateTime;

use super::*;
use crate::cli::args::Args;
use crate::net::connect::{Dialling, Shortage};
use crate::net::connector::{Connector, Dialled};
use crate::observation::{Connect, ConnectOutcome, LookupOutcome, Skip};
use crate::path::Hops;
use crate::resolve::testing::FakeResolver;
use crate::resolve::{Answer, Names, NamesOptions, Record, RecordType};
use crate::tls::Trust;

/// A machine without IPv6, every server one hop away; port 26 is silent.
#[derive(Default)]
struct World {
    dialled: Mutex<BTreeSet<SocketAddr>>,
}

impl Hops for World {
    fn probe<'a>(
        &'a self,
        dialling: &'a Dialling,
        _ttl: u8,
    ) -> Pin<Box<dyn Future<Output = Result<Connect, Shortage>> + Send + 'a>> {
        Box::pin(async move {
            self.dialled.lock().expect("no test panics here").insert(dialling.to);
            let outcome = match dialling.to.port() {
                26 => {
                    tokio::time::sleep(dialling.limit).await;
                    ConnectOutcome::TimedOut
                }
                _ => ConnectOutcome::Connected,
            };
            Ok(Connect { outcome, ..Connect::default() })
        })
    }
}

struct NoIpv6;

impl Connector for NoIpv6 {
    fn connect<'a>(
        &'a self,
        _dialling: &'a Dialling,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>> {
        Box::pin(async { panic!("a trace holds no conversation") })
    }

    fn has_route(&self, _to: IpAddr) -> bool {
        false
    }

    fn source(&self, _to: IpAddr, _bind: Option<IpAddr>) -> Option<IpAddr> {
        None
    }

    fn local_network(&self) -> LocalNetwork {
        LocalNetwork { ipv4: true, ipv6: false }
    }

    fn three_syns(&self) -> Duration {
        Duration::ZERO
    }
}

/// `two.example` has two IPv4 addresses and one of IPv6, `many.example` five of IPv4.
fn answer(name: &str, record_type: RecordType) -> Answer {
    let addresses: &[&str] = match (name, record_type) {
        ("two.example", RecordType::A) => &["192.0.2.1", "192.0.2.2"],
        ("two.example", RecordType::Aaaa) => &["2001:db8::1"],
        ("many.example", RecordType::A) => {
            &["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"]
        }
        _ => &[],
    };
    let records = addresses.iter().map(|text| Record::Address(text.parse().expect("an address")));
    let outcome = if addresses.is_empty() { LookupOutcome::NoData } else { LookupOutcome::Found };
    Answer::new(name, record_type, outcome, records.collect())
}

async fn traced(words: &[&str], stop_after: Option<Duration>) -> (Vec<String>, Vec<String>) {
    let words = ["smtpcheck", "trace"].into_iter().chain(words.iter().copied());
    let args = Args::read(words.map(Into::into)).expect("arguments");
    let plan = Plan::new(&args, |_| Ok(String::new())).expect("a plan");
    let options = NamesOptions { ipv4: plan.ipv4, ipv6: plan.ipv6, hosts: None };
    let resolver = FakeResolver::new(|name, record_type, _| answer(name, record_type));
    let world = Arc::new(World::default());
    let effects = Effects {
        names: Names::new(Arc::new(resolver), options),
        connector: Arc::new(NoIpv6),
        hops: Arc::clone(&world) as Arc<dyn Hops>,
        trust: Trust::new(&[]).expect("the built-in anchors"),
        now: || OffsetDateTime::UNIX_EPOCH,
        own_name: None,
        environment: None,
        progress: crate::probe::Progress::default(),
    };
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        match stop_after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
        stop.send_replace(true);
    });
    let seen = run(plan, effects, stopped).await;
    let line = |trace: &TraceObservation| {
        let ports: Vec<u16> = trace.paths.iter().map(|path| path.port).collect();
        let address = trace.address.map_or("-".to_owned(), |address| address.to_string());
        let missing = match &trace.missing {
            None => "whole",
            Some(Missing::Skipped(Skip::NoIpv6Here)) => "no IPv6 here",
            Some(Missing::Represented(3..)) => "others stand for it",
            Some(Missing::NoAddress(_)) => "no address",
            Some(Missing::Interrupted) => "interrupted",
            Some(_) => "another reason",
        };
        format!("{} {address} {ports:?} {missing}", trace.host)
    };
    let dialled = world.dialled.lock().expect("no test panics here");
    (seen.traces.iter().map(line).collect(), dialled.iter().map(SocketAddr::to_string).collect())
}

#[tokio::test(start_paused = true)]
async fn few_addresses_are_all_traced_and_of_many_one() {
    let (lines, dialled) = traced(&["two.example", "many.example", "-p25"], None).await;
    assert_eq!(
        lines,
        [
            "two.example 192.0.2.1 [25] whole",
            "two.example 192.0.2.2 [25] whole",
            "two.example 2001:db8::1 [] no IPv6 here",
            "many.example 198.51.100.1 [25] whole",
            "many.example - [] others stand for it",
        ]
    );
    assert_eq!(dialled, ["192.0.2.1:25", "192.0.2.2:25", "198.51.100.1:25"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dialled_instead_is_traced_and_not_looked_up() {
    let elsewhere = "--connect-to=many.example:26:192.0.2.9:2525";
    let (lines, dialled) = traced(&["-p25,26", elsewhere, "many.example:26"], None).await;
    assert_eq!(lines, ["many.example 192.0.2.9 [26] whole"], "the port that was meant");
    assert_eq!(dialled, ["192.0.2.9:2525"]);
}

#[tokio::test(start_paused = true)]
async fn an_excluded_family_and_a_name_without_addresses() {
    let (lines, _) = traced(&["-4", "-p25", "two.example", "none.example"], None).await;
    assert!(!lines.iter().any(|line| line.contains("2001:db8")), "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("none.example - [] no address"));
    let (lines, dialled) = traced(&["-6", "-p25", "192.0.2.1"], None).await;
    assert_eq!((lines, dialled.len()), (vec!["192.0.2.1 - [] no address".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_keeps_what_is_finished() {
    let soon = Some(Duration::from_millis(500));
    let (lines, _) = traced(&["-4", "-p25,26", "two.example"], soon).await;
    assert_eq!(
        lines,
        ["two.example 192.0.2.1 [25] interrupted", "two.example 192.0.2.2 [] interrupted",]
    );
}
