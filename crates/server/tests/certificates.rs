//! What the configuration says about files and keys of TLS before anything is served.

mod wire;

use std::os::unix::fs::PermissionsExt;
use wire::pki::{Authority, expired};
use wire::tls::{TlsSite, listener};

fn error(site: &TlsSite, toml: &str) -> String {
    match site.config(toml) {
        Ok(_) => panic!("accepted: {toml}"),
        Err(error) => error.to_string(),
    }
}

fn warnings(site: &TlsSite, toml: &str) -> String {
    site.config(toml).unwrap().warnings.join("\n")
}

#[test]
fn each_file_that_is_wrong_is_named_with_its_line() {
    let site = TlsSite::new();
    let all = listener("mqtts", "client_ca = 'ca.pem'\ncrl = ['list.crl']");
    let list = site.authority.revoke(&[]);
    site.folder.write("list.crl", &list);
    assert!(site.config(&all).is_ok());
    let read = |name| std::fs::read_to_string(site.folder.path(name)).unwrap();
    let key = read("server.key");
    for (name, key, text, what) in [
        ("server.pem", "cert", "", "holds no certificate"),
        ("server.pem", "cert", &key[..], "holds no certificate"),
        ("server.key", "key", "junk", "holds no private key"),
        ("ca.pem", "client_ca", "", "holds no certificate"),
        ("list.crl", "crl", "", "holds no revocation list"),
        (
            "server.key",
            "key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "encrypted with a passphrase",
        ),
        (
            "server.pem",
            "cert",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "",
        ),
        (
            "server.pem",
            "cert",
            "-----BEGIN CERTIFICATE-----\n!\n",
            "no PEM file",
        ),
    ] {
        let before = read(name);
        site.folder.write(name, text);
        let error = error(&site, &all);
        let line = all.lines().position(|l| l.starts_with(key)).unwrap() + 3;
        let place = format!("waypost.toml:{line}: listener.{key}: ");
        assert!(error.contains(&place), "{place}\n{error}");
        assert!(
            error.contains(name) && error.contains(what),
            "{what}\n{error}"
        );
        site.folder.write(name, &before);
    }
    std::fs::remove_file(site.folder.path("server.pem")).unwrap();
    let error = error(&site, &all);
    assert!(error.contains("server.pem cannot be read"), "{error}");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let site = TlsSite::new();
    let other = site.authority.server();
    site.folder.write("server.key", &other.key_pem);
    let error = error(&site, &listener("mqtts", ""));
    assert!(
        error.contains("is not the key of the first certificate"),
        "{error}"
    );
    assert!(error.contains("listener.key"), "{error}");
}

#[test]
fn what_is_only_doubtful_is_a_warning() {
    let site = TlsSite::new();
    let private = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(site.folder.path("server.key"), permissions).unwrap();
    };
    private(0o600);
    let quiet = warnings(&site, &listener("mqtts", "client_ca = 'ca.pem'"));
    assert!(
        !quiet.contains("server") && !quiet.contains("ca.pem"),
        "{quiet}"
    );
    private(0o644);
    let open = warnings(&site, &listener("mqtts", ""));
    assert!(open.contains("can be read by every user") && open.contains("server.key"));
    let old = site.authority.sign(Some("old"), &["localhost"], 5, expired);
    old.write(&site.folder, "server");
    let warned = warnings(&site, &listener("mqtts", ""));
    assert!(warned.contains("server.pem has expired"), "{warned}");
    let to_come = site
        .authority
        .sign(Some("new"), &["localhost"], 6, |params| {
            params.not_before = rcgen::date_time_ymd(4000, 1, 1);
            params.not_after = rcgen::date_time_ymd(4001, 1, 1);
        });
    to_come.write(&site.folder, "server");
    let warned = warnings(&site, &listener("mqtts", ""));
    assert!(warned.contains("server.pem is not valid yet"), "{warned}");
    let open_proxy = "[[listener]]\nurl = 'mqtt://127.0.0.1:0'\nproxy_protocol = '127.0.0.1'\n";
    assert!(warnings(&site, open_proxy).contains("whoever reaches the proxy is let in"));
}

#[test]
fn a_chain_and_several_authorities_may_be_in_one_file() {
    let site = TlsSite::new();
    let other = Authority::new("another authority");
    let server = std::fs::read_to_string(site.folder.path("server.pem")).unwrap();
    let both = format!("{}{}", site.authority.pem(), other.pem());
    site.folder
        .write("server.pem", &format!("A note.\n{server}{}", other.pem()));
    site.folder.write("ca.pem", &both);
    let lists = format!("{}{}", site.authority.revoke(&[]), other.revoke(&[]));
    site.folder.write("lists.crl", &lists);
    let toml = listener("wss", "client_ca = 'ca.pem'\ncrl = 'lists.crl'");
    assert!(site.config(&toml).is_ok());
}

