//! Checks whether mail can leave for, and be taken by, a domain's servers.

pub mod address;
pub mod cli;
pub mod diagnosis;
pub mod names;
pub mod net;
pub mod observation;
pub mod plan;
pub mod port;
pub mod probe;
pub mod render;
pub mod report;
pub mod resolve;
pub mod smtp;
pub mod tls;

pub use cli::run;
pub use names::{Domain, Exchange, Host, HostName, NameError, Server, Target};
pub use smtp::{Dialogue, HeloNames, Next, ReplyReader, Said};
pub use port::{Mode, Requirement, Role, requirement};
