"""Nodes on lines as people have them.

Every node lives in a network namespace of its own. A TUN device joins it to a star in user space that
gives it an access line: a rate up and down, a queue with tail drop, a delay, loss. Needs Linux, root (for
the namespaces and TUN devices), `ip` and `nsenter`. Standard library only.
"""

import array
import contextlib
import ctypes
import fcntl
import heapq
import http.client
import multiprocessing
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import grids

SERVERS = 10
GATEWAY, INTRODUCER = 1, 2  # host numbers; servers follow
FIRST_SERVER = 3
PORT = 3457
MBIT = 1_000_000 / 8
LOSS_BASED = ["cubic", "reno"]
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
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


# What is opened here goes to the processes as it is.
processes = multiprocessing.get_context("fork")


def end_with_parent():
    """Has this process end with the one that made it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Namespace:
    """A network namespace that lasts as long as a process in it, and its TUN device."""

    def __init__(self, host, control):
        ours, theirs = socket.socketpair()
        self.host, self.process = host, processes.Process(
            target=self._hold, args=(theirs, host, control), daemon=True)
        self.process.start()
        theirs.close()
        _, data, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        self.tun = array.array("i", data[0][2])[0]
        self.pid = self.process.pid
        ours.close()

    @staticmethod
    def _hold(sock, host, control):
        end_with_parent()
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

    def ip(self, command):
        """Runs an `ip` command in the namespace."""
        enter = ["nsenter", "-t", str(self.pid), "-n"]
        subprocess.run([*enter, "ip", *command.split()], check=True)

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
        self.control, theirs = processes.Pipe()
        tuns = {namespace.host: namespace.tun for namespace in namespaces}
        self.process = processes.Process(target=self._run, args=(theirs, tuns, nodes),
                                               daemon=True)
        self.process.start()

    def change(self, host, **what):
        """Changes a line: up, down, delay, loss, queue; `silent` drops all of it."""
        self.control.send((host, what))

    def lead(self, number, host):
        """Has what is sent to the address of this number go to the host."""
        self.control.send((host, {"number": number}))

    def counters(self):
        """Bytes that entered each node's line, by host: (up, down)."""
        self.control.send((None, {}))
        return self.control.recv()

    def close(self):
        self.process.kill()
        self.process.join()

    @staticmethod
    def _run(control, tuns, nodes):
        end_with_parent()
        with contextlib.suppress(OSError):
            os.nice(-10)
        by_fd = {fd: host for host, fd in tuns.items()}
        hosts = {host: host for host in tuns}
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
                    Star._command(control, nodes, hosts, silent, (count_up, count_down))
                    continue
                access = nodes[host]
                for _ in range(64):
                    try:
                        packet = os.read(fd, 2048)
                    except BlockingIOError:
                        break
                    if packet[0] >> 4 != 4 or packet[16:19] != b"\x0a\x4d\x00":
                        continue
                    now, target = now_of(), hosts.get(packet[19])
                    if target is None or host in silent:
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
    def _command(control, nodes, hosts, silent, counts):
        host, what = control.recv()
        if host is None:
            control.send({host: (counts[0][host], counts[1][host]) for host in counts[0]})
            return
        if "number" in what:
            hosts[what.pop("number")] = host
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
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error).encode(), time.monotonic() - began


class Lines:
    """A grid whose nodes have the lines of a scenario, up while this is entered. The thread that enters
    it is then where the gateway is, for good. The nodes' folders stay if something failed."""

    def __init__(self, kind, program, name, queue=125_000):
        self.nodes, control = line(name, queue)
        self.namespaces = {host: Namespace(host, control) for host in self.nodes}
        self.star = Star(self.namespaces.values(), self.nodes)
        self.folder = tempfile.mkdtemp(prefix="lines-")
        self.grid = kind(program, os.path.join(self.folder, "grid"), SERVERS).place(self.namespaces)

    def __enter__(self):
        try:
            self.namespaces[GATEWAY].enter()
            self.grid.start()
            time.sleep(2)
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def __exit__(self, kind, *_):
        self.close(failed=kind is not None)

    def close(self, failed):
        self.grid.stop()
        self.star.close()
        for namespace in self.namespaces.values():
            namespace.close()
        if failed:
            print(f"the nodes' folders are left in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
