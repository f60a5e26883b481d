//! Checks of the handshake and the certificates.

pub mod certificate_expired;
