//! Exim with a configuration of its own, in a folder of its own, on loopback.
//!
//! Debian's Exim and Postfix exclude each other, so its packages are only unpacked. It looks up its
//! user by name, whom only an installation would make: a library of Debian's stands in for the
//! tables of users. It speaks TLS through GnuTLS, as no other server here does. It takes no mail.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use rcgen::KeyPair;
use tempfile::TempDir;

use crate::daemon::{Daemon, free_addresses, skip};
use crate::lab::Lab;
use crate::lab::certificates::{Flaw, Identity};
use crate::table::{HOST, Row, differences, in_short, installed, run};

/// The options of a healthy server. DNS is not asked, and every recipient is refused.
const MAIN: &[(&str, &str)] = &[
    ("primary_hostname", HOST),
    ("spool_directory", "FOLDER/spool"),
    ("log_file_path", "FOLDER/spool/%slog"),
    ("keep_environment", ""),
    ("host_lookup", ""),
    ("rfc1413_hosts", ""),
    ("tls_advertise_hosts", "*"),
    ("tls_certificate", "FOLDER/identity.pem"),
    ("tls_privatekey", "FOLDER/identity.pem"),
    ("acl_smtp_connect", "accept"),
    ("acl_smtp_helo", "accept"),
];

/// AUTH inside TLS only; nobody can log in.
const AUTHENTICATOR: &str = "
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = false
  server_advertise_condition = ADVERTISED
";
const INSIDE_TLS: &str = "${if def:tls_in_cipher}";

/// Its user has to have a name and an own number.
const USERS: &str = "root:x:0:0::/root:/bin/sh\nDebian-exim:x:65533:65533::/:/bin/false\n";
const GROUPS: &str = "root:x:0:\nDebian-exim:x:65533:\n";

/// What is wrong with an Exim, and what has to come of it.
struct Fault {
    name: &'static str,
    flaw: Flaw,
    /// The key does not belong to the certificate.
    foreign_key: bool,
    /// Main options, over those of a healthy server.
    options: &'static [(&'static str, &'static str)],
    /// When AUTH is offered.
    advertised: &'static str,
    /// Options of smtpcheck.
    run_with: &'static [&'static str],
    /// The port that is meant, and then the exit code, the status and the errors and warnings.
    expected: &'static [(u16, &'static str)],
}

const NONE: Fault = Fault {
    name: "healthy",
    flaw: Flaw::None,
    foreign_key: false,
    options: &[],
    advertised: INSIDE_TLS,
    run_with: &[],
    expected: &[(25, "0 open"), (465, "0 open"), (587, "0 open")],
};

/// TLS at once: Exim goes by the port that it listens on.
const AT_ONCE: (&str, &str) = ("tls_on_connect_ports", "PORT");

