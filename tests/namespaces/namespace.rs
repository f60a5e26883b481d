//! Network namespaces without root: made, entered, given links, addresses and filters.
//!
//! Knows the kernel's namespaces and the tools `ip` and `nft`. Must not know what the namespaces
//! stand for; that is `world.rs`. A namespace lives as long as a descriptor of it is open, and all
//! of them belong to this process: however it ends, nothing stays behind.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::process::{Command, Output, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getgid, getuid};

/// Makes this process the root of a user namespace of its own, which lets it make network
/// namespaces. Only a process with one thread can do this.
pub fn become_root() -> Result<(), String> {
    let (uid, gid) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| format!("no user namespace: {error}"))?;
    for (file, text) in [
        // Nobody without privileges may map groups as long as they can be changed
        // (user_namespaces(7)).
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| format!("no root in a user namespace ({file}): {error}"))?;
    }
    Ok(())
}

/// One network namespace: a machine as far as the network can tell.
pub struct Namespace(File);

impl Namespace {
    /// A new one, with nothing but a loopback interface that is down.
    pub fn new() -> io::Result<Self> {
        in_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            Ok(Self(File::open("/proc/thread-self/ns/net")?))
        })
    }

    /// What `ip` takes for its name.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Does something inside: sockets made there stay there, and so do processes.
    pub fn inside<T: Send>(&self, what: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        in_a_thread(|| {
            setns(&self.0, CloneFlags::CLONE_NEWNET)?;
            what()
        })
    }

    /// Runs `ip` with these commands, one a line; `-6` may stand before a command.
    pub fn ip(&self, commands: &str) -> Result<(), String> {
        let (v6, v4): (Vec<_>, Vec<_>) = commands.lines().partition(|line| line.starts_with("-6"));
        // A batch cannot change the family from line to line.
        if !v4.is_empty() {
            self.feed(&["ip", "-batch", "-"], &v4.join("\n"))?;
        }
        if !v6.is_empty() {
            self.feed(&["ip", "-6", "-batch", "-"], &v6.join("\n").replace("-6 ", ""))?;
        }
        Ok(())
    }

    /// Runs `nft` with this ruleset, all or nothing.
    pub fn nft(&self, ruleset: &str) -> Result<(), String> {
        self.feed(&["nft", "-f", "-"], ruleset)
    }

    /// Sets something below `/proc/sys/net`.
    pub fn set(&self, key: &str, value: &str) -> Result<(), String> {
        self.inside(|| fs::write(format!("/proc/sys/net/{key}"), value))
            .map_err(|error| format!("{key} cannot be set: {error}"))
    }

    fn feed(&self, command: &[&str], input: &str) -> Result<(), String> {
        let output = self
            .inside(|| feed(tool(command[0]).args(&command[1..]), input))
            .map_err(|error| format!("{}: {error}", command[0]))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}: {}\n{input}", command[0], said.trim()))
    }
}

/// A program of the system's, also where a plain user's path leaves the directories for them out.
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// A thread has its own network namespace, so changing it there leaves everybody else alone.
fn in_a_thread<T: Send>(what: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = scope.spawn(what);
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn feed(command: &mut Command, input: &str) -> io::Result<Output> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    child.wait_with_output()
}
