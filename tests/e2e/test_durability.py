"""What outlives the broker's process, killed or stopped: sessions, queues, retained messages, wills, groups."""
import os
import re
import signal
import struct
import subprocess
import time

import pytest

import raw
from harness import WAIT, Lines, eventually, run, unique
from paho_client import VERSIONS

pytestmark = pytest.mark.waypost_only("it is started and stopped here")

each_version = pytest.mark.parametrize("version", [pytest.param(VERSIONS[v], id="v" + v) for v in ("3.1.1", "5")])
each_end = pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])


def lasting(version, seconds=3600, **more):
    """Options of a client whose session outlives its connection."""
    return {"clean": False, **more, **({"props": {"SessionExpiryInterval": seconds}} if version == 5 else {})}


def again(start_broker, broker, how, *args):
    code = broker.stop(how)
    assert code == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    return start_broker(*args, after=broker)


@each_version
@each_end
def test_a_session_resumes_with_its_queue(start_broker, connect, version, how):
    broker = start_broker()
    away = connect(version, at=broker, id=unique(), **lasting(version))
    assert not away.session_present
    assert away.subscribe("a/#", 2) == 2
    away.disconnect()
    sender = connect(version, at=broker)
    sent = [("a/%d" % (n % 3), b"%d" % n, 1 + n % 2) for n in range(30)]
    for topic, payload, qos in sent:
        sender.publish(topic, payload, qos)
    broker = again(start_broker, broker, how)
    back = connect(version, at=broker, id=away.id, **lasting(version))
    assert back.session_present
    # paho shows a QoS 2 message when it is released: the order of each QoS is what counts.
    got = sorted(((m.topic, bytes(m.payload), m.qos) for m in back.take(len(sent))), key=lambda m: m[2])
    assert got == sorted(sent, key=lambda m: m[2])
    connect(version, at=broker).publish("a/new", b"new", 1)
    assert back.payloads(1) == [b"new"]


def raw_connect(broker, id, version):
    flags, props = (0, struct.pack("!BI", 0x11, 3600)) if version == 5 else (0, b"")
    connection = raw.Raw(broker, raw.connect(version, id, flags, props=props))
    assert connection.connack() == 0
    return connection


def ack(first, id):
    return raw.packet(first, struct.pack("!H", id))


def packet_id(body, topic=None):
    at = 0 if topic is None else 2 + len(topic)
    return struct.unpack_from("!H", body, at)[0]


@each_version
@each_end
def test_qos_2_from_a_publisher_is_taken_once(start_broker, connect, version, how):
    broker = start_broker()
    id, topic = unique(), "once"
    receiver = connect(version, at=broker, id=unique(), **lasting(version))
    receiver.subscribe(topic, 2)
    receiver.disconnect()
    first = raw_connect(broker, id, version)
    first.send(raw.publish(topic, b"one", version, 0x34, 7))
    assert first.read()[0] == 0x50
    broker = again(start_broker, broker, how)
    second = raw_connect(broker, id, version)
    second.send(raw.publish(topic, b"one", version, 0x3C, 7))
    assert second.read()[0] == 0x50
    second.send(ack(0x62, 7))
    assert second.read()[0] == 0x70
    # Released: the same id is a new message.
    second.send(raw.publish(topic, b"two", version, 0x34, 7))
    assert second.read()[0] == 0x50
    back = connect(version, at=broker, id=receiver.id, **lasting(version))
    assert back.payloads(2) == [b"one", b"two"]


@each_version
@each_end
def test_qos_2_to_a_subscriber_goes_on_where_it_was(start_broker, connect, version, how):
    broker = start_broker()
    id, topic = unique(), "out"
    first = raw_connect(broker, id, version)
    first.send(raw.subscribe(topic, 2, 1, version))
    assert first.read()[0] == 0x90
    sender = connect(version, at=broker)
    sender.publish(topic, b"one", 2)
    sender.publish(topic, b"two", 2)
    (_, one), (_, two) = first.read(), first.read()
    one, two = packet_id(one, topic), packet_id(two, topic)
    first.send(ack(0x50, one))
    released, body = first.read()
    assert (released, packet_id(body)) == (0x62, one)
    broker = again(start_broker, broker, how)
    # The first is released again and not sent again; the second is sent again, under its id.
    second = raw_connect(broker, id, version)
    got = sorted([second.read(), second.read()])
    assert [first for first, _ in got] == [0x3C, 0x62]
    assert packet_id(got[0][1], topic) == two
    assert packet_id(got[1][1]) == one


