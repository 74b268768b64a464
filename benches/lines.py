#!/usr/bin/env python3
"""Transfers over lines as people have them, for this project's grid and a stock Tahoe-LAFS 1.20.

Every node has an access line of its own (`scripts/star.py`): a rate up and down, a queue with tail drop,
a delay, loss. The same for both grids, one after the other: an introducer, ten storage nodes, a gateway
without storage, 3-of-10.

A transfer's share is what it moved of the file's bytes, over what the line would have moved in that time:
upward 10/3 of the file cross the gateway's uplink, downward the file crosses its downlink.

With `--check` three rows run small, for this project's grid alone, and counts decide, never times.

    sudo python3 benches/lines.py [--check] [--only ours|peer] [--lines home,office] [--rows transfers,beside]
                                  [--tahoe PROGRAM] [--venv DIR] [--big]

Needs Linux, root, `ip` and `nsenter`. Standard library only.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import grids  # noqa: E402
from star import FIRST_SERVER, GATEWAY, SERVERS, Lines, Ours, Peer, ask  # noqa: E402

DEEP_FILES = 1000


def put(grid, data):
    status, body, took = ask(grid.url + "uri", "PUT", data)
    if status not in (200, 201):
        raise RuntimeError(f"{grid.name}: an upload was answered {status}: {body[:200]}")
    return body.decode().strip(), took


def get(grid, cap, data):
    status, body, took = ask(grid.url + "uri/" + quote(cap, safe=""))
    if status != 200 or body != data:
        raise RuntimeError(f"{grid.name}: a download was answered {status}, {len(body)} bytes: "
                           f"{body[:200]}")
    return took


class Bench:
    def __init__(self, lines):
        self.grid, self.star, self.nodes = lines.grid, lines.star, lines.nodes
        self.gateway = self.nodes[GATEWAY]

    def wire(self, work):
        """What `work` answers, and bytes up and down the gateway's line meanwhile."""
        before = self.star.counters()[GATEWAY]
        result = work()
        after = self.star.counters()[GATEWAY]
        return result, after[0] - before[0], after[1] - before[1]

    def transfers(self, sizes):
        for size in sizes:
            data = os.urandom(size)
            (cap, took), up, _ = self.wire(lambda: put(self.grid, data))
            bound = size * SERVERS / 3 / self.gateway.up
            print(f"  {size / 1e6:.0f} MB up: {took:.2f} s, {100 * bound / took:.0f} % of the line, "
                  f"{up / 1e6:.1f} MB sent", flush=True)
            # Once to have the gateway forget nothing that another user would know.
            took, _, down = self.wire(lambda: get(self.grid, cap, data))
            bound = size / self.gateway.down
            print(f"  {size / 1e6:.0f} MB down: {took:.2f} s, {100 * bound / took:.0f} % of the line, "
                  f"{down / 1e6:.1f} MB received", flush=True)

    def small(self, kind, cap, directory):
        if kind == "GET":
            return ask(self.grid.url + "uri/" + quote(cap, safe=""))
        if kind == "PUT":
            return ask(self.grid.url + "uri", "PUT", os.urandom(10_000))
        return ask(self.grid.url + "uri/" + quote(directory, safe="") + "?t=json")

    def beside(self):
        """Small requests alone, and during an upload of 30 MB."""
        cap, _ = put(self.grid, os.urandom(10_000))
        _, body, _ = ask(self.grid.url + "uri?t=mkdir", "POST", b"")
        directory = body.decode().strip()
        alone = {}
        for kind in ("GET", "PUT", "list"):
            times = [self.small(kind, cap, directory)[2] for _ in range(5)]
            alone[kind] = statistics.median(times)
        done = threading.Event()
        outcome = []

        def upload():
            try:
                outcome.append(put(self.grid, os.urandom(30_000_000))[1])
            except RuntimeError as error:
                outcome.append(str(error))
            done.set()

        thread = threading.Thread(target=upload)
        thread.start()
        time.sleep(2)
        during = {kind: [] for kind in alone}
        wrong = []
        while not done.is_set():
            for kind, times in during.items():
                status, body, took = self.small(kind, cap, directory)
                times.append(took)
                if status not in (200, 201):
                    wrong.append((kind, status, body[:80]))
        thread.join()
        for kind, times in during.items():
            print(f"  small {kind}: alone {alone[kind]:.3f} s, during an upload median "
                  f"{statistics.median(times):.2f}, worst {max(times):.2f} ({len(times)} tries)")
        print(f"  the upload: {outcome[0]}; wrong answers: {wrong}", flush=True)

    def slow(self):
        """An upload of 10 MB, a server at 64 kbit/s from the middle on."""
        took, middle = put(self.grid, os.urandom(10_000_000))[1], FIRST_SERVER + 4
        access = self.nodes[middle]
        before = access.down, access.up

        def slow_down():
            time.sleep(took / 2)
            self.star.change(middle, up=64_000 / 8, down=64_000 / 8)

        thread = threading.Thread(target=slow_down)
        thread.start()
        slowed = put(self.grid, os.urandom(10_000_000))[1]
        thread.join()
        self.star.change(middle, down=before[0], up=before[1])
        print(f"  10 MB up with a server at 64 kbit/s from the middle on: {slowed:.1f} s, "
              f"without {took:.1f}", flush=True)

    def silent(self):
        """An upload of 10 MB, a server silent from the middle on; then small uploads."""
        took, middle = put(self.grid, os.urandom(10_000_000))[1], FIRST_SERVER + 5

        def fall_silent():
            time.sleep(took / 2)
            self.star.change(middle, silent=True)

        thread = threading.Thread(target=fall_silent)
        thread.start()
        status, body, late = ask(self.grid.url + "uri", "PUT", os.urandom(10_000_000))
        thread.join()
        print(f"  10 MB up with a server silent from the middle on: {status}, {late:.1f} s, "
              f"without {took:.1f}", flush=True)
        times = [ask(self.grid.url + "uri", "PUT", os.urandom(10_000))[2] for _ in range(8)]
        print("  small uploads after it: " + " ".join(f"{one:.2f}" for one in times), flush=True)
        self.star.change(middle, silent=False)

    def tunnel(self):
        """A download of 30 MB, no line for 20 s from the middle on."""
        data = os.urandom(30_000_000)
        cap, _ = put(self.grid, data)
        took = get(self.grid, cap, data)

        def tunnel():
            time.sleep(took / 2)
            self.star.change(GATEWAY, silent=True)
            time.sleep(20)
            self.star.change(GATEWAY, silent=False)

        thread = threading.Thread(target=tunnel)
        thread.start()
        status, body, late = ask(self.grid.url + "uri/" + quote(cap, safe=""))
        thread.join()
        fine = "whole" if body == data else f"{len(body)} bytes"
        print(f"  30 MB down with 20 s without line: {status}, {fine}, {late:.1f} s, "
              f"without {took:.1f}", flush=True)

    def deep(self):
        """A folder of many small files, looked at whole: objects a second."""
        with ThreadPoolExecutor(32) as pool:
            caps = pool.map(lambda at: put(self.grid, b"%d " % at + os.urandom(60))[0],
                            range(DEEP_FILES))
            children = {f"file {at}": ["filenode", {"ro_uri": cap}] for at, cap in enumerate(caps)}
        made = ask(self.grid.url + "uri?t=mkdir-with-children", "POST", json.dumps(children).encode())
        directory = self.grid.url + "uri/" + quote(made[1].decode().strip(), safe="")
        for what in ("", "&add-lease=true", "&verify=true"):
            status, body, took = ask(directory + "?t=stream-deep-check" + what, "POST", b"")
            lines = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
            healthy = sum(line.get("check-results", {}).get("results", {}).get("healthy", False)
                          for line in lines)
            print(f"  deep-check{what}: {status}, {healthy} of {DEEP_FILES} files healthy, "
                  f"{took:.2f} s, {DEEP_FILES / took:.0f} objects a second", flush=True)


