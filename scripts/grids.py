"""Two grids on loopback, one process a node: a stock Tahoe-LAFS 1.20 and this project's.

Promises: a grid is started by `start()` and every process of it is gone after `stop()`; nothing
outside its folder is written, nothing but 127.0.0.1 is listened on. Standard library only.
Knows nothing of what is measured or compared.
"""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

PEER_REQUIREMENTS = ["tahoe-lafs==1.20.0", "setuptools<81"]  # newer setuptools lack pkg_resources
TICKS = os.sysconf("SC_CLK_TCK")


class Unavailable(Exception):
    """Something of the machine is missing; the text names it."""


def peer_venv(path):
    """The `tahoe` program of a stock Tahoe-LAFS, installed into a venv at `path` when absent."""
    program = os.path.join(path, "bin", "tahoe")
    if os.path.exists(program):
        return program
    steps = [
        [sys.executable, "-m", "venv", path],
        [os.path.join(path, "bin", "pip"), "install", "-q", "--disable-pip-version-check"]
        + PEER_REQUIREMENTS,
    ]
    for step in steps:
        done = subprocess.run(step, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            last = (done.stdout.strip().splitlines() or ["no output"])[-1]
            raise Unavailable(f"no stock Tahoe-LAFS 1.20 ({last})")
    return program


def free_ports(count):
    """`count` different free TCP ports of 127.0.0.1, below those that the system hands out itself:
    a port may be used long after it was chosen."""
    found = []
    while len(found) < count:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def until(what, ready, seconds=120):
    """Waits until `ready()` returns something true, and returns it."""
    end = time.monotonic() + seconds
    while True:
        got = ready()
        if got:
            return got
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def text_of(path):
    """The stripped text of a file, or nothing while it is absent or empty."""
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


class Node:
    """One process of a grid and its folder."""

    def __init__(self, name, folder):
        self.name, self.folder, self.process = name, folder, None
        # Where it listens (a port of 0: a free one) and what its command begins with.
        self.host, self.port, self.enter = "127.0.0.1", 0, []

    def listens_at(self):
        """Host and port to listen on."""
        return self.host, self.port or free_ports(1)[0]

    def run(self, command, env=None):
        with open(os.path.join(self.folder, "run.log"), "ab") as log:
            self.process = subprocess.Popen([*self.enter, *command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=env, start_new_session=True)

    def signal(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def check(self):
        if self.process.poll() is not None:
            log = text_of(os.path.join(self.folder, "run.log"))[-2000:]
            raise RuntimeError(f"{self.name} stopped by itself ({self.process.returncode}):\n{log}")

    def cpu(self):
        """CPU seconds used so far, user and system, all threads."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, field="VmRSS"):
        """Resident memory in MiB: now (VmRSS) or the highest so far (VmHWM)."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(rf"^{field}:\s+(\d+)", file.read(), re.M).group(1)) / 1024


class Grid:
    """An introducer, `servers` storage nodes and a gateway without storage."""

    name = "?"

    def __init__(self, program, folder, servers=10, encoding=(3, 7, 10)):
        self.program, self.folder, self.encoding = program, folder, encoding
        os.makedirs(folder)
        self.introducer = self._node("introducer")
        self.servers = [self._node(f"server{i}") for i in range(servers)]
        self.gateway = self._node("gateway")
        self.url, self.start_seconds = None, None

    def _node(self, name):
        return Node(name, os.path.join(self.folder, name))

    def nodes(self):
        return [self.introducer, *self.servers, self.gateway]

    def tahoe(self, *arguments):
        """Runs one command of the grid's program to its end and returns its standard output."""
        done = subprocess.run([self.program, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"tahoe {' '.join(arguments)}: {done.stderr.strip()[-1000:]}")
        return done.stdout

    def start(self):
        """Creates and starts all nodes; returns when the gateway is connected to all servers."""
        self.create_introducer()
        began = time.monotonic()
        self.launch(self.introducer)
        furl = until(f"{self.name}: introducer furl", lambda: self._alive() and self.find_furl())
        spent = time.monotonic() - began
        self.create_clients(furl)
        began = time.monotonic()
        for node in [*self.servers, self.gateway]:
            self.launch(node)
        self.url = until(f"{self.name}: gateway", lambda: self._alive() and self.find_url())
        until(f"{self.name}: all servers connected",
              lambda: self._alive() and self.connected() == len(self.servers))
        self.start_seconds = spent + time.monotonic() - began
        return self

    def _alive(self):
        for node in self.nodes():
            if node.process:
                node.check()
        return True

    def status(self):
        with urllib.request.urlopen(self.url + "?t=json", timeout=10) as answer:
            return json.load(answer)

    def connected(self):
        """How many storage servers the gateway says it is connected to."""
        try:
            servers = self.status()["servers"]
        except OSError:
            return 0
        return sum(1 for one in servers if one["connection_status"].lower().startswith("connected"))

    def pause(self):
        """Stops all processes where they are, so that the other grid has the machine."""
        for node in self.nodes():
            node.signal(signal.SIGSTOP)

    def resume(self):
        for node in self.nodes():
            node.signal(signal.SIGCONT)

    def stop(self):
        """Ends every process of the grid: asked first, killed after ten seconds."""
        self.resume()
        running = [node for node in self.nodes() if node.process]
        for node in running:
            node.signal(signal.SIGTERM)
        end = time.monotonic() + 10
        for node in running:
            try:
                node.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                node.process.kill()
                node.process.wait()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def cpu(self):
        return sum(node.cpu() for node in self.nodes())


class Peer(Grid):
    """A stock Tahoe-LAFS 1.20 grid."""

    name = "Tahoe-LAFS 1.20"

    def _listen(self, node):
        host, port = node.listens_at()
        return [f"--port=tcp:{port}:interface={host}", f"--location=tcp:{host}:{port}"]

    def create_introducer(self):
        self.tahoe("create-introducer", *self._listen(self.introducer), self.introducer.folder)

    def find_furl(self):
        return text_of(os.path.join(self.introducer.folder, "private", "introducer.furl"))

    def create_clients(self, furl):
        k, happy, n = self.encoding
        common = [f"--introducer={furl}", f"--shares-needed={k}", f"--shares-happy={happy}",
                  f"--shares-total={n}"]
        for node in self.servers:
            self.tahoe("create-node", *common, *self._listen(node), "--webport=none",
                       f"--nickname={node.name}", node.folder)
        port = free_ports(1)[0]
        self.tahoe("create-client", *common, f"--webport=tcp:{port}:interface=127.0.0.1",
                   "--nickname=gateway", self.gateway.folder)

    def launch(self, node):
        node.run([self.program, "run", "--allow-stdin-close", node.folder])

    def find_url(self):
        url = text_of(os.path.join(self.gateway.folder, "node.url"))
        try:
            return url and urllib.request.urlopen(url, timeout=10).status == 200 and url
        except OSError:
            return ""


class Ours(Grid):
    """A grid of this project's program."""

    name = "ours"

    def _listen(self, node):
        host, port = node.listens_at()
        return ["--port", str(port), "--location", f"{host}:{port}"]

    def create_introducer(self):
        self.tahoe("create-introducer", self.introducer.folder, *self._listen(self.introducer))
        k, happy, n = self.encoding
        with open(os.path.join(self.introducer.folder, "encoding_parameters"), "w") as file:
            file.write(f"{k} {happy} {n}\n")

    def find_furl(self):
        return text_of(os.path.join(self.introducer.folder, "introducer.furl"))

    def create_clients(self, furl):
        for node in self.servers:
            self.tahoe("create-client", node.folder, "--introducer", furl, *self._listen(node),
                       "--nickname", node.name)
        self.tahoe("create-client", self.gateway.folder, "--introducer", furl,
                   *self._listen(self.gateway), "--no-storage", "--webport", "0", "--nickname", "gateway")

    def launch(self, node):
        node.run([self.program, "run", node.folder])

    def find_url(self):
        return text_of(os.path.join(self.gateway.folder, "node.url"))
