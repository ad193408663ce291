//! Every way to a server: TLS, secure WebSocket, Unix sockets, and what is said when TLS fails.

use super::broker::{Broker, waypost};
use super::certificates::{Authority, Identity};
use super::relay::{self, Terms};
use rustls::version::{TLS12, TLS13};
use std::net::TcpListener;
use std::process::Command;

/// What a command said before it failed.
fn complaint(words: &[&str]) -> String {
    let output = waypost(&["pub", "-t", "a", "-m", "b"])
        .args(words)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words:?}: {text}");
    text
}

fn succeeds(words: &[&str]) {
    let output = waypost(&["pub", "-t", "a", "-m", "b", "-q", "1"])
        .args(words)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{words:?}: {text}");
}

/// An authority, a server's identity for `localhost`, and a broker behind TLS.
struct Secured {
    broker: Broker,
    authority: Authority,
    ca: String,
    identity: Identity,
}

impl Secured {
    fn start() -> Secured {
        let broker = Broker::start(&[]);
        let authority = Authority::new(&broker.dir, "authority");
        let identity = authority.sign(&broker.dir, "localhost");
        Secured {
            ca: authority.file.display().to_string(),
            broker,
            authority,
            identity,
        }
    }

    /// A URL of a listener with TLS.
    fn listen(&self, identity: &Identity, terms: &Terms<'_>) -> String {
        let port = relay::tls(identity, terms, &self.broker.mqtt);
        format!("mqtts://localhost:{port}")
    }

    fn complaint(&self, identity: &Identity) -> String {
        let url = self.listen(identity, &Terms::default());
        complaint(&["-L", &url, "--cafile", &self.ca])
    }
}

#[test]
fn every_version_and_quality_over_every_transport() {
    let secured = Secured::start();
    let broker = &secured.broker;
    let port = relay::tls(&secured.identity, &Terms::default(), &broker.ws);
    let socket = broker.dir.join("mqtt.sock");
    relay::unix(&socket, &broker.mqtt);
    let trust: &[&str] = &["--cafile", &secured.ca];
    for (url, more) in [
        (secured.listen(&secured.identity, &Terms::default()), trust),
        (format!("wss://localhost:{port}/mqtt"), trust),
        (format!("unix:{}", socket.display()), &[]),
    ] {
        for version in ["31", "311", "5"] {
            let mut words = vec![
                "-t", "v/#", "-q", "2", "-V", version, "-C", "3", "-F", "%t %q %p",
            ];
            words.extend(more);
            let mut sub = broker.subscribe(&url, &words);
            for qos in ["0", "1", "2"] {
                let sent = waypost(&[
                    "pub", "-L", &url, "-V", version, "-q", qos, "-t", "v/x", "-m", "hello",
                ])
                .args(more)
                .output();
                assert!(sent.unwrap().status.success(), "{url} {version} {qos}");
                assert_eq!(sub.line(), format!("v/x {qos} hello"), "{url} {version}");
            }
            assert_eq!(sub.code(), 0);
        }
    }
}

#[test]
fn large_messages_over_tls() {
    let secured = Secured::start();
    let ws = relay::tls(&secured.identity, &Terms::default(), &secured.broker.ws);
    let payload = secured.broker.dir.join("payload");
    std::fs::write(&payload, vec![b'x'; 900_000]).unwrap();
    for url in [
        secured.listen(&secured.identity, &Terms::default()),
        format!("wss://localhost:{ws}/mqtt"),
    ] {
        let trust = ["--cafile", &secured.ca];
        let mut sub = secured.broker.subscribe(
            &url,
            &[&["-t", "a", "-q", "1", "-C", "3", "-F", "%l"], &trust[..]].concat(),
        );
        let sent = waypost(&["pub", "-L", &url, "-t", "a", "-q", "1", "--repeat", "3"])
            .args(trust)
            .arg("-f")
            .arg(&payload)
            .status();
        assert!(sent.unwrap().success(), "{url}");
        for _ in 0..3 {
            assert_eq!(sub.line(), "900000", "{url}");
        }
        assert_eq!(sub.code(), 0);
    }
}

#[test]
fn options_of_tls_ask_for_tls() {
    let secured = Secured::start();
    let url = secured.listen(&secured.identity, &Terms::default());
    let port = url.rsplit(':').next().unwrap();
    succeeds(&["-p", port, "--cafile", &secured.ca]);
    succeeds(&[
        "-p",
        port,
        "--cafile",
        &secured.ca,
        "--tls-version",
        "tlsv1.2",
    ]);
    let directory = secured.broker.dir.join("trusted");
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(&secured.ca, directory.join("any-name")).unwrap();
    std::fs::write(directory.join("readme"), "no certificate").unwrap();
    succeeds(&["-p", port, "--capath", directory.to_str().unwrap()]);
}

