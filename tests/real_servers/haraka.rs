//! Haraka with a configuration of its own, in a folder of its own, on loopback.
//!
//! A process a fault, as its TLS is one for all ports; each listens for 25, 465 and 587. What
//! sites do with plugins of their own, `haraka/lab.js` does. Its TLS is that of Node.js, an OpenSSL
//! with other defaults than Debian's.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::daemon::{Daemon, free_addresses, skip};
use crate::lab::Lab;
use crate::lab::certificates::Flaw;
use crate::table::{HOST, Row, differences, installed};

/// What is wrong with a Haraka, and what has to come of it.
struct Fault {
    name: &'static str,
    flaw: Flaw,
    /// Its plugins, one a line.
    plugins: &'static str,
    /// Lines of config/tls.ini behind those that name key and certificate.
    tls: &'static str,
    /// Lines of config/lab.ini.
    lab: &'static str,
    /// The port on which TLS begins at once.
    at_once: Option<u16>,
    /// Options of smtpcheck.
    run_with: &'static [&'static str],
    /// The port that is meant, and then the exit code, the status and the errors and warnings.
    expected: &'static [(u16, &'static str)],
}

const NONE: Fault = Fault {
    name: "healthy",
    flaw: Flaw::None,
    plugins: "tls\nlab\n",
    tls: "",
    lab: "auth=true\n",
    at_once: Some(465),
    run_with: &[],
    expected: &[(25, "0 open"), (465, "0 open"), (587, "0 open")],
};

const FAULTS: &[Fault] = &[
    NONE,
    Fault {
        name: "other name",
        flaw: Flaw::OtherName,
        expected: &[
            (25, "0 open, warning certificate-host-mismatch"),
            (465, "1 misconfigured, error certificate-host-mismatch"),
        ],
        ..NONE
    },
    Fault {
        // With TLS at once on any port it would not even start.
        name: "no certificate file",
        at_once: None,
        tls: "key=gone.pem\ncert=gone.pem\n",
        expected: &[
            (25, "0 open, warning starttls-not-supported"),
            (587, "1 misconfigured, error starttls-not-supported"),
        ],
        ..NONE
    },
    Fault {
        name: "no TLS plugin",
        plugins: "lab\n",
        expected: &[
            (25, "0 open, warning starttls-not-supported"),
            (587, "1 misconfigured, error starttls-not-supported"),
        ],
        ..NONE
    },
    Fault {
        name: "ports swapped",
        at_once: Some(587),
        run_with: &["--timeout=2"],
        expected: &[
            (465, "1 misconfigured, error plaintext-on-tls-port"),
            (587, "1 misconfigured, error tls-on-plaintext-port"),
        ],
        ..NONE
    },
    Fault {
        name: "CBC only",
        tls: "ciphers=ECDHE-ECDSA-AES256-SHA\nsecureProtocol=TLSv1_2_method\n",
        expected: &[
            (25, "0 open, warning tls-no-common-cipher"),
            (465, "1 misconfigured, error tls-no-common-cipher"),
        ],
        ..NONE
    },
    Fault {
        name: "client certificate",
        tls: "requestCert=true\nrejectUnauthorized=true\n",
        expected: &[
            (25, "0 open, warning client-certificate-required"),
            (465, "1 misconfigured, error client-certificate-required"),
        ],
        ..NONE
    },
    Fault {
        name: "AUTH in clear",
        plugins: "tls\nauth/flat_file\n",
        expected: &[
            (25, "0 open, warning auth-before-tls"),
            (587, "1 misconfigured, error auth-before-tls"),
        ],
        ..NONE
    },
    Fault {
        name: "no AUTH",
        lab: "",
        expected: &[(465, "1 misconfigured, error auth-not-offered")],
        ..NONE
    },
    Fault {
        name: "blocked by a list",
        lab: "connect=deny\ntext=127.0.0.1 is listed at dnsbl.example\n",
        expected: &[
            (25, "1 rejected, error greeting-rejected"),
            (465, "1 rejected, error greeting-rejected"),
            (587, "1 rejected, error greeting-rejected"),
        ],
        ..NONE
    },
    Fault {
        name: "put off",
        lab: "connect=denysoft\ntext=come back later\n",
        expected: &[(587, "1 rejected, error greeting-throttled")],
        ..NONE
    },
    Fault {
        name: "every name refused",
        lab: "hello=deny\ntext=bad HELO\n",
        expected: &[(25, "1 rejected, error ehlo-rejected")],
        ..NONE
    },
    Fault {
        name: "slow",
        lab: "connect=slow\n",
        expected: &[(25, "0 open, warning greeting-slow")],
        ..NONE
    },
];

