#!/usr/bin/env python3
"""This project's grid alone, at the sizes where a design gives way.

Prints a Markdown table: memory of the gateway during a file of 10^9 bytes, whether the ten
thousandth small file is as quick as the first and what a storage node then needs, 200 servers
instead of ten, and how soon a demo can be used. One process a node, on loopback, 3-of-10.

    python3 benches/limits.py [--only large|many|wide|start] [--tahoe PROGRAM]

Standard library only.
"""

import argparse
import base64
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "benches")]
import grids  # noqa: E402
import side_by_side  # noqa: E402

LARGE = 10**9
PIECE = 10**7
MANY, MANY_SIZE, CLIENTS, WINDOW = 10_000, 10_000, 8, 1_000
LEASES, LEASES_MORE, LEASED_SIZE, LEASE_SECRETS = [10**4, 10**5], 10**6, 100, 64
WIDE, WIDE_SIZE = 200, 10**7


def row(title, value):
    print(f"| {title} | {value} |", flush=True)


class Running:
    """A grid in a folder of its own, gone afterwards."""

    def __init__(self, program, **sizes):
        self.folder = tempfile.mkdtemp(prefix="limits-")
        self.grid = grids.Ours(program, os.path.join(self.folder, "grid"), **sizes)

    def __enter__(self):
        try:
            return self.grid.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.grid.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def large(program):
    """10^9 bytes in and out, in pieces that this script forgets at once."""
    with Running(program) as grid:
        connection = side_by_side.Connection(grid.url)
        pieces = [os.urandom(PIECE) for _ in range(8)]
        began = time.perf_counter()
        connection.send_head("PUT", "/uri", LARGE)
        for number in range(LARGE // PIECE):
            connection.socket.sendall(pieces[number * 5 % 8])
        cap = connection.answer()[1].decode().strip()
        up = time.perf_counter() - began
        row("PUT of 10^9 bytes", f"{LARGE / up / 1e6:.0f} MB/s")
        row("gateway's memory at most meanwhile", f"{grid.gateway.memory('VmHWM'):.0f} MiB")
        began = time.perf_counter()
        connection.send("GET", "/uri/" + cap)
        for number, piece in enumerate(connection.body_in_pieces(LARGE, PIECE)):
            if piece != pieces[number * 5 % 8]:
                raise RuntimeError("wrong bytes came back")
        down = time.perf_counter() - began
        row("GET of 10^9 bytes", f"{LARGE / down / 1e6:.0f} MB/s")
        row("gateway's memory at most after both", f"{grid.gateway.memory('VmHWM'):.0f} MiB")
        peak = statistics.median(node.memory("VmHWM") for node in grid.servers)
        row("a storage node's memory at most", f"{peak:.1f} MiB")


def windows(url, requests):
    """Requests a second, for each thousand of them."""
    rates, answers = [], []
    for first in range(0, len(requests), WINDOW):
        rate, _, got = side_by_side.rate(url, requests[first:first + WINDOW], CLIENTS)
        rates.append(rate)
        answers += got
    return rates, answers


def many(program):
    """Ten thousand small files by eight clients, and all of them read back."""
    with Running(program) as grid:
        files = [os.urandom(MANY_SIZE) for _ in range(MANY)]
        rates, caps = windows(grid.url, [("PUT", "/uri", data) for data in files])
        row(f"PUT of {MANY:,} files of 10 KB, first and last thousand",
            f"{rates[0]:.0f} /s, {rates[-1]:.0f} /s")
        paths = ["/uri/" + cap.decode().strip() for cap in caps]
        rates, back = windows(grid.url, [("GET", path, b"") for path in paths])
        if back != files:
            raise RuntimeError("a file came back wrong")
        row("GET of all of them, first and last thousand",
            f"{rates[0]:.0f} /s, {rates[-1]:.0f} /s")
        now = statistics.median(node.memory() for node in grid.servers)
        peak = statistics.median(node.memory("VmHWM") for node in grid.servers)
        row("a storage node's memory with 10,000 leases, at most", f"{now:.1f} MiB, {peak:.1f} MiB")


def leases(program, million=False):
    """A server of ever more shares with a lease each: after a start in which it reads them all, and
    after one with the index that it then left. The shares are copies of one under other names."""
    for count in LEASES + [LEASES_MORE] * million:
        with Running(program, servers=1, encoding=(1, 1, 1)) as grid:
            server = grid.servers[0]
            side_by_side.Connection(grid.url).ask("PUT", "/uri", os.urandom(LEASED_SIZE))
            stop(server)
            storage = os.path.join(server.folder, "storage")
            copy_share(os.path.join(storage, "shares"), count - 1)
            os.remove(os.path.join(storage, "index.clean"))
            for began in ("without an index", "with its index"):
                grid.launch(server)
                settled(server)
                row(f"a server's memory with {count:,} leases, started {began}, at most",
                    f"{server.memory():.1f} MiB, {server.memory('VmHWM'):.1f} MiB")
                stop(server)


def stop(node):
    node.process.terminate()
    node.process.wait()


def copy_share(shares, count):
    """Puts copies of the one share there is beside it, with other secrets in their leases."""
    found = [os.path.join(folder, name) for folder, _, names in os.walk(shares) for name in names]
    with open(found[0], "rb") as file:
        share = file.read()
    head, expires = share[:-LEASE_SECRETS - 4], share[-4:]
    for _ in range(count):
        si = base64.b32encode(os.urandom(16)).decode().lower().rstrip("=")
        bucket = os.path.join(shares, si[:2], si)
        os.makedirs(bucket)
        with open(os.path.join(bucket, "0"), "wb") as file:
            file.write(head + os.urandom(LEASE_SECRETS) + expires)


def settled(node):
    """Waits until a node has used no processor for five seconds."""
    used, quiet = node.cpu(), 0
    while quiet < 5:
        time.sleep(1)
        used, before = node.cpu(), used
        quiet = quiet + 1 if used - before < 0.02 else 0


def transfers(grid, rounds=7):
    """Median seconds of a PUT and a GET of 10 MB."""
    connection = side_by_side.Connection(grid.url)
    up, down, into = [], [], bytearray(WIDE_SIZE)
    for _ in range(rounds):
        data = os.urandom(WIDE_SIZE)
        began = time.perf_counter()
        cap = connection.ask("PUT", "/uri", data).decode().strip()
        up.append(time.perf_counter() - began)
        began = time.perf_counter()
        connection.read_into("/uri/" + cap, into)
        down.append(time.perf_counter() - began)
        if into != data:
            raise RuntimeError("wrong bytes came back")
    return statistics.median(up), statistics.median(down)


def links(node):
    """Open TCP connections of a process."""
    folder = f"/proc/{node.process.pid}/fd"
    targets = []
    for name in os.listdir(folder):
        try:
            targets.append(os.readlink(os.path.join(folder, name)))
        except OSError:
            pass
    return sum(1 for target in targets if target.startswith("socket:"))


def wide(program):
    """10 MB over ten servers and over two hundred."""
    with Running(program) as grid:
        few = transfers(grid)
    with Running(program, servers=WIDE) as grid:
        lots = transfers(grid)
        row(f"PUT of 10 MB, ten servers and {WIDE}",
            f"{few[0] * 1e3:.0f} ms, {lots[0] * 1e3:.0f} ms")
        row("GET of 10 MB, the same", f"{few[1] * 1e3:.0f} ms, {lots[1] * 1e3:.0f} ms")
        row(f"sockets of the gateway with {WIDE} servers", f"{links(grid.gateway)}")
        row("its memory", f"{grid.gateway.memory():.0f} MiB")


def start(program):
    """A demo from nothing until a file is stored, and the start of one node."""
    folder = tempfile.mkdtemp(prefix="limits-")
    try:
        seconds = [demo_ready(program, os.path.join(folder, "demo")) for _ in range(5)]
        row("demo of ten servers: first start, later ones until ready",
            f"{seconds[0] * 1e3:.0f} ms, {statistics.median(seconds[1:]) * 1e3:.0f} ms")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with Running(program, servers=1) as grid:
        node = grid.gateway
        seconds = []
        for _ in range(5):
            stop(node)
            # A node takes its address away when it stops.
            if os.path.exists(os.path.join(node.folder, "node.url")):
                raise RuntimeError("node.url is left behind")
            began = time.perf_counter()
            grid.launch(node)
            while not grid.find_url():
                time.sleep(0.001)
            seconds.append(time.perf_counter() - began)
        row("start of a node until it listens", f"{statistics.median(seconds) * 1e3:.0f} ms")


def demo_ready(program, folder):
    began = time.perf_counter()
    process = subprocess.Popen([program, "demo", folder, "--webport", "0"], text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    try:
        for line in process.stdout:
            if line.startswith("ready "):
                return time.perf_counter() - began
        raise RuntimeError("the demo ended")
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"large": large, "many": many, "leases": leases, "wide": wide, "start": start}
    parser.add_argument("--only", choices=parts, help="one part alone")
    parser.add_argument("--million", action="store_true", help="count leases up to 10^6")
    parser.add_argument("--tahoe", help="the program (default: a release build)")
    options = parser.parse_args()
    program = side_by_side.our_program(options.tahoe)
    print("| at its limits | |\n|---|---|")
    for name, part in parts.items():
        if options.only in (None, name):
            part(program, options.million) if part is leases else part(program)


if __name__ == "__main__":
    main()
