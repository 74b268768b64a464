//! What the owner of this node does not want touched, whoever asks, and by whatever cap.
//!
//! Asked where a cap becomes something that is opened: files when they are opened or checked, directories
//! when their server or their table is. So no front end can forget it. And where something is answered with
//! that is not opened (`files::Files::permit`).

use crate::cap::Cap;

/// The owner's list.
pub trait Prohibitions: Send + Sync {
    /// Why the object of a cap is not to be touched, if it is not.
    fn reason(&self, cap: &Cap) -> Option<String>;
}

/// The owner's reason, to be told to who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Prohibited(pub String);

/// Nothing is prohibited.
pub(super) struct Nothing;

impl Prohibitions for Nothing {
    fn reason(&self, _: &Cap) -> Option<String> {
        None
    }
}
