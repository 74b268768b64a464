#!/usr/bin/env python3
"""Publish a folder of web pages so that not even its author can change it any more.

    python3 examples/static_site.py FOLDER http://127.0.0.1:8123

prints the address at which to open FOLDER/index.html. Everybody in the grid can open it at their own
gateway, by the part of the address that follows the gateway's. The folder becomes an immutable
directory, whose cap is also the proof of its content: the same pages give the same address, others
another one. Links between pages work, and styles within a page; a gateway shows pages of strangers in
a sandbox, so scripts do not run and pages load no images.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def ask(method, url, body, size):
    request = urllib.request.Request(url, data=body, method=method)
    request.add_header("Content-Length", str(size))
    request.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def store_file(gateway, path):
    with open(path, "rb") as file:
        return ask("PUT", gateway + "/uri", file, os.fstat(file.fileno()).st_size)


def store_folder(gateway, folder):
    """The cap of a directory that has what the folder has; the deepest are stored first."""
    children = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            children[entry.name] = ["dirnode", {"ro_uri": store_folder(gateway, entry.path)}]
        else:
            children[entry.name] = ["filenode", {"ro_uri": store_file(gateway, entry.path)}]
    body = json.dumps(children).encode()
    return ask("POST", gateway + "/uri?t=mkdir-immutable", body, len(body))


def main(folder, gateway):
    if not os.path.isfile(os.path.join(folder, "index.html")):
        sys.exit(f"{folder} has no index.html")
    gateway = gateway.rstrip("/")
    cap = store_folder(gateway, folder)
    print(f"{gateway}/site/{urllib.parse.quote(cap, safe='')}/index.html")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: static_site.py FOLDER GATEWAY_URL")
    try:
        main(*sys.argv[1:])
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode().strip())
    except OSError as error:
        sys.exit(str(error))
