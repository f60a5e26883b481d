//! Runs one scenario: the whole program except the operating system.
//!
//! `scenario` is the shape of a file; `names`, `network`, `server` and `certificates` make a world
//! of it; `expect` compares what came out.

mod certificates;
mod expect;
mod names;
mod network;
pub mod scenario;
mod server;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use smtpcheck::observation::Observations;
use smtpcheck::{
    Args, Demands, Effects, Names, NamesOptions, Plan, Progress, Report, Styles, TextOptions,
    diagnose, exit, probe,
};
use tokio::sync::watch;

use self::scenario::Scenario;

/// Plays a scenario. Returns what is wrong, one line each, and what occurred in it: finding codes
/// and statuses.
pub fn play(text: &str) -> (Vec<String>, BTreeSet<String>) {
    let read = || toml::from_str::<Scenario>(text);
    let (scenario, again) = match (read(), read()) {
        (Ok(scenario), Ok(again)) => (scenario, again),
        (Err(error), _) | (_, Err(error)) => return (vec![error.to_string()], BTreeSet::new()),
    };
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let (mut wrong, occurred) = runtime().block_on(run(scenario));
    let by_target = runtime().block_on(run_by_target(again));
    wrong.extend(by_target.into_iter().map(|what| format!("each target by itself: {what}")));
    (wrong, occurred)
}

/// A scenario's plan and effects; `network` is the world behind them.
struct Prepared {
    plan: Plan,
    effects: Effects,
    network: Arc<network::World>,
    stopped: watch::Receiver<bool>,
    /// Goes away at the end.
    _config: Option<tempfile::NamedTempFile>,
}

fn prepare(scenario: &mut Scenario) -> Prepared {
    let config = scenario.config.take().map(|text| {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("it can be written");
        file
    });
    let option = config.as_ref().map(|file| format!("--config={}", file.path().display()));
    let mut words = vec!["smtpcheck".to_owned()];
    words.extend(option);
    words.extend(scenario.args.clone());
    for option in ["--control=none", "--trace=never"] {
        let (name, _) = option.split_once('=').expect("an option with a value");
        // A scenario that is about them says so.
        if !words.iter().any(|word| word.starts_with(name)) {
            words.insert(1, option.to_owned());
        }
    }
    let args = Args::read(words.into_iter().map(Into::into)).expect("a command line");
    let list = scenario.stdin.clone().unwrap_or_default();
    let plan = Plan::new(&args, |_| Ok(list)).expect("a plan");
    let environment = scenario.local.environment.clone();
    let network = Arc::new(network::World::new(scenario));
    let zone = names::World::new(scenario.resolver, std::mem::take(&mut scenario.dns));
    let options = NamesOptions { ipv4: plan.ipv4, ipv6: plan.ipv6, hosts: None };
    let effects = Effects {
        names: Names::new(Arc::new(zone), options),
        connector: network.clone(),
        hops: Arc::new(network::Paths(network.clone())),
        trust: certificates::trust(),
        now: certificates::now,
        own_name: Some("client.example".to_owned()),
        environment,
        progress: Progress::default(),
    };
    let (stop, stopped) = watch::channel(false);
    let interrupted = scenario.interrupted_after.map(Duration::from_secs_f64);
    tokio::spawn(async move {
        match interrupted {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
        stop.send_replace(true);
    });
    Prepared { plan, effects, network, stopped, _config: config }
}

/// Plays it as for `jsonl`, where each target is judged without the others: the verdicts are the same.
async fn run_by_target(mut scenario: Scenario) -> Vec<String> {
    let Prepared { plan, effects, stopped, _config, .. } = prepare(&mut scenario);
    let shared = plan.clone();
    let made = move |finished: smtpcheck::Finished| {
        let diagnosis = diagnose(&finished.observations, &shared.demands);
        let entries = std::slice::from_ref(&finished.entry);
        Report::of_targets(&shared, entries, &finished.observations, &diagnosis)
    };
    let (finished, mut reports) = tokio::sync::mpsc::channel(1);
    let entries = futures_util::stream::iter(plan.targets.clone());
    let probing = smtpcheck::probe_each(plan.clone(), effects, entries, made, finished, stopped);
    let collecting = async {
        let mut lines: Vec<Value> = Vec::new();
        while let Some(report) = reports.recv().await {
            let line = smtpcheck::jsonl(&report);
            lines.push(serde_json::from_str(&line).expect("a line of JSON"));
        }
        lines
    };
    let ((), mut lines) = tokio::join!(probing, collecting);
    let place = |line: &Value| plan.targets.iter().position(|(input, _)| line["input"] == **input);
    lines.sort_by_key(place);
    // What each line says of the ports of the network depends on when its target was finished.
    scenario.outbound.clear();
    // A target that was not begun has no line.
    if lines.len() < scenario.expect.len() && scenario.interrupted_after.is_some() {
        return Vec::new();
    }
    expect::differences(&scenario, &serde_json::json!({ "targets": lines }))
}

async fn run(mut scenario: Scenario) -> (Vec<String>, BTreeSet<String>) {
    let Prepared { plan, effects, network, stopped, _config } = prepare(&mut scenario);
    let observations = probe(plan.clone(), effects, stopped).await;
    // Goodbyes are said behind the user's back; the servers listen to those, too.
    tokio::time::sleep(Duration::from_secs(5)).await;

    let diagnosis = diagnose(&observations, &plan.demands);
    let report = Report::new(&plan, &observations, &diagnosis);
    let json: Value = serde_json::from_str(&smtpcheck::json(&report)).expect("JSON");
    let mut wrong = expect::differences(&scenario, &json);
    if scenario.interrupted_after.is_none() {
        wrong.extend(network.complaints.lock().expect("complaints").iter().cloned());
    }
    let code = exit::code(&report, &plan);
    if code != scenario.exit {
        wrong.push(format!("the exit code is {code}, not {}", scenario.exit));
    }
    let took = observations.duration.as_secs();
    if (took - scenario.took).abs() > 0.05 {
        wrong.push(format!("it took {took} s, not {}", scenario.took));
    }
    let dialled = network.dialled.lock().expect("numbers");
    for (place, expected) in &scenario.connections {
        let number = dialled.get(place).copied().unwrap_or(0);
        if number != *expected {
            wrong.push(format!("{number} connections to {place}, not {expected}"));
        }
    }
    wrong.extend(saved_and_diagnosed_again(&observations, &plan.demands));
    wrong.extend(unsaid(&report, &scenario.says));
    (wrong, expect::occurred(&json))
}

/// A saved run has to lead to the same verdicts.
fn saved_and_diagnosed_again(observations: &Observations, demands: &Demands) -> Option<String> {
    let saved = serde_json::to_string(observations).expect("facts can be written");
    let read: Observations = serde_json::from_str(&saved).expect("and read");
    let same = read == *observations && diagnose(&read, demands) == diagnose(observations, demands);
    (!same).then(|| "saved and read again, it is not the same".to_owned())
}

/// What ought to stand in the text report and does not.
fn unsaid(report: &Report, parts: &[String]) -> Vec<String> {
    let styles = Styles::default();
    let options = TextOptions { width: 100, unicode: true, styles, verbosity: 0 };
    let text = smtpcheck::text(report, &options);
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing = parts.iter().filter(|part| !plain.contains(part.as_str()));
    missing.map(|part| format!("the report does not say `{part}`:\n{text}")).collect()
}
