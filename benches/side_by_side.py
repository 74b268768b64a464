#!/usr/bin/env python3
"""A stock Tahoe-LAFS 1.20 grid and this project's, side by side, in one run.

Both grids: an introducer, ten storage nodes and a gateway, one process each, on loopback,
3-of-10, random data, convergent keys, through the gateway's HTTP with one keep-alive client.
While one grid is measured the other is stopped (SIGSTOP); rounds alternate; medians are printed
as a Markdown table. Every byte that comes back is compared.

    python3 benches/side_by_side.py [--quick] [--only ours|peer] [--trees N] [--venv DIR]
                                    [--tahoe PROGRAM]

Standard library only. The peer is installed from PyPI into DIR when it is not there.
"""

import argparse
import json
import os
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import grids  # noqa: E402

BIG = 10**8
MIB = 2**20


class Connection:
    """One keep-alive HTTP/1.1 connection that costs little beside what it measures."""

    def __init__(self, url):
        host, port = re.match(r"http://([^:/]+):(\d+)/?$", url).groups()
        self.host = f"{host}:{port}".encode()
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def close(self):
        self.socket.close()

    def head(self, method, path, length, headers=""):
        return (f"{method} {path} HTTP/1.1\r\nHost: ".encode() + self.host
                + f"\r\nContent-Length: {length}\r\n{headers}\r\n".encode())

    def send_head(self, method, path, length):
        self.socket.sendall(self.head(method, path, length))

    def send(self, method, path, body=b"", headers=""):
        head = self.head(method, path, len(body), headers)
        if len(body) < 65536:
            self.socket.sendall(head + body)
        else:
            self.socket.sendall(head)
            self.socket.sendall(body)

    def feed(self):
        """Takes what has arrived; `(status, body)` once a whole small answer is there."""
        got = self.socket.recv(262144)
        if not got:
            raise RuntimeError("the gateway closed the connection")
        self.buffer += got
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.buffer[:end]).lower()
        length = re.search(rb"\r\ncontent-length: *(\d+)", head)
        if length:
            whole = end + 4 + int(length.group(1))
            if len(self.buffer) < whole:
                return None
            body = bytes(self.buffer[end + 4:whole])
            del self.buffer[:whole]
        elif b"transfer-encoding: chunked" in head:
            body, whole = dechunk(self.buffer, end + 4)
            if body is None:
                return None
            del self.buffer[:whole]
        else:
            raise RuntimeError(f"an answer without a length: {head!r}")
        return int(head.split(b" ", 2)[1]), body

    def answer(self):
        """A whole small answer: status and body."""
        while (answer := self.feed()) is None:
            pass
        return answer

    def ask(self, method, path, body=b"", headers="", want=(200, 201)):
        self.send(method, path, body, headers)
        status, answer = self.answer()
        if status not in want:
            raise RuntimeError(f"{method}: status {status}: {answer[:300]!r}")
        return answer

    def begin_body(self, size):
        """Waits for the first byte of a body of `size` bytes; where it begins in the buffer."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0 or len(self.buffer) == end + 4:
            got = self.socket.recv(65536)
            if not got:
                raise RuntimeError("the gateway closed the connection")
            self.buffer += got
        head = bytes(self.buffer[:end]).lower()
        length = re.search(rb"\r\ncontent-length: *(\d+)", head)
        if b" 200 " not in head[:16] or not length or int(length.group(1)) != size:
            raise RuntimeError(f"GET of {size} bytes answered {head[:300]!r}")
        return end + 4

    def body_in_pieces(self, size, piece):
        """The body of a large answer, `piece` bytes at a time."""
        del self.buffer[:self.begin_body(size)]
        while size > 0:
            while len(self.buffer) < piece:
                got = self.socket.recv(1 << 20)
                if not got:
                    raise RuntimeError(f"the answer ended {size} bytes early")
                self.buffer += got
            yield bytes(self.buffer[:piece])
            del self.buffer[:piece]
            size -= piece

    def read_into(self, path, into):
        """GETs `path` into a buffer of the file's size; seconds to the first body byte."""
        began = time.perf_counter()
        self.send("GET", path)
        body = self.begin_body(len(into))
        first = time.perf_counter() - began
        have = len(self.buffer) - body
        view = memoryview(into)
        view[:have] = memoryview(self.buffer)[body:]
        self.buffer = bytearray()
        while have < len(into):
            count = self.socket.recv_into(view[have:])
            if count == 0:
                raise RuntimeError(f"the answer ended after {have} of {len(into)} bytes")
            have += count
        return first


