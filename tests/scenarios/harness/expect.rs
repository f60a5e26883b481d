//! Compares a report, as JSON, with what a scenario expects: no more and no less.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::scenario::{Expected, ExpectedEndpoint, Scenario};

/// What differs, one line each.
pub fn differences(scenario: &Scenario, report: &Value) -> Vec<String> {
    let targets = list(&report["targets"]);
    if targets.len() != scenario.expect.len() {
        return vec![format!("{} targets, not {}", targets.len(), scenario.expect.len())];
    }
    let mut wrong = Vec::new();
    for (port, expected) in &scenario.outbound {
        let ports = list(&report["network"]["ports"]);
        let seen = ports.iter().find(|seen| seen["port"].as_u64() == port.parse().ok());
        let seen = seen.map_or(&Value::Null, |seen| &seen["outbound"]);
        if seen != expected {
            wrong.push(format!("outbound {port} is {seen}, not {expected}"));
        }
    }
    for (seen, expected) in targets.iter().zip(&scenario.expect) {
        let name = seen["target"].as_str().unwrap_or_default();
        wrong.extend(target(seen, expected).into_iter().map(|what| format!("{name}: {what}")));
    }
    wrong
}

/// Every finding code and status of a report.
pub fn occurred(report: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for target in list(&report["targets"]) {
        for of in std::iter::once(target).chain(list(&target["endpoints"])) {
            let codes = list(&of["findings"]).iter().map(|finding| &finding["code"]);
            all.extend(codes.chain([&of["status"]]).filter_map(Value::as_str).map(str::to_owned));
        }
    }
    all
}

fn target(seen: &Value, expected: &Expected) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |what: &str, seen: Value, expected: Value| {
        if seen != expected {
            wrong.push(format!("{what} is {seen}, not {expected}"));
        }
    };
    compare("the verdict", seen["verdict"].clone(), expected.verdict.clone().into());
    compare("`findings`", findings(seen), sorted(&expected.codes));
    // Only a target that was interrupted has the key, and only a bad line the other.
    compare("`interrupted`", (seen["interrupted"] == true).into(), expected.interrupted.into());
    compare("`error`", (!seen["error"].is_null()).into(), expected.error.into());
    if let Some(source) = &expected.mx_source {
        compare("`dns.mx_source`", seen["dns"]["mx_source"].clone(), source.clone().into());
    }
    let mut awaited = spread(&expected.endpoints);
    for endpoint in list(&seen["endpoints"]) {
        let name = name(endpoint);
        match awaited.remove(&name) {
            Some(expected) => wrong.extend(of_endpoint(&name, endpoint, expected)),
            None => wrong.push(format!("{name} was not expected: {}", in_short(endpoint))),
        }
    }
    wrong.extend(awaited.keys().map(|name| format!("{name} is not there")));
    wrong
}

fn of_endpoint(name: &str, seen: &Value, expected: &ExpectedEndpoint) -> Vec<String> {
    let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::from);
    let mut wrong = Vec::new();
    // `your-network`, or `your-network certain 2` where more matters.
    let words = expected.blocked_by.as_ref().map_or(1, |text| text.split(' ').count());
    let block = &seen["block"];
    let hop = block["hop"].as_u64().map(|hop| hop.to_string()).unwrap_or_default();
    let all = [block["by"].as_str(), block["confidence"].as_str(), Some(&*hop)];
    let told: Vec<&str> = all.into_iter().flatten().take(words).collect();
    let block = if block.is_null() { Value::Null } else { told.join(" ").trim_end().into() };
    for (what, seen, expected) in [
        ("status", seen["status"].clone(), expected.status.clone().into()),
        ("required", seen["required"].clone(), expected.required.into()),
        ("findings", findings(seen), sorted(&expected.codes)),
        ("skipped_because", seen["skipped_because"].clone(), optional(&expected.skipped_because)),
        ("block.by", block, optional(&expected.blocked_by)),
    ] {
        if seen != expected {
            wrong.push(format!("{name}: `{what}` is {seen}, not {expected}"));
        }
    }
    let waited = seen["connect"]["elapsed_ms"].as_f64().unwrap_or_default() / 1000.0;
    if let Some(expected) = expected.waited
        && (waited - expected).abs() > 0.05
    {
        wrong.push(format!("{name}: waited {waited} s for the connection, not {expected}"));
    }
    if !wrong.is_empty() {
        wrong.push(format!("{name}: {}", seen["summary"]));
    }
    wrong
}

fn name(endpoint: &Value) -> String {
    let part = |key: &str| endpoint[key].as_str().unwrap_or_default().to_owned();
    format!("{} {} {} {}", part("role"), part("host"), part("address"), endpoint["port"])
}

/// A new scenario's first draft.
fn in_short(endpoint: &Value) -> String {
    let status = &endpoint["status"];
    format!(
        "{{ required = {}, status = {status}, codes = {} }} {}",
        endpoint["required"],
        findings(endpoint),
        endpoint["summary"]
    )
}

/// One entry for each port.
fn spread(endpoints: &BTreeMap<String, ExpectedEndpoint>) -> BTreeMap<String, &ExpectedEndpoint> {
    let mut spread = BTreeMap::new();
    for (name, expected) in endpoints {
        let (server, ports) = name.rsplit_once(' ').expect("`ROLE HOST ADDRESS PORTS`");
        for port in ports.split(',') {
            let known = spread.insert(format!("{server} {port}"), expected);
            assert!(known.is_none(), "{server} {port} is expected twice");
        }
    }
    spread
}

fn findings(of: &Value) -> Value {
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all: Vec<String> = list(&of["findings"])
        .iter()
        .map(|finding| format!("{} {}", word(finding, "severity"), word(finding, "code")))
        .collect();
    sorted(&all)
}

fn sorted(codes: &[String]) -> Value {
    let mut codes = codes.to_vec();
    codes.sort();
    codes.into()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
