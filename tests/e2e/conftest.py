"""Fixtures: a broker for the session, brokers of a test's own, clients that are closed at the end."""
import os

import pytest

import harness
import pki as pki_module
from paho_client import Client


def pytest_collection_modifyitems(items):
    if harness.outside_broker() and not os.environ.get("E2E_ALL"):
        for item in items:
            mark = item.get_closest_marker("waypost_only")
            if mark:
                item.add_marker(pytest.mark.skip(reason="outside broker: " + mark.args[0]))


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Where a broker listens that all tests of this process share; topics and ids are unique."""
    outside = harness.outside_broker()
    if outside:
        yield outside
        return
    own = harness.Broker(tmp_path_factory.mktemp("broker"))
    yield own
    code = own.stop()
    assert code == 0, "the broker ended with %d: %s" % (code, own.log())
    assert "panicked" not in own.log(), own.log()


@pytest.fixture
def start_broker(tmp_path):
    """Starts a broker of the test's own: `start_broker(*args, config=TOML, listen=[URL])`; with `after=BROKER` on
    the files of one that has ended."""
    started = []

    def start(*args, after=None, **more):
        folder = after.folder if after else tmp_path / ("broker%d" % len(started))
        own = harness.Broker(folder, *args, **more)
        started.append(own)
        return own
    yield start
    for own in started:
        if own.process.poll() is None:
            own.stop()
        assert "panicked" not in own.log(), own.log()


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """An authority, a broker's and a device's certificate, for all tests of this process."""
    return pki_module.make(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def connect(broker):
    """Connects a paho client: `connect(version, **options of Client)`; closed at the end."""
    clients = []

    def start(version=5, at=None, expect=0, **options):
        made = Client(at or broker, version, **options)
        clients.append(made)
        made.connect(expect)
        return made
    yield start
    for made in clients:
        made.close()


@pytest.fixture
def topic():
    """A topic that only this test uses."""
    return "e2e/" + harness.unique()
