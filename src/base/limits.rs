//! Every limit of the system and why it is what it is; those of links and objects come with these.
//!
//! Bytes unless the name ends in a unit. A limit is checked where bytes enter; nothing inside
//! checks again.

mod archives;
mod kept;
mod lines;

pub use archives::*;
pub use kept::*;
pub use lines::*;
use std::time::Duration;

pub use tahoe_objects::base::limits::*;

// --- files ---------------------------------------------------------------------------------

/// Files of at most this many bytes live in their cap (the format's constant).
pub const LIT_MAX: u64 = 55;
/// Largest plaintext segment that an upload makes (the format's default since 1.20).
pub const SEGMENT_MAX: u64 = 1 << 20;
/// Shares of one file: share numbers are one byte in the erasure code.
pub const SHARES_MAX: usize = 256;
/// A share with a longer hash tree is not judged by who has no cap: 4 MiB are the tree of a file of
/// 64 GiB, and three of them are held meanwhile.
pub const ALONE_TREE_MAX: u64 = 4 << 20;
/// Nor is one with longer blocks: several are judged at once, each holding one.
pub const ALONE_BLOCK_MAX: u64 = 4 << 20;
/// A URI extension block longer than this is absurd (the format's verifier refuses it too).
pub const UEB_MAX: usize = 2_000;
/// Segments that a reader accepts. Bounds the hash trees, which are held whole: 2^20 leaves of a
/// share are 64 MiB of nodes; a 1 TiB file in 1 MiB segments is just inside.
pub const SEGMENTS_MAX: u64 = 1 << 20;
/// Hash trees that one file makes a reader hold: its own and one of each of k shares. A 1 TiB file in
/// 1 MiB segments is inside up to k = 7.
pub const READ_TREES_MAX: u64 = 512 << 20;
/// Largest segment that a reader accepts. Bounds what one decoding step holds (k blocks in,
/// one segment out); 1.20 writes 1 MiB, other tools seldom more than 16.
pub const READ_SEGMENT_MAX: u64 = 64 << 20;
/// Largest file that an upload takes: what a share's 64-bit fields and the tree limit allow.
pub const FILE_MAX: u64 = SEGMENTS_MAX * SEGMENT_MAX;
/// A capability is at most this long; the longest known kind is under 300 characters.
pub const CAP_TEXT_MAX: usize = 4_096;
/// Plaintext handled in one batch: enough lanes for the hashes, little enough for the cache, and for
/// several transfers at once: at 3-of-10 an upload holds up to three batches of 3.3 times this.
pub const BATCH_MAX: u64 = 3 << 20;
/// Segments in one batch, for small segments.
pub const BATCH_SEGMENTS_MAX: u64 = 16;

// --- introducer ----------------------------------------------------------------------------

