//! Whom to trust, and one handshake.
//!
//! Knows how rustls has to be set up: always with an explicit provider, as the default one panics
//! when two are compiled in; without resumption, as every probe has to see a full handshake.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tee::{FirstBytes, Tee};
use super::verify::Observer;
use super::{failure, iana, judge};
use crate::names::Host;
use crate::observation::{TlsError, TlsErrorKind, TlsFacts};

/// A file given with `--ca-file` that cannot be used. Displays the file and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaFileError {
    file: PathBuf,
    why: String,
}

impl fmt::Display for CaFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the CA file `{}` {}", self.file.display(), self.why)
    }
}

impl std::error::Error for CaFileError {}

/// The trust anchors.
#[derive(Debug)]
pub(super) struct Anchors {
    /// All of them, as the path validation wants them.
    pub(super) roots: RootCertStore,
    /// Those that the user gave, whole: a server may show one of them as its own certificate.
    pub(super) given: Vec<CertificateDer<'static>>,
    /// The signature algorithms that are known.
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// Whom to trust: the built-in roots (Mozilla's, from `webpki-roots`) and the anchors that the user
/// gives. Made once; cloning is cheap.
///
/// An anchor that the user gives may also be the server's own certificate, as with a self-signed
/// one: it is then trusted where the server shows exactly that certificate within its dates.
#[derive(Clone, Debug)]
pub struct Trust {
    anchors: Arc<Anchors>,
    base: ClientConfig,
}

impl Trust {
    /// Reads the files; each may hold several certificates in PEM.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read, is not PEM, or holds no certificate or one that cannot
    /// be an anchor.
    pub fn new(ca_files: &[PathBuf]) -> Result<Self, CaFileError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut given = Vec::new();
        for file in ca_files {
            let fail = |why| CaFileError { file: file.clone(), why };
            for (number, certificate) in certificates(file).map_err(fail)?.into_iter().enumerate() {
                roots.add(certificate.clone()).map_err(|error| {
                    fail(format!(
                        "holds a certificate (number {}) that cannot be a trust anchor: {error}",
                        number + 1
                    ))
                })?;
                given.push(certificate);
            }
        }
        let provider = ring::default_provider();
        let algorithms = provider.signature_verification_algorithms;
        let anchors = Arc::new(Anchors { roots, given, algorithms });
        // Each handshake has its own.
        let observer = Observer::new(anchors.clone(), None, &[]);
        let mut base = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for both versions")
            .dangerous()
            .with_custom_certificate_verifier(observer.clone())
            .with_client_cert_resolver(observer);
        base.resumption = Resumption::disabled();
        Ok(Self { anchors, base })
    }

    /// The cipher suites and groups that are offered.
    pub(super) fn provider(&self) -> &CryptoProvider {
        self.base.crypto_provider()
    }

    /// The signature schemes that are offered.
    pub(super) fn schemes(&self) -> Vec<SignatureScheme> {
        self.anchors.algorithms.supported_schemes()
    }
}

#[cfg(test)]
impl Trust {
    pub(super) fn anchors(&self) -> &Anchors {
        &self.anchors
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    let found = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("is not well-formed PEM: {error}"))?;
    if !found.is_empty() {
        return Ok(found);
    }
    Err(if text.windows(11).any(|w| w == b"-----BEGIN ") {
        "has no certificate in it".to_owned()
    } else {
        "is not PEM: it has no line `-----BEGIN CERTIFICATE-----`".to_owned()
    })
}

/// How far a handshake got.
#[derive(Debug, Default)]
enum Progress {
    #[default]
    Unfinished,
    Succeeded {
        version: Option<String>,
        cipher_suite: Option<String>,
        key_exchange: Option<String>,
    },
    Failed(TlsError),
}

/// One handshake with one server, and what it shows.
#[derive(Debug)]
pub struct Attempt {
    config: Arc<ClientConfig>,
    observer: Arc<Observer>,
    host: Host,
    first: FirstBytes,
    progress: Mutex<Progress>,
}

