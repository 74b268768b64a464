#!/usr/bin/env python3
"""What each program can do through a door: the table of docs/clients.md, by trying it.

A small grid of this project's program is brought up with three doors to one directory, and every
program does every operation that it has with a command of its own. Whether it was done is looked at
in another way: by the web API, and by what went over the wire. A program that the machine lacks is
told on stderr, and its row stays as it was.

    python3 scripts/clients.py --tahoe target/debug/tahoe            # writes docs/clients.md
    python3 scripts/clients.py --tahoe target/debug/tahoe --check    # fails if a "yes" is none

`--only WORD` tries the rows with that word in their name, `--verbose` tells all of what went wrong.
Standard library only.
"""

import argparse
import concurrent.futures
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import doors_dav
import grids
from client_programs import (
    Aws, Boto3, Cadaver, Curl, Cut, Davfs, Door, Endless, Missing, ODD, RcloneDav, RcloneS3,
    RcloneSftp, ResticRest, ResticS3, ResticSftp, S3cmd, Scp, Sftp, Sshfs, Web, environment,
    read)

NAMES = ["plain.txt", "with space.txt", "\u00e4\u00f6\u00fc \u00df \u20ac.txt",
         "party \U0001f389.txt"]
LONG_AGO = 981_173_106
LARGE = 20_000_000
PATIENCE = 10  # for one that is refused and may not see it
AT_ONCE = 3  # rows
DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "clients.md")


class No(Exception):
    """An operation did not do what it is for; the text says why, in a few words."""


def must(true, reason):
    if not true:
        raise No(reason)


def holds(client, path, data):
    """What is there, as the web API has it, is this."""
    end = time.monotonic() + client.settles
    while (got := client.web.get(path)) != data and time.monotonic() < end:
        time.sleep(0.1)
    must(got is not None, "nothing is there")
    must(got == data, "it is not what was sent")


def listed(client):
    for name in NAMES:
        client.put_there(f"list/{name}", b"x")
    told = client.list(client.path("list"))
    for name in NAMES:
        must(name in told, f"it does not show `{name}`")


def uploaded(client, size=100_000):
    data, path = random.randbytes(size), f"{client.make_there(f'up-{size}')}/{ODD}"
    client.upload(client.local(data), path)
    holds(client, path, data)
    client.upload(client.local(data[:-1]), path)
    holds(client, path, data[:-1])


def uploaded_large(client):
    data, path = random.randbytes(LARGE), f"{client.make_there('large')}/{ODD}"
    client.upload(client.local(data), path)
    holds(client, path, data)
    must(not hasattr(client, "in_parts") or client.in_parts(path), "it was not sent in parts")


def downloaded(client):
    data, local = random.randbytes(3_000_000), client.local()
    path = client.put_there(f"down/{ODD}", data)
    client.download(path, local)
    must(read(local) == data, "it came otherwise")


def part(client):
    data = random.randbytes(6_000_000)
    path = client.put_there(f"part/{ODD}", data)
    with client.wired() as (other, wire):
        got = other.part(path, 1_000_000, 50_000)
        must(got == data[1_000_000:1_050_000], "it came otherwise")
        must(wire.down < 3_000_000, "it fetches all of the file")


def made(client):
    path = client.folder_at("made")
    client.make_folder(path)
    must(client.web.is_folder(path), "there is none")


def moved(client):
    data = random.randbytes(1_000_000)
    old = client.put_there(f"move/{ODD}", data)
    new = f"{client.make_there('move to')}/b {ODD}"
    with client.wired() as (other, wire):
        other.move(old, new)
        holds(client, new, data)
        must(client.web.get(old) is None, "it is still at its old place")
        must(wire.up + wire.down < 300_000, "its bytes travel")


def moved_folder(client):
    for name in NAMES:
        client.put_there(f"old {ODD}/{name}", name.encode())
    old, new = client.path(f"old {ODD}"), client.path(f"new {ODD}")
    client.move_folder(old, new)
    for name in NAMES:
        holds(client, f"{new}/{name}", name.encode())
    must(not client.web.files(old), "it is still at its old place")


