use std::path::Path;

use clap::CommandFactory;

use super::read::split_at_commas;
use super::*;

fn read(words: &[&str]) -> Result<Args, String> {
    let words = std::iter::once("smtpcheck").chain(words.iter().copied());
    Args::read(words.map(Into::into)).map_err(|stop| match stop {
        Stop::Usage(line) => line,
        Stop::Show(text) => panic!("shown: {text}"),
    })
}

#[test]
fn every_option_has_its_environment_variable() {
    for option in Args::command().get_arguments() {
        let Some(long) = option.get_long() else { continue };
        let expected = format!("SMTPCHECK_{}", long.to_uppercase().replace('-', "_"));
        let found = option.get_env().map(|name| name.to_string_lossy().into_owned());
        assert_eq!(found, Some(expected), "--{long}");
    }
}

#[test]
fn a_mistake_is_told_in_one_line_that_names_the_value() {
    for (words, value, allowed) in [
        (&["--ports", "25,0", "a.example"][..], "'0'", "1 to 65535"),
        (&["--ports", "25=tls", "a.example"], "25=tls", "PORT=implicit"),
        (&["--timeout", "-1", "a.example"], "'-1'", "more than 0"),
        (&["--timeout", "NaN", "a.example"], "NaN", "more than 0"),
        (&["--connect-to", "a:25:b:25", "a.example"], "`b`", "IP address"),
        (&["--connect-to", "a:25:127.0.0.1", "a.example"], "a:25:127.0.0.1", "HOST:PORT"),
        (&["--resolver", "ns.example", "a.example"], "ns.example", "address"),
        (&["--helo", "two words", "a.example"], "two words", "domain name"),
        (&["--ignore", "port-closd", "a.example"], "port-closd", "`port-closed`"),
        (&["--format", "yaml", "a.example"], "yaml", "json"),
        (&["--jobs", "0", "a.example"], "'0'", "1.."),
        (&["--prots", "25", "a.example"], "--prots", "'--ports'"),
        (&[], "TARGET", "--help"),
        (&["--blocked-here", "skp", "a.example"], "skp", "'skip'"),
        (&["--config", "/nowhere/mail.toml"], "/nowhere/mail.toml", "No such file"),
        (&["completions"], "shell", "--help"),
        (&["completions", "bsh"], "bsh", "'bash'"),
        (&["trace"], "HOST", "--help"),
        (&["--ignore", "starttls", "a.example"], "starttls", "`starttls-refused`"),
        (
            &["explain", "certificate-expird"],
            "certificate-expird",
            "did you mean `certificate-expired`",
        ),
        (&["explain", "expired"], "expired", "did you mean `certificate-expired`?"),
        (&["explain", "Port_Silent"], "Port_Silent", "`port-silent`"),
        (&["explain", "starttls"], "starttls", "`starttls-not-supported`, `starttls-refused` or"),
        (&["explain", "no-starttls"], "no-starttls", "did you mean `starttls-not-supported`"),
        (&["explain", "e"], "'e'", "`smtpcheck explain` lists them all"),
        (&["explain", "port-closed", "port-silent"], "port-silent", "--help"),
        (&["trace", "--prots", "25", "a.example"], "--prots", "'--ports'"),
    ] {
        let line = read(words).expect_err("a mistake");
        assert!(line.contains(value) && line.contains(allowed), "{words:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[test]
fn options_stand_before_or_after_a_command() {
    let trace = |host: &str| Some(Command::Trace { hosts: vec![host.to_owned()] });
    for words in [
        &["-4", "-p", "25,26", "-q", "trace", "a.example"][..],
        &["trace", "-4", "-p", "25,26", "-q", "a.example"],
        &["-4", "trace", "a.example", "-p25", "-p26", "-q"],
    ] {
        let args = read(words).expect("arguments");
        assert_eq!((&args.command, args.targets.len()), (&trace("a.example"), 0), "{words:?}");
        let ports: Vec<u16> = args.ports.iter().map(|port| port.port).collect();
        assert_eq!((ports, args.ipv4, args.quiet), (vec![25, 26], true, true), "{words:?}");
    }
    let args = read(&["trace", "--", "trace"]).expect("arguments");
    assert_eq!(args.command, trace("trace"));
}

#[test]
fn explain_takes_one_code_or_none() {
    for words in [
        &["explain", "port-closed", "-f", "json"][..],
        &["-f", "json", "explain", "port-closed"],
        &["explain", "-fjson", "--", "port-closed"],
    ] {
        let args = read(words).expect("arguments");
        assert_eq!(args.command, Some(Command::Explain { code: Some("port-closed") }));
        assert_eq!(args.format, FormatArg::Json);
    }
    let args = read(&["-q", "explain"]).expect("arguments");
    assert_eq!((args.command, args.quiet), (Some(Command::Explain { code: None }), true));
    assert_eq!(read(&["--", "explain"]).expect("arguments").targets, ["explain"]);
}

#[test]
fn a_target_that_is_spelt_like_a_command_stands_behind_two_hyphens() {
    for words in [&["--", "trace"][..], &["-p25", "--", "trace"], &["a.example", "--", "trace"]] {
        let args = read(words).expect("arguments");
        assert_eq!((args.targets.last().map(String::as_str), args.command), (Some("trace"), None));
    }
    assert_eq!(read(&["help"]).expect("arguments").targets, ["help"]);
    let line = read(&["a.example", "trace", "b.example"]).expect_err("a mistake");
    assert!(line.contains("`trace` is a command") && line.contains("`--`"), "{line}");
    assert!(read(&["-o", "trace", "a.example"]).is_ok(), "a value is no command");
}

/// The words to the user, as one text.
fn hints(words: &[&str]) -> String {
    read(words).expect("arguments").hints.join("\n")
}

#[test]
fn what_looks_like_a_command_and_is_none_is_remarked_on() {
    let remark = hints(&["trcae", "a.example"]);
    assert!(remark.contains("`trcae`") && remark.contains("`trace`"), "{remark}");
    for words in [&["help"][..], &["help", "trace.example"]] {
        let remark = hints(words);
        assert!(remark.contains("`smtpcheck --help`"), "{words:?}: {remark}");
    }
    for words in [
        &["--", "trcae"][..],
        &["trcae.example"],
        &["localhost"],
        &["trace", "trcae"],
        &["--", "help"],
    ] {
        assert_eq!(hints(words), "", "{words:?}");
    }
}

#[test]
fn an_address_that_ends_like_a_port_is_remarked_on() {
    for words in [
        &["::1:25"][..],
        &["-p26", "::1:26"],
        &["a.example", "-s", "2001:db8::1:587"],
        &["trace", "2001:db8::1:465"],
    ] {
        let remark = hints(words);
        assert!(remark.contains("did you mean `["), "{words:?}: {remark}");
    }
    assert!(hints(&["::1:25"]).contains("`[::1]:25`"));
    for words in [
        &["::1"][..],
        &["[::1]:25"],
        &["2001:db8::25"],
        &["2001:db8::1:26"],
        &["a.example:25"],
        &["2001:db8:0:0:0:0:0:25"],
    ] {
        assert_eq!(hints(words), "", "{words:?}");
    }
}

#[test]
fn an_option_that_seems_to_decide_and_does_not_is_remarked_on() {
    for (words, option) in [
        (&["network", "--ignore", "outbound-port-blocked"][..], "--ignore"),
        (&["--blocked-here=skip", "network"], "--blocked-here"),
        (&["trace", "a.example", "--fail-on=warning"], "--fail-on"),
    ] {
        let remark = hints(words);
        assert!(remark.contains(option), "{words:?}: {remark}");
    }
    for words in [
        &["network", "--fail-on=never"][..],
        &["trace", "--timeout=5", "a.example"],
        &["a.example", "--ignore=port-closed"],
    ] {
        assert_eq!(hints(words), "", "{words:?}");
    }
}

#[test]
fn a_path_on_the_command_line_may_have_a_comma_in_it() {
    let args = read(&["--ca-file", "a,b.pem", "a.example"]).expect("arguments");
    assert_eq!(args.ca_file, [PathBuf::from("a,b.pem")]);
    assert_eq!(split_at_commas(Path::new("a.pem,b.pem")), ["a.pem", "b.pem"].map(PathBuf::from));
}

#[test]
fn connect_to_takes_ipv6_in_brackets() {
    let args = read(&["--connect-to", "[2001:db8::1]:25:[::1]:2525", "a.example"]);
    let rules = args.expect("arguments").connect_to;
    let to = "[::1]:2525".parse().expect("an address");
    let host = Host::parse("2001:db8::1").expect("a host");
    assert_eq!(rules, [ConnectTo { host: Some(host), port: Some(25), to }]);
}
