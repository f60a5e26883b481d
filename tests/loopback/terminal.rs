//! What a person sees: the binary in a real terminal (tmux), its progress, and Ctrl-C.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use crate::lab::Lab;
use crate::lab::certificates::Flaw;

/// A terminal of its own, which ends with the test.
struct Terminal {
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Terminal {
    /// A terminal of 100 by 30 in which a plain shell waits, or nothing where there is no tmux.
    fn open() -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            let required =
                std::env::var_os("SMTPCHECK_TESTS_REQUIRED").is_some_and(|value| value == "1");
            assert!(!required, "no test may be skipped here, but there is no tmux");
            // Not through the macro, whose output is only shown when a test fails.
            let _ = writeln!(std::io::stderr(), "SKIPPED: there is no tmux");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary directory");
        let terminal = Self { socket: folder.path().join("tmux"), _folder: folder };
        // `-f` keeps the user's own settings out.
        let shell = "env -i PATH=\"$PATH\" LANG=C.UTF-8 PS1='ready> ' TERM=\"$TERM\" sh";
        let words = ["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", shell];
        let output = terminal.tmux(&words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        terminal.until("the shell is ready", |screen| screen.contains("ready>"));
        Some(terminal)
    }

    fn tmux(&self, words: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(words).output().expect("tmux runs")
    }

    fn send(&self, keys: &str) {
        assert!(self.tmux(&["send-keys", keys]).status.success(), "it takes keys");
    }

    /// Types a command line without showing it, so that the screen has what the program says.
    fn run(&self, lab: &Lab, before: &str, arguments: &[&str], after: &str) {
        let file = self.socket.with_extension("sh");
        let mut words = vec![before.to_owned(), env!("CARGO_BIN_EXE_smtpcheck").to_owned()];
        let own = arguments.iter().map(|argument| (*argument).to_owned());
        words.extend(lab.options().into_iter().chain(own).map(|word| format!("'{word}'")));
        words.push(after.to_owned());
        let script = format!("{}\necho \"exit $?.\"\n", words.join(" "));
        std::fs::write(&file, script).expect("a script");
        let line = format!("clear; . {}", file.display());
        assert!(self.tmux(&["send-keys", "-l", &line]).status.success(), "it takes a line");
        self.send("Enter");
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).trim_end().to_owned()
    }

    /// Waits until the screen shows something, and fails where it never does.
    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        for _ in 0..600 {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited in vain: {what}\n{}", self.screen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// A domain of which one mail exchanger is fine and two say nothing at all.
fn mute_domain() -> Lab {
    let mut lab = Lab::start();
    lab.relay("mx.test.example", Flaw::None);
    for host in ["mute1.test.example", "mute2.test.example"] {
        lab.mute(host);
    }
    lab.dns.add(
        "test.example MX 10 mx.test.example
         test.example MX 20 mute1.test.example
         test.example MX 20 mute2.test.example",
    );
    lab
}

const WAITING: &str = "s  waiting for the greeting";

#[test]
fn progress_is_shown_and_ctrl_c_leaves_a_clean_screen_with_the_partial_report() {
    let Some(terminal) = Terminal::open() else { return };
    let lab = mute_domain();
    terminal.run(&lab, "", &["test.example", "--timeout=300"], "");
    let screen =
        terminal.until("both are waited for", |screen| screen.matches(WAITING).count() == 2);
    for host in ["mute1.test.example[127.0.0.1]:", "mute2.test.example[127.0.0.1]:"] {
        let line = screen.lines().find(|line| line.starts_with(host));
        assert!(line.is_some_and(|line| line.contains(WAITING)), "{screen}");
    }
    terminal.send("C-c");
    let screen = terminal.until("it ends", |screen| screen.contains("exit 3."));
    let first = screen.lines().next().unwrap_or_default();
    assert!(first.starts_with("test.example: interrupted"), "{screen}");
    let finished = screen.lines().find(|line| line.contains(" mx.test.example "));
    assert!(finished.is_some_and(|line| line.contains("open")), "the partial report:\n{screen}");
    assert!(!screen.contains("waiting for") && !screen.contains("^C"), "{screen}");
    // The terminal is what it was: it echoes control characters again.
    let flags = "clear; stty -a | tr ' ' '\\n' | grep echoctl";
    terminal.tmux(&["send-keys", "-l", flags]);
    terminal.send("Enter");
    terminal.until("the terminal's flags", |screen| screen.lines().any(|line| line == "echoctl"));
}

#[test]
fn progress_is_gone_when_the_report_is_printed() {
    let Some(terminal) = Terminal::open() else { return };
    let lab = mute_domain();
    terminal.run(&lab, "", &["test.example", "mx.test.example:25", "--timeout=1.5"], "");
    terminal.until("progress", |screen| screen.contains("1 of 2 targets done"));
    let screen = terminal.until("it ends", |screen| screen.contains("exit 1."));
    assert!(!screen.contains("targets done") && !screen.contains(WAITING), "{screen}");
    // Where the report goes somewhere else, nothing at all is left.
    terminal.run(&lab, "", &["test.example", "--timeout=1.5"], ">/dev/null");
    terminal.until("progress", |screen| screen.contains(WAITING));
    let screen = terminal.until("it ends", |screen| screen.contains("exit 1."));
    assert!(screen.starts_with("exit 1."), "{screen}");
}

#[test]
fn on_a_dumb_terminal_in_a_pipe_and_with_q_there_is_no_progress() {
    let Some(terminal) = Terminal::open() else { return };
    let lab = mute_domain();
    let arguments = ["test.example", "--timeout=1", "--format=json"];
    for (before, option, after) in [
        ("TERM=dumb", "-4", ">/dev/null"),
        ("", "-4", "2>&1 >/dev/null | cat"),
        ("", "-q", ">/dev/null"),
    ] {
        // Every byte that reaches the terminal, wiped away or not.
        let bytes = terminal.socket.with_extension("bytes");
        let _ = std::fs::remove_file(&bytes);
        let pipe = format!("cat >'{}'", bytes.display());
        let arguments = [&arguments[..], &[option]].concat();
        terminal.run(&lab, before, &arguments, after);
        assert!(terminal.tmux(&["pipe-pane", &pipe]).status.success(), "bytes can be watched");
        terminal.until("it ends", |screen| screen.starts_with("exit "));
        terminal.tmux(&["pipe-pane"]);
        let seen = std::fs::read(&bytes).unwrap_or_default();
        let seen = String::from_utf8_lossy(&seen);
        assert!(!seen.contains("waiting"), "{before} {option} {after}: {seen:?}");
    }
}
