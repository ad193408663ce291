"""MQTT.js in headless Chromium, on a page from a server of the test's own (`browser.mjs`, `page.html`)."""
import json
import os
import subprocess

import pytest

from harness import WAIT, Lines

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.parametrize("version", [3, 4, 5], ids=["v3.1", "v3.1.1", "v5"])
def test_a_page_shows_readings_and_answers(broker, connect, topic, version):
    sensor = connect(5)
    sensor.subscribe(topic + "/out", 1)
    version_words = [broker.ws_url, str(version), topic, "50"]
    command = ["node", os.path.join(HERE, "browser.mjs"), *version_words]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as browser:
        try:
            lines = Lines(browser.stdout)
            assert lines.next(45) == "subscribed"
            sent = ["%d.%d °C" % (i // 10, i % 10) for i in range(50)]
            for reading in sent:
                sensor.publish(topic + "/in", reading, 1)
            assert json.loads(lines.next()) == sent
            assert sensor.payloads(50) == [("seen " + reading).encode() for reading in sent]
            assert browser.wait(WAIT) == 0
        finally:
            browser.kill()
