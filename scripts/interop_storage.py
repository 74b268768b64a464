"""Storage directories change hands between a stock Tahoe-LAFS 1.20 grid and this project's.

Ours start on copies of stock nodes' storage directories: they serve what is there and keep its
leases. Stock nodes get the share files that ours wrote: they serve them, verify them and add leases
to them. The two grids must run at the same time. Standard library only.
"""

import json
import os
import shutil
import urllib.request

import containers
import grids

# Of shorter files little of a share is data.
MENDED_MIN = 1000


class OnTheirs(grids.Ours):
    """A grid of ours whose storage nodes start on what stock nodes have stored."""

    def __init__(self, program, folder, peer, servers, encoding):
        super().__init__(program, folder, servers, encoding)
        self.peer = peer

    def create_clients(self, furl):
        super().create_clients(furl)
        for ours, theirs in zip(self.servers, self.peer.servers):
            shutil.copytree(os.path.join(theirs.folder, "storage"),
                            os.path.join(ours.folder, "storage"), dirs_exist_ok=True)


def call(url, data=None, method=None):
    request = urllib.request.Request(url, data=data, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def leases(grid, cap):
    return {number: containers.parts(path)[1]
            for number, path in containers.of(grid, cap).items()}


def with_one_more(grid, cap):
    """The gateway of `grid` adds a lease to every share; those that were there stay as they are."""
    before = leases(grid, cap)
    answer = json.loads(call(f"{grid.url}uri/{cap}?t=check&add-lease=true&output=JSON", b"", "POST"))
    if answer["results"]["count-shares-good"] != len(before):
        raise RuntimeError(f"{grid.name} counts {answer['results']}")
    for number, now in leases(grid, cap).items():
        old = before[number]
        if now[:len(old)] != old or len(now) != len(old) + 1:
            raise RuntimeError(f"{grid.name}: {len(old)} leases became {len(now)}, "
                               "or those that were there changed")


def ours_take_over(grid, cap, data):
    """What stock nodes stored comes out of our gateway, leases untouched."""
    theirs, ours = leases(grid.peer, cap), leases(grid, cap)
    if not ours or any(theirs[number] != kept for number, kept in ours.items()):
        raise RuntimeError("leases changed hands with changes")
    if call(f"{grid.url}uri/{cap}") != data:
        raise RuntimeError("our grid served other bytes from a stock node's storage directory")
    if leases(grid, cap) != ours:
        raise RuntimeError("reading a file changed its leases")
    with_one_more(grid, cap)


def theirs_take_over(grid, data):
    """What our nodes stored comes out of the stock gateway, verified."""
    cap = call(f"{grid.url}uri", data, "PUT").decode().strip()
    wrote = containers.of(grid, cap)
    for ours, theirs in zip(grid.servers, grid.peer.servers):
        shutil.copytree(containers.bucket(ours, cap), containers.bucket(theirs, cap))
    if call(f"{grid.peer.url}uri/{cap}") != data:
        raise RuntimeError("a stock node served other bytes from our storage directory")
    query = "t=check&verify=true&output=JSON"
    results = json.loads(call(f"{grid.peer.url}uri/{cap}?{query}", b"", "POST"))["results"]
    if results["count-shares-good"] != len(wrote) or results["count-corrupt-shares"] != 0:
        raise RuntimeError(f"the stock verifier says {results}")
    with_one_more(grid.peer, cap)


def damaged_and_repaired(grid, cap, flip):
    """Three shares are lost, one of them flipped instead; the gateway of `grid` makes the file whole."""
    paths = sorted(containers.of(grid, cap).values())
    for path in paths[:2 if flip else 3]:
        os.remove(path)
    if flip:
        with open(paths[2], "r+b") as share:
            # In the middle of the data, which the block hashes prove.
            share.seek(os.path.getsize(paths[2]) // 3)
            byte = share.read(1)
            share.seek(-1, os.SEEK_CUR)
            share.write(bytes([byte[0] ^ 1]))
    query = "t=check&verify=true&repair=true&output=JSON"
    results = json.loads(call(f"{grid.url}uri/{cap}?{query}", b"", "POST"))
    if results["pre-repair-results"]["results"]["count-shares-good"] != len(paths) - 3:
        raise RuntimeError(f"{grid.name} found {results['pre-repair-results']}")
    if not results["repair-successful"]:
        raise RuntimeError(f"{grid.name} did not repair: {results['post-repair-results']}")
    return len(paths)


def verified_elsewhere(mender, judge, data):
    """What one of the grids repaired is healthy to the verifier of the other, share by share."""
    cap = call(f"{mender.url}uri", data, "PUT").decode().strip()
    # 1.20 leaves a damaged share where it is.
    count = damaged_and_repaired(mender, cap, flip=mender.name == "ours")
    for number, at in enumerate(mender.servers):
        to = judge.servers[number % len(judge.servers)]
        if os.path.exists(containers.bucket(at, cap)):
            shutil.copytree(containers.bucket(at, cap), containers.bucket(to, cap), dirs_exist_ok=True)
    query = "t=check&verify=true&output=JSON"
    results = json.loads(call(f"{judge.url}uri/{cap}?{query}", b"", "POST"))["results"]
    good, corrupt = results["count-shares-good"], results["count-corrupt-shares"]
    if good < count or corrupt:
        raise RuntimeError(f"{judge.name} says of what {mender.name} repaired: {results}")
    print(f"interop_storage: {len(data)} bytes repaired by {mender.name}, "
          f"{good} good shares to the verifier of {judge.name}")


def drive(grid, stored, fresh):
    """`stored`: caps of the stock grid and what they hold; `fresh`: files that nobody has yet."""
    for cap, data in stored:
        ours_take_over(grid, cap, data)
        print(f"interop_storage: {len(data)} bytes from a stock node's storage directory")
    for data in fresh:
        theirs_take_over(grid, data)
        print(f"interop_storage: {len(data)} bytes from our storage directory")
    for data in fresh:
        if len(data) > MENDED_MIN:
            verified_elsewhere(grid, grid.peer, data + b"mended here")
            verified_elsewhere(grid.peer, grid, data + b"mended there")
