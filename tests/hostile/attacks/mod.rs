//! The attacks, a file each for what is attacked.

mod certificates;
mod dialogue;
mod greeting;
mod handshake;
mod names;

use crate::attack::Attack;

/// Every attack.
pub fn all() -> Vec<Attack> {
    [
        greeting::attacks(),
        dialogue::attacks(),
        handshake::attacks(),
        certificates::attacks(),
        names::attacks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
