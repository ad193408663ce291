"""`waypost serve` as its operator meets it: start, configuration, users, reload, stop."""
import base64
import os
import signal
import socket

import pytest

from harness import eventually, run, unique, waypost_binary
from raw import Raw, connect as connect_packet

pytestmark = pytest.mark.waypost_only("about the program itself")


def passwd(path, user, password):
    run(waypost_binary(), "passwd", path, user, "--password-stdin", stdin=password + "\n")


def refused(*words, code):
    done = run(waypost_binary(), "serve", *words, code=None)
    assert done.returncode == code, done.stderr
    assert "ready" not in done.stdout
    return done.stderr


def test_ready_names_every_listener_in_order(start_broker):
    own = start_broker(listen=["ws://127.0.0.1:0/a", "mqtt://127.0.0.1:0", "ws://127.0.0.1:0/b"])
    assert [(url.scheme, url.path) for url in own.urls] == [("ws", "/a"), ("mqtt", ""), ("ws", "/b")]
    assert len({url.port for url in own.urls}) == 3 and all(url.port for url in own.urls)


def test_wrong_usage(tmp_path):
    assert "--nonsense" in refused("--nonsense", code=64)


@pytest.mark.parametrize("line, named", [
    ("[limits]\nreceive_maximun = 5\n", "receive_maximum"),
    ("[limits]\nreceive_maximum = 0\n", "receive_maximum"),
    ("[nonsense]\nx = 1\n", "nonsense"),
    ("[auth]\npassword_file = 'missing.txt'\n", "missing.txt"),
    ("[auth]\nacl_file = 'missing.txt'\n", "missing.txt"),
    ("data_dir = \n", "2"),
])
def test_wrong_configuration_names_its_place(tmp_path, line, named):
    path = tmp_path / "waypost.toml"
    path.write_text("# a remark\n" + line)
    said = refused("--config", path, "--data-dir", tmp_path / "data", "--listen", "mqtt://127.0.0.1:0", code=78)
    assert named in said and (named == "missing.txt" or "waypost.toml" in said)


@pytest.mark.parametrize("words", [["--set", "limits.nonsense=1"], ["--listen", "gopher://127.0.0.1:0"],
                                   ["--config", "/nonexistent.toml"]])
def test_wrong_settings_on_the_command_line(tmp_path, words):
    said = refused("--data-dir", tmp_path / "data", *words, code=78)
    assert words[1].split("=")[0].split(":")[0] in said


def test_an_open_listener_wants_an_authenticator(tmp_path):
    said = refused("--data-dir", tmp_path / "data", "--listen", "mqtt://0.0.0.0:0", code=78)
    assert "insecure_anonymous" in said and "password" in said


def test_a_port_that_is_taken(start_broker, tmp_path):
    own = start_broker()
    said = refused("--data-dir", tmp_path / "data", "--listen", "mqtt://127.0.0.1:%d" % own.port, code=1)
    assert str(own.port) in said


def test_the_environment_counts(start_broker, connect, monkeypatch):
    monkeypatch.setenv("WAYPOST__LIMITS__RECEIVE_MAXIMUM", "7")
    own = start_broker()
    assert connect(5, at=own).connack.ReceiveMaximum == 7
    monkeypatch.delenv("WAYPOST__LIMITS__RECEIVE_MAXIMUM")


def test_passwords(start_broker, connect, tmp_path):
    users = tmp_path / "users.txt"
    passwd(users, "ann", "right")
    passwd(users, "bob", "other")
    assert "$argon2id$" in users.read_text() and "right" not in users.read_text()
    own = start_broker("--set", "auth.password_file=%s" % users)
    connect(5, at=own, user="ann", password="right")
    connect(4, at=own, user="bob", password="other")
    connect(4, at=own, user="ann", password="right", transport="ws")
    assert connect(5, at=own, expect=0x86, user="ann", password="wrong")
    assert connect(5, at=own, expect=0x86, user="eve", password="right")
    with Raw(own, connect_packet(4)) as c:
        assert c.connack() in (4, 5)
    with Raw(own, connect_packet(5)) as c:
        assert c.connack() in (0x86, 0x87)