/// Announcements that an introducer or a client keeps.
pub const ANNOUNCEMENTS_MAX: usize = 4_096;
/// Announcements of one node: one a service.
pub const SERVICES_PER_TUB_MAX: usize = 8;
/// One signed announcement.
pub const ANNOUNCEMENT_MAX: usize = 4_096;
/// The certificate of a node that was taken over, in an announcement: 1.20 makes some 730 bytes.
pub const CERTIFICATE_MAX: usize = 1_536;
/// A signature by that certificate's key, of at most 4,096 bits; 1.20 makes keys of 2,048.
pub const RSA_SIGNATURE_MAX: usize = 512;
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
/// Memory for all uploads of a gateway together,
pub const UPLOADS_BYTES_MAX: usize = 40 << 20;
/// of which a large one takes so much: a batch, its shares, and what is read of the next.
pub const UPLOAD_WINDOW: usize = 13 << 20;
/// An upload is waited with for so long while others have that: several large ones on a slow grid.
pub const UPLOAD_ROOM_TIME: Duration = Duration::from_secs(300);
/// Memory for what all downloads of a gateway together read ahead,
pub const DOWNLOADS_BYTES_MAX: usize = 40 << 20;
/// of which a large one takes so much.
pub const DOWNLOAD_WINDOW: usize = 10 << 20;
/// A reader that takes nothing for so long pauses: nothing is read ahead for it.
pub const READER_PAUSE_TIME: Duration = Duration::from_secs(2);
/// Bytes of a long answer that are in memory; the others are in a file until they are taken.
pub const SPILL_PIECE: usize = 64 << 10;
/// Connections to the gateway. An idle one costs two buffers of 8 KiB; one that sends a head without
/// end holds 128 KiB of it: 32 MiB, if all do.
pub const WEB_CONNECTIONS_MAX: usize = 256;
/// Lines of each table on the page of an introducer, and letters of each cell that a stranger fills: with
/// both tables full, and every letter escaped, a page has some 1.2 MB.
pub const SERVICE_ROWS_MAX: usize = 500;
pub const SERVICE_CELL_MAX: usize = 48;
/// Connections that may wait to be accepted; Linux takes fewer where it is set to.
pub const WEB_BACKLOG: i32 = 4_096;
/// Who has just connected has so long before counting as idle: a round trip, and the turn of a busy
/// processor.
pub const WEB_FRESH_TIME: Duration = Duration::from_millis(100);
/// A request or an answer that has not moved for so long counts as idle.
pub const WEB_STILL_TIME: Duration = Duration::from_secs(10);
/// A connection has moved when so many bytes came or went: a packet or three. One that brings less
/// again and again is among the first that are let go when places run out.
pub const WEB_MOVED_MIN: u64 = 4 << 10;
/// A request head that is not complete by then is answered 408.
pub const WEB_HEAD_TIME: Duration = Duration::from_secs(10);
/// An open connection without a request is closed after this long.
pub const WEB_KEEP_ALIVE: Duration = Duration::from_secs(30);
/// A request body that brings no byte for so long is given up.
pub const WEB_BODY_STALL_TIME: Duration = Duration::from_secs(60);
/// A request body must bring at least this many bytes a second, on average after the first
/// [`WEB_BODY_STALL_TIME`]; one byte a minute would hold a place for ever.
pub const WEB_BODY_RATE_MIN: u64 = 128;
/// A spool file of at most so many bytes is used again by the next upload,
pub const SPOOL_FILE_KEPT_MAX: u64 = 128 << 20;
/// if it comes so soon. Linux leaves a written page in memory for longer than that.
pub const SPOOL_FILE_KEPT_TIME: Duration = Duration::from_secs(10);
/// The owner's own bodies may be silent for so long: what makes them may have much to do first. But a
/// connection whose other end has vanished must not hold a place for ever.
pub const WEB_OWNER_STALL_TIME: Duration = Duration::from_secs(24 * 3600);
/// Request bodies that may be under way at once.
pub const WEB_BODIES_MAX: usize = 512;
/// One field of a form that is no file, or a body that is one cap: the longest cap is far below.
pub const FORM_FIELD_MAX: usize = 64 << 10;
/// Fields of a form; the longest form of ours has six.
pub const FORM_FIELDS_MAX: usize = 64;
/// Who is refused because there is too much to do may ask again after so many seconds.
pub const RETRY_SECONDS: u16 = 10;
/// JSON that describes children of one directory: as many as it may name take some 30 MB.
pub const CHILDREN_JSON_MAX: u64 = 64 << 20;
/// Children in one JSON body, which are held in memory until the directory has them,
pub const CHILDREN_MAX: usize = 50_000;
/// and memory for each beside its text: as read, as sealed, and the maps that say what is there.
pub const CHILD_ROOM: usize = 2_000;
/// Lines of a walk that are written at once.
pub const LISTING_CHUNK: usize = 512;
/// Long work that is under way or whose result was not fetched yet.
pub const OPERATIONS_MAX: usize = 256;
/// Long work that is under way at once.
pub const OPERATIONS_RUNNING_MAX: usize = 32;
/// Results that nobody read are kept for 4 days, those that were read for 1 day, in seconds.
pub const OPERATION_UNREAD_SECONDS: u64 = 4 * 24 * 3600;
pub const OPERATION_READ_SECONDS: u64 = 24 * 3600;
/// A handle is at most this long; clients choose them at random.
pub const OPERATION_HANDLE_MAX: usize = 256;
/// Objects of one manifest that is kept until it is fetched; longer ones must be streamed.
pub const MANIFEST_MAX: usize = 1 << 20;
/// Bytes of one manifest or list of findings that is kept, and of all together: some 20,000 objects.
/// While one is made an answer of it takes three times as much.
pub const MANIFEST_BYTES_MAX: usize = 12 << 20;
pub const OPERATIONS_BYTES_MAX: usize = 16 << 20;
/// Bytes of what one deep check says of healthy objects one by one: some 2,000 of them. Of the others
/// only the count is kept, since nothing is to be done for them.
pub const CHECKS_KEPT_BYTES_MAX: usize = 2 << 20;
/// Objects that one deep check has under check at once.
pub const DEEP_CHECKS_MAX: usize = 32;
/// Transfers that the status page remembers of each kind.
pub const HISTORY_MAX: usize = 10;
/// Events of each kind that are remembered of one download: with those of the last ones half a megabyte.
pub const TRACE_EVENTS_MAX: usize = 100;
/// Browsers that are logged in as the owner; one more forgets the oldest.
pub const SESSIONS_MAX: usize = 64;
/// A browser stays logged in so long, in seconds.
pub const SESSION_SECONDS: u64 = 7 * 24 * 3600;
/// A login address that was made for one use is good for so long, in seconds.
pub const LOGIN_SECONDS: u64 = 600;
/// Files and folders in one local folder that the owner has copied.
pub const LOCAL_DEPTH_MAX: usize = 64;
/// Bytes of a text that its page shows; the rest is for who downloads it.
pub const PREVIEW_MAX: u64 = 512 << 10;
/// Bytes of a file without a name from which its kind is told.
pub const SNIFF_MAX: u64 = 512;
/// A picture up to this size is its own thumbnail; larger ones have an icon.
pub const THUMBNAIL_MAX: u64 = 8 << 20;
/// PDFs that pages show in frames, and how long the address of each is good, in seconds.
pub const SHOWN_MAX: usize = 256;
pub const SHOWN_SECONDS: u64 = 3600;
/// What was deleted by way of a gateway can be put back for so long (30 days), in seconds.
pub const TRASH_SECONDS: u64 = 30 * 24 * 3600;
/// Links that can be put back; a program deletes each by itself.
pub const TRASH_LINKS_MAX: usize = 20_000;
/// Deletions that the page of them shows; programs are told all.
pub const TRASH_SHOWN_MAX: usize = 500;
/// The part of them, and of the bytes, that those have who are not the owner: one in so many.
pub const TRASH_STRANGERS_PART: usize = 8;
/// Bytes of the record of them: a link takes some 500.
pub const TRASH_FILE_MAX: u64 = 64 << 20;
/// An urlencoded form: the names of some ten thousand children that are changed at once.
pub const FORM_BODY_MAX: usize = 1 << 20;
/// Pages that follow the transfers at once, and how often they are told.
pub const EVENT_STREAMS_MAX: usize = 64;
pub const EVENT_TIME: Duration = Duration::from_millis(500);
/// What the owner prohibits: some hundred thousand lines.
pub const BLACKLIST_MAX: u64 = 16 << 20;
/// Threads that serve HTTP.
pub const WEB_WORKERS_MAX: usize = 4;

