#!/usr/bin/env python3
"""Programs that people have use a door as files of another machine.

A small grid of this project's program is brought up, doors are added to the owner's drive, and OpenSSH's
sftp and scp, rclone, restic and, where file systems can be mounted, sshfs work through them. Then what no
program does: rights, paths that lead out, writes in any order, and a gateway that is killed again and
again while files come in. Prints one line a thing that is shown; what the machine lacks is skipped with
one line.

    python3 scripts/doors_sftp.py --tahoe target/debug/tahoe [--kills 8]

Standard library only.
"""

import argparse
import filecmp
import hashlib
import os
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

import doors_dav
import doors_s3
import grids
from doors_dav import run, shown, tree

MANY, LISTED_SECONDS = 10_000, 3.0
READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 1, 2, 4, 8, 16, 32
OK, END, MISSING, DENIED, FAILURE, BAD, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8


class Door(doors_dav.Door):
    """A door for files, and what opens it."""

    def __init__(self, grid, name, folder, place="private:", rights=()):
        self.name, self.grid, self.key = name, grid, os.path.join(folder, f"key-{name}")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        told = grid.tahoe("door", "add", name, place, "-d", grid.gateway.folder,
                          "--key", self.key + ".pub", *rights)
        self.secret = re.search(r"password (\S+)", told).group(1)
        self.url = re.search(r"WebDAV\s+(\S+)", told).group(1)
        if "sftp://" not in told:
            grids.until("SFTP", lambda: "sftp://" in self.show())
            told = self.show()
        self.host, port = re.search(r"sftp://[^@]+@([^:\s]+):(\d+)", told).groups()
        self.port, self.folder = int(port), folder
        self.fingerprint = re.search(r"host key (\S+)", told).group(1)

    def show(self):
        return self.grid.tahoe("door", "show", self.name, "-d", self.grid.gateway.folder)

    def options(self, key=None):
        """As all programs of OpenSSH take them."""
        return ["-i", key or self.key, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "none",
                "-o", "PreferredAuthentications=publickey"]

    def place(self, path=""):
        return f"{self.name}@{self.host}:{path}"

    def batch(self, *commands):
        """Commands of sftp, of which each must do."""
        return run("sftp", *self.options(), "-P", str(self.port), "-b", "-", self.place(),
                   stdin="\n".join(commands) + "\n")

    def rclone(self):
        hidden = run("rclone", "obscure", self.secret).strip()
        kept = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        return {**kept, "RCLONE_CONFIG_DOOR_TYPE": "sftp", "RCLONE_CONFIG_DOOR_HOST": self.host,
                "RCLONE_CONFIG_DOOR_PORT": str(self.port), "RCLONE_CONFIG_DOOR_USER": self.name,
                "RCLONE_CONFIG_DOOR_PASS": hidden, "RCLONE_CONFIG_DOOR_SHELL_TYPE": "none"}


class Refused(Exception):
    """A status that is not 0."""

    def __init__(self, status, text):
        super().__init__(f"status {status}: {text}")
        self.status = status


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


