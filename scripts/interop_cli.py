#!/usr/bin/env python3
"""The command line of a stock Tahoe-LAFS 1.20 works on directories of this project's gateway.

A grid of this project's is started, and the stock program is given its gateway with `--node-url`
and raw caps. Prints one line a command and one line with the sum.

    python3 scripts/interop_cli.py --tahoe target/debug/tahoe [--venv DIR]

Not tried, because the stock program parses the caps of directories itself and knows none of ours:
aliases (`create-alias` is refused, `add-alias`), and copies that make directories in the grid (`cp -r` to it).
Standard library only; without PyPI it says so in one line and exits with 0.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

import grids

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LONG = bytes(range(256)) * 40


class Stock:
    """The stock program, its own empty folder, and our gateway's address."""

    def __init__(self, program, grid, folder):
        self.program, self.grid, self.folder = program, grid, folder
        self.node = os.path.join(folder, "stock")
        os.makedirs(os.path.join(self.node, "private"))
        with open(os.path.join(self.node, "node.url"), "w") as file:
            file.write(grid.url)
        token = grids.text_of(os.path.join(grid.gateway.folder, "private", "api_auth_token"))
        with open(os.path.join(self.node, "private", "api_auth_token"), "w") as file:
            file.write(token)
        self.count = 0

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def run(self, command, *arguments, stdin=b"", expected=0):
        """One command; its output. Caps are in its arguments, so they are not repeated."""
        line = [self.program, "-d", self.node, command, *arguments]
        if command != "status":
            line[4:4] = ["--node-url", self.grid.url]
        done = subprocess.run(line, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120)
        if done.returncode != expected:
            said = (done.stdout + done.stderr).decode(errors="replace")[-1500:]
            raise RuntimeError(f"tahoe {command} gave {done.returncode}: {said}")
        self.count += 1
        print(f"interop_cli: {command}")
        return done.stdout

    def text(self, *arguments, **more):
        return self.run(*arguments, **more).decode()


def same(what, got, wanted):
    if got != wanted:
        raise RuntimeError(f"{what}: got {got!r}, not {wanted!r}")


def new_directory(grid):
    request = urllib.request.Request(grid.url + "uri?t=mkdir", b"", method="POST")
    request.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode().strip()


def single_files(stock, root):
    """put, get, ls, mkdir, mv, ln, unlink"""
    source = stock.path("long")
    with open(source, "wb") as file:
        file.write(LONG)
    cap = stock.text("put", source).strip()
    same("get", stock.run("get", cap), LONG)
    same("put", stock.text("put", source, f"{root}/long").strip(), cap)
    stock.run("put", "-", f"{root}/short", stdin=b"short")
    stock.run("put", "-", f"{root}/short", stdin=b"again")
    same("get", stock.run("get", f"{root}/short"), b"again")
    stock.run("get", f"{root}/none", expected=1)
    stock.text("mkdir", f"{root}/made/below")
    # An alias of a cap that it does not understand would break its other commands.
    stock.run("mkdir", expected=1)
    stock.run("create-alias", "work", expected=1)
    same("ls", stock.text("ls", root).split(), ["long", "made", "short"])
    if str(len(LONG)) not in stock.text("ls", "-l", root):
        raise RuntimeError("ls -l shows no size")
    listing = json.loads(stock.text("ls", "--json", root))
    same("ls --json", sorted(listing[1]["children"]), ["long", "made", "short"])
    same("ls --json", listing[1]["children"]["long"][1]["ro_uri"], cap)
    stock.run("ls", f"{root}/none", expected=2)
    stock.run("mv", f"{root}/short", f"{root}/made/moved")
    stock.run("ln", f"{root}/long", f"{root}/linked")
    stock.run("mv", f"{root}/linked", f"{root}/made", expected=1)
    same("ls", stock.text("ls", root).split(), ["linked", "long", "made"])
    stock.run("unlink", f"{root}/linked")
    stock.run("unlink", f"{root}/linked", expected=1)
    same("ls", stock.text("ls", f"{root}/made").split(), ["below", "moved"])


def walks(stock, root):
    """check, deep-check, manifest, stats, status"""
    if "Healthy" not in stock.text("check", f"{root}/long"):
        raise RuntimeError("check does not find the file healthy")
    stock.text("check", root)
    stock.text("check", "--add-lease", f"{root}/long")
    found = stock.text("deep-check", "-v", root)
    if "done: 5 objects checked" not in found:
        raise RuntimeError(f"deep-check: {found}")
    same("manifest", len(stock.text("manifest", root).splitlines()), 5)
    stock.text("manifest", "--verify-cap", root)
    stock.text("manifest", "--storage-index", root)
    if "count-directories: 3" not in stock.text("stats", root):
        raise RuntimeError("stats counts other directories")
    stock.text("status")


def copies(stock, root):
    """cp to and from the grid, backup twice"""
    folder = stock.path("tree")
    os.makedirs(os.path.join(folder, "sub"))
    for name in ["one", "two", os.path.join("sub", "three")]:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(name.encode() * 500)
    stock.run("cp", os.path.join(folder, "one"), os.path.join(folder, "two"), f"{root}/made")
    stock.run("cp", os.path.join(folder, "one"), f"{root}/copied")
    same("get", stock.run("get", f"{root}/made/two"), b"two" * 500)
    stock.run("cp", "-r", f"{root}/made", stock.path("back"))
    copied = [os.path.join(at, name) for at, _, names in os.walk(stock.path("back"))
              for name in names]
    same("cp -r", sorted(map(os.path.basename, copied)), ["moved", "one", "two"])
    stock.run("cp", f"{root}/copied", stock.path("single"))
    first = stock.text("backup", folder, f"{root}/backups")
    if "3 files uploaded (0 reused)" not in first:
        raise RuntimeError(f"backup: {first}")
    # The stock program names a snapshot by the second it was made in and replaces its namesake.
    time.sleep(1)
    again = stock.text("backup", folder, f"{root}/backups")
    if "0 files uploaded (3 reused)" not in again:
        raise RuntimeError(f"backup again: {again}")
    same("ls", stock.text("ls", f"{root}/backups/Latest").split(), ["one", "sub", "two"])
    same("ls", len(stock.text("ls", f"{root}/backups/Archives").split()), 2)


def drive(stock_program, grid, folder):
    """Every command that can work, on a running grid of ours."""
    stock = Stock(stock_program, grid, folder)
    root = grids.until("a vdrive server", lambda: made_or_none(grid))
    single_files(stock, root)
    walks(stock, root)
    copies(stock, root)
    print(f"interop_cli: {stock.count} commands of the stock program did what they should")


def made_or_none(grid):
    """A new directory, once the gateway has heard of the vdrive server."""
    try:
        return new_directory(grid)
    except OSError:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", required=True, help="this project's program")
    parser.add_argument("--venv", default=os.path.join(ROOT, "target", "peer-venv"),
                        help="where the stock Tahoe-LAFS is, or is to be, installed")
    options = parser.parse_args()
    stock = grids.peer_venv(options.venv)
    folder = tempfile.mkdtemp(prefix="interop-cli-")
    try:
        program = os.path.abspath(options.tahoe)
        with grids.Ours(program, os.path.join(folder, "ours"), 1, (1, 1, 1)) as grid:
            drive(stock, grid, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except grids.Unavailable as missing:
        print(f"interop_cli: skipped, {missing}")
