"""TLS and secure WebSocket with real clients."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

import pki as pki_module
from harness import WAIT, eventually, run, waypost_binary
from test_mqttjs import HERE
from test_mosquitto_clients import Sub

pytestmark = pytest.mark.waypost_only("its TLS listeners are those of these tests")


def mosquitto(pki, broker, client=None):
    words = ["-h", "localhost", "-p", str(broker.port_of["mqtts"]), "--cafile", pki.path("ca.pem")]
    return words + (["--cert", pki.path(client + ".pem"), "--key", pki.path(client + ".key")] if client else [])


@pytest.mark.parametrize("version", [3, 4, 5], ids=["v3.1", "v3.1.1", "v5"])
def test_paho_with_a_certificate(pki, start_broker, connect, topic, version):
    query = pki.query("client_ca=" + pki.path("ca.pem"), "identity_from_certificate=cn")
    broker = start_broker(listen=["mqtts://127.0.0.1:0" + query])
    client = connect(version, at=broker, port=broker.port_of["mqtts"], tls=pki.context("device-7"))
    broker.connected(client.id, 'user="device-7"')
    client.subscribe(topic, 2)
    sent = [os.urandom(n) for n in (0, 1, 16_000, 17_000, 300_000)]
    for n, payload in enumerate(sent):
        client.publish(topic, payload, n % 3)
    assert client.payloads(len(sent)) == sent
    client.disconnect()


def test_without_the_right_certificate_there_is_no_connection(pki, start_broker):
    crl = "crl=" + pki.path("revoked.pem")
    broker = start_broker(listen=["mqtts://127.0.0.1:0" + pki.query("client_ca=" + pki.path("ca.pem"), crl)])

    def refused(context):
        with socket.create_connection(("127.0.0.1", broker.port_of["mqtts"]), WAIT) as plain:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                with context.wrap_socket(plain, server_hostname="localhost") as secure:
                    # In TLS 1.3 the client learns of it with the first bytes that it reads.
                    secure.send(b"\x10")
                    if not secure.recv(1):
                        raise ConnectionError("closed")

    refused(pki.context())
    broker.logged("peer sent no certificates")
    refused(pki.context("device-7"))
    broker.logged("invalid peer certificate: Revoked")
    stranger = ssl.create_default_context()
    refused(stranger)
    broker.logged("received fatal alert: UnknownCA")
    broker.logged('reason="TLS: ')


def test_strangers_are_named_in_the_log(pki, start_broker):
    broker = start_broker(listen=["mqtts://127.0.0.1:0" + pki.query(), "mqtt://127.0.0.1:0", "ws://127.0.0.1:0"])

    def say(scheme, what):
        with socket.create_connection(("127.0.0.1", broker.port_of[scheme]), WAIT) as plain:
            plain.sendall(what)
            plain.settimeout(WAIT)
            try:
                while plain.recv(1000):
                    pass
            except ConnectionError:
                pass

    say("mqtts", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")
    broker.logged("it speaks MQTT without TLS, and this listener has TLS")
    say("mqtts", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    broker.logged("it speaks HTTP without TLS, and this listener has TLS")
    hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = ssl.create_default_context().wrap_bio(*hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        handshake.do_handshake()
    hello = hello[1].read()
    say("mqtt", hello)
    broker.logged("it speaks TLS, and this listener does not: the client needs an mqtts:// listener")
    say("ws", hello)
    broker.logged("it speaks TLS, and this listener does not: the client needs a wss:// listener")
    say("mqtt", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    broker.logged("it speaks HTTP, and this listener does not")
    for scheme in ["mqtt", "mqtts"]:
        say(scheme, b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
    broker.logged("it sent a PROXY protocol header, which is not taken from its address")


@pytest.mark.parametrize("version", [4, 5], ids=["v3.1.1", "v5"])
@pytest.mark.parametrize("scheme", ["mqtts", "wss"])
def test_mqttjs(pki, start_broker, version, scheme):
    broker = start_broker(listen=["%s://127.0.0.1:0%s" % (scheme, pki.query())])
    url = "%s://localhost:%d%s" % (scheme, broker.port_of[scheme], "/mqtt" if scheme == "wss" else "")
    env = dict(os.environ, NODE_EXTRA_CA_CERTS=pki.path("ca.pem"))
    output = run("node", os.path.join(HERE, "mqttjs.mjs"), url, version, wait=50, env=env)
    results = [json.loads(line) for line in output.splitlines()]
    assert len(results) >= 6
    assert not [result for result in results if result["error"]]


@pytest.mark.parametrize("tls", ["tlsv1.2", "tlsv1.3"])
def test_mosquitto_clients(pki, start_broker, topic, tls):
    broker = start_broker(listen=["mqtts://127.0.0.1:0" + pki.query("client_ca=" + pki.path("ca.pem")), "mqtt://127.0.0.1:0"])
    words = mosquitto(pki, broker, "device-7") + ["--tls-version", tls]
    lines = ["line %d" % i for i in range(100)]
    sub = Sub(broker, "mqttv5", "-q", "1", "-t", topic, "-C", "100")
    run("mosquitto_pub", *words, "-q", "1", "-t", topic, "-l", stdin="\n".join(lines) + "\n")
    assert sub.output() == lines
    run("mosquitto_pub", *words, "-q", "1", "-t", topic, "-m", "kept", "-r")
    assert run("mosquitto_sub", *words, "-t", topic, "-C", "1", "-W", "10") == "kept\n"
    missing = run("mosquitto_pub", *mosquitto(pki, broker), "-t", topic, "-m", "x", code=None)
    assert missing.returncode != 0


@pytest.mark.parametrize("kind", ["pkcs1", "pkcs8", "sec1", "ed25519"])
def test_keys_of_every_kind(pki, start_broker, topic, kind, tmp_path):
    own = pki_module.Pki(tmp_path)
    make = {
        "pkcs1": ["genrsa", "-traditional", "-out", "own.key", "2048"],
        "pkcs8": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "own.key"],
        "sec1": ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "own.key"],
        "ed25519": ["genpkey", "-algorithm", "ed25519", "-out", "own.key"],
    }[kind]
    own.openssl(*make)
    own.openssl("req", "-x509", "-key", "own.key", "-subj", "/CN=localhost", "-days", "2", "-addext",
                "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-out", "own.pem")
    broker = start_broker(listen=["mqtts://127.0.0.1:0" + own.query(cert="own")])
    begins = {"pkcs1": "BEGIN RSA PRIVATE KEY", "sec1": "BEGIN EC PRIVATE KEY"}.get(kind, "BEGIN PRIVATE KEY")
    with open(own.path("own.key")) as key:
        assert begins in key.read()
    shutil.copy(own.path("own.pem"), own.path("ca.pem"))
    run("mosquitto_pub", *mosquitto(own, broker), "-q", "1", "-t", topic, "-m", "x")


def shown(pki, broker):
    """The certificate that the broker shows."""
    with socket.create_connection(("127.0.0.1", broker.port_of["mqtts"]), WAIT) as plain:
        with pki.context().wrap_socket(plain, server_hostname="localhost") as secure:
            return secure.getpeercert(True)


def test_new_certificates_by_sighup(pki, start_broker, connect, topic, tmp_path):
    for name in ["broker.pem", "broker.key"]:
        shutil.copy(pki.path(name), tmp_path / name)
    config = "[[listener]]\nurl = 'mqtts://127.0.0.1:0'\ncert = '%s/broker.pem'\nkey = '%s/broker.key'\n" % (tmp_path, tmp_path)
    broker = start_broker(config=config, listen=[])
    client = connect(5, at=broker, port=broker.port_of["mqtts"], tls=pki.context())
    client.subscribe(topic, 1)
    old = shown(pki, broker)

    pki.sign("renewed", "DNS:localhost", "IP:127.0.0.1")
    shutil.copy(pki.path("renewed.key"), tmp_path / "broker.key")
    broker.hup()
    broker.logged("is not the key of the first certificate")
    assert shown(pki, broker) == old
    shutil.copy(pki.path("renewed.pem"), tmp_path / "broker.pem")
    broker.hup()
    broker.logged("configuration reloaded")
    assert shown(pki, broker) != old
    assert client.publish(topic, b"still here", 1) == 0
    assert client.payloads(1) == [b"still here"]


def test_new_certificates_under_load(pki, start_broker, tmp_path):
    """Every connection of a load goes on while the certificate changes again and again, and nothing is lost."""
    pki.sign("second", "DNS:localhost", "IP:127.0.0.1")
    config = "[[listener]]\nurl = 'mqtts://127.0.0.1:0'\ncert = '%s/broker.pem'\nkey = '%s/broker.key'\n" % (tmp_path, tmp_path)

    def use(name):
        for kind in [".pem", ".key"]:
            shutil.copy(pki.path(name + kind), tmp_path / ("broker" + kind))

    use("broker")
    broker = start_broker(config=config, listen=[])
    url = "mqtts://localhost:%d" % broker.port_of["mqtts"]
    load = subprocess.Popen([waypost_binary(), "bench", "throughput", "--url", url, "--cafile", pki.path("ca.pem"), "-q", "1",
                             "--pubs", "3", "--subs", "3", "--seconds", "4", "--warmup", "0.1", "--json"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    eventually(lambda: broker.log().count("client connected") >= 6, "the load is connected")
    reloads, seen = 0, {shown(pki, broker)}
    while load.poll() is None:
        reloads += 1
        use(["broker", "second"][reloads % 2])
        broker.hup()
        eventually(lambda: broker.log().count("configuration reloaded") == reloads, "reload %d" % reloads)
        seen.add(shown(pki, broker))
    out, error = load.communicate()
    assert load.returncode == 0, error
    counted = json.loads(out)["measures"]
    assert counted["lost"] == counted["repeated"] == counted["disordered"] == 0 and counted["delivered"] > 0
    assert reloads >= 4 and len(seen) == 2


def test_a_start_that_fails_says_why(pki, tmp_path):
    def start(query):
        done = run(waypost_binary(), "serve", "--data-dir", tmp_path, "--listen", "mqtts://127.0.0.1:0" + query, code=None)
        assert done.returncode == 78, done
        return done.stderr

    assert "needs a certificate and its key" in start("")
    assert "none.pem cannot be read" in start("?cert=none.pem&key=none.key")
    assert "is not the key of the first certificate" in start(
        "?cert=%s&key=%s" % (pki.path("broker.pem"), pki.path("ca.key")))
    assert "holds no certificate" in start("?cert=%s&key=%s" % (pki.path("ca.key"), pki.path("ca.key")))


def test_stops_cleanly(pki, start_broker, connect):
    broker = start_broker(listen=["mqtts://127.0.0.1:0" + pki.query()])
    client = connect(5, at=broker, port=broker.port_of["mqtts"], tls=pki.context())
    broker.process.send_signal(signal.SIGTERM)
    assert client.closed() == 0x8B
    assert broker.stop() == 0
