//! One server, one fault: what each behaviour makes of the status, the findings and the exit code,
//! on 25 and on the ports of submission.

use std::time::Duration;

use crate::harness::{Checked, check};
use crate::lab::Lab;
use crate::lab::behaviour::Interruption::{Closes, FallsSilent, Resets};
use crate::lab::behaviour::{Behaviour, Ehlo, Greeting, Handshake, Interruption, Step, Tls};
use crate::lab::certificates::Flaw;

/// A case in the making: a lab with one server in it.
struct Case {
    name: String,
    port: u16,
    lab: Lab,
}

const HOST: &str = "server.example";

/// Short enough for a test, long enough for every server that does answer.
const IMPATIENT: &[&str] = &["--timeout=3"];

impl Case {
    /// What a server of the usual kind for the port does when it has this flaw and is changed so.
    fn new(name: &str, port: u16, flaw: Flaw, change: impl FnOnce(Behaviour) -> Behaviour) -> Self {
        let mut lab = Lab::start();
        let identity = lab.identity(HOST, flaw);
        let healthy = match port {
            25 => Behaviour::relay(identity),
            465 => Behaviour::submissions(identity),
            _ => Behaviour::submission(identity),
        };
        lab.serve(HOST, port, change(healthy));
        Self { name: name.to_owned(), port, lab }
    }

    fn check(&self, more: &[&str]) -> Checked {
        let target = format!("{HOST}:{}", self.port);
        let mut checked = check(&self.lab, &[&[target.as_str()], more].concat());
        checked.what = format!("{} on {}: {}", self.name, self.port, checked.what);
        checked
    }

    /// Asserts status, errors and warnings; verdict and exit code follow from those.
    #[track_caller]
    fn expect(&self, more: &[&str], status: &str, faults: &[&str]) {
        let checked = self.check(more);
        let (exit, verdict) = if faults.iter().any(|fault| fault.starts_with("error")) {
            (1, "problems")
        } else if faults.iter().any(|fault| fault.ends_with("greeting-throttled")) {
            (3, "undetermined")
        } else {
            (0, "ok")
        };
        checked.expect(exit, verdict, faults);
        let endpoint = checked.endpoint("host", HOST, self.port);
        assert_eq!(endpoint["status"], status, "\n{checked}");
        assert_eq!(endpoint["required"], true, "\n{checked}");
        let total = endpoint["timings_ms"]["total"].as_f64();
        assert!(total.is_some(), "a server that was dialled has timings\n{checked}");
    }
}

