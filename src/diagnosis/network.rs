//! Which ports leave this network, as controls show it: the verdicts of the command `network`.

use super::advice;
use super::attribution::{self, Evidence, Spot};
use super::reach::Reach;
use super::words::list;
use super::{PortOutlook, outlook};
use crate::observation::{Gap, NetworkObservation};

/// What was made of one port.
#[derive(Clone, Debug, PartialEq)]
pub struct PortVerdict {
    /// Whether it leaves this network.
    pub outlook: PortOutlook,
    /// What is so, in one plain sentence.
    pub summary: String,
    /// What to do, in whole sentences; empty where there is nothing to do.
    pub advice: String,
}

/// The verdict on a port.
pub fn verdict(network: &NetworkObservation, port: u16) -> PortVerdict {
    let evidence = Evidence::of_network(network);
    let spots: Vec<Spot<'_>> =
        evidence.spots().iter().copied().filter(|spot| spot.port == port).collect();
    let judged: Vec<Reach> =
        spots.iter().map(|spot| attribution::judge_spot(&evidence, *spot)).collect();
    let outlook = outlook(&evidence, port, judged.iter().filter_map(Reach::block));
    let (summary, advice) = match &outlook {
        PortOutlook::Open => (open(&evidence, port), String::new()),
        PortOutlook::Blocked(block) => {
            let made_it = |reach: &&Reach| reach.block() == Some(block);
            let summary = match judged.iter().find(made_it) {
                Some(Reach::Blocked { found, .. }) => capital(&found.message),
                _ => format!("Something on this side cuts conversations on port {port}"),
            };
            let fix = match judged.iter().find(made_it) {
                Some(Reach::Blocked { found, .. }) => format!("{} ", found.fix),
                _ => String::new(),
            };
            let advice = advice::about_block(&evidence, &[], block.by, port);
            (format!("{summary}."), format!("{fix}{advice}"))
        }
        PortOutlook::Unknown => (unknown(network, &spots, port), String::new()),
    };
    PortVerdict { outlook, summary, advice }
}

fn open(evidence: &Evidence<'_>, port: u16) -> String {
    let mut answering: Vec<String> = Vec::new();
    for spot in evidence.answering(port) {
        let host = spot.host.to_string();
        if !answering.contains(&host) {
            answering.push(host);
        }
    }
    let verb = if answering.len() == 1 { "answers" } else { "answer" };
    format!("{} {verb}.", capital(&list(&answering)))
}

fn unknown(network: &NetworkObservation, spots: &[Spot<'_>], port: u16) -> String {
    if !spots.is_empty() {
        let asked: Vec<String> = spots.iter().map(Spot::server).collect();
        return format!(
            "Neither an answer nor a block was found: {} did not answer, and nothing shows why.",
            list(&asked)
        );
    }
    let somebody = network.gaps.iter().any(|gap| match gap {
        Gap::ControlWithoutAddress { .. } => true,
        Gap::ControlNotDialled { port: of, .. } => *of == port,
        Gap::NotTraced { .. } | Gap::EnoughTraced { .. } => false,
    });
    match somebody {
        true => "No control could be asked.".to_owned(),
        false => "No control is known for this port; name one with --control.".to_owned(),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let is_name = words.split(' ').next().is_some_and(|first| first.contains('.'));
    match letters.next() {
        // A host keeps its small letters.
        Some(first) if !is_name => first.to_uppercase().chain(letters).collect(),
        _ => words.to_owned(),
    }
}
