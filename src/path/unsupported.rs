//! Hops where the system does not say which router let a packet's time run out: everywhere but on
//! Linux. Not verified on those systems; it states the fact and guesses nothing.

use std::future::{Future, ready};
use std::pin::Pin;

use super::Hops;
use crate::net::connect::{Dialling, Shortage};
use crate::observation::Connect;

/// Stands in for the operating system's TCP, and can trace nothing.
#[derive(Clone, Debug, Default)]
pub struct SystemHops {
    /// Without meaning here.
    pub public_only: bool,
}

impl Hops for SystemHops {
    fn probe<'a>(
        &'a self,
        _dialling: &'a Dialling,
        _ttl: u8,
    ) -> Pin<Box<dyn Future<Output = Result<Connect, Shortage>> + Send + 'a>> {
        let why = "this system does not tell a program which router turned a packet back";
        Box::pin(ready(Err(Shortage(why.to_owned()))))
    }
}
