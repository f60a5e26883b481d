//! Judges saved observations: a better rule improves an old report, and a bug report becomes a
//! test. See `observe` for how to save them.

use std::error::Error;
use std::io::Write;

use smtpcheck::observation::Observations;
use smtpcheck::{Demands, diagnose};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a file of saved observations")?;
    let saved: Observations = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut out = std::io::stdout().lock();
    for (seen, made) in saved.targets.iter().zip(diagnose(&saved, &Demands::default()).targets) {
        writeln!(out, "{}: {}", seen.target, made.summary)?;
        for (endpoint, made) in seen.endpoints.iter().zip(made.endpoints) {
            writeln!(out, "  {} {}: {}", endpoint.label(), made.status, made.summary)?;
        }
        for finding in made.findings {
            writeln!(out, "  {} {}: {}", finding.severity, finding.code, finding.message)?;
        }
    }
    Ok(())
}
