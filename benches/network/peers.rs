//! The programs that people use today for a part of this, and how they are called.
//!
//! Knows their command lines and what they print when they have done it. Must not know any figure.
//! Each runs where the program under test runs, as a user without rights.

use std::net::IpAddr;
use std::process::Command;
use std::thread;

use crate::namespace::tool;
use crate::world::World;

/// Why there is nothing to compare with.
pub type Missing = String;

/// Whether a program can be run at all.
pub fn is_there(name: &str) -> Result<(), Missing> {
    // What it makes of the option is all the same.
    let asked = tool(name).arg("--version").output();
    asked.map(drop).map_err(|error| format!("{name} cannot be run: {error}"))
}

/// Looks at these ports of all of these addresses with nmap, and checks that it found each in this
/// state.
///
/// It takes one address family a run. Both run at once, which is the best that anybody can do.
pub fn nmap(
    world: &World,
    addresses: &[IpAddr],
    ports: &[u16],
    scripts: &[&str],
    state: &str,
) -> Result<(), Missing> {
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv4());
    let families = [(v4, None), (v6, Some("-6"))];
    thread::scope(|scope| {
        let runs: Vec<_> = families
            .into_iter()
            .filter(|(addresses, _)| !addresses.is_empty())
            .map(|(addresses, family)| {
                let mut command = tool("nmap");
                // As with the program under test, nothing is looked up, and nobody pings first.
                command.args(["-n", "-Pn"]).args(family);
                let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
                command.arg(format!("-p{}", ports.join(",")));
                if !scripts.is_empty() {
                    command.args(["--script", &scripts.join(",")]);
                }
                command.args(addresses.iter().map(ToString::to_string));
                let expected = addresses.len() * ports.len();
                scope.spawn(move || found(world, &command, &format!("/tcp {state}"), expected))
            })
            .collect();
        runs.into_iter().try_for_each(|run| run.join().expect("it does not panic"))
    })
}

/// Has posttls-finger talk to each of these at the same time, up to the EHLO inside TLS.
pub fn posttls_finger(world: &World, endpoints: &[(IpAddr, u16)]) -> Result<(), Missing> {
    thread::scope(|scope| {
        let runs: Vec<_> = endpoints
            .iter()
            .map(|(address, port)| {
                let mut command = tool("posttls-finger");
                command.args(["-c", "-l", "encrypt", "-L", "summary"]);
                if *port == 465 {
                    command.arg("-w");
                }
                command.arg(match address {
                    IpAddr::V4(v4) => format!("[{v4}]:{port}"),
                    IpAddr::V6(v6) => format!("[ipv6:{v6}]:{port}"),
                });
                scope.spawn(move || found(world, &command, "TLS connection established", 1))
            })
            .collect();
        runs.into_iter().try_for_each(|run| run.join().expect("it does not panic"))
    })
}

/// Runs a program and checks that its output has so many lines with this text.
fn found(world: &World, command: &Command, text: &str, expected: usize) -> Result<(), Missing> {
    let name = command.get_program().to_string_lossy();
    let output = world.at_client(command).map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // Columns are as wide as what stands in them.
    let lines = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let lines = lines.filter(|line| line.contains(text)).count();
    match lines == expected {
        true => Ok(()),
        false => Err(format!("{name} says {text:?} {lines} times, not {expected}:\n{said}")),
    }
}
