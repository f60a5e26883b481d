//! Plays a script to one connection, and watches what the client sends.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsAcceptor;

use super::certificates;
use super::network::Complaints;
use super::scenario::Certificate;

/// Longer than any conversation.
const FOR_EVER: Duration = Duration::from_secs(3600);

const RELAY: &str = "\
S: 220 mx.test ESMTP
C: EHLO
S: 250-mx.test greets you
S: 250-SIZE 10240000
S: 250 STARTTLS
C: STARTTLS
S: 220 go ahead
TLS
C: EHLO
S: 250-mx.test greets you
S: 250 SIZE 10240000";

const SUBMISSION: &str = "\
S: 220 mx.test ESMTP
C: EHLO
S: 250-mx.test greets you
S: 250 STARTTLS
C: STARTTLS
S: 220 go ahead
TLS
C: EHLO
S: 250-mx.test greets you
S: 250 AUTH PLAIN LOGIN";

const SUBMISSIONS: &str = "\
TLS
S: 220 mx.test ESMTP
C: EHLO
S: 250-mx.test greets you
S: 250 AUTH PLAIN LOGIN";

/// The verbs that may be sent, and nothing else ever.
const POLITE: [&str; 4] = ["EHLO", "HELO", "STARTTLS", "QUIT"];

#[derive(Clone)]
pub struct Script {
    steps: Vec<Step>,
    tls: Arc<ServerConfig>,
}

#[derive(Clone, Debug)]
enum Step {
    Say(Vec<u8>),
    Expect(String),
    Tls,
    ClientHello,
    Pause(Duration),
    Close,
    Reset,
}

impl Script {
    /// Reads a script: one line a step.
    pub fn parse(text: &str, at: SocketAddr, certificate: &Certificate) -> Self {
        let usual = match (text, at.port()) {
            ("healthy", 25) | ("relay", _) => Some(RELAY),
            ("healthy", 465) | ("submissions", _) => Some(SUBMISSIONS),
            ("healthy", _) | ("submission", _) => Some(SUBMISSION),
            _ => None,
        };
        // Every server has a name of its own; two that greet as one are one.
        let own = at.ip().to_string().replace(['.', ':'], "-");
        let text = match usual {
            Some(usual) => usual.replace("mx.test", &format!("mx-{own}.test")),
            None => text.to_owned(),
        };
        let steps = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(step).collect();
        Self { steps, tls: Arc::new(certificates::server(certificate)) }
    }
}

fn step(line: &str) -> Step {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "S:" => Step::Say(format!("{}\r\n", dated(rest)).into_bytes()),
        "RAW" => Step::Say(raw(rest).unwrap_or_else(|| panic!("no bytes: {line}"))),
        "C:" => Step::Expect(rest.to_owned()),
        "TLS" => Step::Tls,
        "CLIENTHELLO" => Step::ClientHello,
        "PAUSE" => {
            let seconds = rest.strip_suffix('s').and_then(|s| s.parse().ok());
            Step::Pause(Duration::from_secs_f64(seconds.expect("`PAUSE 6s`")))
        }
        "SILENCE" => Step::Pause(FOR_EVER),
        "EOF" => Step::Close,
        "RST" => Step::Reset,
        _ => panic!("unknown step: {line}"),
    }
}

/// The text with the date of so many days from today in the place of `{-40 days}`, as Exim, Sendmail
/// and Exchange greet with it.
fn dated(text: &str) -> String {
    let Some((front, days, back)) = text.split_once('{').and_then(|(front, rest)| {
        let (days, back) = rest.split_once(" days}")?;
        Some((front, days.parse().ok()?, back))
    }) else {
        return text.to_owned();
    };
    let at = certificates::now() + time::Duration::days(days);
    let date = at.format(&time::format_description::well_known::Rfc2822).expect("a date");
    format!("{front}{date}{back}")
}

/// Text with `\r`, `\n` and `\x00`.
fn raw(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                _ => return None,
            },
            other => other,
        });
    }
    Some(bytes)
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Plays a script to one connection, then says goodbye to a QUIT.
pub async fn serve(
    script: Script,
    stream: DuplexStream,
    reset: Arc<AtomicBool>,
    at: SocketAddr,
    complaints: Complaints,
) {
    let complain =
        |what: String| complaints.lock().expect("complaints").push(format!("{at}: {what}"));
    let mut stream: Box<dyn Stream> = Box::new(stream);
    for step in &script.steps {
        let done = match step {
            Step::Say(bytes) => match stream.write_all(bytes).await {
                Ok(()) => stream.flush().await.map_err(|_| None),
                // The client may leave whenever it likes.
                Err(_) => Err(None),
            },
            Step::Expect(expected) => match receive(&mut stream).await {
                Some(line) if is(&line, expected) => Ok(()),
                Some(line) => Err(Some(format!("`{line}` came instead of {expected}"))),
                None => Err(Some(format!("the client left instead of {expected}"))),
            },
            Step::Tls => match TlsAcceptor::from(script.tls.clone()).accept(stream).await {
                Ok(encrypted) => {
                    stream = Box::new(encrypted);
                    continue;
                }
                // A further look is over once TLS has answered.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return,
                Err(error) => return complain(format!("no handshake: {error}")),
            },
            Step::ClientHello => match stream.read(&mut [0; 4096]).await {
                Ok(n) if n > 0 => Ok(()),
                _ => Err(Some("the client left instead of a ClientHello".to_owned())),
            },
            Step::Pause(span) => {
                let spoke = tokio::time::timeout(*span, receive(&mut stream)).await;
                match spoke {
                    Err(_) => Ok(()),
                    Ok(None) => Err(None),
                    // A further look begins with a ClientHello.
                    Ok(Some(hello)) if hello.starts_with('\u{16}') => {
                        tokio::time::sleep(*span).await;
                        Ok(())
                    }
                    Ok(Some(line)) => Err(Some(format!("`{line}` came while it was to wait"))),
                }
            }
            Step::Close => Err(None),
            Step::Reset => {
                reset.store(true, Ordering::Relaxed);
                Err(None)
            }
        };
        match done {
            Ok(()) => {}
            Err(None) => return,
            Err(Some(what)) => return complain(what),
        }
    }
    match receive(&mut stream).await {
        None => {}
        Some(hello) if hello.starts_with('\u{16}') => {}
        Some(line) if is(&line, "QUIT") => {
            let _ = stream.write_all(b"221 bye\r\n").await;
            let _ = stream.shutdown().await;
        }
        Some(line) => complain(format!("`{line}` came instead of QUIT")),
    }
}

/// Whether a line is what was expected, parameters aside, and polite.
fn is(line: &str, expected: &str) -> bool {
    let verb = line.split(' ').next().unwrap_or_default();
    POLITE.contains(&verb) && (line == expected || verb == expected)
}

/// A line without its end, or a ClientHello's first byte; nothing where the client has left.
async fn receive(stream: &mut Box<dyn Stream>) -> Option<String> {
    let mut line = Vec::new();
    loop {
        line.push(stream.read_u8().await.ok()?);
        if line == [0x16] {
            break;
        }
        if let Some(line) = line.strip_suffix(b"\r\n") {
            return Some(String::from_utf8_lossy(line).into_owned());
        }
    }
    Some("\u{16}".to_owned())
}
