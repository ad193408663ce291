#!/usr/bin/env python3
"""The Autobahn suite's fuzzing client against the codec's echo example.

  autobahn.py VENV ECHO [--cases PATTERN ...] [--reports FOLDER]

VENV is a folder for a Python environment with the suite; it is made when it is not there. ECHO is the built
example `echo`. Runs groups 1 to 7, 9 and 10 (12 and 13 are permessage-deflate, which is never agreed to), prints a
line per case that is not OK, the time of the longest ones, and `N passed, N failed`; exits with 1 when one failed.
INFORMATIONAL cases have no right answer and count as passed; NON-STRICT counts as failed.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time

SUITE = "autobahntestsuite==25.10.1"
PASSED = ("OK", "INFORMATIONAL")


def wstest(venv):
    path = os.path.join(venv, "bin", "wstest")
    if not os.path.exists(path):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([os.path.join(venv, "bin", "pip"), "install", "--quiet", SUITE], check=True)
    return path


def run(tool, echo, cases, reports):
    server = subprocess.Popen([echo, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split()[1]
        spec = {
            "outdir": reports,
            "servers": [{"agent": "waypost", "url": "ws://" + address}],
            "cases": cases,
            "exclude-cases": ["12.*", "13.*"],
            "exclude-agent-cases": {},
        }
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(spec, f)
            f.flush()
            log = subprocess.run([tool, "-m", "fuzzingclient", "-s", f.name], capture_output=True, text=True)
        if log.returncode != 0:
            sys.exit("wstest failed:\n" + log.stdout[-2000:] + log.stderr[-2000:])
    finally:
        server.terminate()
        server.wait()
    with open(os.path.join(reports, "index.json")) as f:
        return json.load(f)["waypost"]


def tell(results, seconds):
    def in_order(item):
        return [int(n) for n in item[0].split(".")]

    verdicts = {kind: collections.Counter() for kind in ("behavior", "behaviorClose")}
    failed = 0
    for name, result in sorted(results.items(), key=in_order):
        for kind, counter in verdicts.items():
            counter[result[kind]] += 1
        wrong = result["behavior"] not in PASSED or result["behaviorClose"] not in PASSED
        failed += wrong
        if wrong or result["behavior"] != "OK":
            print("case %s: %s, close %s (code %s)" % (name, result["behavior"], result["behaviorClose"], result["remoteCloseCode"]))
    longest = sorted(results.items(), key=lambda item: -item[1]["duration"])[:5]
    print("longest: " + ", ".join("%s %d ms" % (name, result["duration"]) for name, result in longest))
    print("verdicts: %s; close: %s; %.0f s" % (*(dict(counter) for counter in verdicts.values()), seconds))
    print("%d passed, %d failed" % (len(results) - failed, failed))
    return 1 if failed or not results else 0


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("venv")
    ap.add_argument("echo")
    ap.add_argument("--cases", nargs="+", default=["*"])
    ap.add_argument("--reports", help="folder that keeps the suite's report pages")
    a = ap.parse_args()
    tool = wstest(os.path.abspath(a.venv))
    with tempfile.TemporaryDirectory() as scratch:
        start = time.monotonic()
        results = run(tool, os.path.abspath(a.echo), a.cases, os.path.abspath(a.reports or scratch))
        return tell(results, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
