//! How far calls have come.

/// How far a call has come, for whoever loses patience: a slow one is told from one that stands still,
/// whatever carries it.
pub trait Progress: Send + Sync {
    /// A number that grows with the bytes that move for the call: those that leave for it, and then,
    /// far above them, those that come in for its answer.
    fn moved(&self) -> u64;

    /// A number that changes with each piece of the call that leaves, and once more when it has left
    /// whole.
    fn left(&self) -> u64;
}