class Check(Bench):
    """Rows in which counts show that a line is used well."""

    def received(self, work):
        """What `work` answers, and bytes that each server sent meanwhile, and the gateway got."""
        before = self.star.counters()
        result = work()
        after = self.star.counters()
        sent = [after[host][0] - before[host][0] for host in self.nodes if host >= FIRST_SERVER]
        return result, sent, after[GATEWAY][1] - before[GATEWAY][1]

    def transfers(self, size=6_000_000):
        data = os.urandom(size)
        (cap, _), up, _ = self.wire(lambda: put(self.grid, data))
        bound = size * SERVERS / 3
        must("sent", up / bound, 0.95, 1.3, "of what ten shares of it are")
        _, sent, got = self.received(lambda: get(self.grid, cap, data))
        must("received", got / size, 1.0, 1.3, "of the file")
        must("servers that brought a part", sum(one > size / 50 for one in sent), 5, SERVERS)

    def beside(self):
        """Small requests during an upload: all are answered, and leave before what waits."""
        cap, _ = put(self.grid, os.urandom(10_000))
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(put(self.grid, os.urandom(8_000_000))))
        thread.start()
        time.sleep(1)
        answered = 0
        while thread.is_alive():
            status, body, _ = ask(self.grid.url + "uri/" + quote(cap, safe=""))
            if status != 200:
                raise SystemExit(f"a small file during an upload: {status} {body[:80]}")
            answered += 1
        must("uploads that small files were read beside", len(outcome), 1, 1)
        must("small files read during it", answered, 3, 10**6)

    def tunnel(self):
        """A download without line from the middle on, for some seconds: it goes on where it was."""
        data = os.urandom(6_000_000)
        cap, _ = put(self.grid, data)

        passed = []

        def tunnel():
            grids.until("the middle", lambda: self.star.counters()[GATEWAY][1] - before > 3_000_000)
            self.star.change(GATEWAY, silent=True)
            time.sleep(5)
            self.star.change(GATEWAY, silent=False)
            passed.append(True)

        before = self.star.counters()[GATEWAY][1]
        thread = threading.Thread(target=tunnel)
        thread.start()
        status, body, _ = ask(self.grid.url + "uri/" + quote(cap, safe=""))
        thread.join()
        must("tunnels", len(passed), 1, 1)
        if status != 200 or body != data:
            raise SystemExit(f"a download through a tunnel: {status}, {len(body)} bytes")
        got = self.star.counters()[GATEWAY][1] - before
        must("received through a tunnel", got / len(data), 1.0, 2.0, "of the file")


