//! What certificates say: of the client that shows one, and of the times that they are good for.
//!
//! Pure. Nothing is verified here: rustls has done so before a client's certificate is read.

use broker::auth::Certificate;
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::time::Duration;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::crl::CertificateList;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Alternative names that are kept of one certificate.
const MAX_ALTERNATIVE_NAMES: usize = 64;

/// Reads a verified certificate. One that says nothing that can be read has its fingerprint alone.
pub(super) fn read(der: &CertificateDer<'_>) -> Certificate {
    let mut certificate = Certificate {
        common_name: None,
        alternative_names: Vec::new(),
        fingerprint: [0; 32],
    };
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    certificate.fingerprint.copy_from_slice(digest.as_ref());
    let Ok(parsed) = x509_cert::Certificate::from_der(der) else {
        return certificate;
    };
    let subject = &parsed.tbs_certificate.subject.0;
    let attributes = subject.iter().flat_map(|rdn| rdn.0.iter());
    let mut names = attributes.filter(|a| a.oid == COMMON_NAME);
    if let (Some(name), None) = (names.next(), names.next()) {
        certificate.common_name = text(name);
    }
    if let Ok(Some((_, names))) = parsed.tbs_certificate.get::<SubjectAltName>() {
        let names = names.0.iter().filter_map(alternative_name);
        certificate.alternative_names = names.take(MAX_ALTERNATIVE_NAMES).collect();
    }
    certificate
}

/// A name as text; `None` where it could be mistaken for another one.
fn text(name: &AttributeTypeAndValue) -> Option<Box<str>> {
    let bytes = name.value.value();
    let text = match name.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            std::str::from_utf8(bytes).ok()?.to_owned()
        }
        // ISO 8859-1 to some, T.61 to others: ASCII is the same to all.
        Tag::TeletexString if bytes.is_ascii() => std::str::from_utf8(bytes).ok()?.to_owned(),
        Tag::BmpString => {
            let (units, odd) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|u| u16::from_be_bytes(*u)).collect();
            String::from_utf16(&units).ok().filter(|_| odd.is_empty())?
        }
        _ => return None,
    };
    let clear = !text.is_empty() && !text.contains(char::is_control);
    clear.then(|| text.into())
}

fn alternative_name(name: &GeneralName) -> Option<Box<str>> {
    let text = match name {
        GeneralName::DnsName(name) => format!("DNS:{name}"),
        GeneralName::Rfc822Name(name) => format!("email:{name}"),
        GeneralName::UniformResourceIdentifier(name) => format!("URI:{name}"),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            format!("IP:{}", address.ok()?)
        }
        _ => return None,
    };
    (!text.contains(char::is_control)).then(|| text.into())
}

/// What an operator should know about a certificate's times; `now` counts from 1970.
pub(super) fn out_of_time(der: &CertificateDer<'_>, now: Duration) -> Option<&'static str> {
    let parsed = x509_cert::Certificate::from_der(der).ok()?;
    let validity = parsed.tbs_certificate.validity;
    if now > validity.not_after.to_unix_duration() {
        Some("has expired")
    } else if now < validity.not_before.to_unix_duration() {
        Some("is not valid yet")
    } else {
        None
    }
}

/// True where a revocation list should have been replaced already.
pub(super) fn overdue(der: &[u8], now: Duration) -> bool {
    let list = CertificateList::from_der(der).ok();
    let next = list.and_then(|list| list.tbs_cert_list.next_update);
    next.is_some_and(|next| now > next.to_unix_duration())
}