const PORTS: [u16; 3] = [25, 465, 587];

/// A running Haraka.
struct Haraka {
    daemon: Daemon,
    addresses: [SocketAddr; 3],
    _folder: TempDir,
}

impl Haraka {
    fn start(program: &std::path::Path, lab: &Lab, fault: &Fault) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
            fs::write(path, text).expect("a new file");
        };
        let identity = lab.certificates.identify(HOST, fault.flaw);
        let chain: String = identity.chain.iter().map(rcgen::Certificate::pem).collect();
        let all = free_addresses(3);
        let addresses: [SocketAddr; 3] = [all[0], all[1], all[2]];
        let at_once = fault.at_once.map_or(0, |port| address(&addresses, port).port());
        let listen = addresses.map(|address| address.to_string()).join(",");
        write("config/smtp.ini", &format!("listen={listen}\nsmtps_port={at_once}\nnodes=0\n"));
        write("config/me", HOST);
        // It looks for these parts without asking whether they are there.
        write("config/connection.ini", "[message]\n[uuid]\n[headers]\n[max]\n[haproxy]\n");
        write("config/log.ini", "[main]\nlevel=warn\n");
        write("config/plugins", fault.plugins);
        write("config/lab.ini", &format!("[main]\n{}", fault.lab));
        write("config/auth_flat_file.ini", "[core]\nmethods=PLAIN,LOGIN\n");
        let names = "key=tls_key.pem\ncert=tls_cert.pem\n";
        write("config/tls.ini", &format!("[main]\n{names}{}", fault.tls));
        write("config/tls_key.pem", &identity.key.serialize_pem());
        write("config/tls_cert.pem", &chain);
        write("plugins/lab.js", include_str!("haraka/lab.js"));
        fs::create_dir(root.join("queue")).expect("a new folder");
        let mut command = Command::new("node");
        command.arg(program).arg("-c").arg(root).current_dir(root).process_group(0);
        let daemon = Daemon::start(command, root.join("log"), &addresses);
        Self { daemon, addresses, _folder: folder }
    }
}

/// Where a port is listened for.
fn address(all: &[SocketAddr; 3], port: u16) -> SocketAddr {
    let at = PORTS.iter().position(|own| *own == port).expect("one of the three");
    all[at]
}

#[test]
fn every_fault_has_its_verdict() {
    let program = match installed("haraka/node_modules/Haraka/bin/haraka") {
        Ok(program) => program,
        Err(why) => return skip(&why),
    };
    let lab = Lab::start();
    let servers: Vec<Haraka> = thread::scope(|scope| {
        let (program, lab) = (&program, &lab);
        let start = |fault| scope.spawn(move || Haraka::start(program, lab, fault));
        let starting: Vec<_> = FAULTS.iter().map(start).collect();
        starting.into_iter().map(|server| server.join().expect("it starts")).collect()
    });
    let rows: Vec<Row> = FAULTS
        .iter()
        .zip(&servers)
        .flat_map(|(fault, server)| {
            fault.expected.iter().map(|(port, expected)| Row {
                name: format!("Haraka, {}", fault.name),
                address: address(&server.addresses, *port),
                port: *port,
                options: fault.run_with,
                expected,
            })
        })
        .collect();
    let log = |row: &Row| {
        let server = servers.iter().find(|server| server.addresses.contains(&row.address));
        server.map_or_else(String::new, |server| server.daemon.log())
    };
    let failures = differences(&lab, &rows, log);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
