"""What the tests share: starting a broker, free of fixed ports, and waiting with a deadline.

The only file of these tests that may let time pass (see `eventually`); tidy checks that.
"""
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.parse
import uuid

# How long anything expected may take. Generous: it is only used up when something is wrong.
WAIT = 15.0

DEFAULT_LISTENERS = ["mqtt://127.0.0.1:0", "ws://127.0.0.1:0/mqtt"]


def unique(what="t"):
    """A name that no other test uses, whatever runs beside it."""
    return "%s-%s" % (what, uuid.uuid4().hex[:12])


def eventually(look, what, wait=WAIT):
    """Looks again and again until `look()` is true; gives what it returned."""
    deadline = time.monotonic() + wait
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError("not within %g s: %s" % (wait, what))
        time.sleep(0.02)


class Lines:
    """The lines that a process prints, to be waited for."""

    def __init__(self, stream):
        self._queue = queue.Queue()
        self.seen = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            self._queue.put(line.decode("utf-8", "replace").rstrip("\r\n"))
        self._queue.put(None)

    def next(self, wait=WAIT):
        """The next line, or None at the end of the output."""
        try:
            line = self._queue.get(timeout=wait)
        except queue.Empty:
            raise AssertionError("no further line within %g s; so far: %r" % (wait, self.seen)) from None
        if line is not None:
            self.seen.append(line)
        return line

    def until(self, wanted, wait=WAIT):
        """The first line from here on that holds `wanted`."""
        deadline = time.monotonic() + wait
        while True:
            line = self.next(max(0.01, deadline - time.monotonic()))
            if line is None:
                raise AssertionError("output ended without %r: %r" % (wanted, self.seen))
            if wanted in line:
                return line

    def rest(self, wait=WAIT):
        """All lines up to the end of the output."""
        deadline = time.monotonic() + wait
        lines = []
        while (line := self.next(max(0.01, deadline - time.monotonic()))) is not None:
            lines.append(line)
        return lines


class Address:
    """Where a broker listens."""

    def __init__(self, host, port, ws_port, path="/mqtt"):
        self.host, self.port, self.ws_port, self.path = host, int(port), int(ws_port), path

    @property
    def mqtt_url(self):
        return "mqtt://%s:%d" % (self.host, self.port)

    @property
    def ws_url(self):
        return "ws://%s:%d%s" % (self.host, self.ws_port, self.path)


def outside_broker():
    """The broker that E2E_BROKER=HOST:MQTTPORT:WSPORT names, else None."""
    given = os.environ.get("E2E_BROKER")
    return Address(*given.split(":")) if given else None


def waypost_binary():
    """The binary under test: WAYPOST_BIN, else that of the debug build."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.environ.get("WAYPOST_BIN") or os.path.join(root, "target", "debug", "waypost")


class Broker(Address):
    """A `waypost serve` of its own, on free ports, its files in `folder`."""

    def __init__(self, folder, *args, config=None, listen=None):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.log_path = os.path.join(self.folder, "log.txt")
        self.config_path = os.path.join(self.folder, "waypost.toml")
        command = [waypost_binary(), "serve", "--data-dir", os.path.join(self.folder, "data")]
        if config is not None:
            with open(self.config_path, "w") as f:
                f.write(config)
            command += ["--config", self.config_path]
        for url in DEFAULT_LISTENERS if listen is None else listen:
            command += ["--listen", url]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=log, cwd=self.folder)
        self.lines = Lines(self.process.stdout)
        first = self.lines.next()
        if first is None or not first.startswith("ready "):
            self.process.kill()
            raise AssertionError("printed %r, not `ready URL...`; log: %s" % (first, self.log()))
        self.urls = [urllib.parse.urlsplit(url) for url in first.split()[1:]]
        port = {url.scheme: url.port for url in reversed(self.urls)}
        path = next((url.path for url in self.urls if url.scheme == "ws"), "/mqtt")
        self.port_of = port
        super().__init__("127.0.0.1", port.get("mqtt", 0), port.get("ws", 0), path)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def connected(self, id, *words):
        """Waits for the line of the log in which this client connects; it must hold `words`."""
        wanted = ['client connected client="%s"' % id, *words]
        return eventually(lambda: any(all(word in line for word in wanted) for line in self.log().splitlines()),
                          "%r in a line of the log" % (wanted,))

    def logged(self, what):
        """Waits until the log holds `what`."""
        return eventually(lambda: what in self.log(), "%r in the log" % what)

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, how=signal.SIGTERM):
        """Stops it; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("still running %g s after the signal; log: %s" % (WAIT, self.log())) from None


def run(*command, stdin=None, wait=WAIT, code=0, **more):
    """Runs a program to its end; gives its standard output. `code=None` takes any exit code."""
    done = subprocess.run([str(word) for word in command], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=wait, text=True, **more)
    if code is not None and done.returncode != code:
        raise AssertionError("%s ended with %d, not %d: %s%s"
                             % (command, done.returncode, code, done.stdout, done.stderr))
    return done if code is None else done.stdout
