//! A name server that says what it is told to, octet for octet: no library would write most of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lab::dns;

pub const A: u16 = 1;
pub const CNAME: u16 = 5;
pub const MX: u16 = 15;
pub const TXT: u16 = 16;
pub const SRV: u16 = 33;

/// A question as it came.
pub struct Question {
    /// The whole message.
    pub message: Vec<u8>,
    /// Lower-case, with dots between the labels.
    pub name: String,
    pub kind: u16,
    pub over_tcp: bool,
}

/// What is said to one question.
pub enum Said {
    /// A message; over TCP its length stands in front.
    Message(Vec<u8>),
    Pause(Duration),
    /// Octets as they are, over TCP.
    Raw(Vec<u8>),
    /// Closes the connection.
    Close,
}

/// What is said to which question.
pub type Says = dyn Fn(&Question) -> Vec<Said> + Send + Sync;

/// How a name server answers.
#[derive(Clone)]
pub struct Answering {
    pub says: Arc<Says>,
    /// TCP connections are refused.
    pub no_tcp: bool,
    /// It is gone at the first question of this type.
    pub dies_at: Option<u16>,
}

/// Answers with one message, whatever the size of it: over UDP what is too long is left out and
/// marked so.
pub fn message(says: impl Fn(&Question) -> Option<Vec<u8>> + Send + Sync + 'static) -> Answering {
    said(move |question| match says(question) {
        Some(message) if message.len() > 1232 && !question.over_tcp => {
            vec![Said::Message(truncated(question))]
        }
        Some(message) => vec![Said::Message(message)],
        None => Vec::new(),
    })
}

/// Answers with anything.
pub fn said(says: impl Fn(&Question) -> Vec<Said> + Send + Sync + 'static) -> Answering {
    Answering { says: Arc::new(says), no_tcp: false, dies_at: None }
}

/// The header and the question, with this response code and so many answers announced.
pub fn head(question: &Question, code: u8, answers: usize) -> Vec<u8> {
    let end = question_end(&question.message).unwrap_or(question.message.len());
    let mut head = question.message[..end].to_vec();
    head[2] = 0x81;
    head[3] = 0x80 | code;
    let answers = u16::try_from(answers).unwrap_or(u16::MAX);
    head[6..8].copy_from_slice(&answers.to_be_bytes());
    head[8..12].fill(0);
    head
}

/// A whole answer.
pub fn answer(question: &Question, records: &[Vec<u8>]) -> Vec<u8> {
    [head(question, 0, records.len()), records.concat()].concat()
}

/// An answer that says only that it is incomplete.
pub fn truncated(question: &Question) -> Vec<u8> {
    let mut message = head(question, 0, 0);
    message[2] |= 2;
    message
}

/// A record of the asked name.
pub fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    record_of(&[0xc0, 12], kind, data)
}

/// A record of any name.
pub fn record_of(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("it fits a record");
    [owner, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60], &length.to_be_bytes(), data].concat()
}

pub fn mx(preference: u16, exchange: &[u8]) -> Vec<u8> {
    record(MX, &[&preference.to_be_bytes(), exchange].concat())
}

pub fn srv(port: u16, target: &[u8]) -> Vec<u8> {
    record(SRV, &[&[0, 0, 0, 1], &port.to_be_bytes()[..], target].concat())
}

/// A name on the wire.
pub fn wire(name: &str) -> Vec<u8> {
    let labels: Vec<&[u8]> =
        name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes).collect();
    wire_of(&labels)
}

/// A name on the wire, whatever stands in its labels.
pub fn wire_of(labels: &[&[u8]]) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in labels {
        wire.push(u8::try_from(label.len()).expect("a short label"));
        wire.extend_from_slice(label);
    }
    wire.push(0);
    wire
}

/// Starts it; it lives as long as the runtime.
pub async fn start(answering: Answering) -> io::Result<SocketAddr> {
    let (udp, tcp) = dns::bind_both().await?;
    let address = udp.local_addr()?;
    if !answering.no_tcp {
        let says = Arc::clone(&answering.says);
        tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                let says = Arc::clone(&says);
                tokio::spawn(async move { over_tcp(stream, &*says).await });
            }
        });
    }
    let udp = Arc::new(udp);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let Ok((length, client)) = udp.recv_from(&mut buffer).await else { continue };
            let Some(question) = read(&buffer[..length], false) else { continue };
            if answering.dies_at == Some(question.kind) {
                return;
            }
            let (says, udp) = (Arc::clone(&answering.says), Arc::clone(&udp));
            let answered = async move {
                for said in says(&question) {
                    match said {
                        Said::Message(message) => drop(udp.send_to(&message, client).await),
                        Said::Pause(pause) => tokio::time::sleep(pause).await,
                        Said::Raw(_) | Said::Close => {}
                    }
                }
            };
            tokio::spawn(answered);
        }
    });
    Ok(address)
}

async fn over_tcp(mut stream: TcpStream, says: &Says) -> io::Result<()> {
    loop {
        let mut query = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut query).await?;
        let Some(question) = read(&query, true) else { return Ok(()) };
        for said in says(&question) {
            match said {
                Said::Message(message) => {
                    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
                    let message = &message[..usize::from(length)];
                    stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
                }
                Said::Pause(pause) => tokio::time::sleep(pause).await,
                Said::Raw(octets) => stream.write_all(&octets).await?,
                Said::Close => return Ok(()),
            }
        }
    }
}

fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        match *message.get(at)? {
            0 => return Some(at + 5).filter(|end| *end <= message.len()),
            length => at += 1 + usize::from(length),
        }
    }
}

fn read(message: &[u8], over_tcp: bool) -> Option<Question> {
    let end = question_end(message)?;
    let mut labels = Vec::new();
    let mut at = 12;
    while at + 5 < end {
        let length = usize::from(message[at]);
        let label = &message[at + 1..at + 1 + length];
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += 1 + length;
    }
    let kind = u16::from_be_bytes([message[end - 4], message[end - 3]]);
    Some(Question { message: message.to_vec(), name: labels.join("."), kind, over_tcp })
}
