#!/usr/bin/env python3
"""Programs that people have use a door as a network drive.

A small grid of this project's program is brought up, a door is added to the owner's drive, and
litmus, cadaver, rclone and, where file systems can be mounted, davfs2 work through it. Prints one line
a thing that is shown; what the machine lacks is skipped with one line.

    python3 scripts/doors_dav.py --tahoe target/debug/tahoe

Standard library only.
"""

import argparse
import base64
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import grids

NAME = "drive"
# Files of one directory, and within what time it is listed.
MANY, LISTED_SECONDS = 10_000, 3.0


class Door:
    """A door of a running grid, and what opens it."""

    def __init__(self, grid, rights=()):
        self.name = "-".join([NAME, *(right.strip("-") for right in rights)])
        told = grid.tahoe("door", "add", self.name, "private:", "-d", grid.gateway.folder, *rights)
        self.secret = re.search(r"password (\S+)", told).group(1)
        self.url = re.search(r"WebDAV\s+(\S+)", told).group(1)

    def ask(self, method, path="", data=None, headers=()):
        """Status, headers and body of one request."""
        login = base64.b64encode(f"{self.name}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", **dict(headers)}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def want(self, status, method, path="", data=None, headers=()):
        got, answered, body = self.ask(method, path, data, headers)
        if got != status:
            raise RuntimeError(f"{method} {path}: {got} instead of {status}: {body[:300]!r}")
        return answered, body


def run(*command, stdin=None, env=None, folder=None):
    """Runs one command to its end, in a folder that it may write to, and returns what it printed."""
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=env, cwd=folder, timeout=500)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stdout[-2000:]}")
    return done.stdout


def tree(folder):
    """A folder with files of several sizes and names of several kinds; how many files."""
    random.seed(7)
    sizes = [0, 1, 55, 56, 1_000, 131_072, 1_048_577, 3_000_000]
    names = ["plain", "with space", "\u00e4\u00f6\u00fc \u20ac", "a+b&c=d", "100%", "#1; x", "(1)"]
    for at, size in enumerate(sizes):
        place = os.path.join(folder, names[at % len(names)])
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"{names[-1 - at % len(names)]}.{at}"), "wb") as file:
            file.write(random.randbytes(size))
    return len(sizes)


def litmus(door, folder):
    told = run("litmus", door.url, door.name, door.secret, folder=folder)
    sums = re.findall(r"summary for `(\w+)': of (\d+) tests run: (\d+) passed, (\d+) failed", told)
    if not sums or any(failed != "0" for *_, failed in sums):
        raise RuntimeError(told)
    warnings = [line for line in told.splitlines() if "WARNING" in line]
    suites = ", ".join(f"{suite} {passed} of {count}" for suite, count, passed, _ in sums)
    return f"{suites}; {len(warnings)} warnings"


def cadaver(door, folder):
    home, scheme = os.path.join(folder, "home"), door.url.split("://")[1]
    os.makedirs(home)
    with open(os.path.join(home, ".netrc"), "w") as file:
        os.chmod(file.fileno(), 0o600)
        host = scheme.split("/")[0].split(":")[0]
        file.write(f"machine {host} login {door.name} password {door.secret}\n")
    source, back = os.path.join(folder, "there.txt"), os.path.join(folder, "back.txt")
    with open(source, "w") as file:
        file.write("over and back\n" * 1000)
    steps = ["mkcol cad", "cd cad", f"put {source} a.txt", "copy a.txt b.txt", "move b.txt c.txt",
             "set namespace x: colour", "propset c.txt colour red", "propget c.txt colour",
             "lock c.txt", "unlock c.txt", "ls", f"get c.txt {back}", "delete a.txt", "cd ..", "rmcol cad"]
    told = run("cadaver", door.url, stdin="\n".join([*steps, "quit"]) + "\n",
               env={**os.environ, "HOME": home})
    with open(back) as one, open(source) as other:
        if one.read() != other.read() or "failed" in told or "red" not in told:
            raise RuntimeError(told)
    return f"{len(steps)} commands"


def rclone(door, folder):
    config = os.path.join(folder, "rclone.conf")
    hidden = run("rclone", "obscure", door.secret).strip()
    with open(config, "w") as file:
        for vendor in ["other", "owncloud"]:
            file.write(f"[{vendor}]\ntype = webdav\nurl = {door.url}\nvendor = {vendor}\n"
                       f"user = {door.name}\npass = {hidden}\n")
    source, back = os.path.join(folder, "there"), os.path.join(folder, "back")
    count = tree(source)

    def told(*arguments):
        return run("rclone", "--config", config, "--retries", "1", *arguments)

    for vendor in ["other", "owncloud"]:
        place = f"{vendor}:rc-{vendor}"
        told("copy", source, place)
        told("check", "--download", source, place)
        told("sync", place, back)
        told("check", "--download", source, back)
        told("move", f"{place}/plain", f"{place}/moved")
        if "with space" not in told("lsf", place) or "plain" in told("lsf", place):
            raise RuntimeError(told("lsf", place))
        told("sync", source, place)
        if vendor == "owncloud":
            again = run("rclone", "--config", config, "-v", "--dry-run", "sync", source, place)
            if "Skipped copy" in again:
                raise RuntimeError(f"times do not stay: {again}")
        told("purge", place)
    return f"copy, check, sync, move and purge of {count} files; times stay"


