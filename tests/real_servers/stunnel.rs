//! stunnel in front of a mail server without TLS: odd versions, ciphers, keys and chains.
//!
//! Knows stunnel's configuration, and `openssl`, which makes the certificates that nobody should
//! have. Behind it stands aiosmtpd. One process holds any number of services.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::aiosmtpd;
use crate::daemon::{Daemon, free_addresses, skip};
use crate::lab::Lab;
use crate::lab::certificates::Flaw;
use crate::table::{HOST, Row, differences, installed};

/// What a front shows.
#[derive(Clone, Copy)]
enum Shows {
    /// A certificate of the lab's.
    Lab(Flaw),
    /// A self-signed one that `openssl req` makes with these options.
    OpenSsl(&'static [&'static str]),
}

/// What is wrong with a front, and what has to come of it on port 465 (or 587).
struct Fault {
    name: &'static str,
    shows: Shows,
    /// Lines of its service.
    options: &'static str,
    /// Nothing listens behind it.
    nobody_behind: bool,
    port: u16,
    /// The exit code, the status and the errors and warnings.
    expected: &'static str,
}

const NONE: Fault = Fault {
    name: "healthy",
    shows: Shows::Lab(Flaw::None),
    options: "",
    nobody_behind: false,
    port: 465,
    expected: "0 open",
};

const RSA: Shows = Shows::OpenSsl(&["-newkey", "rsa:2048"]);
const RSA_1024: Shows = Shows::OpenSsl(&["-newkey", "rsa:1024"]);
const NO_COMMON: &str = "1 misconfigured, error tls-no-common-cipher";
const TOO_OLD: &str = "1 misconfigured, error tls-version-too-old";
const WEAK: &str = "1 misconfigured, error certificate-self-signed, warning certificate-weak";

