"""`waypost pub` and `waypost sub`, by themselves and with mosquitto's, over TCP and WebSocket."""
import json
import subprocess

import pytest

from harness import WAIT, Lines, outside_broker, run, waypost_binary
from test_mosquitto_clients import Sub as MosquittoSub
from test_mosquitto_clients import pub as mosquitto_pub

VERSIONS = ["mqttv31", "mqttv311", "mqttv5"]


def where(broker, transport, topic):
    if transport == "tcp":
        return ["-h", broker.host, "-p", broker.port, "-t", topic]
    return ["--url", broker.ws_url, "-t", topic]


def waypost(command, broker, transport, topic, *words, **more):
    return run(waypost_binary(), command, *where(broker, transport, topic), *words, **more)


def have_waypost():
    return subprocess.run([waypost_binary(), "sub", "--help"], capture_output=True).returncode == 0


@pytest.fixture(autouse=True, scope="module")
def built():
    try:
        have = have_waypost()
    except OSError:
        have = False
    if not have:
        pytest.skip("no waypost binary")


class Sub:
    """`waypost sub` in the background; a persistent session made before tells that it is subscribed."""

    def __init__(self, broker, transport, topic, *words):
        command = [waypost_binary(), "sub", *where(broker, transport, topic), "-W", "30", *words]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)

    def output(self):
        lines = self.lines.rest()
        assert self.process.wait(WAIT) == 0
        return lines


def session(broker, version, topic, id, *words):
    """Options of a session that is subscribed already, so that nothing depends on who is first."""
    options = ["-c", "-i", id, "-q", "2", "-V", version] + (["-x", "600"] if version == "mqttv5" else [])
    waypost("sub", broker, "tcp", topic, *options, "-E")
    return options + list(words)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", ["tcp", "ws"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_pub_and_sub(broker, topic, version, transport, qos):
    # mosquitto 2.0.11 stops a version 3 receiver of QoS 2 after twenty messages in a burst.
    lines = ["line %d" % i for i in range(15 if outside_broker() and qos == "2" else 300)]
    options = session(broker, version, topic, topic[-12:], "-v", "-C", len(lines))
    sub = Sub(broker, transport, topic, *options)
    # QoS 0 is not kept for a session that is away: the first message, of QoS 1, tells that it is back.
    waypost("pub", broker, transport, topic, "-q", "1", "-V", version, "-m", lines[0])
    assert sub.lines.next() == "%s %s" % (topic, lines[0])
    waypost("pub", broker, transport, topic, "-q", qos, "-V", version, "-l", stdin="\n".join(lines[1:]) + "\n")
    assert sub.output() == ["%s %s" % (topic, line) for line in lines[1:]]


@pytest.mark.parametrize("version", VERSIONS)
def test_with_mosquittos(broker, topic, version):
    theirs = MosquittoSub(broker, version, "-q", "1", "-t", topic, "-C", "1")
    waypost("pub", broker, "tcp", topic, "-q", "1", "-V", version, "-m", "to them")
    assert theirs.output() == ["to them"]
    options = session(broker, version, topic, topic[-12:], "-C", "1")
    mosquitto_pub(broker, version, "-q", "1", "-t", topic, "-m", "to us")
    assert waypost("sub", broker, "tcp", topic, *options) == "to us\n"


def test_json_and_properties(broker, topic):
    options = session(broker, "mqttv5", topic, topic[-12:], "-C", "1", "--json")
    waypost("pub", broker, "ws", topic, "-q", "1", "-V", "mqttv5", "-m", "21.5", "-D", "publish", "user-property",
            "unit", "C", "-D", "publish", "content-type", "text/plain")
    got = json.loads(waypost("sub", broker, "tcp", topic, *options))
    assert got["topic"] == topic and got["qos"] == 1 and "21.5" in json.dumps(got["payload"])
    assert "text/plain" in json.dumps(got) and "unit" in json.dumps(got)


def test_retained_and_will(broker, topic):
    waypost("pub", broker, "tcp", topic, "-q", "1", "-r", "-m", "kept")
    assert waypost("sub", broker, "ws", topic, "-C", "1", "-W", "10") == "kept\n"
    waypost("pub", broker, "tcp", topic, "-q", "1", "-r", "-n")
    watch = MosquittoSub(broker, "mqttv311", "-q", "1", "-t", topic + "/will", "-C", "1")
    lost = Sub(broker, "tcp", topic, "-q", "1", "--will-topic", topic + "/will", "--will-payload", "gone",
               "--will-qos", "1")
    waypost("pub", broker, "tcp", topic, "-q", "1", "-r", "-m", "it is there")
    assert lost.lines.next() == "it is there"
    lost.process.kill()
    lost.process.wait(WAIT)
    assert watch.output() == ["gone"]
    waypost("pub", broker, "tcp", topic, "-q", "1", "-r", "-n")


def test_the_time_that_ran_out(broker, topic):
    assert waypost("sub", broker, "tcp", topic, "-W", "1", code=None).returncode == 27


def test_nobody_is_there(topic):
    done = run(waypost_binary(), "pub", "-h", "127.0.0.1", "-p", "1", "-t", topic, "-m", "x", code=None)
    assert done.returncode == 1 and done.stderr
