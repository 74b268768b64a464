//! A vdrive server in a node: in the introducer's, or in one of its own.
//!
//! Its directories are under `vdrive/`; `vdrive.furl` is what clients copy. In a grid with an
//! introducer it is announced, so that those who have directories there follow it to new addresses.

use super::basedir::Basedir;
use super::error::NodeError;
use super::kept::VDRIVE_FURL;
use super::neighbours::TWIN;
use super::roots::NodeRoots;
use super::{announced, kept, secrets};
use crate::grid::dirnode::{Directories, TubBook};
use crate::introducer::announcement::default_seeds;
use crate::introducer::{Announcement, Book, Fields, Follower, GridParameters, Listener};
use crate::tub::{Furl, Tub, TubId};
use crate::vdrive::{Store, StoreConfig, VdriveServer};
use actix::Addr;
use std::sync::Arc;

/// The folder, the furl's file and the service's name.
pub const VDRIVE: &str = "vdrive";

/// A vdrive server that answers.
pub struct Served {
    pub store: Arc<Store>,
    pub furl: Furl,
}

/// Opens the directories of this node and offers them through its tub.
pub async fn serve(basedir: &Basedir, tub: &Tub) -> Result<Served, NodeError> {
    let config = StoreConfig::new(basedir.join(VDRIVE));
    let store = match tokio::task::spawn_blocking(move || Store::open(config)).await {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => return Err(NodeError::Vdrive(error.to_string())),
        Err(_) => return Err(NodeError::Vdrive("opening it failed".to_owned())),
    };
    let (server, restorer) = VdriveServer::start(store.clone(), &announced::version());
    tub.add_restorer(restorer);
    let furl = tub.register(server, Some(secrets::swissnum(basedir, &kept::VDRIVE)?));
    basedir.write_secret(VDRIVE_FURL, &furl.reveal())?;
    Ok(Served { store, furl })
}

/// Announces a vdrive server at an introducer until the answer is dropped.
pub fn announce(
    basedir: &Basedir,
    tub: &Tub,
    furl: &Furl,
    nickname: &str,
    introducer: &Furl,
) -> Result<Addr<Follower>, NodeError> {
    let (permutation_seed, lease_seed) = default_seeds(tub.id());
    let fields = Fields {
        sequence: announced::next_sequence(basedir)?,
        service: VDRIVE.to_owned(),
        furl: furl.clone(),
        nickname: nickname.to_owned(),
        version: announced::version(),
        permutation_seed,
        lease_seed,
    };
    let own = Announcement::sign(tub.identity(), &fields)?;
    let follower = Follower::start(VDRIVE, Vec::new(), vec![own], Box::new(Deaf(tub.id())));
    Follower::follow(&follower, tub, introducer.clone());
    Ok(follower)
}

/// Follows the vdrive servers of a grid for a client until the answer is dropped.
pub fn follow(learner: Learner, tub: &Tub, introducer: &Furl) -> Addr<Follower> {
    let follower = Follower::start(VDRIVE, Vec::new(), Vec::new(), Box::new(learner));
    Follower::follow(&follower, tub, introducer.clone());
    follower
}

/// Wants to hear nothing but whether there is another with its key.
struct Deaf(TubId);

impl Listener for Deaf {
    fn announced(&mut self, _: &Announcement) {}

    fn gone(&mut self, tub: TubId) {
        if tub == self.0 {
            tracing::error!("{TWIN}");
        }
    }

    fn parameters(&mut self, _: GridParameters) {}
    fn introducer(&mut self, _: bool) {}
    fn settled(&mut self, _: &Book) {}
}

/// Learns where vdrive servers are. A client that was not told which one to use takes that of the
/// introducer's own node, whose tub it was told; it takes no stranger's.
pub struct Learner {
    pub basedir: Basedir,
    pub introducer: TubId,
    pub book: Arc<TubBook>,
    pub directories: Directories,
    /// Told when there is a server to use, or none.
    pub roots: NodeRoots,
}

impl Listener for Learner {
    fn announced(&mut self, announcement: &Announcement) {
        let (tub, furl) = (announcement.tub(), &announcement.furl);
        self.book.learn(tub, furl.hints().to_vec());
        if self.directories.vdrive().is_some() || tub != self.introducer {
            return;
        }
        if let Err(error) = self.basedir.write_secret(VDRIVE_FURL, &furl.reveal()) {
            tracing::warn!(%error, "the vdrive server's furl is not kept");
        }
        self.directories.set_vdrive(Some(furl.clone()));
        self.roots.found();
    }

    fn gone(&mut self, _: TubId) {}
    fn parameters(&mut self, _: GridParameters) {}
    fn introducer(&mut self, _: bool) {}

    fn settled(&mut self, _: &Book) {
        if self.directories.vdrive().is_none() {
            self.roots.hopeless();
        }
    }
}
