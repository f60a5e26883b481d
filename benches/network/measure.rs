//! What is measured, how often, and the lines that come of it.
//!
//! Knows the floors and the peers of each figure. Must not know how a peer is called, nor how the
//! network is made.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::filter::{Filter, PORT_25};
use crate::harness::Checked;
use crate::lab::certificates::Certificates;
use crate::many::{DOMAIN, Many, PORTS};
use crate::node::Node;
use crate::peers::{self, Missing};
use crate::world::World;
use crate::{delay, namespace, say};

/// What the line to the mail servers adds in each direction.
const DELAY: Duration = Duration::from_millis(50);

/// Of the figures below a second, and of those above.
const RUNS: usize = 15;
const LONG_RUNS: usize = 5;

/// Everything; the error says why there is no network to measure in.
pub fn everything() -> Result<(), String> {
    // `cargo test --benches` only wants to know whether it runs.
    let is_measured = std::env::args().any(|word| word == "--bench");
    let (runs, long_runs) = if is_measured { (RUNS, LONG_RUNS) } else { (1, 1) };
    namespace::become_root()?;
    let certificates = Arc::new(Certificates::issue());
    let mut world = World::build(&certificates)?;
    let many = Many::join(&world)?;
    delay::everything_through(world.machine(Node::Edge), DELAY)?;
    the_line(&world, runs);
    one_endpoint(&world, runs);
    the_domain(&world, &many, runs, long_runs);
    a_blocked_port(&mut world, long_runs)
}

/// How long a connection through the line takes: what the line itself is worth.
fn the_line(world: &World, runs: usize) {
    let to = SocketAddr::from((Node::Mx1.addresses()[0], 25));
    let connected = || world.machine(Node::Client).inside(|| TcpStream::connect(to));
    let took = times(runs, connected, |_| Ok(())).expect("the server is up");
    tell("one round trip, by connect(2)", &took);
    against("2 delays", &took, &[DELAY * 2]);
}

/// One server alone, from the program's start to its end. No name is looked up.
///
/// What the dialogue needs: a round trip for TCP; one until the greeting, as the server cannot speak
/// before the client's ACK has come; one for EHLO, for STARTTLS, for the handshake of TLS 1.3, and for
/// the EHLO inside, which goes out together with the handshake's last message. With implicit TLS
/// there are TCP, the handshake, the greeting, which waits for that last message, and EHLO. The
/// reply to QUIT is nothing that a verdict hangs on.
fn one_endpoint(world: &World, runs: usize) {
    for (node, port, trips) in [(Node::Mx1, 25, 6), (Node::Smtp, 465, 4)] {
        let (host, [address, _]) = (node.host(), node.addresses());
        let mut arguments = options(world);
        arguments.push(format!("--connect-to={host}:{port}:{address}:{port}"));
        arguments.push(format!("{host}:{port}"));
        let took = times(
            runs,
            || world.smtpcheck(&arguments),
            |output| all_are(&Checked::read(&[&host], &output), "open", 1),
        );
        let took = took.expect("the server is well");
        tell(&format!("one endpoint, port {port}"), &took);
        against(&format!("{trips} round trips"), &took, &[DELAY * 2 * trips]);
        let finger =
            peer("posttls-finger", runs, || peers::posttls_finger(world, &[(address, port)]));
        beside("posttls-finger, the same", finger, &took);
    }
}

/// Forty endpoints, beside the slowest of them and beside the peers.
fn the_domain(world: &World, many: &Many, runs: usize, long_runs: usize) {
    let mut arguments = options(world);
    arguments.push(format!("--resolver={}", Node::Dns.addresses()[0]));
    arguments.extend(["--submission=none", DOMAIN].map(str::to_owned));
    let endpoints = many.addresses.iter();
    let endpoints: Vec<_> = endpoints.flat_map(|a| PORTS.map(|port| (*a, port))).collect();
    let mut slowest = Vec::new();
    let took = times(
        runs,
        || world.smtpcheck(&arguments),
        |output| {
            let checked = Checked::read(&[DOMAIN], &output);
            let total = |endpoint: &serde_json::Value| endpoint["timings_ms"]["total"].as_f64();
            let totals = checked.endpoints().iter().filter_map(total);
            slowest.push(Duration::from_secs_f64(totals.fold(0.0, f64::max) / 1000.0));
            all_are(&checked, "open", endpoints.len())
        },
    );
    let took = took.expect("every server is well");
    tell(&format!("a domain of {} endpoints", endpoints.len()), &took);
    against("its slowest endpoint", &took, &slowest);
    let scripts = ["smtp-commands", "ssl-cert"];
    let nmap =
        peer("nmap", long_runs, || peers::nmap(world, &many.addresses, &PORTS, &scripts, "open"));
    beside("nmap, both scripts, both families", nmap, &took);
    let finger = peer("posttls-finger", long_runs, || peers::posttls_finger(world, &endpoints));
    beside("posttls-finger for each, all at once", finger, &took);
}

