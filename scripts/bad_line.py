#!/usr/bin/env python3
"""A day on a bad line, in some minutes: files go up and down and folders are looked at, while the gateway
changes its address, passes tunnels, and servers sleep, are slow or silent.

Every node has an access line of its own (`star.py`). At the end the line is whole again, and every file
that was acknowledged is read. Shown are what was answered meanwhile, how long a small request had to
wait, and what was lost. It fails when a byte is wrong, when something that is there was called gone, or
when an acknowledged file is not there in the end.

    sudo python3 scripts/bad_line.py [--minutes 20] [--line home] [--seed 1] [--tahoe PROGRAM]

Needs Linux, root, `ip` and `nsenter`. Standard library only.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import signal
import statistics
import threading
import time
from urllib.parse import quote

import grids
from star import FIRST_SERVER, GATEWAY, MBIT, SERVERS, Lines, Ours, address, ask

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SMALL = 10_000
LARGE = [200_000, 1_000_000, 3_000_000, 8_000_000]
# What says that something may be there and cannot be had now, and the line that ended.
NOT_NOW = (503, 0)


class Weather:
    """What happens to the line, one thing after the other."""

    def __init__(self, lines, chance):
        self.lines, self.star, self.chance = lines, lines.star, chance
        self.number, self.told = GATEWAY, collections.Counter()
        self.slow, self.silent = FIRST_SERVER + 1, FIRST_SERVER + 2

    def begin(self):
        """One server is slow all day and another is silent from time to time."""
        self.star.change(self.slow, up=0.25 * MBIT, down=0.25 * MBIT)

    def happen(self, over):
        what = self.chance.choice([self.tunnel, self.move, self.sleep, self.fall_silent, self.long_way])
        self.told[what.__name__] += 1
        what(over)

    def tunnel(self, over):
        self.star.change(GATEWAY, silent=True)
        over.wait(self.chance.uniform(3, 25))
        self.star.change(GATEWAY, silent=False)

    def move(self, over):
        """Another address; before it some time without any."""
        old, self.number = self.number, 100 + self.told["move"] % 100
        gateway = self.lines.namespaces[GATEWAY]
        gateway.ip(f"addr del {address(old)}/24 dev line")
        over.wait(self.chance.uniform(0, 8))
        self.star.lead(self.number, GATEWAY)
        gateway.ip(f"addr add {address(self.number)}/24 dev line")

    def sleep(self, over):
        """A server's machine sleeps."""
        server = self.lines.grid.servers[self.chance.randrange(3, SERVERS)]
        server.signal(signal.SIGSTOP)
        over.wait(self.chance.uniform(5, 40))
        server.signal(signal.SIGCONT)

    def fall_silent(self, over):
        self.star.change(self.silent, silent=True)
        over.wait(self.chance.uniform(10, 40))
        self.star.change(self.silent, silent=False)

    def long_way(self, over):
        """Packets are lost and late for a while."""
        self.star.change(GATEWAY, loss=0.02, delay=0.1)
        over.wait(self.chance.uniform(5, 20))
        self.star.change(GATEWAY, loss=0.0, delay=0.0)

    def end(self):
        for host in (self.slow, self.silent, GATEWAY):
            self.star.change(host, silent=False)
        self.star.change(self.slow, up=20 * MBIT, down=100 * MBIT)


