//! A server's processes: started, waited for, and stopped with all their children.
//!
//! Knows processes, listening sockets and log files. Must not know which server it is.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// A pause between two looks at something that will be so in a moment.
const PAUSE: Duration = Duration::from_millis(10);
/// How often one looks before it is a failure: far longer than a busy machine takes.
const LOOKS: u32 = 3_000;

/// Says that a server's tests are skipped, or fails where that is not allowed.
pub fn skip(why: &str) {
    let required = std::env::var_os("SMTPCHECK_TESTS_REQUIRED").is_some_and(|value| value == "1");
    assert!(!required, "no test may be skipped here, but {why}");
    // Not through the macro, whose output is only shown when a test fails.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Addresses on loopback that nobody else uses: ports of an address that this caller
/// has for itself.
///
/// Connections of other tests leave from 127.0.0.1, so none can take a port away between its
/// choice here and the server's start.
pub fn free_addresses(count: usize) -> Vec<SocketAddr> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let own = (std::process::id() << 3) + CALLS.fetch_add(1, Ordering::Relaxed);
    let address = Ipv4Addr::from(0x7f00_0000 | (own & 0x00ff_ffff));
    let bind = |_| TcpListener::bind((address, 0)).expect("a free port on loopback");
    let all: Vec<_> = (0..count).map(bind).collect();
    all.iter().map(|listener| listener.local_addr().expect("it is bound")).collect()
}

/// A server that runs until this is dropped.
pub struct Daemon {
    leader: Child,
    /// Stops the server where a run is killed and nothing is dropped any more: it waits for the
    /// end of a pipe that closes with us. A signal on the parent's death would be simpler, and is
    /// lost when the server changes its user.
    watcher: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a server that stays in the foreground and leads its own process group, with its
    /// output in `log`, and waits until it listens everywhere.
    pub fn start(mut command: Command, log: PathBuf, listens_on: &[SocketAddr]) -> Self {
        let output = File::create(&log).expect("a log file");
        let leader = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of a file"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let watcher = Command::new("sh")
            .args(["-c", r#"read -r _; kill -s TERM -- "-$1""#, "sh", &leader.id().to_string()])
            .stdin(Stdio::piped())
            // An interrupt from the terminal is for us, and it comes after us.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let mut daemon = Self { leader, watcher, log };
        for _ in 0..LOOKS {
            if let Ok(Some(status)) = daemon.leader.try_wait() {
                panic!("the server ended at once: {status}\n{}", daemon.log());
            }
            let listening = listening();
            if listens_on.iter().all(|address| listening.contains(&in_kernel_words(address))) {
                return daemon;
            }
            sleep(PAUSE);
        }
        panic!("the server does not listen everywhere on {listens_on:?}\n{}", daemon.log());
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What it has written, as soon as that is enough.
    #[track_caller]
    pub fn log_until(&self, enough: impl Fn(&str) -> bool) -> String {
        for _ in 0..LOOKS {
            let log = self.log();
            if enough(&log) {
                return log;
            }
            sleep(PAUSE);
        }
        panic!("what is waited for does not come\n{}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.leader.id().cast_signed());
        let signal_all = |signal| {
            let group = killpg(pid, signal);
            // It has no group of its own yet where it is stopped in its first moments.
            if group == Err(Errno::ESRCH) { kill(pid, signal) } else { group }
        };
        let _ = signal_all(Signal::SIGTERM);
        let ended = (0..LOOKS).any(|_| {
            sleep(PAUSE);
            !matches!(self.leader.try_wait(), Ok(None))
        });
        if !ended {
            let _ = signal_all(Signal::SIGKILL);
            let _ = self.leader.wait();
        }
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }
}

/// The listening sockets as the kernel writes them. Asking it rather than connecting leaves no
/// trace in the server's logs and counters.
fn listening() -> HashSet<String> {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table of sockets");
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|line| line.get(3) == Some(&LISTEN)).map(|line| line[1].to_owned()).collect()
}

fn in_kernel_words(address: &SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("the servers listen on IPv4 only") };
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}
