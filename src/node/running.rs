//! A node in operation, put together from its directory.

use super::basedir::{Basedir, BasedirError, Role};
use super::config::{self, Config, StorageConfig};
use super::control::{Control, ControlActor};
use super::error::NodeError;
use super::foreground::Stop;
use super::lock::NodeLock;
use super::neighbours::Neighbours;
use super::saved::{KnownGrid, Saved};
use super::{hints, secrets};
use crate::base::limits::SPOOL_BYTES_MAX;
use crate::base::rim::Clock;
use crate::codec::convergence::ConvergenceSecret;
use crate::gateway::guard::Guard;
use crate::gateway::spool::Spool;
use crate::gateway::webport::WebPort;
use crate::gateway::welcome::Status;
use crate::gateway::{self, Gateway, Settings};
use crate::grid::params::{EncodingParams, ParamsInForce};
use crate::grid::servers::ServerPool;
use crate::grid::{Client, ClientSecrets};
use crate::introducer::{self, Announcement, Fields, Follower, GridParameters};
use crate::storage::{ServerOptions, StorageServer, Store, StoreConfig};
use crate::tub::{Furl, Tub, TubOptions, start};
use actix::Addr;
use actix_rt::Arbiter;
use std::sync::Arc;

/// The name under which storage servers announce themselves.
const STORAGE: &str = "storage";
/// Threads for the links of a node with a gateway; a node without one has its main thread.
const LINK_THREADS: usize = 2;

/// What a caller wants otherwise than the directory says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Let the gateway take any free port when its own is taken.
    pub any_webport: bool,
}

/// A running node; ends when it is stopped or dropped.
pub struct Node {
    url: Option<String>,
    tub: Tub,
    gateway: Option<gateway::Running>,
    client: Option<ClientParts>,
    storage: Option<Arc<Store>>,
    introducer: Option<Addr<introducer::Introducer>>,
    arbiters: Vec<Arbiter>,
    basedir: Basedir,
    _lock: NodeLock,
}

/// What a client has that an introducer has not.
struct ClientParts {
    grid: Client,
    neighbours: Neighbours,
    _follower: Addr<Follower>,
}

/// The version that a node tells others.
fn version() -> String {
    format!("tahoe/{}", env!("CARGO_PKG_VERSION"))
}

impl Node {
    /// Brings up the node in `basedir`; it is reachable when this returns.
    pub async fn start(basedir: Basedir, options: Options) -> Result<Self, NodeError> {
        let lock = NodeLock::take(&basedir)?;
        let config = Config::read(&basedir)?;
        basedir.remove("node.url")?;
        let arbiters: Vec<Arbiter> = match config.webport {
            Some(_) => (0..LINK_THREADS).map(|_| Arbiter::new()).collect(),
            None => Vec::new(),
        };
        let tub = open_tub(&basedir, &config, &arbiters).await?;
        basedir.write("my_nodeid", &tub.id().to_string())?;
        let mut node = Self {
            url: None,
            tub,
            gateway: None,
            client: None,
            storage: None,
            introducer: None,
            arbiters,
            basedir,
            _lock: lock,
        };
        match config.role {
            Role::Introducer => node.start_introducer()?,
            Role::Client => node.start_client(&config, options).await?,
        }
        tracing::info!(role = config.role.name(), tub = %node.tub.id(), "running");
        Ok(node)
    }

    /// The gateway's address.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The client's grid, for programs that hold a whole node.
    pub fn grid(&self) -> Option<&Client> {
        self.client.as_ref().map(|client| &client.grid)
    }

    /// Waits until at least `count` storage servers are connected; at once for an introducer.
    pub async fn servers(&self, count: usize) {
        if let Some(client) = &self.client {
            client.neighbours.connected(count).await;
        }
    }

    fn start_introducer(&mut self) -> Result<(), NodeError> {
        let parameters = config::grid_parameters(&self.basedir)?;
        let actor = start(introducer::Introducer::new(parameters));
        let reference = introducer::api::Introducer::of(actor.clone());
        let swissnum = secrets::swissnum(&self.basedir, "introducer")?;
        let furl = self.tub.register(reference, Some(swissnum));
        self.write_furl("introducer.furl", &furl)?;
        self.introducer = Some(actor);
        Ok(())
    }

