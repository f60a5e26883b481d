//! Names, parsed once and never plain strings afterwards.
//!
//! Knows the syntax of domains, host names, mail exchangers and targets. Must not know what a
//! resolver answers for them. Go on with [`plan`](crate::plan), which turns targets into work.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Why a text is not a name (or a target). Displays as a fragment that fits behind
/// "`x` cannot be …: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError(String);

impl NameError {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NameError {}

macro_rules! dns_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses a name as a user or a DNS record writes it: U-labels, capitals and one
            /// trailing dot are understood.
            ///
            /// # Errors
            ///
            /// Says what a name may not be: empty, over 253 octets, with a label that is empty
            /// or over 63 octets (RFC 1035 §2.3.4), with a character that no host name has, or
            /// with a last label of digits only (RFC 3696 §2), which is how an address looks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                canonical(text).map(Self)
            }

            /// Lower-case A-labels without a trailing dot.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

dns_name! {
    /// A domain: what the user asks about, and what stands behind the `@`.
    ///
    /// ```
    /// # use smtpcheck::Domain;
    /// assert_eq!(Domain::parse("Bücher.Example.")?.as_str(), "xn--bcher-kva.example");
    /// assert!(Domain::parse("no spaces.example").is_err());
    /// # Ok::<(), smtpcheck::NameError>(())
    /// ```
    Domain
}

dns_name! {
    /// The name of a server: an MX host, a submission server or a host that the user named.
    HostName
}

impl From<Domain> for HostName {
    /// The implicit MX of RFC 5321 §5.1: the domain itself is the host.
    fn from(domain: Domain) -> Self {
        Self(domain.0)
    }
}

fn canonical(text: &str) -> Result<String, NameError> {
    if text.is_empty() || text == "." {
        return Err(NameError::new("it is empty"));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        return Err(NameError::new(format!(
            "it is a URL; leave out `{scheme}://` and what follows the name, as in `{host}`"
        )));
    }
    let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY)
        .map_err(|_| NameError::new("it is not a valid internationalised name"))?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    if name.len() > 253 {
        return Err(NameError::new("it is longer than 253 octets"));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(NameError::new("it has an empty label (two dots in a row?)"));
        }
        if label.len() > 63 {
            return Err(NameError::new("it has a label longer than 63 octets"));
        }
        // The underscore is no letter of host names (RFC 952), but real mail hosts have it.
        if let Some(bad) =
            label.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
        {
            return Err(NameError::new(format!("{} is not allowed in it", describe(bad))));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::new("a label of it begins or ends with a hyphen"));
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NameError::new("its last label has digits only"));
    }
    Ok(name.to_ascii_lowercase())
}

fn describe(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_control() => "a control character".to_owned(),
        c => format!("`{c}`"),
    }
}

/// A server as it is called: by name, or by nothing but its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Host {
    /// Known by name; the name is the TLS reference identifier (RFC 9525 §4).
    Name(HostName),
    /// Known by address only: there is no reference identifier.
    Address(IpAddr),
}

impl Host {
    /// Parses a host name or an IP address, the latter with or without square brackets.
    ///
    /// # Errors
    ///
    /// As [`HostName::parse`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        if let Some(inside) = bare {
            return inside
                .parse::<Ipv6Addr>()
                .map(|a| Self::Address(a.into()))
                .or_else(|_| inside.parse().map(Self::Address))
                .map_err(|_| NameError::new("what stands in the brackets is not an IP address"));
        }
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) => HostName::parse(text).map(Self::Name),
        }
    }

    /// The name, where there is one.
    pub fn name(&self) -> Option<&HostName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A server and, where the user gave one, its port: `host`, `host:port`, `[2001:db8::1]:25`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Server {
    /// The server.
    pub host: Host,
    /// The port, where one was given.
    pub port: Option<u16>,
}

