//! The path to a port: which routers are on it, and where it ends.
//!
//! Knows ladders: connection attempts whose packets live for 1, 2, 3 … hops. Must not know who is
//! to blame for what they show. Begin with [`ladder`] (the schedule) and [`compare`] (where two
//! paths part), which are pure; [`walk`] carries a ladder out through [`Hops`], of which
//! [`SystemHops`] is the real one.

pub mod compare;
pub mod ladder;
mod pace;
pub mod side;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unsupported.rs")]
mod system;
mod walk;

use std::future::Future;
use std::pin::Pin;

pub use system::SystemHops;
pub use walk::{Rail, Walks};

use crate::net::connect::{Dialling, Shortage};
use crate::observation::Connect;

/// The effect "hops": one connection attempt whose packets live for `ttl` hops. Tests replace it.
pub trait Hops: Send + Sync {
    /// Makes the attempt and closes what came of it. Dropping the future closes it at once.
    ///
    /// # Errors
    ///
    /// Where this system cannot do it: a fact about this machine and none about the network.
    fn probe<'a>(
        &'a self,
        dialling: &'a Dialling,
        ttl: u8,
    ) -> Pin<Box<dyn Future<Output = Result<Connect, Shortage>> + Send + 'a>>;
}