impl Attempt {
    /// Prepares one handshake. A host that is known by name is told that name (SNI, RFC 6066 §3)
    /// and must be named in the certificate; one that is known by address only has no reference
    /// identifier, and no name is sent.
    pub fn new(trust: &Trust, host: &Host) -> Self {
        Self::with_schemes(trust, host, &[])
    }

    /// The same, which offers these signature schemes as well, though nobody here can verify them.
    pub(super) fn with_schemes(
        trust: &Trust,
        host: &Host,
        unverifiable: &'static [SignatureScheme],
    ) -> Self {
        // A host that is known by address only has no name that a certificate could lack.
        let reference = host.name().and_then(|_| server_name(host));
        let observer = Observer::new(trust.anchors.clone(), reference, unverifiable);
        let mut config = trust.base.clone();
        config.dangerous().set_certificate_verifier(observer.clone());
        config.client_auth_cert_resolver = observer.clone();
        Self {
            config: Arc::new(config),
            observer,
            host: host.clone(),
            first: FirstBytes::default(),
            progress: Mutex::default(),
        }
    }

    /// Makes the handshake; to be called once. It succeeds whatever the certificate is.
    ///
    /// The future may be dropped, which closes the stream; [`Attempt::facts`] tells then how far
    /// it got.
    ///
    /// # Errors
    ///
    /// What ended the handshake: [`Attempt::facts`] has it classified.
    pub async fn connect<S>(&self, stream: S) -> io::Result<TlsStream<Tee<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let result = match server_name(&self.host) {
            Some(name) => {
                let tee = Tee::new(stream, self.first.clone());
                TlsConnector::from(self.config.clone()).connect(name, tee).await
            }
            None => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{}` cannot be sent as a server name", self.host),
            )),
        };
        let progress = match &result {
            Ok(stream) => {
                let connection = stream.get_ref().1;
                Progress::Succeeded {
                    version: connection.protocol_version().map(iana::version),
                    cipher_suite: connection
                        .negotiated_cipher_suite()
                        .map(|s| iana::suite(s.suite())),
                    key_exchange: connection
                        .negotiated_key_exchange_group()
                        .map(|g| iana::group(g.name())),
                }
            }
            Err(error) => Progress::Failed(failure::of_handshake(
                error,
                &self.first.get(),
                &self.observer.seen(),
            )),
        };
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        result
    }

    /// What the handshake showed, however it ended. Where [`Attempt::connect`] was dropped before
    /// its end, the error is [`TlsErrorKind::TimedOut`].
    pub fn facts(&self) -> TlsFacts {
        let seen = self.observer.seen();
        let mut facts = TlsFacts {
            version: seen.version.map(iana::version),
            path: seen.path.clone(),
            name_matches: seen.name_matches,
            signature: seen.signature.as_ref().and_then(|(scheme, error)| {
                judge::signature(*scheme, error.as_ref(), seen.rsa_bits)
            }),
            chain: seen.chain.clone(),
            ..TlsFacts::default()
        };
        match &*self.progress.lock().unwrap_or_else(PoisonError::into_inner) {
            Progress::Succeeded { version, cipher_suite, key_exchange } => {
                facts.version.clone_from(version);
                facts.cipher_suite.clone_from(cipher_suite);
                facts.key_exchange.clone_from(key_exchange);
            }
            Progress::Failed(error) => facts.error = Some(error.clone()),
            Progress::Unfinished => {
                let far = failure::how_far(&self.first.get(), &seen);
                let text = format!("the handshake did not end in time: {far}");
                facts.error = Some(TlsError { kind: TlsErrorKind::TimedOut, text });
            }
        }
        if facts.error.is_some() {
            facts.first_bytes = self.first.get();
        }
        facts
    }

    /// The scheme with which the server has signed.
    pub(super) fn scheme(&self) -> Option<SignatureScheme> {
        self.observer.seen().signature.as_ref().map(|(scheme, _)| *scheme)
    }
}

fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.as_str()).ok().map(|n| n.to_owned()),
        Host::Address(address) => Some(ServerName::IpAddress((*address).into())),
    }
}