// --- storage -------------------------------------------------------------------------------

/// A lease lasts so long after it was added or renewed (31 days), in seconds.
pub const LEASE_SECONDS: u64 = 31 * 24 * 3600;
/// Leases on one share, or on one directory, that can be renewed and cancelled by themselves; 0.6 and
/// 1.20 have no limit, a hostile client does. On a share, those beyond have one in common.
pub const LEASES_MAX: usize = 1_000;
/// Leases that are read of one share file, which may be another program's: 5 MiB of them.
pub const LEASES_READ_MAX: u32 = 1 << 16;
/// Buckets whose leases are collected in one disk job: a few dozen syncs.
pub const COLLECT_BUCKETS_MAX: usize = 16;
/// Between two such jobs, so that serving goes first.
pub const COLLECT_PAUSE: Duration = Duration::from_millis(100);
/// Leases are first collected so long after a start: who could not reach a server that was away has
/// so long to make up for it.
pub const COLLECT_AFTER: Duration = Duration::from_secs(3600);
/// From the end of one collection of leases to the next.
pub const COLLECT_EVERY: Duration = Duration::from_secs(12 * 3600);
/// A lease goes when two collections found it over that are so far apart, in seconds: its holder and
/// the node's owner have so long to notice a clock that is wrong.
pub const COLLECT_TWICE_SECONDS: u64 = 24 * 3600;
/// Up to so many shares go in one collection whatever part of all they are: in a store of three, two
/// that end are nothing strange. Beyond, more than half of all go only by the owner's word.
pub const COLLECT_FEW: u64 = 10;
/// Buckets that one collection remembers for the next: 16 MiB. The others wait their turn.
pub const COLLECT_SEEN_MAX: usize = 1 << 20;
/// A clock that is off by more than this within a day was set, in seconds: what drifts is slower by
/// far, and daylight saving time is not in it.
pub const CLOCK_SLACK_SECONDS: u64 = 3600;
/// A clock that was set is believed again after going right for so long, in seconds.
pub const CLOCK_PROOF_SECONDS: u64 = 24 * 3600;
/// A server's clock that differs by more than this from one's own is told of, in seconds: by less, a
/// lease that is renewed in time lasts.
pub const CLOCK_OFF_SECONDS: u64 = 24 * 3600;
/// A node that seems to have been off for longer than this has rather a wrong clock, in seconds: a
/// lease time.
pub const CLOCK_AWAY_SECONDS: u64 = LEASE_SECONDS;
/// Days of the calendar of which it is known when leases were dated with them. A month of right time
/// has 31; a clock that jumps makes more, and beyond this the oldest count as one: 12 KiB.
pub const CLOCK_DAYS_MAX: usize = 1_024;
/// That leases are dated with a day is written down for so long ahead, in seconds: four syncs a day,
/// not one a lease.
pub const CLOCK_VOUCH_SECONDS: u64 = 6 * 3600;
/// How often it is written down for how long the node ran; a crash loses so much of it.
pub const CLOCK_SAVE: Duration = Duration::from_secs(3600);
/// An upload without a write for so long is aborted.
pub const UPLOAD_IDLE_TIME: Duration = Duration::from_secs(30 * 60);
/// A share of at most so many bytes is judged while its allocation waits, which is a few
/// milliseconds; a longer one is read beside it, and is in progress so long.
pub const JUDGE_AT_ONCE_MAX: u64 = 2 << 20;
/// Bytes a second at which a share is read to be judged, at least: who waits for that waits so much
/// longer.
pub const JUDGE_RATE_MIN: u64 = 32 << 20;
/// Shares whose judgement is remembered: a mebibyte.
pub const JUDGED_MAX: usize = 16_384;
/// Shares that wait to be judged; who asks for one more asks again later.
pub const JUDGE_LATER_MAX: usize = 1_024;
/// Ranges in one read call.
pub const READ_RANGES_MAX: usize = 1_024;
/// Bytes that a server returns of each share when it is opened, at most.
pub const OPEN_HEAD_MAX: u32 = 16 << 10;
/// Disk jobs under way at once on one storage server.
pub const DISK_JOBS_MAX: usize = 8;
/// Shares that may be written at once on one storage server.
pub const WRITERS_MAX: usize = 4_096;
/// From so many on, writers that stand still make room: a quarter is kept for those who come.
pub const WRITERS_CROWD: usize = WRITERS_MAX / 4 * 3;
/// A writer stands still if for so long less comes to it, on average, than
pub const WRITER_STILL_TIME: Duration = Duration::from_secs(120);
/// this many bytes a second. Uploaders whose other servers are slow pause between batches; they do
/// not pause so long.
pub const WRITER_RATE_MIN: u64 = 128;
/// Writers that one link may hold: with all the links that a tub may have, half of them.
pub const WRITERS_PER_LINK_MAX: usize = WRITERS_MAX / 2 / LINKS_PER_TUB_MAX;
/// Readers that one link may hold: some 2 MiB of them. A download holds one a share.
pub const READERS_PER_LINK_MAX: usize = 2_048;
/// Files that readers have open on one storage server. Beyond, that which was unused for longest is
/// closed until its reader is asked again.
pub const READER_FILES_MAX: usize = 4_096;
/// Operations of one kind of which a storage server remembers how long they took: as many as tell one
/// in a thousand.
pub const LATENCY_SAMPLES_MAX: usize = 1_000;
/// Disjoint pieces that a half-written share may consist of: honest writers make a handful.
pub const WRITE_PIECES_MAX: usize = 1_024;
/// Largest share that a server takes (what common file systems hold in one file).
pub const SHARE_MAX: u64 = 1 << 44;
/// Writes are gathered into pieces of the share file that end on a multiple of this.
pub const WRITE_CHUNK: usize = 512 << 10;
/// Memory in which all writers together gather; beyond, writes go to the disk as they come.
pub const WRITE_GATHER_MAX: usize = 64 << 20;
/// The lease journal is emptied when it has grown to this and nothing is under way.
pub const LEASE_JOURNAL_MAX: u64 = 256 << 10;
/// Grown to this, the lease journal takes no more before what is under way is made and dropped from
/// it: a quarter of what is read back.
pub const LEASE_JOURNAL_FULL: u64 = 16 << 20;
/// A lease journal longer than this was not written by us.
pub const LEASE_JOURNAL_READ_MAX: u64 = 64 << 20;
/// Shares that are known to be damaged, and are not told of: a few mebibytes.
pub const CONDEMNED_MAX: usize = 65_536;
/// What is kept of them, and of how far the shares were read: some 34 bytes each.
pub const SCRUB_RECORD_MAX: usize = 4 << 20;
/// Bytes a second at which a server reads its own shares: a hundredth of what a disk does, and of a
/// processor. A terabyte takes three days.
pub const SCRUB_RATE: u64 = 4 << 20;
/// A share counts so much beside its bytes: finding and opening it moves a disk's head as well.
pub const SCRUB_SHARE_COST: u64 = 64 << 10;
/// After so many bytes it is noted how far that is.
pub const SCRUB_SAVE_BYTES: u64 = 64 << 20;
/// From the end of a round to the next one, unless the owner says otherwise.
pub const SCRUB_EVERY: Duration = Duration::from_secs(30 * 24 * 3600);
/// From the start of a server to the first look at whether it is time for a round, and between two.
pub const SCRUB_LOOK: Duration = Duration::from_secs(10 * 60);
/// Corruption reports that a server keeps.
pub const ADVISORIES_MAX: usize = 10_000;
/// Text of a corruption report.
pub const ADVISORY_MAX: usize = 2_000;

