"""The HTTP side with the clients of others: a client generated from the OpenAPI document, promtool, curl's way of
asking, and the command line."""
import base64
import fcntl
import importlib
import json
import os
import pty
import re
import ssl
import struct
import subprocess
import sys
import termios
import urllib.error
import urllib.request

import pytest

from harness import WAIT, Broker, eventually, run, unique, waypost_binary

LISTEN = ["mqtt://127.0.0.1:0", "ws://127.0.0.1:0/mqtt", "http://127.0.0.1:0"]
pytestmark = pytest.mark.waypost_only("the HTTP API is Waypost's own")


class Api:
    """A broker's API, as the user that its first start has made."""

    def __init__(self, broker):
        self.broker = broker
        self.url = "http://127.0.0.1:%d" % broker.port_of["http"]
        self.password = first_password(broker)

    def ask(self, path, method="GET", body=None, user="admin", password=None, headers=None):
        """Status and body of an answer; JSON where it is such."""
        headers = dict(headers or {})
        if user:
            pair = "%s:%s" % (user, password or self.password)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                status, raw, kind = answer.status, answer.read(), answer.headers.get_content_type()
        except urllib.error.HTTPError as error:
            status, raw, kind = error.code, error.read(), error.headers.get_content_type()
        return status, json.loads(raw) if kind.endswith("json") else raw.decode()

    def cli(self, *args, code=0):
        return run(waypost_binary(), *args, "--api", self.url, "--user", "admin", code=code,
                   env={"WAYPOST_PASSWORD": self.password, "PATH": "/usr/bin:/bin"})


def first_password(broker):
    found = re.findall(r"user \"admin\" is\n\n +([a-z2-7]{32})\n", broker.log())
    assert len(found) == 1, broker.log()
    return found[0]


@pytest.fixture
def api(start_broker):
    return Api(start_broker(listen=LISTEN))


def test_the_first_password_is_shown_once_and_kept_hashed(start_broker, tmp_path):
    broker = start_broker(listen=LISTEN)
    api = Api(broker)
    assert api.ask("/api/v1/overview")[0] == 200
    assert api.ask("/api/v1/overview", user=None)[0] == 401, "on loopback too"
    assert api.ask("/api/v1/overview", password="guess")[0] == 401
    kept = (tmp_path / "broker0" / "data" / "admin-users").read_text()
    assert api.password not in kept and kept.startswith("admin:admin:$argon2id$")
    assert broker.stop() == 0

    before = len(broker.log())
    again = Broker(broker.folder, listen=LISTEN)
    try:
        assert "First start" not in again.log()[before:]
        api.url = "http://127.0.0.1:%d" % again.port_of["http"]
        assert api.ask("/api/v1/overview")[0] == 200, "the same password"
        # A forgotten password is set anew on the machine itself.
        passwd = run(waypost_binary(), "admin", "passwd", "admin", "--password-stdin", "--data-dir",
                     again.folder + "/data", stdin="another\n")
        assert passwd == "admin changed\n"
        again.hup()
        eventually(lambda: api.ask("/api/v1/overview", password="another")[0] == 200, "the new password holds")
        assert api.ask("/api/v1/overview")[0] == 401
    finally:
        assert again.stop() == 0


def test_tokens_of_the_configuration(start_broker):
    made = subprocess.run([waypost_binary(), "admin", "token", "grafana", "--role", "viewer"], capture_output=True,
                          text=True, check=True)
    token = made.stderr.strip().split(": ")[-1]
    broker = start_broker(listen=LISTEN, config=made.stdout)
    api = Api(broker)
    bearer = {"Authorization": "Bearer " + token}
    assert api.ask("/api/v1/overview", user=None, headers=bearer)[0] == 200
    status, problem = api.ask("/api/v1/sessions/x", "DELETE", user=None, headers=bearer)
    assert status == 403 and "grafana has the role viewer" in problem["detail"], problem


def test_health_without_a_token(api):
    assert api.ask("/healthz", user=None) == (200, "ok\n")
    assert api.ask("/readyz", user=None) == (200, {"ready": True, "reasons": []})


