//! Runs that can be had again: a thread of its own whose every step a seed decides, and a trace of
//! what happened there.
//!
//! The thread's environment is in one hand: random bytes and time of day are the seed's (`Replay`),
//! timers those of a runtime that is paused, the network is inside the process, and disks are in memory
//! where whoever makes the servers says so. What is left is the order in which a hash map is walked:
//! the standard library asks the C library for the keys of its hashes, and here the C library is ours.

use actix::System;
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tahoe::base::hash::{Hash, sha256};
use tahoe::base::replay::Replay;
use tahoe::tub::LoopbackNet;
use tokio::runtime::Builder;
use tokio::time::Instant;

/// Runs `work` with all that a seed decides; an error is its panic. Without debug assertions nothing
/// can be had again: then the bytes and threads are the operating system's.
pub fn replayed<T: Send + 'static>(
    seed: u64,
    work: impl AsyncFnOnce() -> T + Send + 'static,
) -> std::thread::Result<T> {
    // A new thread: the keys of hashes are drawn once a thread.
    let thread = std::thread::spawn(move || {
        let _replay = Replay::begin(seed);
        let runtime =
            || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        System::with_tokio_rt(runtime).block_on(work())
    });
    thread.join()
}

/// Something that happened: when, what, and the hash of all until then.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Event {
    at: Duration,
    what: String,
    hash: Hash,
}

#[derive(Default)]
struct Kept {
    began: Option<Instant>,
    events: Vec<Event>,
}

/// What happened in a run, in order. Clones are the same trace.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Kept>>);

impl Trace {
    /// Writes down what arrives on streams that are dialled from now on.
    pub fn follow(&self, net: &LoopbackNet) {
        let trace = self.clone();
        net.observe(move |arrival| {
            let (from, to, size) = (arrival.from, arrival.to, arrival.bytes.len());
            trace.note(
                format!("{size} bytes from {from:?} to {to:?} on {}", arrival.stream),
                arrival.bytes,
            );
        });
    }

    /// Writes down what a test itself does or sees.
    pub fn note(&self, what: String, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap();
        let at = kept.began.get_or_insert_with(Instant::now).elapsed();
        let before = kept.events.last().map_or([0; 32], |event| event.hash);
        let nanos = at.as_nanos().to_be_bytes();
        let hash = sha256(&[&before, &nanos[..], what.as_bytes(), &[0], bytes].concat());
        kept.events.push(Event { at, what, hash });
    }

    /// How many things happened, and the hash of them all.
    pub fn end(&self) -> (usize, Hash) {
        let kept = self.0.lock().unwrap();
        (kept.events.len(), kept.events.last().map_or([0; 32], |event| event.hash))
    }

    /// Where two runs part, in words; `None` if they do not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (one, other) = (self.0.lock().unwrap(), other.0.lock().unwrap());
        let (one, other) = (&one.events, &other.events);
        let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
        let told = |events: &[Event]| match events.get(same) {
            Some(Event { at, what, .. }) => format!("{at:?}: {what}"),
            None => "nothing more".to_owned(),
        };
        (one.len().max(other.len()) > same)
            .then(|| format!("event {same}: {}, or {}", told(one), told(other)))
    }
}

/// For a failure, and for whoever has it again.
impl Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, hash) = self.end();
        write!(f, "{events} events, trace ")?;
        hash.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the standard library takes the keys of its hash maps from, in the place of the C library's.
///
/// # Safety
/// As the C library has it: `len` bytes may be written at `to`.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "the signature is C's, and so is the name")]
unsafe extern "C" fn getrandom(to: *mut u8, len: usize, _flags: u32) -> isize {
    use std::io::Read;
    // SAFETY: the caller's promise.
    let out = unsafe { std::slice::from_raw_parts_mut(to, len) };
    if tahoe::base::replay::is_on() {
        tahoe::base::system::fill_random(out);
        return len as isize;
    }
    let device = std::fs::File::open("/dev/urandom");
    device.and_then(|mut device| device.read_exact(out)).map_or(-1, |()| len as isize)
}