// --- uploads and downloads -----------------------------------------------------------------

/// A server that is being dialled is waited for so long, where too few are there without it: a few
/// round trips, and the pause of one reconnection.
pub const EXPECT_TIME: Duration = Duration::from_secs(3);
/// A server that kept others waiting is asked last, and not waited for, for so long; twice as long each
/// further time in a row, up to the second. Asking it as before is what finds out that it is well.
pub const LATE_TIME: Duration = Duration::from_secs(60);
pub const LATE_TIME_MAX: Duration = Duration::from_secs(16 * 60);
/// So long a server is asked last that said it had what it did not have: a broken disk costs its owner
/// no more than that, and a liar is caught again by whoever looks.
pub const LIE_TIME: Duration = Duration::from_secs(10 * 60);
/// Servers of which something is remembered: as many as an introducer tells of.
pub const STANDINGS_MAX: usize = ANNOUNCEMENTS_MAX;
/// A server that has not answered an uploader's first question by then takes no part.
pub const UPLOAD_QUERY_TIME: Duration = Duration::from_secs(15);
/// Once those that answered suffice, the others get so much longer at most to say what they have.
pub const UPLOAD_SETTLE_TIME: Duration = Duration::from_secs(3);
/// When servers that suffice have answered, the others may take so many times as long in all: a hung
/// one must not cost the full time, one that is a little slower should still get its share.
pub const COMPANY_FACTOR: u32 = 4;
/// Servers that suffice wait for slower ones for one part of so many of what an upload takes otherwise:
/// what a slow one costs stays below a third, and a server that is a little slower keeps its share.
pub const STRAGGLER_SHARE: u32 = 5;
/// They get so much longer at least: a sync of a busy disk, a packet sent again, a scheduler.
pub const JITTER_TIME: Duration = Duration::from_millis(500);
/// For an answer to an allocation: one small file on the server's disk.
pub const ALLOCATE_TIME: Duration = Duration::from_secs(15);
/// A server is left out of the upload when the oldest bytes that it has not acknowledged have not come
/// forward for so long, neither on their way to it nor, once there, to its disk: longer than a
/// healthy disk pauses. A slow link is no reason; one that takes nothing ends sooner.
pub const SHARE_STALL_TIME: Duration = Duration::from_secs(30);
/// For a close, which syncs the share and its folders.
pub const CLOSE_TIME: Duration = Duration::from_secs(60);
/// Shares that another client is writing are waited for so long before they are placed elsewhere.
pub const IN_PROGRESS_TIME: Duration = Duration::from_secs(60);
/// Rounds of placing and sending before an upload settles for what it has. Each reads the source
/// once more, and is only made for want of happiness.
pub const UPLOAD_PASSES_MAX: usize = 6;
/// Bytes of one write call: small enough that a server writes one while the next arrives.
pub const WRITE_PIECE: usize = 512 << 10;
/// The same for a server that is not near, where what is more urgent waits on the line for as much: what it
/// takes in this time, within these bounds.
pub const FAR_PIECE_TIME: Duration = Duration::from_millis(25);
pub const FAR_PIECE_MIN: usize = 8 << 10;
pub const FAR_PIECE_MAX: usize = 32 << 10;
/// Bytes of one answer of such a server to a read. Its line is its own, so that it is wider for this, and it
/// runs a bounded number of calls at once.
pub const FAR_ANSWER: usize = 64 << 10;
/// Writes of one share that may be unanswered: fewer than the calls that a server runs for a link, so that one
/// that hangs with them still answers others.
pub const WRITES_UNDER_WAY_MAX: usize = 24;
/// Batches that all uploads of a client together hold beyond the one that each may always hold.
pub const UPLOAD_SPARE_BATCHES: usize = 2;
/// Memory for the shares that are verified, of all files together: some five shares of large files at
/// once, each with the blocks that are hashed and those that come. A share that takes more, because its
/// trees or blocks are very large, has it alone.
pub const VERIFY_BYTES_MAX: usize = 32 << 20;
/// Servers whose shares of one file are read at once.
pub const VERIFY_SERVERS_MAX: usize = 8;
/// Bytes a second at which a server must give what it says, during a repair, that it has; else another one
/// gets that share.
pub const CLAIM_RATE_MIN: u64 = 64 << 10;
/// Files that one client repairs at once: each is a download and an upload.
pub const REPAIRS_MAX: usize = 2;
/// Servers that a downloader asks at once.
pub const FIND_OUTSTANDING_MAX: usize = 10;
/// A server that has not answered a downloader's first question by then has no shares.
pub const FIND_TIME: Duration = Duration::from_secs(10);
/// A server that has not said by then how full it is keeps the figure from when it was met, on the
/// grid's page, which a person waits for, and in the JSON about the node.
pub const SPACE_TIME: Duration = Duration::from_millis(500);
/// Where servers usually answer sooner, a downloader asks no more of them than it needs until so
/// much time has passed. Further away a spare one is asked at once: waiting costs more than asking.
pub const SPARE_AFTER: Duration = Duration::from_millis(20);
/// Unanswered for so long, a downloader's question goes to further servers too.
pub const FIND_MORE_AFTER: Duration = Duration::from_millis(50);
/// A block unanswered for so long is also asked of another share, if blocks are usually faster.
pub const HEDGE_AFTER: Duration = Duration::from_secs(1);
/// A read of a share is given up when for so long less has come from its server than
/// [`SHARE_RATE_MIN`]; long before, other shares are asked beside it.
pub const SHARE_READ_TIME: Duration = Duration::from_secs(30);
/// Bytes a second that a server must bring of a share that is read, or take of one that is written,
/// on average: what its link demands of a frame. A byte now and then would hold a download or an upload
/// for ever.
pub const SHARE_RATE_MIN: u64 = FRAME_RATE_MIN;
/// No read is waited for longer than this beyond [`SHARE_READ_TIME`], whatever else its server answers
/// meanwhile: what a server may have ready to leave takes as long at the least rate.
pub const SHARE_READ_TIME_MAX: Duration =
    Duration::from_secs(REPLY_BYTES_MAX as u64 / SHARE_RATE_MIN);
