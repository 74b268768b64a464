#!/bin/sh
# Store a folder, with all that is below it, in a directory of the grid: upload_tree.py with curl.
#
#     sh examples/upload_tree.sh FOLDER http://127.0.0.1:8123/vdrive/global/photos
#
# prints one line a file, `stored` and its path. The second argument is the address of a directory at
# a gateway, http://…/uri/CAP for one that you have a cap of. Missing directories are made on the way;
# links, and what has a line break in its name, are left out.

set -eu
[ $# -eq 2 ] || { echo "usage: upload_tree.sh FOLDER DIRECTORY_URL" >&2; exit 2; }
directory=${2%/}

# Every byte as %XX, but for the slashes between names.
encode() {
    printf %s "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%' | sed 's/%2f/\//g'
}

cd "$1"
find . -mindepth 1 -type d -empty | sort | while IFS= read -r path; do
    said=$(curl --globoff --no-progress-meter --fail-with-body -X PUT \
        "$directory/$(encode "${path#./}")?t=mkdir") || { echo "$path: $said" >&2; exit 1; }
done
find . -type f | sort | while IFS= read -r path; do
    path=${path#./}
    # Without --globoff a cap's brackets would be a pattern.
    said=$(curl --globoff --no-progress-meter --fail-with-body -T "./$path" \
        "$directory/$(encode "$path")") || { echo "$path: $said" >&2; exit 1; }
    echo "stored $path"
done
