"""The programs of docs/clients.md, and what each operation of one is for it: a command of its own.

Promises: a command ends within `SECONDS`, with all of its processes; what a client writes is in its
own temporary folder, and what it mounted is unmounted by `close()`. Knows nothing of what is to
come of an operation. Standard library only.
"""

import contextlib
import copy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import doors_s3
import grids

ODD = "a b \u00fc \U0001f389.bin"
SECONDS = 30  # for one command


class Missing(Exception):
    """The machine or the grid lacks what a row needs."""


def environment():
    """That of clients: none that sends them elsewhere or gives them other certificates."""
    kept = {name: value for name, value in os.environ.items()
            if name != "AWS_CA_BUNDLE" and not name.lower().endswith("_proxy")}
    return {**kept, "LC_ALL": "C.UTF-8"}


def quoted(path):
    return urllib.parse.quote(path, safe="/")


class Web:
    """The directory behind the doors, by the web API."""

    def __init__(self, grid):
        self.cap = grid.tahoe("mkdir", "-d", grid.gateway.folder).strip()
        self.at = grid.url.rstrip("/") + "/uri/" + urllib.parse.quote(self.cap, safe="")

    def ask(self, method, path, data=None, query=""):
        """The body of the answer; None if there is nothing."""
        url = self.at + "/" + quoted(path) + query
        request = urllib.request.Request(url, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:200]!r}") from None

    def put(self, path, data):
        self.ask("PUT", path, data)

    def get(self, path):
        return self.ask("GET", path)

    def make(self, path):
        self.ask("PUT", path, query="?t=mkdir")

    def move(self, old, new):
        cap = self.ask("GET", old, query="?t=uri")
        self.ask("PUT", new, cap, "?t=uri")
        self.ask("DELETE", old)

    def about(self, path):
        told = self.ask("GET", path, query="?t=json")
        return json.loads(told) if told else ("nothing", {})

    def is_folder(self, path):
        return self.about(path)[0] == "dirnode"

    def files(self, path):
        """What is below: path, and what changes with each change of a file."""
        found = {}
        for name, (kind, about) in self.about(path)[1].get("children", {}).items():
            if kind == "dirnode":
                found.update({f"{name}/{below}": what
                              for below, what in self.files(f"{path}/{name}").items()})
            else:
                found[name] = (about.get("size"), about.get("ro_uri"), str(about.get("metadata")))
        return found