class Session:
    """SFTP as it is written, through ssh."""

    def __init__(self, door, key=None):
        self.process = subprocess.Popen(
            ["ssh", *door.options(key), "-p", str(door.port), f"{door.name}@{door.host}", "-s", "sftp"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.number = 0
        self.write(b"\x01" + struct.pack(">I", 3))
        self.greeting = self.read()

    def write(self, message):
        self.process.stdin.write(struct.pack(">I", len(message)) + message)
        self.process.stdin.flush()

    def read(self):
        length = self.process.stdout.read(4)
        if len(length) < 4:
            raise EOFError("the session ended")
        return self.process.stdout.read(struct.unpack(">I", length)[0])

    def ask(self, kind, *parts):
        """Kind and content of the answer."""
        self.number += 1
        self.write(bytes([kind]) + struct.pack(">I", self.number) + b"".join(parts))
        answer = self.read()
        if struct.unpack(">I", answer[1:5])[0] != self.number:
            raise RuntimeError("an answer to another request")
        if answer[0] == 101:
            status, length = struct.unpack(">II", answer[5:13])
            if status:
                raise Refused(status, answer[13:13 + length].decode())
        return answer[0], answer[5:]

    def refused(self, status, kind, *parts):
        try:
            self.ask(kind, *parts)
        except Refused as refused:
            if refused.status != status:
                raise RuntimeError(f"{kind} {parts}: {refused} instead of {status}") from None
            return
        raise RuntimeError(f"{kind} {parts} was done")

    def open(self, path, flags):
        return self.ask(3, string(path), struct.pack(">II", flags, 0))[1]

    def put(self, path, data, flags=WRITE | CREATE | TRUNCATE):
        handle = self.open(path, flags)
        for at in range(0, len(data), 32_768):
            self.ask(6, handle, struct.pack(">Q", at), string(data[at:at + 32_768]))
        self.ask(4, handle)

    def get(self, path):
        handle, data = self.open(path, READ), b""
        while True:
            try:
                data += self.ask(5, handle, struct.pack(">QI", len(data), 65_536))[1][4:]
            except Refused as refused:
                if refused.status != END:
                    raise
                break
        self.ask(4, handle)
        return data

    def names(self, path):
        handle, names = self.ask(11, string(path))[1], []
        while True:
            try:
                answer = self.ask(12, handle)[1]
            except Refused as refused:
                if refused.status != END:
                    raise
                self.ask(4, handle)
                return names
            at = 4
            for _ in range(struct.unpack(">I", answer[:4])[0]):
                size = struct.unpack(">I", answer[at:at + 4])[0]
                names.append(answer[at + 4:at + 4 + size].decode())
                at += 4 + size
                at += 4 + struct.unpack(">I", answer[at:at + 4])[0]
                flags = struct.unpack(">I", answer[at:at + 4])[0]
                at += 4 + (8 if flags & 1 else 0) + (4 if flags & 4 else 0) + (8 if flags & 8 else 0)

    def end(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.stdout.close()
        if self.process.wait(timeout=60):
            raise RuntimeError("a session did not end well")


def same(one, other):
    """Whether two folders have the same in them."""
    compared = filecmp.dircmp(one, other)
    _, differ, odd = filecmp.cmpfiles(one, other, compared.common_files, shallow=False)
    if compared.left_only or compared.right_only or differ or odd or compared.funny_files:
        raise RuntimeError(f"{one} and {other}: {compared.left_only} {compared.right_only} {differ}")
    for name in compared.common_dirs:
        same(os.path.join(one, name), os.path.join(other, name))


def openssh(door, folder):
    source, back = os.path.join(folder, "source"), os.path.join(folder, "back")
    count = tree(source)
    large = os.path.join(folder, "large")
    with open(large, "wb") as file:
        file.write(random.randbytes(20_000_000))
    os.chmod(large, 0o755)
    os.utime(large, (1_111_111_111, 1_111_111_111))
    listed = door.batch(
        "mkdir ssh", f"put -R {source} ssh/tree", f"put -p {large} ssh/large", "df ssh", "ls -l ssh",
        "cp ssh/large ssh/copy", "rename ssh/copy ssh/moved", f"get -R ssh/tree {back}",
        f"get ssh/moved {folder}/moved", "rm ssh/moved", "mkdir ssh/empty", "rmdir ssh/empty", "ls -l ssh")
    same(source, back)
    if not filecmp.cmp(large, os.path.join(folder, "moved"), shallow=False):
        raise RuntimeError("a copy by the server is something else")
    lines = [line for line in listed.splitlines() if re.fullmatch(r"-r\S+ .* large", line)]
    if len(lines) != 2 or not lines[0].startswith("-rwxr-xr-x") or "2005" not in lines[0]:
        raise RuntimeError(f"mode and time are lost: {lines}")
    if "Unable" in listed or " moved" in listed.rsplit("sftp>", 1)[1]:
        raise RuntimeError(listed)
    run("scp", "-q", "-r", "-P", str(door.port), *door.options(), source, door.place("ssh/by-scp"))
    run("scp", "-q", "-r", "-P", str(door.port), *door.options(), door.place("ssh/by-scp"),
        os.path.join(folder, "by-scp"))
    same(source, os.path.join(folder, "by-scp"))
    return f"{count} files there and back by sftp and by scp, a copy without bytes, modes and times stay"


def passwords(door, folder):
    """By the secret, which is asked for; and not by another."""
    teller = os.path.join(folder, "teller")
    tried = []
    for secret in [door.secret, door.secret[:-1] + "x"]:
        with open(teller, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\necho '{secret}'\n")
        os.chmod(teller, 0o700)
        env = {**os.environ, "SSH_ASKPASS": teller, "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
        options = [option.replace("publickey", "password") for option in door.options()]
        options += ["-o", "NumberOfPasswordPrompts=1"]
        done = subprocess.run(["sftp", *options, "-P", str(door.port), door.place()], env=env, text=True,
                              input="pwd\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        tried.append(done.returncode == 0 and "Remote working directory: /" in done.stdout)
    if tried != [True, False]:
        raise RuntimeError(f"{tried}: {done.stdout}")
    other = os.path.join(folder, "other")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other)
    try:
        Session(door, other)
        raise RuntimeError("another key opens it")
    except EOFError:
        pass
    known = run("ssh-keyscan", "-t", "ed25519", "-p", str(door.port), door.host)
    with open(os.path.join(folder, "host"), "w", encoding="utf-8") as file:
        file.write(known)
    if door.fingerprint not in run("ssh-keygen", "-l", "-f", os.path.join(folder, "host")):
        raise RuntimeError("the host has another key than was told")
    login = ["ssh", *door.options(), "-p", str(door.port), f"{door.name}@{door.host}"]
    for command in [[*login, "true"], [*login, "-W", "127.0.0.1:1"], [*login, "-s", "shell"]]:
        done = subprocess.run(command, timeout=60, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            raise RuntimeError(f"{command[-2:]} was done")
    return "its secret and its key open it, others do not; no command runs"


def rclone(door, folder):
    env, source = door.rclone(), os.path.join(folder, "source")
    count = tree(source)
    run("rclone", "copy", source, "door:rclone", env=env)
    run("rclone", "check", source, "door:rclone", "--download", env=env)
    again = run("rclone", "copy", source, "door:rclone", "-v", env=env)
    if "There was nothing to transfer" not in again:
        raise RuntimeError(f"a second copy sent something: {again}")
    shutil.rmtree(os.path.join(source, "plain"))
    with open(os.path.join(source, "new"), "wb") as file:
        file.write(b"new")
    run("rclone", "sync", source, "door:rclone", env=env)
    run("rclone", "check", source, "door:rclone", "--download", env=env)
    run("rclone", "move", "door:rclone", "door:moved", env=env)
    run("rclone", "check", source, "door:moved", "--download", env=env)
    run("rclone", "copy", "door:moved", os.path.join(folder, "back"), env=env)
    same(source, os.path.join(folder, "back"))
    run("rclone", "purge", "door:moved", env=env)
    return f"{count} files: copy, check, sync, move, back, purge; times stay"


def restic(door, folder):
    command = " ".join(["ssh", *door.options(), "-p", str(door.port), f"{door.name}@{door.host}",
                        "-s", "sftp"])
    wrapper = os.path.join(folder, "restic")
    # Where `-o` is given for each command, as restic wants it.
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec {shutil.which("restic")} -o "sftp.command={command}" "$@"\n')
    os.chmod(wrapper, 0o700)
    env = {**os.environ, "PATH": folder + os.pathsep + os.environ["PATH"]}
    before, os.environ["PATH"] = os.environ["PATH"], env["PATH"]
    try:
        return doors_s3.backup(f"sftp:{door.place('/restic')}", folder, env)
    finally:
        os.environ["PATH"] = before


def any_order(door, _):
    """Writes at any place, reads of what was written, ends that are cut off, and what others see."""
    one, other = Session(door), Session(door)
    handle = one.open("order", READ | WRITE | CREATE | EXCLUSIVE)
    other.refused(MISSING, 17, string("order"))
    model = bytearray()
    random.seed(3)
    for _ in range(200):
        at, data = random.randrange(300_000), random.randbytes(random.randrange(1, 30_000))
        model.extend(bytes(max(0, at + len(data) - len(model))))
        model[at:at + len(data)] = data
        one.ask(6, handle, struct.pack(">Q", at), string(data))
    got = one.ask(5, handle, struct.pack(">QI", 1_000, 50_000))[1][4:]
    if got != bytes(model[1_000:51_000]):
        raise RuntimeError("what was written is read otherwise")
    one.ask(10, handle, struct.pack(">IQ", 1, 200_000))
    one.ask(4, handle)
    del model[200_000:]
    if other.get("order") != bytes(model):
        raise RuntimeError("something else came of it")
    handle = other.open("order", WRITE | APPEND)
    other.ask(6, handle, struct.pack(">Q", 0), string(b"end"))
    one.ask(18, string("order"), string("moved"))
    one.refused(MISSING, 17, string("order"))
    one.ask(18, string("moved"), string("order"))
    other.ask(200, string("fsync@openssh.com"), handle)
    if one.get("order") != bytes(model) + b"end":
        raise RuntimeError("an end was lost")
    other.ask(4, handle)
    # Two who begin with the same: the second hears that it was overtaken.
    handles = [session.open("order", WRITE) for session in (one, other)]
    for session, handle in zip((one, other), handles):
        session.ask(6, handle, struct.pack(">Q", 0), string(b"x"))
    one.ask(4, handles[0])
    other.refused(FAILURE, 4, handles[1])
    one.ask(13, string("order"))
    # What is not closed is nothing.
    handle = one.open("half", WRITE | CREATE)
    one.ask(6, handle, struct.pack(">Q", 0), string(b"half"))
    one.end()
    time.sleep(0.5)
    other.refused(MISSING, 17, string("half"))
    other.end()
    return "200 writes at any place, read back, cut off, appended; who was overtaken is told; half is nothing"


def unanswered(door, _):
    """As sshfs sends them: without waiting for answers, in the order that is meant."""
    session = Session(door)
    session.ask(14, string("quick"), struct.pack(">I", 0))
    for n in range(20):
        handle = session.open("quick/new", WRITE | CREATE | TRUNCATE)
        text = b"%d" % n
        messages = [bytes([6]) + struct.pack(">I", 1) + handle + struct.pack(">Q", 0) + string(text),
                    bytes([4]) + struct.pack(">I", 2) + handle,
                    bytes([200]) + struct.pack(">I", 3) + string("posix-rename@openssh.com")
                    + string("quick/new") + string("quick/name"),
                    bytes([17]) + struct.pack(">I", 4) + string("quick/name")]
        for message in messages:
            session.write(message)
        answers = {}
        for _ in messages:
            answer = session.read()
            answers[struct.unpack(">I", answer[1:5])[0]] = answer
        if answers[3][5:9] != bytes(4) or answers[4][0] != 105 or session.get("quick/name") != text:
            raise RuntimeError(f"out of order: {answers}")
    session.ask(13, string("quick/name"))
    session.ask(15, string("quick"))
    session.end()
    return "write, close, rename, look: 20 times without waiting, each in its order"


def rights(door, folder):
    writer = Session(door)
    writer.ask(14, string("rights"), struct.pack(">I", 0))
    writer.put("rights/there", b"there")
    writer.ask(14, string("rights/below"), struct.pack(">I", 0))
    before = sorted(writer.names("rights"))
    reader = Session(Door(door.grid, "look", folder, rights=["--read-only"]))
    nothing = struct.pack(">I", 0)
    changes = [(3, string("rights/new"), struct.pack(">II", WRITE | CREATE, 0)),
               (3, string("rights/there"), struct.pack(">II", WRITE, 0)),
               (9, string("rights/there"), struct.pack(">III", 8, 1, 1)),
               (9, string("rights/there"), struct.pack(">IQ", 1, 0)),
               (13, string("rights/there")), (14, string("rights/new"), nothing),
               (15, string("rights/below")), (18, string("rights/there"), string("rights/new")),
               (200, string("posix-rename@openssh.com"), string("rights/there"), string("rights/x"))]
    for change in changes:
        reader.refused(DENIED, *change)
    if reader.get("rights/there") != b"there":
        raise RuntimeError("a read-only door does not read")
    adder = Session(Door(door.grid, "add", folder, rights=["--append-only"]))
    adder.put("rights/part", b"part")
    adder.ask(18, string("rights/part"), string("rights/whole"))
    for change in [*changes[1:5], changes[6], changes[7], changes[8],
                   (18, string("rights/there"), string("rights/x")), (13, string("rights/whole")),
                   (200, string("posix-rename@openssh.com"), string("rights/whole"), string("rights/there"))]:
        adder.refused(DENIED, *change)
    before.append("whole")
    for path, status in [("a\0b", FAILURE), (b"\xff", FAILURE), ("x" * 20_000, FAILURE),
                         ("../" * 50 + "etc/passwd", MISSING), ("/etc/passwd", MISSING),
                         ("..%2f..%2fetc", MISSING)]:
        writer.refused(status, 17, string(path))
    for kind in (20, 19):
        writer.refused(UNSUPPORTED, kind, string("rights/link"), string("/etc/passwd"))
    writer.refused(FAILURE, 4, string(b"\0\0\0\x63"))
    writer.refused(FAILURE, 15, string("rights"))
    writer.refused(FAILURE, 13, string("rights/below"))
    writer.refused(DENIED, 15, string("/"))
    writer.refused(FAILURE, 18, string("rights"), string("rights/below/in"))
    if sorted(writer.names("rights")) != sorted(before):
        raise RuntimeError(f"something was changed: {writer.names('rights')}")
    handle = adder.open("rights/late", WRITE | CREATE)
    door.grid.tahoe("door", "remove", "add", "-d", door.grid.gateway.folder)
    try:
        adder.refused(DENIED, 4, handle)
    except EOFError:
        pass
    began = time.monotonic()
    try:
        while time.monotonic() - began < 10:
            adder.refused(DENIED, 17, string("rights"))
            time.sleep(0.1)
        raise RuntimeError("a session outlived its door")
    except (EOFError, BrokenPipeError):
        pass
    writer.refused(MISSING, 17, string("rights/late"))
    for session in (writer, reader):
        session.end()
    return f"{len(changes)} changes refused to a reader, 10 to who only adds; no path leads out; a removed door ends"


def exclusive(door, _):
    """Of many who make the same file at once one does."""
    sessions, won = [Session(door) for _ in range(10)], []
    for n in range(5):
        def make(number):
            session = sessions[number]
            try:
                session.put(f"race-{n}", b"%d" % number, WRITE | CREATE | EXCLUSIVE)
                won.append(number)
            except Refused:
                pass
        threads = [threading.Thread(target=make, args=(number,)) for number in range(10)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    # All of them at once in one directory, each its own.
    def own(number):
        for n in range(10):
            sessions[number].put(f"own-{number}-{n}", b"%d" % n)
    threads = [threading.Thread(target=own, args=(number,)) for number in range(10)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    names = [name for name in sessions[0].names("/") if name.startswith("own-")]
    [session.end() for session in sessions]
    if len(won) != 5 or len(names) != 100:
        raise RuntimeError(f"{len(won)} of 5 races were won, {len(names)} of 100 files are there")
    return "of 10 who make a file at once one does, five times; 100 files of 10 sessions are all there"


def many(door, folder):
    """A large directory is listed soon."""
    source = os.path.join(folder, "many")
    os.makedirs(source)
    for number in range(MANY):
        with open(os.path.join(source, f"file-{number:05}.txt"), "wb") as file:
            file.write(b"x" * 20)
    door.grid.tahoe("cp", "-r", source, "private:", "-d", door.grid.gateway.folder)
    session = Session(door)
    began = time.monotonic()
    count = len([name for name in session.names("many") if name not in (".", "..")])
    listed = time.monotonic() - began
    session.end()
    if count != MANY or listed > LISTED_SECONDS:
        raise RuntimeError(f"{count} files in {listed:.1f} s")
    return f"{count} files listed in {listed:.2f} s"


def mounted(door, folder):
    """As a folder of this machine."""
    if not os.path.exists("/dev/fuse"):
        print("skipped: sshfs: there is no /dev/fuse")
        return None
    place, source = os.path.join(folder, "mounted"), os.path.join(folder, "source")
    os.makedirs(place)
    count = tree(source)
    options = [option for option in door.options() if "=" in option] + [f"IdentityFile={door.key}"]
    done = subprocess.run(["sshfs", "-o", ",".join(options), "-p", str(door.port), door.place("/"), place],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    if done.returncode != 0:
        print(f"skipped: sshfs: nothing can be mounted here: {done.stdout.strip()[-200:]}")
        return None
    try:
        there = os.path.join(place, "fs")
        run("cp", "-rp", source, there)
        same(source, there)
        note = os.path.join(there, "note")
        for text in ["one\n", "two\n"]:
            with open(note, "a", encoding="ascii") as file:
                file.write(text)
        with open(note, "r+b") as file:
            file.seek(1)
            file.write(b"N")
        os.rename(note, note + "s")
        os.chmod(note + "s", 0o755)
        os.utime(note + "s", (1_000_000_000, 1_000_000_000))
        with open(note + "s", encoding="ascii") as file:
            text = file.read()
        known = os.stat(note + "s")
        if text != "oNe\ntwo\n" or known.st_mtime != 1_000_000_000 or not known.st_mode & stat.S_IXUSR:
            raise RuntimeError(f"{text!r}, {known}")
        os.truncate(note + "s", 3)
        os.remove(note + "s")
        run("rm", "-r", os.path.join(there, "plain"))
        room = os.statvfs(place)
        if not room.f_bavail:
            raise RuntimeError("there is no room")
    finally:
        run("fusermount3", "-u", place)
    return f"sshfs: {count} files, appended, written in the middle, renamed, cut off, removed"


def killed(door, kills):
    """A gateway that is killed while files come in has all that it acknowledged, and nothing half."""
    session = Session(door)
    session.ask(14, string("kill"), struct.pack(">I", 0))
    session.end()
    known, lock = {}, threading.Lock()
    for round_ in range(kills):
        stop = threading.Event()

        def work(number):
            try:
                session, at = Session(door), 0
                while not stop.is_set():
                    data = random.randbytes(random.choice([10, 5_000, 300_000, 2_000_000]))
                    name, at = f"kill/{round_}-{number}-{at}", at + 1
                    with lock:
                        known[name] = (hashlib.sha256(data).digest(), False)
                    session.put(name, data)
                    with lock:
                        known[name] = (known[name][0], True)
            except (EOFError, OSError, Refused):
                pass

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        [thread.start() for thread in threads]
        time.sleep(random.uniform(0.3, 1.5))
        door.grid.gateway.signal(signal.SIGKILL)
        door.grid.gateway.process.wait()
        stop.set()
        [thread.join() for thread in threads]
        door.grid.launch(door.grid.gateway)
        grids.until("the gateway", lambda: answers(door))
    session = Session(door)
    lost = half = there = 0
    for name, (digest, acknowledged) in known.items():
        try:
            data = session.get(name)
            there += 1
            half += hashlib.sha256(data).digest() != digest
        except Refused:
            lost += acknowledged
    session.end()
    if lost or half or not there:
        raise RuntimeError(f"{lost} lost, {half} half, of {len(known)}")
    acknowledged = sum(one[1] for one in known.values())
    return f"{kills} kills, {len(known)} files, {acknowledged} acknowledged, all there; none half"


def answers(door):
    try:
        session = Session(door)
        session.names("/kill")
        session.end()
        return True
    except (EOFError, OSError, Refused):
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", required=True, help="this project's program")
    parser.add_argument("--kills", type=int, default=8, help="how often the gateway is killed")
    parser.add_argument("--only", help="one of what is shown")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.tahoe)
    with tempfile.TemporaryDirectory() as folder:
        grid = grids.Ours(program, os.path.join(folder, "grid"), servers=4, encoding=(2, 3, 4))
        with grid:
            grids.until("the owner's directory", lambda: doors_dav.own(grid))
            if shutil.which("sftp") is None:
                print("skipped: SFTP: there is no OpenSSH")
                return 0
            door = Door(grid, "files", folder)
            for what, needs, work in [
                ("who comes in", "sftp", passwords),
                ("OpenSSH", "sftp", openssh),
                ("rclone by SFTP", "rclone", rclone),
                ("restic by SFTP", "restic", restic),
                ("sshfs", "sshfs", mounted),
                ("any order", "ssh", any_order),
                ("without waiting", "ssh", unanswered),
                ("rights by SFTP", "ssh", rights),
                ("at once", "ssh", exclusive),
                ("a large directory by SFTP", "ssh", many),
                ("kills", "ssh", lambda door, _: killed(door, arguments.kills)),
            ]:
                if arguments.only not in (None, what):
                    continue
                place = os.path.join(folder, what)
                os.makedirs(place)
                shown(what, needs, lambda work=work, place=place: work(door, place))
                shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        sys.exit(f"doors_sftp: {error}")
