//! Progress on standard error, for people at a terminal: what is under way, and for how long.
//!
//! Knows the terminal. Must not know what comes of anything; it is told by
//! [`probe`](crate::probe) through [`Onlooker`]. Thousands of things may be under way, so a few are
//! shown and the rest is counted, and drawing goes by the clock and not by what happens.

mod terminal;

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use unicode_width::UnicodeWidthStr;

use self::terminal::Terminal;
use crate::observation::Phase;
use crate::probe::{Onlooker, Progress, Step};

/// How often it is drawn: often enough to look alive, seldom enough to cost nothing.
const EVERY: Duration = Duration::from_millis(100);

/// Most runs are over before this; they need no flicker.
const BEFORE_THE_FIRST: Duration = Duration::from_millis(300);

/// How many are shown at once. Nobody reads more while it changes.
const SHOWN: usize = 10;

/// The lines on the terminal; they are gone once this is dropped.
pub struct Screen {
    board: Arc<Board>,
    painter: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
    /// Given back last.
    _terminal: Terminal,
}

impl Screen {
    /// Begins to show progress where somebody can see it. `targets` is how many there are, where that
    /// is known.
    pub fn begin(targets: Option<usize>) -> Option<Self> {
        let terminal = Terminal::take()?;
        let board = Arc::new(Board { targets, state: Mutex::default() });
        let (stop, stopped) = mpsc::channel();
        let shown = Arc::clone(&board);
        let painter = std::thread::Builder::new().name("progress".to_owned());
        // Without a thread to spare there is no progress to be seen, which is no reason to fail.
        let painter = painter.spawn(move || paint(&shown, &stopped)).ok()?;
        Some(Self { board, painter: Some((stop, painter)), _terminal: terminal })
    }

    /// Where what is to be shown is told.
    pub fn progress(&self) -> Progress {
        Progress::to(self.board.clone())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some((stop, painter)) = self.painter.take() {
            drop(stop);
            // Until it has wiped its lines away, nothing else may be printed.
            let _ = painter.join();
        }
    }
}

fn paint(board: &Board, stopped: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // The template is a constant; with indicatif's own in its place nothing is lost.
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    let mut wait = BEFORE_THE_FIRST;
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = EVERY;
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let (width, height) = size.map_or((80, 24), |(w, h)| (usize::from(w.0), usize::from(h.0)));
        bar.set_message(board.lines(Instant::now(), width, height).join("\n"));
        bar.tick();
    }
    bar.finish_and_clear();
}

/// What is under way, as it is told.
struct Board {
    targets: Option<usize>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    done: usize,
    /// By number, so the one that takes longest comes first.
    under_way: BTreeMap<u64, Entry>,
}

struct Entry {
    what: String,
    step: Step,
    since: Instant,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is drawn on a terminal of this size.
    fn lines(&self, now: Instant, width: usize, height: usize) -> Vec<String> {
        let state = self.state();
        // The last line is the count; one is left for the cursor.
        let room = SHOWN.min(height.saturating_sub(2));
        let (waiting, active): (Vec<&Entry>, Vec<&Entry>) =
            state.under_way.values().partition(|entry| entry.step == Step::Waiting);
        let shown: Vec<&Entry> = active.into_iter().chain(waiting).take(room).collect();
        let longest = shown.iter().map(|entry| entry.what.width()).max().unwrap_or(0);
        let mut lines: Vec<String> = shown
            .iter()
            .map(|entry| {
                let seconds = now.saturating_duration_since(entry.since).as_secs_f64();
                let doing = format!("{seconds:6.1} s  {}", words(entry.step));
                // What it does matters more than the beginning of a long name. The terminal's last
                // column stays empty: some wrap when it is filled.
                let room = width.saturating_sub(doing.width() + 3).min(longest);
                let line = format!("{:room$}  {doing}", end_of(&entry.what, room));
                line.chars().take(width.saturating_sub(1)).collect()
            })
            .collect();
        let hidden = state.under_way.len() - shown.len();
        let done = match self.targets {
            Some(0 | 1) => None,
            Some(all) => Some(format!("{} of {all} targets done", state.done)),
            None => Some(format!("{} targets done", state.done)),
        };
        let count = match (done, hidden) {
            (None, 0) => return lines,
            (None, hidden) => format!("and {hidden} more"),
            (Some(done), 0) => done,
            (Some(done), hidden) => format!("and {hidden} more; {done}"),
        };
        lines.push(count.chars().take(width.saturating_sub(1)).collect());
        lines
    }
}