impl Server {
    /// Parses `host`, `host:port`, an IP address, or `[v6]:port`.
    ///
    /// # Errors
    ///
    /// What is wrong with the host or with the port.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { host: Host::Address(address), port: None });
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            let port = parse_port(&socket.port().to_string())?;
            return Ok(Self { host: Host::Address(socket.ip()), port: Some(port) });
        }
        if text.contains("://") || text.ends_with(']') {
            return Ok(Self { host: Host::parse(text)?, port: None });
        }
        match text.rsplit_once(':') {
            None => Ok(Self { host: Host::parse(text)?, port: None }),
            Some((host, port)) => {
                let port = parse_port(port)?;
                Ok(Self { host: Host::parse(host)?, port: Some(port) })
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (host, None) => host.fmt(f),
            (Host::Address(IpAddr::V6(address)), Some(port)) => write!(f, "[{address}]:{port}"),
            (host, Some(port)) => write!(f, "{host}:{port}"),
        }
    }
}

/// Parses a port number, 1 to 65535.
///
/// # Errors
///
/// Names the text that is no port.
pub fn parse_port(text: &str) -> Result<u16, NameError> {
    match text.parse::<u16>() {
        Ok(port) if port != 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(NameError::new(format!("`{text}` is not a port (1 to 65535)"))),
    }
}

/// What the user asks about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A domain: its mail exchangers and its submission server are looked for.
    Domain(Domain),
    /// One server, named directly; no MX look-up.
    Server(Server),
    /// A submission server alone (`-s HOST` without a target).
    Submission(Server),
}

impl Target {
    /// Parses a target as the command line or a list has it: a domain, an IDN, an address
    /// `me@example.com` whose domain is taken, `host:port`, or a bare IP address.
    ///
    /// ```
    /// # use smtpcheck::Target;
    /// assert_eq!(Target::parse("me@example.com")?.to_string(), "example.com");
    /// assert_eq!(Target::parse("[2001:db8::1]:25")?.to_string(), "[2001:db8::1]:25");
    /// # Ok::<(), smtpcheck::NameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What keeps the text from being any of these.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if let Some((local, domain)) = text.rsplit_once('@') {
            if local.is_empty() {
                return Err(NameError::new("nothing stands before the `@`"));
            }
            if domain.starts_with('[') {
                // An address literal (RFC 5321 §4.1.3), `me@[192.0.2.1]` or `me@[IPv6:…]`.
                let literal = domain.replacen("[IPv6:", "[", 1).replacen("[ipv6:", "[", 1);
                return Server::parse(&literal).map(Self::Server);
            }
            return Domain::parse(domain).map(Self::Domain);
        }
        let server = Server::parse(text)?;
        match server {
            Server { host: Host::Name(_), port: None } => Domain::parse(text).map(Self::Domain),
            server => Ok(Self::Server(server)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Server(server) | Self::Submission(server) => server.fmt(f),
        }
    }
}

/// What an MX record names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum Exchange {
    /// A host, as it should be.
    Host(HostName),
    /// The root: "takes no mail" (RFC 7505).
    Null,
    /// An IP address written as a name, which RFC 5321 §5.1 does not allow.
    Address(IpAddr),
    /// Something that cannot be a host name, and why.
    Malformed(String),
}

