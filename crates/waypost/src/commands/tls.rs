//! The options of TLS that clients share. Named as in mosquitto_pub and mosquitto_sub.
//!
//! Turns them into [`TlsOptions`]; reads no file.

use crate::client::{Scheme, Target, TlsOptions, TlsVersion, default_port};
use crate::failure::Failure;
use clap::Args;
use std::path::PathBuf;

const HEADING: &str = "TLS";
/// The port where TLS is spoken without being asked for.
const TLS_PORT: u16 = 8883;

/// Options of TLS.
#[derive(Debug, Default, Args)]
pub(crate) struct Tls {
    /// Trust the authorities whose certificates are in this file (PEM), instead of those of the
    /// operating system
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    cafile: Option<PathBuf>,
    /// Trust the authorities whose certificates are in the files of this directory (PEM)
    #[arg(long, value_name = "DIR", help_heading = HEADING)]
    capath: Option<PathBuf>,
    /// Trust the authorities of the operating system, also beside --cafile and --capath
    #[arg(long, help_heading = HEADING)]
    tls_use_os_certs: bool,
    /// Certificate of this client, and those between it and its authority (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = HEADING)]
    cert: Option<PathBuf>,
    /// Key of this client's certificate (PEM, not encrypted)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = HEADING)]
    key: Option<PathBuf>,
    /// Do not check that the server's certificate is for the name of the server; everything else
    /// about it is checked
    #[arg(long, help_heading = HEADING)]
    insecure: bool,
    /// This version of TLS alone: tlsv1.2 or tlsv1.3 [default: either]
    #[arg(long, value_name = "VERSION", value_parser = parse_version, help_heading = HEADING)]
    tls_version: Option<TlsVersion>,
    /// The protocol to ask the server for (ALPN)
    #[arg(long, value_name = "NAME", value_parser = parse_alpn, help_heading = HEADING)]
    tls_alpn: Option<String>,
}

impl Tls {
    /// One of them is used, which makes no sense without TLS.
    fn is_wanted(&self) -> bool {
        self.options() != TlsOptions::default()
    }

    /// The server of --host and --port: with TLS where an option of it, or the port, asks for that.
    pub(crate) fn target(&self, host: &str, port: Option<u16>) -> Target {
        let scheme = match port {
            Some(TLS_PORT) => Scheme::Tls,
            _ if self.is_wanted() => Scheme::Tls,
            _ => Scheme::Tcp,
        };
        Target {
            scheme,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.unwrap_or(default_port(scheme)),
            path: String::new(),
        }
    }

    /// Options of TLS on a way without TLS would be ignored.
    pub(crate) fn check(&self, target: &Target) -> Result<(), Failure> {
        if self.is_wanted() && !target.scheme.is_secured() {
            return Err(Failure::usage(format!(
                "options of TLS are given, but {target} is a connection without TLS; say mqtts:// \
                 or wss://"
            )));
        }
        Ok(())
    }

    pub(crate) fn options(&self) -> TlsOptions {
        TlsOptions {
            ca_file: self.cafile.clone(),
            ca_path: self.capath.clone(),
            os_certificates: self.tls_use_os_certs,
            certificate: self.cert.clone().zip(self.key.clone()),
            any_name: self.insecure,
            version: self.tls_version,
            alpn: self.tls_alpn.clone(),
        }
    }
}

fn parse_version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "tlsv1.2" => Ok(TlsVersion::V12),
        "tlsv1.3" => Ok(TlsVersion::V13),
        "tlsv1" | "tlsv1.0" | "tlsv1.1" => Err("too old to be safe: tlsv1.2 or tlsv1.3".into()),
        _ => Err("one of tlsv1.2 and tlsv1.3".into()),
    }
}

/// A name in ALPN has a byte for its length.
fn parse_alpn(text: &str) -> Result<String, String> {
    match text.len() {
        1..=255 => Ok(text.to_owned()),
        _ => Err("a name of 1 to 255 bytes".into()),
    }
}
