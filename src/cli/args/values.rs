//! How the value of each option is spelt, and what is said of one that is not.
//!
//! Knows one value at a time. Must not know where it stands: the command line, the environment and
//! the configuration are read by the same functions.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;

use super::{ConnectTo, FormatArg, ReportArg, ServerArg};
use crate::diagnosis::checks;
use crate::names::{self, Host, Server};
use crate::port::{Mode, PortMode};

pub(in crate::cli) fn parse_server_or_none(text: &str) -> Result<ServerArg, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(ServerArg::None);
    }
    Server::parse(text)
        .map(ServerArg::Server)
        .map_err(|why| format!("{why}; give HOST, HOST:PORT or none"))
}

pub(super) fn parse_port_mode(text: &str) -> Result<PortMode, String> {
    let (port, mode) = match text.trim().split_once('=') {
        None => (text.trim(), None),
        Some((port, mode)) if mode.eq_ignore_ascii_case("starttls") => (port, Some(Mode::Starttls)),
        Some((port, mode)) if mode.eq_ignore_ascii_case("implicit") => (port, Some(Mode::Implicit)),
        Some((_, mode)) => {
            return Err(format!(
                "`{mode}` is not a mode; give PORT, PORT=starttls or PORT=implicit"
            ));
        }
    };
    let port = names::parse_port(port).map_err(|why| why.to_string())?;
    let usual = PortMode::usual(port);
    Ok(PortMode { port, mode: mode.unwrap_or(usual.mode) })
}

pub(super) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let allowed = "give seconds, more than 0 and at most 3600, as in 8 or 0.5";
    match text.trim().parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(allowed.to_owned()),
    }
}

pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    let allowed = "give connections a second, at least 0.01 and at most 100000, as in 50";
    match text.trim().parse::<f64>() {
        Ok(rate) if (0.01..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err(allowed.to_owned()),
    }
}

pub(super) fn parse_address(text: &str) -> Result<IpAddr, String> {
    text.trim()
        .parse()
        .map_err(|_| "give an IP address of this machine, as in 192.0.2.1".to_owned())
}

/// The port of name servers (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

pub(super) fn parse_resolver(text: &str) -> Result<SocketAddr, String> {
    let server = Server::parse(text).ok();
    match server {
        Some(Server { host: Host::Address(address), port }) => {
            Ok(SocketAddr::new(address, port.unwrap_or(DNS_PORT)))
        }
        _ => Err("give the name server's address, as in 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53".to_owned()),
    }
}

pub(super) fn parse_connect_to(text: &str) -> Result<ConnectTo, String> {
    let form = "give HOST:PORT:ADDR:PORT, as in mx.example.com:25:192.0.2.1:2525; HOST and the first PORT may be empty, IPv6 addresses stand in brackets";
    let parts = split_outside_brackets(text);
    let [host, port, address, to_port] = parts.as_slice() else {
        return Err(form.to_owned());
    };
    let host = match *host {
        "" => None,
        host => Some(Host::parse(host).map_err(|why| format!("`{host}` is no host: {why}"))?),
    };
    let port = match *port {
        "" => None,
        port => Some(names::parse_port(port).map_err(|why| why.to_string())?),
    };
    let Ok(Host::Address(address)) = Host::parse(address) else {
        return Err(format!("`{address}` is not an IP address; {form}"));
    };
    let to_port = names::parse_port(to_port).map_err(|why| why.to_string())?;
    Ok(ConnectTo { host, port, to: SocketAddr::new(address, to_port) })
}

/// Splits at the colons that do not stand in square brackets.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            ':' if !inside => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

pub(in crate::cli) fn parse_report(text: &str) -> Result<ReportArg, String> {
    let form = "give FORMAT=FILE, as in junit=report.xml";
    let (format, file) = text.split_once('=').ok_or(form)?;
    let known = FormatArg::value_variants();
    let name = |format: &FormatArg| format.to_possible_value().map(|v| v.get_name().to_owned());
    let names: Vec<String> = known.iter().filter_map(name).collect();
    let format = FormatArg::from_str(format, true).map_err(|_| {
        match nearest(format, names.iter().map(String::as_str)) {
            Some(nearest) => format!("there is no format `{format}`; did you mean `{nearest}`?"),
            None => format!("there is no format `{format}`; there are {}", names.join(", ")),
        }
    })?;
    match file {
        "" => Err(form.to_owned()),
        file => Ok(ReportArg { format, file: file.into() }),
    }
}

pub(super) fn parse_helo(text: &str) -> Result<String, String> {
    // An address literal or a domain, RFC 5321 §4.1.1.1. Nothing else may reach the wire.
    if let Some(literal) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
        return match address.parse::<IpAddr>() {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err("what stands in the brackets is no IP address".to_owned()),
        };
    }
    names::Domain::parse(text).map(|name| name.to_string()).map_err(|why| {
        format!("{why}; give a domain name or an address literal such as [192.0.2.1]")
    })
}

pub(in crate::cli) fn parse_code(text: &str) -> Result<&'static str, String> {
    if let Some(check) = checks::find(text) {
        return Ok(check.code);
    }
    Err(match nearest_codes(text).split_last() {
        None => "there is no such finding; `smtpcheck explain` lists them all".to_owned(),
        Some((one, [])) => format!("there is no such finding; did you mean {one}?"),
        Some((last, others)) => {
            format!("there is no such finding; did you mean {} or {last}?", others.join(", "))
        }
    })
}

/// The candidate that is spelt most like `text`, if one is near.
pub(in crate::cli) fn nearest<'a>(
    text: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let (distance, best) = candidates.map(|c| (strsim::damerau_levenshtein(text, c), c)).min()?;
    (distance <= text.len().max(best.len()) / 3).then_some(best)
}

/// The most codes that are suggested in place of one that there is not.
const SUGGESTED: usize = 5;

/// The codes that somebody may have meant, in backquotes: those that are spelt alike, nearest first,
/// then those that have most of the words.
fn nearest_codes(text: &str) -> Vec<String> {
    let text = text.to_ascii_lowercase().replace('_', "-");
    let codes = || checks::ALL.iter().map(|check| check.code);
    let mut alike: Vec<(usize, &str)> = codes()
        .map(|code| (strsim::damerau_levenshtein(&text, code), code))
        .filter(|(distance, code)| *distance <= text.len().max(code.len()) / 4)
        .collect();
    alike.sort_unstable();
    // Shorter words are in too many.
    let words = text.split('-').filter(|word| word.len() >= 3);
    let shared = |code: &str| words.clone().filter(|word| code.contains(word)).count();
    let most = codes().map(shared).max().unwrap_or(0);
    let have_most = codes().filter(|code| most > 0 && shared(code) == most);
    let mut suggested: Vec<String> = Vec::new();
    for code in alike.into_iter().map(|(_, code)| code).chain(have_most) {
        let code = format!("`{code}`");
        if !suggested.contains(&code) {
            suggested.push(code);
        }
    }
    suggested.truncate(SUGGESTED);
    suggested
}