def test_promtool_finds_nothing_wrong(api, connect):
    client = connect(at=api.broker)
    client.subscribe("a/#", 1)
    client.publish("a/b", b"x", 1)
    status, text = api.ask("/metrics", user=None)
    assert status == 200
    assert "waypost_messages_received_total{protocol=\"mqtt5\",qos=\"1\"} 1\n" in text
    checked = run("promtool", "check", "metrics", stdin=text, code=None)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_client_generated_from_the_document(api, connect, tmp_path, monkeypatch):
    """Of openapi-python-client, which knows of Waypost what the document says and no more."""
    (tmp_path / "openapi.json").write_text(json.dumps(api.ask("/api/v1/openapi.json", user=None)[1]))
    tools = sys.exec_prefix + "/bin"
    done = run(tools + "/openapi-python-client", "generate", "--path", tmp_path / "openapi.json", "--output-path", tmp_path / "made",
               "--fail-on-warning", wait=50, cwd=tmp_path, env={**os.environ, "PATH": tools + ":" + os.environ["PATH"]})
    assert "rror" not in done, done
    monkeypatch.syspath_prepend(str(tmp_path / "made"))
    made = importlib.import_module("waypost_client")
    part = lambda name: importlib.import_module("waypost_client." + name)
    models = part("models")

    anonymous = made.Client(base_url=api.url)
    login = part("api.access.login").sync(client=anonymous, body=models.LoginRequest(user="admin", password=api.password))
    assert login.role == "admin"
    client = made.AuthenticatedClient(base_url=api.url, token=login.token)

    id = unique("generated")
    device = connect(at=api.broker, id=id)
    device.subscribe("told/#", 1)
    listed = part("api.clients.connections").sync(client=client, client_id=id, limit=10)
    assert [row.client_id for row in listed.items] == [id] and listed.total == 1
    assert listed.items[0].protocol == "mqtt5" and listed.items[0].connected_at.utcoffset() is not None
    one = part("api.clients.session").sync(id, client=client)
    assert one.connected and one.subscriptions == 1
    subscriptions = part("api.clients.subscriptions").sync(client=client, topic="told/x")
    assert [row.filter_ for row in subscriptions.items] == ["told/#"]

    message = models.PublishRequest(topic="told/x", payload="hello", qos=1, retain=True)
    assert part("api.messages.publish").sync(client=client, body=message).receivers
    assert device.next().payload == b"hello"
    kept = part("api.messages.retained_message").sync("told/x", client=client)
    assert kept.payload == "hello" and kept.qos == 1
    assert part("api.messages.delete_retained").sync_detailed("told/x", client=client).status_code == 204
    gone = part("api.messages.retained_message").sync("told/x", client=client)
    assert isinstance(gone, models.Problem) and gone.status == 404

    overview = part("api.broker.overview").sync(client=client)
    assert overview.connections == 1 and overview.durability == "disk"
    assert {row.scheme for row in part("api.broker.listeners").sync(client=client)} == {"mqtt", "ws", "http"}
    assert any(row.key == "limits.max_packet_size" for row in part("api.broker.limits").sync(client=client))

    assert part("api.clients.kick").sync_detailed(id, client=client).status_code == 204
    device.closed()
    assert part("api.access.logout").sync_detailed(client=client).status_code == 204
    assert isinstance(part("api.broker.overview").sync(client=client), models.Problem)


def test_sys_is_published(api, connect):
    client = connect(at=api.broker)
    client.subscribe("$SYS/broker/version", 0)
    assert client.next().payload.startswith(b"waypost version ")
    # It is there by now, so whoever comes later has it at once.
    client.subscribe("$SYS/broker/version", 0)
    message = client.next()
    assert message.payload.startswith(b"waypost version ") and message.retain


