use crate::diagnosis::check::{Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// That what `expect` in the configuration says is true: every endpoint of that role and port has
    /// one of the expected statuses. It compares what is left after `--ignore`.
    ///
    /// ## Why it matters
    ///
    /// Whoever wrote the configuration knows how the servers are meant to be: which ports are to be
    /// open, and also which are to be closed. A port that is open against that is as much of a
    /// surprise as one that is closed, so this is an error on optional ports, too.
    ///
    /// ## How to fix it
    ///
    /// Look at the other findings of the same endpoint: they say what is so and why. Where the server
    /// is as it should be, change `expect`. A port that has to work and does not answer is `blocked`,
    /// only an optional one is `silent`.
    ///
    /// ## When it may be wrong
    ///
    /// An endpoint that could not be tested (skipped, or put off by the server) breaks no
    /// expectation: the target is then undetermined, unless another address of the same host was
    /// tested. Where the expectation is met, findings that say the same are told as notes:
    /// `port-closed` is no error where closed is expected.
    ///
    /// ## References
    ///
    /// RFC 6409 §3.1, RFC 8314 §3.3
    pub static EXPECTATION_NOT_MET = {
        code: "expectation-not-met",
        group: Policy,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the configuration expects another status of this endpoint",
        rule: Rule::Together,
    };
}
