"""MQTT.js in Node, over TCP and WebSocket (`mqttjs.mjs`)."""
import json
import os

import pytest

from harness import run

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.parametrize("version", [3, 4, 5], ids=["v3.1", "v3.1.1", "v5"])
@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_mqttjs(broker, version, transport):
    url = broker.mqtt_url if transport == "tcp" else broker.ws_url
    output = run("node", os.path.join(HERE, "mqttjs.mjs"), url, version, wait=50)
    results = [json.loads(line) for line in output.splitlines()]
    assert len(results) >= 6
    assert not [result for result in results if result["error"]]
