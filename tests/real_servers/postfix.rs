//! Postfix with a configuration of its own, in a folder of its own, on loopback.
//!
//! Knows main.cf and master.cf. Must not know what smtpcheck makes of it; that stands in the
//! modules below. One instance holds any number of services, each an own port with own options,
//! which is faster than an instance a fault. It takes no mail and has no service to send any.

mod conversations;
mod verdicts;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::daemon::{Daemon, free_addresses, skip};
use crate::lab::certificates::Identity;

/// What all services share. DNS is switched off; every recipient is refused, and there is no
/// service to deliver or to queue with anyway.
const MAIN_CF: &str = "\
compatibility_level = 3.6
queue_directory = FOLDER/queue
data_directory = FOLDER/data
maillog_file = /dev/stdout
inet_protocols = ipv4
inet_interfaces = 127.0.0.1
myhostname = mail.example
mydestination =
# Exempt from the connection limits would be mynetworks.
mynetworks =
local_recipient_maps =
alias_maps =
alias_database =
local_transport = error:no mail here
default_transport = error:no mail here
smtpd_relay_restrictions = reject
smtpd_peername_lookup = no
notify_classes =
cyrus_sasl_config_path = FOLDER/config/sasl
";

/// The services without a port.
const MASTER_CF: &str = "\
tlsmgr  unix       - - n 1000? 1 tlsmgr
anvil   unix       - - n -     1 anvil
postlog unix-dgram n - n -     1 postlogd
";

/// Mechanisms to offer. Nobody logs in, so there are no accounts.
const SASL_CONF: &str = "\
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
sasldb_path: FOLDER/config/sasl/accounts
";

/// One port of Postfix.
pub struct Service {
    name: String,
    identity: Identity,
    options: Vec<(&'static str, String)>,
    behind_postscreen: bool,
}

impl Service {
    /// As on 25: STARTTLS for who wants it, no AUTH. The name is for the log.
    pub fn relay(name: &str, identity: Identity) -> Self {
        Self { name: name.to_owned(), identity, options: Vec::new(), behind_postscreen: false }
            .with("smtpd_tls_security_level", "may")
            .with("smtpd_tls_auth_only", "yes")
    }

    /// As on 587 and 2525: AUTH, after an obligatory STARTTLS.
    pub fn submission(name: &str, identity: Identity) -> Self {
        Self::relay(name, identity)
            .with("smtpd_tls_security_level", "encrypt")
            .with("smtpd_sasl_auth_enable", "yes")
    }

    /// As on 465: AUTH, under implicit TLS.
    pub fn submissions(name: &str, identity: Identity) -> Self {
        Self::submission(name, identity).with("smtpd_tls_wrappermode", "yes")
    }

    /// Sets a parameter of main.cf for this service; the last word counts.
    pub fn with(mut self, parameter: &'static str, value: &str) -> Self {
        self.options.push((parameter, value.to_owned()));
        self
    }

    /// The same behind postscreen, which says half of a greeting and hands over to smtpd when the
    /// client has waited for the rest.
    pub fn behind_postscreen(self) -> Self {
        Self { behind_postscreen: true, ..self }
            .with("postscreen_greet_action", "enforce")
            .with("postscreen_greet_wait", "2s")
    }

    /// Its lines in master.cf.
    fn lines(&self, address: SocketAddr, folder: &Path) -> String {
        let name = &self.name;
        let identity = identity_file(folder, name).display().to_string();
        let own = [("syslog_name", name.clone()), ("smtpd_tls_chain_files", identity)];
        let mut options = String::new();
        for (parameter, value) in own.iter().chain(&self.options) {
            writeln!(options, "  -o {{ {parameter} = {value} }}").expect("writing to a string");
        }
        if !self.behind_postscreen {
            return format!("{address} inet n - n - - smtpd\n{options}");
        }
        // The programs that postscreen hands over to do not know of its options, so that each
        // service has its own of them.
        format!(
            "{address} inet n - n - 1 postscreen
  -o smtpd_service_name={name}-smtpd
  -o tlsproxy_service_name={name}-tlsproxy
  -o postscreen_cache_map=btree:$data_directory/{name}
{options}{name}-smtpd pass - - n - - smtpd
{options}{name}-tlsproxy unix - - n - 0 tlsproxy
{options}"
        )
    }
}

/// A running Postfix.
pub struct Postfix {
    daemon: Daemon,
    addresses: BTreeMap<String, SocketAddr>,
    // Dropped last: the daemon works in it.
    _folder: TempDir,
}

impl Postfix {
    /// Whether it can be run here; says why not, or fails, where it cannot. Tests ask this first.
    pub fn is_available() -> bool {
        match programs() {
            Ok(_) => true,
            Err(why) => {
                skip(&why);
                false
            }
        }
    }