def copied(client):
    data = random.randbytes(1_000_000)
    old = client.put_there(f"copy/{ODD}", data)
    new = f"{client.make_there('copy to')}/b {ODD}"
    with client.wired() as (other, wire):
        other.copy(old, new)
        holds(client, new, data)
        holds(client, old, data)
        must(wire.up + wire.down < 300_000, "its bytes travel")


def deleted(client):
    path, other = (client.put_there(f"delete/{name}", b"x") for name in [ODD, "other"])
    client.delete(path)
    must(client.web.get(path) is None, "it is still there")
    holds(client, other, b"x")


def deleted_folder(client):
    path = client.folder_at("gone")
    for name in NAMES:
        client.seed(f"{path}/{name}", b"x")
    client.delete_folder(path)
    must(client.web.about(path)[0] == "nothing", "it is still there")


def timed(client):
    path, local, back = f"{client.make_there('time')}/{ODD}", client.local(b"x"), client.local()
    os.utime(local, (LONG_AGO, LONG_AGO))
    client.upload_timed(local, path)
    holds(client, path, b"x")
    os.remove(back)
    client.download_timed(path, back)
    must(abs(os.stat(back).st_mtime - LONG_AGO) < 2, "it comes back with another time")


def tagged(client):
    client.make_there("tag")
    path = client.path(f"tag/{ODD}")
    client.tag(path, "light-blue")
    must("light-blue" in client.tagged(path), "it was not kept")


def folder_of(client, sizes):
    """A local folder; its path and what is in it."""
    folder = tempfile.mkdtemp(dir=client.place)
    known = {f"{at} {name}": random.randbytes(size) for at, (name, size) in enumerate(sizes)}
    for name, data in known.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    return folder, known


def holds_all(client, path, known):
    must(set(client.web.files(path)) == set(known), "not all of it is there")
    for name, data in known.items():
        holds(client, f"{path}/{name}", data)


def synced(client):
    folder, known = folder_of(client, [(name, 200_000) for name in NAMES])
    path = client.path("sync")
    client.sync(folder, path)
    holds_all(client, path, known)
    before = client.web.files(path)
    with client.wired() as (other, wire):
        other.sync(folder, path)
        must(wire.up < 100_000 and client.web.files(path) == before, "it sends again what is there")
    name = list(known)[-1]
    known[name] = random.randbytes(210_000)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(known[name])
    with client.wired() as (other, wire):
        other.sync(folder, path)
        must(200_000 < wire.up < 400_000, "it does not send just what changed")
    holds_all(client, path, known)


def cut(client, most, work, until=lambda: True):
    """Kills a client when it has sent so much and, within half a minute, `until` is true."""
    with client.wired(most) as (other, wire):
        wire.until = until
        try:
            work(other)
        except Cut:
            return
    raise No("it could not be cut off")


