//! What every server's table of faults has in common: a port, a run, and its verdict in short.
//!
//! Knows how a verdict is put in one line. Must not know any server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;

use crate::harness::{Checked, check};
use crate::lab::Lab;

/// The name that every server goes by.
pub const HOST: &str = "mail.example";

/// Where `tests/real_servers/install` puts servers.
pub fn installed(what: &str) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp has a parent");
    let path = target.join("real-servers").join(what);
    match path.exists() {
        true => Ok(path),
        false => Err(format!("{} is not there (tests/real_servers/install)", path.display())),
    }
}

/// One server with one fault, seen on one port.
pub struct Row {
    /// The server and its fault, for messages.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The port that is meant.
    pub port: u16,
    /// Options of smtpcheck.
    pub options: &'static [&'static str],
    /// The exit code, the status and the errors and warnings.
    pub expected: &'static str,
}

/// The exit code, the status and the errors and warnings of a run on one server's port.
pub fn in_short(checked: &Checked) -> String {
    let [endpoint] = checked.endpoints() else { panic!("one endpoint was asked for\n{checked}") };
    let status = endpoint["status"].as_str().unwrap_or("none");
    let faults = checked.faults().into_iter().map(|fault| format!(", {fault}"));
    format!("{} {status}{}", checked.exit, faults.collect::<String>())
}

/// Runs the binary on a row.
pub fn run(lab: &Lab, row: &Row) -> Checked {
    let there = format!("--connect-to={HOST}:{}:{}", row.port, row.address);
    let target = format!("{HOST}:{}", row.port);
    check(lab, &[row.options, &[&there, &target]].concat())
}

/// Runs all rows at once, and says which verdicts differ; `log` tells what a server wrote.
pub fn differences(lab: &Lab, rows: &[Row], log: impl Fn(&Row) -> String + Sync) -> Vec<String> {
    thread::scope(|scope| {
        let runs = rows.iter().map(|row| {
            let log = &log;
            scope.spawn(move || {
                let checked = run(lab, row);
                let got = in_short(&checked);
                (got != row.expected).then(|| {
                    let Row { name, port, expected, .. } = row;
                    let log = log(row);
                    format!("{name} {port}: {got}\nin place of {expected}\n{checked}\n{log}")
                })
            })
        });
        let runs: Vec<_> = runs.collect();
        runs.into_iter().filter_map(|run| run.join().expect("a run with a report")).collect()
    })
}
