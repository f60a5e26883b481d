//! The terminal behind standard error: whether it is ours to draw on, and what it echoes.

use std::io::{self, IsTerminal};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// A terminal on which keys like Ctrl-C leave no `^C` behind. The two characters would stand where
/// the lines end and push them off the place where they are wiped away.
pub struct Terminal {
    before: Option<Termios>,
}

impl Terminal {
    /// Standard error, where it is a terminal that can move its cursor and that is ours: a program
    /// in the background would draw into what the user types.
    pub fn take() -> Option<Self> {
        let term = std::env::var("TERM").ok();
        if !io::stderr().is_terminal() || !can_move(term.as_deref()) || !in_foreground() {
            return None;
        }
        let before = tcgetattr(io::stderr()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_flags.remove(LocalFlags::ECHOCTL);
            // It is a matter of looks, so it may fail.
            let _ = tcsetattr(io::stderr(), SetArg::TCSANOW, &quiet);
        }
        Some(Self { before })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // From the background this would stop the program.
        if let Some(before) = self.before.take().filter(|_| in_foreground()) {
            let _ = tcsetattr(io::stderr(), SetArg::TCSANOW, &before);
        }
    }
}

/// Whether the cursor can be moved on a terminal of this kind.
fn can_move(term: Option<&str>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

fn in_foreground() -> bool {
    tcgetpgrp(io::stderr()).is_ok_and(|group| group == getpgrp())
}

#[cfg(test)]
mod tests {
    use super::can_move;

    #[test]
    fn a_dumb_terminal_gets_nothing() {
        assert!(can_move(Some("xterm-256color")));
        assert!(!can_move(Some("dumb")) && !can_move(Some("")) && !can_move(None));
    }
}
