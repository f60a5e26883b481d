//! How many STARTTLS probes a second a long list makes, beside a loop that does the same round trips
//! with tokio and rustls and nothing else.
//!
//! `cargo bench --bench bulk` prints both, and what each conversation costs in processor time. The
//! servers are one process on loopback, with an address for each target, so no rule of politeness
//! slows the list down. `BULK_TARGETS` and `BULK_JOBS` choose the size.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const HOST: &str = "mx.example.test";

fn main() {
    if std::env::args().any(|word| word == "serve") {
        return serve();
    }
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (targets, jobs) = (number("BULK_TARGETS", 10_000), number("BULK_JOBS", 256));
    let lab = Servers::start();
    let mut ratios = Vec::new();
    for round in 1..=3 {
        let bare = measured(|usage| bare(&lab, targets, jobs, usage));
        let lines = tempfile::NamedTempFile::new().expect("a temporary file");
        let program = measured(|_| program(&lab, targets, jobs, lines.path()));
        all_open(lines.path(), targets);
        let ratio = bare.took.as_secs_f64() / program.took.as_secs_f64();
        ratios.push(ratio);
        say(&format!(
            "round {round}: the program {}, the bare loop {}: ratio {ratio:.2}",
            program.told(targets),
            bare.told(targets)
        ));
    }
    ratios.sort_by(f64::total_cmp);
    say(&format!("{targets} targets, {jobs} at once: median ratio {:.2}", ratios[1]));
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output");
}

struct Measured {
    took: Duration,
    processor: Duration,
}

impl Measured {
    fn told(&self, targets: usize) -> String {
        let a_second = targets as f64 / self.took.as_secs_f64();
        let each = self.processor.as_micros() / targets as u128;
        format!("{a_second:.0} a second ({each} µs of processor each)")
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the real clock")]
fn measured(work: impl FnOnce(UsageWho) -> UsageWho) -> Measured {
    let begun = Instant::now();
    let before = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].map(processor);
    let who = work(UsageWho::RUSAGE_SELF);
    let at = usize::from(who == UsageWho::RUSAGE_CHILDREN);
    Measured { took: begun.elapsed(), processor: processor(who) - before[at] }
}

fn processor(who: UsageWho) -> Duration {
    let usage = getrusage(who).expect("its own usage");
    let of = |time: nix::sys::time::TimeVal| {
        Duration::from_micros(
            u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0),
        )
    };
    of(usage.user_time()) + of(usage.system_time())
}

/// The address of a target: each in a network of its own.
fn address(n: usize, port: u16) -> SocketAddr {
    let [.., a, b] = u32::try_from(n + 256).expect("fewer than there are addresses").to_be_bytes();
    (Ipv4Addr::new(127, a, b, 1), port).into()
}

/// The program under test. Its lines go into a file: who reads them is not what is measured.
fn program(lab: &Servers, targets: usize, jobs: usize, lines: &Path) -> UsageWho {
    let mut list = String::new();
    for n in 0..targets {
        let _ = writeln!(list, "{}", address(n, lab.port));
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtpcheck"));
    command.args(["-", "--format=jsonl", "--control=none", "--helo=client.example.test"]);
    command.args([format!("--jobs={jobs}"), format!("--ca-file={}", lab.anchors)]);
    command.stdin(Stdio::piped()).stdout(File::create(lines).expect("it can be written"));
    let mut child = command.spawn().expect("the binary");
    let mut stdin = child.stdin.take().expect("it was asked for");
    std::thread::spawn(move || stdin.write_all(list.as_bytes()));
    child.wait().expect("it ends");
    UsageWho::RUSAGE_CHILDREN
}

/// A run that does not come to the right results measures nothing.
fn all_open(lines: &Path, targets: usize) {
    let lines = BufReader::new(File::open(lines).expect("it was written")).lines();
    let open = r#""status":"open""#;
    let good = lines.map_while(Result::ok).filter(|line| line.contains(open)).count();
    assert_eq!(good, targets, "every target is open");
}

/// Connect, greeting, EHLO, STARTTLS, handshake, EHLO, QUIT and its reply, as the program does: nothing
/// is kept, nothing is judged but the chain.
fn bare(lab: &Servers, targets: usize, jobs: usize, who: UsageWho) -> UsageWho {
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(&lab.anchors).expect("the anchor");
    for anchor in pem_certificates(&pem) {
        roots.add(anchor).expect("a good anchor");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // As in the program: every conversation is a full handshake.
    config.resumption = rustls::client::Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(config));
    let port = lab.port;
    let runtime = Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        let slots = Arc::new(Semaphore::new(jobs));
        let mut work = JoinSet::new();
        for n in 0..targets {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("it is never closed");
            let connector = connector.clone();
            work.spawn(async move {
                converse(address(n, port), &connector).await.expect("a healthy server");
                drop(slot);
            });
        }
        work.join_all().await;
    });
    who
}

