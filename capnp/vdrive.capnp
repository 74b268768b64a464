@0xb7a1c0de5e1f0005;

# The vdrive server: directories as tables of sealed rows.
#
# This file is the contract of the wire, readable from any language; the program declares the same
# in src/vdrive/api.rs, and a test holds the two together. How values are encoded is told in README.md beside it.
# What is inside a head, a row and a proof is drawn in src/vdrive/FORMAT.md.

using Types = import "types.capnp";

interface Vdrive $Types.name("grid.vdrive.v1") {
  # A vdrive server. Its furl is the right to make directories.
  getVersion @0 () -> (reply :VdriveVersion);
  createDirectory @1 (
    id :Types.Hash,
    verifyKey :Types.Hash,
    readFacet :Types.Hash,
    writeFacet :Types.Hash,
    head :Data,
    rows :Types.Bulk) -> (reply :Changed);
  beginDirectory @2 (
    id :Types.Hash,
    verifyKey :Types.Hash,
    readFacet :Types.Hash,
    writeFacet :Types.Hash) -> (reply :Staging);
  beginRestoration @3 (
    id :Types.Hash,
    verifyKey :Types.Hash,
    readFacet :Types.Hash,
    writeFacet :Types.Hash,
    of :Data,
    over :MaybeHash,
    consent :Data) -> (reply :Staging);
}

interface DirectoryReader $Types.name("grid.vdrive.read.v1") {
  # The read facet of a directory; its swissnum is derived from the directory's id.
  getHead @0 () -> (reply :HeadNow);
  getRows @1 (ids :List(Types.Hash)) -> (reply :Rows);
  listRows @2 (after :MaybeHash, limit :UInt32) -> (reply :Page);
  rowsSince @3 (seq :UInt64, after :MaybeHash, limit :UInt32) -> (reply :Changes);
  watchHead @4 (watcher :Watcher) -> (reply :HeadNow);
  addLease @5 (renew :Types.Secret, cancel :Types.Secret) -> (reply :UInt64);
  renewLease @6 (renew :Types.Secret) -> (reply :UInt64);
  cancelLease @7 (cancel :Types.Secret) -> ();
}

interface DirectoryWriter $Types.name("grid.vdrive.write.v1") {
  # The write facet of a directory; its swissnum is derived from the write key.
  changeRows @0 (head :Data, rows :Types.Bulk, removed :List(Types.Hash)) -> (reply :Changed);
  # Answered when the change is durable.
  beginChange @1 () -> (reply :Staging);
}

interface Staging $Types.name("grid.vdrive.staging.v1") {
  # A change of more than one call. Dropping the last reference, or losing the link, drops it.
  stageRows @0 (rows :Types.Bulk) -> ();
  stageRemoved @1 (removed :List(Types.Hash)) -> ();
  commit @2 (head :Data) -> (reply :Changed);
}

interface Watcher $Types.name("grid.vdrive.watcher.v1") {
  # Somebody who wants to hear of changes; only the newest sequence is told.
  headMoved @0 (seq :UInt64) -> ();
}

struct VdriveVersion {
  version @0 :Text;
  rowsMax @1 :UInt64;
}

enum ChangeOutcome {
  applied @0;
  alreadyApplied @1;
  stale @2;
}

struct HeadNow {
  verifyKey @0 :Types.Hash;
  head @1 :Data;
}

struct Rows {
  verifyKey @0 :Types.Hash;
  head @1 :Data;
  rows @2 :Types.Bulk;
  proof @3 :Types.Bulk;
}

struct Page {
  verifyKey @0 :Types.Hash;
  head @1 :Data;
  rows @2 :Types.Bulk;
  more @3 :Bool;
}

struct Changes {
  verifyKey @0 :Types.Hash;
  head @1 :Data;
  rows @2 :Types.Bulk;
  more @3 :Bool;
  removed @4 :Types.Bulk;
  complete @5 :Bool;
}

struct Changed {
  outcome @0 :ChangeOutcome;
  head @1 :Data;
  rows @2 :Types.Bulk;
  proof @3 :Types.Bulk;
}

struct MaybeHash {
  union {
    none @0 :Void;
    some @1 :Types.Hash;
  }
}