class Wire:
    """A port that passes on to another one: counts, and stands still after `most` bytes went in."""

    def __init__(self, port, most=None):
        self.target, self.most, self.up, self.down = port, most, 0, 0
        self.stalled, self.sockets, self.lock = threading.Event(), [], threading.Lock()
        # What must be so before the client is killed.
        self.until = lambda: True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            with self.lock:
                self.sockets += [client, server]
            for one, other, way in [(client, server, "up"), (server, client, "down")]:
                threading.Thread(target=self.pump, args=(one, other, way), daemon=True).start()

    def pump(self, one, other, way):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if way == "up" and self.most and self.up + len(data) > self.most:
                    self.stalled.set()
                    return
                with self.lock:
                    setattr(self, way, getattr(self, way) + len(data))
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self):
        for one in [self.listener, *self.sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Door(doors_s3.Door):
    """A door by all of its protocols; `sftp` is its port, None while there is no such address."""

    def __init__(self, grid, name, place, key, rights=()):
        with_key = ["--key", key] if "--key" in grid.tahoe("door", "add", "--help") else []
        super().__init__(grid, name, place, [*rights, *with_key])
        self.url = self.shown(r"WebDAV\s+(\S+)")
        self.http = urllib.parse.urlsplit(self.endpoint).port
        self.sftp = None
        if with_key:  # It may listen only after the first door is there.
            address = r"SFTP\s+sftp://[^@\s]+@[^:/\s]+:(\d+)"
            with contextlib.suppress(RuntimeError):
                self.sftp = int(grids.until("SFTP", lambda: self.shown(address), 10))
        self.key_file, self.wire = key.removesuffix(".pub"), None

    def shown(self, pattern):
        """What the node says of the door."""
        told = self.grid.tahoe("door", "show", self.name, "-d", self.grid.gateway.folder)
        found = re.search(pattern, told)
        return found.group(1) if found else None

    def through(self, wire, by_sftp):
        other = copy.copy(self)
        other.wire = wire
        if by_sftp:
            other.sftp = wire.port
        else:
            old, other.http = f"127.0.0.1:{self.http}", wire.port
            for field in ["url", "endpoint", "rest"]:
                here = getattr(self, field).replace(old, f"127.0.0.1:{wire.port}")
                setattr(other, field, here)
        return other


class Client:
    """One program at one door. Each operation that it has is a method; paths are those below the
    door's directory, and what a row does is in the row's own folder there, `base`."""

    by_sftp = False
    settles = 0  # seconds within which what it has done is seen by others

    def __init__(self, doors, base, place, door=None):
        self.doors, self.base, self.above, self.door = doors, base, place, door or doors["open"]
        if self.by_sftp and not self.door.sftp:
            raise Missing("the doors have no SFTP")
        self.web, self.env = doors["web"], environment()
        self.place = tempfile.mkdtemp(dir=place)
        self.open()

    def open(self):
        """What there is to do before the first command."""

    def close(self):
        """And after the last."""

    def at(self, door):
        return type(self)(self.doors, self.base, self.above, door)

    @contextlib.contextmanager
    def on(self, door):
        other = self.at(door)
        try:
            yield other
        finally:
            other.close()

    @contextlib.contextmanager
    def wired(self, most=None):
        """The same client over a wire that counts or stops."""
        wire = Wire(self.door.sftp if self.by_sftp else self.door.http, most)
        try:
            with self.on(self.door.through(wire, self.by_sftp)) as other:
                yield other, wire
        finally:
            wire.close()

    def do(self, *command, stdin="", env=(), raw=False, seconds=SECONDS):
        """Runs one command to its end, or until the wire stands still; returns what it printed."""
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE if raw else subprocess.STDOUT, cwd=self.place,
                              env={**self.env, **dict(env)}, start_new_session=True) as process:
            try:
                told = self.finish(process, stdin.encode(), seconds)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode != 0:
            text = b"".join(part or b"" for part in told).decode(errors="replace")
            raise RuntimeError(f"{command[0]} ({process.returncode}): {text.strip()[-2000:]}")
        return told[0] if raw else told[0].decode()

    def finish(self, process, stdin, seconds):
        end = time.monotonic() + seconds
        while True:
            try:
                return process.communicate(stdin, timeout=0.05)
            except subprocess.TimeoutExpired:
                stdin = None
            if self.door.wire and self.door.wire.stalled.is_set():
                with contextlib.suppress(RuntimeError):
                    grids.until("what was sent", self.door.wire.until, 30)
                raise Cut(process.args[0])
            if self.doors["stop"].is_set():
                raise RuntimeError("stopped")
            if time.monotonic() > end:
                raise Endless(f"{process.args[0]}: not within {seconds} s")

    def upload_cut(self, local, path):
        """An upload over a wire that will stand still."""
        self.upload(local, path)

    def local(self, data=b""):
        """A file of this machine with these bytes."""
        path = os.path.join(tempfile.mkdtemp(dir=self.place), ODD)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def path(self, name):
        return f"{self.base}/{name}"

    def folder_at(self, name):
        """Where a folder goes that this client makes or deletes."""
        return self.path(f"{name} \u00fc \U0001f389")

    def seed(self, path, data=None):
        """What somebody else puts there: a file with these bytes, or a folder."""
        if data is None:
            self.web.make(path)
        else:
            self.web.put(path, data)
        return path

    def put_there(self, name, data):
        return self.seed(self.path(name), data)

    def make_there(self, name):
        return self.seed(self.path(name))


class Cut(RuntimeError):
    """The command was killed while it was sending."""


