//! This host's own full name, to introduce ourselves by (RFC 5321 §4.1.1.1).

use crate::names::Domain;
use crate::resolve::HostsFile;

/// The host name where it is a full one, else the full name that the hosts file gives it. Nothing
/// is asked of a name server: a name that needs one may well be wrong.
pub fn full(hosts: Option<&HostsFile>) -> Option<String> {
    let own = nix::unistd::gethostname().ok()?.into_string().ok()?;
    choose(&own, |short| hosts.and_then(|hosts| hosts.full_name(short)))
}

fn choose(own: &str, in_hosts_file: impl Fn(&str) -> Option<String>) -> Option<String> {
    let own = Domain::parse(own).ok()?;
    let is_full = |name: &str| name.contains('.') && !name.starts_with("localhost.");
    if is_full(own.as_str()) {
        return Some(own.to_string());
    }
    let name = Domain::parse(&in_hosts_file(own.as_str())?).ok()?;
    is_full(name.as_str()).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn only_a_full_name_will_do() {
        let none = |_: &str| None;
        assert_eq!(choose("MX.example.com", none).as_deref(), Some("mx.example.com"));
        assert_eq!(choose("vm", none), None);
        assert_eq!(choose("localhost.localdomain", none), None);
        assert_eq!(choose("not a name", none), None);
        let file = |short: &str| (short == "vm").then(|| "vm.example.com".to_owned());
        assert_eq!(choose("vm", file).as_deref(), Some("vm.example.com"));
        assert_eq!(choose("vm", |_| Some("localhost.localdomain".to_owned())), None);
    }
}
