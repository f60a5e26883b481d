//! Observations → Diagnosis: a pure function.
pub mod check;
pub mod checks;
pub mod finding;
#[cfg(test)]
pub(crate) mod fixture;
pub mod reach;
pub mod stop;
mod words;
