//! Of what a node keeps alive.

use std::time::Duration;

/// Lines of what a node keeps: each is a cap with all below it.
pub const KEPT_MAX: usize = 100_000;
/// From one look at all that is kept to the next.
pub const KEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
/// From the start of a node to the first, at least; up to twice as long.
pub const KEEP_AFTER: Duration = Duration::from_secs(10 * 60);
/// Between two looks at whether it is time for that.
pub const KEEP_LOOK: Duration = Duration::from_secs(10 * 60);
/// Leases last 31 days; each is renewed so often.
pub const KEEP_RENEW_DAYS: u64 = 7;
/// Each file's shares are read so often.
pub const KEEP_VERIFY_DAYS: u64 = 90;
/// A file that lacks shares and is in no danger is given so long before it is repaired: a server that is back
/// tomorrow causes no traffic.
pub const KEEP_PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// A repair that did not make a file whole is tried again after so long.
pub const KEEP_RETRY: Duration = Duration::from_secs(3 * 24 * 3600);
/// One whose shares could not be spread, though servers without any are connected, is tried again after so
/// long: they are full, or take nothing.
pub const KEEP_SPREAD_RETRY: Duration = Duration::from_secs(30 * 24 * 3600);
/// Things that are looked at at once,
pub const KEEP_AT_ONCE: usize = 16;
/// those of them that are read or repaired,
pub const KEEP_READ_AT_ONCE: usize = 4;
/// and the bytes a second at which shares are read for all of these, where the owner says nothing of it.
pub const KEEP_RATE: u64 = 4 << 20;
/// Bytes of a file that are read on one day; a larger one has as many days as it has such parts.
pub const KEEP_PART: u64 = 1 << 30;
/// The shares of larger files are not moved for their spread alone.
pub const KEEP_SPREAD_MAX: u64 = 4 << 30;
/// So long a look at one thing waits for the transfers of people.
pub const KEEP_POLITE_TIME: Duration = Duration::from_secs(2);
/// What is known is written down after so many things, or so long.
pub const KEEP_SAVE_EVERY: u32 = 1_000;
pub const KEEP_SAVE_AFTER: Duration = Duration::from_secs(60);
/// Files of which it is known since when they lack shares: some 6 MiB.
pub const KEEP_SHORT_MAX: usize = 100_000;
/// Things that a round tells of one by one.
pub const KEEP_TROUBLES_MAX: usize = 200;
/// What was told of what is kept.
pub const KEEP_EVENTS_MAX: u64 = 1 << 20;
/// So long whoever is told may take.
pub const KEEP_NOTIFY_TIME: Duration = Duration::from_secs(60);
/// The list of what is kept.
pub const KEEPER_LIST_MAX: u64 = 64 << 20;
/// Directories that were changed and of which there is no copy yet.
pub const CHANGED_MAX: usize = 10_000;
/// A directory that is brought back from a copy has a version so much higher than any that was seen of it: who
/// saw changes that are lost must not take it for older.
pub const RESTORED_GAP: u64 = 1 << 16;
/// The copy of a directory that is as large as it can be.
pub const SNAPSHOT_MAX: usize = super::DIRECTORY_ROOM_MAX as usize + 4_096;
/// Copies of directories that a node knows: some 30 MiB.
pub const KEEP_COPIES_MAX: usize = 100_000;
/// A directory that was changed is copied after so long, with what else is changed meanwhile,
pub const KEEP_COPY_AFTER: Duration = Duration::from_secs(60);
/// and of a large one so many bytes a second, so that one that changes always takes little of a line.
pub const KEEP_COPY_RATE: u64 = 64 << 10;
/// Copies that could not be made are tried again after so long.
pub const KEEP_COPY_RETRY: Duration = Duration::from_secs(10 * 60);
/// A directory is not kept any more if so many rounds, that saw everything which is, did not meet it.
pub const KEEP_COPY_ROUNDS: u32 = 31;
/// So many lines beyond one a directory are left standing in the list of the copies.
pub const KEEP_COPIES_WASTE: usize = 10_000;
/// What is new of what is kept is told after so long, together.
pub const KEEP_TELL_AFTER: Duration = Duration::from_secs(60);
/// Directories that one call brings back,
pub const RESTORED_MAX: usize = 200_000;
/// and those of them that it brings back at once.
pub const RESTORED_AT_ONCE: usize = 8;
/// The list of the copies.
pub const KEEP_COPIES_FILE_MAX: u64 = 64 << 20;
/// What is known of all that, as it is written down.
pub const KEEPER_RECORD_MAX: u64 = 32 << 20;

