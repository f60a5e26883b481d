//! The offline lab: runs the real check against a small world of mail servers on loopback, most of
//! them faulty, and shows what it says about each.
//!
//! ```text
//! cargo run --release --example lab                                  every domain
//! cargo run --release --example lab -- expired.example -v            one domain, more said
//! cargo run --release --example lab -- expired.example --format json | jq .
//! ```
//!
//! Needs no network and no root. Read on in `lab.rs` (the world), `world.rs` (its domains) and
//! `behaviour.rs` (what a server can do wrong).

#[path = "lab.rs"]
mod lab;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use lab::Lab;
use lab::world::{DOMAINS, Domain};
use owo_colors::OwoColorize;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let shown = match arguments.next() {
        None => show_all(),
        Some(name) => match name.to_str().and_then(Domain::find) {
            Some(domain) => show_one(domain, arguments.collect()),
            None => show_choice(),
        },
    };
    // A reader that has seen enough (`| head`) is no failure.
    shown.unwrap_or(ExitCode::SUCCESS)
}

/// Every domain with its story, its command line and its report, then a summary. Exits with 0
/// where every domain got the exit code that it deserves.
fn show_all() -> io::Result<ExitCode> {
    let lab = Lab::with_domains();
    let mut out = anstream::stdout();
    introduce(&mut out, &lab)?;

    let mut results = Vec::new();
    // All at once, as most of the time goes by waiting for silent servers; told in order.
    thread::scope(|scope| {
        let runs = DOMAINS.iter().map(|domain| {
            let run = scope.spawn(|| {
                let mut report = Vec::new();
                let exit = check(&lab, domain, &[], &mut report);
                (exit, report)
            });
            (domain, run)
        });
        for (domain, run) in runs.collect::<Vec<_>>() {
            let (exit, report) = run.join().expect("the check does not panic");
            tell(&mut out, domain, exit, &report)?;
            results.push((domain, exit));
        }
        io::Result::Ok(())
    })?;

    summarise(&mut out, &results)?;
    let all_deserved = results.iter().all(|(domain, exit)| *exit == domain.exit);
    Ok(if all_deserved { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One domain: stdout has the report and nothing else, so that it can be piped on.
fn show_one(domain: &Domain, more: Vec<OsString>) -> io::Result<ExitCode> {
    let lab = Lab::with_domains();
    let mut err = anstream::stderr();
    let typed: Vec<_> = more.iter().map(|argument| argument.to_string_lossy()).collect();
    writeln!(
        err,
        "{}\n{} {}\n",
        domain.story,
        command_line(domain, &more).bold(),
        typed.join(" ").bold()
    )?;
    let exit = check(&lab, domain, &more, &mut io::stdout());
    Ok(ExitCode::from(exit))
}

fn show_choice() -> io::Result<ExitCode> {
    let mut err = anstream::stderr();
    writeln!(err, "The first argument has to be a domain of the lab:\n")?;
    for domain in DOMAINS {
        writeln!(err, "  {:<24}{}", domain.name, domain.story)?;
    }
    Ok(ExitCode::from(2))
}

/// Runs smtpcheck as its binary would. The only place that does so.
fn check(lab: &Lab, domain: &Domain, more: &[OsString], report: &mut dyn Write) -> u8 {
    let mut arguments: Vec<OsString> = vec!["smtpcheck".into(), domain.name.into()];
    arguments.extend(of_the_story(domain, more).map(OsString::from));
    arguments.extend(lab.options().into_iter().map(OsString::from));
    arguments.extend_from_slice(more);
    // Several run at once, and there is one terminal.
    smtpcheck::run(arguments, report, &mut io::stderr(), false)
}

fn introduce(out: &mut impl Write, lab: &Lab) -> io::Result<()> {
    let (domains, servers) = (DOMAINS.len(), lab.servers());
    writeln!(out, "{}", "The smtpcheck lab".bold())?;
    writeln!(out)?;
    writeln!(
        out,
        "{domains} domains, {servers} mail servers and a name server, all on this machine's loopback."
    )?;
    writeln!(
        out,
        "No packet leaves it. Real names and ports cannot be had here, so these options are"
    )?;
    writeln!(out, "added to every command below; a real check needs none of them:")?;
    writeln!(out)?;
    writeln!(out, "  --resolver=127.0.0.1:…              the lab's name server")?;
    writeln!(out, "  --connect-to=HOST:PORT:127.0.0.1:…  where each server of the lab really is")?;
    writeln!(out, "  --ca-file=…                         the lab's own certificate authority")
}

fn tell(out: &mut impl Write, domain: &Domain, exit: u8, report: &[u8]) -> io::Result<()> {
    writeln!(out, "\n{}", "─".repeat(80).dimmed())?;
    writeln!(out, "{}", domain.story.dimmed())?;
    writeln!(out, "{}\n", command_line(domain, &[]).bold())?;
    out.write_all(report)?;
    writeln!(out, "\n{}", format!("exit code {exit}").dimmed())
}

fn summarise(out: &mut impl Write, results: &[(&Domain, u8)]) -> io::Result<()> {
    writeln!(out, "\n{}", "─".repeat(80).dimmed())?;
    writeln!(out, "{}\n", "What the exit codes said".bold())?;
    for (exit, meaning) in [
        (0, "all is well"),
        (1, "something has to be mended"),
        (3, "could not be checked, so nothing is claimed"),
    ] {
        writeln!(out, "  {exit}  {meaning}")?;
        for (domain, _) in results.iter().filter(|(_, got)| *got == exit) {
            writeln!(out, "       {}", domain.name)?;
        }
    }
    let astray = results.iter().filter(|(domain, exit)| *exit != domain.exit);
    for (place, (domain, exit)) in astray.enumerate() {
        if place == 0 {
            writeln!(out, "\n{}", "Not what the lab expects; please report this:".red())?;
        }
        writeln!(out, "  {}: {exit} in place of {}", domain.name, domain.exit)?;
    }
    writeln!(out, "\nOne domain alone, with any option of smtpcheck:")?;
    writeln!(out, "  cargo run --release --example lab -- expired.example --format json")
}

/// The options that the story needs; what somebody asks for counts over them.
fn of_the_story(domain: &Domain, more: &[OsString]) -> impl Iterator<Item = &'static str> {
    let options = domain.arguments.chunks(2);
    options.filter(|option| !more.iter().any(|given| given == option[0])).flatten().copied()
}

fn command_line(domain: &Domain, more: &[OsString]) -> String {
    let words = ["$ smtpcheck", domain.name].into_iter().chain(of_the_story(domain, more));
    words.collect::<Vec<_>>().join(" ")
}
