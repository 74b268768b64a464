//! The two directories from which all others are reached by name: the one that everybody in the
//! grid shares, and the owner's own.
//!
//! ```text
//! global_root.uri   write cap of the shared one: follows from vdrive.furl
//! my_vdrive.uri     write cap of the owner's: made once; who loses it loses the way to all below it
//! start.html        opens both in a browser, as the owner; renewed whenever it was used
//! ```
//! All three have mode 0600. What is in the files is used at once; what is missing is made as soon
//! as the vdrive server can be reached.

use super::basedir::{Basedir, BasedirError};
use super::kept::{PRIVATE_ROOT, PRIVATE_ROOT_ID};
use crate::base::base32;
use crate::base::limits::{RECONNECT_MAX, RECONNECT_MIN};
use crate::base::lock::locked;
use crate::cap::{Cap, VdriveCap};
use crate::files::Roots;
use crate::gateway::owner::Owner;
use crate::grid::dirnode::{DirError, Directories, TubBook};
use crate::tub::furl::parse_hints;
use crate::tub::{Furl, TubId};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const GLOBAL: &str = "global_root.uri";
const PRIVATE: &str = PRIVATE_ROOT.name;
const START: &str = "start.html";
/// Who is logged in: of each cookie a hash, and when it ends.
const SESSIONS: &str = "private/sessions";

#[derive(Default)]
struct Known {
    global: Option<Cap>,
    private: Option<Cap>,
    /// The grid has no vdrive server now.
    hopeless: bool,
}

/// The roots as far as they are known. Clones share them.
#[derive(Clone, Default)]
pub struct NodeRoots {
    known: Arc<Mutex<Known>>,
    /// There is a vdrive server to use.
    found: Arc<Notify>,
    /// Something happened that somebody may wait for.
    changed: Arc<Notify>,
}

impl Roots for NodeRoots {
    fn global(&self) -> Option<Cap> {
        self.lock().global.clone()
    }

    fn private(&self) -> Option<Cap> {
        self.lock().private.clone()
    }
}