@each_version
@each_end
def test_retained_messages_stay_and_cleared_ones_do_not(start_broker, connect, version, how):
    broker = start_broker()
    sender = connect(version, at=broker)
    for topic, payload in [("r/kept", b"old"), ("r/kept", b"new"), ("r/cleared", b"x"), ("r/cleared", b"")]:
        sender.publish(topic, payload, 1, retain=True)
    broker = again(start_broker, broker, how)
    output = run("mosquitto_sub", "-h", broker.host, "-p", broker.port, "-t", "r/#", "-q", "1", "-W", "2", "-v",
                 code=None)
    assert output.stdout.splitlines() == ["r/kept new"]


@each_end
def test_the_will_of_a_client_that_was_connected_is_sent(start_broker, connect, how):
    broker = start_broker()
    watcher = connect(5, at=broker, id=unique(), **lasting(5))
    watcher.subscribe("w/#", 1)
    watcher.disconnect()
    for version in VERSIONS["3.1.1"], VERSIONS["5"]:
        will = {"topic": "w/%d" % version, "payload": b"gone", "qos": 1}
        connect(version, at=broker, will=will, **lasting(version, id=unique()))
    broker = again(start_broker, broker, how)
    back = connect(5, at=broker, id=watcher.id, **lasting(5))
    assert sorted(m.topic for m in back.take(2)) == ["w/4", "w/5"]


def test_the_delay_of_a_will_goes_on(start_broker, connect):
    broker = start_broker()
    watcher = connect(5, at=broker, id=unique(), **lasting(5))
    watcher.subscribe("w/#", 1)
    watcher.disconnect()

    def mortal(name, delay):
        will = {"topic": "w/" + name, "payload": b"gone", "qos": 1, "props": {"WillDelayInterval": delay}}
        return connect(5, at=broker, id=unique(), will=will, **lasting(5))
    mortal("soon", 1)
    back_in_time = mortal("cancelled", 1000)
    broker = again(start_broker, broker, signal.SIGKILL)
    returned = connect(5, at=broker, id=back_in_time.id, **lasting(5))
    assert returned.session_present
    watcher = connect(5, at=broker, id=watcher.id, **lasting(5))
    assert watcher.next().topic == "w/soon"
    connect(5, at=broker).publish("w/end", b"end", 1)
    assert watcher.until(b"end") == []


@each_version
@each_end
def test_what_waits_for_a_group_reaches_a_member(start_broker, connect, version, how):
    broker = start_broker()
    members = [connect(version, at=broker, id=unique(), **lasting(version)) for _ in range(2)]
    for member in members:
        member.subscribe("$share/g/s/#", 1)
        member.disconnect()
    sender = connect(version, at=broker)
    for n in range(10):
        sender.publish("s/%d" % n, b"%d" % n, 1)
    broker = again(start_broker, broker, how)
    back = connect(version, at=broker, id=members[0].id, **lasting(version))
    assert back.session_present
    assert sorted(back.payloads(10)) == sorted(b"%d" % n for n in range(10))


