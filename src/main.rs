//! Parse, run, write, exit; all of it is in the library.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (stdout, mut stderr) = (io::stdout(), io::stderr());
    ExitCode::from(smtpcheck::run(std::env::args_os(), &mut stdout.lock(), &mut stderr, true))
}
