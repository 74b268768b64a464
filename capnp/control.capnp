@0xb7a1c0de5e1f0004;

# The owner's handle on a running node.
#
# This file is the contract of the wire, readable from any language; the program declares the same
# in src/node/control.rs, and a test holds the two together. How values are encoded is told in README.md beside it.

using Types = import "types.capnp";

interface Control $Types.name("grid.control.v1") {
  waitForServers @0 (count :UInt32, seconds :UInt32) -> (reply :UInt32);
  upload @1 (path :Text, convergent :Bool) -> (reply :Text);
  download @2 (cap :Text, path :Text) -> (reply :UInt64);
  speedTest @3 (count :UInt32, size :UInt64) -> (reply :SpeedReport);
  memoryUse @4 () -> (reply :MemoryReport);
}

struct SpeedReport {
  uploadUs @0 :UInt64;
  downloadUs @1 :UInt64;
}

struct MemoryReport {
  resident @0 :UInt64;
  peak @1 :UInt64;
}
