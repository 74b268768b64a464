//! What the gateway's pages need of the node: a place to keep what was deleted, and a way to join a
//! grid while the node runs.

use super::basedir::{Basedir, BasedirError};
use super::kept::VDRIVE_FURL;
use super::notices;
use super::rates;
use super::roots::NodeRoots;
use super::vdrive::{self, Learner};
use crate::base::limits::{
    KEEP_COPIES_FILE_MAX, KEEP_RATE, KEEPER_LIST_MAX, KEEPER_RECORD_MAX, TRASH_FILE_MAX,
};
use crate::base::lock::locked;
use crate::base::system::Clock;
use crate::files::undo::{Keep, Trash};
use crate::gateway::state::Join;
use crate::grid::dirnode::{Directories, TubBook};
use crate::introducer::Follower;
use crate::keeper::Store;
use crate::keeper::copies::FILE as COPIES;
use crate::keeper::list::FILE as KEEP;
use crate::tub::{Furl, Tub};
use actix::Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Links that were deleted, one deletion a line.
const UNDO: &str = "private/undo";

/// What was deleted, kept in the node's directory.
pub fn trash(basedir: &Basedir) -> Trash {
    let text = basedir.read_record(UNDO, TRASH_FILE_MAX);
    Trash::new(&text, Clock::System, Box::new(Undo(basedir.clone())))
}

/// What the keeper knows.
const KEEPER: &str = "private/keeper.json";

/// The files of the keeper, in the node's directory.
pub struct KeeperFiles(pub Basedir);

impl Store for KeeperFiles {
    fn list(&self) -> Option<String> {
        let text = self.0.read_text(KEEP, KEEPER_LIST_MAX);
        // What cannot be read says nothing against the drives.
        text.inspect_err(|error| tracing::error!(%error, "the list of what is kept")).ok()?
    }

    fn copies(&self) -> Option<String> {
        let text = self.0.try_record(COPIES, KEEP_COPIES_FILE_MAX);
        text.inspect_err(|error| tracing::error!(%error, "the list of copies")).ok()
    }

    fn tell(&self, lines: &str) {
        notices::tell(&self.0, lines);
    }

    fn told(&self) -> String {
        notices::told(&self.0)
    }

    fn add_copy(&self, line: &str) -> bool {
        written(self.0.append_secret(COPIES, line))
    }

    fn keep_copies(&self, lines: &str) -> bool {
        written(self.0.write_secret(COPIES, lines.trim_end()))
    }

    fn rate(&self) -> Option<u64> {
        rates::keeping(&self.0)
            .inspect_err(|error| tracing::error!(%error, "the keeper's rate"))
            .unwrap_or_default()
            .unwrap_or(Some(KEEP_RATE))
    }

    fn record(&self) -> Option<Vec<u8>> {
        Some(self.0.read_record(KEEPER, KEEPER_RECORD_MAX).into_bytes())
    }

    fn keep(&self, record: &[u8]) {
        let text = String::from_utf8_lossy(record);
        if let Err(error) = self.0.write_secret(KEEPER, &text) {
            tracing::error!(%error, "what is known of what is kept cannot be written");
        }
    }
}

fn written(outcome: Result<(), BasedirError>) -> bool {
    outcome.inspect_err(|error| tracing::error!(%error, "what is known of copies")).is_ok()
}

/// The file of the record.
struct Undo(Basedir);

impl Keep for Undo {
    fn append(&self, line: &str) -> Result<(), String> {
        self.0.append_secret(UNDO, line).map_err(unwritten)
    }

    fn replace(&self, lines: &str) -> Result<(), String> {
        self.0.write_secret(UNDO, lines).map_err(unwritten)
    }
}

/// The owner's log says more than whoever asks should know of the owner's disk.
fn unwritten(error: BasedirError) -> String {
    tracing::error!(%error, "the record of what was deleted");
    "the node's record of what was deleted cannot be written".to_owned()
}

/// Joins a grid once, if the node is in none.
pub struct Joining {
    basedir: Basedir,
    joined: Arc<AtomicBool>,
    /// To the node's own thread, where links live as long as it does.
    furls: Mutex<Option<UnboundedSender<Given>>>,
}

/// The furls that the owner gave.
struct Given {
    introducer: Furl,
    vdrive: Option<Furl>,
}

/// What follows a grid once it is joined.
pub struct Followers {
    pub tub: Tub,
    pub storage: Addr<Follower>,
    pub basedir: Basedir,
    pub book: Arc<TubBook>,
    pub directories: Directories,
    pub roots: NodeRoots,
}

impl Joining {
    /// `joined` becomes true with the first introducer. Must be called on the node's arbiter.
    pub fn start(basedir: Basedir, joined: Arc<AtomicBool>, followers: Followers) -> Self {
        let (send, receive) = unbounded_channel();
        actix_rt::spawn(followers.wait(receive));
        Self { basedir, joined, furls: Mutex::new(Some(send)) }
    }
}

impl Followers {
    async fn wait(self, mut furls: UnboundedReceiver<Given>) {
        let Some(Given { introducer: furl, vdrive }) = furls.recv().await else { return };
        if let Some(vdrive) = vdrive {
            self.book.learn(vdrive.tub(), vdrive.hints().to_vec());
            self.directories.set_vdrive(Some(vdrive));
            self.roots.found();
        }
        Follower::follow(&self.storage, &self.tub, furl.clone());
        let learner = Learner {
            basedir: self.basedir,
            introducer: furl.tub(),
            book: self.book,
            directories: self.directories,
            roots: self.roots,
        };
        let _follower = vdrive::follow(learner, &self.tub, &furl);
        // As long as the node runs.
        std::future::pending::<()>().await;
    }
}

fn parsed(text: &str, whose: &str) -> Result<Furl, String> {
    Furl::parse(text).map_err(|_| {
        format!(
            "That is not a furl of the {whose}. It is one line, pb+xk1://… with two more parts; copy \
             all of it."
        )
    })
}

impl Join for Joining {
    fn join(&self, text: &str, vdrive: Option<&str>) -> Result<(), String> {
        let furl = parsed(text, "introducer")?;
        let vdrive = vdrive.map(|text| parsed(text, "vdrive server")).transpose()?;
        let mut furls = locked(&self.furls);
        if furls.is_none() {
            return Err(
                "This node has joined a grid already; to join another, write its furl into \
                        the file introducer.furl and restart the node."
                    .to_owned(),
            );
        }
        if let Some(vdrive) = &vdrive {
            let written = self.basedir.write_secret(VDRIVE_FURL, &vdrive.reveal());
            written
                .map_err(|error| format!("The vdrive server's furl cannot be kept: {error}."))?;
        }
        let written = self.basedir.write_secret("introducer.furl", &furl.reveal());
        written.map_err(|error| format!("The furl cannot be kept: {error}."))?;
        if let Some(send) = furls.take() {
            self.joined.store(true, Ordering::Relaxed);
            // The other end is there as long as the node runs.
            let _ = send.send(Given { introducer: furl, vdrive });
        }
        Ok(())
    }
}
