//! The observing verifier: writes down what the server shows and lets the handshake finish.
//!
//! It has the chain judged, in `judge`, while it is there: a handshake carries up to 64 KiB of it, and
//! hundreds may be under way, so what is kept is what was read. One for each handshake.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};

use super::config::Anchors;
use super::{certificate, judge};
use crate::observation::{CertificateFacts, PathVerdict};

/// What one handshake has shown so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The certificates as sent, as far as they are kept.
    pub(super) chain: Vec<CertificateFacts>,
    /// What the chain was worth when it came.
    pub(super) path: Option<PathVerdict>,
    pub(super) name_matches: Option<bool>,
    /// The size of the server's key, where that is an RSA key.
    pub(super) rsa_bits: Option<usize>,
    /// The handshake's signature and, where it does not verify, why.
    pub(super) signature: Option<(SignatureScheme, Option<Error>)>,
    /// Known from the kind of signature before the handshake ends.
    pub(super) version: Option<ProtocolVersion>,
    /// A CertificateRequest came.
    pub(super) client_certificate_asked: bool,
}

#[derive(Debug)]
pub(super) struct Observer {
    anchors: Arc<Anchors>,
    /// The name that the certificate has to have, where there is one.
    reference: Option<ServerName<'static>>,
    /// Schemes that are offered though nobody here can verify them.
    unverifiable: &'static [SignatureScheme],
    seen: Mutex<Seen>,
}

impl Observer {
    pub(super) fn new(
        anchors: Arc<Anchors>,
        reference: Option<ServerName<'static>>,
        unverifiable: &'static [SignatureScheme],
    ) -> Arc<Self> {
        Arc::new(Self { anchors, reference, unverifiable, seen: Mutex::default() })
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
        let chain: Vec<_> = std::iter::once(leaf).chain(others).cloned().collect();
        let read: Vec<_> = chain.iter().map(certificate::read).collect();
        let mut seen = self.seen();
        seen.path = Some(judge::path(&chain, &read, &self.anchors, now));
        let reference = self.reference.as_ref();
        seen.name_matches = reference.and_then(|name| judge::name(&chain, &read, name));
        seen.rsa_bits = read.first().and_then(|leaf| leaf.rsa_bits);
        seen.chain = certificate::within_bounds(read.into_iter().map(|c| c.facts).collect());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls12_signature(message, leaf, signed, &self.anchors.algorithms);
        self.note_signature(ProtocolVersion::TLSv1_2, signed.scheme, verified)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls13_signature(message, leaf, signed, &self.anchors.algorithms);
        self.note_signature(ProtocolVersion::TLSv1_3, signed.scheme, verified)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.anchors.algorithms.supported_schemes();
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
