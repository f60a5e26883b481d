//! Checks whether mail can leave for, and be taken by, a domain's servers.

pub mod address;
pub mod diagnosis;
pub mod names;
pub mod observation;
pub mod port;
pub mod report;

pub use names::{Domain, Exchange, Host, HostName, NameError, Server, Target};
pub use port::{Mode, Requirement, Role, requirement};