def must(what, found, least, most, of=""):
    """Stops the run where a count is another than it should be."""
    if not least <= found <= most:
        raise SystemExit(f"{what}: {found} {of}, not from {least} to {most}")
    print(f"{what}: {found:.3g} {of}".rstrip(), flush=True)


def check(program):
    with Lines(Ours, program, "home") as lines:
        bench = Check(lines)
        bench.transfers()
        bench.beside()
        bench.tunnel()


def run(kind, program, name, arguments):
    with Lines(kind, program, name, arguments.queue) as lines:
        print(f"{name}, {lines.grid.name}", flush=True)
        bench = Bench(lines)
        for row in arguments.rows.split(","):
            if row == "transfers":
                bench.transfers([10**7, 10**8] if arguments.big else [10**7])
            else:
                getattr(bench, row)()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="counts only, small, for this grid alone")
    parser.add_argument("--only", choices=["ours", "peer"])
    parser.add_argument("--lines", default="office,home,world,world-bbr")
    parser.add_argument("--rows", default="transfers",
                        help="of transfers, beside, slow, silent, tunnel, deep")
    parser.add_argument("--queue", type=int, default=125_000, help="bytes of each router's queue")
    parser.add_argument("--tahoe", default=os.path.join(ROOT, "target/release/tahoe"))
    parser.add_argument("--venv", default=os.path.join(ROOT, "target/peer-venv"))
    parser.add_argument("--big", action="store_true", help="100 MB too")
    arguments = parser.parse_args()
    if arguments.check:
        return check(arguments.tahoe)
    kinds = []
    if arguments.only != "peer":
        kinds.append((Ours, arguments.tahoe))
    if arguments.only != "ours":
        kinds.append((Peer, grids.peer_venv(arguments.venv)))
    for name in arguments.lines.split(","):
        for kind, program in kinds:
            # A namespace is entered once and for all.
            child = multiprocessing.Process(target=run, args=(kind, program, name, arguments))
            child.start()
            child.join()
            if child.exitcode:
                raise SystemExit(child.exitcode)


if __name__ == "__main__":
    main()
