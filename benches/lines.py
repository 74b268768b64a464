#!/usr/bin/env python3
"""Transfers over lines as people have them, for this project's grid and a stock Tahoe-LAFS 1.20.

Every node lives in a network namespace of its own. A TUN device joins it to a star in user space that
gives it an access line: a rate up and down, a queue with tail drop, a delay, loss. The same for both
grids, one after the other: an introducer, ten storage nodes, a gateway without storage, 3-of-10.

A transfer's share is what it moved of the file's bytes, over what the line would have moved in that time:
upward 10/3 of the file cross the gateway's uplink, downward the file crosses its downlink.

    sudo python3 benches/lines.py [--only ours|peer] [--lines home,office] [--rows transfers,beside]
                                  [--tahoe PROGRAM] [--venv DIR] [--big]

Needs Linux, root (for the namespaces and TUN devices) and `ip` and `nsenter`. Standard library only.
"""

import argparse
import array
import ctypes
import fcntl
import heapq
import json
import multiprocessing
import os
import random
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import grids  # noqa: E402

SERVERS = 10
DEEP_FILES = 1000
GATEWAY, INTRODUCER = 1, 2  # host numbers; servers follow
FIRST_SERVER = 3
PORT = 3457
MBIT = 1_000_000 / 8
LOSS_BASED = ["cubic", "reno"]
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def address(host):
    return f"10.77.0.{host}"


class Access:
    """A node's line: bytes a second each way, bytes of queue, seconds one way, share lost."""

    def __init__(self, up, down, delay, queue=125_000, loss=0.0):
        self.up, self.down, self.delay, self.queue, self.loss = up, down, delay, queue, loss


def line(name, queue):
    """The access line of each node of a scenario, and its TCP congestion control."""
    spread = [i / (SERVERS - 1) for i in range(SERVERS)]
    if name == "office":
        servers = [Access(100 * MBIT, 100 * MBIT, 0.015, queue) for _ in spread]
        gateway, control = Access(100 * MBIT, 100 * MBIT, 0.0, queue), LOSS_BASED
    elif name == "home":
        servers = [Access((10 + 40 * ((i * 7) % SERVERS) / (SERVERS - 1)) * MBIT, 100 * MBIT,
                          0.010 + 0.030 * at, queue) for i, at in enumerate(spread)]
        gateway, control = Access(20 * MBIT, 100 * MBIT, 0.0, queue), LOSS_BASED
    elif name == "far":
        servers = [Access(100 * MBIT, 100 * MBIT, 0.100, queue) for _ in spread]
        gateway, control = Access(100 * MBIT, 100 * MBIT, 0.0, queue), LOSS_BASED
    elif name in ("world", "world-bbr"):
        servers = [Access(50 * MBIT, 50 * MBIT, 0.075 + 0.050 * at, queue, 0.005) for at in spread]
        gateway = Access(50 * MBIT, 50 * MBIT, 0.0, queue)
        control = ["bbr"] if name == "world-bbr" else LOSS_BASED
    else:
        raise SystemExit(f"no line is called {name}: office, home, far, world, world-bbr")
    nodes = {GATEWAY: gateway, INTRODUCER: Access(100 * MBIT, 100 * MBIT, 0.015, queue)}
    nodes.update({FIRST_SERVER + i: one for i, one in enumerate(servers)})
    return nodes, control


class Namespace:
    """A network namespace that lasts as long as a process in it, and its TUN device."""

    def __init__(self, host, control):
        ours, theirs = socket.socketpair()
        self.host, self.process = host, multiprocessing.Process(
            target=self._hold, args=(theirs, host, control), daemon=True)
        self.process.start()
        theirs.close()
        _, data, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        self.tun = array.array("i", data[0][2])[0]
        self.pid = self.process.pid
        ours.close()

    @staticmethod
    def _hold(sock, host, control):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "a network namespace")
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"line", IFF_TUN | IFF_NO_PI))
        for command in ("link set lo up", f"addr add {address(host)}/24 dev line",
                        "link set line mtu 1500 txqueuelen 10000 up"):
            subprocess.run(["ip", *command.split()], check=True)
        Namespace._control(control)
        socket.send_fds(sock, [b"t"], [tun])
        signal.pause()

    @staticmethod
    def _control(names):
        """Takes the first congestion control of `names` that a namespace may have."""
        for name in names:
            try:
                with open("/proc/sys/net/ipv4/tcp_congestion_control", "w") as file:
                    file.write(name)
                return
            except OSError as error:
                refused = error
        raise refused

    def enter(self):
        """Puts the calling thread into the namespace."""
        with open(f"/proc/{self.pid}/ns/net") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        os.close(self.tun)
        self.process.kill()
        self.process.join()