/// A downloader asks a busy server again after this, and looks for one whose link was lost; twice
/// as long each further time.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How often a busy server is asked again.
pub const BUSY_ROUNDS_MAX: u32 = 4;
/// How often servers whose links were lost are waited for: twelve seconds in all, enough for one
/// that starts anew.
pub const RETURN_ROUNDS_MAX: u32 = 6;
/// Plaintext of one unit of a read: a download holds READ_AHEAD_UNITS of them and one on its way out.
pub const READ_UNIT_MAX: u64 = 2 << 20;
/// Batches that one read has under way or waiting for its reader.
pub const READ_AHEAD_UNITS: usize = 2;
/// Half units that all reads of a client together have under way beyond that, where lines are what is waited
/// for: a slow server's answer then holds nobody up who is quicker.
pub const READ_SPARE_UNITS: usize = 8;
/// Bytes handed to a reader at once.
pub const READ_CHUNK_MAX: usize = 512 << 10;

// --- directories: what holds the keys -------------------------------------------------------

/// A child's name in UTF-8, after normalisation.
pub const NAME_MAX: usize = 1_024;
/// A child's metadata as JSON.
pub const METADATA_MAX: usize = 32 << 10;
/// The same as a client spells it, with escapes and spaces; more is not even parsed.
pub const METADATA_TEXT_MAX: usize = 6 * METADATA_MAX;
/// Rows of one directory that do not open and are named one by one; the others are counted. As many
/// as one call removes.
pub const UNREADABLE_NAMED_MAX: usize = 1_000;
/// Times that a change is made again on top of what others did meanwhile.
pub const REDOS_MAX: u32 = 32;
/// The table of an immutable directory, held whole: some 100,000 children.
pub const TABLE_MAX: u64 = 64 << 20;
/// Bytes of rows that one call to a vdrive server carries; more are staged.
pub const STAGE_BYTES: usize = 1 << 20;
/// Directories to which a client holds a reference because it used them lately.
pub const DIRECTORIES_HELD_MAX: usize = 64;
/// Rows that are opened where they arrive; more go to a worker, as so many bytes of hashing would.
pub const ROWS_IN_PLACE: (usize, usize) = (64, 64 << 10);
/// For an answer of a vdrive server, which waits for its disk.
pub const DIRECTORY_TIME: Duration = Duration::from_secs(30);
/// Changes of one directory by one node follow each other; one that waited so long is given up: its
/// server answers, if at all, far too slowly.
pub const DIRECTORY_LOCK_TIME: Duration = Duration::from_secs(120);
/// Directories whose newest version a node remembers: 30 MiB of memory, and of disk at most 75. A home
/// with a million files has a tenth of it.
pub const SEEN_DIRECTORIES_MAX: usize = 1 << 18;
/// Directories on the way of one path, and above what a walk enters.
pub const PATH_MAX: usize = 256;
/// Memory for the directories larger than a page that a client lists, makes or changes at once: one of
/// 100,000 entries, or several smaller ones.
pub const LARGE_DIRECTORIES_MAX: usize = 108 << 20;
/// Memory for those of a page,
pub const PAGES_BYTES_MAX: usize = 12 << 20;
/// each of which takes so much: its rows, and what goes with them.
pub const PAGE_ROOM: usize = 2 << 20;
/// Beside its own bytes a row takes so many while it is proven, in two maps and a trie, and opened.
pub const ROW_ROOM: usize = 380;
/// Beside its name and metadata an entry takes so many.
pub const ENTRY_ROOM: usize = 320;
/// A JSON text of children takes so many times its own size until the directory has them, usually,
pub const CHANGE_ROOM: usize = 8;
/// for which so much is waited; what takes more has it only if it is free.
pub const CHANGE_ROOM_MAX: usize = 40 << 20;
/// A table takes so many times its own size while it is taken apart.
pub const TABLE_ROOM: usize = 3;
/// Directories are waited for so long while others have the memory: as long as a large one takes.
pub const DIRECTORY_ROOM_TIME: Duration = Duration::from_secs(30);
/// Memory for what all walks together have yet to tell, and know that they have told.
pub const WALKS_BYTES_MAX: usize = 24 << 20;
/// A thing that a walk has yet to tell takes so many bytes beside its path,
pub const REACHED_ROOM: usize = 220;
/// and one that it knows again so many.
pub const SEEN_ROOM: usize = 40;
// --- vdrive --------------------------------------------------------------------------------

