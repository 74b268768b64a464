#!/usr/bin/env python3
"""rclone through each door, beside the web API and beside a stock Tahoe-LAFS 1.20's own SFTP door, in one
run on one machine: many small files and a large one, there and back.

    python3 benches/doors.py --tahoe target/release/tahoe [--files 2000] [--size 100000000] [--only ours]
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


def told(name, took):
    steps = ["small up", "small down", "large up", "large down"]
    print(f"  {name:12}" + "".join(f"{step}: {took[step]:8.2f}   " for step in steps), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", default=os.path.join(ROOT, "target/release/tahoe"))
    parser.add_argument("--venv", default=os.path.join(ROOT, "target/peer-venv"))
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--size", type=int, default=10**8)
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
        if arguments.only != "ours":
            with Sftp(grids.peer_venv(arguments.venv), os.path.join(folder, "peer")) as grid:
                keys = os.path.join(folder, "keys")
                os.makedirs(keys)
                grid.add_door(keys)
                env = {**os.environ, "RCLONE_CONFIG_SFTP_TYPE": "sftp", "RCLONE_CONFIG_SFTP_HOST": "127.0.0.1",
                       "RCLONE_CONFIG_SFTP_PORT": str(grid.port), "RCLONE_CONFIG_SFTP_USER": "user",
                       "RCLONE_CONFIG_SFTP_KEY_FILE": os.path.join(keys, "user"),
                       "RCLONE_CONFIG_SFTP_SHELL_TYPE": "none", "RCLONE_CONFIG_SFTP_DISABLE_HASHCHECK": "true",
                       "RCLONE_CONFIG_SFTP_SET_MODTIME": "false"}
                told("1.20's SFTP", through("sftp:", folder, env))


if __name__ == "__main__":
    main()
