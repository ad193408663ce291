"""MQTT packets by hand, for what no well-behaved client would send."""
import socket
import struct

from harness import WAIT, unique


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(value)) + value


def varint(n):
    out = b""
    while True:
        n, low = n >> 7, n & 127
        out += bytes([low | (128 if n else 0)])
        if not n:
            return out


def packet(first, body=b""):
    return bytes([first]) + varint(len(body)) + body


def connect(version=5, id=None, flags=2, keepalive=30, props=b"", name=None, rest=b""):
    name = name or ("MQIsdp" if version == 3 else "MQTT")
    head = text(name) + bytes([version, flags]) + struct.pack("!H", keepalive)
    if version == 5:
        head += varint(len(props)) + props
    return packet(0x10, head + text(unique("raw") if id is None else id) + rest)


def publish(topic, payload=b"", version=5, first=0x30, id=None, props=b""):
    body = text(topic) + (struct.pack("!H", id) if id is not None else b"")
    if version == 5:
        body += varint(len(props)) + props
    return packet(first, body + payload)


def subscribe(filter, options=0, id=1, version=5, first=0x82, props=b""):
    body = struct.pack("!H", id) + ((varint(len(props)) + props) if version == 5 else b"")
    return packet(first, body + text(filter) + bytes([options]))


class Raw:
    """A connection on which packets are written as they are."""

    def __init__(self, at, first=None):
        self.sock = socket.create_connection((at.host, at.port), WAIT)
        self.sock.settimeout(WAIT)
        if first is not None:
            self.send(first)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)
        return self

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            try:
                more = self.sock.recv(n - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            data += more
        return data

    def read(self):
        """The next packet as (first byte, body); None when the connection is closed."""
        first = self._exactly(1)
        if first is None:
            return None
        length, shift = 0, 0
        while True:
            byte = self._exactly(1)
            if byte is None:
                return None
            length |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                break
        return first[0], self._exactly(length)

    def connack(self):
        """Reads the CONNACK; gives its reason code."""
        first, body = self.read()
        assert first == 0x20, "not a CONNACK: %#x" % first
        return body[1]

    def end(self):
        """Reads to the end; gives the reason code of a DISCONNECT on the way, else None."""
        reason = None
        while (got := self.read()) is not None:
            if got[0] == 0xE0:
                reason = got[1][0] if got[1] else 0
        return reason