class Endless(RuntimeError):
    """The command was killed as it did not end."""


class Curl(Client):
    needs, version = ["curl"], ["curl", "-V"]

    def curl(self, *arguments, raw=False):
        return self.do("curl", "-q", "--fail", "-sS", "-u", f"{self.door.name}:{self.door.secret}",
                       *arguments, raw=raw)

    def at_url(self, path):
        return self.door.url + quoted(path)

    def list(self, path):
        told = self.curl("-X", "PROPFIND", "-H", "Depth: 1", self.at_url(path) + "/")
        return urllib.parse.unquote(" ".join(re.findall(r"<D:href>([^<]*)<", told)))

    def upload(self, local, path):
        self.curl("-T", local, self.at_url(path))

    def upload_rest(self, local, path, at):
        self.curl("-C", str(at), "-T", local, self.at_url(path))

    def download(self, path, local):
        self.curl("-o", local, self.at_url(path))

    def download_rest(self, path, local):
        self.curl("-C", "-", "-o", local, self.at_url(path))

    def part(self, path, start, size):
        return self.curl("-r", f"{start}-{start + size - 1}", self.at_url(path), raw=True)

    def make_folder(self, path):
        self.curl("-X", "MKCOL", self.at_url(path) + "/")

    def move(self, old, new):
        self.curl("-X", "MOVE", "-H", f"Destination: {self.at_url(new)}", self.at_url(old))

    move_folder = move

    def copy(self, old, new):
        self.curl("-X", "COPY", "-H", f"Destination: {self.at_url(new)}", self.at_url(old))

    def delete(self, path):
        self.curl("-X", "DELETE", self.at_url(path))

    delete_folder = delete

    def upload_timed(self, local, path):
        when = int(os.stat(local).st_mtime)
        self.curl("-H", f"X-OC-Mtime: {when}", "-T", local, self.at_url(path))

    def download_timed(self, path, local):
        self.curl("-R", "-o", local, self.at_url(path))

    def tag(self, path, value):
        self.web.put(path, b"x")
        body = ('<propertyupdate xmlns="DAV:"><set><prop><colour xmlns="x:">'
                f"{value}</colour></prop></set></propertyupdate>")
        if "200 OK" not in self.curl("-X", "PROPPATCH", "-d", body, self.at_url(path)):
            raise RuntimeError("it was not set")

    def tagged(self, path):
        return property_of(self.door, path)


def property_of(door, path):
    _, body = door.want(207, "PROPFIND", quoted(path), headers={"Depth": "0"})
    return body.decode()


class Cadaver(Client):
    needs, version = ["cadaver"], ["cadaver", "-V"]

    def open(self):
        with open(os.path.join(self.place, ".netrc"), "w") as file:
            os.chmod(file.fileno(), 0o600)
            file.write(f"machine 127.0.0.1 login {self.door.name} password {self.door.secret}\n")

    def steps(self, *steps):
        told = self.do("cadaver", self.door.url, stdin="\n".join([*steps, "quit"]) + "\n",
                       env={"HOME": self.place})
        if "failed" in told or "Could not" in told or "Unrecognised" in told:
            raise RuntimeError(told)
        return told

    def list(self, path):
        return self.steps(f'ls "{path}"')

    def upload(self, local, path):
        self.steps(f'put "{local}" "{path}"')

    def download(self, path, local):
        self.steps(f'get "{path}" "{local}"')

    def make_folder(self, path):
        self.steps(f'mkcol "{path}"')

    def move(self, old, new):
        self.steps(f'move "{old}" "{new}"')

    def move_folder(self, old, new):
        self.move(old + "/", new + "/")

    def copy(self, old, new):
        self.steps(f'copy "{old}" "{new}"')

    def delete(self, path):
        self.steps(f'delete "{path}"')

    def delete_folder(self, path):
        self.steps(f'rmcol "{path}"')

    def tag(self, path, value):
        self.web.put(path, b"x")
        self.steps("set namespace x:", f'propset "{path}" colour "{value}"')

    def tagged(self, path):
        return property_of(self.door, path)


