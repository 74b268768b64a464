//! Signals that end a process. One that whoever started it had ignored, as `nohup` does with that of a
//! lost terminal, stays ignored.

use futures_util::future::{FutureExt, select_all};
use rustix::process::Signal;
use std::io;
use tokio::signal::unix::{self, SignalKind};

/// Those by which people and systems ask a program to end.
pub const ASKED: &[Signal] = &[Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// All that would end a program on the spot and can be caught.
pub const ENDING: &[Signal] = &[
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::XCPU,
    Signal::XFSZ,
];

/// Signals that are listened for, from when this was made.
pub struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    pub fn of(wanted: &[Signal]) -> io::Result<Self> {
        let ignored = ignored();
        let heard = wanted.iter().filter(|signal| ignored & bit(**signal) == 0);
        let listen =
            |signal: &Signal| Ok((*signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?));
        heard.map(listen).collect::<io::Result<_>>().map(Self)
    }

    /// The first that comes; never, if all are ignored.
    pub async fn wait(&mut self) -> Signal {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let each = self.0.iter_mut().map(|(signal, heard)| {
            let signal = *signal;
            async move {
                heard.recv().await;
                signal
            }
            .boxed_local()
        });
        select_all(each).await.0
    }
}

fn bit(signal: Signal) -> u64 {
    u32::try_from(signal.as_raw() - 1).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0)
}

/// Of each signal one bit. Where the system does not tell, none is.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}
