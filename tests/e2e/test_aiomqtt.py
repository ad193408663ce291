"""aiomqtt: an asyncio client."""
import asyncio

import aiomqtt
import pytest

from harness import WAIT, unique

VERSIONS = [aiomqtt.ProtocolVersion.V31, aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5]


def within(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, WAIT))


def client(broker, version, **more):
    return aiomqtt.Client(broker.host, broker.port, protocol=version, **more)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_there_and_back(broker, topic, version, qos):
    async def go():
        async with client(broker, version) as c:
            await c.subscribe(topic + "/#", qos=qos)
            for i in range(50):
                await c.publish("%s/%d" % (topic, i % 3), b"%d" % i, qos=qos)
            got = []
            async for message in c.messages:
                got.append((bytes(message.payload), message.qos))
                if len(got) == 50:
                    return got
    assert within(go()) == [(b"%d" % i, qos) for i in range(50)]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_many_tasks_share_one_client(broker, topic, version):
    async def go():
        async with client(broker, version) as c, client(broker, version) as other:
            await c.subscribe(topic + "/#", qos=1)
            await asyncio.gather(*(other.publish("%s/%d" % (topic, i), b"x", qos=1) for i in range(50)))
            names = set()
            async for message in c.messages:
                names.add(message.topic.value)
                if len(names) == 50:
                    return names
    assert within(go()) == {"%s/%d" % (topic, i) for i in range(50)}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_will_of_a_task_that_fails(broker, topic, version):
    async def go():
        async with client(broker, version) as watch:
            await watch.subscribe(topic, qos=1)
            lost = client(broker, version, identifier=unique("aio"), will=aiomqtt.Will(topic, b"gone", 1))
            await lost.__aenter__()
            # A second client of the same name ends the first, whose will is due.
            async with client(broker, version, identifier=lost.identifier):
                async for message in watch.messages:
                    assert bytes(message.payload) == b"gone"
                    break
            with pytest.raises(aiomqtt.MqttError):
                await lost.publish(topic, b"late", qos=1)
                await lost.__aexit__(None, None, None)
    within(go())
