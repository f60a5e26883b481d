//! aiosmtpd, the SMTP server of many Python programs: one process with a port a fault.
//!
//! Knows what `aiosmtpd/server.py` understands. Where a handshake fails, Python's asyncio hangs up and
//! sends no alert: what the client lacks, only a wider offer tells.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::daemon::{Daemon, free_addresses, skip};
use crate::lab::Lab;
use crate::lab::certificates::Flaw;
use crate::table::{HOST, Row, differences, installed};

/// What is wrong with a server, and what has to come of it.
struct Fault {
    name: &'static str,
    flaw: Flaw,
    /// What `server.py` is told, over a healthy server.
    told: fn() -> Value,
    /// Options of smtpcheck.
    run_with: &'static [&'static str],
    /// The port that is meant, and then the exit code, the status and the errors and warnings.
    expected: &'static [(u16, &'static str)],
}

const NONE: Fault = Fault {
    name: "healthy",
    flaw: Flaw::None,
    told: || json!({}),
    run_with: &[],
    expected: &[(25, "0 open"), (465, "0 open"), (587, "0 open")],
};

const FAULTS: &[Fault] = &[
    NONE,
    Fault {
        name: "unknown authority",
        flaw: Flaw::Stranger,
        expected: &[
            (25, "0 open, warning certificate-not-trusted"),
            (587, "1 misconfigured, error certificate-not-trusted"),
        ],
        ..NONE
    },
    Fault {
        name: "self-signed",
        flaw: Flaw::SelfSigned,
        expected: &[(465, "1 misconfigured, error certificate-self-signed")],
        ..NONE
    },
    Fault {
        name: "TLS off",
        told: || json!({"tls": "none"}),
        expected: &[
            (25, "0 open, warning starttls-not-supported"),
            (465, "1 misconfigured, error plaintext-on-tls-port"),
            (587, "1 misconfigured, error starttls-not-supported"),
        ],
        ..NONE
    },
    Fault {
        name: "TLS at once on the wrong port",
        told: || json!({"tls": "at once"}),
        run_with: &["--timeout=2"],
        expected: &[(587, "1 misconfigured, error tls-on-plaintext-port")],
        ..NONE
    },
    Fault {
        name: "no certificate",
        told: || json!({"identity": null}),
        expected: &[
            (25, "1 misconfigured, error connection-dropped"),
            (465, "1 misconfigured, error connection-dropped"),
        ],
        ..NONE
    },
    Fault {
        name: "TLS 1.1 only",
        told: || json!({"version": "TLSv1_1", "ciphers": "ALL:@SECLEVEL=0"}),
        expected: &[
            (25, "0 open, warning tls-version-too-old"),
            (465, "1 misconfigured, error tls-version-too-old"),
            (587, "1 misconfigured, error tls-version-too-old"),
        ],
        ..NONE
    },
    Fault {
        name: "CBC only",
        told: || json!({"version": "TLSv1_2", "ciphers": "ECDHE-ECDSA-AES256-SHA"}),
        expected: &[
            (25, "0 open, warning tls-no-common-cipher"),
            (465, "1 misconfigured, error tls-no-common-cipher"),
            (587, "1 misconfigured, error tls-no-common-cipher"),
        ],
        ..NONE
    },
    Fault {
        name: "client certificate",
        // It hangs up instead of saying so.
        told: || json!({"client_certificate": true}),
        expected: &[
            (25, "1 misconfigured, error connection-dropped"),
            (465, "1 misconfigured, error connection-dropped"),
        ],
        ..NONE
    },
    Fault {
        name: "AUTH in clear",
        told: || json!({"auth_in_clear": true}),
        expected: &[
            (25, "0 open, warning auth-before-tls"),
            (587, "1 misconfigured, error auth-before-tls"),
        ],
        ..NONE
    },
    Fault {
        name: "no AUTH",
        told: || json!({"no_auth": true}),
        expected: &[(587, "1 misconfigured, error auth-not-offered")],
        ..NONE
    },
    Fault {
        name: "blocked by a list",
        told: || json!({"greeting": "554 5.7.1 127.0.0.1 is listed at dnsbl.example"}),
        expected: &[
            (25, "1 rejected, error greeting-rejected"),
            (465, "1 rejected, error greeting-rejected"),
            (587, "1 rejected, error greeting-rejected"),
        ],
        ..NONE
    },
    Fault {
        name: "shutting down",
        told: || json!({"greeting": "421 4.3.2 shutting down"}),
        expected: &[(587, "1 rejected, error greeting-throttled")],
        ..NONE
    },
    Fault {
        name: "every name refused",
        told: || json!({"refuse_ehlo": "550 5.7.1 not by that name"}),
        expected: &[
            (25, "1 rejected, error ehlo-rejected"),
            (465, "1 rejected, error ehlo-rejected"),
        ],
        ..NONE
    },
];

/// Starts it with a port for each of the told faults; its list and its log are in the folder.
pub fn start(packages: &Path, folder: &Path, told: Vec<Value>, addresses: &[SocketAddr]) -> Daemon {
    let list = folder.join("aiosmtpd.json");
    fs::write(&list, Value::Array(told).to_string()).expect("a new file");
    let mut command = Command::new("python3");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_servers/aiosmtpd/server.py"))
        .arg(list)
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .process_group(0);
    Daemon::start(command, folder.join("aiosmtpd.log"), addresses)
}

#[test]
fn every_fault_has_its_verdict() {
    let packages = match installed("aiosmtpd") {
        Ok(packages) => packages,
        Err(why) => return skip(&why),
    };
    let lab = Lab::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases: Vec<_> = FAULTS
        .iter()
        .flat_map(|fault| {
            fault.expected.iter().map(move |(port, expected)| (fault, port, expected))
        })
        .collect();
    let addresses: Vec<SocketAddr> = free_addresses(cases.len());
    let told: Vec<Value> = cases
        .iter()
        .zip(&addresses)
        .enumerate()
        .map(|(number, ((fault, port, _), address))| {
            let identity = folder.path().join(format!("{number}.pem"));
            let pem = lab.certificates.identify(HOST, fault.flaw).pem();
            fs::write(&identity, pem).expect("a new file");
            let mut all = Map::new();
            all.insert("address".to_owned(), address.ip().to_string().into());
            all.insert("port".to_owned(), address.port().into());
            all.insert("identity".to_owned(), identity.display().to_string().into());
            if **port == 465 {
                all.insert("tls".to_owned(), "at once".into());
            }
            let fault = (fault.told)();
            all.extend(fault.as_object().expect("an object").clone());
            all.retain(|_, value| !value.is_null());
            Value::Object(all)
        })
        .collect();
    let daemon = start(&packages, folder.path(), told, &addresses);
    let rows: Vec<Row> = cases
        .iter()
        .zip(&addresses)
        .map(|((fault, port, expected), address)| Row {
            name: format!("aiosmtpd, {}", fault.name),
            address: *address,
            port: **port,
            options: fault.run_with,
            expected,
        })
        .collect();
    let failures = differences(&lab, &rows, |_| daemon.log());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
