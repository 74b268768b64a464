//! Every limit of links and objects and why it is what it is.
//!
//! Bytes unless the name ends in a unit. A limit is checked where bytes enter; nothing inside
//! checks again.

use std::time::Duration;

// --- links ---------------------------------------------------------------------------------

/// Plaintext of one record: Noise messages are at most 65,535 bytes, 16 of them the tag.
pub const RECORD_PLAIN_MAX: usize = 65_519;
/// A line that takes so long there and back is a long one: there a lost packet costs a stream much of its
/// pace. On shorter ones several streams crowd the router's queue, and what is in a hurry waits in it.
pub const BRAID_ROUND_TRIP: Duration = Duration::from_millis(100);
/// Streams of a link over a long line: as many as browsers open to one host.
pub const STRANDS_MAX: usize = 6;
/// Whoever adds a strand confirms within so long that it did: longer than [`HANDSHAKE_TIME`], after which it
/// gives up.
pub const STRAND_TIME: Duration = Duration::from_secs(60);
/// Bytes of one call or its answer for which they are all opened: more than a stream sends unasked.
pub const STRANDS_WORTH: usize = 32 << 10;
/// Records after which each direction takes a new key (at most 64 GiB under one key).
pub const REKEY_RECORDS: u64 = 1 << 20;
/// A link that has not finished its handshake by then is closed.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes under way at once; one more pushes out the oldest that has not said a whole first
/// message yet, or else the oldest, so that strangers crowd out strangers.
pub const HANDSHAKES_MAX: usize = 1_024;
/// Links that a tub accepts from peers that have named an object. One more pushes out the idlest.
pub const LINKS_MAX: usize = 1_024;
/// Links beside those whose peers are on probation. One more pushes out the idlest of these, so
/// that no stranger takes the place of a peer that is known.
pub const STRANGERS_MAX: usize = 256;
/// A peer that opened a link and named no object that exists by then is a scanner or a flood:
/// whoever has a furl names its object with the first frame.
pub const PROBATION_TIME: Duration = Duration::from_secs(30);
/// Calls of a peer on probation: an honest one's first call ends it.
pub const PROBATION_CALLS_MAX: u32 = 16;
/// Body of its frames, which bring no bulk: asking for an object takes 50 bytes.
pub const PROBATION_BODY_MAX: usize = 4 << 10;
/// Links that one tub id may hold at once: one in use, others dying or crossing.
pub const LINKS_PER_TUB_MAX: usize = 4;
/// Silence after which a ping is sent, and time until the next if it stays silent.
pub const PING_AFTER: Duration = Duration::from_secs(20);
/// The same while a call waits for its answer.
pub const PING_AFTER_IN_USE: Duration = Duration::from_secs(2);
/// A link on which no ping was answered for so long is dead if others are alive: were it this machine's
/// line, they would be silent too. Far more than any line takes that leaves time for calls.
pub const PONG_TIME: Duration = Duration::from_secs(6);
/// The same for a peer whose line has taken nothing so long: at 512 bytes a second a socket asks for more
/// every 16 seconds.
pub const LINE_STALL_TIME: Duration = Duration::from_secs(20);
/// Others are alive that were heard so long after that ping, where transfers are heard all the time: a line
/// that broke just when it was sent is told from a peer that is gone.
pub const ALIVE_AFTER: Duration = Duration::from_secs(1);
/// How often a link in use is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pings that a peer may send at once; after [`PING_EVERY`] it may send one more. It needs one each
/// [`PING_AFTER`], and those of two minutes may have waited for a process that was stopped.
pub const PINGS_MAX: u32 = 8;
/// See [`PINGS_MAX`].
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// Silence after which a link is dead in any case; a peer that takes what is sent to it is not silent.
pub const IDLE_TIME: Duration = Duration::from_secs(90);
/// A peer that takes no byte for so long, while some wait for it, is not reading.
pub const WRITE_STALL_TIME: Duration = Duration::from_secs(60);
/// A link that is being closed may take so long to say goodbye to a peer that does not read.
pub const GOODBYE_TIME: Duration = Duration::from_secs(5);

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
/// A call waits so long for a peer that answers none of those before it, or that lets no call
/// through at all; then its link ends. The largest frame takes as long at 17 kB a second.
pub const CREDIT_TIME: Duration = Duration::from_secs(120);
/// Answers of a link that can be called before they are there, and until whoever asked forgets them:
/// each keeps one object. Whoever needs more waits for the answers.
pub const ANSWERS_KEPT_MAX: usize = 64;
/// Calls of one link that run at once; the others wait their turn.
pub const CALLS_RUNNING_MAX: u32 = 32;
/// Replies of one link that wait for a slow reader, with the most that the calls now running may
/// answer; a call that could bring more waits. 4 MiB of bulk and their bodies: two of the largest.
pub const REPLY_BYTES_MAX: usize = 2 * REPLY_MAX;
/// The longest reply: a frame.
pub const REPLY_MAX: usize = BODY_MAX + BULK_MAX;
/// Memory of received calls, whole ones and those under way, that all links together may hold; beyond,
/// calls are answered `Busy`. Forty writes of 512 KiB and some small calls.
pub const PROCESS_CALL_BYTES_MAX: usize = 32 << 20;
/// What a link may hold whatever others do: one large write, or as many small calls as it may make.
/// While half of the above is held, a link with more takes in no further frame.
pub const LINK_CALL_BYTES_MIN: usize = 1 << 20;
/// A link that holds more waits so long for others; then it is told `Busy`.
pub const TIGHT_TIME: Duration = Duration::from_secs(5);
/// Bulk is charged as it comes, so many bytes ahead.
pub const CALL_BYTES_STEP: usize = 16 << 10;
/// Memory that a byte of arguments may take once they are decoded: two bytes on the wire can be a
/// range of sixteen.
pub const ARGUMENT_FACTOR: usize = 8;
/// What a frame costs beside its bytes: the structures that hold it and the allocator's own.
pub const FRAME_OVERHEAD: usize = 256;
/// Bytes a second that a frame must bring, on average: a telephone line's 5 kB divided by ten peers
/// that may be asked at once. A byte now and then would hold a place for ever.
pub const FRAME_RATE_MIN: u64 = 512;
/// A frame that has begun must come at [`FRAME_RATE_MIN`] after so long, or its link ends.
pub const FRAME_GRACE: Duration = Duration::from_secs(30);
/// While memory is short, a frame that is so old must be the quicker one of those under way.
pub const FRAME_HURRY: Duration = Duration::from_secs(1);
/// Memory of calls and releases that wait to leave on one link: far more than any client has under
/// way to one server.
pub const CALLS_WAITING_BYTES_MAX: usize = 64 << 20;
/// Objects that one link may hold on the other side, unless their interface says less.
pub const EXPORTS_MAX: usize = 100_000;
/// Objects that all links together may hold: one takes a kibibyte or so. Beyond, a link gets no more
/// than the next figure of them, so that with the links that a tub may have it is twice as many.
pub const EXPORTS_ALL_MAX: usize = 32 << 10;
/// What a link may hold whatever others do.
pub const EXPORTS_MIN: usize = EXPORTS_ALL_MAX / LINKS_MAX;
/// Time between attempts to reach a lost tub, at first: a peer that was restarted is back by then.
pub const RECONNECT_MIN: Duration = Duration::from_millis(200);
/// Time between such attempts, at last: each is a packet or two.
pub const RECONNECT_MAX: Duration = Duration::from_secs(60);
/// Time for a TCP connection to one hint.
pub const DIAL_TIME: Duration = Duration::from_secs(10);
/// Addresses tried for one furl.
pub const HINTS_MAX: usize = 16;
/// A furl is at most this long.
pub const FURL_TEXT_MAX: usize = 2_048;
/// An object's error text in an answer.
pub const ERROR_TEXT_MAX: usize = 200;
