//! How a run is told to stop: Ctrl-C, and `kill`, which is what `timeout`, service managers and
//! container runtimes send.

use std::io;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;

use super::exit;

/// Threads that do the work, at most. It is mostly waiting, and each thread has a heap of its own that
/// keeps what it once took: with sixteen, a long list takes twice the memory that it takes with two.
const THREADS: usize = 4;

/// Signals that come so soon after the first are the same request: `timeout` signals its child and
/// then the whole group, and a wrapper passes on what the terminal has told everybody.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// A runtime that can listen for signals.
///
/// # Errors
///
/// A shortage of this machine. tokio panics where it has no descriptors for what wakes it when a
/// signal comes, so it is first made sure that there are some.
pub fn runtime() -> io::Result<Runtime> {
    #[cfg(unix)]
    {
        use std::os::unix::net::UnixStream;
        // One pair for signals; what waits for events takes three more, then or later.
        drop([UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?]);
    }
    let threads = available_parallelism().map_or(THREADS, |cores| cores.get().min(THREADS));
    Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

/// A switch that turns on at the first such signal: what is finished by then is reported.
///
/// At the second request the process ends at once. Without that, nothing but SIGKILL would end a
/// program whose report nobody reads: it waits for a pipe, and the signals have been taken from the
/// kernel. A file is not harmed by it, as a report takes its place when it is whole.
pub fn stopped() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let Some(mut signals) = Signals::listen() else { return };
        signals.next().await;
        stop.send_replace(true);
        let first = Instant::now();
        while first.elapsed() < SAME_REQUEST {
            signals.next().await;
        }
        std::process::exit(exit::UNDETERMINED.into());
    });
    stopped
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Not SIGHUP: whoever starts the program with `nohup` wants that one ignored.
    fn listen() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        let terminate = signal(SignalKind::terminate()).ok()?;
        Some(Self { interrupt, terminate })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