ACL = """
# what everybody may
topic read public/#
pattern readwrite own/%u/#

user ann
topic write in/ann
topic readwrite {extra}

user bob
topic read in/#
topic read both/#
"""


@pytest.fixture
def guarded(start_broker, tmp_path):
    """A broker with two users and the rights above."""
    users, acl = tmp_path / "users.txt", tmp_path / "acl.txt"
    passwd(users, "ann", "a")
    passwd(users, "bob", "b")
    acl.write_text(ACL.format(extra="both/#"))
    own = start_broker("--set", "auth.password_file=%s" % users, "--set", "auth.acl_file=%s" % acl)
    own.acl, own.users = acl, users
    return own


def test_access_rights(guarded, connect):
    ann = connect(5, at=guarded, user="ann", password="a")
    bob = connect(5, at=guarded, user="bob", password="b")
    assert ann.subscribe("both/#", 1) == 1
    assert ann.subscribe("own/ann/#", 1) == 1
    assert ann.subscribe("own/bob/#", 1) == 0x87
    assert ann.subscribe("in/#", 1) == 0x87
    assert ann.subscribe("$share/g/in/#", 1) == 0x87
    assert bob.subscribe("#", 1) in (1, 0x87)
    assert bob.subscribe("in/#", 1) == 1
    assert ann.publish("in/ann", b"1", 1) in (0, 0x10)
    assert bob.payloads(1) == [b"1"]
    assert ann.publish("in/other", b"2", 1) == 0x87
    # paho answers the refusing PUBREC with a PUBREL all the same, and reports what comes of that.
    assert ann.publish("in/other", b"2", 2) in (0x87, 0x92)
    assert bob.publish("both/x", b"3", 1) == 0x87
    ann.publish("both/x", b"mark", 1)
    assert ann.until(b"mark") == []


def test_a_refused_publish_of_version_3_reaches_nobody(guarded, connect):
    bob = connect(4, at=guarded, user="bob", password="b")
    ann = connect(4, at=guarded, user="ann", password="a")
    assert bob.subscribe("in/#", 1) == 1
    assert bob.subscribe("own/ann/#", 1) == 0x80
    ann.send("in/other", b"no", 0)
    ann.publish("in/ann", b"mark", 1)
    assert bob.until(b"mark") == []


def test_a_will_needs_the_right_to_publish(guarded, connect):
    connect(5, at=guarded, expect=0x87, user="ann", password="a", will={"topic": "in/other", "payload": b"x"})
    bob = connect(5, at=guarded, user="bob", password="b")
    bob.subscribe("in/#", 1)
    connect(5, at=guarded, user="ann", password="a", will={"topic": "in/ann", "payload": b"gone", "qos": 1}).cut()
    assert bob.payloads(1) == [b"gone"]


def test_reload_takes_rights_away_at_once(guarded, connect):
    ann = connect(5, at=guarded, user="ann", password="a")
    assert ann.publish("both/x", b"1", 1) in (0, 0x10)
    guarded.acl.write_text(ACL.format(extra="elsewhere/#"))
    guarded.hup()
    eventually(lambda: ann.publish("both/x", b"1", 1) == 0x87, "the right to publish goes")
    assert ann.publish("elsewhere/x", b"1", 1) in (0, 0x10)


def test_reload_of_a_broken_file_changes_nothing(guarded, connect):
    ann = connect(5, at=guarded, user="ann", password="a")
    guarded.acl.write_text("nonsense here\n")
    guarded.hup()
    eventually(lambda: "acl.txt" in guarded.log(), "the log names the broken file")
    assert ann.publish("both/x", b"1", 1) in (0, 0x10)
    assert ann.publish("elsewhere/x", b"1", 1) == 0x87


