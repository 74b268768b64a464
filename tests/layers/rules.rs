//! The rules themselves: lists, each entry with its reason.

use crate::source::Named;

/// Folders with a library's sources.
pub const SOURCES: &[&str] = &["src", "crates/objects/src"];

/// What is a crate of its own, for other programs too.
pub const OBJECTS_FOLDER: &str = "crates/objects/";

/// What it has no word for, comments included; `_` and the like part words.
pub const STORAGE_WORDS: &[&str] = &[
    "bucket",
    "buckets",
    "cap",
    "caps",
    "dirnode",
    "download",
    "gateway",
    "grid",
    "introducer",
    "lease",
    "leases",
    "shares",
    "storage",
    "upload",
    "vdrive",
];

/// Layers and their heights: a module uses only layers of a smaller height. Equal heights are
/// strangers to each other.
pub const LAYERS: &[(&str, u32)] = &[
    ("base", 0),
    ("disk", 1),
    ("cap", 1),
    ("codec", 2),
    ("link", 3),
    ("tub", 4),
    ("storage", 5),
    ("introducer", 5),
    ("vdrive", 5),
    ("grid", 6),
    ("files", 7),
    ("http", 8),
    ("keeper", 8),
    ("doors", 9),
    ("gateway", 9),
    ("node", 10),
    ("cli", 11),
];

/// Layers that hold other people's bytes and must not be able to read them.
pub const BLIND: &[&str] = &["disk", "link", "tub", "storage", "introducer", "vdrive"];

/// Layers that know nothing of capability strings, though `cap` is below them.
pub const CAPLESS: &[&str] =
    &["base", "disk", "codec", "link", "tub", "storage", "introducer", "vdrive"];

/// Words for secrets that open files; no server has a use for them.
pub const UNSPEAKABLE: &[&str] = &[
    "ReadKey",
    "WriteKey",
    "read_key",
    "write_key",
    "readkey",
    "writekey",
    "ReadCap",
    "WriteCap",
    "read_cap",
    "write_cap",
    "FileKey",
    "file_key",
    "ConvergenceSecret",
];

/// The only place of unsafe code: erasure code and hashing with vector instructions.
pub const UNSAFE_FOLDER: &str = "src/codec/kernel/";

/// Macros that panic where stdout or stderr is closed or full; `cli::output` says so in a sentence.
pub const PRINTING: &[&str] = &["println", "print", "eprintln", "eprint", "dbg"];

pub const LINES_MAX: usize = 600;

/// Files above [`LINES_MAX`] and why they are one file.
pub const LONG_FILES: &[(&str, &str)] = &[];

/// Files of one layer that may all use each other, by one way or another.
pub const CIRCLE_MAX: usize = 8;

/// Something that makes code depend on the world outside, and where that is allowed.
pub struct Effect {
    pub what: &'static str,
    /// Paths that begin so.
    pub prefixes: &'static [&'static str],
    /// Paths with this name anywhere in them.
    pub names: &'static [&'static str],
    /// File, or folder with a final `/`, and the reason.
    pub allowed: &'static [(&'static str, &'static str)],
}

impl Effect {
    pub fn catches(&self, named: &Named) -> bool {
        self.prefixes.iter().any(|prefix| named.starts_with(prefix))
            || named.segments().any(|segment| self.names.contains(&segment))
    }

    pub fn allows(&self, path: &str) -> bool {
        self.allowed.iter().any(|(place, _)| covers(place, path))
    }
}

/// Whether an entry stands for a file: the file itself or a folder above it.
pub fn covers(place: &str, path: &str) -> bool {
    place == path || (place.ends_with('/') && path.starts_with(place))
}

