//! The shape of an attack: who plays what, what is asked of the program, and what is sensible then.

use crate::name_server::Answering;
use crate::peer::Act;

/// One attack.
pub struct Attack {
    pub name: String,
    pub plays: Plays,
    /// Behind the target and the usual options.
    pub arguments: &'static [&'static str],
    pub expected: Expected,
}

/// Who attacks.
pub enum Plays {
    /// The server of `server.example`, which is dialled for this port. Each connection plays the
    /// script from its beginning.
    Server(u16, Vec<Act>),
    /// The name server, for the domain `test.example`.
    NameServer(Answering),
    /// Both: names lead to any loopback address, at each of which the same server listens, on a
    /// port that the answers are told.
    Both(fn(u16) -> Answering, Vec<Act>),
}

/// What is sensible.
pub struct Expected {
    pub exit: i32,
    pub verdict: &'static str,
    /// The status of every required endpoint; nothing where there is none.
    pub status: &'static [&'static str],
    /// Errors and warnings.
    pub faults: &'static [&'static str],
}

/// An attack of the server behind a port.
pub fn server(name: impl Into<String>, port: u16, script: Vec<Act>, expected: Expected) -> Attack {
    Attack { name: name.into(), plays: Plays::Server(port, script), arguments: &[], expected }
}

/// An attack of the name server.
pub fn names(name: &str, answering: Answering, expected: Expected) -> Attack {
    Attack { name: name.to_owned(), plays: Plays::NameServer(answering), arguments: &[], expected }
}

/// Errors.
pub const fn problems(
    status: &'static [&'static str],
    faults: &'static [&'static str],
) -> Expected {
    Expected { exit: 1, verdict: "problems", status, faults }
}

/// Nothing worse than warnings.
pub const fn ok(faults: &'static [&'static str]) -> Expected {
    Expected { exit: 0, verdict: "ok", status: &["open"], faults }
}

/// No verdict is possible.
pub const fn undetermined(
    status: &'static [&'static str],
    faults: &'static [&'static str],
) -> Expected {
    Expected { exit: 3, verdict: "undetermined", status, faults }
}