const FAULTS: &[Fault] = &[
    NONE,
    Fault {
        name: "other name",
        flaw: Flaw::OtherName,
        expected: &[
            (25, "0 open, warning certificate-host-mismatch"),
            (587, "1 misconfigured, error certificate-host-mismatch"),
        ],
        ..NONE
    },
    Fault {
        name: "expired",
        flaw: Flaw::Expired,
        expected: &[(587, "1 misconfigured, error certificate-expired")],
        ..NONE
    },
    Fault {
        name: "intermediate left out",
        flaw: Flaw::IntermediateByReference,
        expected: &[(587, "1 misconfigured, error certificate-chain-incomplete")],
        ..NONE
    },
    Fault {
        // It offers STARTTLS and says 454 then.
        name: "no certificate file",
        options: &[
            ("tls_certificate", "/nowhere/chain.pem"),
            ("tls_privatekey", "/nowhere/key.pem"),
        ],
        expected: &[
            (25, "0 open, warning starttls-refused"),
            (465, "1 misconfigured, error connection-dropped"),
            (587, "1 misconfigured, error starttls-refused"),
        ],
        ..NONE
    },
    Fault {
        name: "foreign key",
        foreign_key: true,
        expected: &[(587, "1 misconfigured, error starttls-refused")],
        ..NONE
    },
    Fault {
        // Without a certificate it makes one of its own, for an hour, when the client is there.
        name: "certificate not set",
        options: &[("tls_certificate", ""), ("tls_privatekey", "")],
        expected: &[(
            587,
            "1 misconfigured, error certificate-host-mismatch, error certificate-self-signed, \
             warning certificate-expires-soon",
        )],
        ..NONE
    },
    Fault {
        name: "TLS off",
        options: &[("tls_advertise_hosts", "")],
        expected: &[
            (25, "0 open, warning starttls-not-supported"),
            (587, "1 misconfigured, error starttls-not-supported"),
        ],
        ..NONE
    },
    Fault {
        name: "TLS 1.1 only",
        options: &[("tls_require_ciphers", "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT")],
        expected: &[
            (25, "0 open, warning tls-version-too-old"),
            (587, "1 misconfigured, error tls-version-too-old"),
        ],
        ..NONE
    },
    Fault {
        name: "CBC only",
        options: &[(
            "tls_require_ciphers",
            "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC",
        )],
        expected: &[
            (25, "0 open, warning tls-no-common-cipher"),
            (465, "1 misconfigured, error tls-no-common-cipher"),
            (587, "1 misconfigured, error tls-no-common-cipher"),
        ],
        ..NONE
    },
    Fault {
        name: "P-521 only",
        options: &[("tls_require_ciphers", "NORMAL:-GROUP-ALL:+GROUP-SECP521R1")],
        expected: &[(587, "1 misconfigured, error tls-no-common-cipher")],
        ..NONE
    },
    Fault {
        name: "client certificate",
        options: &[("tls_verify_hosts", "*"), ("tls_verify_certificates", "FOLDER/identity.pem")],
        expected: &[
            (25, "0 open, warning client-certificate-required"),
            (587, "1 misconfigured, error client-certificate-required"),
        ],
        ..NONE
    },
    Fault {
        name: "AUTH in clear",
        advertised: "yes",
        expected: &[
            (25, "0 open, warning auth-before-tls"),
            (587, "1 misconfigured, error auth-before-tls"),
        ],
        ..NONE
    },
    Fault {
        name: "no AUTH",
        advertised: "no",
        expected: &[(25, "0 open"), (587, "1 misconfigured, error auth-not-offered")],
        ..NONE
    },
    Fault {
        name: "TLS at once on the wrong port",
        options: &[AT_ONCE],
        run_with: &["--timeout=2"],
        expected: &[
            (25, "1 misconfigured, error tls-on-plaintext-port"),
            (587, "1 misconfigured, error tls-on-plaintext-port"),
        ],
        ..NONE
    },
    Fault {
        name: "no TLS at once",
        options: &[("tls_on_connect_ports", "")],
        expected: &[(465, "1 misconfigured, error plaintext-on-tls-port")],
        ..NONE
    },
    Fault {
        name: "blocked by a list",
        options: &[("acl_smtp_connect", "drop message = 127.0.0.1 is listed at dnsbl.example")],
        expected: &[
            (25, "1 rejected, error greeting-rejected"),
            (465, "1 rejected, error greeting-rejected"),
            (587, "1 rejected, error greeting-rejected"),
        ],
        ..NONE
    },
    Fault {
        name: "put off at once",
        options: &[("acl_smtp_connect", "defer message = come back later")],
        expected: &[(587, "1 rejected, error greeting-throttled")],
        ..NONE
    },
    Fault {
        name: "every name refused",
        options: &[("acl_smtp_helo", "deny message = bad HELO")],
        expected: &[
            (25, "1 rejected, error ehlo-rejected"),
            (587, "1 rejected, error ehlo-rejected"),
        ],
        ..NONE
    },
    Fault {
        name: "slow",
        options: &[("acl_smtp_connect", "accept delay = 6s")],
        expected: &[(25, "0 open, warning greeting-slow")],
        ..NONE
    },
];

/// A running Exim.
struct Exim {
    daemon: Daemon,
    address: SocketAddr,
    folder: TempDir,
}

impl Exim {
    fn start(program: &Program, fault: &Fault, port: u16, identity: &Identity) -> Self {
        // It gives up root, so others must be able to enter.
        let folder = tempfile::Builder::new()
            .prefix("smtpcheck-exim-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary folder");
        let root = folder.path();
        fs::create_dir(root.join("spool")).expect("a folder in a new folder");
        fs::set_permissions(root.join("spool"), Permissions::from_mode(0o777)).expect("it is ours");
        let write = |name: &str, text: &str| {
            fs::write(root.join(name), text).expect("a new file");
            root.join(name)
        };
        write("identity.pem", &identity.pem());
        let (users, groups) = (write("users", USERS), write("groups", GROUPS));
        let address = free_addresses(1)[0];
        let mut options: BTreeMap<_, _> = MAIN.iter().copied().collect();
        if port == 465 {
            options.insert(AT_ONCE.0, AT_ONCE.1);
        }
        options.extend(fault.options.iter().copied());
        let lines = options.iter().map(|(name, value)| format!("{name} = {value}\n"));
        let text = lines.collect::<String>() + AUTHENTICATOR;
        let text = text
            .replace("FOLDER", &root.display().to_string())
            .replace("PORT", &address.port().to_string())
            .replace("ADVERTISED", fault.advertised);
        let configuration = write("configuration", &text);
        let mut command = Command::new(&program.exim);
        command
            .arg("-C")
            .arg(configuration)
            .args(["-bdf", "-oX", &format!("<; [{}]:{}", address.ip(), address.port())])
            .arg("-oP")
            .arg(root.join("pid"))
            .env("LD_LIBRARY_PATH", &program.libraries)
            .env("LD_PRELOAD", program.libraries.join("libnss_wrapper.so"))
            .env("NSS_WRAPPER_PASSWD", users)
            .env("NSS_WRAPPER_GROUP", groups)
            .process_group(0);
        let daemon = Daemon::start(command, root.join("log"), &[address]);
        Self { daemon, address, folder }
    }