#[test]
fn keys_that_contradict_each_other() {
    let site = TlsSite::new();
    let with = |url: &str, more: &str| format!("[[listener]]\nurl = '{url}'\n{more}\n");
    for (toml, key, what) in [
        (
            with("mqtts://127.0.0.1", ""),
            "cert",
            "needs a certificate and its key",
        ),
        (
            with("wss://127.0.0.1", "cert = 'server.pem'"),
            "key",
            "needs a certificate and its key",
        ),
        (
            with("mqtt://127.0.0.1", "cert = 'server.pem'"),
            "cert",
            "only mqtts, wss and https",
        ),
        (
            with("ws://127.0.0.1?client_auth=optional", ""),
            "client_auth",
            "only mqtts, wss and https",
        ),
        (
            with("mqtt://127.0.0.1?tls_min_version=1.3", ""),
            "tls_min_version",
            "only mqtts",
        ),
        (
            with("unix:/tmp/x", "proxy_protocol = '10.0.0.0/8'"),
            "proxy_protocol",
            "no addresses",
        ),
        (
            with("mqtt://127.0.0.1", "mode = '0600'"),
            "mode",
            "only unix",
        ),
        (
            with("mqtt://127.0.0.1", "proxy_protocol = '10.0.0.0/40'"),
            "proxy_protocol",
            "network",
        ),
        (
            with("mqtt://127.0.0.1", "proxy_protocol = true"),
            "proxy_protocol",
            "list of strings",
        ),
        (
            with("mqtt://127.0.0.1", "identity_from_certificate = 'cn'"),
            "identity_from_certificate",
            "needs client_ca",
        ),
        (
            listener("mqtts", "client_auth = 'optional'"),
            "client_auth",
            "needs client_ca",
        ),
        (
            listener("mqtts", "client_auth = 'maybe'"),
            "client_auth",
            "required, optional",
        ),
        (listener("mqtts", "crl = ['x']"), "crl", "needs client_ca"),
        (
            listener("https", "origins = ['x']"),
            "origins",
            "has no clients",
        ),
        (
            listener("https", "max_connections = 3"),
            "max_connections",
            "limits.max_admin_connections",
        ),
        (
            listener("mqtts", "tls_min_version = '1.1'"),
            "tls_min_version",
            "1.2, 1.3",
        ),
        (
            listener("mqtts", "identity_from_certificate = 'dn'"),
            "identity_from_certificate",
            "cn",
        ),
        (listener("mqtts", "tls = {}"), "tls", "unknown key"),
    ] {
        let error = error(&site, &toml);
        assert!(
            error.contains(&format!("listener.{key}: ")),
            "{toml}{error}"
        );
        assert!(error.contains(what), "{what}\n{toml}{error}");
        assert!(error.contains("waypost.toml:"), "{error}");
    }
}

#[test]
fn every_key_is_shown_as_it_was_given() {
    let site = TlsSite::new();
    site.folder.write("list.crl", &site.authority.revoke(&[]));
    let toml = listener(
        "mqtts",
        "client_ca = 'ca.pem'\nclient_auth = 'optional'\ncrl = ['list.crl']\n\
         tls_min_version = '1.3'\nidentity_from_certificate = 'cn'\n\
         proxy_protocol = ['10.0.0.0/8', '::1']\n[[listener]]\nurl = 'unix:/tmp/x?mode=600'",
    );
    let config = site.config(&toml).unwrap();
    let path = |name: &str| format!("\"{}\"", site.folder.path(name).display());
    let shown = config.show();
    for (key, value) in [
        ("listener[0].cert", path("server.pem")),
        ("listener[0].key", path("server.key")),
        ("listener[0].client_ca", path("ca.pem")),
        ("listener[0].client_auth", "\"optional\"".into()),
        ("listener[0].crl", format!("[{}]", path("list.crl"))),
        ("listener[0].tls_min_version", "\"1.3\"".into()),
        ("listener[0].identity_from_certificate", "\"cn\"".into()),
        (
            "listener[0].proxy_protocol",
            "[\"10.0.0.0/8\", \"::1/128\"]".into(),
        ),
        ("listener[1].url", "\"unix:/tmp/x\"".into()),
        ("listener[1].mode", "\"0600\"".into()),
    ] {
        let row = shown.iter().find(|row| row.key == key).unwrap();
        assert_eq!(row.value.to_string(), value, "{key}");
    }
}

/// A reload keeps what is served, and looks at the files of what is to come.
#[test]
fn a_reload_is_whole_or_not_at_all() {
    let site = TlsSite::new();
    let config = site.config(&listener("mqtts", "")).unwrap();
    assert!(config.reload().unwrap().needs_restart.is_empty());
    let write = |toml: &str| {
        let toml = format!("shards = 2\nlog.level = 'error'\n{toml}");
        site.folder.write("waypost.toml", &toml);
    };
    write(&format!(
        "{}\n[[listener]]\nurl = 'wss://127.0.0.1:0'\ncert = 'none'\nkey = 'none'\n",
        listener("mqtts", "")
    ));
    let error = config.reload().unwrap_err().to_string();
    assert!(error.contains("none cannot be read"), "{error}");
    write(&listener("mqtts", "client_ca = 'ca.pem'"));
    assert_eq!(config.reload().unwrap().needs_restart, ["listener"]);
    // Not in the configuration any more, but served until the next start.
    write("[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n");
    assert!(config.reload().is_ok());
    site.folder.write("server.pem", "");
    let error = config.reload().unwrap_err().to_string();
    assert!(error.contains("server.pem holds no certificate"), "{error}");
}
