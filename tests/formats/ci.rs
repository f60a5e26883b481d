//! `examples/ci/`, as far as it can be tried without the service that it is for: each file is read
//! by its own rules, and each command line in it by the program's own reader.

use std::ffi::OsString;
use std::fs;

use smtpcheck::{Args, Plan, Stop, prometheus};
use yaml_rust2::{Yaml, YamlLoader};

use crate::reports;

fn example(name: &str) -> String {
    let path = format!("{}/examples/ci/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(name: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(&example(name)).expect("it is YAML");
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// Reads a command line as the program would.
fn parse(line: &str) -> Args {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let args = Args::read(words).unwrap_or_else(|stop| match stop {
        Stop::Usage(why) => panic!("{line}: {why}"),
        Stop::Show(_) => panic!("{line}: it only shows something"),
    });
    Plan::new(&args, |_| Ok(String::new())).unwrap_or_else(|why| panic!("{line}: {why}"));
    args
}

/// What `--report` asks for, as `junit=mail.xml`.
fn files(args: &Args) -> Vec<String> {
    let told = args.report.iter();
    told.map(|r| format!("{:?}={}", r.format, r.file.display()).to_lowercase()).collect()
}

#[test]
fn the_workflow_for_github() {
    let workflow = yaml("github.yml");
    // YAML 1.1 takes a bare `on` for true; GitHub does not.
    assert!(!workflow["on"]["schedule"][0]["cron"].is_badvalue());
    let steps = workflow["jobs"]["mail"]["steps"].as_vec().expect("steps");
    let runs = steps.iter().filter_map(|step| step["run"].as_str());
    let checks: Vec<&str> = runs.filter(|run| run.starts_with("smtpcheck ")).collect();
    let [check] = checks.as_slice() else { panic!("{checks:?}") };
    let args = parse(check);
    assert_eq!(format!("{:?}", args.format), "Github");
    assert_eq!(files(&args), ["junit=mail.xml", "json=mail.json"]);
    let kept = steps.iter().find(|step| !step["with"]["path"].is_badvalue()).expect("a step");
    assert_eq!(
        (kept["with"]["path"].as_str(), kept["if"].as_str()),
        (Some("mail.*"), Some("always()"))
    );
}

#[test]
fn the_job_for_gitlab() {
    let job = &yaml("gitlab.yml")["mail"];
    let script = job["script"].as_vec().expect("a script");
    let lines = script.iter().filter_map(Yaml::as_str);
    let checks: Vec<&str> = lines.filter(|line| line.starts_with("smtpcheck ")).collect();
    let [check] = checks.as_slice() else { panic!("{checks:?}") };
    let variables = job["variables"].as_hash().expect("variables");
    let mut line = (*check).to_owned();
    for (name, value) in variables {
        assert_eq!(name.as_str(), Some("SMTPCHECK_REPORT"), "an option of the program");
        for value in value.as_str().expect("text").split(',') {
            line.push_str(&format!(" --report {value}"));
        }
    }
    assert_eq!(files(&parse(&line)), ["junit=mail.xml", "json=mail.json"]);
    assert_eq!(job["artifacts"]["reports"]["junit"].as_str(), Some("mail.xml"));
    assert_eq!(job["artifacts"]["when"].as_str(), Some("always"), "of failed runs, too");
}

#[test]
fn the_command_for_nagios() {
    let text = example("nagios.cfg");
    let field = |name: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let mut found = lines.filter_map(|l| l.strip_prefix(name)).filter(|l| l.starts_with(' '));
        found.next().unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    };
    let command = field("check_command");
    let mut parts = command.split('!');
    assert_eq!(parts.next(), Some(field("command_name").as_str()));
    let line = field("command_line");
    let filled = |target: &str, options: &str| {
        let line = line.replace("$ARG1$", target).replace("$ARG2$", options);
        assert!(!line.contains('$'), "{line}");
        parse(&line)
    };
    let service = filled(parts.next().expect("a target"), parts.next().expect("options"));
    assert_eq!(
        (service.targets.as_slice(), service.timeout.as_secs()),
        (&["example.com".to_owned()][..], 15)
    );
    // As the comment has it.
    let args = filled("example.com", "--ignore certificate-expires-soon");
    assert_eq!(args.ignore, ["certificate-expires-soon"]);
    assert_eq!(format!("{:?}", args.format), "Nagios");
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}

#[test]
fn the_command_for_icinga() {
    let text = example("icinga2.conf");
    assert_eq!(text.matches('{').count(), text.matches('}').count());
    let mut line = "smtpcheck".to_owned();
    let mut options = 0;
    for option in text.lines().filter_map(|l| l.trim().strip_prefix("\"--")) {
        let (name, value) = option.split_once("\" = ").expect("a value");
        let given = match (name, value) {
            ("ipv6", _) => continue, // excludes --ipv4
            (_, "{") if name == "ipv4" => String::new(),
            ("format", value) => value.trim_matches('"').to_owned(),
            ("timeout", _) => "15".to_owned(),
            ("submission", _) => "smtp.example.com".to_owned(),
            ("ports", _) => "25,587".to_owned(),
            ("fail-on", _) => "warning".to_owned(),
            ("ignore", _) => "implicit-mx".to_owned(),
            other => panic!("{other:?}"),
        };
        line.push_str(&format!(" --{name} {given}"));
        options += 1;
    }
    let args = parse(&format!("{line} example.com"));
    assert_eq!((options, format!("{:?}", args.format)), (7, "Nagios".to_owned()), "{line}");
    assert_eq!(args.targets, ["example.com"]);
}

#[test]
fn the_timer_for_prometheus() {
    let setting = |text: &str, name: &str| {
        let mut values = text.lines().filter_map(|l| l.strip_prefix(name)?.strip_prefix('='));
        let value = values.next().unwrap_or_else(|| panic!("no {name}")).to_owned();
        assert_eq!(values.next(), None, "{name} stands once");
        value
    };
    for name in ["smtpcheck.service", "smtpcheck.timer"] {
        for line in example(name).lines().filter(|line| !line.is_empty()) {
            let section = line.starts_with('[') && line.ends_with(']');
            assert!(section || line.starts_with('#') || line.contains('='), "{name}: {line}");
        }
    }
    let service = example("smtpcheck.service");
    let args = parse(&setting(&service, "ExecStart"));
    assert_eq!(
        (files(&args), args.quiet),
        (vec!["prometheus=/var/lib/prometheus/node-exporter/smtpcheck.prom".to_owned()], true)
    );
    let folder = args.report[0].file.parent().expect("a folder").display().to_string();
    assert_eq!(setting(&service, "ReadWritePaths"), folder);
    assert_eq!(setting(&service, "SuccessExitStatus"), "1 3", "2 is a mistake in the unit");
    assert_eq!(setting(&example("smtpcheck.timer"), "WantedBy"), "timers.target");
}

#[test]
fn the_alerts_ask_for_metrics_that_there_are() {
    let there: String = reports().iter().map(|(_, report)| prometheus(report)).collect();
    let alerts = yaml("prometheus-alerts.yml");
    let rules = alerts["groups"][0]["rules"].as_vec().expect("rules");
    assert!(rules.len() > 3);
    for rule in rules {
        let asked = rule["expr"].as_str().expect("an expression");
        let start = asked.find("smtpcheck_").expect("a metric of ours");
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = asked[start..].split(|c| !is_name(c)).next().unwrap_or_default();
        assert!(there.contains(&format!("# TYPE {name} gauge\n")), "{name}");
        if let Some((_, labels)) = asked.split_once('{') {
            let (label, _) = labels.split_once('}').expect("a closing brace");
            assert!(there.contains(&format!("{label}}} 1\n")), "{label}: no series has it");
        }
    }
}