def dechunk(buffer, at):
    """The body of a whole chunked answer and where it ends, or `(None, 0)`."""
    parts = []
    while True:
        line = buffer.find(b"\r\n", at)
        if line < 0:
            return None, 0
        size = int(bytes(buffer[at:line]).split(b";")[0], 16)
        if len(buffer) < line + 4 + size:
            return None, 0
        if size == 0:
            return b"".join(parts), line + 4
        parts.append(bytes(buffer[line + 2:line + 2 + size]))
        at = line + 4 + size


def rate(url, requests, clients):
    """Runs `requests` over `clients` connections; requests a second, latencies and answers."""
    selector, todo, answers, waits = selectors.DefaultSelector(), list(enumerate(requests)), {}, []
    todo.reverse()
    connections = [Connection(url) for _ in range(clients)]

    def next_on(one):
        index, (method, path, body) = todo.pop()
        one.index, one.began = index, time.perf_counter()
        one.send(method, path, body)

    began = time.perf_counter()
    for one in connections:
        selector.register(one.socket, selectors.EVENT_READ, one)
        next_on(one)
    while len(answers) < len(requests):
        for key, _ in selector.select():
            one = key.data
            answer = one.feed()
            if answer is None:
                continue
            if answer[0] not in (200, 201):
                raise RuntimeError(f"status {answer[0]}: {answer[1][:300]!r}")
            waits.append(time.perf_counter() - one.began)
            answers[one.index] = answer[1]
            if todo:
                next_on(one)
    seconds = time.perf_counter() - began
    for one in connections:
        one.close()
    return len(requests) / seconds, waits, [answers[i] for i in range(len(requests))]


class Figures:
    """What one grid did: a list of readings a measure."""

    def __init__(self):
        self.readings = {}

    def add(self, measure, value):
        self.readings.setdefault(measure, []).append(value)

    def median(self, measure):
        return statistics.median(self.readings[measure])


def settle():
    """Lets the disk finish what earlier rounds left, so that nobody pays for another."""
    os.sync()
    time.sleep(0.3)


def big_round(grid, figures, size):
    data = os.urandom(size)
    connection = Connection(grid.url)
    settle()
    cpu, began = grid.cpu(), time.perf_counter()
    cap = connection.ask("PUT", "/uri", data).decode().strip()
    figures.add("upload", time.perf_counter() - began)
    figures.add("upload CPU", grid.cpu() - cpu)
    settle()
    into = bytearray(size)
    cpu, began = grid.cpu(), time.perf_counter()
    first = connection.read_into("/uri/" + cap, into)
    figures.add("download", time.perf_counter() - began)
    figures.add("download CPU", grid.cpu() - cpu)
    figures.add("first byte", first)
    if into != data:
        raise RuntimeError(f"{grid.name}: wrong bytes came back")
    middle = size // 2
    began = time.perf_counter()
    one = connection.ask("GET", "/uri/" + cap, headers=f"Range: bytes={middle}-{middle}\r\n",
                         want=(206,))
    figures.add("one byte in the middle", time.perf_counter() - began)
    if one != data[middle:middle + 1]:
        raise RuntimeError(f"{grid.name}: a wrong byte came back")
    connection.close()


def small_round(grid, figures, size, clients, count):
    name = f"{size // 1000} KB, {clients} client{'s' if clients > 1 else ''}"
    files = [os.urandom(size) for _ in range(count)]
    settle()
    speed, waits, caps = rate(grid.url, [("PUT", "/uri", data) for data in files], clients)
    figures.add(f"PUT {name}", speed)
    figures.add(f"PUT {name} p50", statistics.median(waits))
    paths = ["/uri/" + cap.decode().strip() for cap in caps]
    speed, waits, back = rate(grid.url, [("GET", path, b"") for path in paths], clients)
    figures.add(f"GET {name}", speed)
    figures.add(f"GET {name} p50", statistics.median(waits))
    if back != files:
        raise RuntimeError(f"{grid.name}: a small file came back wrong")


def directory_round(grid, figures, count):
    """Small files added one by one to a directory that has eight entries, and looked up by name."""
    connection = Connection(grid.url)
    directory = connection.ask("POST", "/uri?t=mkdir").decode().strip()
    place = "/uri/" + quote(directory, safe="")
    children = {f"entry {i}": ["filenode", {"ro_uri": "URI:LIT:krugkidfnzsc4"}] for i in range(8)}
    connection.ask("POST", place + "?t=set_children", json.dumps(children).encode())
    settle()
    waits, began = [], time.perf_counter()
    for number in range(count):
        once = time.perf_counter()
        connection.ask("PUT", f"{place}/new{number % 2}", os.urandom(1000))
        waits.append(time.perf_counter() - once)
    figures.add("add to a directory", count / (time.perf_counter() - began))
    figures.add("add to a directory p50", statistics.median(waits))
    began = time.perf_counter()
    for _ in range(count):
        connection.ask("GET", f"{place}/entry%203?t=json")
    figures.add("look up a name", count / (time.perf_counter() - began))
    connection.close()