impl Exchange {
    /// Judges the presentation form of an MX record's exchange, a trailing dot included.
    ///
    /// `zone` is the domain that the record belongs to: a name that repeats it at its end
    /// (`mail.example.com.example.com`) comes from a dot that was forgotten in the zone file.
    pub fn parse(text: &str, zone: &str) -> Self {
        let bare = text.strip_suffix('.').unwrap_or(text);
        if bare.is_empty() {
            return Self::Null;
        }
        // A zone file's relative address gets the zone behind it: `192.0.2.1.example.com.`
        let relative = bare.strip_suffix(zone).and_then(|front| front.strip_suffix('.'));
        for candidate in [Some(bare), relative].into_iter().flatten() {
            if let Ok(address) = candidate.trim_matches(['[', ']']).parse() {
                return Self::Address(address);
            }
        }
        if let Some(front) = relative
            && (front == zone || front.ends_with(&format!(".{zone}")))
        {
            return Self::Malformed(format!(
                "it ends with the domain twice; a dot is missing behind `{front}` in the zone file"
            ));
        }
        if bare.contains('\\') {
            // Presentation form escapes what no host name has (RFC 1035 §5.1).
            let what = if bare.contains("\\032") { "a space" } else { "an escaped character" };
            return Self::Malformed(format!("{what} is not allowed in it"));
        }
        match HostName::parse(bare) {
            Ok(name) => Self::Host(name),
            Err(why) => Self::Malformed(why.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str, canonical: &str) {
        assert_eq!(Target::parse(text).map(|t| t.to_string()).as_deref(), Ok(canonical), "{text}");
    }

    fn bad(text: &str, part_of_reason: &str) {
        match Target::parse(text) {
            Ok(target) => panic!("{text} was taken for {target:?}"),
            Err(why) => assert!(why.to_string().contains(part_of_reason), "{text}: {why}"),
        }
    }

    #[test]
    fn targets_that_are_understood() {
        good("example.com", "example.com");
        good("Example.COM.", "example.com");
        good("bücher.example", "xn--bcher-kva.example");
        good("me@example.com", "example.com");
        good("\"a@b\"@example.com", "example.com");
        good("me@[192.0.2.1]", "192.0.2.1");
        good("me@[IPv6:2001:db8::1]", "2001:db8::1");
        good("mail.example.com:587", "mail.example.com:587");
        good("192.0.2.1", "192.0.2.1");
        good("192.0.2.1:25", "192.0.2.1:25");
        good("2001:db8::1", "2001:db8::1");
        good("[2001:db8::1]", "2001:db8::1");
        good("[2001:db8::1]:25", "[2001:db8::1]:25");
        good("localhost", "localhost");
        good("a_b.example", "a_b.example");
    }

    #[test]
    fn targets_that_cannot_be() {
        bad("", "empty");
        bad(".", "empty");
        bad("@example.com", "before the `@`");
        bad("a..b", "empty label");
        bad("no spaces.example", "a space");
        bad("https://example.com/x", "`example.com`");
        bad("example.com:0", "not a port");
        bad("example.com:99999", "not a port");
        bad("example.com:smtp", "not a port");
        bad("192.0.2.1:0", "not a port");
        bad("192.0.2.300", "digits only");
        bad("example.com/path", "`/`");
        bad("-x.example", "hyphen");
        bad(&format!("{}.example", "a".repeat(64)), "63");
        bad(&"a.".repeat(200), "253");
        bad("[192.0.2.1", "`[`");
        bad("[nonsense]", "not an IP address");
    }

    #[test]
    fn exchanges_are_judged_before_any_look_up() {
        let zone = "example.com";
        assert_eq!(Exchange::parse(".", zone), Exchange::Null);
        assert_eq!(Exchange::parse("192.0.2.1.", zone), Exchange::Address([192, 0, 2, 1].into()));
        assert_eq!(
            Exchange::parse("192.0.2.1.example.com.", zone),
            Exchange::Address([192, 0, 2, 1].into())
        );
        let host = |t: &str| Exchange::Host(HostName::parse(t).expect("a host name"));
        assert_eq!(Exchange::parse("MX.example.com.", zone), host("mx.example.com"));
        assert_eq!(Exchange::parse("example.com.", zone), host("example.com"));
        for malformed in [
            "mail.example.com.example.com.",
            "http://mail.example.com.",
            "mail example.com.",
            "a..b.",
            "mail\\032x.example.com.",
        ] {
            assert!(
                matches!(Exchange::parse(malformed, zone), Exchange::Malformed(_)),
                "{malformed}"
            );
        }
    }
}
