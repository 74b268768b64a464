//! Directories on a real vdrive server behind a real link, in one process.

use super::folder::Folder;
use super::{client, grid, tub_on};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tahoe::base::system::Clock;
use tahoe::cap::{Cap, FileCap};
use tahoe::grid::dirnode::{
    Child, DirError, Directories, KnownTubs, Metadata, NewEntry, SeenHeads, Target, TubBook,
};
use tahoe::grid::{Client, EncodingParams};
use tahoe::tub::{Export, Furl, LoopbackNet, Restorer, SwissnumDigest, Tub};
use tahoe::vdrive::{Store, StoreConfig, VdriveServer};

/// A vdrive server and the network that it is on.
pub struct World {
    pub net: LoopbackNet,
    pub tub: Tub,
    pub furl: Furl,
    pub clock: Clock,
    pub dir: Folder,
    pub restorer: Arc<Restored>,
    /// Keeps files, for immutable directories.
    pub grid: super::Grid,
}

/// What brings a server's directories back: another server's may take its place.
pub struct Restored(Mutex<Arc<dyn Restorer>>);

impl Restored {
    pub fn by(&self, other: Arc<dyn Restorer>) {
        *self.0.lock().unwrap() = other;
    }
}

impl Restorer for Restored {
    fn restore(
        &self,
        digest: SwissnumDigest,
    ) -> Pin<Box<dyn Future<Output = Option<Export>> + Send>> {
        self.0.lock().unwrap().restore(digest)
    }
}

/// The child at the end of a path below a directory.
pub async fn at(dirs: &Directories, root: &Cap, path: &str) -> Result<Child, DirError> {
    let mut child = Child { target: Target::Known(root.clone()), metadata: Metadata::new() };
    for name in path.split('/') {
        let Target::Known(dir) = &child.target else { panic!("{name:?} is below what is unknown") };
        let found = dirs.get(dir, name).await?;
        child = found.ok_or_else(|| DirError::NoSuchChild(name.to_owned()))?;
    }
    Ok(child)
}

/// A vdrive server on somebody's network, at the host "vdrive".
pub struct Server {
    pub tub: Tub,
    pub furl: Furl,
    pub dir: Folder,
    pub restorer: Arc<Restored>,
}

pub const NAME: &str = "vdrive";

fn store(dir: &Folder) -> Arc<Store> {
    let disk = dir.disk.clone();
    let config = StoreConfig { disk, index_on_disk: false, ..StoreConfig::new(dir.path()) };
    Store::open(config).unwrap()
}

impl Server {
    pub fn on(net: &LoopbackNet) -> Self {
        Self::in_folder(net, Folder::real())
    }

    pub fn in_folder(net: &LoopbackNet, dir: Folder) -> Self {
        Self::at((net, NAME), dir)
    }

    /// At another host.
    pub fn at((net, host): (&LoopbackNet, &str), dir: Folder) -> Self {
        let (service, restorer) = VdriveServer::start(store(&dir), "test");
        let tub = tub_on(&net.at(host));
        tub.listen_loopback(host).unwrap();
        let restorer = Arc::new(Restored(Mutex::new(restorer)));
        tub.add_restorer(restorer.clone());
        let furl = tub.register(service, None);
        Self { tub, furl, dir, restorer }
    }

    /// It comes back with the key that it had, and with nothing else. Clients that are connected still
    /// have what they hold.
    pub fn lose_everything(&mut self) {
        self.dir = Folder::memory();
        let (service, restorer) = VdriveServer::start(store(&self.dir), "test");
        self.restorer.by(restorer);
        self.tub.register(service, Some(self.furl.swissnum().clone()));
    }

    /// What knows where the server is.
    pub fn known(&self) -> TubBook {
        let book = TubBook::new();
        book.learn(self.furl.tub(), self.furl.hints().to_vec());
        book
    }

    /// The directories of a client that has seen none of them yet.
    pub fn directories(&self, files: Client, tub: Tub) -> Directories {
        let (furl, known) = (Some(self.furl.clone()), Arc::new(self.known()));
        Directories::new(files, tub, furl, known, SeenHeads::in_memory())
    }
}

pub fn world() -> World {
    let net = LoopbackNet::default();
    let Server { tub, furl, dir, restorer } = Server::on(&net);
    World { net, tub, furl, clock: Clock::manual(1_000), dir, restorer, grid: grid(3) }
}

impl World {
    /// A node of its own, which knows the server.
    pub fn node(&self) -> Directories {
        self.node_with(SeenHeads::in_memory())
    }

    pub fn node_with(&self, seen: SeenHeads) -> Directories {
        self.node_on(tub_on(&self.net), seen)
    }

    pub fn node_on(&self, tub: Tub, seen: SeenHeads) -> Directories {
        let book = TubBook::new();
        book.learn(self.furl.tub(), self.furl.hints().to_vec());
        self.node_of(tub, Arc::new(book), seen)
    }

    pub fn node_of(&self, tub: Tub, known: Arc<dyn KnownTubs>, seen: SeenHeads) -> Directories {
        let files: Client = client(&self.grid.pool, EncodingParams::new(1, 1, 1).unwrap());
        let vdrive = Some(self.furl.clone());
        let dirs = Directories::new(files, tub, vdrive, known, seen);
        dirs.with_clock(self.clock.clone())
    }
}

pub fn lit(text: &str) -> Target {
    Target::Known(Cap::File(FileCap::Lit(tahoe::cap::LitCap::new(text.as_bytes().to_vec()))))
}

pub fn link(name: &str, target: Target) -> NewEntry {
    NewEntry { name: name.to_owned(), target, metadata: None }
}

pub fn child(target: Target) -> Child {
    Child { target, metadata: Metadata::new() }
}

pub fn names(listing: &tahoe::grid::dirnode::Listing) -> Vec<&str> {
    listing.entries.iter().map(|entry| entry.name.as_str()).collect()
}
