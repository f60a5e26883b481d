//! Checks of what the user wants to be so, whatever anybody else may think of it.

pub mod expectation_not_met;
