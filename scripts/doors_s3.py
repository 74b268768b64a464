#!/usr/bin/env python3
"""Programs that people have use a door as a bucket, and as a place for backups.

A small grid of this project's program is brought up, doors are added to the owner's drive, and restic
(by its REST protocol and by S3), rclone, s3cmd, aws and boto3 work through them. Then what no program
does: rights, wrong signatures, addresses after their time, and a gateway that is killed again and again
while things come in. Prints one line a thing that is shown; what the machine lacks is skipped with one
line.

    python3 scripts/doors_s3.py --tahoe target/debug/tahoe [--kills 8]

Standard library only.
"""

import argparse
import copy
import datetime
import hashlib
import hmac
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
import urllib.error
import urllib.parse
import urllib.request

import doors_dav
import grids
from doors_dav import run, shown, tree

REGION = "nowhere"
BIG = 200_000_000


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Door(doors_dav.Door):
    """A door as a bucket."""

    def __init__(self, grid, name, place="private:", rights=()):
        told = grid.tahoe("door", "add", name, place, "-d", grid.gateway.folder, *rights)
        self.name, self.grid = name, grid
        self.secret = re.search(r"password (\S+)", told).group(1)
        self.id = re.search(r"access key id +(\S+)", told).group(1)
        self.key = re.search(r"secret access key +(\S+)", told).group(1)
        self.endpoint = re.search(r"S3 +(http://[^,\s]+)", told).group(1)
        self.rest = re.search(r"restic +(rest:\S+)", told).group(1)
        self.url = f"{self.endpoint}/restic/{name}/"

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        return {**kept, "AWS_ACCESS_KEY_ID": self.id, "AWS_SECRET_ACCESS_KEY": self.key,
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
                "RCLONE_CONFIG_DOOR_TYPE": "s3", "RCLONE_CONFIG_DOOR_PROVIDER": "Other",
                "RCLONE_CONFIG_DOOR_ENDPOINT": self.endpoint,
                "RCLONE_CONFIG_DOOR_ACCESS_KEY_ID": self.id,
                "RCLONE_CONFIG_DOOR_SECRET_ACCESS_KEY": self.key}

    def sign(self, text, day):
        key = ("AWS4" + self.key).encode()
        for part in [day, REGION, "s3", "aws4_request", text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    def s3(self, method, path, data=b"", headers=(), query=(), at=None, raw=None):
        """Status, headers and body of one signed request; `raw`: the path as it is sent."""
        now = at or datetime.datetime.now(datetime.timezone.utc)
        time_, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        host = self.endpoint.split("://")[1]
        headers = {"host": host, "x-amz-date": time_, "x-amz-content-sha256": sha256(data),
                   **{name.lower(): value for name, value in dict(headers).items()}}
        names = ";".join(sorted(headers))
        fields = urllib.parse.urlencode(sorted(query), quote_via=urllib.parse.quote, safe="-_.~")
        spelled = urllib.parse.quote(path, safe="/-_.~")
        request = "\n".join([method, spelled, fields,
                             "".join(f"{name}:{headers[name]}\n" for name in sorted(headers)), names,
                             headers["x-amz-content-sha256"]])
        scope = f"{day}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{time_}\n{scope}\n{sha256(request.encode())}"
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.id}/{scope}, "
                                    f"SignedHeaders={names}, Signature={self.sign(text, day)}")
        return self.send(method, (raw or spelled) + ("?" + fields if fields else ""), data, headers)

    def presigned(self, method, path, seconds, at=None):
        now = at or datetime.datetime.now(datetime.timezone.utc)
        time_, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        scope = f"{day}/{REGION}/s3/aws4_request"
        query = [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", f"{self.id}/{scope}"),
                 ("X-Amz-Date", time_), ("X-Amz-Expires", str(seconds)), ("X-Amz-SignedHeaders", "host")]
        fields = urllib.parse.urlencode(query, quote_via=urllib.parse.quote, safe="-_.~")
        host = self.endpoint.split("://")[1]
        request = f"{method}\n{path}\n{fields}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        text = f"AWS4-HMAC-SHA256\n{time_}\n{scope}\n{sha256(request.encode())}"
        return f"{path}?{fields}&X-Amz-Signature={self.sign(text, day)}"

    def send(self, method, path, data=None, headers=()):
        request = urllib.request.Request(self.endpoint + path, data=data or None, method=method,
                                         headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
        except OSError as error:
            return 0, {}, str(error).encode()

    def must(self, status, *arguments, **named):
        got, headers, body = self.s3(*arguments, **named)
        if got != status:
            raise RuntimeError(f"{arguments[:2]}: {got} instead of {status}: {body[:300]!r}")
        return headers, body


def backup(repository, folder, env):
    """A whole life of a repository; what a backup that was cut off leaves is no harm."""
    source, env = os.path.join(folder, "source"), {**env, "RESTIC_PASSWORD": "x",
                                                  "RESTIC_REPOSITORY": repository,
                                                  "RESTIC_CACHE_DIR": os.path.join(folder, "cache")}
    count = tree(source)
    with open(os.path.join(source, "large"), "wb") as file:
        file.write(random.randbytes(20_000_000))
    run("restic", "init", env=env)
    cut = subprocess.Popen(["restic", "backup", source], env=env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    cut.kill()
    cut.wait()
    run("restic", "unlock", "--remove-all", env=env)
    run("restic", "backup", source, env=env)
    with open(os.path.join(source, "more"), "wb") as file:
        file.write(random.randbytes(3_000_000))
    run("restic", "backup", source, env=env)
    run("restic", "check", "--read-data", env=env)
    back = os.path.join(folder, "back")
    run("restic", "restore", "latest", "--target", back, env=env)
    run("diff", "-r", source, back + source)
    run("restic", "forget", "--keep-last", "1", "--prune", env=env)
    run("restic", "check", env=env)
    return f"init, killed backup, backup, check, restore and prune of {count + 2} files"


def restic_rest(door, folder):
    said = backup(door.rest + "repository/", folder, dict(os.environ))
    # A machine that may only add cannot delete its backups, and still ends its own work.
    adding = Door(door.grid, "laptop", "private:", ["--append-only"])
    env = {**os.environ, "RESTIC_PASSWORD": "x", "RESTIC_CACHE_DIR": os.path.join(folder, "cache"),
           "RESTIC_REPOSITORY": adding.rest + "repository/"}
    run("restic", "backup", os.path.join(folder, "source"), env=env)
    gone = subprocess.run(["restic", "forget", "--keep-last", "1", "--prune"], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if gone.returncode == 0 or len(re.findall(r"^[0-9a-f]{8} ", run("restic", "snapshots", env=env), re.M)) != 2:
        raise RuntimeError(f"an append-only door let go: {gone.stdout[-500:]}")
    return said + "; append-only keeps its snapshots"


def rclone(door, folder):
    source, back = os.path.join(folder, "source"), os.path.join(folder, "back")
    env, count = door.environment(), tree(source)

    def told(*arguments):
        return run("rclone", "--retries", "1", *arguments, env=env)

    told("copy", source, "door:rclone-bucket")
    told("check", source, "door:rclone-bucket")
    told("sync", "door:rclone-bucket", back)
    told("check", "--download", source, "door:rclone-bucket")
    run("diff", "-r", source, back)
    told("move", "door:rclone-bucket/plain", "door:rclone-bucket/moved/deep")
    again = told("-v", "sync", source, "door:rclone-bucket")
    if "Copied" not in again:
        raise RuntimeError(again)
    again = told("-v", "--dry-run", "sync", source, "door:rclone-bucket")
    if "Skipped copy" in again:
        raise RuntimeError(f"times do not stay: {again}")
    told("purge", "door:rclone-bucket")
    return f"copy, check, sync, move and purge of {count} files; times stay"


def s3cmd(door, folder):
    source, host = os.path.join(folder, "source"), door.endpoint.split("://")[1]
    count = tree(source)
    base = ["s3cmd", f"--access_key={door.id}", f"--secret_key={door.key}", f"--host={host}",
            f"--host-bucket={host}", "--no-ssl", "-c", "/dev/null"]
    large = os.path.join(folder, "large")
    with open(large, "wb") as file:
        file.write(random.randbytes(33_000_000))
    run(*base, "mb", "s3://s3cmd-bucket")
    run(*base, "put", large, "s3://s3cmd-bucket/large")
    run(*base, "get", "s3://s3cmd-bucket/large", large + ".back")
    run("cmp", large, large + ".back")
    run(*base, "sync", source + "/", "s3://s3cmd-bucket/tree/")
    listed = run(*base, "ls", "-r", "s3://s3cmd-bucket/tree/").splitlines()
    if len(listed) != count:
        raise RuntimeError(f"{len(listed)} of {count} files listed")
    run(*base, "del", "-r", "--force", "s3://s3cmd-bucket/")
    run(*base, "rb", "s3://s3cmd-bucket")
    return f"put, get and sync of {count + 1} files, in parts"


def aws(door, folder):
    source, env = os.path.join(folder, "source"), door.environment()
    count = tree(source)
    large = os.path.join(folder, "large")
    with open(large, "wb") as file:
        file.write(os.urandom(1_000_000) * (BIG // 1_000_000))

    def told(*arguments):
        return run("aws", "--endpoint-url", door.endpoint, "s3", *arguments, env=env)

    told("mb", "s3://aws-bucket")
    told("cp", large, "s3://aws-bucket/large", "--no-progress")
    told("cp", "s3://aws-bucket/large", large + ".back", "--no-progress")
    run("cmp", large, large + ".back")
    told("sync", source, "s3://aws-bucket/tree", "--no-progress")
    if told("sync", source, "s3://aws-bucket/tree", "--no-progress").strip():
        raise RuntimeError("a second sync found something to do")
    told("rb", "--force", "s3://aws-bucket")
    return f"{BIG // 1_000_000} MB in parts, sync of {count} files"


# Objects in parts, with a sum of each part and one of all: run by `boto3` with its client `four`.
PARTS = '''
import base64, hashlib, zlib
SUMS = {"SHA256": lambda b: hashlib.sha256(b).digest(), "CRC32": lambda b: zlib.crc32(b).to_bytes(4, "big")}
at = {"Bucket": "boto-bucket", "Key": "parts"}
bodies = [b"a" * (5 << 20), b"bc" * 50]
for name, kind in [("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT")]:
    made, field = SUMS[name], "Checksum" + name
    said = lambda raw: base64.b64encode(raw).decode()
    begun = four.create_multipart_upload(**at, ChecksumAlgorithm=name, ChecksumType=kind)
    assert (begun["ChecksumAlgorithm"], begun["ChecksumType"]) == (name, kind), begun
    upload, parts = {**at, "UploadId": begun["UploadId"]}, []
    for number, body in enumerate(bodies, 1):
        part = four.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm=name)
        assert part[field] == said(made(body)), part
        parts.append({"PartNumber": number, "ETag": part["ETag"], field: part[field]})
    listed = four.list_parts(**upload)
    assert listed["ChecksumType"] == kind and listed["Parts"][1][field] == parts[1][field], listed
    wrong = [parts[0], {**parts[1], field: parts[0][field]}]
    try:
        four.complete_multipart_upload(**upload, MultipartUpload={"Parts": wrong})
        raise SystemExit("a part with another sum was taken")
    except four.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidPart", error
    whole = said(made(b"".join(bodies)))
    if kind == "COMPOSITE":
        whole = said(made(b"".join(map(made, bodies)))) + "-2"
    done = four.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **{field: whole})
    assert (done[field], done["ChecksumType"]) == (whole, kind), done
    head = four.head_object(**at, ChecksumMode="ENABLED")
    assert (head[field], head["ChecksumType"]) == (whole, kind), head
    told = four.get_object_attributes(**at, ObjectAttributes=["Checksum", "ObjectParts", "ObjectSize"])
    assert told["Checksum"] == {field: whole, "ChecksumType": kind}, told
    assert [part["Size"] for part in told["ObjectParts"]["Parts"]] == list(map(len, bodies)), told
    second = four.get_object(**at, PartNumber=2)
    assert second["Body"].read() == bodies[1] and second["PartsCount"] == 2, second
    assert second["ResponseMetadata"]["HTTPStatusCode"] == 206, second
    try:
        four.get_object(**at, PartNumber=3)
        raise SystemExit("a part that is not there was sent")
    except four.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidPart", error
    begun = four.create_multipart_upload(**at, ChecksumAlgorithm=name, ChecksumType=kind)
    upload = {**at, "UploadId": begun["UploadId"]}
    source = {"Bucket": at["Bucket"], "Key": at["Key"]}
    copied = four.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    assert copied[field] == said(made(b"".join(bodies))), copied
    four.abort_multipart_upload(**upload)
four.delete_object(**at)
'''


def boto3(door, _):
    program = (
        "import boto3, urllib.request\n"
        "from botocore.config import Config\n"
        "for version in ['s3v4', 's3']:\n"
        f"    c = boto3.client('s3', endpoint_url={door.endpoint!r}, config=Config(\n"
        "        signature_version=version, s3={'addressing_style': 'path'}))\n"
        "    if version == 's3v4':\n"
        "        four = c\n"
        "        c.create_bucket(Bucket='boto-bucket')\n"
        "        c.put_object(Bucket='boto-bucket', Key='a b/\u00fc', Body=b'over', Metadata={'k': 'v'})\n"
        "        for a in ['CRC32', 'SHA1', 'SHA256']:\n"
        "            c.put_object(Bucket='boto-bucket', Key=a, Body=b'x' * 99, ChecksumAlgorithm=a)\n"
        "            h = c.head_object(Bucket='boto-bucket', Key=a, ChecksumMode='ENABLED')\n"
        "            assert h['Checksum' + a], h\n"
        "        try:\n"
        "            c.put_object(Bucket='boto-bucket', Key='CRC32', Body=b'', IfNoneMatch='*')\n"
        "            raise SystemExit('it was replaced')\n"
        "        except c.exceptions.ClientError as error:\n"
        "            assert error.response['Error']['Code'] == 'PreconditionFailed'\n"
        "    at = {'Bucket': 'boto-bucket', 'Key': 'a b/\u00fc'}\n"
        "    for url in [c.generate_presigned_url('get_object', at, ExpiresIn=60)]:\n"
        "        assert urllib.request.urlopen(url).read() == b'over'\n"
        f"{PARTS}"
        "keys = [o['Key'] for o in four.list_objects_v2(Bucket='boto-bucket')['Contents']]\n"
        "assert keys == sorted(keys) and len(keys) == 4, keys\n"
        "four.delete_objects(Bucket='boto-bucket', Delete={'Objects': [{'Key': k} for k in keys]})\n"
        "four.delete_bucket(Bucket='boto-bucket')\n")
    env = door.environment()
    if subprocess.run([sys.executable, "-c", "import boto3"], env=env, stderr=subprocess.DEVNULL).returncode:
        print("boto3: skipped, it is not installed")
        return None
    run(sys.executable, "-c", program, env=env)
    return "objects with sums and metadata, also in parts; conditions, addresses signed by both versions"


def listing(door, _):
    """Keys of many directories come in the order of their bytes, whole, in pages of any size."""
    random.seed(11)
    door.must(200, "PUT", "/list-bucket")
    letters = ["a", "a.", "a-", "b", "0", "\u00fc", "a b"]
    keys = {"/".join(random.choice(letters) + str(random.randrange(3)) for _ in range(1, random.randrange(2, 6)))
            for _ in range(150)}
    # A key is no directory of others.
    keys = sorted((key for key in keys if not any(other.startswith(key + "/") for other in keys)),
                  key=lambda key: key.encode())
    for key in keys:
        door.must(200, "PUT", f"/list-bucket/{key}", b"x")

    def pages(prefix, delimiter, size):
        found, token = [], None
        while True:
            query = [("list-type", "2"), ("max-keys", str(size)), ("prefix", prefix),
                     ("delimiter", delimiter), ("encoding-type", "url")]
            query += [("continuation-token", token)] if token else []
            _, body = door.must(200, "GET", "/list-bucket", query=query)
            page = re.findall(r"<(Key|CommonPrefixes><Prefix)>([^<]*)<", body.decode())
            if len(page) > size:
                raise RuntimeError(f"{len(page)} in a page of {size}")
            found += [(kind == "Key", urllib.parse.unquote(text)) for kind, text in page]
            token = re.search(r"<NextContinuationToken>([^<]+)<", body.decode())
            if not token:
                return sorted(found, key=lambda one: one[1].encode()), found
            token = token.group(1)

    tried = 0
    for prefix in ["", "a", "a/", "a.", keys[7][:3], keys[40].rsplit("/", 1)[0] + "/", "nothing"]:
        for delimiter in ["", "/", "0"]:
            wanted = set()
            for key in (key for key in keys if key.startswith(prefix)):
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                wanted.add((True, key) if end < 0 else (False, key[:end + len(delimiter)]))
            for size in [1, 7, 1000]:
                _, found = pages(prefix, delimiter, size)
                tried += 1
                if sorted(found) != sorted(wanted):
                    odd = set(found) ^ wanted
                    raise RuntimeError(f"{prefix!r} {delimiter!r} {size}: {sorted(odd)[:5]}, {len(found)}")
    return f"{len(keys)} keys, {tried} ways to list them"


def rights(door, _):
    grid = door.grid
    reading = Door(grid, "reading", rights=["--read-only"])
    adding = Door(grid, "adding", rights=["--append-only"])
    door.must(200, "PUT", "/rights-bucket")
    before, _ = door.must(200, "PUT", "/rights-bucket/kept", b"as it was")
    grids.until("the doors", lambda: reading.s3("GET", "/")[0] == 200)
    source = {"x-amz-copy-source": "/rights-bucket/kept"}
    refused = [("PUT", "/rights-bucket/kept", b"x", {}, ()), ("DELETE", "/rights-bucket/kept", b"", {}, ()),
               ("PUT", "/rights-bucket/kept", b"", source | {"x-amz-metadata-directive": "REPLACE"}, ()),
               ("DELETE", "/rights-bucket", b"", {}, ()),
               ("POST", "/rights-bucket", b"<Delete><Object><Key>kept</Key></Object></Delete>", {}, [("delete", "")])]
    more = [("PUT", "/rights-bucket/new", b"x", {}, ()), ("PUT", "/rights-bucket/dir/", b"", {}, ()),
            ("PUT", "/rights-bucket/copy", b"", source, ()), ("PUT", "/other-bucket", b"", {}, ()),
            ("POST", "/rights-bucket/parts", b"", {}, [("uploads", "")])]
    for which, method, path, data, headers, query in [(reading, *one) for one in refused + more] + \
            [(adding, *one) for one in refused]:
        which.must(403, method, path, data, headers, query)
    adding.must(200, "PUT", "/rights-bucket/new", b"x")
    adding.must(403, "PUT", "/rights-bucket/new", b"y")
    headers, body = door.must(200, "GET", "/rights-bucket/kept")
    if body != b"as it was" or headers["ETag"] != before["ETag"]:
        raise RuntimeError(f"something was changed: {body!r}")
    return f"{2 * len(refused) + len(more) + 1} requests beyond the rights refused, nothing changed"


def signatures(door, _):
    """Whoever lacks the key, comes late or changes what was signed stays outside."""
    door.must(200, "PUT", "/sign-bucket")
    door.must(200, "PUT", "/sign-bucket/a", b"treasure")
    now = datetime.datetime.now(datetime.timezone.utc)
    tried = 0

    def refused(status, headers, body):
        nonlocal tried
        tried += 1
        if status not in (400, 403) or b"treasure" in body:
            raise RuntimeError(f"try {tried}: {status} {body[:200]!r}")

    for minutes in (-16, 16):
        refused(*door.s3("GET", "/sign-bucket/a", at=now + datetime.timedelta(minutes=minutes)))
    good = door.presigned("GET", "/sign-bucket/a", 60)
    if door.send("GET", good)[2] != b"treasure":
        raise RuntimeError("an address that is good is refused")
    refused(*door.send("GET", door.presigned("GET", "/sign-bucket/a", 60, now - datetime.timedelta(minutes=2))))
    refused(*door.send("PUT", good, b"other"))
    refused(*door.send("GET", good.replace("/a?", "/b?")))
    refused(*door.send("GET", good.replace("Expires=60", "Expires=6000")))
    refused(*door.send("GET", good + "&acl"))
    refused(*door.send("GET", good.replace("Signature=", "Signature=0")))
    refused(*door.send("GET", good.split("&X-Amz-Signature")[0]))
    refused(*door.s3("GET", "/sign-bucket/a", raw="/sign-bucket/b"))
    for path in ["/..", "/sign-bucket/../sign-bucket/a", "/sign-bucket/a/../a", "/sign-bucket/./a", "/%2e%2e/a"]:
        status, _, body = door.s3("GET", urllib.parse.unquote(path), raw=path)
        if status == 200:
            raise RuntimeError(f"{path}: {body[:100]!r}")
        tried += 1
    # A body that is not the one that was signed.
    refused(*door.s3("PUT", "/sign-bucket/b", b"other", {"x-amz-content-sha256": sha256(b"treasure")}))
    key, door.key = door.key, "0" * 40
    began = time.monotonic()
    refused(*door.s3("GET", "/sign-bucket/a"))
    door.key = key
    door.must(404, "GET", "/sign-bucket/b")
    one = Door(door.grid, "short")
    grids.until("the door", lambda: one.s3("GET", "/")[0] == 200)
    door.grid.tahoe("door", "remove", "short", "-d", door.grid.gateway.folder)
    refused(*one.s3("GET", "/"))
    return f"{tried} tries, none inside; a removed door is shut at once ({time.monotonic() - began:.1f} s)"


def parallel(door, _):
    """Of many who make the same key on the condition that it is not there, one does."""
    door.must(200, "PUT", "/race-bucket")
    won = []
    for n in range(5):
        def make(number):
            status, *_ = door.s3("PUT", f"/race-bucket/{n}", b"%d" % number, {"if-none-match": "*"})
            if status == 200:
                won.append(number)
            elif status != 412:
                raise RuntimeError(status)
        threads = [threading.Thread(target=make, args=(number,)) for number in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    if len(won) != 5:
        raise RuntimeError(f"{len(won)} of 5 races were won")
    return "of 20 who make a key at once one does, five times"


def killed(door, kills):
    """A gateway that is killed while things come in has all that it acknowledged, and nothing half."""
    grid, drive = door.grid, copy.copy(door)
    drive.url = f"{door.endpoint}/dav/{door.name}/"
    door.must(200, "PUT", "/kill-bucket")
    known, lock = {}, threading.Lock()
    for round_ in range(kills):
        stop = threading.Event()

        def work(number):
            at = 0
            while not stop.is_set():
                size = random.choice([10, 5_000, 300_000, 2_000_000])
                data = random.randbytes(size)
                at += 1
                key = f"{round_}-{number}-{at}"
                if number % 3 == 0:
                    acknowledged = door.s3("PUT", f"/kill-bucket/{key}", data)[0] == 200
                    name = ("s3", key)
                elif number % 3 == 1:
                    acknowledged = basic(drive, "PUT", f"kill-bucket/{key}", data)[0] == 201
                    name = ("dav", key)
                else:
                    digest = sha256(data)
                    acknowledged = basic(door, "POST", f"kill/data/{digest}", data)[0] == 200
                    name = ("restic", digest)
                with lock:
                    known[name] = (sha256(data), acknowledged or known.get(name, (0, False))[1])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        [thread.start() for thread in threads]
        time.sleep(random.uniform(0.1, 1.2))
        grid.gateway.signal(signal.SIGKILL)
        grid.gateway.process.wait()
        stop.set()
        [thread.join() for thread in threads]
        grid.launch(grid.gateway)
        grids.until("the gateway", lambda: door.s3("GET", "/")[0] == 200)
    lost = half = there = 0
    for (kind, name), (digest, acknowledged) in known.items():
        if kind == "s3":
            status, _, body = door.s3("GET", f"/kill-bucket/{name}")
        elif kind == "dav":
            status, _, body = basic(drive, "GET", f"kill-bucket/{name}")
        else:
            status, _, body = basic(door, "GET", f"kill/data/{name}")
        there += status == 200
        lost += acknowledged and status != 200
        half += status == 200 and sha256(body) != digest
    if lost or half or not there:
        raise RuntimeError(f"{lost} lost, {half} half, of {len(known)}")
    acknowledged = sum(one[1] for one in known.values())
    return f"{kills} kills, {len(known)} uploads through three doors, {acknowledged} acknowledged, all there; none half"


def basic(door, method, path, data=None):
    try:
        return door.ask(method, path, data)
    except OSError as error:
        return 0, {}, str(error).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tahoe", required=True, help="this project's program")
    parser.add_argument("--kills", type=int, default=8, help="how often the gateway is killed")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.tahoe)
    with tempfile.TemporaryDirectory() as folder:
        grid = grids.Ours(program, os.path.join(folder, "grid"), servers=4, encoding=(2, 3, 4))
        with grid:
            grids.until("the owner's directory", lambda: doors_dav.own(grid))
            door = Door(grid, "box")
            for what, needs, work in [
                ("restic by REST", "restic", restic_rest),
                ("restic by S3", "restic",
                 lambda door, place: backup(f"s3:{door.endpoint}/restic-bucket", place, door.environment())),
                ("rclone by S3", "rclone", rclone),
                ("s3cmd", "s3cmd", s3cmd),
                ("aws", "aws", aws),
                ("boto3", None, boto3),
                ("listings", None, listing),
                ("rights by S3", None, rights),
                ("signatures", None, signatures),
                ("conditions", None, parallel),
                ("kills", None, lambda door, _: killed(door, arguments.kills)),
            ]:
                place = os.path.join(folder, what)
                os.makedirs(place)
                shown(what, needs, lambda work=work, place=place: work(door, place))
                shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        sys.exit(f"doors_s3: {error}")
