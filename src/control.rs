//! Controls: mail servers that are known to be good, and who is unrelated to whom.
//!
//! Knows the built-in list (`control/controls.toml`, dated) and what the user puts in its place.
//! Must not know when a control is asked, nor what its answer means: go on with
//! [`probe`](crate::probe) for the one and [`diagnosis`](crate::diagnosis) for the other.

use std::net::IpAddr;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::names::{Host, Server};

/// Where the controls of a run come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Controls {
    /// The built-in list.
    #[default]
    BuiltIn,
    /// The user named them; with none named, none is asked.
    Named(Vec<Server>),
}

/// A mail server that is known to be good on some port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The server.
    pub host: Host,
    /// Who runs it.
    pub operator: String,
}

impl Controls {
    /// The controls for a port, in the order in which they are to be asked.
    pub fn for_port(&self, port: u16) -> Vec<Control> {
        match self {
            Self::BuiltIn => {
                let serves = |row: &&Row| row.ports.contains(&port);
                let control = |row: &Row| {
                    let host = Host::parse(&row.host).ok()?;
                    Some(Control { host, operator: row.operator.clone() })
                };
                LIST.control.iter().filter(serves).filter_map(control).collect()
            }
            Self::Named(servers) => {
                let serves = |server: &&Server| server.port.is_none_or(|own| own == port);
                let control = |server: &Server| Control {
                    host: server.host.clone(),
                    operator: operator(&server.host),
                };
                servers.iter().filter(serves).map(control).collect()
            }
        }
    }

    /// Nobody is ever asked.
    pub fn are_off(&self) -> bool {
        *self == Self::Named(Vec::new())
    }
}

/// Who runs a host, as far as its name tells: the last two labels. Hosts below one public suffix of
/// two labels are taken for one operator's, which costs a second opinion and makes none up.
pub fn operator(host: &Host) -> String {
    match host {
        Host::Name(name) => {
            let labels: Vec<&str> = name.as_str().rsplit('.').take(2).collect();
            labels.into_iter().rev().collect::<Vec<_>>().join(".")
        }
        Host::Address(address) => address.to_string(),
    }
}

/// Whether two servers may be one operator's, as their names or addresses tell. What related servers
/// have in common proves nothing about the way to them.
pub fn are_related(one: (&Host, IpAddr), other: (&Host, IpAddr)) -> bool {
    one.1 == other.1 || operator(one.0) == operator(other.0)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// The day on which every row was last looked through.
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the data"))]
    checked: String,
    control: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    host: String,
    operator: String,
    ports: Vec<u16>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the data"))]
    source: String,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let text = include_str!("control/controls.toml");
    // A test reads it, so this is never met by a user.
    toml::from_str(text).unwrap_or(List { checked: String::new(), control: Vec::new() })
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).expect("a host")
    }

    #[test]
    fn every_usual_port_has_two_unrelated_operators() {
        for port in [25, 465, 587, 2525] {
            let controls = Controls::BuiltIn.for_port(port);
            let operators: BTreeSet<&str> = controls.iter().map(|c| c.operator.as_str()).collect();
            let names: BTreeSet<String> = controls.iter().map(|c| operator(&c.host)).collect();
            assert!(operators.len() >= 2 && names.len() >= 2, "port {port}: {controls:?}");
        }
        assert!(Controls::BuiltIn.for_port(443).is_empty());
    }

    #[test]
    fn the_list_is_dated_and_every_row_has_a_source() {
        let day = time::macros::format_description!("[year]-[month]-[day]");
        assert!(time::Date::parse(&LIST.checked, &day).is_ok(), "{}", LIST.checked);
        for row in &LIST.control {
            assert!(host(&row.host).name().is_some(), "{}", row.host);
            assert!(!row.source.is_empty() && !row.ports.is_empty(), "{}", row.host);
        }
    }

    #[test]
    fn named_controls_replace_the_list() {
        let named = |text: &str| Server::parse(text).expect("a server");
        let controls = Controls::Named(vec![named("mx.a.test"), named("192.0.2.1:587")]);
        let of = |port| controls.for_port(port).into_iter().map(|c| c.operator).collect::<Vec<_>>();
        assert_eq!(of(25), ["a.test"]);
        assert_eq!(of(587), ["a.test", "192.0.2.1"]);
        assert!(!controls.are_off());
        assert!(Controls::Named(Vec::new()).are_off());
    }

    #[test]
    fn servers_are_related_by_name_or_by_address() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (one, other) = (ip("192.0.2.1"), ip("198.51.100.1"));
        assert!(are_related((&host("mx.a.test"), one), (&host("smtp.a.test"), other)));
        assert!(are_related((&host("mx.a.test"), one), (&host("mx.b.test"), one)));
        assert!(!are_related((&host("mx.a.test"), one), (&host("mx.b.test"), other)));
        assert!(!are_related((&host("192.0.2.1"), one), (&host("mx.b.test"), other)));
    }
}
