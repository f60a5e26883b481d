//! TLS: one handshake that records everything and refuses nothing.
//!
//! Knows rustls, and is the only folder that names it. An [`Attempt`] makes one handshake with a
//! verifier that lets it finish whatever the certificate is, because a probe that stops at the
//! first fault cannot tell the second, nor what the server says behind it; path, name and
//! signature are judged apart, each by itself. Must not know SMTP, ports or
//! severities. Where a server refuses without a reason, [`offer_wider`] sees what it would choose, with
//! a ClientHello of our own (`hello`, `answer`). Go on with [`crate::observation::tls`], the facts that come out, then with `judge`,
//! the rules by which they are made.

mod answer;
mod certificate;
mod config;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hello;
mod iana;
mod judge;
mod tee;
mod verify;
mod wider;

#[cfg(test)]
mod tests;

pub use config::{Attempt, CaFileError, Trust};
pub use failure::classify;
pub use tee::Tee;
pub use tokio_rustls::client::TlsStream;
pub use wider::{offer_more_schemes, offer_wider};
