//! Checks whether mail gets through to a domain's servers, and says what stops it.
//!
//! **Facts, then verdicts, then words**: effects gather facts about names, connections, the SMTP
//! dialogue and TLS; pure functions turn facts into findings and statuses; renderers turn those
//! into bytes. Nothing runs backwards.
//!
//! ```text
//! Args ─▶ Plan ─▶ Resolution ─▶ Observations ─▶ Diagnosis ─▶ Report ─▶ bytes
//! cli/    plan    resolve/      probe/, net/,   diagnosis/   report    render/
//!                                path/
//! pure    pure    effect        effect          pure         pure      pure
//! ```
//!
//! How a run goes, and where to read on:
//!
//! 1. [`run`] is the whole program. It reads the command line with [`Args::read`] and makes a
//!    [`Plan`] of it, where nonsense is refused.
//! 2. [`probe`] carries the plan out. It asks [`Names`] for mail exchangers, submission servers
//!    and addresses, dials through a [`Connector`], and has each conversation led by a
//!    [`Dialogue`], the protocol without I/O. TLS handshakes record every fault and refuse none.
//! 3. What comes out are [`Observations`](observation::Observations): facts only, which can be
//!    saved and judged again later.
//! 4. [`diagnose`] judges them with the [`CHECKS`], one file each, and decides statuses and
//!    verdicts.
//! 5. [`Report::new`] joins facts and verdicts into the published JSON shape, from which
//!    [`text`] and [`json`] make what people and machines read.
//!
//! Where a port does not connect, [`probe`] gathers the evidence for who blocks it too: how
//! [`Controls`] fare on the same port from here, and ladders to both. The command `network` asks
//! the controls alone.
//!
//! With `jsonl` each target goes that way by itself, as soon as it is finished, so that a list may be
//! as long as it likes: [`probe_each`] takes targets as they come, with what else of the run bears on
//! each.
//!
//! The command `trace` takes another way through the same places: [`trace`] walks ladders through
//! [`Hops`] instead of holding conversations, and [`Report::of_traces`] tells where they part. The
//! command `explain` probes nothing: it shows what is written beside the [`CHECKS`].
//!
//! Diagnosing saved observations again:
//!
//! ```no_run
//! let saved = std::fs::read_to_string("observations.json")?;
//! let observations: smtpcheck::observation::Observations = serde_json::from_str(&saved)?;
//! for target in smtpcheck::diagnose(&observations, &smtpcheck::Demands::default()).targets {
//!     assert_ne!(target.summary, "");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod cli;
mod control;
mod deadline;
mod diagnosis;
mod environment;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod names;
mod net;
pub mod observation;
mod path;
mod plan;
mod port;
mod probe;
mod render;
mod report;
mod resolve;
mod smtp;
mod tls;

pub use cli::args::{Args, Stop};
pub use cli::{exit, run, system_effects};
pub use control::{Control, Controls};
pub use diagnosis::check::{Check, Group};
pub use diagnosis::checks::ALL as CHECKS;
pub use diagnosis::demands::{BlockedHere, Demands, Expectation, TargetDemands};
pub use diagnosis::finding;
pub use diagnosis::{Diagnosis, diagnose};
pub use environment::{Basis, Kind, Marks, Policy, Provider, provider, recognise};
pub use names::{Domain, Exchange, Host, HostName, NameError, Server, Target};
pub use net::connect::{Dialling, Shortage};
pub use net::connector::{BoxedStream, Connector, Dialled, SystemConnector};
pub use path::Hops;
pub use plan::{Entry, List, ListFrom, Plan, Submission};
pub use port::{Mode, PortMode, Requirement, Role, requirement};
pub use probe::{Effects, Finished, Onlooker, Progress, Step};
pub use probe::{run as probe, run_each as probe_each, trace};
pub use render::{PluginState, Styles, TextOptions, sanitize};
pub use render::{github, json, jsonl, junit, markdown, nagios, prometheus, text};
pub use report::Report;
pub use resolve::{Answer, BoxFuture, Names, NamesOptions, Record, RecordType, Resolver};
pub use smtp::{Dialogue, HeloNames, Next, ReplyProgress, ReplyReader, Said};
pub use tls::{CaFileError, Trust};
