"""haproxy in front: both versions of the PROXY protocol, TLS behind it, TLS that ends at it."""
import socket
import subprocess

import pytest

from harness import WAIT, unique

pytestmark = pytest.mark.waypost_only("its listeners are those of these tests")

CONFIG = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
"""
PART = """
frontend {name}
    bind {bind}
    default_backend {name}
backend {name}
    server broker 127.0.0.1:{port} {server}
"""


@pytest.fixture
def haproxy(tmp_path):
    """Starts haproxy: `haproxy((port of the broker, words of `bind`, words of `server`), ...)`; gives its ports."""
    started = []

    def start(*parts):
        # It takes sockets that are bound already, so that no port has to be guessed.
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in parts]
        text = CONFIG
        for n, (taken, (port, bind, server)) in enumerate(zip(sockets, parts)):
            text += PART.format(name="p%d" % n, bind="fd@%d %s" % (taken.fileno(), bind), port=port, server=server)
        config = tmp_path / "haproxy.cfg"
        config.write_text(text)
        with open(tmp_path / "haproxy.log", "wb") as log:
            started.append(subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", str(config)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, pass_fds=[s.fileno() for s in sockets]))
        ports = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        return ports
    yield start
    for process in started:
        process.terminate()
        process.wait(WAIT)


def from_here(client):
    """The address that the broker must take the client for."""
    return "address=%s:%d " % client.paho.socket().getsockname()[:2]


def check(broker, client, topic, *words):
    broker.connected(client.id, from_here(client), *words)
    client.subscribe(topic, 1)
    payload = b"x" * 200_000
    assert client.publish(topic, payload, 1) == 0
    assert client.payloads(1) == [payload]


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_plain(start_broker, haproxy, connect, topic, send):
    broker = start_broker(listen=["mqtt://127.0.0.1:0?proxy_protocol=127.0.0.1"])
    [port] = haproxy((broker.port, "", send))
    check(broker, connect(5, at=broker, port=port), topic)


def test_a_header_that_is_missing_or_not_wanted(start_broker, haproxy):
    broker = start_broker(listen=["mqtt://127.0.0.1:0?proxy_protocol=127.0.0.1", "ws://127.0.0.1:0"])
    [missing, unwanted] = haproxy((broker.port, "", ""), (broker.ws_port, "", "send-proxy-v2"))
    for port, line in [(missing, "did not begin with a PROXY header"), (unwanted, "WebSocket handshake refused")]:
        with socket.create_connection(("127.0.0.1", port), WAIT) as client:
            client.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")
            client.settimeout(WAIT)
            while client.recv(1000):
                pass
        broker.logged(line)


def test_tls_behind_it(pki, start_broker, haproxy, connect, topic):
    query = pki.query("client_ca=" + pki.path("ca.pem"), "identity_from_certificate=cn", "proxy_protocol=127.0.0.1")
    broker = start_broker(listen=["mqtts://127.0.0.1:0" + query])
    [port] = haproxy((broker.port_of["mqtts"], "", "send-proxy-v2"))
    check(broker, connect(5, at=broker, port=port, tls=pki.context("device-7")), topic, 'user="device-7"')


def test_tls_that_ends_there(pki, start_broker, haproxy, connect, topic):
    broker = start_broker(listen=["mqtt://127.0.0.1:0?proxy_protocol=127.0.0.1&identity_from_certificate=cn"])
    both = pki.path("both.pem")
    with open(both, "w") as out:
        for name in ["broker.pem", "broker.key"]:
            with open(pki.path(name)) as part:
                out.write(part.read())
    bind = "ssl crt %s ca-file %s verify optional" % (both, pki.path("ca.pem"))
    [port] = haproxy((broker.port, bind, "send-proxy-v2-ssl-cn"))
    named = connect(5, at=broker, port=port, tls=pki.context("device-7"))
    check(broker, named, topic, 'user="device-7"')
    # Who shows no certificate is called as it says it is, on a loopback listener.
    user = unique("user")
    other = connect(5, at=broker, port=port, tls=pki.context(), user=user)
    broker.connected(other.id, from_here(other), 'user="%s"' % user)
