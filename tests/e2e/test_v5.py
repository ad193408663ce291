"""paho-mqtt with MQTT 5: what version 5 added."""
import time

import pytest
from paho.mqtt.client import MQTTv5

from harness import eventually, unique

waypost_only = pytest.mark.waypost_only
EXPIRES = {"SessionExpiryInterval": 600}


def test_properties_arrive_as_they_were_sent(connect, topic):
    a, b = connect(), connect()
    b.subscribe(topic, 1)
    sent = {
        "PayloadFormatIndicator": 1,
        "ContentType": "text/plain; charset=utf-8",
        "ResponseTopic": topic + "/answer",
        "CorrelationData": bytes(range(256)),
        "UserProperty": [("k", "1"), ("k", "2"), ("", ""), ("ü", "→")],
    }
    a.publish(topic, "grün".encode(), 1, props=sent)
    got = b.next().properties
    assert {name: getattr(got, name) for name in sent} == sent


def test_properties_of_a_retained_message(connect, topic):
    a, b = connect(), connect()
    sent = {"ContentType": "x", "UserProperty": [("a", "b")]}
    a.publish(topic, b"v", 1, retain=True, props=sent)
    b.subscribe(topic, 1)
    got = b.next()
    assert got.retain and {name: getattr(got.properties, name) for name in sent} == sent
    a.publish(topic, b"", 1, retain=True)


@waypost_only("it delivers expired messages of a resumed session")
def test_a_message_expires_while_it_waits(connect, topic):
    id = unique("slow")
    connect(id=id, clean=False, props=EXPIRES).subscribe(topic, 1)
    connect(id=id, clean=False, props=EXPIRES).disconnect()
    a = connect()
    a.publish(topic, b"short", 1, props={"MessageExpiryInterval": 1})
    a.publish(topic, b"long", 1, props={"MessageExpiryInterval": 100})
    a.publish(topic, b"forever", 1)
    # A retained message of the same age tells when the second is over.
    a.publish(topic + "/canary", b"c", 1, retain=True, props={"MessageExpiryInterval": 1})

    def canary_is_gone():
        c = connect()
        c.subscribe(topic + "/canary", 1)
        c.publish(topic + "/canary", b"mark", 1)
        before = c.until(b"mark")
        c.disconnect()
        return not before
    eventually(canary_is_gone, "the retained message expires")
    late = connect(id=id, clean=False, props=EXPIRES)
    first, second = late.take(2)
    assert bytes(first.payload) == b"long" and 90 <= first.properties.MessageExpiryInterval < 100
    assert bytes(second.payload) == b"forever" and not hasattr(second.properties, "MessageExpiryInterval")


def will(topic, payload=b"gone", delay=0, **props):
    return {"topic": topic, "payload": payload, "qos": 1, "props": {"WillDelayInterval": delay, **props}}


def test_a_will_waits_for_its_delay(connect, topic):
    watch = connect()
    watch.subscribe(topic, 1)
    lost = connect(clean=False, props=EXPIRES, will=will(topic, delay=1, ContentType="w"))
    cut = time.monotonic()
    lost.cut()
    m = watch.next()
    assert bytes(m.payload) == b"gone" and m.properties.ContentType == "w"
    assert time.monotonic() - cut >= 0.9


def test_a_client_that_comes_back_in_time_keeps_its_will(connect, topic):
    watch = connect()
    watch.subscribe(topic + "/#", 1)
    id = unique("back")
    connect(id=id, clean=False, props=EXPIRES, will=will(topic + "/a", delay=1)).cut()
    back = connect(id=id, clean=False, props=EXPIRES)
    assert back.session_present
    # A will with the same delay that begins later tells when the first would have been sent.
    connect(clean=False, props=EXPIRES, will=will(topic + "/b", b"other", delay=1)).cut()
    assert watch.until(b"other") == []


@waypost_only("it waits for the delay")
def test_a_will_does_not_outlive_its_session(connect, topic):
    watch = connect()
    watch.subscribe(topic, 1)
    connect(props={"SessionExpiryInterval": 0}, will=will(topic, delay=600)).cut()
    assert watch.payloads(1) == [b"gone"]