class Mounted(Client):
    """A file system: used by what every machine has."""

    mounted = stale = False
    settles = 5

    def open(self):
        if not os.path.exists("/dev/fuse"):
            raise Missing("there is no FUSE")
        self.mount_at = os.path.join(self.place, "mount")
        os.makedirs(self.mount_at)
        self.mount()

    def mount(self):
        with tempfile.TemporaryFile() as told:
            done = subprocess.run(self.command(), env=self.env, stdin=subprocess.DEVNULL,
                                  stdout=told, stderr=told, timeout=SECONDS,
                                  start_new_session=True)
            told.seek(0)
            said = told.read().decode(errors="replace").strip()
        if re.search("not permitted|permission denied|device not found", said, re.I):
            raise Missing(f"cannot mount ({said[-200:]})")
        if done.returncode != 0:
            raise RuntimeError(said)
        self.mounted, self.stale = True, False

    def unmount(self):
        """Also when it does not answer any more."""
        if self.mounted:
            self.mounted = False
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                     "stderr": subprocess.DEVNULL, "timeout": 10}
            try:
                subprocess.run([*self.end, self.mount_at], check=True, **quiet)
            except subprocess.SubprocessError:
                self.kill()
                if self.mount_at in grids.text_of("/proc/mounts"):
                    subprocess.run([*self.end_at_once, self.mount_at], check=True, **quiet)

    close = unmount

    def kill(self):
        """Ends the process that serves this mount: no other has its place in its command."""
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if self.mount_at.encode() in read(f"/proc/{number}/cmdline").split(b"\0"):
                    os.kill(int(number), signal.SIGKILL)

    def seed(self, path, data=None):
        """What others do is not always seen before it is mounted again."""
        self.stale = True
        return super().seed(path, data)

    def at_file(self, path):
        if self.stale:
            self.unmount()
        if not self.mounted:
            self.mount()
        return os.path.join(self.mount_at, path)

    def upload_cut(self, local, path):
        """The command sends nothing itself, and while it waits it cannot be killed."""
        with subprocess.Popen(["cp", local, self.at_file(path)], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL):
            stalled = self.door.wire.stalled.wait(SECONDS)
            self.kill()
        if stalled:
            raise Cut("cp")

    def list(self, path):
        return self.do("ls", "-1", self.at_file(path))

    def upload(self, local, path):
        self.do("cp", local, self.at_file(path))
        self.unmount()

    def download(self, path, local):
        self.do("cp", self.at_file(path), local)

    def part(self, path, start, size):
        with open(self.at_file(path), "rb") as file:
            file.seek(start)
            return file.read(size)

    def make_folder(self, path):
        self.do("mkdir", self.at_file(path))

    def move(self, old, new):
        self.do("mv", "-T", self.at_file(old), self.at_file(new))

    move_folder = move

    def delete(self, path):
        self.do("rm", self.at_file(path))

    def delete_folder(self, path):
        self.do("rm", "-r", self.at_file(path))

    def upload_timed(self, local, path):
        self.do("cp", "-p", local, self.at_file(path))
        self.unmount()

    def download_timed(self, path, local):
        self.do("cp", "-p", self.at_file(path), local)


