//! A server that plays a script, line by line and byte by byte, whatever the client makes of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// One step of a script.
#[derive(Clone)]
pub enum Act {
    /// Says this at once.
    Say(Vec<u8>),
    /// Says this one byte at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Says this over and over, so many times.
    Repeat(Vec<u8>, usize),
    /// Waits for the end of a line.
    Hear,
    /// Waits for some bytes, as for a ClientHello.
    HearSome,
    Wait(Duration),
    /// Makes a proper handshake.
    Tls(Arc<ServerConfig>),
    /// Makes a handshake of which the client receives so many bytes and no more.
    TlsCutAt(Arc<ServerConfig>, usize),
    /// TLS 1.3 in the place of renegotiation: asks for new keys so many times.
    NewKeys(usize),
    /// Closes the sending half.
    HalfClose,
    Reset,
    /// Keeps the connection without a word until the client is gone.
    Hold,
}

/// Says a text.
pub fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// Says a text without end.
pub fn endless(text: &[u8]) -> Act {
    Act::Repeat(text.repeat(64), usize::MAX)
}

/// Says one byte after the other, without end.
pub fn endless_drip(text: &[u8]) -> Act {
    Act::Drip(text.repeat(100_000 / text.len()), Duration::from_millis(100))
}

/// Serves every connection to the listener with the script.
pub fn serve(listener: TcpListener, script: Vec<Act>) -> io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let script: Arc<[Act]> = script.into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let script = Arc::clone(&script);
            tokio::spawn(async move {
                let mut peer = Peer::Plain(stream);
                for act in script.iter() {
                    match peer.play(act).await {
                        Ok(next) => peer = next,
                        // The client has had enough.
                        Err(_) => return,
                    }
                }
            });
        }
    });
    Ok(address)
}

enum Peer {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Peer {
    fn stream(&mut self) -> &mut dyn Stream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    async fn play(mut self, act: &Act) -> io::Result<Self> {
        let stream = self.stream();
        match act {
            Act::Say(bytes) => {
                stream.write_all(bytes).await?;
                stream.flush().await?;
            }
            Act::Drip(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(*pause).await;
                    stream.write_all(&[*byte]).await?;
                    stream.flush().await?;
                }
            }
            Act::Repeat(bytes, times) => {
                for _ in 0..*times {
                    stream.write_all(bytes).await?;
                }
                stream.flush().await?;
            }
            Act::Hear => while stream.read_u8().await? != b'\n' {},
            Act::HearSome => {
                if stream.read(&mut [0; 4096]).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Act::Wait(pause) => tokio::time::sleep(*pause).await,
            Act::Tls(config) => return self.begin_tls(config).await,
            Act::TlsCutAt(config, bytes) => return self.begin_cut_tls(config, *bytes).await,
            Act::NewKeys(times) => {
                for _ in 0..*times {
                    if let Self::Tls(stream) = &mut self {
                        let refreshed = stream.get_mut().1.refresh_traffic_keys();
                        refreshed.map_err(io::Error::other)?;
                        stream.flush().await?;
                    }
                }
            }
            Act::HalfClose => stream.shutdown().await?,
            Act::Reset => {
                socket2::SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO))?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Act::Hold => while stream.read(&mut [0; 4096]).await? > 0 {},
        }
        Ok(self)
    }

    async fn begin_tls(self, config: &Arc<ServerConfig>) -> io::Result<Self> {
        match self {
            Self::Plain(stream) => {
                let stream = TlsAcceptor::from(Arc::clone(config)).accept(stream).await?;
                Ok(Self::Tls(Box::new(stream)))
            }
            Self::Tls(_) => Err(io::Error::other("the script begins TLS twice")),
        }
    }

    /// Has a proper server write its answer, and hands on the beginning of it.
    async fn begin_cut_tls(mut self, config: &Arc<ServerConfig>, bytes: usize) -> io::Result<Self> {
        let mut server =
            rustls::ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut hello = vec![0; 16 * 1024];
        let stream = self.stream();
        let length = stream.read(&mut hello).await?;
        server.read_tls(&mut &hello[..length])?;
        server.process_new_packets().map_err(io::Error::other)?;
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer)?;
        }
        stream.write_all(&answer[..bytes.min(answer.len())]).await?;
        stream.flush().await?;
        Ok(self)
    }
}
