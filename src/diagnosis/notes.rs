//! What could not be looked at, in sentences: a verdict that does without it says so.

use crate::observation::{Gap, LookupOutcome};

/// A gap in the evidence as a sentence.
pub fn of_gap(gap: &Gap) -> String {
    match gap {
        Gap::ControlWithoutAddress { host, ipv4, lookup } => {
            let family = if *ipv4 { "IPv4" } else { "IPv6" };
            let why = match lookup {
                Some(lookup) => match (lookup.no_answer(), &lookup.outcome) {
                    (Some(why), _) => format!(": {why}"),
                    (None, LookupOutcome::NxDomain) => ": the name does not exist".to_owned(),
                    _ => String::new(),
                },
                None => String::new(),
            };
            format!("The control {host} was not asked over {family}: it has no such address{why}.")
        }
        Gap::ControlNotDialled { host, port, why } => {
            format!("The control {host} was not asked on port {port}: {why}.")
        }
        Gap::NotTraced { address, port, why } => {
            format!("The path to port {port} of {address} was not traced: {why}.")
        }
        Gap::EnoughTraced { address, port } => format!(
            "The path to port {port} of {address} was not traced: enough others were in this run."
        ),
    }
}