/// The column of a row that readers open: a name of 1,024 bytes, a cap and metadata, padded.
pub const ROW_READ_MAX: usize = 64 << 10;
/// The column of a row that writers open: a cap, padded.
pub const ROW_WRITE_MAX: usize = 8 << 10;
/// Bytes of the rows of one directory, and [`ROW_ROOM`] for each: some 120,000 of the usual size, and so
/// little that a client can still list them all, whatever a writer puts there and others change
/// meanwhile.
pub const DIRECTORY_ROOM_MAX: u64 = LARGE_DIRECTORIES_MAX as u64 / 16 * 15;
/// Rows of one directory: each costs the server some 350 bytes of memory while it is in use.
pub const ROWS_MAX: u64 = 1 << 20;
/// Storage indexes in one call: the answers, of up to 256 shares each, fit in one reply.
pub const INDEXES_MAX: usize = 200;
/// Such calls that are under way to one server.
pub const LISTS_AT_ONCE: usize = 4;
/// Row ids in one call: half of a frame's body.
pub const ROW_IDS_MAX: usize = 1_024;
/// Rows of all directories that a server keeps loaded; each directory counts for as many as
/// [`OPEN_DIRECTORY_ROWS`] beside its own. Beyond, directories are loaded for each job.
pub const OPEN_ROWS_MAX: u64 = 1 << 21;
/// What an open file and the rest of a loaded directory cost, in rows: bounds open files to 4,096.
pub const OPEN_DIRECTORY_ROWS: u64 = 512;
/// Rows in one answer; leaves room beside them for the proof.
pub const ROWS_BULK_MAX: usize = 1 << 20;
/// A proof for [`ROW_IDS_MAX`] ids of a large directory stays below this; more ids than honest
/// ones that share long prefixes get a part of it.
pub const PROOF_MAX: usize = BULK_MAX - ROWS_BULK_MAX;
/// Memory of one change that is not yet committed: the [`CHILDREN_MAX`] children that one JSON body
/// describes take 690 bytes each and [`STAGED_ROW_COST`]. One alone may have half of all.
pub const STAGED_MAX: usize = STAGED_ALL_MAX / 2;
/// Memory of all changes that are not yet committed.
pub const STAGED_ALL_MAX: usize = 192 << 20;
/// Above this in all, those who stand still or are slow go: so much may be held without bringing more.
pub const STAGED_CALM: usize = 32 << 20;
/// What a staged row takes beside its bytes: its parts, and its places in the map and the trie.
pub const STAGED_ROW_COST: usize = 256;
/// What the id of a row that is to be removed takes, likewise.
pub const STAGED_ID_COST: usize = 96;
/// Changes being staged at once on one server.
pub const STAGINGS_MAX: usize = 1_024;
/// Changes that one link may stage at once: an honest node makes a few large ones at a time.
pub const STAGINGS_PER_LINK_MAX: usize = 16;
/// Whoever staged nothing for so long stands still: the largest call takes as long at 70 kB a second.
pub const STAGING_STILL_TIME: Duration = Duration::from_secs(30);
/// Bytes a second, on average since it began, below which a change is staged slowly.
pub const STAGING_RATE_MIN: u64 = 64 << 10;
/// A staged change without a call for so long is dropped, however little it is.
pub const STAGING_IDLE_TIME: Duration = Duration::from_secs(2 * 60);
/// Who watches one directory.
pub const WATCHERS_MAX: usize = 1_024;
/// Changes that a server knows again when they are repeated after a lost answer.
pub const RECENT_CHANGES: usize = 256;
/// Removed rows that a server tells who asks for what changed.
pub const REMOVALS_KEPT: usize = 4_096;
/// One record of a directory's log: a frame's bulk and what goes with it.
pub const LOG_RECORD_MAX: usize = BULK_MAX + (1 << 20);
/// A log that is this much longer than what it says is written anew.
pub const LOG_WASTE_MIN: u64 = 64 << 10;
/// Rows of a log that is written as a whole are in records of at most this much, as far as rows allow.
/// What is left of a record after damage is little, and see [`MEND_MAX`].
pub const WHOLE_PIECE: usize = 4 << 10;
/// A damaged record up to this length is tried with each of its bits turned: 2^16 checksums of 4 KiB on
/// average take some 0.2 s, and four times as much for each doubling.
pub const MEND_MAX: usize = 8 << 10;
/// Bytes that are summed in the search for what is whole of a damaged log, beyond the log's own length:
/// some seconds. Whoever chooses what rows contain can make each byte look like a record's beginning.
pub const SALVAGE_SUMMED_MAX: u64 = 4 << 30;
/// Damaged logs of one directory that are kept aside.
pub const QUARANTINED_MAX: u32 = 9;
/// A lease is not written down again when that adds less than this, in seconds.
pub const LEASE_GRAIN_SECONDS: u64 = 3600;

