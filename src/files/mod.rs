//! Files and directories as front ends see them: what every door to the grid stands on.
//!
//! ```text
//! web API · pages · work on trees · localdir=        WebDAV · SFTP · S3 would be others
//! ───────────────────────────────────────────
//! Files    roots, paths, missing parents, rules of replacing, moves, undo, prohibitions
//! ───────────────────────────────────────────
//! grid     uploads and downloads, directories of each kind
//! ```
//! It says what happened in its own words, each refusal with a [`Code`](crate::grid::Code), and knows
//! nothing of HTTP.
//!
//! - [`Files`]: the view; [`Actor`]: for whom it acts
//! - [`address`]: which object a path names; [`follow`]: finding it; [`Node`]: what is there
//! - [`change`]: putting, making, removing, moving; each starts from what was seen on the way there
//! - [`descent`]: all that is below a directory, by every path; [`batch`]: much put there at once
//! - [`undo`]: what was taken out, and putting it back
//! - [`transfers`]: the memory of files on their way; [`history`]: what is known of each
//! - [`blacklist`]: what the owner prohibits

pub mod address;
pub mod batch;
pub mod blacklist;
pub mod change;
pub mod descent;
mod error;
pub mod follow;
pub mod history;
mod node;
pub mod transfers;
pub mod undo;

pub use address::{Address, Root};
pub use change::Spot;
pub use error::FilesError;
pub use follow::{For, Found, Link, Object};
pub use node::{Fetched, Node};
pub use undo::{Actor, Trash};

use crate::cap::Cap;
use crate::grid::dirnode::Directories;
use crate::grid::{Client, Traversal, UploadOptions, Uploaded};
use history::History;
use std::sync::Arc;
use transfers::Transfers;
use undo::Keeping;

/// The directories that everybody or the owner begins at; they may become known while the node runs.
pub trait Roots: Send + Sync {
    /// The one that everybody in the grid shares.
    fn global(&self) -> Option<Cap>;

    /// The owner's.
    fn private(&self) -> Option<Cap>;
}

/// A view of the grid. Clones share everything.
#[derive(Clone)]
pub struct Files {
    directories: Directories,
    roots: Arc<dyn Roots>,
    transfers: Transfers,
    history: History,
    /// The door by which somebody came.
    door: Option<Arc<str>>,
    trash: Trash,
    /// What changes take away, where somebody keeps it.
    keeping: Option<Arc<Keeping>>,
}

impl Files {
    /// What is deleted is kept in `trash`, once it is said for whom.
    pub fn new(directories: Directories, roots: Arc<dyn Roots>, trash: Trash) -> Self {
        let (transfers, history) = (Transfers::default(), History::default());
        Self { directories, roots, transfers, history, door: None, trash, keeping: None }
    }

    /// The same for somebody: what their changes take away is kept for them.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        let keeping = Arc::new(Keeping::new(self.trash.clone(), actor));
        let directories = self.directories.clone().kept_by(keeping.clone());
        Self { directories, keeping: Some(keeping), ..self.clone() }
    }

    /// The same for whoever comes by this door: what is transferred is on record as theirs.
    #[must_use]
    pub fn through(&self, door: &str) -> Self {
        Self { door: Some(door.into()), ..self.clone() }
    }

    /// The same, for a user who said yes to dialling servers that only a cap names.
    #[must_use]
    pub fn allowing_new_tubs(&self) -> Self {
        Self { directories: self.directories.allowing_new_tubs(), ..self.clone() }
    }

    /// The same, for who has taken memory already: with none left, nothing is waited for.
    #[must_use]
    pub fn without_waiting(&self) -> Self {
        Self { directories: self.directories.without_waiting(), ..self.clone() }
    }

    pub const fn grid(&self) -> &Client {
        self.directories.grid()
    }

    pub const fn directories(&self) -> &Directories {
        &self.directories
    }

    pub fn roots(&self) -> &dyn Roots {
        &*self.roots
    }

    pub const fn transfers(&self) -> &Transfers {
        &self.transfers
    }

    /// What is being transferred, and was.
    pub const fn history(&self) -> &History {
        &self.history
    }

    pub const fn trash(&self) -> &Trash {
        &self.trash
    }

    /// What puts back what was taken out last, by this actor.
    pub fn last_undo(&self) -> Option<String> {
        self.keeping.as_ref()?.token()
    }

    /// Stores a file, when there is memory for it; the history is told of its progress.
    pub async fn store(
        &self,
        source: crate::grid::Source,
        options: UploadOptions,
    ) -> Result<Uploaded, FilesError> {
        let _room = self.transfers.upload(source.size()).await?;
        let transfer = self.history.upload(source.size(), self.door.clone());
        let options = UploadOptions { progress: Some(transfer.listener()), ..options };
        let uploaded = self.grid().upload(source, options).await?;
        transfer.left_out(uploaded.placed.left_out);
        transfer.stored(&uploaded.cap);
        Ok(uploaded)
    }

    /// A walk through all that is below a directory, around what the owner prohibits.
    pub fn walk(&self, root: Cap) -> Traversal {
        let grid = self.grid().clone();
        let may_enter = Arc::new(move |cap: &Cap| grid.permit(cap).is_ok());
        Traversal::new(self.directories.clone(), root, may_enter)
    }
}
