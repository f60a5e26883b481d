//! Observations → Diagnosis: a pure function.
pub mod check;
pub mod checks;
pub mod finding;
pub mod reach;
