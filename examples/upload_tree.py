#!/usr/bin/env python3
"""Store a folder, with all that is below it, in a directory of the grid.

    python3 examples/upload_tree.py FOLDER http://127.0.0.1:8123/vdrive/global/photos

prints one line a file, `stored` and its path, in no certain order. The second argument is the
address of a directory at a gateway; missing directories are made, files of the same name replaced,
others left alone. For a directory that you have a cap of, the address is http://…/uri/CAP. What
cannot be read, such as a link to nothing, is named and left out; the exit code is then 1.
"""

import concurrent.futures
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def address(directory, path):
    """The address of what has this local path, below the directory's."""
    parts = [os.fsencode(part) for part in path.split(os.sep) if part != "."]
    return "/".join([directory.rstrip("/"), *(urllib.parse.quote(part, safe="") for part in parts)])


def put(url, body=b"", size=0):
    headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=body, method="PUT", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def store(folder, directory, path):
    """Why the file could not be read, if so; that it cannot be stored ends everything."""
    try:
        file = open(os.path.join(folder, path), "rb")
    except OSError as error:
        return error.strerror
    with file:
        put(address(directory, path), file, os.fstat(file.fileno()).st_size)
    return None


def refuse(error):
    raise error


def main(folder, directory):
    files = []
    for here, _, names in os.walk(folder, onerror=refuse):
        below = os.path.relpath(here, folder)
        # Before their files, so that each is made once.
        put(address(directory, below) + "?t=mkdir")
        files += [os.path.normpath(os.path.join(below, name)) for name in names]
    with concurrent.futures.ThreadPoolExecutor(8) as several:
        whole = True
        troubles = several.map(lambda path: store(folder, directory, path), files)
        # Told by one thread, as two would write into each other's lines.
        for path, trouble in zip(files, troubles):
            if trouble is None:
                print("stored", path, flush=True)
            else:
                print(f"left out {path}: {trouble}", file=sys.stderr, flush=True)
                whole = False
        return whole


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print("usage: upload_tree.py FOLDER DIRECTORY_URL", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(0 if main(*sys.argv[1:]) else 1)
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode().strip())
    except OSError as error:
        sys.exit(str(error))