    async fn start_client(&mut self, config: &Config, options: Options) -> Result<(), NodeError> {
        let own = match config.storage {
            Some(storage) => Some(self.start_storage(config, storage).await?),
            None => None,
        };
        let pool = ServerPool::new();
        let parameters = ParamsInForce::new(config.parameters.and_then(encoding));
        let client_secrets = ClientSecrets {
            convergence: ConvergenceSecret::new(secrets::convergence(&self.basedir)?),
            lease: secrets::lease_master(&self.basedir)?,
        };
        let saved = Saved::open(&self.basedir, config.introducer.as_ref().map(Furl::tub))?;
        let KnownGrid { announcements: mut known, parameters: last } = saved.known();
        if let Some(last) = last.and_then(encoding) {
            parameters.announce(last);
        }
        let grid = Client::new(pool.clone(), client_secrets, parameters.clone());
        let neighbours = Neighbours::new(self.tub.clone(), pool, parameters, saved);
        known.extend(own.clone());
        let publish = own.into_iter().collect();
        let listener = Box::new(neighbours.clone());
        let follower = Follower::start(STORAGE, known, publish, listener);
        if let Some(furl) = &config.introducer {
            Follower::follow(&follower, &self.tub, furl.clone());
        }
        self.client = Some(ClientParts {
            grid: grid.clone(),
            neighbours: neighbours.clone(),
            _follower: follower,
        });
        self.start_control(&grid, &neighbours)?;
        if let Some(webport) = &config.webport {
            neighbours.wake();
            self.start_gateway(config, webport.clone(), options)?;
        }
        Ok(())
    }

    /// Offers this node's space; answers its announcement.
    async fn start_storage(
        &mut self,
        config: &Config,
        storage: StorageConfig,
    ) -> Result<Announcement, NodeError> {
        let store = open_store(&self.basedir, storage).await?;
        self.storage = Some(store.clone());
        let options = ServerOptions { version: version(), ..ServerOptions::default() };
        let (server, restorer) = StorageServer::start(store, options);
        self.tub.set_restorer(restorer);
        let swissnum = secrets::swissnum(&self.basedir, STORAGE)?;
        let furl = self.tub.register(server, Some(swissnum));
        let (permutation_seed, lease_seed) = secrets::seeds(&self.basedir, self.tub.id())?;
        let fields = Fields {
            sequence: next_sequence(&self.basedir)?,
            service: STORAGE.to_owned(),
            furl,
            nickname: config.nickname.clone(),
            version: version(),
            permutation_seed,
            lease_seed,
        };
        Ok(Announcement::sign(self.tub.identity(), &fields)?)
    }

    fn start_control(&self, grid: &Client, neighbours: &Neighbours) -> Result<(), NodeError> {
        let actor = ControlActor { grid: grid.clone(), neighbours: neighbours.clone() };
        let swissnum = secrets::swissnum(&self.basedir, "control")?;
        let furl = self.tub.register(Control::of(start(actor)), Some(swissnum));
        self.write_furl("control.furl", &furl)
    }

    fn start_gateway(
        &mut self,
        config: &Config,
        webport: WebPort,
        options: Options,
    ) -> Result<(), NodeError> {
        let Some(client) = &self.client else { return Ok(()) };
        let token = secrets::api_auth_token(&self.basedir)?;
        let local = webport.is_local();
        let guard = Guard {
            hosts: config.web_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            local,
            tls: webport.tls.is_some(),
            token: (!local).then_some(token),
        };
        let limit = config.spool_limit.unwrap_or(SPOOL_BYTES_MAX);
        let gateway = Gateway {
            grid: client.grid.clone(),
            spool: Spool::new(self.basedir.folder("tmp", 0o700)?, limit),
            guard,
            status: self.status(config, client),
        };
        let settings = Settings {
            webport,
            folder: self.basedir.path().to_owned(),
            insecure: config.insecure,
            any_port: options.any_webport,
        };
        let running = settings.serve(gateway)?;
        self.basedir.write("node.url", &running.url)?;
        self.url = Some(running.url.clone());
        self.gateway = Some(running);
        Ok(())
    }

