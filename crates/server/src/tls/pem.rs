//! Files with certificates, keys and revocation lists.
//!
//! Reads what the configuration names, at start and at each reload, and says what is wrong with it.
//! Keeps nothing.

use ring::digest::{Context, SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The largest file that is read.
const MAX_PEM_BYTES: u64 = 64 << 20;

/// A key of the configuration, and what is wrong with the file that it names.
pub(crate) type Trouble = (&'static str, String);

/// A file's bytes, entered into a digest of all that belong together.
pub(super) fn read(
    key: &'static str,
    path: &Path,
    digest: &mut Context,
) -> Result<Vec<u8>, Trouble> {
    let failed = |what: String| (key, format!("{} {what}", path.display()));
    let unreadable = |e: std::io::Error| failed(format!("cannot be read: {e}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let mut limited = file.take(MAX_PEM_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_PEM_BYTES {
        return Err(failed(format!(
            "is larger than {} MiB",
            MAX_PEM_BYTES >> 20
        )));
    }
    digest.update(&(bytes.len() as u64).to_be_bytes());
    digest.update(&bytes);
    Ok(bytes)
}

/// An empty digest.
pub(super) fn digest() -> Context {
    Context::new(&SHA256)
}

/// All certificates of a file; at least one.
pub(super) fn certificates(
    key: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            let what = "holds no certificate: expected -----BEGIN CERTIFICATE-----";
            Err((key, format!("{} {what}", path.display())))
        }
        Err(e) => Err((key, format!("{} is no PEM file: {e}", path.display()))),
    }
}

/// The one private key of a file.
pub(super) fn private_key(
    key: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<PrivateKeyDer<'static>, Trouble> {
    let failed = |what: &str| (key, format!("{} {what}", path.display()));
    let encrypted = pem.windows(9).any(|w| w == b"ENCRYPTED");
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(found) if !encrypted => Ok(found),
        _ if encrypted => Err(failed(
            "is encrypted with a passphrase, which nobody could enter: write it without one \
             (openssl pkey -in FILE -out NEW) and let the broker alone read it",
        )),
        _ => Err(failed(
            "holds no private key: expected -----BEGIN PRIVATE KEY-----, RSA PRIVATE KEY or EC \
             PRIVATE KEY",
        )),
    }
}

/// The revocation lists of a file; at least one.
pub(super) fn revocations(
    key: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, Trouble> {
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            let what = "holds no revocation list: expected -----BEGIN X509 CRL-----";
            Err((key, format!("{} {what}", path.display())))
        }
        Err(e) => Err((key, format!("{} is no PEM file: {e}", path.display()))),
    }
}

/// True for a file that every user of the machine may read.
pub(super) fn is_open_to_all(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o004 != 0)
}
