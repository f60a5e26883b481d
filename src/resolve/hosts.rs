//! The hosts file of this machine.
//!
//! Knows its format (hosts(5)) and the one name that never goes to a name server, `localhost`.
//! Must not know when the file counts: that is for servers that the user names, never for MX
//! hosts, since no other machine's mail goes by this file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::names::HostName;

/// The text of a hosts file. It is searched anew for every name: few names are asked for, and
/// block lists with a hundred thousand lines are common, which would have to be taken apart at
/// every start.
#[derive(Clone, Debug, Default)]
pub struct HostsFile(String);

impl HostsFile {
    /// This machine's file, empty where there is none or it cannot be read.
    pub fn system() -> Self {
        let path =
            if cfg!(windows) { r"C:\Windows\System32\drivers\etc\hosts" } else { "/etc/hosts" };
        Self(
            std::fs::read(path)
                .map(|b| String::from_utf8_lossy(&b).into_owned())
                .unwrap_or_default(),
        )
    }

    /// A file with this text.
    pub fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The addresses that the file gives the name, in the file's order, each once. An address
    /// with a zone (`fe80::1%lo0`) is left out: it would be dialled without its zone.
    pub fn addresses(&self, host: &HostName) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for line in self.0.trim_start_matches('\u{feff}').lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
            let is_named =
                |word: &str| word.trim_end_matches('.').eq_ignore_ascii_case(host.as_str());
            if words.any(is_named) && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// The first full name (one with a dot) on a line that lists this short one: what the file
    /// holds for the host's canonical name (hosts(5)).
    pub fn full_name(&self, short: &str) -> Option<String> {
        let lines = self.0.lines().map(|line| line.split('#').next().unwrap_or_default());
        let names = lines.map(|line| line.split_ascii_whitespace().skip(1).collect::<Vec<_>>());
        names
            .filter(|names| names.iter().any(|name| name.eq_ignore_ascii_case(short)))
            .find_map(|names| names.into_iter().find(|name| name.contains('.')).map(str::to_owned))
    }
}

/// The addresses of `localhost` and the names below it (RFC 6761 §6.3).
pub(super) fn localhost(host: &HostName) -> Option<[IpAddr; 2]> {
    let name = host.as_str();
    (name == "localhost" || name.ends_with(".localhost"))
        .then_some([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\u{feff}127.0.0.1\tlocalhost
# 192.0.2.9 commented.test
192.0.2.1   mail.test  Relay.Test. # and 192.0.2.8 not.test
2001:db8::1 mail.test
192.0.2.1\tmail.test again.test
fe80::1%lo0 zone.test
nonsense    mail.test
192.0.2.7
";

    fn addresses(name: &str) -> Vec<String> {
        let host = HostName::parse(name).expect("a host name");
        HostsFile::parse(FILE).addresses(&host).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_short_name_leads_to_the_full_one_on_its_line() {
        let file =
            HostsFile::parse("127.0.1.1 vm.example.test VM\n192.0.2.1 other # vm2.test vm2\n");
        assert_eq!(file.full_name("vm").as_deref(), Some("vm.example.test"));
        assert_eq!(file.full_name("other"), None);
        assert_eq!(file.full_name("vm2"), None);
    }

    #[test]
    fn names_are_found_on_every_line_and_in_every_spelling() {
        assert_eq!(addresses("mail.test"), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(addresses("relay.test"), ["192.0.2.1"]);
        assert_eq!(addresses("again.test"), ["192.0.2.1"]);
        assert_eq!(addresses("localhost"), ["127.0.0.1"]);
    }

    #[test]
    fn comments_zones_and_strangers_are_not_names() {
        for name in ["commented.test", "not.test", "zone.test", "test", "ail.test"] {
            assert!(addresses(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn localhost_is_known_without_asking() {
        let host = |name| HostName::parse(name).expect("a host name");
        assert!(localhost(&host("localhost")).is_some());
        assert!(localhost(&host("mail.localhost")).is_some());
        assert!(localhost(&host("localhost.test")).is_none());
        assert!(localhost(&host("notlocalhost")).is_none());
    }
}
