"""Share files of either grid as they lie on disk (docs/spec/formats-immutable.md §4, §13).

Standard library only. Knows where shares are and what surrounds them, not what is in them.
"""

import base64
import glob
import hashlib
import os
import struct

HEADER, LEASE = 12, 72


def b32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def unb32(text):
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def storage_index(cap):
    """The storage index of a CHK read cap, from its key."""
    tag = b"allmydata_immutable_key_to_storage_index_v1"
    key = unb32(cap.split(":")[2])
    once = hashlib.sha256(b"%d:%s," % (len(tag), tag) + key).digest()
    return b32(hashlib.sha256(once).digest()[:16])


def bucket(server, cap):
    """The folder of a file's shares on a server."""
    si = storage_index(cap)
    return os.path.join(server.folder, "storage", "shares", si[:2], si)


def of(grid, cap):
    """The container of each share of a file, by share number."""
    paths = (path for server in grid.servers
             for path in glob.glob(os.path.join(bucket(server, cap), "*")))
    return {int(os.path.basename(path)): path for path in paths}


def parts(path):
    """The share inside a container, and its lease records."""
    with open(path, "rb") as file:
        data = file.read()
    version, _, count = struct.unpack(">LLL", data[:HEADER])
    if version not in (1, 2):
        raise RuntimeError(f"container version {version}")
    end = len(data) - LEASE * count
    return data[HEADER:end], [data[at:at + LEASE] for at in range(end, len(data), LEASE)]


def around(share):
    """A version 2 container around a share, with one lease that ends in 2038."""
    lease = struct.pack(">L32s32sL", 0, b"\1" * 32, b"\2" * 32, 2**31 - 1)
    return struct.pack(">LLL", 2, len(share), 1) + share + lease