class Davfs(Mounted):
    needs, version = ["mount.davfs"], ["mount.davfs", "-V"]
    end, end_at_once = ["umount"], ["umount", "-l", "-i"]

    def open(self):
        """It gives up root's rights, and then reaches no folder of the others."""
        if os.getuid() != 0:
            raise Missing("only root mounts")
        self.cache = tempfile.mkdtemp(prefix="davfs2-")
        try:
            shutil.chown(self.cache, group="davfs2")
            os.chmod(self.cache, 0o770)
            super().open()
        except BaseException:
            shutil.rmtree(self.cache)
            raise

    def close(self):
        try:
            super().close()
        finally:
            shutil.rmtree(self.cache)

    def kill(self):
        super().kill()
        with contextlib.suppress(OSError):
            os.remove(f"/var/run/mount.davfs/{self.mount_at.strip('/').replace('/', '-')}.pid")

    def mount(self):
        """With nothing in its cache: what it reads now would come from there."""
        for name in os.listdir(self.cache):
            shutil.rmtree(os.path.join(self.cache, name))
        super().mount()

    def command(self):
        settings, secrets = (os.path.join(self.place, name) for name in ["settings", "secrets"])
        with open(secrets, "w") as file:
            os.chmod(file.fileno(), 0o600)
            file.write(f"{self.door.url} {self.door.name} {self.door.secret}\n")
        with open(settings, "w") as file:
            file.write(f"secrets {secrets}\nask_auth 0\ndelay_upload 0\ncache_dir {self.cache}\n")
        return ["mount.davfs", "-o", f"conf={settings}", self.door.url, self.mount_at]


class Ssh:
    """A door by SFTP with a key, under the name `door` of a configuration."""

    by_sftp = True

    def settings(self):
        path = os.path.join(self.place, "ssh_config")
        with open(path, "w") as file:
            file.write(f"Host door\n  HostName 127.0.0.1\n  Port {self.door.sftp}\n"
                       f"  User {self.door.name}\n  IdentityFile {self.door.key_file}\n"
                       "  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  BatchMode yes\n"
                       f"  UserKnownHostsFile {self.place}/known_hosts\n  LogLevel ERROR\n")
        return path


class Sshfs(Ssh, Mounted):
    needs, version = ["sshfs", "fusermount3"], ["sshfs", "-V"]
    end, end_at_once = ["fusermount3", "-u"], ["fusermount3", "-u", "-z"]

    def command(self):
        return ["sshfs", "-F", self.settings(), "door:/", self.mount_at]


class Sftp(Ssh, Client):
    needs, version = ["sftp"], ["ssh", "-V"]

    def steps(self, *steps):
        return self.do("sftp", "-F", self.settings(), "-b", "-", "door",
                       stdin="\n".join(steps) + "\n")

    def list(self, path):
        return self.steps(f'ls -1 "{path}"')

    def upload(self, local, path):
        self.steps(f'put "{local}" "{path}"')

    def upload_rest(self, local, path, _):
        self.steps(f'reput "{local}" "{path}"')

    def download(self, path, local):
        self.steps(f'get "{path}" "{local}"')

    def download_rest(self, path, local):
        self.steps(f'reget "{path}" "{local}"')

    def make_folder(self, path):
        self.steps(f'mkdir "{path}"')

    def move(self, old, new):
        self.steps(f'rename "{old}" "{new}"')

    move_folder = move

    def copy(self, old, new):
        self.steps(f'copy "{old}" "{new}"')

    def delete(self, path):
        self.steps(f'rm "{path}"')

    def delete_folder(self, path):
        """It has no command for all that is below."""
        self.steps(*(f'rm "{path}/{name}"' for name in self.web.files(path)), f'rmdir "{path}"')

    def upload_timed(self, local, path):
        self.steps(f'put -p "{local}" "{path}"')

    def download_timed(self, path, local):
        self.steps(f'get -p "{path}" "{local}"')


class Scp(Ssh, Client):
    needs, version = ["scp"], ["ssh", "-V"]

    def scp(self, *arguments):
        self.do("scp", "-s", "-F", self.settings(), *arguments)

    def upload(self, local, path):
        self.scp(local, f"door:{path}")

    def download(self, path, local):
        self.scp(f"door:{path}", local)

    def upload_timed(self, local, path):
        self.scp("-p", local, f"door:{path}")

    def download_timed(self, path, local):
        self.scp("-p", f"door:{path}", local)


