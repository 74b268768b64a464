#!/usr/bin/env python3
"""rclone through each door, beside the web API and beside a stock Tahoe-LAFS 1.20's own SFTP door, in one
run on one machine: many small files and a large one, there and back. And restic: a backup of mixed files and
all of it restored, beside a folder that rclone serves by restic's protocol.

    python3 benches/doors.py --tahoe target/release/tahoe [--files 2000] [--size 100000000]
        [--backup 1000000000] [--peer-files 200] [--peer-backup 50000000] [--only ours]
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import doors_dav  # noqa: E402
import doors_s3  # noqa: E402
import doors_sftp  # noqa: E402
import grids  # noqa: E402

SMALL = 4_000


class Sftp(grids.Peer):
    """A stock grid whose gateway has an SFTP door to one directory."""

    def add_door(self, folder):
        for name in ["host", "user"]:
            subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f",
                            os.path.join(folder, name)], check=True, stdin=subprocess.DEVNULL)
        cap = urllib.request.urlopen(urllib.request.Request(
            self.url + "uri?t=mkdir", method="POST"), timeout=60).read().decode().strip()
        with open(os.path.join(folder, "user.pub")) as file:
            public = " ".join(file.read().split()[:2])
        with open(os.path.join(folder, "accounts"), "w") as file:
            file.write(f"user {public} {cap}\n")
        self.port = grids.free_ports(1)[0]
        with open(os.path.join(self.gateway.folder, "tahoe.cfg"), "a") as file:
            file.write(f"\n[sftpd]\nenabled = true\nport = tcp:{self.port}:interface=127.0.0.1\n"
                       f"host_pubkey_file = {folder}/host.pub\nhost_privkey_file = {folder}/host\n"
                       f"accounts.file = {folder}/accounts\n")
        self.gateway.signal(signal.SIGTERM)
        self.gateway.process.wait()
        self.launch(self.gateway)
        grids.until("the stock gateway", self.find_url)
        time.sleep(5)


def rclone(*arguments, env):
    began = time.perf_counter()
    done = subprocess.run(["rclone", "--retries", "1", "--transfers", "8", *arguments], env=env, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"rclone {arguments[0]}: {done.stdout[-800:]}")
    return time.perf_counter() - began


def through(place, folder, env):
    """Seconds of each step of rclone at a place."""
    took = {}
    for what in ["small", "large"]:
        back = os.path.join(folder, "back")
        took[f"{what} up"] = rclone("copy", os.path.join(folder, what), f"{place}/{what}", env=env)
        took[f"{what} down"] = rclone("copy", f"{place}/{what}", back, env=env)
        subprocess.run(["diff", "-r", os.path.join(folder, what), back], check=True)
        shutil.rmtree(back)
    return took


def mixed(folder, size):
    """Files of several sizes that are so many bytes together."""
    os.makedirs(folder)
    number = 0
    while size > 0:
        some = min(size, [16_000, 60_000, 250_000, 1_000_000, 8_000_000][number % 5])
        with open(os.path.join(folder, f"{number:05}"), "wb") as file:
            file.write(os.urandom(some))
        size, number = size - some, number + 1


def restic(repository, folder, source, env, options=(), synced=False):
    """Seconds of a backup, and of getting all of it back. With `synced` a backup ends when the disk has it."""
    back = os.path.join(folder, "back")
    env = {**env, "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": repository,
           "RESTIC_CACHE_DIR": os.path.join(folder, "cache"), "RESTIC_PROGRESS_FPS": "0.1"}
    took = {}
    for what, command in [("init", ["init"]), ("backup", ["backup", source]),
                          ("restore", ["restore", "latest", "--target", back])]:
        began = time.perf_counter()
        done = subprocess.run(["restic", *options, *command], env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(f"restic {what}: {done.stdout[-800:]}")
        if synced and what == "backup":
            os.sync()
        took[what] = time.perf_counter() - began
    subprocess.run(["diff", "-r", source, back + source], check=True)
    shutil.rmtree(back)
    return took


def served(folder, source):
    """The same with a folder that rclone serves, which syncs nothing: that is done once, at the end."""
    port = grids.free_ports(1)[0]
    server = subprocess.Popen(["rclone", "serve", "restic", "--addr", f"127.0.0.1:{port}",
                               os.path.join(folder, "served")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        return restic(f"rest:http://127.0.0.1:{port}/", folder, source, dict(os.environ), synced=True)
    finally:
        server.terminate()
        server.wait()


def told_backup(name, size, took):
    rates = [f"{what}: {took[what]:8.2f} ({size / took[what] / 1e6:6.1f} MB/s)" for what in ["backup", "restore"]]
    print(f"  {name:22}" + "   ".join(rates), flush=True)


def web_api(grid, folder):
    """The same by eight connections of the web API."""
    took = {}
    base = grid.url + "uri/" + urllib.parse.quote(urllib.request.urlopen(urllib.request.Request(
        grid.url + "uri?t=mkdir", method="POST"), timeout=60).read().decode().strip(), safe="")

    def put(path):
        with open(path, "rb") as file:
            request = urllib.request.Request(f"{base}/{os.path.basename(path)}", data=file, method="PUT",
                                             headers={"Content-Length": str(os.path.getsize(path))})
            urllib.request.urlopen(request, timeout=600).read()

    def get(path):
        with urllib.request.urlopen(f"{base}/{os.path.basename(path)}", timeout=600) as answer:
            while answer.read(1 << 20):
                pass

    for what in ["small", "large"]:
        paths = [os.path.join(folder, what, name) for name in os.listdir(os.path.join(folder, what))]
        for way, work in [("up", put), ("down", get)]:
            began = time.perf_counter()
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(work, paths))
            took[f"{what} {way}"] = time.perf_counter() - began
    return took


def backups(grid, door, folder, of):
    """restic through each door that it can use, and to a folder that is served."""
    (source, size), plain = of, door.environment()
    told_backup("REST", size, restic(door.rest + "bench/", folder, source, plain))
    told_backup("S3", size, restic(f"s3:{door.endpoint}/restic-bench", folder, source, plain))
    with tempfile.TemporaryDirectory() as place:
        files = doors_sftp.Door(grid, "files", place)
        ssh = " ".join(["ssh", *files.options(), "-p", str(files.port), files.place()[:-1], "-s", "sftp"])
        took = restic(f"sftp:{files.place('/restic')}", folder, source, plain, ["-o", f"sftp.command={ssh}"])
        told_backup("SFTP", size, took)
    told_backup("a folder, synced last", size, served(folder, source))


def told(name, took):
    steps = ["small up", "small down", "large up", "large down"]
    print(f"  {name:12}" + "".join(f"{step}: {took[step]:8.2f}   " for step in steps), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", default=os.path.join(ROOT, "target/release/tahoe"))
    parser.add_argument("--venv", default=os.path.join(ROOT, "target/peer-venv"))
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--size", type=int, default=10**8)
    parser.add_argument("--peer-files", type=int, default=200, help="small files of the stock grid")
    parser.add_argument("--backup", type=int, default=10**9, help="bytes that restic backs up")
    parser.add_argument("--peer-backup", type=int, default=5 * 10**7)
    parser.add_argument("--only", choices=["ours", "peer"])
    arguments = parser.parse_args()
    print(f"{arguments.files} files of {SMALL} bytes, one of {arguments.size}; seconds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "small"))
        os.makedirs(os.path.join(folder, "large"))
        for number in range(arguments.files):
            with open(os.path.join(folder, "small", f"{number:05}"), "wb") as file:
                file.write(os.urandom(SMALL))
        with open(os.path.join(folder, "large", "file"), "wb") as file:
            file.write(os.urandom(arguments.size))
        source = os.path.join(folder, "mixed")
        mixed(source, arguments.backup)
        if arguments.only != "peer":
            with grids.Ours(os.path.abspath(arguments.tahoe), os.path.join(folder, "ours")) as grid:
                grids.until("the owner's directory", lambda: doors_dav.own(grid))
                door = doors_s3.Door(grid, "box")
                hidden = subprocess.run(["rclone", "obscure", door.secret], text=True, check=True,
                                        stdout=subprocess.PIPE).stdout.strip()
                env = {**door.environment(), "RCLONE_CONFIG_DAV_TYPE": "webdav",
                       "RCLONE_CONFIG_DAV_URL": f"{door.endpoint}/dav/box/",
                       "RCLONE_CONFIG_DAV_VENDOR": "owncloud", "RCLONE_CONFIG_DAV_USER": "box",
                       "RCLONE_CONFIG_DAV_PASS": hidden}
                told("web API", web_api(grid, folder))
                told("S3", through("door:bucket", folder, env))
                told("WebDAV", through("dav:davs", folder, env))
                shown = grid.tahoe("door", "show", "box", "-d", grid.gateway.folder)
                host, port = re.search(r"sftp://[^@]+@([^:\s]+):(\d+)", shown).groups()
                env |= {"RCLONE_CONFIG_FILES_TYPE": "sftp", "RCLONE_CONFIG_FILES_HOST": host,
                        "RCLONE_CONFIG_FILES_PORT": port, "RCLONE_CONFIG_FILES_USER": "box",
                        "RCLONE_CONFIG_FILES_PASS": hidden, "RCLONE_CONFIG_FILES_SHELL_TYPE": "none"}
                told("SFTP", through("files:files", folder, env))
                print(f"restic, {arguments.backup} bytes of mixed files", flush=True)
                backups(grid, door, folder, (source, arguments.backup))
        if arguments.only != "ours":
            for name in sorted(os.listdir(os.path.join(folder, "small")))[arguments.peer_files:]:
                os.remove(os.path.join(folder, "small", name))
            print(f"the same with {arguments.peer_files} small files, {arguments.peer_backup} bytes by restic")
            with Sftp(grids.peer_venv(arguments.venv), os.path.join(folder, "peer")) as grid:
                keys = os.path.join(folder, "keys")
                os.makedirs(keys)
                grid.add_door(keys)
                env = {**os.environ, "RCLONE_CONFIG_SFTP_TYPE": "sftp", "RCLONE_CONFIG_SFTP_HOST": "127.0.0.1",
                       "RCLONE_CONFIG_SFTP_PORT": str(grid.port), "RCLONE_CONFIG_SFTP_USER": "user",
                       "RCLONE_CONFIG_SFTP_KEY_FILE": os.path.join(keys, "user"),
                       "RCLONE_CONFIG_SFTP_SHELL_TYPE": "none", "RCLONE_CONFIG_SFTP_DISABLE_HASHCHECK": "true",
                       "RCLONE_CONFIG_SFTP_SET_MODTIME": "false",
                       # With more it says nothing to a large file for five minutes, and rclone gives up.
                       "RCLONE_CONFIG_SFTP_CONCURRENCY": "1",
                       "RCLONE_CONFIG_SFTP_DISABLE_CONCURRENT_WRITES": "true"}
                # A row that it does not get through is no reason to leave out the next.
                try:
                    told("1.20's SFTP", through("sftp:", folder, env))
                except RuntimeError as error:
                    print(f"  1.20's SFTP: {error}", flush=True)
                source = os.path.join(folder, "less")
                mixed(source, arguments.peer_backup)
                try:
                    # By rclone: it ends no connection as restic's own way takes it to end.
                    took = restic("rclone:sftp:restic", folder, source, env)
                    told_backup("1.20's SFTP", arguments.peer_backup, took)
                except RuntimeError as error:
                    print(f"  1.20's SFTP: {error}", flush=True)


if __name__ == "__main__":
    main()