/// What is found on a port other than 25; `None` where it is the same there.
type Elsewhere = Option<(&'static str, &'static [&'static str])>;

/// A fault on 25 and on 587.
fn on_both(
    name: &str,
    change: impl Fn(Behaviour) -> Behaviour,
    on_25: (&str, &[&str]),
    on_587: Elsewhere,
) {
    let (status, faults) = on_25;
    Case::new(name, 25, Flaw::None, &change).expect(IMPATIENT, status, faults);
    let (status, faults) = on_587.unwrap_or(on_25);
    Case::new(name, 587, Flaw::None, &change).expect(IMPATIENT, status, faults);
}

/// Servers that stop playing along in this way, each at its port and step; all at once, as
/// silence takes its time.
fn interrupted(how: Interruption, status: &str, faults: &[&str], where_: &[(u16, Step)]) {
    std::thread::scope(|scope| {
        for (port, step) in where_.iter().copied() {
            scope.spawn(move || {
                let change = |healthy: Behaviour| healthy.interrupted(step, how);
                Case::new(&format!("{how:?} at {step:?}"), port, Flaw::None, change)
                    .expect(IMPATIENT, status, faults);
            });
        }
    });
}

fn greeting(text: &str) -> impl Fn(Behaviour) -> Behaviour {
    move |healthy| Behaviour { greeting: Greeting::text(text), ..healthy }
}

fn handshake(handshake: Handshake) -> impl Fn(Behaviour) -> Behaviour {
    move |healthy| healthy.with_handshake(handshake.clone())
}

#[test]
fn healthy_servers() {
    for port in [25, 465, 587, 2525] {
        Case::new("healthy", port, Flaw::None, |b| b).expect(&[], "open", &[]);
    }
    for flaw in [Flaw::ViaIntermediate, Flaw::Tls12Only] {
        Case::new("healthy too", 465, flaw, |b| b).expect(&[], "open", &[]);
    }
    let old = Case::new("TLS 1.2", 587, Flaw::Tls12Only, |b| b).check(&[]);
    assert_eq!(old.endpoint("host", HOST, 587)["tls"]["version"], "TLSv1.2");
}

#[test]
fn flawed_certificates_are_warnings_on_25_and_errors_elsewhere() {
    for (flaw, code, because) in [
        (Flaw::Expired, "certificate-expired", "expired"),
        (Flaw::NotYetValid, "certificate-not-yet-valid", "not-yet-valid"),
        (Flaw::SelfSigned, "certificate-self-signed", "self-signed"),
        (Flaw::Stranger, "certificate-not-trusted", "unknown-issuer"),
        (Flaw::IntermediateLeftOut, "certificate-not-trusted", "unknown-issuer"),
    ] {
        let (warning, error) = (format!("warning {code}"), format!("error {code}"));
        Case::new(code, 25, flaw, |b| b).expect(&[], "open", &[&warning]);
        Case::new(code, 465, flaw, |b| b).expect(&[], "misconfigured", &[&error]);
        let case = Case::new(code, 587, flaw, |b| b);
        case.expect(&[], "misconfigured", &[&error]);
        let tls = &case.check(&[]).endpoint("host", HOST, 587)["tls"].clone();
        assert_eq!((&tls["trusted"], &tls["untrusted_because"]), (&false.into(), &because.into()));
        assert_eq!(tls["name_matches"], true, "a flaw in the path says nothing of the name");
    }
    let code = "certificate-host-mismatch";
    let faults = [format!("warning {code}"), format!("error {code}")];
    Case::new(code, 25, Flaw::OtherName, |b| b).expect(&[], "open", &[&faults[0]]);
    let case = Case::new(code, 465, Flaw::OtherName, |b| b);
    case.expect(&[], "misconfigured", &[&faults[1]]);
    let tls = &case.check(&[]).endpoint("host", HOST, 465)["tls"].clone();
    assert_eq!((&tls["trusted"], &tls["name_matches"]), (&true.into(), &false.into()));

    let incomplete = ["error certificate-chain-incomplete"];
    Case::new("AIA", 587, Flaw::IntermediateByReference, |b| b).expect(
        &[],
        "misconfigured",
        &incomplete,
    );
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning_everywhere() {
    for port in [25, 465, 587] {
        let case = Case::new("five days left", port, Flaw::ExpiresSoon, |b| b);
        case.expect(&[], "open", &["warning certificate-expires-soon"]);
    }
}

#[test]
fn greetings_that_turn_the_client_away() {
    let rejected = ("rejected", &["error greeting-rejected"][..]);
    on_both("554", greeting("554 5.7.1 You are on a list\r\n"), rejected, None);
    let in_lines = "554-mx.example\r\n554 Your access has been rejected\r\n";
    on_both("554 in two lines", greeting(in_lines), rejected, None);
    on_both(
        "450",
        greeting("450 4.3.2 Come back later\r\n"),
        ("rejected", &["warning greeting-throttled"]),
        Some(("rejected", &["error greeting-throttled"])),
    );
    let busy = |healthy| Behaviour { greeting: Greeting::PutsOff(usize::MAX), ..healthy };
    on_both(
        "421",
        busy,
        ("rejected", &["warning greeting-throttled"]),
        Some(("rejected", &["error greeting-throttled"])),
    );
}

#[test]
fn a_server_that_was_only_busy_once_is_open() {
    let once = |healthy| Behaviour { greeting: Greeting::PutsOff(1), ..healthy };
    // A polite client waits a little before it tries again.
    Case::new("421 once", 25, Flaw::None, once).expect(&["--timeout=30"], "open", &[]);
}

#[test]
fn greetings_that_take_their_time() {
    let late = |seconds: f32| {
        move |healthy| {
            let greeting = Greeting::after(Duration::from_secs_f32(seconds));
            Behaviour { greeting, ..healthy }
        }
    };
    let slow = ["warning greeting-slow"];
    Case::new("slow", 25, Flaw::None, late(5.5)).expect(&[], "open", &slow);
    Case::new("nearly slow", 25, Flaw::None, late(2.0)).expect(&[], "open", &[]);

    let in_two_parts = |healthy| {
        let greeting = Greeting::in_two_parts(Duration::from_secs(1));
        Behaviour { greeting, ..healthy }
    };
    let case = Case::new("postscreen", 25, Flaw::None, in_two_parts);
    case.expect(&[], "open", &[]);
    let greeting = &case.check(&[]).endpoint("host", HOST, 25)["smtp"]["greeting"].clone();
    assert_eq!(greeting["lines"].as_array().map(Vec::len), Some(2), "the whole of it");
}

#[test]
fn tls_in_the_wrong_place() {
    let implicit = |mut healthy: Behaviour| {
        if let Tls::Starttls(handshake) = healthy.tls {
            healthy.tls = Tls::Implicit(handshake);
        }
        healthy
    };
    for port in [25, 587, 2525] {
        let case = Case::new("TLS at once", port, Flaw::None, implicit);
        case.expect(IMPATIENT, "misconfigured", &["error tls-on-plaintext-port"]);
    }
    let plain = |healthy| Behaviour { tls: Tls::Absent, ..healthy };
    let case = Case::new("plaintext", 465, Flaw::None, plain);
    case.expect(IMPATIENT, "misconfigured", &["error plaintext-on-tls-port"]);
}

#[test]
fn starttls() {
    on_both(
        "no STARTTLS",
        |healthy| Behaviour { tls: Tls::Absent, ..healthy },
        ("open", &["warning starttls-not-supported"]),
        Some(("misconfigured", &["error starttls-not-supported"])),
    );
    let refused = "454 4.7.0 TLS not available due to local problem\r\n";
    on_both(
        "454",
        |healthy| Behaviour { starttls_reply: refused, ..healthy },
        ("open", &["warning starttls-refused"]),
        Some(("misconfigured", &["error starttls-refused"])),
    );
    let injected = "220 Go ahead\r\n250-injected.example\r\n250 AUTH PLAIN\r\n";
    on_both(
        "plaintext behind the 220",
        |healthy| Behaviour { starttls_reply: injected, ..healthy },
        ("misconfigured", &["error plaintext-after-starttls"]),
        None,
    );
}

#[test]
fn auth() {
    let in_clear = |healthy: Behaviour| {
        let keywords = vec!["SIZE 1000000", "AUTH PLAIN LOGIN"];
        Behaviour { keywords, ..healthy }
    };
    on_both(
        "AUTH before TLS",
        in_clear,
        ("open", &["warning auth-before-tls"]),
        Some(("misconfigured", &["error auth-before-tls"])),
    );
    let without = |healthy| Behaviour { keywords_inside: vec!["SIZE 1000000"], ..healthy };
    for port in [465, 587, 2525] {
        let case = Case::new("no AUTH", port, Flaw::None, without);
        case.expect(&[], "misconfigured", &["error auth-not-offered"]);
    }
}

#[test]
fn ehlo() {
    let answers = |ehlo| move |healthy| Behaviour { ehlo, ..healthy };
    for port in [25, 465] {
        let case = Case::new("only literals", port, Flaw::None, answers(Ehlo::LiteralOnly));
        case.expect(&["--helo=probe.example"], "open", &[]);
    }
    let refused = ("rejected", &["error ehlo-rejected"][..]);
    on_both("550 for every name", answers(Ehlo::Refused), refused, None);
    let without = ["warning ehlo-unsupported", "warning starttls-not-supported"];
    let case = Case::new("HELO only", 25, Flaw::None, answers(Ehlo::HeloOnly));
    case.expect(&[], "open", &without);
    let bare_lf = |healthy| Behaviour { line_end: "\n", ..healthy };
    on_both("bare LF", bare_lf, ("open", &["warning reply-malformed"]), None);
}

#[test]
fn connections_that_end_too_early() {
    let dropped = &["error connection-dropped"];
    for how in [Closes, Resets] {
        let steps = [Step::Greeting, Step::Ehlo, Step::Starttls, Step::Tls, Step::EhloInside];
        interrupted(how, "misconfigured", dropped, &steps.map(|step| (25, step)));
        let steps = [Step::Greeting, Step::Tls, Step::EhloInside];
        interrupted(how, "misconfigured", dropped, &steps.map(|step| (465, step)));
        // By then there is nothing left to learn.
        interrupted(how, "open", &[], &[(465, Step::Quit), (587, Step::Quit)]);
    }
}

#[test]
fn connections_that_fall_silent() {
    let (missing, dropped) = (["error greeting-missing"], ["error connection-dropped"]);
    let greetings = [(25, Step::Greeting), (587, Step::Greeting), (465, Step::Greeting)];
    interrupted(FallsSilent, "misconfigured", &missing, &greetings);
    let steps = [Step::Ehlo, Step::Starttls, Step::Tls, Step::EhloInside];
    interrupted(FallsSilent, "misconfigured", &dropped, &steps.map(|step| (587, step)));
    let steps = [(25, Step::Tls), (465, Step::Tls), (465, Step::EhloInside)];
    interrupted(FallsSilent, "misconfigured", &dropped, &steps);
    interrupted(FallsSilent, "open", &[], &[(465, Step::Quit), (587, Step::Quit)]);
}

#[test]
fn handshakes_that_fail() {
    let (warning, error) = (["warning tls-handshake-failed"], ["error tls-handshake-failed"]);
    let failed = ("open", &warning[..]);
    let failed_elsewhere = Some(("misconfigured", &["error tls-handshake-failed"][..]));
    let garbage = Handshake::Answers(b"\x00\x01\x02 this is no TLS\r\n".to_vec());
    on_both("garbage", handshake(garbage.clone()), failed, failed_elsewhere);
    let case = Case::new("garbage", 465, Flaw::None, handshake(garbage));
    case.expect(&[], "misconfigured", &error);
    let internal_error = Handshake::alert(80);
    on_both("alert 80", handshake(internal_error), failed, failed_elsewhere);

    on_both(
        "alert protocol_version",
        handshake(Handshake::alert(70)),
        ("open", &["warning tls-version-too-old"]),
        Some(("misconfigured", &["error tls-version-too-old"])),
    );
    on_both(
        "alert handshake_failure",
        handshake(Handshake::alert(40)),
        ("open", &["warning tls-handshake-failed"]),
        Some(("misconfigured", &["error tls-handshake-failed"])),
    );
    let case = Case::new("client certificate", 587, Flaw::WantsClientCertificate, |b| b);
    case.expect(&[], "misconfigured", &["error client-certificate-required"]);
}

#[test]
fn other_protocols() {
    for text in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "* OK [CAPABILITY IMAP4rev1] ready\r\n",
        "+OK POP3 ready\r\n",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    ] {
        on_both(
            "another protocol",
            greeting(text),
            ("misconfigured", &["error wrong-protocol"]),
            None,
        );
    }
}

#[test]
fn masked_dialogues() {
    let masked = |healthy| {
        let greeting = Greeting::text("220 ****************************2***0**\r\n");
        Behaviour { tls: Tls::Absent, greeting, keywords: vec!["XXXXXXXA"], ..healthy }
    };
    for (port, status, severity) in [(25, "open", "warning"), (587, "misconfigured", "error")] {
        let checked = Case::new("a filter", port, Flaw::None, masked).check(&[]);
        let expected = format!("{severity} greeting-rewritten");
        // Whether the missing STARTTLS is told as well is a matter of taste.
        assert!(checked.faults().contains(&expected), "\n{checked}");
        assert_eq!(checked.endpoint("host", HOST, port)["status"], status, "\n{checked}");
    }
}

#[test]
fn a_greeting_without_end_is_not_read_without_end() {
    let endless = |healthy| Behaviour { greeting: Greeting::Endless, ..healthy };
    let checked = Case::new("endless", 25, Flaw::None, endless).check(&["--timeout=30"]);
    let endpoint = checked.endpoint("host", HOST, 25);
    assert_eq!(checked.exit, 1, "\n{checked}");
    assert_ne!(endpoint["status"], "open", "\n{checked}");
    // The limit ends it, long before the time does.
    let total = endpoint["timings_ms"]["total"].as_f64().unwrap_or(f64::MAX);
    assert!(total < 25_000.0, "\n{checked}");
    assert!(checked.report.to_string().len() < 200_000, "what is kept has a limit too");
}

#[test]
fn control_characters_of_a_server_never_reach_the_terminal() {
    let hostile = "220 \x1b[31mevil\x1b[0m\x07\x08 \u{202e}gnp.example\r\n";
    let case = Case::new("escapes", 25, Flaw::None, greeting(hostile));
    case.expect(&[], "open", &["warning reply-malformed"]);
    let mut arguments = case.lab.options();
    arguments.extend(["-vv", "--color=never", "server.example:25"].map(str::to_owned));
    let output = crate::harness::run(arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("evil"), "{text}");
    let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert_eq!(text.chars().find(|c| hostile(*c)), None, "{text}");
}
