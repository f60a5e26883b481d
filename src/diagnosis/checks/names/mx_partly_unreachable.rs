use crate::diagnosis::check::{Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether some addresses of the MX hosts cannot be reached on port 25 while others can. As
    /// long as one address of a most-preferred host works, this one warning takes the place of an
    /// error for each failing address.
    ///
    /// ## Why it matters
    ///
    /// Mail still arrives, because senders go on to the next address. But each of them first waits
    /// for the dead ones, often half a minute and more, and if the last good address fails there is
    /// nothing left.
    ///
    /// ## How to fix it
    ///
    /// Bring the named addresses back, or remove their records (MX, A or AAAA) if they are gone for
    /// good. The finding lists each address with what was seen there.
    ///
    /// ## When it may be wrong
    ///
    /// When the failing addresses refuse only this client, or when the path from here to just those
    /// addresses is broken. A run from another network tells.
    ///
    /// ## References
    ///
    /// RFC 5321 §5.1, RFC 5321 §4.5.4.1
    pub static MX_PARTLY_UNREACHABLE = {
        code: "mx-partly-unreachable",
        group: Names,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "some addresses of the MX hosts cannot be reached, others can",
        rule: Rule::Together,
    };
}
