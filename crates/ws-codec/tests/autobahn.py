#!/usr/bin/env python3
"""The Autobahn suite's fuzzing client against the codec's echo example.

  autobahn.py FOLDER ECHO [--python PYTHON2] [--cases PATTERN ...] [--reports FOLDER]

FOLDER is for the suite and what it needs; it is filled when it is empty. The suite is Python 2 code (its wheel is
tagged Python 3, and fails there), so PYTHON2 names an interpreter of version 2.7 that has pip; nothing is installed
outside FOLDER. ECHO is the built example `echo`. Runs groups 1 to 7, 9 and 10 (12 and 13 are permessage-deflate,
which is never agreed to), prints a line per case that is not OK, the longest cases, the count of each verdict and
`N passed, N failed`; exits with 1 when one failed. INFORMATIONAL cases have no right answer and count as passed;
NON-STRICT counts as failed.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time

# The suite's own pins; wsaccel makes the client's masking quick.
SUITE = """autobahntestsuite==25.10.1 autobahn==0.10.9 wsaccel==0.6.2 setuptools==44.0.0 txaio==2.1.0 incremental==16.10.1
    pyOpenSSL==19.1.0 cryptography==3.3.2 Twisted==19.10.0 zope.interface==4.6.0 jinja2==2.11.3 markupsafe==1.1.1
    Werkzeug==1.0.1 klein==17.10.0 service_identity==18.1.0 unittest2==1.1.0 six==1.16.0""".split()
START = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"
PASSED = ("OK", "INFORMATIONAL")


def wstest(folder, python):
    """The command that starts the suite's tool."""
    filled = os.path.join(folder, "filled")
    if not os.path.exists(filled):
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder]
        subprocess.run(pip + SUITE, check=True)
        open(filled, "w").close()
    return [python, "-c", START, folder]


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
            log = subprocess.run(tool + ["-m", "fuzzingclient", "-s", f.name], capture_output=True, text=True)
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
    ap.add_argument("folder")
    ap.add_argument("echo")
    ap.add_argument("--python", default="python2.7")
    ap.add_argument("--cases", nargs="+", default=["*"])
    ap.add_argument("--reports", help="folder that keeps the suite's report pages")
    a = ap.parse_args()
    tool = wstest(os.path.abspath(a.folder), a.python)
    with tempfile.TemporaryDirectory() as scratch:
        start = time.monotonic()
        results = run(tool, os.path.abspath(a.echo), a.cases, os.path.abspath(a.reports or scratch))
        return tell(results, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