// --- command line --------------------------------------------------------------------------

/// Requests that a command has under way at once: small files wait for disks most of the time, so
/// that sixteen are a sixth quicker than eight; more bring nothing and take a gateway's memory.
pub const CLI_WORKERS: usize = 16;
/// Children that a command gives a directory in one call: the body stays below half a megabyte, and
/// a directory of any size can be made.
pub const CALL_CHILDREN_MAX: usize = 1_000;
/// Folders in folders that a command copies: a directory of the grid can contain itself.
pub const FOLDER_DEPTH_MAX: usize = 200;
/// Files and folders that a copy makes, without being asked for them, of what it makes already: of
/// twenty directories with two links to the next in each there are a million.
pub const COPIES_MAX: u64 = 10_000;
/// Bytes of such copies; one large file at the end of ten such directories is a thousand.
pub const COPIED_BYTES_MAX: u64 = 10 << 30;
/// What a command knows of folders in memory before the rest goes to a file without a name.
pub const FOLDERS_IN_MEMORY: usize = 16 << 20;
/// Things that a command could not do and names, a line each; more are counted.
pub const LEFT_OUT_LINES_MAX: u64 = 100;
/// Pauses before something is asked for again that a gateway cannot do now, or not answer: longer
/// than a link takes to come back.
pub const RETRY_PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// Such pauses one after the other that helped nothing, of all things that a command is about: then
/// it is not about this thing or that, and the command ends.
pub const RETRIES_MAX: u32 = 64;
/// Things that a backup looks at in the grid before it reuses them, at least: some seconds' work, and
/// all that most people have.
pub const BACKUP_AUDIT_MIN: usize = 5_000;
/// Backups within which each thing is looked at once, however many there are: a week of one a day.
pub const BACKUP_AUDIT_ROUNDS: usize = 7;
/// So long a backup believes that what was seen in the grid is still there.
pub const BACKUP_TRUST_SECONDS: u64 = 7 * 24 * 3600;
/// A gateway's answer that is one text, such as a cap or an error, is shorter.
pub const ANSWER_TEXT_MAX: u64 = 64 << 10;
/// A line about one object of a walk: a path, a few caps, what a check found on 256 shares.
pub const WALK_LINE_MAX: u64 = 16 << 20;
