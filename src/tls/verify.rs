//! The observing verifier: writes down what the server shows and lets the handshake finish.
//!
//! It judges nothing but the handshake's signature, whose message exists only then; what the chain
//! is worth is judged later, in `judge`. One for each handshake.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};

/// What one handshake has shown so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The certificates as sent, and when.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) chain_at: Option<UnixTime>,
    /// The handshake's signature and, where it does not verify, why.
    pub(super) signature: Option<(SignatureScheme, Option<Error>)>,
    /// Known from the kind of signature before the handshake ends.
    pub(super) version: Option<ProtocolVersion>,
    /// A CertificateRequest came.
    pub(super) client_certificate_asked: bool,
}

#[derive(Debug)]
pub(super) struct Observer {
    algorithms: WebPkiSupportedAlgorithms,
    /// Schemes that are offered though nobody here can verify them.
    unverifiable: &'static [SignatureScheme],
    seen: Mutex<Seen>,
}

impl Observer {
    pub(super) fn new(
        algorithms: WebPkiSupportedAlgorithms,
        unverifiable: &'static [SignatureScheme],
    ) -> Arc<Self> {
        Arc::new(Self { algorithms, unverifiable, seen: Mutex::default() })
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_signature(
        &self,
        version: ProtocolVersion,
        scheme: SignatureScheme,
        verified: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let mut seen = self.seen();
        seen.version = Some(version);
        seen.signature = Some((scheme, verified.err()));
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut seen = self.seen();
        seen.chain = std::iter::once(leaf).chain(others).map(|c| c.clone().into_owned()).collect();
        seen.chain_at = Some(now);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls12_signature(message, leaf, signed, &self.algorithms);
        self.note_signature(ProtocolVersion::TLSv1_2, signed.scheme, verified)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls13_signature(message, leaf, signed, &self.algorithms);
        self.note_signature(ProtocolVersion::TLSv1_3, signed.scheme, verified)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        schemes.extend(self.unverifiable);
        schemes
    }
}

/// Has no certificate to give, and notices when one is asked for.
impl ResolvesClientCert for Observer {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.seen().client_certificate_asked = true;
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