class Star:
    """Carries packets between the namespaces, in a process of its own."""

    def __init__(self, namespaces, nodes):
        self.control, theirs = multiprocessing.Pipe()
        tuns = {namespace.host: namespace.tun for namespace in namespaces}
        self.process = multiprocessing.Process(target=self._run, args=(theirs, tuns, nodes),
                                               daemon=True)
        self.process.start()

    def change(self, host, **what):
        """Changes a line: up, down, delay, loss, queue; `silent` drops all of it."""
        self.control.send((host, what))

    def counters(self):
        """Bytes that entered each node's line, by host: (up, down)."""
        self.control.send((None, {}))
        return self.control.recv()

    def close(self):
        self.process.kill()
        self.process.join()

    @staticmethod
    def _run(control, tuns, nodes):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.nice(-10)
        by_fd = {fd: host for host, fd in tuns.items()}
        up_free, down_free = dict.fromkeys(tuns, 0.0), dict.fromkeys(tuns, 0.0)
        silent, count_up, count_down = set(), dict.fromkeys(tuns, 0), dict.fromkeys(tuns, 0)
        events, seq, now_of, chance = [], 0, time.monotonic, random.Random(7).random
        read = [*by_fd, control.fileno()]
        while True:
            wait = max(0.0, events[0][0] - now_of()) if events else None
            ready, _, _ = select.select(read, [], [], wait)
            for fd in ready:
                host = by_fd.get(fd)
                if host is None:
                    Star._command(control, nodes, silent, (count_up, count_down))
                    continue
                access = nodes[host]
                for _ in range(64):
                    try:
                        packet = os.read(fd, 2048)
                    except BlockingIOError:
                        break
                    if packet[0] >> 4 != 4 or packet[16:19] != b"\x0a\x4d\x00":
                        continue
                    now, target = now_of(), packet[19]
                    if target not in tuns or host in silent:
                        continue
                    start = max(now, up_free[host])
                    if (start - now) * access.up > access.queue or chance() < access.loss:
                        continue
                    count_up[host] += len(packet)
                    up_free[host] = start + len(packet) / access.up
                    seq += 1
                    due = up_free[host] + access.delay + nodes[target].delay
                    heapq.heappush(events, (due, seq, target, False, packet))
            now = now_of()
            while events and events[0][0] <= now:
                due, _, target, arrived, packet = heapq.heappop(events)
                access = nodes[target]
                if arrived:
                    count_down[target] += len(packet)
                    try:
                        os.write(tuns[target], packet)
                    except OSError:
                        pass
                    continue
                start = max(due, down_free[target])
                if target in silent or (start - due) * access.down > access.queue \
                        or chance() < access.loss:
                    continue
                down_free[target] = start + len(packet) / access.down
                seq += 1
                heapq.heappush(events, (down_free[target], seq, target, True, packet))

    @staticmethod
    def _command(control, nodes, silent, counts):
        host, what = control.recv()
        if host is None:
            control.send({host: (counts[0][host], counts[1][host]) for host in counts[0]})
            return
        if "silent" in what:
            (silent.add if what.pop("silent") else silent.discard)(host)
        for name, value in what.items():
            setattr(nodes[host], name, value)


class Placed:
    """A grid whose nodes live in namespaces."""

    def place(self, namespaces):
        hosts = [INTRODUCER, *range(FIRST_SERVER, FIRST_SERVER + SERVERS), GATEWAY]
        for node, host in zip(self.nodes(), hosts):
            node.host, node.port = address(host), PORT
            node.enter = ["nsenter", "-t", str(namespaces[host].pid), "-n"]
        return self


class Ours(Placed, grids.Ours):
    pass


class Peer(Placed, grids.Peer):
    pass


def ask(url, method="GET", body=None, timeout=900):
    """Status, body and seconds of one request; a status of 0 is an answer that ended early."""
    request = urllib.request.Request(url, data=body, method=method)
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(), time.monotonic() - began
    except urllib.error.HTTPError as error:
        return error.code, error.read(), time.monotonic() - began
    except OSError as error:
        return 0, str(error).encode(), time.monotonic() - began


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
    def __init__(self, grid, star, nodes):
        self.grid, self.star, self.gateway = grid, star, nodes[GATEWAY]
        self.nodes = nodes

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


def run(kind, program, name, arguments):
    nodes, control = line(name, arguments.queue)
    namespaces = {host: Namespace(host, control) for host in nodes}
    star = Star(namespaces.values(), nodes)
    folder = tempfile.mkdtemp(prefix="lines-")
    failed = True
    try:
        namespaces[GATEWAY].enter()
        grid = kind(program, os.path.join(folder, "grid"), SERVERS).place(namespaces)
        print(f"{name}, {grid.name}", flush=True)
        with grid:
            time.sleep(2)
            bench = Bench(grid, star, nodes)
            for row in arguments.rows.split(","):
                if row == "transfers":
                    bench.transfers([10**7, 10**8] if arguments.big else [10**7])
                else:
                    getattr(bench, row)()
        failed = False
    finally:
        star.close()
        for namespace in namespaces.values():
            namespace.close()
        if failed:
            print(f"the nodes' folders are left in {folder}")
        else:
            subprocess.run(["rm", "-rf", folder], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["ours", "peer"])
    parser.add_argument("--lines", default="office,home,world,world-bbr")
    parser.add_argument("--rows", default="transfers",
                        help="of transfers, beside, slow, silent, tunnel, deep")
    parser.add_argument("--queue", type=int, default=125_000, help="bytes of each router's queue")
    parser.add_argument("--tahoe", default=os.path.join(ROOT, "target/release/tahoe"))
    parser.add_argument("--venv", default=os.path.join(ROOT, "target/peer-venv"))
    parser.add_argument("--big", action="store_true", help="100 MB too")
    arguments = parser.parse_args()
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