    fn log(&self) -> String {
        let of = |name: &str| {
            fs::read_to_string(self.folder.path().join("spool").join(name)).unwrap_or_default()
        };
        format!("{}{}{}", self.daemon.log(), of("mainlog"), of("paniclog"))
    }
}

struct Program {
    exim: PathBuf,
    libraries: PathBuf,
}

/// Exim as it was unpacked, or nothing where its tests are skipped.
fn program() -> Option<Program> {
    let found = (|| {
        let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        if !root {
            return Err("Exim can only be started by root".to_owned());
        }
        let exim = installed("debian/usr/sbin/exim4")?;
        // The place depends on the architecture: /usr/lib/x86_64-linux-gnu.
        let folder = installed("debian/usr/lib")?;
        let mut libraries = fs::read_dir(folder).into_iter().flatten().flatten();
        let libraries = libraries.find(|l| l.path().join("libnss_wrapper.so").exists());
        let libraries = libraries.ok_or("libnss_wrapper.so is not there")?.path();
        Ok(Program { exim, libraries })
    })();
    found.map_err(|why| skip(&why)).ok()
}

fn identity(lab: &Lab, fault: &Fault) -> Identity {
    let mut identity = lab.certificates.identify(HOST, fault.flaw);
    if fault.foreign_key {
        identity.key = KeyPair::generate().expect("a key");
    }
    identity
}

#[test]
fn every_fault_has_its_verdict() {
    let Some(program) = program() else { return };
    let lab = Lab::start();
    let cases: Vec<_> = FAULTS
        .iter()
        .flat_map(|fault| {
            fault.expected.iter().map(move |(port, expected)| (fault, port, expected))
        })
        .collect();
    let servers: Vec<Exim> = thread::scope(|scope| {
        let starting = cases.iter().map(|(fault, port, _)| {
            let (lab, program) = (&lab, &program);
            scope.spawn(move || Exim::start(program, fault, **port, &identity(lab, fault)))
        });
        let starting: Vec<_> = starting.collect();
        starting.into_iter().map(|server| server.join().expect("it starts")).collect()
    });
    let rows: Vec<Row> = cases
        .iter()
        .zip(&servers)
        .map(|((fault, port, expected), server)| Row {
            name: format!("Exim, {}", fault.name),
            address: server.address,
            port: **port,
            options: fault.run_with,
            expected,
        })
        .collect();
    let log = |row: &Row| {
        servers
            .iter()
            .find(|server| server.address == row.address)
            .map_or_else(String::new, Exim::log)
    };
    let failures = differences(&lab, &rows, log);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    for server in &servers {
        let log = server.log();
        assert!(!log.contains("synchronization error"), "we spoke before our turn\n{log}");
    }
}

#[test]
fn a_connection_limit_is_told_from_a_refusal() {
    let Some(program) = program() else { return };
    let lab = Lab::start();
    let limited = Fault { options: &[("smtp_accept_max_per_host", "1")], ..NONE };
    let exim = Exim::start(&program, &limited, 587, &identity(&lab, &limited));
    let occupant = TcpStream::connect(exim.address).expect("it listens");
    let mut greeting = String::new();
    BufReader::new(&occupant).read_line(&mut greeting).expect("a greeting");
    assert!(greeting.starts_with("220 "), "{greeting}");
    let row = |expected| Row {
        name: "Exim, connection limit".to_owned(),
        address: exim.address,
        port: 587,
        options: &[],
        expected,
    };
    let checked = run(&lab, &row(""));
    assert_eq!(
        in_short(&checked),
        "1 rejected, error greeting-throttled",
        "{checked}\n{}",
        exim.log()
    );
    drop(occupant);
}