class Rclone(Client):
    needs, version = ["rclone"], ["rclone", "version"]

    def open(self):
        hidden = self.do("rclone", "obscure", self.door.secret).strip()
        settings = {"CONFIG": os.path.join(self.place, "none"), **self.remote(hidden)}
        self.env.update({f"RCLONE_{name}": str(value) for name, value in settings.items()})

    def rclone(self, *arguments, raw=False):
        return self.do("rclone", "--retries", "1", "--low-level-retries", "1", "--transfers", "1",
                       *arguments, raw=raw)

    def list(self, path):
        return self.rclone("lsf", f"door:{path}")

    def upload(self, local, path):
        self.rclone("copyto", local, f"door:{path}")

    def download(self, path, local):
        self.rclone("copyto", f"door:{path}", local)

    def part(self, path, start, size):
        return self.rclone("cat", "--offset", str(start), "--count", str(size), f"door:{path}",
                           raw=True)

    def make_folder(self, path):
        self.rclone("mkdir", f"door:{path}")

    def move(self, old, new):
        self.rclone("moveto", f"door:{old}", f"door:{new}")

    move_folder = move

    def copy(self, old, new):
        self.rclone("copyto", f"door:{old}", f"door:{new}")

    def delete(self, path):
        self.rclone("deletefile", f"door:{path}")

    def delete_folder(self, path):
        self.rclone("purge", f"door:{path}")

    upload_timed, download_timed = upload, download

    def sync(self, folder, path):
        self.rclone("sync", folder, f"door:{path}")


class RcloneDav(Rclone):
    def remote(self, hidden):
        return {"CONFIG_DOOR_TYPE": "webdav", "CONFIG_DOOR_URL": self.door.url,
                "CONFIG_DOOR_VENDOR": "owncloud", "CONFIG_DOOR_USER": self.door.name,
                "CONFIG_DOOR_PASS": hidden}


class RcloneSftp(Rclone):
    by_sftp, copy = True, None

    def remote(self, hidden):
        return {"CONFIG_DOOR_TYPE": "sftp", "CONFIG_DOOR_HOST": "127.0.0.1",
                "CONFIG_DOOR_PORT": self.door.sftp, "CONFIG_DOOR_USER": self.door.name,
                "CONFIG_DOOR_PASS": hidden, "CONFIG_DOOR_SHELL_TYPE": "none",
                "CONFIG_DOOR_MD5SUM_COMMAND": "none", "CONFIG_DOOR_SHA1SUM_COMMAND": "none"}


class Buckets:
    """What all clients by S3 have in common: a row's folder is a bucket, and so are others."""

    def folder_at(self, name):
        return f"{self.base}-{name}"

    def head(self, path):
        return self.door.must(200, "HEAD", f"/{path}")[0]

    def tagged(self, path):
        return self.head(path).get("x-amz-meta-colour", "")

    def in_parts(self, path):
        """Whether an object was sent in parts: its tag says of how many."""
        return re.search(r'-[1-9]\d*"?$', self.head(path)["ETag"])


class RcloneS3(Buckets, Rclone):
    def remote(self, _):
        return {"CONFIG_DOOR_TYPE": "s3", "CONFIG_DOOR_PROVIDER": "Other",
                "CONFIG_DOOR_ENDPOINT": self.door.endpoint,
                "CONFIG_DOOR_ACCESS_KEY_ID": self.door.id,
                "CONFIG_DOOR_SECRET_ACCESS_KEY": self.door.key, "S3_UPLOAD_CUTOFF": "6M",
                "S3_CHUNK_SIZE": "5M", "S3_UPLOAD_CONCURRENCY": 1}

    def tag(self, path, value):
        self.rclone("copyto", "-M", "--metadata-set", f"colour={value}", self.local(b"x"),
                    f"door:{path}")