#[test]
fn the_operating_systems_authorities() {
    let secured = Secured::start();
    let url = secured.listen(&secured.identity, &Terms::default());
    let other = Authority::new(&secured.broker.dir, "other");
    let other = ["--cafile", other.file.to_str().unwrap()];
    let run = |authorities: &str, more: &[&str]| {
        let output = waypost(&["pub", "-L", &url, "-t", "a", "-m", "b"])
            .args(more)
            .env("SSL_CERT_FILE", authorities)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(run(&secured.ca, &[]), (0, String::new()));
    let (code, said) = run(&secured.ca, &other);
    assert!(
        code == 1 && said.contains("no authority that is trusted"),
        "{said}"
    );
    let both = [&other[..], &["--tls-use-os-certs"]].concat();
    assert_eq!(run(&secured.ca, &both), (0, String::new()));
    let (code, said) = run("/nonexistent/roots.pem", &[]);
    assert!(
        code == 1 && said.contains("knows no authorities to trust"),
        "{said}"
    );
}

#[test]
fn unix_sockets_by_option_and_url() {
    let broker = Broker::start(&[]);
    let socket = broker.dir.join("mqtt.sock");
    relay::unix(&socket, &broker.mqtt);
    let path = socket.to_str().unwrap();
    let mut sub = broker.subscribe(&format!("unix:{path}#a"), &["-C", "1"]);
    succeeds(&["--unix", path]);
    assert_eq!(sub.line(), "b");
    let missing = broker.dir.join("missing");
    let said = complaint(&["--unix", missing.to_str().unwrap()]);
    assert!(
        said.contains(&format!("cannot reach unix:{}", missing.display())),
        "{said}"
    );
}

#[test]
fn an_authority_that_is_not_trusted() {
    let secured = Secured::start();
    let other = Authority::new(&secured.broker.dir, "other");
    let said = secured.complaint(&other.sign(&secured.broker.dir, "localhost"));
    assert!(
        said.contains("no authority that is trusted has signed"),
        "{said}"
    );
    assert!(said.contains("--cafile FILE"), "{said}");
    let url = secured.listen(&secured.identity, &Terms::default());
    let ca = other.file.to_str().unwrap();
    let said = complaint(&["-L", &url, "--cafile", ca, "--insecure"]);
    assert!(said.contains("no authority that is trusted"), "{said}");
}

#[test]
fn a_certificate_for_another_name() {
    let secured = Secured::start();
    let identity = secured
        .authority
        .sign(&secured.broker.dir, "broker.example");
    let said = secured.complaint(&identity);
    assert!(
        said.contains("is for broker.example, not for localhost") && said.contains("--insecure"),
        "{said}"
    );
    let url = secured.listen(&identity, &Terms::default());
    succeeds(&["-L", &url, "--cafile", &secured.ca, "--insecure"]);
}

#[test]
fn an_ip_address_is_a_name() {
    let secured = Secured::start();
    let identity = secured.authority.sign(&secured.broker.dir, "127.0.0.1");
    let url = secured.listen(&identity, &Terms::default());
    let said = complaint(&["-L", &url, "--cafile", &secured.ca]);
    assert!(
        said.contains("is for 127.0.0.1, not for localhost"),
        "{said}"
    );
    let url = url.replace("localhost", "127.0.0.1");
    succeeds(&["-L", &url, "--cafile", &secured.ca]);
}

#[test]
fn certificates_out_of_their_time() {
    let secured = Secured::start();
    let sign = |years| {
        let dir = &secured.broker.dir;
        secured.complaint(&secured.authority.sign_for(dir, "localhost", years))
    };
    let said = sign((2000, 2001));
    assert!(said.contains("certificate expired on 2001-01-01"), "{said}");
    let said = sign((3000, 3001));
    assert!(said.contains("is not valid before 3000-01-01"), "{said}");
}

#[test]
fn an_authoritys_certificate_as_that_of_a_server() {
    let secured = Secured::start();
    let said = secured.complaint(&secured.authority.itself(&secured.broker.dir));
    assert!(
        said.contains("certificate of an authority (CA:TRUE)"),
        "{said}"
    );
}

#[test]
fn client_certificates() {
    let secured = Secured::start();
    let dir = &secured.broker.dir;
    let ours = secured.authority.sign(dir, "client");
    let theirs = Authority::new(dir, "other").sign(dir, "stranger");
    for version in [&TLS12, &TLS13] {
        let terms = Terms {
            client_authority: Some(&secured.authority),
            version: Some(version),
            ..Terms::default()
        };
        let url = secured.listen(&secured.identity, &terms);
        let with = |identity: &Identity| {
            let [cert, key] = [&identity.certificate, &identity.key];
            [cert, key].map(|path| path.to_str().unwrap().to_owned())
        };
        let said = complaint(&["-L", &url, "--cafile", &secured.ca]);
        assert!(
            said.contains("wants a client certificate: --cert FILE --key FILE"),
            "{version:?}: {said}"
        );
        let [cert, key] = with(&theirs);
        let given = ["--cert", &cert, "--key", &key];
        let said = complaint(&[&["-L", &url, "--cafile", &secured.ca], &given[..]].concat());
        assert!(
            said.contains("does not accept the client certificate"),
            "{version:?}: {said}"
        );
        let [cert, key] = with(&ours);
        let given = ["--cert", &cert, "--key", &key];
        succeeds(&[&["-L", &url, "--cafile", &secured.ca], &given[..]].concat());
    }
}

#[test]
fn versions_and_protocols_that_do_not_fit() {
    let secured = Secured::start();
    let terms = Terms {
        version: Some(&TLS13),
        alpn: Some("mqtt"),
        ..Terms::default()
    };
    let url = secured.listen(&secured.identity, &terms);
    let trust = ["-L", &url, "--cafile", &secured.ca];
    let said = complaint(&[&trust[..], &["--tls-version", "tlsv1.2"]].concat());
    assert!(said.contains("another version of TLS"), "{said}");
    let said = complaint(&[&trust[..], &["--tls-alpn", "other"]].concat());
    assert!(said.contains("the protocol of --tls-alpn"), "{said}");
    succeeds(
        &[
            &trust[..],
            &["--tls-alpn", "mqtt", "--tls-version", "tlsv1.3"],
        ]
        .concat(),
    );
}

#[test]
fn a_server_with_tls_that_is_spoken_to_without() {
    let secured = Secured::start();
    let url = secured.listen(&secured.identity, &Terms::default());
    let said = complaint(&["-L", &url.replace("mqtts:", "mqtt:")]);
    assert!(
        said.contains("speaks TLS on this port; say mqtts://"),
        "{said}"
    );
}

#[test]
fn a_server_without_tls() {
    let broker = Broker::start(&[]);
    let authority = Authority::new(&broker.dir, "authority");
    let ca = authority.file.to_str().unwrap();
    // A WebSocket listener answers what it does not understand, one of MQTT closes.
    let said = complaint(&["-L", &broker.ws.replace("ws:", "wss:"), "--cafile", ca]);
    assert!(said.contains("does not answer in TLS"), "{said}");
    let said = complaint(&[
        "-L",
        &broker.mqtt.replace("mqtt:", "mqtts:"),
        "--cafile",
        ca,
    ]);
    assert!(said.contains("does it speak TLS on this port?"), "{said}");
}

#[test]
fn files_that_are_of_no_use() {
    let secured = Secured::start();
    let dir = &secured.broker.dir;
    let empty = dir.join("empty");
    std::fs::write(&empty, "").unwrap();
    let locked = dir.join("locked");
    let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(&locked, pem).unwrap();
    let old = dir.join("locked-long-ago");
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n";
    std::fs::write(&old, pem).unwrap();
    let other = secured.authority.sign(dir, "client");
    let paths = [
        &empty,
        &locked,
        &old,
        &secured.identity.certificate,
        &other.key,
    ];
    let [empty, locked, old, cert, key] = paths.map(|path| path.to_str().unwrap());
    let url = "mqtts://localhost:1";
    let said = complaint(&["-L", url, "--cafile", "/nonexistent/ca.pem"]);
    assert!(
        said.contains("--cafile /nonexistent/ca.pem: No such file"),
        "{said}"
    );
    let said = complaint(&["-L", url, "--cafile", empty]);
    assert!(said.contains("no certificate in PEM"), "{said}");
    let ca = ["-L", url, "--cafile", &secured.ca, "--cert", cert, "--key"];
    let said = complaint(&[&ca[..], &[empty]].concat());
    assert!(said.contains("no private key in PEM"), "{said}");
    for locked in [locked, old] {
        let said = complaint(&[&ca[..], &[locked]].concat());
        assert!(said.contains("is encrypted"), "{said}");
    }
    let said = complaint(&[&ca[..], &[key]].concat());
    assert!(said.contains("is not the key of the certificate"), "{said}");
}

#[test]
fn a_signal_ends_a_handshake_that_nobody_answers() {
    let secured = Secured::start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let child = waypost(&["sub", "-t", "a", "-h", "127.0.0.1", "-p", &port])
        .args(["--cafile", &secured.ca])
        .spawn()
        .unwrap();
    let held = silent.accept().unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    drop(held);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("interrupted")
    );
}
