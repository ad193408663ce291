"""A Unix socket with mosquitto's clients."""
import os
import signal
import stat

import pytest

from harness import Broker, run

pytestmark = pytest.mark.waypost_only("its Unix sockets are those of these tests")


def test_mosquitto_clients(start_broker, tmp_path, topic):
    path = str(tmp_path / "mqtt.sock")
    broker = start_broker(listen=["unix:" + path])
    assert broker.urls[0].geturl() == "unix:" + path
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    run("mosquitto_pub", "--unix", path, "-q", "1", "-r", "-t", topic, "-m", "kept")
    assert run("mosquitto_sub", "--unix", path, "-t", topic, "-C", "1", "-W", "10") == "kept\n"
    broker.logged('address="unix (pid ')
    broker.logged(", uid %d)" % os.getuid())
    assert broker.stop() == 0
    assert not os.path.exists(path)


def test_a_dead_brokers_socket_is_replaced_and_a_live_ones_is_not(start_broker, tmp_path, topic):
    path = str(tmp_path / "mqtt.sock")
    killed = start_broker(listen=["unix:" + path])
    killed.stop(signal.SIGKILL)
    assert os.path.exists(path)
    start_broker(listen=["unix:" + path])
    run("mosquitto_pub", "--unix", path, "-q", "1", "-t", topic, "-m", "x")
    with pytest.raises(AssertionError, match="is another broker running"):
        Broker(tmp_path / "second", listen=["unix:" + path])
    run("mosquitto_pub", "--unix", path, "-q", "1", "-t", topic, "-m", "x")