class Aws(Buckets, Client):
    needs, version = ["aws"], ["aws", "--version"]

    def open(self):
        config = os.path.join(self.place, "config")
        with open(config, "w") as file:
            file.write("[default]\ns3 =\n  max_concurrent_requests = 1\n")
        self.env.update({**self.door.environment(), **self.env, "AWS_CONFIG_FILE": config,
                         "AWS_SHARED_CREDENTIALS_FILE": os.path.join(self.place, "none"),
                         "AWS_MAX_ATTEMPTS": "1", "AWS_ACCESS_KEY_ID": self.door.id,
                         "AWS_SECRET_ACCESS_KEY": self.door.key})

    def s3(self, *arguments):
        return self.do("aws", "--endpoint-url", self.door.endpoint, "s3", *arguments)

    def list(self, path):
        return self.s3("ls", f"s3://{path}/")

    def upload(self, local, path):
        self.s3("cp", "--no-progress", local, f"s3://{path}")

    def download(self, path, local):
        self.s3("cp", "--no-progress", f"s3://{path}", local)

    def part(self, path, start, size):
        bucket, key = path.split("/", 1)
        there = self.local()
        self.do("aws", "--endpoint-url", self.door.endpoint, "s3api", "get-object",
                "--bucket", bucket, "--key", key,
                "--range", f"bytes={start}-{start + size - 1}", there)
        return read(there)

    def make_folder(self, path):
        self.s3("mb", f"s3://{path}")

    def move(self, old, new):
        self.s3("mv", f"s3://{old}", f"s3://{new}")

    def move_folder(self, old, new):
        self.s3("mv", "--recursive", f"s3://{old}", f"s3://{new}")

    def copy(self, old, new):
        self.s3("cp", f"s3://{old}", f"s3://{new}")

    def delete(self, path):
        self.s3("rm", f"s3://{path}")

    def delete_folder(self, path):
        self.s3("rb", "--force", f"s3://{path}")

    def sync(self, folder, path):
        self.s3("sync", "--no-progress", folder, f"s3://{path}")

    def tag(self, path, value):
        self.s3("cp", "--metadata", f"colour={value}", self.local(b"x"), f"s3://{path}")


class Boto3(Buckets, Client):
    needs, version = [], [sys.executable, "-c", "import boto3; print(boto3.__version__)"]

    def boto(self, line, path, *arguments):
        """Runs a line with the client `c`, the bucket `b`, the key `k` and arguments `a`."""
        bucket, _, key = path.partition("/")
        program = ("import sys, boto3\nfrom botocore.config import Config\n"
                   "endpoint, one, two, b, k, *a = sys.argv[1:]\n"
                   "c = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1',\n"
                   "    aws_access_key_id=one, aws_secret_access_key=two,\n"
                   "    config=Config(s3={'addressing_style': 'path'},\n"
                   "        retries={'max_attempts': 0}))\n")
        return self.do(sys.executable, "-c", program + line, self.door.endpoint, self.door.id,
                       self.door.key, bucket, key, *arguments)

    def list(self, path):
        return self.boto("for o in c.list_objects_v2(Bucket=b, Prefix=k + '/')['Contents']:"
                         " print(o['Key'])", path)

    def upload(self, local, path):
        self.boto("c.upload_file(a[0], b, k)", path, local)

    def download(self, path, local):
        self.boto("c.download_file(b, k, a[0])", path, local)

    def part(self, path, start, size):
        there = self.local()
        self.boto("r = c.get_object(Bucket=b, Key=k, Range=a[1])['Body'].read()\n"
                  "open(a[0], 'wb').write(r)", path, there, f"bytes={start}-{start + size - 1}")
        return read(there)

    def make_folder(self, path):
        self.boto("c.create_bucket(Bucket=b)", path)

    def copy(self, old, new):
        bucket, key = old.split("/", 1)
        self.boto("c.copy_object(Bucket=b, Key=k, CopySource={'Bucket': a[0], 'Key': a[1]})",
                  new, bucket, key)

    def delete(self, path):
        self.boto("c.delete_object(Bucket=b, Key=k)", path)

    def delete_folder(self, path):
        self.boto("o = [{'Key': o['Key']} for o in c.list_objects_v2(Bucket=b)['Contents']]\n"
                  "c.delete_objects(Bucket=b, Delete={'Objects': o})\n"
                  "c.delete_bucket(Bucket=b)", path)

    def tag(self, path, value):
        self.boto("c.put_object(Bucket=b, Key=k, Body=b'x', Metadata={'colour': a[0]})",
                  path, value)


