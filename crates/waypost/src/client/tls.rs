//! The TLS of a client, made from options: whom to trust, and who we are.
//!
//! Reads certificates and keys. Owns nothing afterwards; no connection is touched here.

use super::ClientError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls::{DEFAULT_VERSIONS, SupportedProtocolVersion, version};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What can be said about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    /// Certificates of authorities to trust: a file, and a directory of such files.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) ca_path: Option<PathBuf>,
    /// Trust those of the operating system too. They alone are trusted where no others are given.
    pub(crate) os_certificates: bool,
    /// Our certificate, and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// Take a certificate whatever name it is for.
    pub(crate) any_name: bool,
    /// This version alone.
    pub(crate) version: Option<TlsVersion>,
    pub(crate) alpn: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    V12,
    V13,
}

/// The name that a certificate has to be for: of a host, or an IP address.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, ClientError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| ClientError::TlsSetup(format!("{host:?} is no name that a server can have")))
}

pub(super) fn configure(options: &TlsOptions) -> Result<Arc<ClientConfig>, ClientError> {
    const V12: &[&SupportedProtocolVersion] = &[&version::TLS12];
    const V13: &[&SupportedProtocolVersion] = &[&version::TLS13];
    let versions = match options.version {
        None => DEFAULT_VERSIONS,
        Some(TlsVersion::V12) => V12,
        Some(TlsVersion::V13) => V13,
    };
    let failed = |e: rustls::Error| ClientError::TlsSetup(e.to_string());
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(failed)?;
    let roots = roots(options)?;
    let builder = if options.any_name {
        let verifier = AnyName { roots, provider };
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    } else {
        builder.with_root_certificates(roots)
    };
    let mut config = match &options.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates("--cert", certificate)?;
            builder
                .with_client_auth_cert(chain, private_key(key)?)
                .map_err(|e| unusable(certificate, key, &e))?
        }
    };
    // Each connection shakes hands in full: whoever measures that wants to see it.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = options
        .alpn
        .iter()
        .map(|name| name.clone().into_bytes())
        .collect();
    Ok(Arc::new(config))
}

fn unusable(certificate: &Path, key: &Path, e: &rustls::Error) -> ClientError {
    let (certificate, key) = (certificate.display(), key.display());
    ClientError::TlsSetup(match e {
        rustls::Error::InconsistentKeys(_) => {
            format!("--key {key} is not the key of the certificate in --cert {certificate}")
        }
        other => format!("--cert {certificate} with --key {key} cannot be used: {other}"),
    })
}

fn roots(options: &TlsOptions) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &options.ca_file {
        trust(
            &mut roots,
            "--cafile",
            path,
            certificates("--cafile", path)?,
        )?;
    }
    if let Some(path) = &options.ca_path {
        trust(&mut roots, "--capath", path, directory(path)?)?;
    }
    let given = options.ca_file.is_some() || options.ca_path.is_some();
    if options.os_certificates || !given {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first();
            let why = why.map(|e| format!(": {e}")).unwrap_or_default();
            return Err(ClientError::TlsSetup(format!(
                "the operating system knows no authorities to trust{why}; install its CA \
                 certificates, or give some with --cafile FILE"
            )));
        }
    }
    Ok(roots)
}

fn trust(
    roots: &mut RootCertStore,
    option: &str,
    path: &Path,
    found: Vec<CertificateDer<'static>>,
) -> Result<(), ClientError> {
    // A bundle may hold certificates that nobody can use any more.
    match roots.add_parsable_certificates(found) {
        (0, _) => Err(ClientError::TlsSetup(format!(
            "{option} {}: none of its certificates can be used",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The certificates of all files of a directory that hold some.
fn directory(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| unreadable("--capath", path, &e))? {
        let entry = entry.map_err(|e| unreadable("--capath", path, &e))?;
        if entry.path().is_file()
            && let Ok(found) = certificates("--capath", &entry.path())
        {
            all.extend(found);
        }
    }
    if all.is_empty() {
        return Err(ClientError::TlsSetup(format!(
            "--capath {}: no file with a certificate in PEM",
            path.display()
        )));
    }
    Ok(all)
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let text = std::fs::read(path).map_err(|e| unreadable(option, path, &e))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(ClientError::TlsSetup(format!(
            "{option} {}: no certificate in PEM (-----BEGIN CERTIFICATE-----)",
            path.display()
        ))),
        Err(e) => Err(unreadable(option, path, &e)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ClientError> {
    let text = std::fs::read(path).map_err(|e| unreadable("--key", path, &e))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|e| {
        let shown = path.display();
        // Both forms of PEM say so, each in another place.
        if String::from_utf8_lossy(&text).contains("ENCRYPTED") {
            return ClientError::TlsSetup(format!(
                "--key {shown} is encrypted; write it in the clear first, for example with \
                 openssl pkey"
            ));
        }
        match e {
            pem::Error::NoItemsFound => {
                ClientError::TlsSetup(format!("--key {shown}: no private key in PEM"))
            }
            other => unreadable("--key", path, &other),
        }
    })
}

fn unreadable(option: &str, path: &Path, why: &dyn std::fmt::Display) -> ClientError {
    ClientError::TlsSetup(format!("{option} {}: {why}", path.display()))
}

/// Checks everything but the name: who signed, and when it is valid.
#[derive(Debug)]
struct AnyName {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(certificate)?,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