def test_the_command_line(api, connect):
    id = unique("cli")
    device = connect(at=api.broker, id=id, clean=False, props={"SessionExpiryInterval": 60})
    device.subscribe("a/+", 1)
    device.publish("a/kept", b"x", 1, retain=True)
    status = json.loads(api.cli("status", "--json"))
    assert status["connections"] == 1 and len(status["listeners"]) == 3
    assert "1  (mqtt5 1)" in api.cli("status")
    for command in ["connections", "sessions", "subscriptions"]:
        assert id in api.cli(command), command
    assert "a/kept" in api.cli("retained", "a/#")
    assert "a/+" in api.cli("subscriptions", "a/x")
    assert api.cli("kick", id) == "%s is disconnected\n" % id
    device.closed()
    assert json.loads(api.cli("sessions", id, "--json"))["connected"] is False
    api.cli("sessions", id, "--delete")
    api.cli("retained", "a/kept", "--delete")
    failed = api.cli("retained", "a/kept", code=None)
    assert failed.returncode == 1 and "no message is retained on this topic" in failed.stderr


def test_a_backup_of_a_busy_broker_is_a_broker_of_its_own(api, connect, tmp_path):
    device = connect(at=api.broker, id=unique("backup"), clean=False, props={"SessionExpiryInterval": 3600})
    device.subscribe("kept/#", 1)
    device.disconnect()
    sender = connect(at=api.broker)
    for n in range(100):
        sender.publish("kept/%d" % n, b"x" * 1000, 1, retain=n % 10 == 0)
    load = subprocess.Popen([waypost_binary(), "bench", "throughput", "-p", str(api.broker.port), "-q", "1", "--persistent",
                             "--seconds", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: api.ask("/api/v1/overview")[1]["published"] > 1000, "there is load")
        copy = tmp_path / "copy" / "data"
        copy.parent.mkdir()
        assert "is a copy of" in api.cli("store", "backup", copy)
        assert load.poll() is None, "the load goes on"
        status, problem = api.ask("/api/v1/backup", "POST", {"directory": str(copy)})
        assert status == 409 and "exists" in problem["detail"], problem
    finally:
        load.kill()
        load.wait()
    assert json.loads(run(waypost_binary(), "store", "verify", "--data-dir", copy, "--json"))["damage"] is None
    restored = Broker(copy.parent, listen=LISTEN)
    try:
        again = connect(at=restored, id=device.id, clean=False, props={"SessionExpiryInterval": 3600})
        assert again.session_present
        assert {message.topic for message in again.take(100)} == {"kept/%d" % n for n in range(100)}
    finally:
        assert restored.stop() == 0


def test_https(start_broker, pki):
    broker = start_broker(listen=["https://127.0.0.1:0" + pki.query()])
    context = ssl.create_default_context(cafile=pki.path("ca.pem"))
    with urllib.request.urlopen("https://localhost:%d/healthz" % broker.port_of["https"], context=context) as answer:
        assert answer.read() == b"ok\n"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_bench_counts_is_what_the_broker_counts(api, qos):
    done = run(waypost_binary(), "bench", "throughput", "-p", api.broker.port, "--pubs", 3, "--subs", 3, "-q", qos, "-V", "5",
               "--messages", 2000, "--warmup", "0.1", "--json", wait=60)
    counted = json.loads(done)["measures"]
    assert counted["lost"] == counted["repeated"] == counted["disordered"] == 0
    _, text = api.ask("/metrics", user=None)
    metrics = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    labels = "{protocol=\"mqtt5\",qos=\"%d\"}" % qos
    assert int(metrics["waypost_messages_received_total" + labels]) == counted["sent_in_all"]
    assert int(metrics["waypost_messages_sent_total" + labels]) == counted["delivered_in_all"]
    assert int(metrics["waypost_clients_connected_total{protocol=\"mqtt5\"}"]) == 6
    dropped = [value for name, value in metrics.items() if name.startswith("waypost_messages_dropped_total")]
    assert set(dropped) == {"0"}


@pytest.mark.parametrize("how", ["hang up", "terminate"])
def test_top_ends_with_its_terminal(api, how):
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    top = subprocess.Popen([waypost_binary(), "top", "--api", api.url, "--user", "admin"], stdin=its, stdout=its, stderr=its,
                           start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                           env={"WAYPOST_PASSWORD": api.password, "TERM": "xterm"})
    os.close(its)
    shown = b""
    while b"Connections" not in shown:
        assert top.poll() is None, shown
        shown += os.read(ours, 65536)
    if how == "hang up":
        os.close(ours)
    else:
        top.terminate()
    assert top.wait(WAIT) in (0, 1)