    /// Starts it with these services.
    pub fn start(services: &[Service]) -> Self {
        let programs = programs().expect("one asks is_available first");
        // Its processes have a user of their own, who must be able to enter.
        let folder = tempfile::Builder::new()
            .prefix("smtpcheck-postfix-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary folder");
        let root = folder.path();
        let (user, group) = (id("/etc/passwd", "postfix"), id("/etc/group", "postdrop"));
        for (name, mode, owner) in [
            ("config", 0o755, None),
            ("config/sasl", 0o755, None),
            ("identities", 0o700, None),
            ("data", 0o700, Some((user, None))),
            ("queue", 0o755, None),
            ("queue/pid", 0o755, None),
            ("queue/private", 0o700, Some((user, None))),
            ("queue/public", 0o710, Some((user, Some(group)))),
        ] {
            let path = root.join(name);
            fs::create_dir(&path).expect("a folder in a new folder");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
            if let Some((user, group)) = owner {
                chown(&path, Some(user), group).expect("root may give things away");
            }
        }

        let addresses = free_addresses(services.len());
        let mut master = MASTER_CF.to_owned();
        for (service, address) in services.iter().zip(&addresses) {
            master.push_str(&service.lines(*address, root));
            let file = identity_file(root, &service.name);
            fs::write(file, service.identity.pem()).expect("a new file");
        }
        let place = |text: &str| text.replace("FOLDER", &root.display().to_string());
        write_cool(&root.join("config/main.cf"), &place(MAIN_CF));
        write_cool(&root.join("config/master.cf"), &master);
        // Debian's Postfix looks nowhere else, whatever cyrus_sasl_config_path says.
        write_cool(&root.join("config/sasl/smtpd.conf"), &place(SASL_CONF));

        let mut command = Command::new(programs.join("master"));
        command.arg("-c").arg(root.join("config")).arg("-s");
        let daemon = Daemon::start(command, root.join("log"), &addresses);
        let names = services.iter().map(|service| service.name.clone());
        Self { daemon, addresses: names.zip(addresses).collect(), _folder: folder }
    }

    /// Where a service listens.
    pub fn address(&self, service: &str) -> SocketAddr {
        self.addresses[service]
    }

    /// Its whole log so far.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// What a service has logged so far, a line a message.
    pub fn log_of(&self, service: &str) -> String {
        messages(&self.log(), service).collect::<Vec<_>>().join("\n")
    }

    /// Waits until a service has logged this.
    #[track_caller]
    pub fn wait_for(&self, service: &str, words: &str) {
        self.daemon.log_until(|log| messages(log, service).any(|message| message.contains(words)));
    }

    /// What each conversation with a service consisted of by its own count, such as
    /// `ehlo=2 starttls=1 quit=1 commands=4`; waits for those that are not over yet.
    #[track_caller]
    pub fn conversations(&self, service: &str) -> Vec<String> {
        let count =
            |log: &str, what| messages(log, service).filter(|m| m.starts_with(what)).count();
        let log = self.daemon.log_until(|log| {
            count(log, "connect from ") > 0
                && count(log, "connect from ") == count(log, "disconnect from ")
        });
        let ends = messages(&log, service).filter_map(|m| m.strip_prefix("disconnect from "));
        ends.filter_map(|end| end.split_once(' ')).map(|(_, words)| words.to_owned()).collect()
    }
}

/// What a service's processes have logged.
fn messages<'a>(log: &'a str, service: &str) -> impl Iterator<Item = &'a str> {
    let mark = format!(" {service}/");
    log.lines()
        .filter(move |line| line.contains(&mark))
        .filter_map(|line| line.split_once("]: "))
        .map(|(_, message)| message)
}

fn identity_file(folder: &Path, service: &str) -> PathBuf {
    folder.join("identities").join(service)
}

/// Writes a file that looks a minute old: each of Postfix's processes waits for a fresh
/// configuration to cool down, as somebody may still be writing it.
fn write_cool(path: &Path, text: &str) {
    fs::write(path, text).expect("a new file");
    #[allow(clippy::disallowed_methods, reason = "it is about the file system's real clock")]
    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    let file = File::options().write(true).open(path).expect("the new file");
    file.set_modified(minute_ago).expect("a new time for the new file");
}

/// The folder of Postfix's programs, or what is missing.
fn programs() -> Result<PathBuf, String> {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        return Err("Postfix can only be started by root".to_owned());
    }
    let asked = Command::new("postconf").args(["-d", "-h", "daemon_directory"]).output();
    let asked = asked.map_err(|error| format!("Postfix is not installed (postconf: {error})"))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    if !folder.join("master").exists() {
        return Err(format!("Postfix has no master program in {}", folder.display()));
    }
    // The place depends on the architecture: /usr/lib/x86_64-linux-gnu/sasl2.
    let mut libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    if !libraries.any(|folder| folder.path().join("sasl2/libplain.so").exists()) {
        return Err("the SASL mechanisms are not installed (libsasl2-modules)".to_owned());
    }
    Ok(folder)
}

/// The number of a user or group.
fn id(table: &str, name: &str) -> u32 {
    let text = fs::read_to_string(table).expect("a table of users or groups");
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields[0] == name);
    let line = line.unwrap_or_else(|| panic!("{table} lacks {name}, which the package makes"));
    line[2].parse().expect("a number")
}