class Day:
    """What people do meanwhile, and what came of it."""

    def __init__(self, grid, chance):
        self.grid, self.chance, self.lock = grid, chance, threading.Lock()
        self.kept, self.wrong = [], []
        self.answers, self.waits = collections.Counter(), collections.defaultdict(list)
        self.directory, self.named = None, {}

    def begin(self):
        status, body, _ = ask(self.grid.url + "uri?t=mkdir", "POST", b"")
        if status != 200:
            raise RuntimeError(f"no directory: {status} {body[:200]}")
        self.directory = "uri/" + quote(body.decode().strip(), safe="")
        self.put(SMALL)

    def note(self, what, status, body, took):
        with self.lock:
            self.answers[what, status] += 1
            self.waits[what].append(took)
            if status not in (200, 201, *NOT_NOW):
                self.wrong.append(f"{what}: {status} {body[:120]!r}")

    def put(self, size):
        data = random.randbytes(size)
        status, body, took = ask(self.grid.url + "uri", "PUT", data)
        self.note("small put" if size == SMALL else "put", status, body, took)
        if status in (200, 201):
            with self.lock:
                self.kept.append((body.decode().strip(), size, hashlib.sha256(data).digest()))
        return status

    def get(self, small):
        with self.lock:
            fitting = [one for one in self.kept if (one[1] == SMALL) == small]
        if fitting:
            self.read("small get" if small else "get", self.chance.choice(fitting))

    def read(self, what, kept):
        cap, size, digest = kept
        status, body, took = ask(self.grid.url + "uri/" + quote(cap, safe=""))
        self.note(what, status, body, took)
        if status == 200 and hashlib.sha256(body).digest() != digest:
            self.wrong.append(f"{what}: {len(body)} bytes of {size}, and other ones")
        return status == 200

    def name(self):
        """A file under a name, which is in the directory from then on."""
        name, text = f"{self.answers.total()}", b"%d" % random.getrandbits(64)
        status, body, took = ask(f"{self.grid.url}{self.directory}/{name}", "PUT", text)
        self.note("name", status, body, took)
        if status in (200, 201):
            self.named[name] = text

    def look(self):
        known = set(self.named)
        status, body, took = ask(f"{self.grid.url}{self.directory}?t=json")
        self.note("list", status, body, took)
        if status == 200:
            missing = known - set(json.loads(body)[1]["children"])
            if missing:
                self.wrong.append(f"list: without {len(missing)} names that were there")

    def people(self, over):
        """Who does what: each one thing after the other."""
        def uploads():
            return self.put(self.chance.choice(LARGE))

        def downloads():
            self.get(small=False)

        def browses():
            self.chance.choice([lambda: self.put(SMALL), lambda: self.get(small=True), self.look, self.name])()
            over.wait(0.3)

        def lives(does):
            while not over.is_set():
                try:
                    did = does()
                except Exception as error:
                    self.wrong.append(f"an answer that makes no sense: {error!r}")
                    did = None
                # Who is told to come back later does.
                over.wait(1 if did in NOT_NOW else 0.05)

        return [threading.Thread(target=lives, args=(does,), daemon=True)
                for does in (uploads, downloads, browses)]

    def all_there(self):
        """Reads what was acknowledged; answers how much of it is lost."""
        def readable(kept):
            return grids.until("a file", lambda: self.read("in the end", kept), 120)

        lost = 0
        for kept in self.kept:
            try:
                readable(kept)
            except RuntimeError:
                lost += 1
        for name, text in self.named.items():
            url = f"{self.grid.url}{self.directory}/{name}"
            try:
                grids.until(name, lambda: ask(url)[1] == text, 60)
            except RuntimeError:
                lost += 1
        return lost

    def tell(self):
        for what in sorted(self.waits):
            times = sorted(self.waits[what])
            answers = {status: count for (kind, status), count in self.answers.items() if kind == what}
            said = ", ".join(f"{status or 'cut off'}: {count}" for status, count in sorted(answers.items()))
            print(f"  {what}: {len(times)} ({said}), median {statistics.median(times):.2f} s, "
                  f"19 of 20 within {times[len(times) * 19 // 20]:.1f}, longest {times[-1]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--line", default="home")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--tahoe", default=os.path.join(ROOT, "target/release/tahoe"))
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with Lines(Ours, arguments.tahoe, arguments.line) as lines:
        print(f"{arguments.line}, {arguments.minutes:g} minutes, seed {arguments.seed}", flush=True)
        day, weather, over = Day(lines.grid, random.Random(arguments.seed)), Weather(lines, chance), threading.Event()
        day.begin()
        weather.begin()
        people = day.people(over)
        for one in people:
            one.start()
        end = time.monotonic() + arguments.minutes * 60
        while time.monotonic() < end:
            over.wait(chance.uniform(1, 10))
            weather.happen(over)
        over.set()
        weather.end()
        for one in people:
            one.join()
        lost = day.all_there()
        day.tell()
        print(f"  what happened: {dict(weather.told)}")
        for wrong in day.wrong[:20]:
            print(f"  wrong: {wrong}")
        print(f"  {len(day.kept)} files and {len(day.named)} names acknowledged, {lost} lost, "
              f"{len(day.wrong)} wrong answers", flush=True)
        if lost or day.wrong:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
