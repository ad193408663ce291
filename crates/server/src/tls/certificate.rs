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

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType};

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        read(params.self_signed(&key).unwrap().der())
    }

    fn name(value: DnValue) -> Option<String> {
        let certificate = made(|params| params.distinguished_name.push(DnType::CommonName, value));
        certificate.common_name.map(String::from)
    }

    #[test]
    fn common_names_of_every_kind() {
        let printable = DnValue::PrintableString("device 7".try_into().unwrap());
        assert_eq!(name(printable).as_deref(), Some("device 7"));
        let utf8 = DnValue::Utf8String("Gerät-7".into());
        assert_eq!(name(utf8).as_deref(), Some("Gerät-7"));
        let bmp = DnValue::BmpString("Gerät".try_into().unwrap());
        assert_eq!(name(bmp).as_deref(), Some("Gerät"));
        let teletex = DnValue::TeletexString("device".try_into().unwrap());
        assert_eq!(name(teletex).as_deref(), Some("device"));
    }

    #[test]
    fn names_that_could_be_mistaken_are_none() {
        assert_eq!(name(DnValue::Utf8String(String::new())), None);
        assert_eq!(name(DnValue::Utf8String("a\0b".into())), None);
        assert_eq!(name(DnValue::Utf8String("a\nb".into())), None);
        assert_eq!(made(|_| {}).common_name, None);
    }

    #[test]
    fn alternative_names_have_their_kind() {
        let certificate = made(|params| {
            params.subject_alt_names = vec![
                SanType::DnsName("device.example".try_into().unwrap()),
                SanType::IpAddress([192, 0, 2, 7].into()),
                SanType::Rfc822Name("a@b.example".try_into().unwrap()),
                SanType::URI("urn:device:7".try_into().unwrap()),
            ];
        });
        let expected = [
            "DNS:device.example",
            "IP:192.0.2.7",
            "email:a@b.example",
            "URI:urn:device:7",
        ];
        let names: Vec<&str> = certificate.alternative_names.iter().map(|n| &**n).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn what_cannot_be_read_has_its_fingerprint_alone() {
        let certificate = read(&CertificateDer::from(b"abc".to_vec()));
        assert_eq!(certificate.common_name, None);
        // FIPS 180-2, B.1.
        assert_eq!(certificate.fingerprint[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