def test_messages_and_sessions_expire_while_the_broker_is_away(start_broker, connect):
    broker = start_broker()
    brief = connect(5, at=broker, id=unique(), **lasting(5, 1))
    long = connect(5, at=broker, id=unique(), **lasting(5))
    for client in brief, long:
        client.subscribe("e/#", 1)
        client.disconnect()
    sender = connect(5, at=broker)
    sender.publish("e/1", b"brief", 1, props={"MessageExpiryInterval": 1})
    sender.publish("e/2", b"long", 1, props={"MessageExpiryInterval": 1000})
    sender.publish("e/3", b"for ever", 1)
    broker.stop(signal.SIGKILL)
    # Deadlines are Unix time, and both have passed by then.
    over = time.time() + 1.5
    eventually(lambda: time.time() > over, "Unix time goes on")
    broker = start_broker(after=broker)
    assert not connect(5, at=broker, id=brief.id, **lasting(5)).session_present
    back = connect(5, at=broker, id=long.id, **lasting(5))
    assert back.session_present
    got = back.take(2)
    assert [bytes(m.payload) for m in got] == [b"long", b"for ever"]
    assert 900 < got[0].properties.MessageExpiryInterval < 1000


@each_end
def test_in_memory_nothing_lasts_and_the_log_says_so(start_broker, connect, how):
    memory = ["--set", "durability=memory"]
    broker = start_broker(*memory)
    broker.logged('durability is "memory"')
    away = connect(5, at=broker, id=unique(), **lasting(5))
    away.subscribe("a", 1)
    connect(5, at=broker).publish("a", b"x", 1, retain=True)
    broker = again(start_broker, broker, how, *memory)
    assert not connect(5, at=broker, id=away.id, **lasting(5)).session_present


class Strace:
    """The system calls of a broker that have to do with promises, while it runs."""

    def __init__(self, broker):
        self.path = os.path.join(broker.folder, "strace.txt")
        command = ["strace", "-f", "-y", "-s", "200", "-e", "trace=fdatasync,fsync,recvfrom,read,sendto,write,writev",
                   "-o", self.path, "-p", str(broker.process.pid)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        Lines(self.process.stderr).until("attached")

    def calls(self):
        """What was called, in the order in which the calls ended."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(WAIT)
        with open(self.path, errors="replace") as f:
            return f.read().splitlines()


def may_trace():
    done = subprocess.run(["strace", "-o", "/dev/null", "true"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return done.returncode == 0


SYNCED = re.compile(r"(fdatasync\(.*|<\.\.\. fdatasync resumed>.*)= 0")


@pytest.mark.skipif(not may_trace(), reason="this machine does not let processes be traced")
@each_version
def test_the_sync_returns_before_the_puback_leaves(start_broker, version):
    broker = start_broker()
    receiver = raw_connect(broker, unique(), version)
    receiver.send(raw.subscribe("durable", 1, 1, version))
    assert receiver.read()[0] == 0x90
    receiver.sock.close()
    broker.logged("closed the connection")
    sender = raw.Raw(broker, raw.connect(version, unique()))
    assert sender.connack() == 0
    trace = Strace(broker)
    sender.send(raw.publish("durable", b"payload", version, 0x32, 0x4142))
    assert sender.read()[0] == 0x40
    calls = trace.calls()
    came = next(n for n, call in enumerate(calls) if "durableAB" in call)
    # PUBACK: 0x40 as "@", two bytes, and the id 0x4142 as "AB".
    puback = next(n for n, call in enumerate(calls) if r'"@\2AB"' in call)
    assert any(SYNCED.search(call) for call in calls[came:puback]), "\n".join(calls)


@pytest.mark.skipif(not may_trace(), reason="this machine does not let processes be traced")
@each_version
def test_what_nobody_wants_kept_costs_no_sync(start_broker, version):
    broker = start_broker()
    receiver = raw.Raw(broker, raw.connect(version, unique()))
    sender = raw.Raw(broker, raw.connect(version, unique()))
    assert receiver.connack() == sender.connack() == 0
    receiver.send(raw.subscribe("volatile", 1, 1, version))
    assert receiver.read()[0] == 0x90
    trace = Strace(broker)
    for n in range(1, 21):
        sender.send(raw.publish("volatile", b"0", version, 0x30))
        sender.send(raw.publish("volatile", b"1", version, 0x32, n))
        assert sender.read()[0] == 0x40
        assert [receiver.read()[0] & 0xF0 for _ in range(2)] == [0x30, 0x30]
        receiver.send(ack(0x40, n))
    assert not [call for call in trace.calls() if "sync" in call]
