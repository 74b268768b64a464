@0xb7a1c0de5e1f0001;

# Types that several interfaces share.
#
# This file is the contract of the wire, readable from any language; the program declares the same
# in src/base and crates/objects, and a test holds the two together. How values are encoded is told in README.md beside it.

annotation name @0xb7a1c0de5e1f0101 (interface) :Text;
# The interface's name on the wire, with its version.

struct StorageIndex {
  # 16 bytes.
  bytes @0 :Data;
}

struct Secret {
  # 32 bytes whose possession is authority.
  bytes @0 :Data;
}

struct Hash {
  # 32 bytes.
  bytes @0 :Data;
}

struct Bulk {
  # Many bytes, carried raw beside the arguments.
  bytes @0 :Data;
}
