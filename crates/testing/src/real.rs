//! A grid of real storage servers behind real links, in one process: Noise over an in-process network
//! that can stop, part and cut its streams.

use super::folder::Folder;
use super::{client, impatient, tub_on};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tahoe::base::hash;
use tahoe::cap::Cap;
use tahoe::grid::timeouts::Timeouts;
use tahoe::grid::{
    Client, DownloadError, EncodingParams, Server, ServerPool, Source, UploadError, UploadOptions,
    Uploaded,
};
use tahoe::storage::api::Storage;
use tahoe::storage::{ServerOptions, StorageServer, Store, StoreConfig};
use tahoe::tub::{Furl, LoopbackNet, RemoteError, Tub};

/// The host from which a grid's client dials.
pub const CLIENT: &str = "client";

pub struct RealGrid {
    pub net: LoopbackNet,
    pub servers: Vec<RealServer>,
    pub pool: ServerPool,
    pub client: Client,
    /// The client's tub; its links end with it.
    pub tub: Tub,
}

pub struct RealServer {
    pub name: String,
    pub tub: Tub,
    pub furl: Furl,
    pub store: Arc<Store>,
    pub folder: Folder,
}

/// `count` servers and a client connected to all of them.
pub async fn real_grid(count: usize, params: EncodingParams) -> RealGrid {
    real_grid_on(LoopbackNet::default(), count, params).await
}

/// The same on a network that may have faults.
pub async fn real_grid_on(net: LoopbackNet, count: usize, params: EncodingParams) -> RealGrid {
    real_grid_in(Folder::real, net, count, params).await
}

/// The same, each server with a folder of this kind.
pub async fn real_grid_in(
    folder: fn() -> Folder,
    net: LoopbackNet,
    count: usize,
    params: EncodingParams,
) -> RealGrid {
    let pool = ServerPool::new();
    let tub = tub_on(&net.at(CLIENT));
    let mut servers = Vec::new();
    for index in 0..count {
        let server = start_server(&net, format!("s{index}"), folder());
        connect(&tub, &pool, &server).await;
        servers.push(server);
    }
    let client = client(&pool, params).with_timeouts(impatient());
    RealGrid { net, servers, pool, client, tub }
}

pub fn start_server(net: &LoopbackNet, name: String, folder: Folder) -> RealServer {
    let disk = folder.disk.clone();
    let config = StoreConfig { disk, index_on_disk: false, ..StoreConfig::new(folder.path()) };
    let store = Store::open(config).unwrap();
    let (storage, restorer) = StorageServer::start(store.clone(), ServerOptions::default());
    let tub = tub_on(&net.at(&name));
    tub.listen_loopback(&name).unwrap();
    tub.add_restorer(restorer);
    let furl = tub.register(storage, None);
    RealServer { name, tub, furl, store, folder }
}

async fn connect(tub: &Tub, pool: &ServerPool, server: &RealServer) {
    let mut storage = tub.get::<Storage>(&server.furl).await;
    // A link that was just lost fails its first call when the loss is noticed.
    for _ in 0..100 {
        if storage == Err(RemoteError::Disconnected) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            storage = tub.get(&server.furl).await;
        }
    }
    let storage = storage.unwrap();
    let name = (server.furl.tub().into(), server.name.clone());
    pool.add(Server::new(name, seeds(server), storage));
}

/// Where a server stands on the ring, and what its lease secrets are made from. The first comes from
/// its name, not its identity: the same order in every run.
pub fn seeds(server: &RealServer) -> (Vec<u8>, [u8; 20]) {
    let place = hash::sha256(server.name.as_bytes()).to_vec();
    (place, hash::truncated(hash::sha256(&server.furl.tub().0)))
}

impl RealGrid {
    pub fn kill(&self, index: usize) {
        self.net.kill(&self.servers[index].name);
    }

    pub fn hang(&self, index: usize) {
        self.net.stop(&self.servers[index].name);
    }

    /// The host is well again, and the client connects to it anew.
    pub async fn revive(&self, index: usize) {
        self.net.revive(&self.servers[index].name);
        connect(&self.tub, &self.pool, &self.servers[index]).await;
    }

    pub async fn upload(&self, data: &[u8]) -> Result<Uploaded, UploadError> {
        let source = Source::bytes(Bytes::copy_from_slice(data));
        self.client.upload(source, UploadOptions::default()).await
    }

    pub async fn read(&self, cap: &Cap) -> Result<Bytes, DownloadError> {
        let file = self.client.open(cap).await?;
        file.read_all(0..file.size()).await
    }

    /// With the waiting times of a real node.
    pub fn patient(&self) -> Client {
        self.client.clone().with_timeouts(Timeouts::default())
    }
}

impl Drop for RealGrid {
    fn drop(&mut self) {
        self.tub.shutdown();
        for server in &self.servers {
            server.tub.shutdown();
            server.store.shut_down();
        }
    }
}