const FAULTS: &[Fault] = &[
    NONE,
    Fault { name: "healthy, with STARTTLS", options: "protocol = smtp\n", port: 587, ..NONE },
    Fault { name: "chain of three", shows: Shows::Lab(Flaw::ViaIntermediate), ..NONE },
    Fault {
        name: "intermediate left out",
        shows: Shows::Lab(Flaw::IntermediateByReference),
        expected: "1 misconfigured, error certificate-chain-incomplete",
        ..NONE
    },
    Fault {
        name: "intermediate left out without a pointer",
        shows: Shows::Lab(Flaw::IntermediateLeftOut),
        expected: "1 misconfigured, error certificate-not-trusted",
        ..NONE
    },
    Fault {
        name: "not yet valid",
        shows: Shows::Lab(Flaw::NotYetValid),
        expected: "1 misconfigured, error certificate-not-yet-valid",
        ..NONE
    },
    Fault {
        // OpenSSL makes it an authority's unless told otherwise.
        name: "self-signed",
        shows: RSA,
        expected: "1 misconfigured, error certificate-self-signed",
        ..NONE
    },
    Fault { name: "RSA 1024", shows: RSA_1024, expected: WEAK, ..NONE },
    Fault {
        name: "RSA 1024, TLS 1.2",
        shows: RSA_1024,
        options: "sslVersionMax = TLSv1.2\n",
        expected: WEAK,
        ..NONE
    },
    Fault {
        name: "SHA-1",
        shows: Shows::OpenSsl(&["-newkey", "rsa:2048", "-sha1"]),
        expected: WEAK,
        ..NONE
    },
    Fault {
        name: "P-521 key",
        shows: Shows::OpenSsl(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"]),
        expected: NO_COMMON,
        ..NONE
    },
    Fault {
        name: "P-521 key, TLS 1.2",
        shows: Shows::OpenSsl(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"]),
        options: "sslVersionMax = TLSv1.2\n",
        expected: NO_COMMON,
        ..NONE
    },
    Fault {
        name: "Ed448 key",
        shows: Shows::OpenSsl(&["-newkey", "ed448"]),
        expected: NO_COMMON,
        ..NONE
    },
    Fault {
        name: "Ed25519 key",
        shows: Shows::OpenSsl(&["-newkey", "ed25519"]),
        expected: "1 misconfigured, error certificate-self-signed",
        ..NONE
    },
    Fault {
        name: "TLS 1.0 only",
        options: "sslVersion = TLSv1\nciphers = ALL:@SECLEVEL=0\n",
        expected: TOO_OLD,
        ..NONE
    },
    Fault {
        name: "TLS 1.1 only",
        options: "sslVersion = TLSv1.1\nciphers = ALL:@SECLEVEL=0\n",
        expected: TOO_OLD,
        ..NONE
    },
    Fault {
        name: "TLS 1.1 only, with STARTTLS",
        options: "protocol = smtp\nsslVersion = TLSv1.1\nciphers = ALL:@SECLEVEL=0\n",
        port: 587,
        expected: TOO_OLD,
        ..NONE
    },
    Fault {
        name: "RSA key exchange only",
        shows: RSA,
        options: "sslVersion = TLSv1.2\nciphers = AES128-SHA\n",
        expected: NO_COMMON,
        ..NONE
    },
    Fault {
        name: "RSA key exchange with a short key",
        shows: RSA_1024,
        options: "sslVersion = TLSv1.2\nciphers = AES128-SHA:@SECLEVEL=0\n",
        expected: "1 misconfigured, error tls-no-common-cipher, warning certificate-weak",
        ..NONE
    },
    Fault {
        name: "finite fields only",
        shows: RSA,
        options: "sslVersion = TLSv1.2\nciphers = DHE-RSA-AES128-GCM-SHA256\n",
        expected: NO_COMMON,
        ..NONE
    },
    Fault {
        name: "CBC only",
        options: "sslVersion = TLSv1.2\nciphers = ECDHE-ECDSA-AES128-SHA256\n",
        expected: NO_COMMON,
        ..NONE
    },
    Fault { name: "P-521 only", options: "curves = P-521\n", expected: NO_COMMON, ..NONE },
    Fault {
        name: "client certificate",
        options: "verifyChain = yes\nCAfile = IDENTITY\n",
        expected: "1 misconfigured, error client-certificate-required",
        ..NONE
    },
    Fault {
        name: "client certificate, TLS 1.2",
        options: "verifyChain = yes\nCAfile = IDENTITY\nsslVersionMax = TLSv1.2\n",
        expected: "1 misconfigured, error client-certificate-required",
        ..NONE
    },
    Fault {
        name: "nobody behind it",
        nobody_behind: true,
        expected: "1 misconfigured, error connection-dropped",
        ..NONE
    },
];

/// The server without TLS; its AUTH is in clear, which nobody sees behind the front.
fn backend(packages: &Path, folder: &TempDir) -> (Daemon, SocketAddr) {
    let address = free_addresses(1)[0];
    let fault = json!({
        "address": address.ip(), "port": address.port(), "tls": "none", "auth_in_clear": true,
    });
    (aiosmtpd::start(packages, folder.path(), vec![fault], &[address]), address)
}

/// Key and certificate in one file.
fn identity(lab: &Lab, shows: Shows, file: &Path) {
    let pem = match shows {
        Shows::Lab(flaw) => lab.certificates.identify(HOST, flaw).pem(),
        Shows::OpenSsl(options) => {
            let key = file.with_extension("key");
            let made = Command::new("openssl")
                .args(["req", "-x509", "-nodes", "-days", "90", "-subj", "/CN=mail.example"])
                .args(["-addext", "subjectAltName=DNS:mail.example"])
                .args(options)
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(file)
                .output()
                .expect("openssl is there");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let read = |path: &Path| fs::read_to_string(path).expect("what openssl wrote");
            read(&key) + &read(file)
        }
    };
    fs::write(file, pem).expect("a file of ours");
}

/// stunnel and the packages behind it, or nothing where the tests are skipped.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let openssl = Command::new("openssl").arg("version").output();
    let openssl = openssl.map_err(|error| format!("openssl is not installed ({error})"));
    let both =
        openssl.and_then(|_| Ok((installed("debian/usr/bin/stunnel4")?, installed("aiosmtpd")?)));
    both.map_err(|why| skip(&why)).ok()
}

#[test]
fn every_fault_has_its_verdict() {
    let Some((stunnel, packages)) = programs() else { return };
    let lab = Lab::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_behind, backend) = backend(&packages, &folder);
    let nobody = free_addresses(1)[0];
    let addresses = free_addresses(FAULTS.len());
    let mut text = "foreground = yes\ndebug = 5\npid =\n".to_owned();
    for (number, (fault, address)) in FAULTS.iter().zip(&addresses).enumerate() {
        let file = folder.path().join(format!("{number}.pem"));
        identity(&lab, fault.shows, &file);
        let file = file.display().to_string();
        let behind = if fault.nobody_behind { nobody } else { backend };
        let options = fault.options.replace("IDENTITY", &file);
        write!(
            text,
            "[{number}]\naccept = {address}\nconnect = {behind}\ncert = {file}\n\
             securityLevel = 0\n{options}"
        )
        .expect("writing to a string");
    }
    let configuration = folder.path().join("stunnel.conf");
    fs::write(&configuration, text).expect("a new file");
    // Beside it lie the libraries that the system lacks.
    let libraries = stunnel.ancestors().nth(2).expect("debian/usr").join("lib");
    let libraries: Vec<String> = fs::read_dir(libraries)
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| folder.path().display().to_string())
        .collect();
    let mut command = Command::new(stunnel);
    command.arg(configuration).env("LD_LIBRARY_PATH", libraries.join(":")).process_group(0);
    let daemon = Daemon::start(command, folder.path().join("log"), &addresses);
    let rows: Vec<Row> = FAULTS
        .iter()
        .zip(&addresses)
        .map(|(fault, address)| Row {
            name: format!("stunnel, {}", fault.name),
            address: *address,
            port: fault.port,
            options: &[],
            expected: fault.expected,
        })
        .collect();
    let failures = differences(&lab, &rows, |_| daemon.log());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
