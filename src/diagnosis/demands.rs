//! What the user wants to be judged how: the part of a verdict that is no fact.
//!
//! A saved run can be diagnosed again under other demands.

use std::collections::HashMap;

use super::finding::Status;
use crate::names::Target;
use crate::port::Role;

/// How a run is to be judged. The default ignores nothing, expects nothing in particular, and holds
/// a block on this side against the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// Codes that are treated as if they had not been found.
    pub ignore: Vec<&'static str>,
    /// What a port that is blocked on this side means.
    pub blocked_here: BlockedHere,
    /// What is to be judged differently of single targets.
    pub targets: HashMap<Target, TargetDemands>,
}

/// What is to be judged differently of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetDemands {
    /// Codes that are ignored here, besides those that are ignored everywhere.
    pub ignore: Vec<&'static str>,
    /// What must be true of it.
    pub expectations: Vec<Expectation>,
}

/// What must be true of every endpoint of one role and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// What the server is to the target.
    pub role: Role,
    /// The port.
    pub port: u16,
    /// The statuses of which one is right. Never [`Status::Skipped`]: that nothing is tried can be
    /// wished for, but not found out.
    pub statuses: Vec<Status>,
}

/// What a port that is blocked on this side (by this host or its network) means for a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockedHere {
    /// It is an error like any other.
    #[default]
    Fail,
    /// Nothing is known of the target then, so no verdict is given.
    Undetermined,
    /// The endpoint is left out, and the rest decides.
    Skip,
}

impl Demands {
    /// The default, but for these codes.
    pub fn ignoring(codes: &[&'static str]) -> Self {
        Self { ignore: codes.to_vec(), ..Self::default() }
    }

    /// The codes that are ignored of one target.
    pub(super) fn ignored(&self, target: &Target) -> Vec<&'static str> {
        let own = self.targets.get(target).map_or(&[][..], |own| &own.ignore);
        self.ignore.iter().chain(own).copied().collect()
    }

    /// What must be true of one target.
    pub fn expectations(&self, target: &Target) -> &[Expectation] {
        self.targets.get(target).map_or(&[], |own| &own.expectations)
    }
}
