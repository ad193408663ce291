"""mosquitto_pub, mosquitto_sub and mosquitto_rr: what is in everyone's fingers."""
import signal
import subprocess

import pytest

from harness import WAIT, Lines, outside_broker, run, unique

every_version = pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])


def options(broker, version):
    # A client id of up to 23 characters is all that version 3.1 allows.
    return ["-h", broker.host, "-p", str(broker.port), "-V", version]


def pub(broker, version, *words, **more):
    return run("mosquitto_pub", *options(broker, version), *words, **more)


class Sub:
    """mosquitto_sub in the background, subscribed when this returns."""

    def __init__(self, broker, version, *words):
        command = ["stdbuf", "-oL", "mosquitto_sub", *options(broker, version), "-d", "-W", "30", *words]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.lines = Lines(self.process.stdout)
        self.lines.until("Subscribed")

    def output(self):
        """What it printed of messages, once it has ended by itself."""
        lines = [line for line in self.lines.rest() if not line.startswith(("Client ", "Subscribed"))]
        assert self.process.wait(WAIT) == 0
        return lines


@every_version
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_pub_and_sub(broker, topic, version, qos):
    sub = Sub(broker, version, "-v", "-q", qos, "-t", topic + "/#", "-C", "3")
    for i in range(3):
        pub(broker, version, "-q", qos, "-t", "%s/%d" % (topic, i), "-m", "m%d" % i)
    assert sub.output() == ["%s/%d m%d" % (topic, i, i) for i in range(3)]


@every_version
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_a_message_for_each_line(broker, topic, version, qos):
    # mosquitto 2.0.11 as the broker breaks off longer bursts of QoS 2 now and then.
    lines = ["line %d" % i for i in range(15 if outside_broker() and qos == "2" else 200)]
    sub = Sub(broker, version, "-q", qos, "-t", topic, "-C", str(len(lines)))
    pub(broker, version, "-q", qos, "-t", topic, "-l", stdin="\n".join(lines) + "\n")
    assert sub.output() == lines


@every_version
def test_a_file_as_message(broker, topic, version, tmp_path):
    path = tmp_path / "body"
    path.write_text("x" * 100_000)
    sub = Sub(broker, version, "-t", topic, "-C", "1")
    pub(broker, version, "-t", topic, "-f", path)
    assert sub.output() == ["x" * 100_000]


@every_version
def test_retained(broker, topic, version):
    pub(broker, version, "-r", "-q", "1", "-t", topic, "-m", "kept")
    got = run("mosquitto_sub", *options(broker, version), "-t", topic, "-C", "1", "-W", "10", "-F", "%r %p")
    assert got == "1 kept\n"
    pub(broker, version, "-r", "-q", "1", "-t", topic, "-n")
    sub = Sub(broker, version, "-t", topic, "-C", "1")
    pub(broker, version, "-q", "1", "-t", topic, "-m", "live")
    assert sub.output() == ["live"]


@every_version
def test_will(broker, topic, version):
    watch = Sub(broker, version, "-q", "1", "-t", topic, "-C", "1", "-F", "%q %p")
    lost = Sub(broker, version, "-t", topic + "/none", "--will-topic", topic, "--will-payload", "gone",
               "--will-qos", "1")
    lost.process.send_signal(signal.SIGKILL)
    lost.process.wait(WAIT)
    assert watch.output() == ["1 gone"]


@every_version
@pytest.mark.parametrize("qos", ["1", "2"])
def test_a_session_waits(broker, topic, version, qos):
    id = unique("m")[:20]
    expiry = ["-x", "600"] if version == "mqttv5" else []
    session = ["mosquitto_sub", *options(broker, version), "-c", "-i", id, "-q", qos, "-t", topic, *expiry]
    run(*session, "-E")
    for i in range(5):
        pub(broker, version, "-q", qos, "-t", topic, "-m", "%d" % i)
    assert run(*session, "-C", "5", "-W", "10") == "0\n1\n2\n3\n4\n"


def test_properties(broker, topic):
    sub = Sub(broker, "mqttv5", "-q", "1", "-t", topic, "-C", "1", "-F", "%p|%C|%R|%D|%E|%F")
    words = ["user-property a 1", "content-type text/plain", "response-topic " + topic + "/r",
             "correlation-data c1", "message-expiry-interval 100", "payload-format-indicator 1"]
    flags = [word for text in words for word in ["-D", "publish", *text.split()]]
    pub(broker, "mqttv5", "-q", "1", "-t", topic, "-m", "x", *flags)
    # A second may pass between the two.
    assert sub.output() in (["x|text/plain|%s/r|c1|%d|1" % (topic, n)] for n in (100, 99))


def test_request_and_response(broker, topic, connect):
    server = connect()
    server.subscribe(topic + "/ask", 1)
    command = ["mosquitto_rr", *options(broker, "mqttv5"), "-q", "1", "-t", topic + "/ask", "-e", topic + "/answer",
               "-m", "how much", "-W", "10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as asking:
        asked = server.next()
        server.publish(asked.properties.ResponseTopic, asked.payload + b"? 42", 1)
        assert asking.communicate(timeout=WAIT)[0] == b"how much? 42\n"


def test_a_shared_subscription(broker, topic):
    subs = [Sub(broker, "mqttv5", "-q", "1", "-t", "$share/g/" + topic, "-t", topic + "/end", "-F", "%t %p")
            for _ in range(2)]
    pub(broker, "mqttv5", "-q", "1", "-t", topic, "-l", stdin="".join("%d\n" % i for i in range(40)))
    pub(broker, "mqttv5", "-q", "1", "-t", topic + "/end", "-m", "end")
    got = []
    for sub in subs:
        sub.lines.until(topic + "/end end")
        sub.process.terminate()
        sub.process.wait(WAIT)
        mine = [line.split()[1] for line in sub.lines.seen if line.startswith(topic + " ")]
        assert mine
        got += mine
    assert sorted(got, key=int) == [str(i) for i in range(40)]
