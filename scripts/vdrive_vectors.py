#!/usr/bin/env python3
"""Makes tests/vectors/vdrive.json from src/vdrive/FORMAT.md, without the program.

Needs the package `cryptography`. Usage: vdrive_vectors.py > tests/vectors/vdrive.json
"""

import hashlib
import json
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def sha256(data):
    return hashlib.sha256(data).digest()


def tagged(tag, value):
    netstring = b"%d:%s," % (len(tag), tag)
    return sha256(sha256(netstring + value))


def row(id_, seq, read, write):
    return id_ + struct.pack(">QII", seq, len(read), len(write)) + read + write


def row_hash(encoded):
    return tagged(b"tahoe_vdrive_row_v1", encoded)


def bits(id_):
    return "".join(f"{byte:08b}" for byte in id_)


def fork_of(ids):
    """Depth and prefix of the fork above these ids."""
    texts = [bits(id_) for id_ in ids]
    depth = next(at for at in range(256) if len({text[at] for text in texts}) == 2)
    prefix = int(texts[0][:depth].ljust(256, "0"), 2).to_bytes(32, "big")
    return depth, prefix


def halves(ids, depth):
    return [[id_ for id_ in ids if bits(id_)[depth] == side] for side in "01"]


def tree_hash(rows):
    ids = sorted(rows)
    if len(ids) == 1:
        return tagged(b"tahoe_vdrive_leaf_v1", ids[0] + rows[ids[0]])
    depth, prefix = fork_of(ids)
    sides = [tree_hash({id_: rows[id_] for id_ in half}) for half in halves(ids, depth)]
    return tagged(b"tahoe_vdrive_fork_v1", bytes([depth]) + prefix + sides[0] + sides[1])


def root(rows):
    return tree_hash(rows) if rows else bytes(32)


def proof(rows, wanted):
    if not rows:
        return b"\0"
    return part(rows, wanted)


def part(rows, wanted):
    ids = sorted(rows)
    if not wanted:
        return b"\1" + tree_hash(rows)
    if len(ids) == 1:
        return b"\2" + ids[0] + rows[ids[0]]
    depth, prefix = fork_of(ids)
    covered = [id_ for id_ in wanted if bits(id_)[:depth] == bits(prefix)[:depth]]
    out = bytes([3, depth]) + prefix[: (depth + 7) // 8]
    for half, mine in zip(halves(ids, depth), halves(covered, depth)):
        out += part({id_: rows[id_] for id_ in half}, mine)
    return out


def head(directory, seq, previous, root_, count, change):
    out = b"tvh1" + directory + struct.pack(">Q", seq) + previous + root_
    return out + struct.pack(">Q", count) + change


def log_sum(salt, offset, data):
    return tagged(b"tahoe_vdrive_log_v1", salt + struct.pack(">Q", offset) + data)[:16]


def log_record(salt, offset, kind, body):
    out = b"tvr1" + bytes([kind]) + struct.pack(">I", len(body)) + body
    return out + log_sum(salt, offset, out)


def main():
    some = [row(sha256(b"%d" % n), n + 1, b"r" * n, b"w" * (2 * n)) for n in range(12)]
    rows = [{"row": one.hex(), "hash": row_hash(one).hex()} for one in some]
    tries = []
    absent = [sha256(b"absent"), bytes(32), bytes([255] * 32)]
    for count in (0, 1, 2, 3, 12):
        table = {one[:32]: row_hash(one) for one in some[:count]}
        asked = [sorted(table)[:2], absent, sorted(table)[-1:] + absent[:1]]
        proofs = [
            {"ids": [i.hex() for i in ids], "proof": proof(table, ids).hex()} for ids in asked if ids
        ]
        tries.append({"rows": count, "root": root(table).hex(), "proofs": proofs})
    near = {bytes(31) + b"\0": sha256(b"a"), bytes(31) + b"\1": sha256(b"b")}
    pair = {"zero": sha256(b"a").hex(), "one": sha256(b"b").hex(), "root": root(near).hex()}

    seed, directory = bytes(range(32)), sha256(b"directory")
    key = Ed25519PrivateKey.from_private_bytes(seed)
    verify_key = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    heads, previous = [], bytes(32)
    for seq, count in enumerate((0, 1, 3), start=1):
        table = {one[:32]: row_hash(one) for one in some[:count]}
        one = head(directory, seq, previous, root(table), count, bytes([seq] * 16))
        previous = tagged(b"tahoe_vdrive_head_v1", one)
        heads.append({"signed": (one + key.sign(one)).hex(), "hash": previous.hex()})

    salt = bytes([7] * 16)
    header = b"tahoevd1" + directory + verify_key + sha256(b"read") + sha256(b"write") + salt
    header += log_sum(salt, 0, header)
    signed, ids = bytes.fromhex(heads[0]["signed"]), sha256(b"x") + sha256(b"y")
    bodies = {
        1: some[1] + some[2],
        2: ids,
        3: signed + struct.pack(">I", 2) + ids + some[1],
        4: signed + struct.pack(">Q", 9) + bytes([1] * 16) + bytes([2] * 16),
        5: sha256(b"renew") + sha256(b"cancel") + struct.pack(">Q", 1_700_000_000),
    }
    records, at = [], len(header)
    for kind, body in bodies.items():
        record = log_record(salt, at, kind, body)
        records.append({"offset": at, "record": record.hex()})
        at += len(record)
    out = {
        "rows": rows,
        "tries": tries,
        "pair": pair,
        "verify_key": verify_key.hex(),
        "heads": heads,
        "log": {"salt": salt.hex(), "header": header.hex(), "records": records},
    }
    print(json.dumps({"seed": seed.hex(), "vectors": out}, indent=1))


main()
