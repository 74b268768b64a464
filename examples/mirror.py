#!/usr/bin/env python3
"""Make a local folder the same as a directory of the grid, and again whenever it is run.

    python3 examples/mirror.py http://127.0.0.1:8123/vdrive/global/photos FOLDER

prints one line a change: `fetched` or `removed`, and the path. A file of the grid never changes, so
one whose cap is the same as last time is not fetched again. What was in the folder before and is
not in the grid stays as it is. FOLDER/.mirror.json remembers caps: whoever reads it reads the files.
"""

import contextlib
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

MEMORY, PART = ".mirror.json", ".mirror.part"


def below(url, found, path="", above=()):
    """Adds the path and cap of each file below a directory to `found`."""
    kind, facts = json.load(urllib.request.urlopen(url + "?t=json"))
    if kind != "dirnode" or facts["ro_uri"] in above:  # a directory may be linked below itself
        return
    for name, (kind, child) in facts["children"].items():
        # Whoever may write there chooses the names; they shall not choose the place.
        if name in ("", ".", "..", MEMORY, PART) or any(bad in name for bad in "/\\\0"):
            print("skipped", repr(name), file=sys.stderr)
        elif kind == "dirnode":
            address = url + "/" + urllib.parse.quote(name, safe="")
            below(address, found, os.path.join(path, name), (*above, facts["ro_uri"]))
        elif kind == "filenode":
            found[os.path.join(path, name)] = child["ro_uri"]


def fetch(gateway, cap, folder, path):
    part, target = os.path.join(folder, PART), os.path.join(folder, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with urllib.request.urlopen(f"{gateway}/uri/{urllib.parse.quote(cap, safe='')}") as answer:
        with open(part, "wb") as file:
            while piece := answer.read(1 << 20):
                file.write(piece)
        if answer.length:  # what the gateway announced and did not send
            raise OSError(f"{target}: the download broke off")
    os.replace(part, target)


def main(url, folder):
    url = url.rstrip("/")
    gateway = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(url))
    memory = os.path.join(folder, MEMORY)
    os.makedirs(folder, exist_ok=True)
    had = json.load(open(memory)) if os.path.exists(memory) else {}
    found = {}
    below(url, found)
    try:
        for path in [path for path in had if path not in found]:
            with contextlib.suppress(OSError):  # it may be gone, and its folder not empty
                os.remove(os.path.join(folder, path))
                print("removed", path)
                os.removedirs(os.path.dirname(os.path.join(folder, path)))
            del had[path]
        for path, cap in sorted(found.items()):
            if had.get(path) != cap or not os.path.exists(os.path.join(folder, path)):
                fetch(gateway, cap, folder, path)
                print("fetched", path)
                had[path] = cap
    finally:
        with open(os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(had, file, indent=1)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: mirror.py DIRECTORY_URL FOLDER")
    try:
        main(*sys.argv[1:])
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode().strip())
    except OSError as error:
        sys.exit(str(error))
