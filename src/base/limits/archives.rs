//! Of archives: trees on their way out and in as one stream.

/// Things in one archive that is sent: a directory that is linked twice is there twice, so that twenty of
/// them, one in the other, are a million. Of each a zip keeps a line on the disk until its end.
pub const ARCHIVE_ENTRIES_MAX: u64 = 4 << 20;
/// Bytes of a path in an archive: what a zip can say.
pub const ARCHIVE_PATH_MAX: usize = 65_535;
/// Files of at most so many bytes are read before it is their turn,
pub const ARCHIVE_AHEAD_SIZE: u64 = 256 << 10;
/// so many of them.
pub const ARCHIVE_AHEAD: usize = 8;
/// What is said of things that are not in an archive, which is held until its end; the others are counted.
pub const ARCHIVE_LEFT_OUT_BYTES: usize = 64 << 10;

/// What stands in front of a member of a tar in records of its own: a path, and what else its writer knew.
pub const TAR_RECORDS_MAX: usize = 256 << 10;
/// Links that are made at once of what is unpacked: as many as one look at a directory covers by far.
pub const UNPACK_LINKS: usize = 256;
/// Bytes of their names, beyond which there are fewer.
pub const UNPACK_LINKS_BYTES: usize = 256 << 10;
/// Files of it that are stored at once: small ones wait for disks most of the time.
pub const UNPACK_STORED: usize = 8;
/// Memory that unpacking takes beside its files: records, and links that wait.
pub const UNPACK_ROOM: usize = 1 << 20;
/// Members that the answer names, of those left out and of those that failed.
pub const UNPACK_NAMED: usize = 200;
/// Bytes of a path that the answer names; it says where the rest is cut.
pub const UNPACK_NAMED_BYTES: usize = 512;