/// Doors of a node.
pub const DOORS_MAX: usize = 1_000;
/// Letters of a door's name.
pub const DOOR_NAME_MAX: usize = 64;
/// Keys of SSH that open one.
pub const DOOR_KEYS_MAX: usize = 16;
/// Bytes of the file that keeps them.
pub const DOORS_FILE_MAX: u64 = 4 << 20;
/// Who shows a secret that opens nothing waits so long for the answer.
pub const DOOR_REFUSAL_TIME: Duration = Duration::from_secs(1);
/// Elements within elements of XML that a client sends,
pub const XML_DEPTH_MAX: usize = 32;
/// and pieces of it: of as many keys as may be deleted at once, or parts put together, five each.
pub const XML_NODES_MAX: usize = 200_000;
/// Bytes of a document that a client sends; as many keys as may be deleted at once are in one.
pub const XML_BODY_MAX: usize = 4 << 20;
/// Bytes of what a client says of an object beside its content; S3 takes 2 KB.
pub const OBJECT_META_MAX: usize = 8 << 10;
/// Uploads in parts at once; each has a file that is open.
pub const PART_UPLOADS_MAX: usize = 256;
/// Parts of one, as in S3,
pub const PARTS_MAX: u64 = 10_000;
/// and bytes of each but the last.
pub const PART_MIN: u64 = 5 << 20;
/// An upload in parts that nobody goes on with ends after so long.
pub const PARTS_IDLE_SECONDS: u64 = 24 * 3600;
/// Bytes of a namespace in it.
pub const XML_NAMESPACE_MAX: usize = 128;
/// Uploads in parts of one door.
pub const PART_UPLOADS_OF_DOOR_MAX: usize = 64;
/// Directories without a file that a bucket may have to be removed.
pub const EMPTY_DIRECTORIES_MAX: usize = 10_000;
/// A description of what a WebDAV client asks for or changes: properties, or a lock.
pub const DAV_BODY_MAX: usize = 64 << 10;
/// Conditions of one `If` header, and addresses that it names.
pub const DAV_CONDITIONS_MAX: usize = 200;
pub const DAV_RESOURCES_MAX: usize = 32;
/// A WebDAV lock ends by itself after so many seconds, if it is not renewed; whoever asks for less gets less.
pub const DAV_LOCK_SECONDS_MAX: u64 = 3_600;
/// What a client says of itself with a lock.
pub const DAV_LOCK_OWNER_MAX: usize = 4 << 10;
/// Locks in one door's directory,
pub const DAV_LOCKS_MAX: usize = 1_000;
/// and bytes of the locks of one and of all: each has a path, which may be long.
pub const DAV_LOCKS_BYTES_MAX: usize = 1 << 20;
pub const DAV_ALL_LOCKS_BYTES_MAX: usize = 16 << 20;
/// Directories that one copy makes.
pub const DAV_COPIED_MAX: usize = 100_000;
/// How often a change is decided anew because others change the same.
pub const DOOR_REDOS_MAX: usize = 16;
/// Letters of a type that a client says a file has.
pub const DOOR_TYPE_MAX: usize = 200;

/// SSH connections at once, logged in
pub const SSH_CONNECTIONS_MAX: usize = 128;
/// and not yet.
pub const SSH_STRANGERS_MAX: usize = 64;
/// Channels of one.
pub const SSH_CHANNELS_MAX: usize = 8;
/// Who has not logged in by then is let go,
pub const SSH_LOGIN_TIME: Duration = Duration::from_secs(60);
/// and who has tried so often,
pub const SSH_TRIES_MAX: usize = 6;
/// and who is not heard for so long: programs that mount a directory are silent, so they are asked.
pub const SSH_ASK_TIME: Duration = Duration::from_secs(60);
/// Bytes of one message of SFTP; OpenSSH takes and sends no longer ones.
pub const SFTP_MESSAGE_MAX: usize = 256 << 10;
/// Bytes that one message reads or writes.
pub const SFTP_DATA_MAX: usize = 128 << 10;
/// Requests of one session that are not answered yet: clients send 64 for each file, and take no answers
/// before these are read.
pub const SFTP_REQUESTS_MAX: usize = 1_024;
/// Bytes of them, and as many of their answers, of one
pub const SFTP_SESSION_BYTES_MAX: usize = 4 << 20;
/// and of all.
pub const SFTP_BYTES_MAX: usize = 32 << 20;
/// Files and directories that one session has open.
pub const SFTP_HANDLES_MAX: usize = 256;
/// Files that are open to be written, of one session
pub const SFTP_WRITTEN_OF_SESSION_MAX: usize = 64;
/// and of all: half of the bodies that a gateway takes in at once.
pub const SFTP_WRITTEN_MAX: usize = 256;
/// Who takes no answer for so long is gone.
pub const SFTP_STALL_TIME: Duration = Duration::from_secs(120);
/// A session whose door was removed ends so soon. What it asks for is refused at once.
pub const SFTP_LOOK_TIME: Duration = Duration::from_secs(1);
/// Bytes of a path that a client names.
pub const SFTP_PATH_MAX: usize = 16 << 10;
/// Bytes of names that are told at once.
pub const SFTP_NAMES_SIZE: usize = 32 << 10;
/// Files that a session of a door which only adds may still rename.
pub const SFTP_OWN_FILES_MAX: usize = 100;
/// A reader that leaves out no more than that goes on, as if it had read it.
pub const SFTP_SKIP_MAX: u64 = 1 << 20;
/// With no socket to be had, so long none is accepted.
pub const SSH_ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// So long after its end a connection still carries what was said last.
pub const SSH_GOODBYE_TIME: Duration = Duration::from_secs(2);
/// Bytes on their way between a socket and what encrypts them.
pub const SSH_LINE_SIZE: usize = 64 << 10;
/// Bytes of the file with the key by which SSH clients know a node.
pub const HOST_KEY_FILE_MAX: u64 = 16 << 10;