def test_disconnect_with_will_message(connect, topic):
    watch = connect()
    watch.subscribe(topic, 1)
    connect(will=will(topic)).disconnect(reason=0x04)
    assert watch.payloads(1) == [b"gone"]


def test_topic_alias_towards_the_broker(connect, topic):
    a, b = connect(), connect()
    assert a.connack.TopicAliasMaximum >= 2
    b.subscribe(topic + "/#", 1)
    a.publish(topic + "/one", b"1", 1, props={"TopicAlias": 1})
    a.publish(topic + "/two", b"2", 1, props={"TopicAlias": 2})
    a.publish("", b"3", 1, props={"TopicAlias": 1})
    a.publish("", b"4", 0, props={"TopicAlias": 2})
    a.publish(topic + "/three", b"5", 1, props={"TopicAlias": 1})
    a.publish("", b"6", 1, props={"TopicAlias": 1})
    names = {m.payload: m.topic[len(topic):] for m in b.take(6)}
    assert names == {b"1": "/one", b"2": "/two", b"3": "/one", b"4": "/two", b"5": "/three", b"6": "/three"}


@waypost_only("it sets no topic aliases")
def test_topic_alias_towards_the_client(connect, topic):
    b = connect(props={"TopicAliasMaximum": 2})
    b.subscribe(topic + "/#", 1)
    for i in range(6):
        b.publish(topic + "/same", b"%d" % i, 1)
    first, *later = b.take(6)
    alias = first.properties.TopicAlias
    assert first.topic == topic + "/same" and 1 <= alias <= 2
    assert [(m.topic, m.properties.TopicAlias) for m in later] == [("", alias)] * 5


def test_subscription_identifiers(connect, topic):
    c = connect()
    c.subscribe(topic + "/+", 1, id=7)
    c.subscribe(topic + "/#", 1, id=268435455)
    c.subscribe(topic + "/other", 1)
    c.publish(topic + "/x", b"both", 1)
    c.publish(topic + "/mark", b"mark", 1)
    ids = [i for m in c.until(b"mark") for i in m.properties.SubscriptionIdentifier]
    assert sorted(ids) == [7, 268435455]


def test_no_local(connect, topic):
    a, b = connect(), connect()
    a.subscribe(topic, 1, no_local=True)
    b.subscribe(topic, 1)
    a.publish(topic, b"own", 1)
    assert b.payloads(1) == [b"own"]
    b.publish(topic, b"mark", 1)
    assert a.until(b"mark") == []


def test_retain_as_published(connect, topic):
    a, plain, kept = connect(), connect(), connect()
    plain.subscribe(topic, 1)
    kept.subscribe(topic, 1, as_published=True)
    a.publish(topic, b"x", 1, retain=True)
    assert plain.next().retain is False
    assert kept.next().retain is True
    a.publish(topic, b"", 1, retain=True)


@pytest.mark.parametrize("handling, first, again", [(0, 1, 1), (1, 1, 0), (2, 0, 0)])
def test_retain_handling(connect, topic, handling, first, again):
    a, c = connect(), connect()
    a.publish(topic, b"kept", 1, retain=True)

    def replayed(mark):
        c.subscribe(topic, 1, handling=handling)
        c.publish(topic, mark, 1)
        return len(c.until(mark))
    assert replayed(b"mark1") == first
    assert replayed(b"mark2") == again
    a.publish(topic, b"", 1, retain=True)


@waypost_only("it replays them")
def test_a_shared_group_gets_no_retained_messages(connect, topic):
    a, c = connect(), connect()
    a.publish(topic, b"kept", 1, retain=True)
    c.subscribe("$share/g/" + topic, 1)
    a.publish(topic, b"mark", 1)
    assert c.until(b"mark") == []
    a.publish(topic, b"", 1, retain=True)


def test_request_and_response(connect, topic):
    server, caller = connect(), connect()
    server.subscribe(topic + "/ask", 1)
    caller.subscribe(topic + "/answers", 1)
    for i in range(3):
        props = {"ResponseTopic": topic + "/answers", "CorrelationData": b"c%d" % i}
        caller.publish(topic + "/ask", b"%d" % i, 1, props=props)
        asked = server.next()
        reply = {"CorrelationData": asked.properties.CorrelationData}
        server.publish(asked.properties.ResponseTopic, asked.payload * 2, 1, props=reply)
        answer = caller.next()
        assert (bytes(answer.payload), answer.properties.CorrelationData) == (b"%d%d" % (i, i), b"c%d" % i)


