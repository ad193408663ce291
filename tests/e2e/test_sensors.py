"""A thousand sensors over failing lines, groups and a live page (`examples/sensors`): nothing lost, nothing out of order.

`E2E_SENSORS=50` has fewer devices, for those who try something.
"""
import json
import os
import shutil
import subprocess

import pytest

from harness import run, unique

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "examples", "sensors")
DEVICES = int(os.environ.get("E2E_SENSORS", "1000"))
EACH = 8


@pytest.fixture
def example(tmp_path):
    """A copy of the example, with the packages of these tests."""
    folder = tmp_path / "sensors"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules"))
    os.symlink(os.path.join(os.environ["E2E_NODE"], "node_modules"), folder / "node_modules")
    return folder


@pytest.mark.timeout(150)
def test_nothing_is_lost_and_nothing_is_out_of_order(broker, example):
    command = ["node", str(example / "check.mjs"), "--browser", "--mqtt", broker.mqtt_url, "--ws", broker.ws_url,
               "--root", unique("sensors"), "--devices", str(DEVICES), "--each", str(EACH), "--within", "120"]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert done.returncode == 0
    assert result["acknowledged"] == DEVICES * EACH
    assert {name: got["different"] for name, got in result["receivers"].items()} == {
        name: DEVICES * EACH for name in ("workers", "steady", "recorder", "page")}
    shown = result["page"]
    assert (shown["readings"], shown["missing"], shown["disorder"]) == (DEVICES * EACH, 0, 0)
    # The lines did fail.
    assert result["sent_again"] > DEVICES / 10
    assert DEVICES < 1000 or shown["resumed"] > 0


def verdict(example, sent, got, cut=()):
    """What `verify.mjs` finds wrong with a run; `got`: (member, sequence, repeat)."""
    sent = [{"device": "d", "sequence": i, "sends": sends, "acknowledged": True} for i, sends in enumerate(sent)]
    got = [{"member": member, "device": "d", "sequence": i, "repeat": repeat} for member, i, repeat in got]
    script = "import { verify } from %s; console.log(JSON.stringify(verify(%s, { r: %s }, %s).wrong))" % tuple(
        json.dumps(part) for part in ((example / "verify.mjs").as_uri(), sent, got, list(cut)))
    return json.loads(run("node", "--input-type=module", "-e", script))


@pytest.mark.parametrize("sent, got, cut, wrong", [
    ([1, 1], [("a", 0, False), ("a", 1, False)], [], None),
    ([1, 1], [("a", 0, False), ("a", 1, False), ("a", 0, True)], [], None),
    ([2, 2], [("a", 0, False), ("a", 1, False), ("a", 0, False), ("a", 1, False)], [], None),
    ([1, 1], [("a", 1, False)], [], "d 0 was acknowledged and is missing"),
    ([1, 1], [("a", 1, False), ("a", 0, False)], [], "a got d 0 after 1"),
    ([2, 2], [("a", 1, False), ("a", 0, False)], [], "a got d 0 after 1"),
    ([1], [("a", 0, False), ("a", 0, False)], [], "d 0 came 2 times as new and was sent 1 times"),
    ([1], [("a", 0, False), ("b", 0, False)], [], "d 0 came 2 times as new and was sent 1 times"),
    ([1], [("a", 0, False), ("a", 7, False)], [], "d 7 was never sent"),
    ([1, 1, 1], [("a", 1, False), ("b", 2, False), ("a", 0, False)], [], "a got d 0 after 1"),
    ([1, 1, 1], [("a", 1, False), ("b", 2, False), ("a", 0, False)], ["r"], None),
    ([2, 1, 1], [("a", 1, False), ("b", 2, False), ("a", 0, False)], [], None),
])
def test_the_proof_finds_what_is_wrong(example, sent, got, cut, wrong):
    found = verdict(example, sent, got, cut)
    assert found == ([] if wrong is None else ["r: 1 wrong", "r: " + wrong])


def test_the_same_seed_makes_the_same_readings(example):
    made = run("node", example / "readings.mjs", "--devices", 20, "--each", 6, "--seed", 1)
    assert made == (example / "sample.csv").read_text()
