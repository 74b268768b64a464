//! Every limit of the system and why it is what it is.
//!
//! Bytes unless the name ends in a unit. A limit is checked where bytes enter; nothing inside
//! checks again.

use std::time::Duration;

// --- files ---------------------------------------------------------------------------------

/// Files of at most this many bytes live in their cap (the format's constant).
pub const LIT_MAX: u64 = 55;
/// Largest plaintext segment that an upload makes (the format's default since 1.20).
pub const SEGMENT_MAX: u64 = 1 << 20;
/// Shares of one file: share numbers are one byte in the erasure code.
pub const SHARES_MAX: usize = 256;
/// A URI extension block longer than this is absurd (the format's verifier refuses it too).
pub const UEB_MAX: usize = 2_000;
/// Segments that a reader accepts. Bounds the hash trees, which are held whole: 2^20 leaves of a
/// share are 64 MiB of nodes; a 1 TiB file in 1 MiB segments is just inside.
pub const SEGMENTS_MAX: u64 = 1 << 20;
/// Largest segment that a reader accepts. Bounds what one decoding step holds (k blocks in,
/// one segment out); 1.20 writes 1 MiB, other tools seldom more than 16.
pub const READ_SEGMENT_MAX: u64 = 64 << 20;
/// Largest file that an upload takes: what a share's 64-bit fields and the tree limit allow.
pub const FILE_MAX: u64 = SEGMENTS_MAX * SEGMENT_MAX;
/// A capability is at most this long; the longest known kind is under 300 characters.
pub const CAP_TEXT_MAX: usize = 4_096;
/// Plaintext handled in one batch: enough lanes for the hashes, little enough for the cache.
pub const BATCH_MAX: u64 = 4 << 20;
/// Segments in one batch, for small segments.
pub const BATCH_SEGMENTS_MAX: u64 = 16;

// --- links ---------------------------------------------------------------------------------

/// Plaintext of one record: Noise messages are at most 65,535 bytes, 16 of them the tag.
pub const RECORD_PLAIN_MAX: usize = 65_519;
/// Records after which each direction takes a new key (at most 64 GiB under one key).
pub const REKEY_RECORDS: u64 = 1 << 20;
/// A link that has not finished its handshake by then is closed.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes under way at once; further sockets wait in the kernel's queue.
pub const HANDSHAKES_MAX: usize = 64;
/// Links that a tub accepts in all.
pub const LINKS_MAX: usize = 1_024;
/// Links that one tub id may hold at once: one in use, others dying or crossing.
pub const LINKS_PER_TUB_MAX: usize = 4;
/// Silence after which a ping is sent.
pub const PING_AFTER: Duration = Duration::from_secs(30);
/// Silence after which a link is dead.
pub const IDLE_TIME: Duration = Duration::from_secs(90);
/// A peer that takes no byte for so long is not reading.
pub const WRITE_STALL_TIME: Duration = Duration::from_secs(60);

// --- frames and calls ----------------------------------------------------------------------

/// Body of a frame (head and arguments without bulk).
pub const BODY_MAX: usize = 64 << 10;
/// Bulk bytes of a frame.
pub const BULK_MAX: usize = 2 << 20;
/// Bulk from this size on travels in records of its own.
pub const BULK_OWN_RECORD: usize = 4 << 10;
/// Unanswered calls that one link may have, each way.
pub const CALLS_MAX: u32 = 256;
/// Bytes of unanswered calls that one link may have, each way.
pub const CALL_BYTES_MAX: u32 = 8 << 20;
/// Calls and bytes that a link may send before the peer's `Hello` said more.
pub const EARLY_CALLS: u32 = 16;
pub const EARLY_BYTES: u32 = 1 << 20;
/// Replies that may wait for a slow reader before its next calls wait too.
pub const REPLY_BYTES_MAX: usize = 4 << 20;
/// Bytes of received calls that all links together may hold; beyond, calls are answered `Busy`.
pub const PROCESS_CALL_BYTES_MAX: usize = 256 << 20;
/// Objects that one link may hold on the other side.
pub const EXPORTS_MAX: usize = 100_000;
/// Time between attempts to reach a lost tub: from, up to.
pub const RECONNECT_MIN: Duration = Duration::from_millis(200);
pub const RECONNECT_MAX: Duration = Duration::from_secs(60);
/// Time for a TCP connection to one hint.
pub const DIAL_TIME: Duration = Duration::from_secs(10);
/// Addresses tried for one furl.
pub const HINTS_MAX: usize = 16;
/// A furl is at most this long.
pub const FURL_TEXT_MAX: usize = 2_048;
/// A server's error text in an answer.
pub const ERROR_TEXT_MAX: usize = 200;

// --- introducer ----------------------------------------------------------------------------

/// Announcements that an introducer or a client keeps.
pub const ANNOUNCEMENTS_MAX: usize = 4_096;
/// One signed announcement.
pub const ANNOUNCEMENT_MAX: usize = 4_096;
/// Nickname, version and service names, in bytes.
pub const NICKNAME_MAX: usize = 256;

// --- storage -------------------------------------------------------------------------------

/// A lease lasts so long after it was added or renewed (31 days), in seconds.
pub const LEASE_SECONDS: u64 = 31 * 24 * 3600;
/// Leases on one share; 0.6 and 1.20 have no limit, a hostile client does.
pub const LEASES_MAX: usize = 1_000;
/// An upload without a write for so long is aborted.
pub const UPLOAD_IDLE_TIME: Duration = Duration::from_secs(30 * 60);
/// Ranges in one read call.
pub const READ_RANGES_MAX: usize = 1_024;
/// Bytes that a server returns of each share when it is opened, at most.
pub const OPEN_HEAD_MAX: u32 = 16 << 10;
/// Disk jobs under way at once on one storage server.
pub const DISK_JOBS_MAX: usize = 8;
/// Writers and readers that one storage server keeps open.
pub const OPEN_BUCKETS_MAX: usize = 4_096;
/// Text of a corruption report.
pub const ADVISORY_MAX: usize = 2_000;