    fn status(
        &self,
        config: &Config,
        client: &ClientParts,
    ) -> Arc<dyn Fn() -> Status + Send + Sync> {
        let (neighbours, grid) = (client.neighbours.clone(), client.grid.clone());
        let nickname = config.nickname.clone();
        let nodeid = self.tub.id().to_string();
        let joined = config.introducer.is_some();
        Arc::new(move || {
            let line = if neighbours.introducer_connected() {
                "Connected to the introducer."
            } else {
                "Not connected to the introducer; the servers it named before are used."
            };
            Status {
                nickname: nickname.clone(),
                version: version(),
                nodeid: nodeid.clone(),
                introducer: joined.then(|| line.to_owned()),
                encoding: grid.params().to_string(),
                servers: neighbours.status(),
            }
        })
    }

    fn write_furl(&self, name: &str, furl: &Furl) -> Result<(), NodeError> {
        Ok(self.basedir.write_secret(name, &furl.reveal())?)
    }
}

impl Stop for Node {
    /// Lets requests end, closes the storage cleanly, says goodbye to the peers.
    async fn stop(mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop().await;
        }
        if let Some(client) = self.client.take() {
            client.neighbours.close();
        }
        self.tub.shutdown();
        if let Some(storage) = self.storage.take() {
            // Waits for disk jobs that are under way.
            let _ = tokio::task::spawn_blocking(move || storage.shut_down()).await;
        }
        for arbiter in self.arbiters.drain(..) {
            arbiter.stop();
        }
        if let Err(error) = self.basedir.remove("node.url") {
            tracing::warn!(%error, "node.url could not be removed");
        }
    }
}

/// A tub with this node's identity, listening where the port file says; a port that the system
/// chose is written back.
async fn open_tub(
    basedir: &Basedir,
    config: &Config,
    arbiters: &[Arbiter],
) -> Result<Tub, NodeError> {
    let options = TubOptions {
        arbiters: arbiters.iter().map(Arbiter::handle).collect(),
        ..TubOptions::default()
    };
    let tub = Tub::new(secrets::identity(basedir)?, options);
    let address = config.tub_address;
    let bound =
        tub.listen(address).await.map_err(|source| NodeError::Listen { address, source })?;
    if address.port() == 0 {
        basedir.write(config::port_file(config.role), &config::tub_port_text(bound))?;
    }
    tub.set_hints(hints::for_tub(&config.advertised, bound));
    Ok(tub)
}

/// The storage directory, cleaned of what an earlier process left half done.
async fn open_store(basedir: &Basedir, config: StorageConfig) -> Result<Arc<Store>, NodeError> {
    let store = StoreConfig {
        size_limit: config.size_limit,
        reserved_space: config.reserved_space,
        read_only: config.read_only,
        ..StoreConfig::new(basedir.join(STORAGE))
    };
    match tokio::task::spawn_blocking(move || Store::open(store)).await {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(error)) => Err(NodeError::Storage(error.to_string())),
        Err(_) => Err(NodeError::Storage("opening it failed".to_owned())),
    }
}

fn encoding(parameters: GridParameters) -> Option<EncodingParams> {
    let GridParameters { needed, happy, total } = parameters;
    EncodingParams::new(needed.into(), happy.into(), total.into()).ok()
}

/// A number above all that this node's announcements carried: the clock, or one more than the last
/// one where the clock went back.
fn next_sequence(basedir: &Basedir) -> Result<u64, BasedirError> {
    const NAME: &str = "announcement.sequence";
    let last = match basedir.read(NAME)? {
        Some(text) => text.parse().map_err(|_| basedir.bad(NAME, &text, "a number"))?,
        None => 0_u64,
    };
    let next = Clock::System.now().max(last.saturating_add(1));
    basedir.write(NAME, &next.to_string())?;
    Ok(next)
}
