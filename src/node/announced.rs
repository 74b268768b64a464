//! What this node says of itself where it announces something.

use super::basedir::{Basedir, BasedirError};
use crate::base::system::Clock;

/// The version that a node tells others.
pub fn version() -> String {
    format!("tahoe/{}", env!("CARGO_PKG_VERSION"))
}

/// A number above all that this node's announcements carried: the clock, or one more than the last
/// one where the clock went back.
pub fn next_sequence(basedir: &Basedir) -> Result<u64, BasedirError> {
    const NAME: &str = "announcement.sequence";
    let last = match basedir.read(NAME)? {
        Some(text) => text.parse().map_err(|_| basedir.bad(NAME, &text, "a number"))?,
        None => 0_u64,
    };
    let next = Clock::System.now().max(last.saturating_add(1));
    basedir.write(NAME, &next.to_string())?;
    Ok(next)
}
