"""paho-mqtt with every callback turned into something to wait for."""
import os
import queue
import socket

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness import WAIT, unique

VERSIONS = {"3.1": paho.MQTTv31, "3.1.1": paho.MQTTv311, "5": paho.MQTTv5}


def properties(kind, values):
    """MQTT 5 properties of a packet: `properties("PUBLISH", {"ContentType": "a"})`."""
    if values is None:
        return None
    made = Properties(getattr(PacketTypes, kind))
    for name, value in values.items():
        setattr(made, name, value)
    return made


def number(code):
    """A reason code as a number, whichever version it comes from."""
    return getattr(code, "value", code)


class Client:
    """One paho client. Nothing here waits longer than WAIT, nothing is repeated behind the test's back."""

    def __init__(self, at, version=5, id=None, clean=True, transport="tcp", keepalive=30, will=None, user=None,
                 password=None, props=None, manual_ack=False, tls=None, port=None):
        self.at, self.version, self.clean, self.keepalive, self.props = at, version, clean, keepalive, props
        self.id = unique("e2e") if id is None else id
        more = {} if version == 5 else {"clean_session": clean}
        self.paho = c = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=self.id, protocol=version,
                                    transport="tcp" if transport == "tcp" else "websockets",
                                    reconnect_on_failure=False, manual_ack=manual_ack, **more)
        self.port = port or (at.port if transport == "tcp" else at.ws_port)
        # The name in the certificates; 127.0.0.1 is in them as well.
        self.host = at.host
        if tls is not None:
            c.tls_set_context(tls)
        if transport != "tcp":
            c.ws_set_options(path=at.path)
        if will:
            will = dict(will)
            c.will_set(will.pop("topic"), will.pop("payload", None), will.pop("qos", 0), will.pop("retain", False),
                       properties("WILLMESSAGE", will.pop("props", None)))
        if user is not None:
            c.username_pw_set(user, password)
        self.messages, self.connacks, self.disconnects = queue.Queue(), queue.Queue(), queue.Queue()
        self.answers = {}
        c.on_connect = lambda cl, ud, flags, code, props: self.connacks.put((flags.session_present, code, props))
        c.on_disconnect = lambda cl, ud, flags, code, props: self.disconnects.put((number(code), props))
        c.on_message = lambda cl, ud, message: self.messages.put(message)
        c.on_subscribe = lambda cl, ud, mid, codes, props: self._answer(mid).put((codes, props))
        c.on_unsubscribe = lambda cl, ud, mid, codes, props: self._answer(mid).put((codes, props))
        c.on_publish = lambda cl, ud, mid, code, props: self._answer(mid).put((code, props))

    def _answer(self, mid):
        return self.answers.setdefault(mid, queue.Queue())

    def _wait(self, mid, what):
        try:
            return self._answer(mid).get(timeout=WAIT)
        except queue.Empty:
            raise AssertionError("%s: no answer to %s" % (self.id, what)) from None
        finally:
            self.answers.pop(mid, None)

    def connect(self, expect=0):
        """Connects and waits for the CONNACK, whose reason must be `expect`."""
        more = {"clean_start": self.clean, "properties": properties("CONNECT", self.props)} if self.version == 5 else {}
        self.paho.connect(self.host, self.port, self.keepalive, **more)
        self.paho.loop_start()
        try:
            self.session_present, code, self.connack = self.connacks.get(timeout=WAIT)
        except queue.Empty:
            raise AssertionError("%s: no CONNACK" % self.id) from None
        assert number(code) == expect, "%s: CONNACK %s" % (self.id, code)
        return self

    def subscribe(self, filter, qos=0, id=None, no_local=False, as_published=False, handling=0):
        """Subscribes; gives the reason code."""
        if self.version == 5:
            options = SubscribeOptions(qos, no_local, as_published, handling)
            props = properties("SUBSCRIBE", None if id is None else {"SubscriptionIdentifier": id})
            _, mid = self.paho.subscribe(filter, options=options, properties=props)
        else:
            _, mid = self.paho.subscribe(filter, qos)
        codes, _ = self._wait(mid, "SUBSCRIBE " + filter)
        return number(codes[0])

    def unsubscribe(self, filter):
        _, mid = self.paho.unsubscribe(filter)
        self._wait(mid, "UNSUBSCRIBE " + filter)

    def send(self, topic, payload=b"", qos=0, retain=False, props=None):
        """Publishes without waiting."""
        return self.paho.publish(topic, payload, qos, retain, properties("PUBLISH", props))

    def publish(self, topic, payload=b"", qos=0, retain=False, props=None):
        """Publishes and waits until it is acknowledged (QoS 0: written); gives the reason code."""
        info = self.send(topic, payload, qos, retain, props)
        code, _ = self._wait(info.mid, "PUBLISH " + topic)
        return number(code)

    def next(self, wait=WAIT):
        """The next message."""
        try:
            return self.messages.get(timeout=wait)
        except queue.Empty:
            raise AssertionError("%s: no further message within %g s" % (self.id, wait)) from None

    def take(self, count):
        """The next `count` messages."""
        return [self.next() for _ in range(count)]

    def payloads(self, count):
        return [bytes(message.payload) for message in self.take(count)]

    def until(self, payload):
        """All messages before the one with this payload: what a marker flushes out."""
        before = []
        while bytes((message := self.next()).payload) != payload:
            before.append(message)
        return before

    def ack(self, message):
        self.paho.ack(message.mid, message.qos)

    def closed(self):
        """Waits until the connection is closed; gives the reason code (of MQTT 5's DISCONNECT)."""
        try:
            return self.disconnects.get(timeout=WAIT)[0]
        except queue.Empty:
            raise AssertionError("%s: still connected" % self.id) from None

    def disconnect(self, reason=None, props=None):
        """Says goodbye and waits until the broker has closed the connection: from then on the session is away."""
        # paho closes its socket as soon as the bytes are out; a second handle lives to see the broker's end.
        sock = self.paho.socket()
        seen = socket.socket(fileno=os.dup(sock.fileno()))
        if self.version == 5:
            code = ReasonCode(PacketTypes.DISCONNECT, identifier=reason or 0)
            self.paho.disconnect(code, properties("DISCONNECT", props))
        else:
            self.paho.disconnect()
        self.closed()
        self.paho.loop_stop()
        seen.settimeout(WAIT)
        with seen:
            while seen.recv(4096):
                pass
        return self

    def cut(self):
        """Closes the connection without a word, as a device that vanishes."""
        sock = self.paho.socket()
        # A WebSocket wrapper of paho says goodbye by itself; its inner socket does not.
        getattr(sock, "_socket", sock).shutdown(socket.SHUT_RDWR)
        self.closed()
        self.paho.loop_stop()
        return self

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()
