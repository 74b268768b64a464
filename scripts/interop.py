#!/usr/bin/env python3
"""Files cross between a stock Tahoe-LAFS 1.20 grid and this project's offline tools, both ways.

There: caps and shares that the stock grid makes are decoded by `tahoe debug decode`.
Back: shares that `tahoe debug encode` writes are laid into the stock nodes' storage folders, and
the stock gateway serves and verifies the file. Caps of the same file and convergence secret are
equal. Then storage directories change hands (`interop_storage.py`), and the stock command line works
on this project's gateway (`interop_cli.py`). Prints one line a file or command and a line with each
sum.

    python3 scripts/interop.py --tahoe target/debug/tahoe [--venv DIR]

Standard library only; without PyPI it says so in one line and exits with 0.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import containers
import grids
import interop_cli
import interop_storage

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
K, N, SERVERS = 3, 10, 4
# The edges of literal files, of 128 KiB and of the 1 MiB segment, and several segments.
SIZES = [0, 1, 55, 56, 57, 131_071, 131_072, 1_048_576, 1_048_577, 5_000_011]
# Those whose storage directories change hands, and on how many nodes of ours: a share in one call,
# and one by a writer.
HANDED_OVER, OURS = [131_071, 1_048_577], 3


def fetch(url, data=None, method=None):
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method or 'GET'} answered {error.code}: {error.read()[:300]!r}")


class Run:
    """One stock grid, our program and a folder for what passes between them."""

    def __init__(self, peer, program, folder):
        self.peer, self.program, self.folder = peer, program, folder
        secret = os.path.join(peer.gateway.folder, "private", "convergence")
        self.convergence = grids.text_of(secret)

    def tahoe(self, *arguments):
        done = subprocess.run([self.program, "debug", *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"tahoe debug {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def theirs_to_ours(self, data):
        """They upload, we decode from a random k of their shares; returns their cap."""
        cap = fetch(self.peer.url + "uri", data, "PUT").decode().strip()
        shares = self.path(f"theirs-{len(data)}")
        os.makedirs(shares)
        if not cap.startswith("URI:LIT:"):
            found = containers.of(self.peer, cap)
            if len(found) != N:
                raise RuntimeError(f"{len(found)} of {N} shares found in the stock grid")
            for number in random.sample(sorted(found), K):
                with open(os.path.join(shares, str(number)), "wb") as file:
                    file.write(containers.parts(found[number])[0])
        out = self.path(f"decoded-{len(data)}")
        self.tahoe("decode", cap, shares, out)
        with open(out, "rb") as file:
            if file.read() != data:
                raise RuntimeError("decoding the stock grid's shares gave other bytes")
        return cap

    def encode(self, data, convergence, name):
        source, shares = self.path(f"{name}.data"), self.path(name)
        with open(source, "wb") as file:
            file.write(data)
        os.makedirs(shares)
        cap = self.tahoe("encode", source, "--needed", str(K), "--total", str(N),
                         "--convergence", convergence, "--shares", shares)
        return cap, shares

    def same_cap(self, data, cap):
        """We encode the same bytes with their secret: same cap, same shares."""
        ours, shares = self.encode(data, self.convergence, f"same-{len(data)}")
        if ours != cap:
            raise RuntimeError("the same file and secret gave another cap")
        if cap.startswith("URI:LIT:"):
            return
        for number, path in containers.of(self.peer, cap).items():
            with open(os.path.join(shares, str(number)), "rb") as file:
                if file.read() != containers.parts(path)[0]:
                    raise RuntimeError(f"share {number} differs from the stock grid's")

    def ours_to_theirs(self, data):
        """We encode under a key they never saw, lay the shares into their folders; they serve."""
        cap, shares = self.encode(data, "none", f"ours-{len(data)}")
        if not cap.startswith("URI:LIT:"):
            for number in range(N):
                bucket = containers.bucket(self.peer.servers[number % SERVERS], cap)
                os.makedirs(bucket, exist_ok=True)
                with open(os.path.join(shares, str(number)), "rb") as file:
                    wrapped = containers.around(file.read())
                with open(os.path.join(bucket, str(number)), "wb") as file:
                    file.write(wrapped)
        if fetch(f"{self.peer.url}uri/{cap}") != data:
            raise RuntimeError("the stock grid served other bytes from our shares")
        if len(data) > 1:
            answer = self.part(cap, len(data) // 2)
            if answer != data[len(data) // 2:]:
                raise RuntimeError("the stock grid served another range from our shares")
        self.verified(cap)

    def part(self, cap, start):
        request = urllib.request.Request(f"{self.peer.url}uri/{cap}",
                                         headers={"Range": f"bytes={start}-"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()

    def verified(self, cap):
        """The stock verifier reads every byte of every share and finds nothing wrong."""
        if cap.startswith("URI:LIT:"):
            return
        answer = fetch(f"{self.peer.url}uri/{cap}?t=check&verify=true&output=JSON", b"", "POST")
        results = json.loads(answer)["results"]
        if results["count-shares-good"] != N or results["count-corrupt-shares"] != 0:
            raise RuntimeError(f"the stock verifier says {results}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", required=True, help="this project's program")
    parser.add_argument("--venv", default=os.path.join(ROOT, "target", "peer-venv"),
                        help="where the stock Tahoe-LAFS is, or is to be, installed")
    options = parser.parse_args()
    stock = grids.peer_venv(options.venv)
    seed = random.randrange(2**32)
    random.seed(seed)
    print(f"interop: seed {seed}")
    program = os.path.abspath(options.tahoe)
    folder = tempfile.mkdtemp(prefix="interop-")
    try:
        peer = grids.Peer(stock, os.path.join(folder, "peer"), SERVERS, (K, K, N))
        with peer:
            run = Run(peer, program, folder)
            stored = []
            for size in SIZES:
                data = random.randbytes(size)
                cap = run.theirs_to_ours(data)
                run.same_cap(data, cap)
                run.ours_to_theirs(data)
                print(f"interop: {size} bytes there and back")
                if size in HANDED_OVER:
                    stored.append((cap, data))
            print(f"interop: {len(SIZES)} files crossed both ways, caps and shares equal")
            ours = interop_storage.OnTheirs(program, os.path.join(folder, "ours"), peer, OURS,
                                            (K, K, N))
            with ours:
                fresh = [random.randbytes(size) for size in HANDED_OVER]
                interop_storage.drive(ours, stored, fresh)
                peer.stop()
                interop_cli.drive(stock, ours, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except grids.Unavailable as missing:
        print(f"interop: skipped, {missing}")