@waypost_only("it gives no response information")
def test_response_information(connect):
    asked = connect(props={"RequestResponseInformation": 1})
    assert asked.connack.ResponseInformation == "reply/" + asked.id
    assert not hasattr(connect().connack, "ResponseInformation")


def test_assigned_client_identifier(connect, topic):
    a, b = connect(id=""), connect(id="")
    names = {a.connack.AssignedClientIdentifier, b.connack.AssignedClientIdentifier}
    assert len(names) == 2 and all(names)
    a.subscribe(topic, 1)
    b.publish(topic, b"x", 1)
    assert a.payloads(1) == [b"x"]
    assert not hasattr(connect().connack, "AssignedClientIdentifier")


@waypost_only("its default is another")
def test_server_keep_alive(connect):
    assert connect(keepalive=0).connack.ServerKeepAlive == 300
    assert connect(keepalive=3600).connack.ServerKeepAlive == 300
    assert not hasattr(connect(keepalive=60).connack, "ServerKeepAlive")


@waypost_only("its default is another")
def test_a_session_lives_seven_days_at_most(connect):
    assert connect(clean=False, props={"SessionExpiryInterval": 0xFFFFFFFF}).connack.SessionExpiryInterval == 7 * 86400


def test_receive_maximum_of_the_client(connect, topic):
    a, b = connect(), connect(props={"ReceiveMaximum": 2}, manual_ack=True)
    b.subscribe(topic + "/#", 1)
    for i in range(5):
        a.publish(topic + "/x", b"%d" % i, 1)
    # QoS 0 needs no window: it passes those that wait.
    a.publish(topic + "/mark", b"mark", 0)
    first = b.until(b"mark")
    assert [bytes(m.payload) for m in first] == [b"0", b"1"]
    for m in first:
        b.ack(m)
    more = b.take(2)
    assert [bytes(m.payload) for m in more] == [b"2", b"3"]
    b.ack(more[0])
    assert b.payloads(1) == [b"4"]


def test_maximum_packet_size_of_the_client(connect, topic):
    a, b = connect(), connect(props={"MaximumPacketSize": 200})
    b.subscribe(topic, 1)
    a.publish(topic, b"x" * 1000, 1)
    a.publish(topic, b"small", 1)
    assert b.payloads(1) == [b"small"]


def test_a_session_ends_with_its_connection_unless_asked(connect, topic):
    id = unique("brief")
    connect(id=id, clean=False).disconnect()
    assert not connect(id=id, clean=False, props=EXPIRES).session_present
    connect(id=id, clean=False, props=EXPIRES).disconnect(props={"SessionExpiryInterval": 0})
    assert not connect(id=id, clean=False).session_present


@waypost_only("it closes without a word")
def test_takeover_is_told(connect):
    id = unique("twice")
    first = connect(id=id)
    connect(id=id)
    assert first.closed() == 0x8E


def test_subscription_options_survive_the_connection(connect, topic):
    id = unique("resumed")
    first = connect(id=id, clean=False, props=EXPIRES)
    first.subscribe(topic + "/#", 1, id=9, no_local=True, as_published=True)
    first.disconnect()
    again = connect(id=id, clean=False, props=EXPIRES)
    assert again.session_present
    again.publish(topic + "/own", b"own", 1)
    other = connect()
    other.publish(topic + "/x", b"kept", 1, retain=True)
    m = again.next()
    assert (bytes(m.payload), m.retain, m.properties.SubscriptionIdentifier) == (b"kept", True, [9])
    other.publish(topic + "/x", b"", 1, retain=True)


def test_version_5_and_3_talk_to_each_other(connect, topic):
    old, new = connect(4), connect(MQTTv5)
    old.subscribe(topic + "/old", 2)
    new.subscribe(topic + "/new", 2)
    new.publish(topic + "/old", b"to old", 2, props={"UserProperty": [("a", "b")], "ContentType": "c"})
    old.publish(topic + "/new", b"to new", 2)
    assert old.payloads(1) == [b"to old"] and new.payloads(1) == [b"to new"]
