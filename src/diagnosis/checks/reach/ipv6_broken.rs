use crate::diagnosis::check::{Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether a host is reached over IPv4 and not over IPv6 on the same port, although it has an
    /// AAAA record and this machine has IPv6. The finding says whether IPv6 works elsewhere from
    /// here. It takes the place of the finding for the IPv6 address alone.
    ///
    /// ## Why it matters
    ///
    /// Most senders try IPv6 first. They wait for it to time out, often half a minute, before they
    /// fall back to IPv4; some old ones do not fall back. Mail programs appear to hang.
    ///
    /// ## How to fix it
    ///
    /// If IPv6 works elsewhere from here, the server's side is at fault: let the mail service
    /// listen on IPv6 and open its IPv6 firewall, or remove the AAAA record. If it works nowhere,
    /// repair the IPv6 connection of this network or turn it off.
    ///
    /// ## When it may be wrong
    ///
    /// IPv6 paths break and heal independently of IPv4, so the fault may lie with a network in
    /// between. A run from another network with IPv6 tells.
    ///
    /// ## References
    ///
    /// RFC 5321 §5.2, RFC 8305 §2
    pub static IPV6_BROKEN = {
        code: "ipv6-broken",
        group: Reach,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "IPv6 to a host fails while IPv4 works",
        rule: Rule::Together,
    };
}
