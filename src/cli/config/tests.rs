use super::*;
use crate::cli::args::Args;
use crate::diagnosis::finding::Status;
use crate::names::{Domain, Server};
use crate::port::Role;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(&Source { name: "mail.toml".to_owned(), text })
}

/// The arguments of a command line with this configuration.
fn read(text: &str, words: &[&str]) -> Result<Args, String> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it can be written");
    let config = ["smtpcheck".to_owned(), format!("--config={}", file.path().display())];
    let words = config.into_iter().chain(words.iter().map(|word| (*word).to_owned()));
    Args::read(words.map(Into::into)).map_err(|stop| format!("{stop:?}"))
}

#[test]
fn a_mistake_is_told_with_its_key_its_line_and_what_is_meant() {
    for (text, line, parts) in [
        ("timeout = 5\nprots = [25]\n", 2, &["`prots`", "`ports`"][..]),
        ("[options]\nfail_onn = \"never\"\n", 2, &["`fail_onn`", "`fail-on`"]),
        ("frobnicate = 1\n", 1, &["`frobnicate`", "timeout", "target"]),
        ("[[target]]\nname = \"a.example\"\nexpct = {}\n", 3, &["`expct`", "`expect`"]),
        ("[[target]]\nname = \"a.example\"\nsubmision = \"b\"\n", 3, &["`submission`"]),
        ("\n[[target]]\nexpect = {}\n", 2, &["needs a `name`"]),
        ("[[target]]\nname = \"no spaces\"\n", 2, &["`no spaces` cannot be a target", "a space"]),
        ("[[target]]\nname = 25\n", 2, &["`name`", "integer"]),
        ("[target]\nname = \"a.example\"\n", 1, &["[[target]]"]),
        ("target = [\n1]\n", 2, &["[[target]]"]),
        ("ports = [25,\n \"smtp\"]\n", 2, &["`smtp` is not a port", "ports"]),
        ("timeout = -1\n", 1, &["'-1'", "more than 0"]),
        ("timeout = [1, 2]\n", 1, &["`timeout`", "one value"]),
        ("ipv4 = \"yes\"\n", 1, &["`ipv4`", "true or false"]),
        ("verbose = 300\n", 1, &["verbose"]),
        ("format = \"jsno\"\n", 1, &["jsno", "'json'"]),
        ("ignore = \"port-closd\"\n", 1, &["port-closd", "`port-closed`"]),
        ("fail-on = \"error\"\nfail_on = \"never\"\n", 2, &["`fail-on`", "twice"]),
        ("timeout = 1\n[options]\ntimeout = 2\n", 3, &["`timeout`", "twice"]),
        ("config = \"other.toml\"\n", 1, &["`config`"]),
        ("timeout = = 1\n", 1, &[]),
        ("timeout = 1\ntimeout = 2\n", 2, &["duplicate"]),
    ] {
        let why = parse(text).expect_err(text);
        assert!(why.starts_with(&format!("mail.toml, line {line}: ")), "{text}: {why}");
        assert_eq!(why.lines().count(), 1, "{why}");
        for part in parts {
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}

#[test]
fn a_mistake_in_a_target_is_told_like_any_other() {
    for (own, parts) in [
        ("ignore = [\"port-closd\"]", &["`port-closd`", "did you mean `port-closed`"][..]),
        ("fail-on = \"errors\"", &["`errors`", "error, warning and never"]),
        ("submission = \"smtp.example:0\"", &["`smtp.example:0`", "not a port"]),
        ("submission = [\"none\", \"b.example\"]", &["contradicts"]),
        ("expect = \"open\"", &["has to be a table"]),
        ("expect = { \"mx\" = \"open\" }", &["`mx`", "\"mx:25\""]),
        ("expect = { \"mxx:25\" = \"open\" }", &["`mxx`", "did you mean `mx`"]),
        ("expect = { \"mx:0\" = \"open\" }", &["`mx:0`", "not a port"]),
        ("expect = { \"mx:25\" = \"opne\" }", &["`opne`", "did you mean `open`"]),
        ("expect = { \"mx:25\" = \"skipped\" }", &["`skipped` cannot be expected"]),
        ("expect = { \"mx:25\" = [] }", &["`mx:25`", "what is right"]),
        ("expect = { \"host:25\" = \"open\" }", &["a.example", "mx and submission"]),
        (
            "submission = \"none\"\nexpect = { \"submission:587\" = \"open\" }",
            &["has no submission server"],
        ),
    ] {
        let why = parse(&format!("[[target]]\nname = \"a.example\"\n{own}\n")).expect_err(own);
        assert!(why.starts_with("mail.toml, line "), "{own}: {why}");
        for part in parts {
            assert!(why.contains(part), "{own}: {why}");
        }
    }
    let server = "[[target]]\nname = \"a.example:25\"\nexpect = { \"mx:25\" = \"open\" }\n";
    assert!(parse(server).is_err_and(|why| why.contains("line 3") && why.contains("host")));
    let twice = "[[target]]\nname = \"a.example\"\n[[target]]\nname = \"me@A.example\"\n";
    assert!(parse(twice).is_err_and(|why| why.contains("line 3") && why.contains("twice")));
}

#[test]
fn targets_are_read_with_what_must_be_true_of_them() {
    let config = parse(
        "[[target]]
         name = 'a.example'
         submission = ['smtp.a.example', 'other.example:587']
         expect = { 'mx:25' = 'open', 'submission:2525' = ['closed', 'silent'] }
         ignore = ['port-closed']
         fail_on = 'warning'
         [[target]]
         submission = 'smtp.b.example'",
    )
    .expect("a configuration");
    let [first, second] = config.targets.as_slice() else { panic!("{config:?}") };
    assert_eq!(first.target, Target::Domain(Domain::parse("a.example").expect("a domain")));
    assert_eq!(first.submission.as_ref().map(Vec::len), Some(2));
    assert_eq!(
        (first.ignore.as_slice(), first.fail_on),
        (&["port-closed"][..], Some(FailOn::Warning))
    );
    let expectation = |role, port, statuses| Expectation { role, port, statuses };
    let expected = [
        expectation(Role::Mx, 25, vec![Status::Open]),
        expectation(Role::Submission, 2525, vec![Status::Closed, Status::Silent]),
    ];
    assert_eq!(first.expectations, expected);
    let server = Server::parse("smtp.b.example").expect("a server");
    assert_eq!(second.target, Target::Submission(server), "alone, as with -s");
}

#[test]
fn every_option_can_be_given_in_the_file() {
    let text = "
        submission = 'smtp.example'
        ports = [25, '10465=implicit']
        ipv4 = true
        connect_timeout = 2.5
        timeout = 10
        jobs = 4
        resolver = '127.0.0.1:53'
        connect-to = ['a.example:25:127.0.0.1:2525']
        ca-file = ['one,two.pem']
        helo = 'probe.example'
        bind = '127.0.0.1'
        format = 'json'
        output = 'report.json'
        fail-on = 'warning'
        ignore = ['port-closed', 'null-mx']
        blocked-here = 'skip'
        verbose = 2
        quiet = true
        color = 'never'
        public-only = true";
    let args = read(text, &["a.example"]).expect("arguments");
    assert_eq!((args.submission.len(), args.ports.len(), args.ports_given), (1, 2, true));
    assert!(args.ipv4 && !args.ipv6 && args.quiet && args.public_only);
    assert_eq!((args.connect_timeout.as_millis(), args.timeout.as_secs()), (2500, 10));
    assert_eq!((args.jobs, args.resolver.len(), args.connect_to.len()), (4, 1, 1));
    assert_eq!(args.ca_file, [std::path::PathBuf::from("one,two.pem")]);
    assert_eq!((args.helo.as_deref(), args.bind.len()), (Some("probe.example"), 1));
    assert_eq!((args.fail_on, args.verbose), (FailOn::Warning, 2));
    assert_eq!(args.ignore, ["port-closed", "null-mx"]);
    assert!(args.output.is_some());
}

#[test]
fn no_option_is_unknown_in_a_file() {
    use clap::CommandFactory;
    for option in Args::command().get_arguments() {
        let Some(long) = option.get_long() else { continue };
        let why = parse(&format!("{long} = {{}}")).expect_err("no option is a table");
        let is_out = ["help", "version", "config"].contains(&long);
        assert_eq!(why.contains("there is no key"), is_out, "{why}");
    }
}

#[test]
fn the_command_line_counts_more_than_the_file() {
    let text = "
        ports = [26, 27]
        ipv4 = true
        ignore = ['port-closed']
        [[target]]
        name = 'a.example'
        submission = 'smtp.example'
        fail-on = 'never'";
    let args = read(text, &["-6", "--ignore=null-mx"]).expect("arguments");
    assert!(args.ipv6 && !args.ipv4, "no contradiction");
    assert_eq!((args.ignore.as_slice(), args.ports.len()), (&["null-mx"][..], 2));
    assert_eq!(args.configured[0].fail_on, Some(FailOn::Never));
    let args = read(text, &["-s", "none", "--fail-on=error", "-p25"]).expect("arguments");
    assert_eq!(args.configured[0].submission, None);
    assert_eq!((args.configured[0].fail_on, args.ports.len()), (None, 1));
    // Of a command it is the options that count.
    let args = read(text, &["trace", "b.example"]).expect("arguments");
    assert_eq!(args.ports.len(), 2);
}

#[test]
fn a_file_without_a_target_needs_one() {
    let why = read("timeout = 5", &[]).expect_err("nothing to check");
    assert!(why.contains("name a TARGET"), "{why}");
    assert!(read("timeout = 5\nports = []", &["a.example"]).is_ok_and(|args| !args.ports_given));
    assert!(read("submission = 'smtp.example'", &[]).is_ok());
}
