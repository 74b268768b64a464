#!/usr/bin/env python3
"""Where the processor's time goes while 10^8 bytes are stored and read, by step.

Samples all processes of a grid of ours with Linux `perf` (1,999 a second, cpu-clock, needs the
right to profile the system) and sorts the samples by the function that they fell into. Prints a
Markdown table of CPU seconds a plaintext gigabyte.

    python3 benches/cpu_by_step.py [--rounds N] [--tahoe PROGRAM]
"""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "benches")]
import grids  # noqa: E402
import side_by_side  # noqa: E402

SIZE = 10**8
RATE = 1999

# The first that matches counts; [k] marks the kernel.
STEPS = [
    ("hash, one or two streams: key, flat, segments",
     r"sha256_block_data_order|ring::digest|codec::kernel::sha::|codec::stepped"),
    ("hash, in step: blocks; segments read", r"tape_sha256|codec::kernel::sha_lanes|codec::multi_buffer"),
    ("encrypt, decrypt (AES-CTR)", r"aes::|ctr::|cipher::"),
    ("erasure code", r"codec::kernel|codec::erasure|codec::gf"),
    ("seal and open links (AES-GCM)", r"aes_gcm|gcm_|aes_hw_ctr32|snow::|ring::aead|ghash"),
    ("copy in memory", r"memmove|memcpy|memset"),
    ("allocate memory", r"malloc|_int_free|cfree|realloc|calloc|unlink_chunk|madvise"),
    ("kernel: files", r"\[k\].*(ext4|folio|filemap|jbd2|bio|blk|iowrite|page_cache|xas_|mark_buffer"
                      r"|block_commit|iomap|writeback|vfs_|d_lookup|slab_alloc|kmem_cache)"),
    ("kernel: sockets", r"\[k\].*(tcp|skb|sock|inet|ip_|net_rx|copy_to_iter|copy_from_iter"
                        r"|softirq|loopback|__dev)"),
    ("kernel: scheduling and the rest", r"\[k\]"),
    ("everything else of ours", r""),
]


def samples(data, roles):
    """Samples by role and step."""
    command = ["perf", "script", "-i", data, "-F", "pid,ip,sym"]
    found = collections.Counter()
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        match = re.match(r"\s*(\d+)\s+([0-9a-f]+)\s+(.*)$", line)
        if not match or int(match.group(1)) not in roles:
            continue
        kernel = "[k] " if match.group(2).startswith("ffff") else ""
        name = kernel + match.group(3)
        step = next(title for title, pattern in STEPS if re.search(pattern, name))
        found[roles[int(match.group(1))], step] += 1
    return found


def profiled(grid, folder, name, work, rounds):
    """CPU seconds a gigabyte by role and step, while `work` runs `rounds` times."""
    data = os.path.join(folder, name)
    perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(RATE), "-a",
                             "-o", data], stderr=subprocess.DEVNULL)
    for _ in range(rounds):
        work()
    perf.terminate()
    perf.wait()
    roles = {node.process.pid: "servers" for node in grid.servers}
    roles[grid.gateway.process.pid] = "gateway"
    gigabytes = rounds * SIZE / 1e9
    return {key: count / RATE / gigabytes for key, count in samples(data, roles).items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--tahoe", help="the program (default: a release build)")
    options = parser.parse_args()
    if not shutil.which("perf"):
        sys.exit("not run: perf is not installed")
    program = side_by_side.our_program(options.tahoe)
    folder = tempfile.mkdtemp(prefix="cpu-by-step-")
    grid = grids.Ours(program, os.path.join(folder, "grid"))
    try:
        grid.start()
        connection, into, caps = side_by_side.Connection(grid.url), bytearray(SIZE), []

        def put():
            caps.append(connection.ask("PUT", "/uri", os.urandom(SIZE)).decode().strip())

        put()
        up = profiled(grid, folder, "up", put, options.rounds)
        down = profiled(grid, folder, "down",
                        lambda: connection.read_into("/uri/" + caps[-1], into), options.rounds)
    finally:
        grid.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print("| CPU seconds a gigabyte | PUT: gateway | PUT: ten servers | GET: gateway "
          "| GET: ten servers |\n|---|---|---|---|---|")
    columns = [(up, "gateway"), (up, "servers"), (down, "gateway"), (down, "servers")]
    for title, _ in STEPS:
        cells = [f"{of.get((role, title), 0):.2f}" for of, role in columns]
        print(f"| {title} | " + " | ".join(cells) + " |")
    sums = [f"{sum(v for (r, _), v in of.items() if r == role):.2f}" for of, role in columns]
    print("| together | " + " | ".join(sums) + " |")


if __name__ == "__main__":
    main()