async fn converse(to: SocketAddr, connector: &TlsConnector) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    reply(&mut stream).await?;
    stream.write_all(b"EHLO client.example.test\r\n").await?;
    reply(&mut stream).await?;
    stream.write_all(b"STARTTLS\r\n").await?;
    reply(&mut stream).await?;
    let name = ServerName::try_from(HOST).expect("a good name");
    let mut stream = connector.connect(name, stream).await?;
    stream.write_all(b"EHLO client.example.test\r\n").await?;
    stream.flush().await?;
    reply(&mut stream).await?;
    stream.write_all(b"QUIT\r\n").await?;
    stream.flush().await?;
    reply(&mut stream).await?;
    stream.shutdown().await
}

/// Reads until a last line has come.
async fn reply(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let (mut buffer, mut filled) = ([0; 1024], 0);
    loop {
        filled += match stream.read(&mut buffer[filled..]).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        let text = &buffer[..filled];
        let last = text.split_inclusive(|octet| *octet == b'\n').next_back();
        if last.is_some_and(|line| line.ends_with(b"\n") && line.get(3) == Some(&b' ')) {
            return Ok(());
        }
    }
}

/// The process that serves all addresses of loopback.
struct Servers {
    process: Child,
    port: u16,
    anchors: String,
}

impl Servers {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        let mut process =
            command.arg("serve").stdout(Stdio::piped()).spawn().expect("it starts once more");
        let mut output = BufReader::new(process.stdout.take().expect("it was asked for"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its first line");
        let (port, anchors) = line.trim().split_once(' ').expect("port and anchors");
        Self { process, port: port.parse().expect("a port"), anchors: anchors.to_owned() }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.anchors);
    }
}

#[expect(clippy::disallowed_methods, reason = "certificates are made for today")]
fn serve() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut root = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = rcgen::CertifiedIssuer::self_signed(root, key).expect("a root");
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut leaf = rcgen::CertificateParams::new(vec![HOST.to_owned()]).expect("a good name");
    let days = |days| time::OffsetDateTime::now_utc() + time::Duration::days(days);
    (leaf.not_before, leaf.not_after) = (days(-1), days(89));
    let leaf = leaf.signed_by(&key, &root).expect("a certificate");
    let anchors = std::env::temp_dir().join(format!("bulk-{}.pem", std::process::id()));
    std::fs::write(&anchors, root.pem()).expect("the anchor can be written");
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .expect("certificate and key go together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        say(&format!("{port} {}", anchors.display()));
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // What a client does wrong is seen at the client.
            tokio::spawn(async move { answer(stream, &acceptor).await });
        }
    });
}

async fn answer(mut stream: TcpStream, acceptor: &TlsAcceptor) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 mx.example.test ESMTP\r\n").await?;
    line(&mut stream).await?;
    stream.write_all(b"250-mx.example.test\r\n250-SIZE 10240000\r\n250 STARTTLS\r\n").await?;
    line(&mut stream).await?;
    stream.write_all(b"220 2.0.0 Ready to start TLS\r\n").await?;
    let mut stream = acceptor.accept(stream).await?;
    line(&mut stream).await?;
    say_inside(&mut stream, b"250-mx.example.test\r\n250 SIZE 10240000\r\n").await?;
    line(&mut stream).await?;
    say_inside(&mut stream, b"221 2.0.0 Bye\r\n").await?;
    stream.shutdown().await
}

async fn say_inside(stream: &mut (impl AsyncWrite + Unpin), text: &[u8]) -> std::io::Result<()> {
    stream.write_all(text).await?;
    stream.flush().await
}

async fn line(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read if buffer[..read].ends_with(b"\n") => return Ok(()),
            _ => {}
        }
    }
}

/// The certificates of a PEM file.
fn pem_certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject;
    CertificateDer::pem_slice_iter(pem).map(|found| found.expect("a certificate")).collect()
}
