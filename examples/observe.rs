//! Uses the library: probes what the command line names, and prints the facts, which
//! `diagnose_again` judges later.
//!
//! ```console
//! $ cargo run --example observe -- example.com > observations.json
//! $ cargo run --example diagnose_again -- observations.json
//! ```

use std::error::Error;
use std::io::Write;

use smtpcheck::{Args, Plan, Stop, probe, system_effects};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::read(std::env::args_os()).map_err(|stop| match stop {
        Stop::Show(text) | Stop::Usage(text) => text,
    })?;
    let plan = Plan::new(&args, |_| Err("this example reads no list".to_owned()))?;
    let effects = system_effects(&args, &plan)?;
    let (_never_interrupted, stop) = watch::channel(false);
    let observations = probe(plan, effects, stop).await;
    serde_json::to_writer_pretty(std::io::stdout().lock(), &observations)?;
    writeln!(std::io::stdout())?;
    Ok(())
}