pub const EFFECTS: &[Effect] = &[
    Effect {
        what: "randomness",
        prefixes: &["ring::rand", "rand", "getrandom"],
        names: &["SystemRandom", "OsRng", "thread_rng"],
        allowed: &[("crates/objects/src/base/system.rs", "the one source of randomness")],
    },
    Effect {
        what: "steering of time and randomness",
        prefixes: &["crate::base::replay", "super::replay"],
        names: &[],
        allowed: &[
            ("crates/objects/src/base/system.rs", "asks it, in builds with debug assertions"),
            ("src/base/blocking.rs", "the same"),
        ],
    },
    Effect {
        what: "the time of day",
        prefixes: &["std::time::SystemTime", "jiff"],
        names: &["SystemTime", "UNIX_EPOCH"],
        allowed: &[
            ("crates/objects/src/base/system.rs", "the one clock; tests move it by hand"),
            ("src/node/rates.rs", "which rate holds at this time of the day"),
            ("src/cli/kept.rs", "times that files are given back"),
            ("src/gateway/destination.rs", "the same, as they are written"),
        ],
    },
    // Timers and deadlines of tokio are no effect: a runtime can hold them still.
    Effect {
        what: "measuring time",
        prefixes: &["std::time::Instant"],
        names: &[],
        allowed: &[
            (
                "crates/objects/src/base/system.rs",
                "time that passes, on systems without a better clock for it",
            ),
            ("src/http/connections.rs", "the idlest connections go first"),
            ("src/storage/latency.rs", "how long operations take, for their figures only"),
            ("src/node/control.rs", "the speed test"),
            ("src/node/lock.rs", "waiting for another process to end"),
            ("src/node/notices.rs", "the same"),
            ("src/cli/progress.rs", "rate and time left"),
        ],
    },
    // In a replay the thread that asks for such work does it.
    Effect {
        what: "threads",
        prefixes: &["std::thread::spawn", "std::thread::Builder", "std::thread::scope"],
        names: &["spawn_blocking"],
        allowed: &[
            ("src/base/blocking.rs", "the one place for servers and clients"),
            ("crates/objects/src/tub/addresses.rs", "the kernel tells of addresses at any time"),
            ("src/node/demo.rs", "the demo's own steps"),
            ("src/node/saved.rs", "the last known announcements, written at leisure"),
            ("src/node/storage.rs", "opening a store"),
            ("src/node/vdrive.rs", "the same"),
            ("src/node/running.rs", "shutting them down"),
            ("src/cli/", "a command may block"),
        ],
    },
    Effect {
        what: "sockets",
        prefixes: &["tokio::net", "ureq"],
        names: &["TcpListener", "TcpStream", "TcpSocket", "UdpSocket", "UnixStream", "HttpServer"],
        allowed: &[
            ("src/base/peer.rs", "its test opens some; whose they are is asked of the kernel"),
            (
                "crates/objects/src/base/sockets.rs",
                "what sockets are told about their lines; only its tests open some",
            ),
            ("crates/objects/src/tub/network.rs", "the one place that dials and listens for links"),
            ("crates/objects/src/tub/addresses.rs", "whether an address is this machine's"),
            ("crates/objects/src/tub/prompt.rs", "how those acknowledge while they are young"),
            ("crates/objects/src/tub/unsent.rs", "how much waits in those to other machines"),
            ("src/http/listen.rs", "the HTTP server"),
            ("src/doors/sftp/listen.rs", "the SSH server"),
            ("src/http/connections.rs", "ends connections that the server accepted"),
            ("src/node/hints.rs", "which own address faces the network"),
            ("src/node/notices.rs", "an address that the owner wants told"),
            ("src/cli/http.rs", "the HTTP client"),
            ("src/cli/pinned.rs", "TLS of the HTTP client"),
            ("src/cli/proven.rs", "whom the HTTP client speaks to"),
        ],
    },
    Effect {
        what: "files",
        prefixes: &["std::fs", "tokio::fs", "rustix::fs", "tempfile", "sled"],
        names: &["OpenOptions"],
        allowed: &[
            ("src/disk/real.rs", "shares and directories, behind a trait that tests replace"),
            ("src/disk/direct.rs", "the same, past the page cache"),
            ("src/disk/kv.rs", "indexes, which may be lost"),
            ("src/base/peer.rs", "the kernel's table of sockets"),
            ("src/disk/size.rs", "how long a file is, which only reading it tells"),
            ("src/disk/temporary.rs", "files that are written beside their place"),
            ("src/grid/source.rs", "the file that is uploaded"),
            ("src/grid/dirnode/seen.rs", "what was seen of directories"),
            ("src/files/blacklist.rs", "what the owner prohibits"),
            ("src/http/spool.rs", "bodies too large for memory"),
            ("src/http/drain.rs", "the same bodies, written as they come"),
            ("src/http/spill.rs", "answers that are made faster than taken"),
            ("src/http/spare_file.rs", "the last of these, for the next"),
            ("src/http/pieces.rs", "those that come in parts"),
            ("src/http/scratch.rs", "those that come in any order"),
            ("src/gateway/object/local.rs", "files that the owner names"),
            ("src/gateway/destination.rs", "files that the owner names, written"),
            ("src/gateway/public.rs", "files that the owner put there to be seen"),
            ("src/node/basedir.rs", "the files of a node's folder"),
            ("src/node/control.rs", "files that the owner names"),
            ("src/node/demo.rs", "the demo's own folder"),
            ("src/node/foreground.rs", "the log of a node in the background"),
            ("src/node/signals.rs", "which signals are ignored"),
            ("src/node/notices.rs", "what a command of the owner's reads"),
            ("src/node/saved.rs", "the last known announcements"),
            ("src/node/lock.rs", "one process a folder"),
            ("src/node/logs.rs", "rotated logs"),
            ("src/cli/debug/", "shares and files that a user named"),
            ("src/cli/kept.rs", "modes and times of files"),
            ("src/cli/local.rs", "files that a user gave"),
            ("src/cli/new_file.rs", "files that a user asked for"),
            ("src/cli/tree/local.rs", "folders that a user gave"),
            ("src/cli/tree/spool.rs", "what is in folders, out of memory"),
            ("src/cli/cp/", "folders that a user asked for"),
            ("src/cli/backup/", "times of files, and the database, which may be lost"),
            ("src/cli/aliases.rs", "one writer at a time"),
            ("src/cli/man.rs", "the folder for manual pages"),
        ],
    },
    Effect {
        what: "processes, arguments and environment",
        prefixes: &["std::process", "std::env", "rustix::process"],
        names: &[],
        allowed: &[
            ("src/cli/", "a command is a process with arguments"),
            ("src/node/notices.rs", "a command that the owner wants told"),
            ("src/node/foreground.rs", "leaving the terminal"),
            ("src/base/peer.rs", "which user this is"),
            ("src/http/listen.rs", "how many files may be open"),
            ("src/node/lock.rs", "who runs in this folder"),
            ("src/node/signals.rs", "what a process is asked"),
            ("src/node/logs.rs", "how much to log, from the environment"),
        ],
    },
    Effect {
        what: "the terminal",
        prefixes: &["indicatif"],
        names: &[],
        allowed: &[("src/cli/", "commands speak to their user")],
    },
];