def cut_upload(client):
    data, folder = random.randbytes(LARGE), client.make_there("cut")
    local, path = client.local(data), f"{folder}/{ODD}"
    cut(client, LARGE // 2, lambda other: other.upload_cut(local, path))
    time.sleep(0.5)
    left = client.web.files(folder).values()
    must(not any(size for size, *_ in left), "a part of it is there")
    must(not left, "an empty file is there")


def rest_up(client):
    data, folder = random.randbytes(LARGE), client.make_there("rest up")
    local, path = client.local(data), f"{folder}/{ODD}"
    most = LARGE * 3 // 4
    cut(client, most, lambda other: other.upload_cut(local, path))
    with client.wired() as (other, wire):
        other.upload_rest(local, path, most)
        holds(client, path, data)
        must(wire.up < LARGE // 2, "it sends all of it again")


def rest_down(client):
    """What is already here is not asked for again: it stays, though it is not what is there."""
    data, half = random.randbytes(3_000_000), bytes(1_500_000)
    path, local = client.put_there(f"rest down/{ODD}", data), client.local(half)
    client.download_rest(path, local)
    must(read(local) == half + data[len(half):], "it does not go on where it was")


def rest_sync(client):
    # Some clients send ten at a time: when three quarters are sent, a quarter is there whole as
    # soon as the node has stored it.
    names = [f"{number:02} {NAMES[number % len(NAMES)]}" for number in range(20)]
    folder, known = folder_of(client, [(name, 800_000) for name in names])
    path = client.path("rest sync")

    def stored():
        return sum(size == 800_000 for size, *_ in client.web.files(path).values()) >= 5

    cut(client, 12_000_000, lambda other: other.sync(folder, path), stored)
    with client.wired() as (other, wire):
        other.sync(folder, path)
        holds_all(client, path, known)
        must(wire.up < 13_000_000, "it sends all of it again")


def refuses(client, what, work):
    """The client says that it was not allowed, and nothing changed."""
    before = client.web.files(client.base)
    try:
        work()
    except Endless:
        raise No(f"{what} is refused, and it tries again and again") from None
    except (RuntimeError, OSError):
        must(client.web.files(client.base) == before, f"{what} is refused, and yet done")
        return
    must(client.web.files(client.base) == before, f"{what} is done")
    raise No(f"{what} is refused, and it does not say so")


def refused(client):
    path = client.put_there(f"refused/{ODD}", b"as it was")
    with client.on(client.doors["reading"]) as reader:
        local = reader.local()
        reader.download(path, local)
        must(read(local) == b"as it was", "it does not read")
        refuses(reader, "a new file", lambda: reader.upload(reader.local(b"x"), path + "2"))
        refuses(reader, "a change", lambda: reader.upload(reader.local(b"x"), path))
        if getattr(reader, "delete", None):
            refuses(reader, "a deletion", lambda: reader.delete(path))


def begun(client):
    doors_dav.tree(client.source)
    with open(os.path.join(client.source, ODD), "wb") as file:
        file.write(random.randbytes(LARGE))
    client.restic("init")
    must(client.web.get(client.path("config")), "there is no repository")


def backed_up(client):
    client.restic("backup", client.source)
    must(len(client.stored("snapshots")) == 1, "there is no snapshot")
    must(sum(client.stored("data").values()) > LARGE, "not all of it is there")


def backed_up_again(client):
    before = sum(client.stored("data").values())
    with client.wired() as (other, wire):
        other.restic("backup", client.source)
        must(wire.up < 1_000_000, "it sends again what is there")
    must(len(client.stored("snapshots")) == 2, "there is no second snapshot")
    must(sum(client.stored("data").values()) < before + 1_000_000, "it stores again what is there")


def snapshots(client):
    known = {name.split("/")[-1][:8] for name in client.stored("snapshots")}
    told = set(re.findall(r"^([0-9a-f]{8}) ", client.restic("snapshots"), re.M))
    must(told == known, "it shows others")
    must(ODD in client.restic("ls", "latest"), f"it does not show `{ODD}`")


def checked(client):
    """And says so of a repository in which something is missing."""
    client.restic("check", "--read-data")
    some = client.path("data/" + max(client.stored("data"), key=client.stored("data").get))
    client.web.move(some, client.path("aside"))
    try:
        client.restic("check")
    except RuntimeError:
        return
    finally:
        client.web.move(client.path("aside"), some)
    raise No("it does not see that something is missing")


def restored(client):
    back = tempfile.mkdtemp(dir=client.place)
    client.restic("restore", "latest", "--target", back)
    client.do("diff", "-r", client.source, back + client.source)


def restored_one(client):
    one = os.path.join(client.source, ODD)
    must(client.restic("dump", "latest", one, raw=True) == read(one), "it came otherwise")


def backup_cut(client):
    before = client.stored("snapshots")
    with open(os.path.join(client.source, "more " + ODD), "wb") as file:
        file.write(random.randbytes(LARGE))
    cut(client, LARGE // 2, lambda other: other.restic("backup", client.source))
    must(client.stored("snapshots") == before, "half of a backup is there")
    client.restic("unlock", "--remove-all")
    client.restic("check")
    client.restic("backup", client.source)
    must(len(client.stored("snapshots")) == len(before) + 1, "there is no snapshot")
    restored(client)


def append_only(client):
    """What restic is refused it tries again, for minutes."""
    before = client.stored("snapshots")
    with client.on(client.doors["adding"]) as adder:
        try:
            adder.restic("backup", client.source, seconds=PATIENCE)
        except Endless:
            must(len(client.stored("snapshots")) == len(before), "the backup is there, but not "
                 "allowed to remove its lock restic tries that for minutes")
            raise
        finally:
            client.restic("unlock", "--remove-all")
        after = client.stored("snapshots")
        must(len(after) == len(before) + 1, "there is no snapshot")
        with contextlib.suppress(RuntimeError):
            adder.restic("forget", "--keep-last", "1", "--prune", seconds=PATIENCE)
        must(client.stored("snapshots") == after, "it lets go")
    client.restic("unlock", "--remove-all")
    client.restic("check")


def read_only(client):
    before = client.web.files(client.base)
    with client.on(client.doors["reading"]) as reader:
        back = tempfile.mkdtemp(dir=client.place)
        reader.restic("--no-lock", "restore", "latest", "--target", back)
        client.do("diff", "-r", client.source, back + client.source)
        for work in [("backup", client.source), ("forget", "--keep-last", "1")]:
            try:
                reader.restic(*work, seconds=PATIENCE // 2)
            except RuntimeError:
                continue
            raise No(f"{work[0]} says that it was done")
    must(client.web.files(client.base) == before, "something changed")


def pruned(client):
    os.remove(os.path.join(client.source, ODD))
    client.restic("backup", client.source)
    before = sum(client.stored("data").values())
    client.restic("forget", "--keep-last", "1", "--prune")
    must(len(client.stored("snapshots")) == 1, "others are still there")
    left = sum(client.stored("data").values())
    must(left < before - LARGE * 9 // 10, "its bytes are still there")
    client.restic("check")
    restored(client)


FILE_ROWS = [
    ("curl", "WebDAV", Curl),
    ("cadaver", "WebDAV", Cadaver),
    ("davfs2", "WebDAV", Davfs),
    ("rclone", "WebDAV", RcloneDav),
    ("rclone", "S3", RcloneS3),
    ("aws", "S3", Aws),
    ("boto3", "S3", Boto3),
    ("s3cmd", "S3", S3cmd),
    ("rclone", "SFTP", RcloneSftp),
    ("sftp", "SFTP", Sftp),
    ("scp", "SFTP", Scp),
    ("sshfs", "SFTP", Sshfs),
]
BACKUP_ROWS = [
    ("restic", "REST", ResticRest),
    ("restic", "S3", ResticS3),
    ("restic", "SFTP", ResticSftp),
]

# Of each table its heading, its rows, and its columns: what they are called, what a client has that
# can do it, how it is tried, and what a "yes" says.
TABLES = [
    ("Files and folders", FILE_ROWS, [
        ("list", "list", listed, "shows all files of a folder"),
        ("upload", "upload", uploaded, "a new file and one in its place"),
        ("20 MB", "upload", uploaded_large, "a large file, by S3 in parts"),
        ("download", "download", downloaded, "a file"),
        ("a part", "part", part, "some bytes of a file, without fetching all of it"),
        ("make folder", "make_folder", made, "by S3 a bucket"),
        ("move", "move", moved, "a file, to another folder under another name; its bytes stay"),
        ("move folder", "move_folder", moved_folder, "with all that is in it"),
        ("copy", "copy", copied, "a file; its bytes do not travel"),
        ("delete", "delete", deleted, "a file"),
        ("delete folder", "delete_folder", deleted_folder,
         "with all that is in it; by S3 a bucket"),
    ]),
    ("What stays, and what goes on", FILE_ROWS, [
        ("times", "upload_timed", timed, "a file comes back with the time that it was sent with"),
        ("metadata", "tag", tagged, "the client's own words about a file are kept"),
        ("sync", "sync", synced, "a folder; again it sends nothing, and then only what changed"),
        ("cut sync", "sync", rest_sync, "a sync that was killed goes on with what is missing"),
        ("cut upload", "upload", cut_upload, "of an upload that was killed nothing is seen"),
        ("resume upload", "upload_rest", rest_up, "it goes on, without what was sent before"),
        ("resume download", "download_rest", rest_down, "without what is already here"),
        ("read-only", "upload", refused, "a read-only door is read; what would change it changes "
                                         "nothing, and the client says so"),
    ]),
    ("Backups", BACKUP_ROWS, [
        ("init", "restic", begun, "a new repository"),
        ("backup", "restic", backed_up, "of a folder"),
        ("again", "restic", backed_up_again, "a second backup sends nothing that is there"),
        ("snapshots", "restic", snapshots, "and what is in them"),
        ("check", "restic", checked, "of all data; and it sees that something is missing"),
        ("restore", "restic", restored, "of all files"),
        ("one file", "restic", restored_one, "of a backup"),
        ("cut", "restic", backup_cut, "after a backup that was killed the next one is whole"),
        ("append-only", "restic", append_only,
         "an append-only door takes a backup, and lets go of none"),
        ("read-only", "restic", read_only, "a read-only door gives back, and takes nothing"),
        ("forget, prune", "restic", pruned, "all but the last backup, and their space"),
    ]),
]

# What programs print when they are refused something, and what that is in a few words.
REASONS = [
    (r"NotImplemented|\b501\b", "the door has no such thing"),
    (r"not within \d+ s|timed out", "it does not end"),
    (r"stat remote: No such file", "nothing is kept of an upload that was cut off"),
    (r"rm: cannot remove .*Directory not empty", "it does not see what is in it"),
    (r"reading directory .*: Invalid argument", "this version lists nothing with new kernels"),
]


def reason(error):
    """Why something did not work, in a few words."""
    text = str(error)
    if isinstance(error, No):
        return text
    for pattern, words in REASONS:
        if re.search(pattern, text):
            return words
    lines = [line for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return re.sub(r"[|`\s]+", " ", lines[-1]).strip()[-80:]


def version_of(client):
    """The version of a program, or that it is missing."""
    for needed in client.needs:
        if not shutil.which(needed):
            raise Missing(f"there is no {needed}")
    done = subprocess.run(client.version, env=environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "No module named" in done.stdout:
        raise Missing(done.stdout.splitlines()[-1])
    found = re.search(r"(?:SSHFS version |OpenSSH_|\bv?)(\d+\.\d[\w.]*)", done.stdout)
    if "SSHFS" in done.stdout:
        found = re.search(r"SSHFS version (\S+)", done.stdout)
    if not found:
        raise Missing(f"{client.version[0]} does not run: {done.stdout.strip()[-200:]}")
    return found.group(1)


class Rows:
    """Tries rows, and keeps what came of it: {(client, protocol): {column: cell}}."""

    def __init__(self, doors, folder, verbose):
        self.doors, self.folder, self.verbose = doors, folder, verbose
        self.cells, self.seconds = {}, {}

    def row(self, name, protocol, kind):
        """All operations of a client, of all tables; what it lacks is told and leaves no row."""
        row, place = (name, protocol), os.path.join(self.folder, f"{name}-{protocol}")
        client = None
        if self.doors["stop"].is_set():
            return
        try:
            cells = {"version": version_of(kind)}
            os.makedirs(place)
            base = f"{name}-{protocol}".lower()
            self.doors["web"].make(base)
            client = kind(self.doors, base, place)
        except Missing as missing:
            print(f"{name} by {protocol}: not tried, {missing}", file=sys.stderr, flush=True)
            return
        except RuntimeError as error:
            refusal = error
        try:
            for heading, rows, columns in TABLES:
                for title, needed, trial, _ in columns if (name, protocol, kind) in rows else []:
                    if not getattr(kind, needed, None):
                        cells[heading, title] = "\u2014"
                    elif not client:
                        cells[heading, title] = self.no(row, title, refusal)
                    else:
                        cells[heading, title] = self.cell(row, title, trial, client)
        finally:
            if client:
                client.close()
        self.cells[row] = cells

    def cell(self, row, title, trial, client):
        began = time.monotonic()
        if self.doors["stop"].is_set():
            return "not tried"
        try:
            trial(client)
            return "yes"
        except (No, RuntimeError, OSError, LookupError, subprocess.SubprocessError) as error:
            return self.no(row, title, error)
        finally:
            self.seconds[row, title] = time.monotonic() - began

    def no(self, row, title, error):
        if self.verbose:
            print(f"{row} {title}: {type(error).__name__} {error}", file=sys.stderr, flush=True)
        return f"no: {reason(error)}"


def tried(program, only, verbose):
    """The cells of all rows that can be tried here."""
    kinds = list(dict.fromkeys(row for _, rows, _ in TABLES for row in rows))
    kinds = [kind for kind in kinds if not only or only in f"{kind[0]} {kind[1]}"]
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key")
        if shutil.which("ssh-keygen"):
            doors_dav.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        grid = grids.Ours(program, os.path.join(folder, "grid"), servers=4, encoding=(2, 3, 4))
        with grid:
            grids.until("the owner's directory", lambda: doors_dav.own(grid))
            web = Web(grid)
            doors = {name: Door(grid, name, web.cap, key + ".pub", rights) for name, rights in
                     [("open", []), ("reading", ["--read-only"]), ("adding", ["--append-only"])]}
            for door in list(doors.values()):
                grids.until("the doors", lambda door=door: door.s3("GET", "/")[0] == 200)
            doors.update({"web": web, "stop": threading.Event()})
            rows = Rows(doors, folder, verbose)
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as workers:
                try:
                    for done in [workers.submit(rows.row, *kind) for kind in reversed(kinds)]:
                        done.result()
                finally:
                    doors["stop"].set()
    if verbose:
        for what, seconds in sorted(rows.seconds.items(), key=lambda one: -one[1])[:20]:
            print(f"{seconds:6.1f} s  {what}", file=sys.stderr)
    return rows.cells


def known(path):
    """The cells of the document as it is."""
    cells, heading, titles = {}, None, []
    for line in grids.text_of(path).splitlines():
        if line.startswith("## "):
            heading, titles = line[3:], []
        elif line.startswith("|"):
            fields = [field.strip() for field in line.strip("| ").split("|")]
            if not titles:
                titles = fields
            elif not line.startswith("|---"):
                row = cells.setdefault((fields[0], fields[1]), {"version": fields[2]})
                row.update({(heading, title): field
                            for title, field in zip(titles[3:], fields[3:])})
    return cells


def document(cells):
    text = ("# What programs can do through a door\n\n"
            "Each cell was tried: `scripts/clients.py` brings up a small grid with\n"
            "[doors](doors.md), lets every program do it with a command of its own, and looks at\n"
            "what came of it by the web API and at what went over the wire. It writes this file;\n"
            "with `--check` it fails when a \"yes\" does not hold any more. The names of the\n"
            "files have spaces, umlauts and emoji in them. A dash: the program has no such\n"
            "operation.\n")
    for heading, rows, columns in TABLES:
        titles = [title for title, *_ in columns]
        lines = [["client", "by", "version", *titles], ["---"] * (len(titles) + 3)]
        for name, protocol, _ in rows:
            row = cells.get((name, protocol))
            if row:
                lines.append([name, protocol, row["version"],
                              *(row.get((heading, title), "not tried") for title in titles)])
        text += f"\n## {heading}\n\n"
        text += "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- ", "|---")
        text += "\n" + "".join(f"* **{title}**: {means}\n" for title, _, _, means in columns)
    return text


def broken(old, new):
    """What the document says and does not hold, or what nothing tries, a line each."""
    known_columns = {(name, protocol, heading, title) for heading, rows, columns in TABLES
                     for name, protocol, _ in rows for title, *_ in columns}
    for row, cells in old.items():
        for column, cell in cells.items():
            if column == "version":
                continue
            what = f"{row[0]} by {row[1]}, {': '.join(column)}"
            if (*row, *column) not in known_columns:
                yield f"{what}: nothing tries it"
            elif cell == "yes" and row in new and new[row][column] != "yes":
                yield f"{what}: {new[row][column]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", required=True, help="this project's program")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a yes is none")
    parser.add_argument("--document", default=DOCUMENT, help="instead of docs/clients.md")
    parser.add_argument("--only", help="rows with this word in their name")
    parser.add_argument("--verbose", action="store_true", help="tell all of what went wrong")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began, old = time.monotonic(), known(given.document)
    new = tried(os.path.abspath(given.tahoe), given.only, given.verbose)
    count = sum(cell == "yes" for row in new.values() for cell in row.values())
    said = f"{len(new)} clients, {count} cells say yes, {time.monotonic() - began:.0f} s"
    if given.check:
        wrong = list(broken(old, new))
        print("\n".join([*wrong, said]))
        return 1 if wrong or not old else 0
    with open(given.document, "w") as file:
        file.write(document({**old, **new}))
    print(said)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        sys.exit(f"clients: {error}")
