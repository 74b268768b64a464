#!/bin/sh
# Share files by a link through which they can be read and not changed.
#
#     sh examples/share_link.sh http://127.0.0.1:8123 FILE...
#
# makes a directory, puts the files in it, and prints two lines:
#
#     keep  http://127.0.0.1:8123/uri/URI%3ADIR%3A…       who has it adds and removes files
#     give  http://127.0.0.1:8123/uri/URI%3ADIR-RO%3A…    who has it reads, now and later
#
# The addresses are of this gateway; at another gateway of the grid they begin with that one's own.

set -eu
[ $# -ge 2 ] || { echo "usage: share_link.sh GATEWAY_URL FILE..." >&2; exit 2; }
gateway=${1%/}
shift

# The gateway's answer; if it refuses, what it says goes to stderr. The address, which may hold a
# cap, goes to curl by stdin: everybody on the machine can read the arguments of a program.
ask() {
    address=$1
    shift
    said=$(printf 'url = "%s"\n' "$address" |
        curl --globoff --no-progress-meter --fail-with-body --config - "$@") ||
        { echo "$said" >&2; exit 1; }
    printf %s "$said"
}

# Every byte as %XX.
encode() {
    printf %s "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%'
}

cap=$(ask "$gateway/uri?t=mkdir" -X POST)
directory=$gateway/uri/$(encode "$cap")
for file in "$@"; do
    ask "$directory/$(encode "$(basename "$file")")" -T "$file" > /dev/null
done
readable=$(ask "$directory?t=readonly-uri")
echo "keep  $gateway/uri/$(printf %s "$cap" | sed 's/:/%3A/g')"
echo "give  $gateway/uri/$(printf %s "$readable" | sed 's/:/%3A/g')"
