@0xb7a1c0de5e1f0002;

# The storage server.
#
# This file is the contract of the wire, readable from any language; the program declares the same
# in src/storage/api.rs, and a test holds the two together. How values are encoded is told in README.md beside it.

using Types = import "types.capnp";

interface Storage $Types.name("grid.storage.v1") {
  # A storage server. Its furl is the right to store and to read ciphertext.
  getVersion @0 () -> (reply :ServerVersion);
  allocate @1 (
    si :Types.StorageIndex,
    shares :List(UInt8),
    size :UInt64,
    renew :Types.Secret,
    cancel :Types.Secret) -> (reply :Allocated);
  openBucket @2 (si :Types.StorageIndex, head :UInt32) -> (reply :Opened);
  listShares @3 (si :Types.StorageIndex) -> (reply :List(UInt8));
  addLease @4 (si :Types.StorageIndex, renew :Types.Secret, cancel :Types.Secret)
      -> (reply :UInt32);
  adviseCorrupt @5 (si :Types.StorageIndex, share :UInt8, reason :Text) -> ();
  put @6 (
    si :Types.StorageIndex,
    share :UInt8,
    renew :Types.Secret,
    cancel :Types.Secret,
    data :Types.Bulk) -> (reply :Allocated);
  # A whole share in one step. Answered when it is durable and visible: it is among `already` then,
  # and there are no writers.
  getSpace @7 () -> (reply :SpaceNow);
  openAndRead @8 (si :Types.StorageIndex, ranges :List(Range)) -> (reply :Opened);
  # As openBucket; instead of the first bytes of each share, these ranges of it.
  getClock @9 () -> (reply :UInt64);
  # The time by which it dates leases, in seconds since 1970.
  allocateProven @10 (
    si :Types.StorageIndex,
    shares :List(UInt8),
    size :UInt64,
    uebHash :Types.Hash,
    renew :Types.Secret,
    cancel :Types.Secret) -> (reply :Allocated);
  # As allocate, for shares of the file whose UEB has this hash, where something else stands in their
  # places: they are kept under the first 16 bytes of a tagged hash of both (PROVEN_INDEX_TAG in
  # src/base/file.rs). A close is refused if the share is not of that file.
  putProven @11 (
    si :Types.StorageIndex,
    share :UInt8,
    uebHash :Types.Hash,
    renew :Types.Secret,
    cancel :Types.Secret,
    data :Types.Bulk) -> (reply :Allocated);
  # As put, likewise.
  listManyShares @12 (indexes :List(Types.StorageIndex)) -> (reply :List(List(UInt8)));
  cancelLease @13 (si :Types.StorageIndex, cancel :Types.Secret) -> (reply :UInt32);
}

interface BucketWriter $Types.name("grid.storage.writer.v1") {
  # One share being written. Dropping the last reference, or losing the link, aborts it.
  write @0 (offset :UInt64, data :Types.Bulk) -> ();
  close @1 () -> ();
  # Answered when the share is durable and visible.
  abort @2 () -> ();
  written @3 () -> (reply :UInt64);
  # Bytes from the beginning on that are written.
}

interface BucketReader $Types.name("grid.storage.reader.v1") {
  # One share, open for reading.
  read @0 (ranges :List(Range)) -> (reply :Types.Bulk);
}

interface LeaseRenewal $Types.name("grid.storage.renew.v1") {
  # Its swissnum is the lease's renew secret.
  renew @0 () -> (reply :UInt64);
  expires @1 () -> (reply :UInt64);
}

interface LeaseCancellation $Types.name("grid.storage.cancel.v1") {
  # Its swissnum is the lease's cancel secret.
  cancel @0 () -> (reply :UInt32);
}

struct ServerVersion {
  version @0 :Text;
  maxShareSize @1 :UInt64;
  available @2 :MaybeBytes;
  readOnly @3 :Bool;
}

struct SpaceNow {
  used @0 :MaybeBytes;
  available @1 :MaybeBytes;
}

struct MaybeBytes {
  union {
    none @0 :Void;
    some @1 :UInt64;
  }
}

struct Allocated {
  already @0 :List(UInt8);
  inProgress @1 :List(UInt8);
  writers @2 :List(NumberedWriter);
}

struct NumberedWriter {
  num @0 :UInt8;
  writer @1 :BucketWriter;
}

struct OpenShare {
  num @0 :UInt8;
  length @1 :UInt64;
  reader @2 :BucketReader;
}

struct Opened {
  shares @0 :List(OpenShare);
  heads @1 :Types.Bulk;
}

struct Range {
  offset @0 :UInt64;
  length @1 :UInt32;
}
