"""Packets that no client should send: the specified answer, and nobody else is hurt."""
import struct

import pytest

import raw
from harness import unique
from paho_client import Client
from raw import Raw, connect, packet, publish, subscribe

waypost_only = pytest.mark.waypost_only
LENIENT = "it answers some of these in its own way"

# What is sent before anything else: (name, bytes, reason in the CONNACK). Where the reason is None the
# packet cannot be read, and a close without a word is right as well.
FIRST = [
    ("publish before connect", publish("a", b"x"), None),
    ("nonsense", b"GET / HTTP/1.1\r\n\r\n", None),
    ("reserved type 0", b"\x00\x00", None),
    ("length of five bytes", b"\x10\xff\xff\xff\xff\xff", None),
    ("protocol version 6", connect(version=6), 0x84),
    ("another protocol name", connect(name="MQTX"), None),
    ("reserved connect flag", connect(flags=3), None),
    ("will qos 3", connect(flags=0x1E, rest=b"\x00" + raw.text("w") + raw.text("x")), None),
    ("receive maximum 0", connect(props=b"\x21\x00\x00"), 0x82),
    ("maximum packet size 0", connect(props=b"\x27\x00\x00\x00\x00"), 0x82),
    ("property twice", connect(props=b"\x21\x00\x05\x21\x00\x05"), 0x82),
    ("property of another packet", connect(props=b"\x23\x00\x05"), None),
    ("cut short", packet(0x10, b"\x00\x04MQTT\x05\x02\x00"), None),
    ("client id with NUL", connect(id="a\0b"), None),
    ("client id not UTF-8", connect(id=b"\xff\xfe"), None),
    ("authentication method unknown", connect(props=b"\x15" + raw.text("NONE-SUCH")), 0x8C),
]

# What is sent when connected: (name, bytes, reasons of which one must be in the DISCONNECT).
LATER = [
    ("second connect", connect(), {0x82}),
    ("wildcard in a topic", publish("a/+/b", b"x"), {0x81, 0x82, 0x90}),
    ("hash in a topic", publish("a/#", b"x"), {0x81, 0x82, 0x90}),
    ("empty topic without alias", publish("", b"x"), {0x81, 0x82, 0x90}),
    ("topic not UTF-8", publish(b"a/\xff", b"x"), {0x81, 0x90}),
    ("topic with NUL", publish("a/\0", b"x"), {0x81, 0x90}),
    ("alias 0", publish("a", b"x", props=b"\x23\x00\x00"), {0x94, 0x82}),
    ("alias above the maximum", publish("a", b"x", props=b"\x23\xff\xff"), {0x94}),
    ("unknown alias", publish("", b"x", props=b"\x23\x00\x01"), {0x82, 0x94}),
    ("subscription id from a client", publish("a", b"x", props=b"\x0b\x01"), {0x82, 0x81}),
    ("qos 3", publish("a", b"x", first=0x36, id=1), {0x81}),
    ("dup with qos 0", publish("a", b"x", first=0x38), {0x81, 0x82}),
    ("packet id 0", publish("a", b"x", first=0x32, id=0), {0x82, 0x81}),
    ("subscribe with wrong flags", subscribe("a", first=0x80), {0x81}),
    ("subscribe without filters", packet(0x82, b"\x00\x01\x00"), {0x82, 0x81}),
    ("subscribe with qos 3", subscribe("a", options=3), {0x81, 0x82}),
    ("subscribe with reserved bits", subscribe("a", options=0xC0), {0x81, 0x82}),
    ("subscribe with retain handling 3", subscribe("a", options=0x30), {0x81, 0x82}),
    ("subscription id 0", subscribe("a", props=b"\x0b\x00"), {0x82, 0x81}),
    ("no local on a shared subscription", subscribe("$share/g/a", options=4), {0x82}),
    ("unsubscribe without filters", packet(0xA2, b"\x00\x01\x00"), {0x82, 0x81}),
    ("pingreq with a body", packet(0xC0, b"x"), {0x81}),
    ("a server's packet", packet(0x20, b"\x00\x00\x00"), {0x81, 0x82}),
    ("reserved type 0", packet(0x00), {0x81, 0x82}),
    ("auth without a method", packet(0xF0, b"\x18\x00"), {0x82, 0x81}),
    ("session expiry raised from 0", packet(0xE0, b"\x00\x05\x11\x00\x00\x00\x09"), {0x82}),
    ("length of five bytes", b"\x30\xff\xff\xff\xff\xff", {0x81}),
    ("packet above the maximum", b"\x30" + raw.varint(200 << 20) + b"\x00\x01a", {0x95}),
]