def many(door, _):
    """A large directory is listed soon."""
    door.want(201, "MKCOL", "many/")
    left = iter(range(MANY))

    def work():
        for number in left_of():
            door.want(201, "PUT", f"many/file-{number:05}.txt", b"x" * 20)

    lock = threading.Lock()

    def left_of():
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            yield number

    threads = [threading.Thread(target=work) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    put = time.monotonic() - began
    began = time.monotonic()
    _, body = door.want(207, "PROPFIND", "many/", headers={"Depth": "1"})
    listed = time.monotonic() - began
    count = body.count(b"<D:response>") - 1
    door.want(204, "DELETE", "many/")
    if count != MANY or listed > LISTED_SECONDS:
        raise RuntimeError(f"{count} files in {listed:.1f} s")
    return f"{count} files put in {put:.0f} s, listed in {listed:.2f} s, {len(body) / 1e6:.1f} MB"


def writers(door, _):
    """Of many who replace the same thing at once, each replaces what it has seen or is told."""
    door.want(201, "MKCOL", "race/")
    won = []

    def race(work):
        won.clear()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(won)

    def note(status, good, refused):
        if status in good:
            won.append(status)
        elif status not in refused:
            raise RuntimeError(f"{status} in a race")

    def create(number):
        status, *_ = door.ask("PUT", "race/new", b"%d" % number, {"If-None-Match": "*"})
        note(status, [201], [412])

    if race(create) != 1:
        raise RuntimeError(f"{len(won)} made the same file")
    tag = door.want(200, "HEAD", "race/new")[0]["ETag"]

    def replace(number):
        status, *_ = door.ask("PUT", "race/new", b"again %d" % number, {"If-Match": tag})
        note(status, [204], [412])

    if race(replace) != 1:
        raise RuntimeError(f"{len(won)} replaced the same file")

    def set_one(number):
        body = (f'<propertyupdate xmlns="DAV:"><set><prop><p{number} xmlns="x:">{number}</p{number}>'
                "</prop></set></propertyupdate>")
        status, _, text = door.ask("PROPPATCH", "race/new", body.encode())
        if status == 207 and b"200 OK" in text:
            won.append(status)

    race(set_one)
    _, body = door.want(207, "PROPFIND", "race/new", headers={"Depth": "0"})
    kept = len(re.findall(rb'<p\d+ xmlns="x:">', body))
    if kept != len(won):
        raise RuntimeError(f"of {len(won)} properties {kept} were kept")
    door.want(204, "DELETE", "race/")
    return f"one of 20 makes a file, one of 20 replaces it, all of {kept} properties stay"


def copies(door, _):
    """A copy of a tree is another tree."""
    for path in ["tree/", "tree/deep/"]:
        door.want(201, "MKCOL", path)
    door.want(201, "PUT", "tree/deep/a", b"before" * 100)
    there = {"Destination": door.url + "copy"}
    door.want(201, "COPY", "tree/", headers=there)
    door.want(204, "PUT", "copy/deep/a", b"after" * 100)
    _, body = door.want(200, "GET", "tree/deep/a")
    if body != b"before" * 100:
        raise RuntimeError("what was changed in a copy changed in the original")
    door.want(403, "COPY", "tree/", headers={"Destination": door.url + "tree/deep/x"})
    door.want(403, "MOVE", "tree/", headers={"Destination": door.url + "tree/deep/x"})
    door.want(502, "COPY", "tree/", headers={"Destination": "http://elsewhere.example/dav/x/y"})
    door.want(412, "MOVE", "tree/", headers={**there, "Overwrite": "F"})
    door.want(204, "MOVE", "tree/", headers=there)
    door.want(404, "GET", "tree/deep/a")
    door.want(204, "DELETE", "copy/")
    return "a copy is no other view, and nothing goes into itself"


def chunks(door, _):
    """As the Finder of macOS sends files: in chunks, with their length beside them."""
    pieces = [b"a" * 70_000, b"b" * 5]
    said = {"X-Expected-Entity-Length": "70005", "X-OC-Mtime": "784111777"}
    door.want(201, "PUT", "chunks", iter(pieces), said)
    answered, body = door.want(200, "GET", "chunks")
    if body != b"".join(pieces) or answered["Last-Modified"] != "Sun, 06 Nov 1994 08:49:37 GMT":
        raise RuntimeError("what came in chunks is something else")
    door.want(400, "PUT", "chunks", iter(pieces), {"X-Expected-Entity-Length": "70006"})
    door.want(204, "DELETE", "chunks")
    return "a body in chunks is whole or refused"


def rights(grid, door):
    """What a door may not do is refused, whatever the method."""
    reading, adding = Door(grid, ["--read-only"]), Door(grid, ["--append-only"])
    grids.until("the doors", lambda: reading.ask("PROPFIND", headers={"Depth": "0"})[0] == 207)
    door.want(201, "PUT", "kept", b"as it was")
    there = {"Destination": reading.url + "other"}
    for method, path, data in [("PUT", "kept", b"x"), ("PUT", "new", b"x"), ("DELETE", "kept", None),
                               ("MKCOL", "dir/", None), ("COPY", "kept", None), ("MOVE", "kept", None),
                               ("PROPPATCH", "kept", b"<x/>"), ("LOCK", "kept", b"<x/>"),
                               ("UNLOCK", "kept", None)]:
        reading.want(403, method, path, data, there)
    there = {"Destination": adding.url + "new"}
    adding.want(201, "MKCOL", "dir/")
    adding.want(201, "PUT", "new", b"x")
    for method, path, data in [("PUT", "kept", b"x"), ("PUT", "new", b"y"), ("DELETE", "kept", None),
                               ("COPY", "kept", None), ("MOVE", "kept", None), ("LOCK", "kept", b"<x/>")]:
        adding.want(403, method, path, data, there)
    for path in ["../x", "%2e%2e/x", "a%2fb", "a%00"]:
        door.want(400, "PUT", path, b"x")
    return "read-only and append-only doors refuse; no path leads out"


def davfs(door, folder):
    if not os.path.exists("/dev/fuse") or os.getuid() != 0:
        return None
    place, secrets = os.path.join(folder, "mount"), os.path.join(folder, "secrets")
    settings = os.path.join(folder, "davfs2.conf")
    os.makedirs(place)
    with open(secrets, "w") as file:
        os.chmod(file.fileno(), 0o600)
        file.write(f"{door.url} {door.name} {door.secret}\n")
    with open(settings, "w") as file:
        file.write(f"secrets {secrets}\nask_auth 0\ndelay_upload 0\n")
    mount = ["mount.davfs", "-o", f"conf={settings}", door.url, place]
    mounted = subprocess.run(mount, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if mounted.returncode != 0:
        print(f"davfs2: skipped, cannot mount ({mounted.stdout.decode().strip()[-200:]})")
        return None
    at = os.path.join(place, "fs")
    try:
        os.makedirs(at)
        count = tree(os.path.join(at, "tree"))
        os.rename(os.path.join(at, "tree"), os.path.join(at, "other"))
        free = shutil.disk_usage(place).free
        # What it reads now would come from its own cache.
        run("umount", place)
        run(*mount)
        local = os.path.join(folder, "tree")
        tree(local)
        # By name: with new kernels davfs2 1.6 lists nothing, whatever the server.
        for above, _, names in os.walk(local):
            for name in names:
                path = os.path.relpath(os.path.join(above, name), local)
                with open(os.path.join(local, path), "rb") as one, open(os.path.join(at, "other", path), "rb") as two:
                    if one.read() != two.read():
                        raise RuntimeError(f"davfs2: {path} came back otherwise")
    finally:
        subprocess.run(["umount", place], check=True, stdout=subprocess.DEVNULL)
    door.want(204, "DELETE", "fs/")
    return f"a tree of {count} files written, renamed and read back; {free >> 30} GiB free"


def shown(what, needs, work):
    """Runs one of these and prints what it shows."""
    if needs and not shutil.which(needs):
        print(f"{what}: skipped, there is no {needs}")
        return
    result = work()
    if result:
        print(f"{what}: {result}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", required=True, help="this project's program")
    program = os.path.abspath(parser.parse_args().tahoe)
    with tempfile.TemporaryDirectory() as folder:
        grid = grids.Ours(program, os.path.join(folder, "grid"), servers=4, encoding=(2, 3, 4))
        with grid:
            grids.until("the owner's directory", lambda: own(grid))
            door = Door(grid)
            for what, needs, work in [
                ("litmus", "litmus", litmus),
                ("cadaver", "cadaver", cadaver),
                ("rclone", "rclone", rclone),
                ("davfs2", "mount.davfs", davfs),
                ("copies", None, copies),
                ("chunks", None, chunks),
                ("writers", None, writers),
                ("rights", None, lambda door, _: rights(grid, door)),
                ("a large directory", None, many),
            ]:
                place = os.path.join(folder, what)
                os.makedirs(place)
                shown(what, needs, lambda work=work, place=place: work(door, place))
    return 0


def own(grid):
    """Whether the owner has a drive by now."""
    done = subprocess.run([grid.program, "ls", "-d", grid.gateway.folder, "private:"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        sys.exit(f"doors_dav: {error}")