def test_reload_knows_new_users_and_limits(start_broker, connect, tmp_path):
    users = tmp_path / "users.txt"
    passwd(users, "ann", "a")
    config = "[auth]\npassword_file = '%s'\n[limits]\nreceive_maximum = %d\n"
    own = start_broker(config=config % (users, 5))
    assert connect(5, at=own, user="ann", password="a").connack.ReceiveMaximum == 5
    passwd(users, "zoe", "z")
    with open(own.config_path, "w") as f:
        f.write(config % (users, 6))
    own.hup()
    eventually(lambda: connect(5, at=own, user="ann", password="a").connack.ReceiveMaximum == 6, "the new limit")
    connect(5, at=own, user="zoe", password="z")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_clean_stop(start_broker, connect, how):
    own = start_broker()
    new, old, web = connect(5, at=own), connect(4, at=own), connect(5, at=own, transport="ws")
    assert own.stop(how) == 0
    assert new.closed() == 0x8B and web.closed() == 0x8B
    old.closed()


def upgrade(own, *headers, path=None, protocol="mqtt"):
    """The status of a WebSocket handshake with these headers."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET %s HTTP/1.1" % (path or own.path), "Host: 127.0.0.1:%d" % own.ws_port, "Upgrade: websocket",
             "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key,
             "Sec-WebSocket-Protocol: " + protocol, *headers, "", ""]
    with socket.create_connection((own.host, own.ws_port), 10) as sock:
        sock.sendall("\r\n".join(lines).encode())
        return int(sock.recv(1000).split()[1])


def test_origins(start_broker):
    own = start_broker(config="[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n[[listener]]\nurl = 'ws://127.0.0.1:0/mqtt'\n"
                              "origins = ['https://app.example.org']\n", listen=[])
    assert upgrade(own) == 101
    assert upgrade(own, "Origin: http://127.0.0.1:9999") == 101
    assert upgrade(own, "Origin: https://app.example.org") == 101
    assert upgrade(own, "Origin: https://evil.example.org") == 403
    assert upgrade(own, "Origin: null") == 403
    assert upgrade(own, path="/other") == 404


def test_a_limit_on_subscriptions(start_broker, connect):
    own = start_broker("--set", "limits.max_subscriptions_per_session=2")
    c = connect(5, at=own)
    assert [c.subscribe(name, 0) for name in ("a", "b", "c")] == [0, 0, 0x97]


def test_a_queue_has_an_end(start_broker, connect):
    own = start_broker("--set", "limits.max_queued_messages=10")
    id, more = unique("full"), {"clean": False, "props": {"SessionExpiryInterval": 60}}
    first = connect(5, at=own, id=id, **more)
    first.subscribe("q", 1)
    first.disconnect()
    other = connect(5, at=own)
    for i in range(30):
        other.publish("q", b"%d" % i, 1)
    again = connect(5, at=own, id=id, **more)
    again.subscribe("mark", 1)
    got = again.payloads(10)
    assert got == sorted(got, key=int)
    # Only now is there room for more.
    other.publish("mark", b"mark", 1)
    assert again.until(b"mark") == []


def test_capabilities_that_are_switched_off(start_broker, connect):
    own = start_broker("--set", "mqtt.maximum_qos=1", "--set", "mqtt.retain_available=false",
                       "--set", "mqtt.wildcard_subscriptions=false", "--set", "mqtt.shared_subscriptions=false",
                       "--set", "mqtt.subscription_identifiers=false")
    c = connect(5, at=own)
    told = c.connack
    assert (told.MaximumQoS, told.RetainAvailable, told.WildcardSubscriptionAvailable,
            told.SharedSubscriptionAvailable, told.SubscriptionIdentifierAvailable) == (1, 0, 0, 0, 0)
    assert c.subscribe("a", 2) == 1
    assert c.subscribe("a/#", 0) == 0xA2
    assert c.subscribe("$share/g/a", 0) == 0x9E


def test_a_reference_to_another_server(start_broker, connect):
    own = start_broker("--set", "mqtt.server_reference=other.example.org:1883")
    c = connect(5, at=own, expect=0x9C)
    assert c.connack.ServerReference == "other.example.org:1883"
    with Raw(own, connect_packet(4)) as old:
        assert old.connack() == 3