class S3cmd(Buckets, Client):
    needs, version = ["s3cmd"], ["s3cmd", "--version"]

    def s3cmd(self, *arguments):
        host = self.door.endpoint.split("://")[1]
        return self.do("s3cmd", f"--access_key={self.door.id}", f"--secret_key={self.door.key}",
                       f"--host={host}", f"--host-bucket={host}", "--no-ssl", "-c", "/dev/null",
                       "--no-progress", "--multipart-chunk-size-mb=5", *arguments)

    def list(self, path):
        return self.s3cmd("ls", f"s3://{path}/")

    def upload(self, local, path):
        self.s3cmd("put", local, f"s3://{path}")

    def upload_rest(self, local, path, _):
        told = self.s3cmd("multipart", "s3://" + path.split("/")[0])
        known = [line.split("\t")[-1] for line in told.splitlines() if path in line]
        self.s3cmd("put", f"--upload-id={known[0]}", local, f"s3://{path}")

    def download(self, path, local):
        self.s3cmd("get", "--force", f"s3://{path}", local)

    def download_rest(self, path, local):
        self.s3cmd("get", "--continue", f"s3://{path}", local)

    def make_folder(self, path):
        self.s3cmd("mb", f"s3://{path}")

    def move(self, old, new):
        self.s3cmd("mv", f"s3://{old}", f"s3://{new}")

    def move_folder(self, old, new):
        self.s3cmd("mv", "--recursive", f"s3://{old}/", f"s3://{new}/")

    def copy(self, old, new):
        self.s3cmd("cp", f"s3://{old}", f"s3://{new}")

    def delete(self, path):
        self.s3cmd("rm", f"s3://{path}")

    def delete_folder(self, path):
        self.s3cmd("rb", "--recursive", "--force", f"s3://{path}")

    upload_timed = upload

    def download_timed(self, path, local):
        self.s3cmd("sync", f"s3://{path}", local)

    def sync(self, folder, path):
        self.s3cmd("sync", folder + "/", f"s3://{path}/")

    def tag(self, path, value):
        self.s3cmd("put", f"--add-header=x-amz-meta-colour:{value}", self.local(b"x"),
                   f"s3://{path}")


class Restic(Client):
    """A repository in the row's own folder; its operations are tried in the order of the table."""

    needs, version = ["restic"], ["restic", "version"]
    options, repository = (), None

    def open(self):
        self.env.update({"RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": self.at_url(),
                         "RESTIC_CACHE_DIR": os.path.join(self.above, "cache")})
        self.source = os.path.join(self.above, f"source {ODD}")

    def restic(self, *arguments, raw=False, seconds=SECONDS):
        try:
            return self.do("restic", *self.options, *arguments, raw=raw, seconds=seconds)
        except Endless:
            if self.door is self.doors["open"]:  # What was killed leaves its lock.
                self.do("restic", *self.options, "unlock", "--remove-all")
            raise

    def stored(self, folder):
        """Names and sizes of what the repository has of one kind, by the web API."""
        return {name: about[0] for name, about in self.web.files(self.path(folder)).items()}


class ResticRest(Restic):
    def at_url(self):
        return f"{self.door.rest}{self.base}/"


class ResticS3(Restic):
    def at_url(self):
        self.env.update({**self.door.environment(), **self.env, "AWS_ACCESS_KEY_ID": self.door.id,
                         "AWS_SECRET_ACCESS_KEY": self.door.key})
        return f"s3:{self.door.endpoint}/{self.base}"


class ResticSftp(Ssh, Restic):
    def at_url(self):
        self.options = ["-o", f"sftp.command=ssh -F {self.settings()} -s door sftp"]
        return f"sftp:door:/{self.base}"


def read(path):
    with open(path, "rb") as file:
        return file.read()
