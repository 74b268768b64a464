@0xb7a1c0de5e1f0003;

# The introducer.
#
# This file is the contract of the wire, readable from any language; the program declares the same
# in src/introducer/api.rs, and a test holds the two together. How values are encoded is told in README.md beside it.

using Types = import "types.capnp";

interface Introducer $Types.name("grid.introducer.v1") {
  # The list of a grid's services.
  publish @0 (announcement :Data, holder :Publisher) -> ();
  subscribe @1 (service :Text, watcher :Subscriber) -> (reply :Welcome);
}

interface Publisher $Types.name("grid.introducer.publisher.v1") {
  # Held by the introducer for one announcing node; losing it means the node is gone.
  stillThere @0 () -> (reply :Bool);
}

interface Subscriber $Types.name("grid.introducer.subscriber.v1") {
  # A node that wants to hear of changes.
  changed @0 (
    announced :List(Data),
    gone :List(Types.Hash),
    parameters :MaybeParameters) -> ();
}

struct Welcome {
  announced @0 :List(Data);
  parameters @1 :GridParameters;
}

struct GridParameters {
  needed @0 :UInt16;
  happy @1 :UInt16;
  total @2 :UInt16;
}

struct MaybeParameters {
  union {
    none @0 :Void;
    some @1 :GridParameters;
  }
}