def tree_round(grid, figures, count):
    """A tree of 4 KB files, a hundred a folder, copied by the grid's own command line."""
    tree = tempfile.mkdtemp(prefix="side-by-side-tree-")
    try:
        for number in range(count):
            folder = os.path.join(tree, f"folder{number // 100}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"file{number}"), "wb") as file:
                file.write(os.urandom(4000))
        node = ["--node-url", grid.url]
        directory = grid.tahoe("mkdir", *node).strip()
        settle()
        began = time.perf_counter()
        grid.tahoe("cp", "-r", *node, tree, directory)
        figures.add("copy a tree", count / (time.perf_counter() - began))
    finally:
        shutil.rmtree(tree)


def large_directory(grid, count):
    """A directory of very many entries, which the peer cannot hold: made, one added, listed, one
    looked up. A line for each."""
    connection = Connection(grid.url)
    place = "/uri/" + quote(connection.ask("POST", "/uri?t=mkdir").decode().strip(), safe="")
    at_once = 1_000

    def body(begin):
        child = ["filenode", {"ro_uri": "URI:LIT:krugkidfnzsc4"}]
        numbers = range(begin, min(begin + at_once, count))
        return json.dumps({f"entry {i}": child for i in numbers}).encode()

    bodies = [body(begin) for begin in range(0, count, at_once)]

    def fill(_):
        for one in bodies:
            connection.ask("POST", place + "?t=set_children", one)

    def timed(what, times, work):
        readings = []
        for number in range(times):
            began = time.perf_counter()
            work(number)
            readings.append(time.perf_counter() - began)
        print(f"a directory of {count} entries, {what}: {statistics.median(readings) * 1000:.1f} ms")

    timed(f"set in {len(bodies)} calls", 1, fill)
    timed("add one", 20, lambda number: connection.ask("PUT", f"{place}/new{number}", b"x" * 1000))
    timed("list as JSON", 3, lambda _: connection.ask("GET", place + "?t=json"))
    timed("look one up", 100,
          lambda number: connection.ask("GET", f"{place}/entry%20{number * 7 % count}?t=json"))
    connection.close()


def idle(grid, figures, seconds):
    """Memory and CPU of a grid that nobody asks anything."""
    figures.add("memory a storage node, idle",
                statistics.median(node.memory() for node in grid.servers))
    figures.add("memory of the gateway, idle", grid.gateway.memory())
    cpu, began = grid.cpu(), time.perf_counter()
    time.sleep(seconds)
    figures.add("idle CPU", (grid.cpu() - cpu) / (time.perf_counter() - began))


def peaks(grid, figures):
    figures.add("memory a storage node, peak",
                statistics.median(node.memory("VmHWM") for node in grid.servers))
    figures.add("memory of the gateway, peak", grid.gateway.memory("VmHWM"))


def alone(grid, grids_here, work):
    """Runs `work(grid)` while every other grid stands still."""
    for other in grids_here:
        if other is not grid:
            other.pause()
    grid.resume()
    try:
        work(grid)
    finally:
        for other in grids_here:
            other.resume()


def measure(here, options):
    """Alternating rounds over all grids; figures by grid name."""
    figures = {grid.name: Figures() for grid in here}
    quick = options.quick
    rounds, size = (2, BIG // 10) if quick else (options.rounds, BIG)

    def each(work):
        for grid in here:
            alone(grid, here, lambda grid: work(grid, figures[grid.name]))

    for grid in here:
        figures[grid.name].add("start", grid.start_seconds)
    each(lambda grid, out: idle(grid, out, 3 if quick else 10))
    # One unrecorded file first: pools, code pages and connections of both are then warm.
    each(lambda grid, out: big_round(grid, Figures(), MIB))
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        each(lambda grid, out: big_round(grid, out, size))
        for small in (1_000, 10_000):
            for clients in (1, 8):
                each(lambda grid, out: small_round(
                    grid, out, small, clients, count_for(grid, clients, quick)))
        each(lambda grid, out: directory_round(
            grid, out, count_for(grid, 1, quick)))
    each(peaks)
    if options.trees:
        each(lambda grid, out: tree_round(grid, out, options.trees))
    return figures, size


def count_for(grid, clients, quick):
    """Enough small files for a steady rate: the peer does some 15 a second, ours many more."""
    base = 16 if isinstance(grid, grids.Peer) else 400
    return base * (2 if clients > 1 else 1) // (2 if quick else 1)


def rows(size):
    """Measures in order: key, title, unit, whether more is better, digits."""
    big = f"{size // 10**6} MB"
    yield "upload", f"PUT {big}", "s", False, 3
    yield "upload CPU", f"PUT {big}, CPU of all processes", "s", False, 2
    yield "download", f"GET {big}", "s", False, 3
    yield "download CPU", f"GET {big}, CPU of all processes", "s", False, 2
    yield "first byte", f"first byte of {big}", "ms", False, 1
    yield "one byte in the middle", f"one byte in the middle of {big}", "ms", False, 1
    for small in (1, 10):
        for clients in ("1 client", "8 clients"):
            for verb in ("PUT", "GET"):
                key = f"{verb} {small} KB, {clients}"
                yield key, key, "/s", True, 0
                yield f"{key} p50", f"{key}, p50", "ms", False, 2
    key = "add to a directory"
    yield key, "PUT 1 KB into a directory of 8 entries", "/s", True, 1
    yield f"{key} p50", "PUT 1 KB into a directory of 8 entries, p50", "ms", False, 1
    yield "look up a name", "one entry of it as JSON", "/s", True, 0
    yield "copy a tree", "tahoe cp -r of files of 4 KB", "/s", True, 1
    yield "memory a storage node, idle", "memory a storage node, idle", "MiB", False, 1
    yield "memory a storage node, peak", "memory a storage node, peak", "MiB", False, 1
    yield "memory of the gateway, idle", "memory of the gateway, idle", "MiB", False, 1
    yield "memory of the gateway, peak", "memory of the gateway, peak", "MiB", False, 1
    yield "idle CPU", "CPU of the idle grid", "core", False, 3
    yield "start", "start of twelve processes until all are connected", "s", False, 2


def table(figures, size):
    """A Markdown table; the ratio says how many times better ours is."""
    names = list(figures)
    both = len(names) == 2
    lines = ["| measure | " + " | ".join(names) + (" | ratio |" if both else " |")]
    lines.append("|---|" + "---|" * (len(names) + both))
    for key, title, unit, more, digits in rows(size):
        if any(key not in figures[name].readings for name in names):
            continue
        values = [figures[name].median(key) for name in names]
        scale = 1000 if unit == "ms" else 1
        cells = [f"{value * scale:.{digits}f} {unit}" for value in values]
        if both:
            better, worse = (values[1], values[0]) if more else (values[0], values[1])
            cells.append(f"{better / worse:.1f} ×" if worse > 0 else "–")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def our_program(given):
    if given:
        return os.path.abspath(given)
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bin", "tahoe"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.join(target, "release", "tahoe")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds of 10 MB: does it run")
    parser.add_argument("--only", choices=["ours", "peer"], help="measure one grid alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trees", type=int, default=2000, metavar="N",
                        help="files in the tree that is copied (default 2000: the peer takes "
                             "minutes); 0 leaves that out")
    parser.add_argument("--entries", type=int, default=100_000, metavar="N",
                        help="entries of the large directory, ours only (default 100000); 0 leaves "
                             "that out")
    parser.add_argument("--venv", default=os.path.join(ROOT, "target", "peer-venv"),
                        help="where the peer is, or is to be, installed")
    parser.add_argument("--tahoe", help="our program (default: a release build)")
    parser.add_argument("--json", help="also write every reading to this file")
    return parser.parse_args()


def main():
    options = arguments()
    folder = tempfile.mkdtemp(prefix="side-by-side-")
    here = []
    try:
        if options.only != "ours":
            here.append(grids.Peer(grids.peer_venv(options.venv), os.path.join(folder, "peer")))
        if options.only != "peer":
            here.append(grids.Ours(our_program(options.tahoe), os.path.join(folder, "ours")))
        for grid in here:
            print(f"starting {grid.name}", file=sys.stderr)
            grid.start()
            grid.pause()
        figures, size = measure(here, options)
        print(table(figures, size))
        for grid in here:
            if isinstance(grid, grids.Ours) and options.entries:
                alone(grid, here, lambda grid: large_directory(grid, options.entries))
        if options.json:
            with open(options.json, "w") as file:
                json.dump({name: one.readings for name, one in figures.items()}, file, indent=1)
    finally:
        for grid in here:
            grid.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except grids.Unavailable as missing:
        sys.exit(f"not run: {missing}")