@pytest.fixture(autouse=True)
def witness(broker):
    """A client that was there before is served after."""
    client = Client(broker).connect()
    topic = "e2e/" + unique("witness")
    client.subscribe(topic, 1)
    yield
    client.publish(topic, b"still here", 1)
    assert client.payloads(1) == [b"still here"]
    client.close()


@waypost_only(LENIENT)
@pytest.mark.parametrize("data, reason", [pytest.param(d, r, id=n) for n, d, r in FIRST])
def test_first_packet(broker, data, reason):
    with Raw(broker, data) as c:
        got = c.read()
        if got is None:
            assert reason is None, "closed without the reason %#x" % reason
            return
        code = got[1][1] if got[0] == 0x20 else got[1][0]
        assert got[0] in (0x20, 0xE0) and (code == reason if reason else code >= 0x80)
        assert c.read() is None


@waypost_only(LENIENT)
@pytest.mark.parametrize("data, reasons", [pytest.param(d, r, id=n) for n, d, r in LATER])
def test_later_packet(broker, data, reasons):
    with Raw(broker, connect()) as c:
        assert c.connack() == 0
        reason = c.send(data).end()
        assert reason in reasons, "closed with %s" % (reason if reason is None else hex(reason))


# The same in version 3.1.1, where a wrong packet closes the connection.
CLOSES = [
    ("second connect", connect(4)),
    ("wildcard in a topic", publish("a/+/b", b"x", 4)),
    ("empty topic", publish("", b"x", 4)),
    ("topic not UTF-8", publish(b"a/\xff", b"x", 4)),
    ("qos 3", publish("a", b"x", 4, first=0x36, id=1)),
    ("packet id 0", publish("a", b"x", 4, first=0x32, id=0)),
    ("subscribe with wrong flags", subscribe("a", version=4, first=0x80)),
    ("subscribe with qos 3", subscribe("a", 3, version=4)),
    ("subscribe without filters", packet(0x82, b"\x00\x01")),
    ("unsubscribe without filters", packet(0xA2, b"\x00\x01")),
    ("a server's packet", packet(0x20, b"\x00\x00")),
    ("reserved type 15", packet(0xF0)),
    ("pubrel with wrong flags", packet(0x60, b"\x00\x01")),
    ("topic longer than the packet", packet(0x30, b"\x00\xffa")),
]


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in CLOSES])
def test_version_3_is_closed(broker, data):
    with Raw(broker, connect(4)) as c:
        assert c.connack() == 0
        assert c.send(data).end() is None


@pytest.mark.parametrize("filter", ["", "a/#/b", "a#", "+a", "a/b+", "#/a", "$share//a", "$share/g", "$share/g+/a"])
@pytest.mark.parametrize("version", [4, 5])
@waypost_only(LENIENT)
def test_filters_that_are_none(broker, filter, version):
    with Raw(broker, connect(version)) as c:
        assert c.connack() == 0
        c.send(subscribe(filter, version=version))
        got = c.read()
        if version == 4 and filter.startswith("$share"):
            assert got is None or got[0] in (0x90, 0xE0)
        elif got is not None:
            assert got[0] == 0xE0 or got[1][-1] >= 0x80


@waypost_only(LENIENT)
def test_refused_versions_of_the_old_protocol(broker):
    with Raw(broker, connect(4, name="MQIsdp")) as c:
        got = c.read()
        assert got is None or got == (0x20, b"\x00\x01")
    with Raw(broker, connect(4, id="", flags=0)) as c:
        assert c.read() == (0x20, b"\x00\x02")


def test_every_byte_apart(broker, topic):
    with Raw(broker) as c:
        for byte in connect(4) + subscribe(topic, version=4) + publish(topic, b"slow", version=4):
            c.send(bytes([byte]))
        assert c.connack() == 0
        assert c.read() == (0x90, b"\x00\x01\x00")
        assert c.read() == (0x30, raw.text(topic) + b"slow")


def test_unknown_acknowledgements_do_no_harm(broker, topic):
    with Raw(broker, connect(4)) as c:
        assert c.connack() == 0
        c.send(packet(0x62, struct.pack("!H", 77)))
        assert c.read() == (0x70, struct.pack("!H", 77))
        c.send(packet(0xC0))
        assert c.read() == (0xD0, b"")