/// A port that the provider blocks, until it is said who does, with all evidence; beside the word
/// "filtered".
fn a_blocked_port(world: &mut World, runs: usize) -> Result<(), String> {
    world.filter(&[Filter { at: Node::Isp, ..PORT_25 }])?;
    let (host, [address, _]) = (Node::Mx1.host(), Node::Mx1.addresses());
    let mut arguments = world.options();
    arguments.push("--format=json".to_owned());
    arguments.push(format!("--resolver={}", Node::Dns.addresses()[0]));
    arguments.push(format!("--connect-to={host}:25:{address}:25"));
    arguments.push(format!("{host}:25"));
    let took = times(
        runs,
        || world.smtpcheck(&arguments),
        |output| {
            let checked = Checked::read(&[&host], &output);
            let by = &checked.endpoints()[0]["block"]["by"];
            match by == "your-network" {
                true => all_are(&checked, "blocked", 1),
                false => Err(format!("{by} is named\n{checked}")),
            }
        },
    );
    let took = took.expect("a case of the namespace tests");
    tell("a blocked port, with the culprit", &took);
    let nmap = peer("nmap", runs, || peers::nmap(world, &[address], &[25], &[], "filtered"));
    beside("nmap until \"filtered\"", nmap, &took);
    world.filter(&[])
}

/// The options of a run in which nobody but the target is asked.
fn options(world: &World) -> Vec<String> {
    let mut options = world.options();
    options.retain(|option| !option.starts_with("--control="));
    options.extend(["--control=none", "--format=json"].map(str::to_owned));
    options
}

fn all_are(checked: &Checked, status: &str, expected: usize) -> Result<(), String> {
    let endpoints = checked.endpoints().iter();
    match endpoints.filter(|endpoint| endpoint["status"] == status).count() == expected {
        true => Ok(()),
        false => Err(format!("not {expected} endpoints are {status}\n{checked}")),
    }
}

/// How long each of so many runs took, and not what is looked at afterwards: whether it came to the
/// right result. The error is that of the first that did not.
#[expect(clippy::disallowed_methods, reason = "this measures")]
fn times<T, E: ToString>(
    runs: usize,
    run: impl Fn() -> Result<T, E>,
    mut is_right: impl FnMut(T) -> Result<(), String>,
) -> Result<Vec<Duration>, String> {
    let mut took = Vec::new();
    for _ in 0..runs {
        let begun = Instant::now();
        let result = run();
        took.push(begun.elapsed());
        is_right(result.map_err(|error| error.to_string())?)?;
    }
    Ok(took)
}

/// The same of a peer, where it is installed.
fn peer(
    name: &str,
    runs: usize,
    run: impl Fn() -> Result<(), Missing>,
) -> Result<Vec<Duration>, Missing> {
    peers::is_there(name)?;
    times(runs, run, Ok)
}

fn tell(what: &str, took: &[Duration]) {
    let (middle, least) = middle_and_least(took.iter().map(|took| took.as_secs_f64() * 1000.0));
    say(&format!("{what:40}{middle:8.1} ms (fastest {least:.1} ms)"));
}

/// What was measured as a ratio to its floor: one floor for all runs, or each run's own.
fn against(name: &str, took: &[Duration], floors: &[Duration]) {
    let ratios = took.iter().zip(floors.iter().cycle());
    let ratios = ratios.map(|(took, floor)| took.as_secs_f64() / floor.as_secs_f64());
    let (middle, least) = middle_and_least(ratios);
    say(&format!("    ÷ {name:34}{middle:8.3}    (least {least:.3})"));
}

/// A peer's time, and the program's as a part of it.
fn beside(what: &str, peer: Result<Vec<Duration>, Missing>, program: &[Duration]) {
    match peer {
        Err(why) => say(&format!("{what:40} SKIPPED: {why}")),
        Ok(took) => {
            tell(what, &took);
            let seconds =
                |took: &[Duration]| middle_and_least(took.iter().map(Duration::as_secs_f64)).0;
            let ratio = seconds(program) / seconds(&took);
            say(&format!("    the program's time ÷ this           {ratio:8.3}"));
        }
    }
}

/// The median, and the least.
fn middle_and_least(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0])
}