/// The end of a text that is too long: behind the name stands the port.
fn end_of(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(length - room.saturating_sub(2)).collect();
    format!("..{kept}")
}

fn words(step: Step) -> &'static str {
    match step {
        Step::LookingUp => "asking the name server",
        Step::Waiting => "waiting for its turn",
        Step::Connecting | Step::Talking(Phase::Connect) => "connecting",
        Step::Talking(Phase::Greeting) => "waiting for the greeting",
        Step::Talking(Phase::Ehlo) => "EHLO",
        Step::Talking(Phase::Starttls) => "STARTTLS",
        Step::Talking(Phase::Tls) => "TLS handshake",
        Step::Talking(Phase::EhloAfterTls) => "EHLO in TLS",
        Step::Talking(Phase::Quit) => "QUIT",
        Step::PutOff => "put off; asking again in a moment",
        Step::LookingAgain => "silent; looking once more",
        Step::Tracing => "tracing",
    }
}

impl Onlooker for Board {
    fn begins(&self, what: String, step: Step) -> u64 {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        state.under_way.insert(number, Entry { what, step, since: Instant::now() });
        number
    }

    fn goes_on(&self, number: u64, step: Step) {
        if let Some(entry) = self.state().under_way.get_mut(&number) {
            entry.step = step;
        }
    }

    fn ends(&self, number: u64) {
        self.state().under_way.remove(&number);
    }

    fn target_done(&self) {
        self.state().done += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(targets: usize) -> Board {
        Board { targets: Some(targets), state: Mutex::default() }
    }

    #[test]
    fn each_line_has_what_how_long_and_which_step() {
        let board = board(1);
        let now = Instant::now();
        let first = board.begins("mx1.example.com[192.0.2.1]:25".to_owned(), Step::Connecting);
        board.begins("mx2.example.com[192.0.2.2]:587".to_owned(), Step::Waiting);
        board.goes_on(first, Step::Talking(Phase::Greeting));
        for entry in board.state().under_way.values_mut() {
            entry.since = now;
        }
        let later = now + Duration::from_millis(2500);
        let expected = [
            "mx1.example.com[192.0.2.1]:25      2.5 s  waiting for the greeting",
            "mx2.example.com[192.0.2.2]:587     2.5 s  waiting for its turn",
        ];
        assert_eq!(board.lines(later, 80, 24), expected);
        board.ends(first);
        assert_eq!(board.lines(later, 80, 24), expected[1..]);
    }

    #[test]
    fn thousands_are_a_handful_of_lines_and_a_count() {
        let board = board(3000);
        for n in 0..5000 {
            board.begins(format!("mx{n}.example.com:25"), Step::Waiting);
        }
        let active = board.begins("busy.example.com:25".to_owned(), Step::Connecting);
        board.target_done();
        let lines = board.lines(Instant::now(), 80, 24);
        assert_eq!(lines.len(), SHOWN + 1);
        assert!(lines[0].starts_with("busy.example.com:25"), "who waits stands behind: {lines:?}");
        assert_eq!(lines[SHOWN], "and 4991 more; 1 of 3000 targets done");
        board.ends(active);
        assert_eq!(board.lines(Instant::now(), 80, 4).len(), 3, "it fits a low terminal");
        let list = Board { targets: None, state: Mutex::default() };
        list.target_done();
        assert_eq!(list.lines(Instant::now(), 80, 24), ["1 targets done"]);
    }

    #[test]
    fn no_line_reaches_the_last_column() {
        let board = board(2);
        let name = format!("{}.example.com[2001:db8::25]:2525", "long-".repeat(20));
        board.begins(name, Step::Talking(Phase::Greeting));
        for width in 0..90 {
            let lines = board.lines(Instant::now(), width, 24);
            assert!(lines.iter().all(|line| line.width() < width.max(1)), "{width}: {lines:?}");
        }
        let lines = board.lines(Instant::now(), 60, 24);
        assert!(lines[0].contains("]:2525 ") && lines[0].contains("greeting"), "{lines:?}");
    }
}
