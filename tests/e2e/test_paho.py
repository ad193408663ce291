"""paho-mqtt, versions 3.1, 3.1.1 and 5: what every version has."""
import pytest

from harness import unique
from paho_client import VERSIONS

V = [pytest.param(number, id="v" + name) for name, number in VERSIONS.items()]
every_version = pytest.mark.parametrize("version", V)


@every_version
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_messages_arrive_whole_and_in_order(connect, topic, version, qos, transport):
    c = connect(version, transport=transport)
    assert c.subscribe(topic + "/#", qos) == qos
    sent = [(topic + "/%d" % (i % 3), bytes([i]) * (i * i * 40), qos) for i in range(30)]
    infos = [c.send(*one) for one in sent]
    got = c.take(len(sent))
    assert [(m.topic, bytes(m.payload), m.qos) for m in got] == sent
    assert not any(m.retain or m.dup for m in got)
    for info in infos:
        info.wait_for_publish(10)
        assert info.is_published()


@every_version
@pytest.mark.parametrize("sent", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_the_lower_qos_wins(connect, topic, version, sent, granted):
    a, b = connect(version), connect(version)
    b.subscribe(topic, granted)
    a.publish(topic, b"x", sent)
    assert b.next().qos == min(sent, granted)


@every_version
def test_a_large_message(connect, topic, version):
    a, b = connect(version), connect(version, transport="ws")
    body = bytes(range(256)) * 2048
    b.subscribe(topic, 1)
    a.publish(topic, body, 1)
    assert bytes(b.next().payload) == body


@every_version
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_retained(connect, topic, version, qos):
    a, live = connect(version), connect(version)
    live.subscribe(topic, qos)
    a.publish(topic, b"old", qos, retain=True)
    a.publish(topic, b"new", qos, retain=True)
    assert [(bytes(m.payload), m.retain) for m in live.take(2)] == [(b"old", False), (b"new", False)]
    later = connect(version)
    later.subscribe(topic, qos)
    m = later.next()
    assert (bytes(m.payload), m.retain, m.qos) == (b"new", True, qos)
    a.publish(topic, b"", qos, retain=True)
    assert bytes(live.next().payload) == b""
    last = connect(version)
    last.subscribe(topic, qos)
    a.publish(topic, b"mark", qos)
    assert last.until(b"mark") == []


@every_version
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_will_of_a_client_that_vanishes(connect, topic, version, qos):
    watch = connect(version)
    watch.subscribe(topic, 2)
    lost = connect(version, will={"topic": topic, "payload": b"gone", "qos": qos, "retain": True})
    lost.cut()
    m = watch.next()
    assert (bytes(m.payload), m.qos, m.retain) == (b"gone", qos, False)
    late = connect(version)
    late.subscribe(topic, 2)
    m = late.next()
    assert (bytes(m.payload), m.retain) == (b"gone", True)
    late.publish(topic, b"", 1, retain=True)


@every_version
def test_no_will_of_a_client_that_leaves(connect, topic, version):
    watch, other = connect(version), connect(version)
    watch.subscribe(topic, 1)
    connect(version, will={"topic": topic, "payload": b"gone", "qos": 1}).disconnect()
    other.publish(topic, b"mark", 1)
    assert watch.until(b"mark") == []


def persistent(connect, version, id, **more):
    props = {"SessionExpiryInterval": 600} if version == 5 else None
    return connect(version, id=id, clean=False, props=props, **more)


@every_version
@pytest.mark.parametrize("qos", [1, 2])
def test_a_session_waits_for_its_client(connect, topic, version, qos):
    id = unique("durable")
    first = persistent(connect, version, id)
    assert not first.session_present
    first.subscribe(topic, qos)
    first.disconnect()
    a = connect(version)
    for i in range(20):
        a.publish(topic, b"%d" % i, qos)
    again = persistent(connect, version, id)
    assert version == 3 or again.session_present
    assert again.payloads(20) == [b"%d" % i for i in range(20)]
    again.disconnect()
    clean = connect(version, id=id, clean=True)
    assert not clean.session_present
    a.publish(topic, b"late", qos)
    clean.subscribe(topic, qos)
    a.publish(topic, b"mark", qos)
    assert clean.until(b"mark") == []


@every_version
def test_what_was_not_acknowledged_comes_again(connect, topic, version):
    id = unique("durable")
    first = persistent(connect, version, id, manual_ack=True)
    first.subscribe(topic, 1)
    a = connect(version)
    for i in range(5):
        a.publish(topic, b"%d" % i, 1)
    got = first.take(5)
    first.ack(got[0])
    # The answer to a later packet tells that the acknowledgement has been read.
    first.subscribe(topic + "/flush", 0)
    first.cut()
    again = persistent(connect, version, id)
    got = again.take(4)
    assert [bytes(m.payload) for m in got] == [b"1", b"2", b"3", b"4"]
    assert all(m.dup for m in got)


@every_version
def test_takeover(connect, topic, version):
    id = unique("twice")
    first = persistent(connect, version, id)
    first.subscribe(topic, 1)
    second = persistent(connect, version, id)
    first.closed()
    assert version == 3 or second.session_present
    second.publish(topic, b"here", 1)
    assert second.payloads(1) == [b"here"]


@every_version
@pytest.mark.waypost_only("it may send a copy for each subscription")
def test_overlapping_subscriptions_give_one_copy(connect, topic, version):
    a, b = connect(version), connect(version)
    b.subscribe(topic + "/+", 0)
    b.subscribe(topic + "/#", 2)
    b.subscribe(topic + "/x", 1)
    a.publish(topic + "/x", b"one", 2)
    a.publish(topic + "/x", b"mark", 2)
    assert [m.qos for m in b.until(b"mark")] == [2]


@every_version
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_shared_group_divides_the_work(connect, topic, version, qos):
    members = [connect(version) for _ in range(3)]
    every = connect(version)
    for member in members:
        member.subscribe("$share/group/%s/#" % topic, qos)
    every.subscribe(topic + "/#", qos)
    a = connect(version)
    sent = [b"%d" % i for i in range(60)]
    for i, body in enumerate(sent):
        a.publish(topic + "/%d" % (i % 7), body, qos)
    assert every.payloads(60) == sent
    got = []
    for member in members:
        # A marker of one's own comes after all that was sent before it.
        mark = unique("mark").encode()
        member.subscribe(topic + "-mark", qos)
        a.publish(topic + "-mark", mark, qos)
        mine = [m for m in member.until(mark) if m.topic.startswith(topic + "/")]
        got.append([bytes(m.payload) for m in mine])
    assert sorted(sum(got, []), key=int) == sent
    assert all(got), "a member was left without work: %r" % [len(g) for g in got]
    for mine in got:
        assert mine == sorted(mine, key=int)


@every_version
def test_after_unsubscribe_nothing_comes(connect, topic, version):
    c = connect(version)
    c.subscribe(topic + "/a", 1)
    c.subscribe(topic + "/b", 1)
    c.unsubscribe(topic + "/a")
    c.publish(topic + "/a", b"no", 1)
    c.publish(topic + "/b", b"yes", 1)
    assert c.payloads(1) == [b"yes"]


@every_version
def test_wildcards_do_not_match_dollar_topics(connect, topic, version):
    first = "$" + topic.replace("/", "-")
    a, all_, plus, named = (connect(version) for _ in range(4))
    all_.subscribe("#", 1)
    plus.subscribe("+/x", 1)
    named.subscribe(first + "/#", 1)
    a.publish(first + "/x", b"hidden", 1)
    a.publish(topic.split("/")[1] + "/x", topic.encode(), 1)
    assert named.payloads(1) == [b"hidden"]
    for c in (all_, plus):
        assert not any(m.topic.startswith("$") for m in c.until(topic.encode()))


@every_version
def test_a_filter_selects_what_it_says(connect, topic, version):
    c = connect(version)
    c.subscribe(topic + "/+/end", 0)
    c.subscribe(topic + "/deep/#", 0)
    for name in ["/a/end", "/a/b/end", "//end", "/deep", "/deep/1/2", "/deeper", "/a/end/"]:
        c.publish(topic + name, name.encode())
    c.subscribe(topic + "/mark", 0)
    c.publish(topic + "/mark", b"mark")
    got = [bytes(m.payload).decode() for m in c.until(b"mark")]
    assert got == ["/a/end", "//end", "/deep", "/deep/1/2"]


@every_version
def test_many_clients_at_once(connect, topic, version):
    clients = [connect(version, transport="ws" if i % 2 else "tcp") for i in range(20)]
    for c in clients:
        c.subscribe(topic + "/#", 1)
    infos = [c.send("%s/%d" % (topic, i), b"%d" % i, 1) for i, c in enumerate(clients)]
    for info in infos:
        info.wait_for_publish(10)
    for c in clients:
        assert sorted(c.payloads(20), key=int) == [b"%d" % i for i in range(20)]
