//! What the TLS of a listener agrees to: certificate, key, whom it trusts.
//!
//! Made from the files that the configuration names, never changed, replaced at a reload. One for
//! all shards, so that a session can be resumed wherever the client comes in.

use super::certificate;
use super::pem::{self, Trouble};
use crate::config::{Listener, Scheme, TlsVersion};
use broker::auth::Credential;
use ring::digest::Context;
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{CommonState, HandshakeKind, InconsistentKeys, RootCertStore, ServerConfig};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// See the module.
pub(crate) struct Terms {
    config: Arc<ServerConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// Of all files that it was made from.
    digest: [u8; 32],
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").finish_non_exhaustive()
    }
}

/// The terms of a listener, and what its operator should know.
pub(crate) struct Loaded {
    pub(crate) terms: Arc<Terms>,
    pub(crate) warnings: Vec<String>,
}

/// Reads the files of a listener that speaks TLS. Where they are those of `before`, so are the
/// terms: sessions can be resumed across a reload that changes nothing here.
pub(crate) fn load(listener: &Listener, before: Option<&Arc<Terms>>) -> Result<Loaded, Trouble> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut loading = Loading {
        listener,
        provider: Arc::new(provider::default_provider()),
        digest: pem::digest(),
        now: now.unwrap_or_default(),
        warnings: Vec::new(),
    };
    let verifier = loading.verifier()?;
    let config = loading.server_config(verifier.clone())?;
    let Loading {
        digest, warnings, ..
    } = loading;
    let mut terms = Arc::new(Terms {
        config: Arc::new(config),
        verifier,
        digest: [0; 32],
    });
    if let Some(terms) = Arc::get_mut(&mut terms) {
        terms.digest.copy_from_slice(digest.finish().as_ref());
    }
    if let Some(before) = before.filter(|before| before.digest == terms.digest) {
        terms = before.clone();
    }
    Ok(Loaded { terms, warnings })
}

struct Loading<'a> {
    listener: &'a Listener,
    provider: Arc<CryptoProvider>,
    digest: Context,
    now: Duration,
    warnings: Vec<String>,
}

impl Loading<'_> {
    fn server_config(
        &mut self,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<ServerConfig, Trouble> {
        let tls = &self.listener.tls;
        let (Some(cert), Some(key)) = (&tls.cert, &tls.key) else {
            return Err(("cert", "is not set".into()));
        };
        let chain = pem::read("cert", cert, &mut self.digest)?;
        let chain = pem::certificates("cert", cert, &chain)?;
        self.look_at_times(cert, &chain);
        let private = pem::read("key", key, &mut self.digest)?;
        let private = pem::private_key("key", key, &private)?;
        if pem::is_open_to_all(key) {
            self.warnings.push(format!(
                "the private key {} can be read by every user of this machine: chmod 600",
                key.display()
            ));
        }
        let versions: &[_] = match tls.min_version {
            TlsVersion::V12 => &[&TLS13, &TLS12],
            TlsVersion::V13 => &[&TLS13],
        };
        let internal = |e: rustls::Error| ("cert", format!("TLS cannot be set up: {e}"));
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(versions)
            .map_err(internal)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, private);
        let mut config = config.map_err(|e| unfit(cert, key, &e))?;
        let alpn = match self.listener.scheme {
            Scheme::Wss | Scheme::Https => "http/1.1",
            _ => "mqtt",
        };
        config.alpn_protocols = vec![alpn.into()];
        config.ticketer = provider::Ticketer::new().map_err(internal)?;
        // All that is needed to resume a session is in its ticket, which the client keeps.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }

    fn verifier(&mut self) -> Result<Option<Arc<dyn ClientCertVerifier>>, Trouble> {
        let tls = &self.listener.tls;
        let Some(path) = &tls.client_ca else {
            return Ok(None);
        };
        let authorities = pem::read("client_ca", path, &mut self.digest)?;
        let authorities = pem::certificates("client_ca", path, &authorities)?;
        self.look_at_times(path, &authorities);
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority).map_err(|e| {
                let what = format!("{} holds no usable authority: {e}", path.display());
                ("client_ca", what)
            })?;
        }
        let mut lists = Vec::new();
        for path in &tls.crl {
            let pem = pem::read("crl", path, &mut self.digest)?;
            let found = pem::revocations("crl", path, &pem)?;
            self.look_at_lists(path, &found);
            lists.extend(found);
        }
        let roots = Arc::new(roots);
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, self.provider.clone());
        if !lists.is_empty() {
            builder = builder.with_crls(lists).enforce_revocation_expiration();
        }
        if !self.listener.requires_certificate() {
            builder = builder.allow_unauthenticated();
        }
        match builder.build() {
            Ok(verifier) => Ok(Some(verifier)),
            Err(e) => Err(("crl", format!("cannot be used: {e}"))),
        }
    }

    fn look_at_times(&mut self, path: &Path, certificates: &[CertificateDer<'_>]) {
        for (n, der) in certificates.iter().enumerate() {
            if let Some(what) = certificate::out_of_time(der, self.now) {
                let path = path.display();
                let warning = format!("certificate {} of {path} {what}", n + 1);
                self.warnings.push(warning);
            }
        }
    }

    fn look_at_lists(&mut self, path: &Path, lists: &[CertificateRevocationListDer<'_>]) {
        if lists
            .iter()
            .any(|list| certificate::overdue(list, self.now))
        {
            self.warnings.push(format!(
                "a revocation list in {} is out of date: until it is replaced, the certificates \
                 of its authority are refused",
                path.display()
            ));
        }
    }
}

/// Why certificate and key do not make an identity.
fn unfit(cert: &Path, key: &Path, error: &rustls::Error) -> Trouble {
    let (cert, key) = (cert.display(), key.display());
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let what = format!("{key} is not the key of the first certificate in {cert}");
            ("key", what)
        }
        rustls::Error::InvalidCertificate(e) => (
            "cert",
            format!("the first certificate in {cert} is broken: {e:?}"),
        ),
        e => ("key", format!("{key} cannot be used: {e}")),
    }
}

/// A handshake that is about to begin.
pub(crate) struct Begun {
    pub(super) session: UnbufferedServerConnection,
    pub(super) terms: Arc<Terms>,
}

impl Terms {
    /// For whoever drives TLS by other means than [`super::TlsStream`].
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    pub(crate) fn begin(self: Arc<Self>) -> Result<Begun, rustls::Error> {
        let session = UnbufferedServerConnection::new(self.config.clone())?;
        Ok(Begun {
            session,
            terms: self,
        })
    }

    /// What the client of a finished handshake has proved, by `unix_ms`.
    ///
    /// A resumed session brings its certificate from the ticket, so it is held against today's
    /// authorities, revocation lists and date.
    pub(super) fn credential(
        &self,
        session: &CommonState,
        unix_ms: u64,
    ) -> Result<Option<Credential>, rustls::Error> {
        let chain = session.peer_certificates().unwrap_or_default();
        let Some((certificate, others)) = chain.split_first() else {
            return Ok(None);
        };
        if session.handshake_kind() == Some(HandshakeKind::Resumed)
            && let Some(verifier) = &self.verifier
        {
            let now = UnixTime::since_unix_epoch(Duration::from_millis(unix_ms));
            verifier.verify_client_cert(certificate, others, now)?;
        }
        let certificate = certificate::read(certificate);
        Ok(Some(Credential::Certificate(certificate)))
    }
}
