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
/// Plaintext handled in one batch: enough lanes for the hashes, little enough for the cache, and for
/// several transfers at once: at 3-of-10 an upload holds up to three batches of 3.3 times this.
pub const BATCH_MAX: u64 = 2 << 20;
/// Segments in one batch, for small segments.
pub const BATCH_SEGMENTS_MAX: u64 = 16;

// --- links ---------------------------------------------------------------------------------

/// Plaintext of one record: Noise messages are at most 65,535 bytes, 16 of them the tag.
pub const RECORD_PLAIN_MAX: usize = 65_519;
/// Records after which each direction takes a new key (at most 64 GiB under one key).
pub const REKEY_RECORDS: u64 = 1 << 20;
/// A link that has not finished its handshake by then is closed.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes under way at once; one more pushes out the oldest, so that strangers crowd out
/// strangers.
pub const HANDSHAKES_MAX: usize = 1_024;
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
/// Announcements in one message: a frame's body less its heads and lengths.
pub const ANNOUNCE_FRAME_BYTES: usize = BODY_MAX - (8 << 10);
/// Nodes that follow one introducer; each costs it a set of tub ids at worst.
pub const SUBSCRIBERS_MAX: usize = 2_048;
/// Subscriptions of one node: one a service, and those of a link that is dying.
pub const SUBSCRIBERS_PER_TUB_MAX: usize = 8;

// --- gateway -------------------------------------------------------------------------------

/// A request body up to this length stays in memory; a longer one is spooled to a file.
pub const BODY_IN_MEMORY_MAX: usize = 1 << 20;
/// Request bodies in memory, all together; beyond, also short ones are spooled.
pub const BODIES_IN_MEMORY_MAX: usize = 16 << 20;
/// Spooled request bodies, all together, unless the owner says otherwise.
pub const SPOOL_BYTES_MAX: u64 = 256 << 30;
/// Connections to the gateway. Each idle one costs two buffers of a few kilobytes.
pub const WEB_CONNECTIONS_MAX: usize = 1_024;
/// A request head that is not complete by then is answered 408.
pub const WEB_HEAD_TIME: Duration = Duration::from_secs(10);
/// An open connection without a request is closed after this long.
pub const WEB_KEEP_ALIVE: Duration = Duration::from_secs(30);
/// A request body that brings no byte for so long is given up.
pub const WEB_BODY_STALL_TIME: Duration = Duration::from_secs(60);
/// A request body must bring at least this many bytes a second, on average after the first
/// [`WEB_BODY_STALL_TIME`]; one byte a minute would hold a place for ever.
pub const WEB_BODY_RATE_MIN: u64 = 128;
/// Request bodies that may be under way at once.
pub const WEB_BODIES_MAX: usize = 512;
/// Threads that serve HTTP.
pub const WEB_WORKERS_MAX: usize = 4;

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
/// Disjoint pieces that a half-written share may consist of: honest writers make a handful.
pub const WRITE_PIECES_MAX: usize = 1_024;
/// Largest share that a server takes (what common file systems hold in one file).
pub const SHARE_MAX: u64 = 1 << 44;
/// Writes are gathered into pieces of the share file that end on a multiple of this.
pub const WRITE_CHUNK: usize = 256 << 10;
/// Bytes gathered by all writers together; beyond, writes go to the disk as they come.
pub const WRITE_GATHER_MAX: usize = 64 << 20;
/// The lease journal is emptied when it has grown to this and nothing is under way.
pub const LEASE_JOURNAL_MAX: u64 = 256 << 10;
/// A lease journal longer than this was not written by us.
pub const LEASE_JOURNAL_READ_MAX: u64 = 64 << 20;
/// Corruption reports that a server keeps.
pub const ADVISORIES_MAX: usize = 10_000;
/// Text of a corruption report.
pub const ADVISORY_MAX: usize = 2_000;

// --- uploads and downloads -----------------------------------------------------------------

/// A server that has not answered an uploader's first question by then takes no part.
pub const UPLOAD_QUERY_TIME: Duration = Duration::from_secs(15);
/// Once enough servers answered, the others get so much longer: a hung one must not cost every
/// upload the full time, a slow one should still get its share.
pub const UPLOAD_SETTLE_TIME: Duration = Duration::from_secs(3);
/// For an answer to an allocation: one small file on the server's disk.
pub const ALLOCATE_TIME: Duration = Duration::from_secs(15);
/// A server that acknowledges no byte for so long is left out of the upload: longer than a healthy
/// disk pauses, shorter than it takes a link to be declared dead.
pub const SHARE_STALL_TIME: Duration = Duration::from_secs(30);
/// For a close, which syncs the share and its folders.
pub const CLOSE_TIME: Duration = Duration::from_secs(60);
/// Shares that another client is writing are waited for so long before they are placed elsewhere.
pub const IN_PROGRESS_TIME: Duration = Duration::from_secs(60);
/// Rounds of placing and sending before an upload settles for what it has.
pub const UPLOAD_PASSES_MAX: usize = 3;
/// Bytes of one write call: small enough that a server writes one while the next arrives.
pub const WRITE_PIECE: usize = 512 << 10;
/// Batches that all uploads of a client together hold beyond the one that each may always hold.
pub const UPLOAD_SPARE_BATCHES: usize = 2;
/// Servers that a downloader asks at once.
pub const FIND_OUTSTANDING_MAX: usize = 10;
/// A server that has not answered a downloader's first question by then has no shares.
pub const FIND_TIME: Duration = Duration::from_secs(10);
/// Unanswered for so long, a downloader's question goes to further servers too.
pub const FIND_MORE_AFTER: Duration = Duration::from_millis(50);
/// A block unanswered for so long is also asked of another share, if blocks are usually faster.
pub const HEDGE_AFTER: Duration = Duration::from_secs(1);
/// No share is waited for longer than this for one read.
pub const SHARE_READ_TIME: Duration = Duration::from_secs(30);
/// Batches that one read has under way or waiting for its reader.
pub const READ_AHEAD_UNITS: usize = 2;
/// Bytes handed to a reader at once.
pub const READ_CHUNK_MAX: usize = 512 << 10;