/// What keeps a root from being there.
#[derive(Debug, thiserror::Error)]
enum RootError {
    #[error(transparent)]
    Basedir(#[from] BasedirError),
    #[error(transparent)]
    Directory(#[from] DirError),
}

impl NodeRoots {
    /// What the files say. A root that is there is known to its own node: its server may be dialled.
    pub fn read(basedir: &Basedir, book: &TubBook) -> Result<Self, BasedirError> {
        let this = Self::default();
        let (global, private) = (cap(basedir, GLOBAL)?, cap(basedir, PRIVATE)?);
        for cap in [&global, &private].into_iter().flatten() {
            if let Some(cap) = cap.vdrive()
                && let Ok(hints) = parse_hints(cap.place().hints())
            {
                book.learn(TubId(*cap.place().tub()), hints);
            }
        }
        if let Some(cap) = private.as_ref().and_then(Cap::vdrive) {
            keep_id(basedir, cap)?;
        }
        *this.lock() = Known { global, private, hopeless: false };
        Ok(this)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        locked(&self.known)
    }

    /// There is a vdrive server to use now.
    pub fn found(&self) {
        self.found.notify_one();
        self.changed.notify_waiters();
    }

    /// The introducer answered and knows no vdrive server: nobody needs to wait.
    pub fn hopeless(&self) {
        self.lock().hopeless = true;
        self.changed.notify_waiters();
    }

    /// Waits until both are known or cannot be, at most so long.
    pub async fn known(&self, most: Duration) {
        self.until(most, || self.is_complete()).await;
    }

    /// Waits until it is `enough`, or nothing more can come of it, at most so long.
    pub async fn until(&self, most: Duration, enough: impl Fn() -> bool) {
        let wait = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                if enough() || self.lock().hopeless {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(most, wait).await;
    }

    fn is_complete(&self) -> bool {
        let known = self.lock();
        known.global.is_some() && known.private.is_some()
    }

    /// Makes what is missing, however long it takes.
    pub fn keep(&self, basedir: Basedir, directories: Directories) -> JoinHandle<()> {
        let this = self.clone();
        actix_rt::spawn(async move {
            let mut pause = RECONNECT_MIN;
            loop {
                match this.complete(&basedir, &directories).await {
                    Ok(()) if this.is_complete() => return this.changed.notify_waiters(),
                    Ok(()) => this.found.notified().await,
                    Err(error) => {
                        tracing::warn!("directories cannot be reached by name yet: {error}");
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(RECONNECT_MAX);
                    }
                }
            }
        })
    }

    async fn complete(&self, basedir: &Basedir, dirs: &Directories) -> Result<(), RootError> {
        let Some(furl) = dirs.vdrive() else { return Ok(()) };
        let shared = Directories::global_root(&furl)?;
        if self.lock().global.as_ref().is_none_or(|known| !same_directory(known, &shared)) {
            let made = dirs.make_global_root().await?;
            basedir.write_secret(GLOBAL, &made.reveal())?;
            self.lock().global = Some(made);
        }
        if self.private().is_none() {
            let made = dirs.create(Vec::new()).await?;
            basedir.write_secret(PRIVATE, &made.reveal())?;
            if let Some(cap) = made.vdrive() {
                keep_id(basedir, cap)?;
            }
            self.lock().private = Some(made);
        }
        Ok(())
    }
}

/// Notes that the owner's directory is there, so that no other is made in its place.
fn keep_id(basedir: &Basedir, cap: &VdriveCap) -> Result<(), BasedirError> {
    basedir.write_secret(PRIVATE_ROOT_ID, &base32::encode(&cap.directory_id()))
}

/// Whether two caps lead to one directory, wherever they say that it may be reached.
fn same_directory(a: &Cap, b: &Cap) -> bool {
    match (a, b) {
        (Cap::Vdrive(VdriveCap::Write(a)), Cap::Vdrive(VdriveCap::Write(b))) => {
            a.key() == b.key() && a.place().tub() == b.place().tub()
        }
        _ => false,
    }
}

fn cap(basedir: &Basedir, name: &str) -> Result<Option<Cap>, BasedirError> {
    let Some(text) = basedir.read(name)? else { return Ok(None) };
    match Cap::parse(&text) {
        Ok(cap @ Cap::Vdrive(VdriveCap::Write(_))) => Ok(Some(cap)),
        _ => Err(basedir.bad(name, &text, "the write cap of a directory, `URI:DIR:…`")),
    }
}

/// The vdrive server that the owner chose, if any; where it is becomes known.
pub fn chosen(furl: Option<&Furl>, book: &TubBook) -> Option<Furl> {
    let furl = furl?;
    book.learn(furl.tub(), furl.hints().to_vec());
    Some(furl.clone())
}

/// Browsers stay logged in when the node is restarted.
pub fn keep_sessions(basedir: &Basedir, owner: &Owner) {
    let told = |error| tracing::warn!(%error, "browsers will have to log in after a restart");
    let kept = basedir.read(SESSIONS).unwrap_or_else(|error| {
        told(error);
        None
    });
    let basedir = basedir.clone();
    let write = move |lines: &str| {
        basedir.write_secret(SESSIONS, lines).unwrap_or_else(told);
    };
    owner.keep_sessions(&kept.unwrap_or_default(), Box::new(write));
}

/// Keeps the page that opens the gateway as the owner: each address in it is good once.
pub fn keep_start_page(basedir: &Basedir, url: &str, owner: &Owner) -> Result<(), BasedirError> {
    write_start_page(basedir, url, &owner.start_path())?;
    let (basedir, url) = (basedir.clone(), url.to_owned());
    owner.on_start_page_used(Box::new(move |path| {
        if let Err(error) = write_start_page(&basedir, &url, path) {
            tracing::warn!(%error, "start.html could not be renewed");
        }
    }));
    Ok(())
}

/// Writes the page that opens the gateway as the owner.
fn write_start_page(basedir: &Basedir, url: &str, path: &str) -> Result<(), BasedirError> {
    let url = url.trim_end_matches('/');
    let login = format!("{url}{path}");
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>Start</title>\n\
         <p>Whoever opens this page acts as you: keep it to yourself.\n\
         <p><a href=\"{login}\">Open the node as its owner</a>\n\
         <p>Then: <a href=\"{url}/vdrive/private\">your directory</a>,\n\
         <a href=\"{url}/vdrive/global\">the grid's directory</a>\n"
    );
    basedir.write_secret(START, &page)
}
