//! A node in operation, put together from its directory.

use super::address::Address;
use super::announced::{next_sequence, version};
use super::basedir::{Basedir, Role, io_error};
use super::config::{self, Config, StorageConfig};
use super::control::{Control, ControlActor};
use super::doors::{BookFile, DOORS_URL, Doorway, SFTP_URL};
use super::error::NodeError;
use super::foreground::Stop;
use super::lock::NodeLock;
use super::neighbours::{Neighbours, TWIN};
use super::pages::{self, Followers, Joining, KeeperFiles};
use super::roots::{self, NodeRoots};
use super::saved::{KnownGrid, Saved};
use super::seeds::{Seeds, seeds};
use super::vdrive::{self, Learner};
use super::{hints, kept, parameters, rates, secrets, service, storage};
use crate::base::limits::SPOOL_BYTES_MAX;
use crate::base::system::Clock;
use crate::codec::convergence::ConvergenceSecret;
use crate::doors::{Doors, Locks, Parts};
use crate::files::Files;
use crate::files::blacklist::Blacklist;
use crate::gateway::Gateway;
use crate::gateway::node_status::Status;
use crate::gateway::owner::Owner;
use crate::gateway::state::{Join, Pages};
use crate::gateway::work::handles::Operations;
use crate::grid::dirnode::{Directories, SeenHeads, TubBook};
use crate::grid::params::{EncodingParams, ParamsInForce};
use crate::grid::servers::ServerPool;
use crate::grid::tasks::Task;
use crate::grid::{Client, ClientSecrets};
use crate::http::spool::Spool;
use crate::http::webport::WebPort;
use crate::http::{self, Settings};
use crate::introducer::{self, Announcement, Fields, Follower, GridParameters};
use crate::keeper::Keeper;
use crate::storage::{Expiry, Scrub, ServerOptions, StorageServer, Store};
use crate::tub::{Furl, Network, Tub, TubOptions, start};
use actix::Addr;
use actix_rt::Arbiter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The name under which storage servers announce themselves.
const STORAGE: &str = "storage";
/// Where the gateway's address is told.
const NODE_URL: &str = "node.url";
const METRICS_URL: &str = "metrics.url";
/// The folder of the owner's own files.
const PUBLIC: &str = "public_html";
/// Threads for the links of a node with a gateway; a node without one has its main thread.
const LINK_THREADS: usize = 2;

/// The first start waits at most so long for the vdrive server, so that names can be used at once.
const ROOTS_WAIT: Duration = Duration::from_secs(2);

/// What a caller wants otherwise than the directory says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Let the gateway take any free port when its own is taken.
    pub any_webport: bool,
}

/// A running node; ends when it is stopped or dropped.
pub struct Node {
    url: Option<Address>,
    owner: Option<Owner>,
    tub: Tub,
    gateway: Option<http::Running>,
    metrics: Option<(Address, http::Running)>,
    client: Option<ClientParts>,
    directories: Option<Directories>,
    storage: Option<Arc<Store>>,
    introducer: Option<Addr<introducer::Introducer>>,
    vdrive: Option<Arc<crate::vdrive::Store>>,
    /// Follow the grid's vdrive servers, or announce this one.
    followers: Vec<Addr<Follower>>,
    roots_task: Option<JoinHandle<()>>,
    /// With its rounds.
    keeper: Option<(Keeper, Task)>,
    doorway: Option<Doorway>,
    /// Follows what the owner says of the line.
    rates: Option<Task>,
    arbiters: Vec<Arbiter>,
    basedir: Basedir,
    _lock: NodeLock,
}

/// What a client has that an introducer has not.
struct ClientParts {
    grid: Client,
    neighbours: Neighbours,
    follower: Addr<Follower>,
    /// Whether there is an introducer.
    joined: Arc<AtomicBool>,
}

impl Node {
    /// Brings up the node in `basedir`; it is reachable when this returns.
    pub async fn start(basedir: Basedir, options: Options) -> Result<Self, NodeError> {
        let lock = NodeLock::take(&basedir)?;
        // A node that was killed has left it, and another program may listen there.
        basedir.remove(NODE_URL)?;
        basedir.remove(METRICS_URL)?;
        basedir.remove(DOORS_URL)?;
        basedir.remove(SFTP_URL)?;
        let config = Config::read(&basedir)?;
        kept::prepare(&basedir, &config)?;
        let arbiters: Vec<Arbiter> = match config.webport {
            Some(_) if config.role == Role::Client => {
                (0..LINK_THREADS).map(|_| Arbiter::new()).collect()
            }
            _ => Vec::new(),
        };
        let (network, rates) = rates::network(&basedir)?;
        let tub = open_tub(&basedir, &config, &arbiters, network).await?;
        basedir.write("my_nodeid", &tub.id().to_string())?;
        let mut node = Self {
            url: None,
            owner: None,
            tub,
            gateway: None,
            metrics: None,
            client: None,
            directories: None,
            storage: None,
            introducer: None,
            vdrive: None,
            followers: Vec::new(),
            roots_task: None,
            keeper: None,
            doorway: None,
            rates,
            arbiters,
            basedir,
            _lock: lock,
        };
        match config.role {
            Role::Introducer => node.start_introducer(&config).await?,
            Role::Vdrive => node.start_vdrive(&config, config.introducer.as_ref()).await?,
            Role::Client => node.start_client(&config, options).await?,
        }
        if config.role != Role::Client {
            node.start_page(&config)?;
        }
        tracing::info!(role = config.role.name(), tub = %node.tub.id(), "running");
        Ok(node)
    }

    /// The address of the gateway, or of the page of a node without one.
    pub fn url(&self) -> Option<&str> {
        self.url.as_ref().map(|address| address.url.as_str())
    }

    /// Whether the gateway speaks to other machines in the clear.
    pub fn is_exposed(&self) -> bool {
        let gateway = self.gateway.as_ref().filter(|_| self.client.is_some());
        gateway.is_some_and(|gateway| gateway.exposed)
    }

    /// How many storage servers this node's gateway knows of and how many it wants, if it knows of too
    /// few to store anything.
    pub fn too_few_servers(&self) -> Option<(usize, usize)> {
        let client = self.client.as_ref().filter(|_| self.gateway.is_some())?;
        let (known, happy) =
            (client.neighbours.status().len(), client.grid.params().happy().into());
        (known < happy).then_some((known, happy))
    }

    /// An address that logs one browser in as the owner's, soon and once.
    pub fn login_url(&self) -> Option<String> {
        let (url, owner) = (self.url()?, self.owner.as_ref()?);
        Some(format!("{}{}", url.trim_end_matches('/'), owner.one_login()))
    }

    /// The client's grid, for programs that hold a whole node.
    pub fn grid(&self) -> Option<&Client> {
        self.client.as_ref().map(|client| &client.grid)
    }

    /// The client's directories, for programs that hold a whole node. A node that has yet to hear
    /// of the server on which new ones are made waits a little for it.
    pub async fn directories(&mut self) -> Result<Option<Directories>, NodeError> {
        if let (None, Some(grid)) = (&self.directories, self.grid().cloned()) {
            let config = Config::read(&self.basedir)?;
            let (directories, roots, _) = self.open_directories(&config, grid)?;
            if config.introducer.is_some() {
                roots.until(ROOTS_WAIT, || directories.vdrive().is_some()).await;
            }
        }
        Ok(self.directories.clone())
    }

    /// Waits until at least `count` storage servers are connected; at once for an introducer.
    pub async fn servers(&self, count: usize) {
        if let Some(client) = &self.client {
            client.neighbours.connected(count).await;
        }
    }

    async fn start_introducer(&mut self, config: &Config) -> Result<(), NodeError> {
        let parameters = config::grid_parameters(&self.basedir)?;
        let actor = start(introducer::Introducer::new(parameters));
        let reference = introducer::api::Introducer::of(actor.clone());
        let swissnum = secrets::swissnum(&self.basedir, &kept::INTRODUCER)?;
        let furl = self.tub.register(reference, Some(swissnum));
        self.write_furl("introducer.furl", &furl)?;
        actix_rt::spawn(parameters::follow(self.basedir.clone(), actor.downgrade()));
        self.introducer = Some(actor);
        match self.basedir.flag("no_vdrive")? {
            true => Ok(()),
            false => self.start_vdrive(config, Some(&furl)).await,
        }
    }

    /// Keeps directories for others, and tells the introducer, if there is one.
    async fn start_vdrive(
        &mut self,
        config: &Config,
        introducer: Option<&Furl>,
    ) -> Result<(), NodeError> {
        let served = vdrive::serve(&self.basedir, &self.tub).await?;
        self.vdrive = Some(served.store);
        if let Some(introducer) = introducer {
            let (basedir, tub) = (&self.basedir, &self.tub);
            let nickname = &config.nickname;
            let announced = vdrive::announce(basedir, tub, &served.furl, nickname, introducer)?;
            self.followers.push(announced);
        }
        Ok(())
    }

    async fn start_client(&mut self, config: &Config, options: Options) -> Result<(), NodeError> {
        let own = match config.storage {
            Some(storage) => Some(self.start_storage(config, storage).await?),
            None => None,
        };
        let pool = ServerPool::new();
        if self.rates.is_some() {
            pool.be_far();
        }
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
        let blacklist = Arc::new(Blacklist::new(self.basedir.join("access.blacklist")));
        let grid = Client::new(pool.clone(), client_secrets, parameters.clone())
            .with_prohibitions(blacklist);
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
            follower,
            joined: Arc::new(AtomicBool::new(config.introducer.is_some())),
        });
        self.start_control(&grid, &neighbours)?;
        self.start_metrics(config)?;
        if let Some(webport) = &config.webport {
            neighbours.wake();
            self.start_gateway(config, webport.clone(), options).await?;
            // Who is told that the node is ready may use it at once.
            neighbours.gathered().await;
        }
        Ok(())
    }

    /// Tells figures of the storage where the owner says.
    fn start_metrics(&mut self, config: &Config) -> Result<(), NodeError> {
        let storage = self.storage_status(config);
        self.metrics = service::serve_metrics(&self.basedir, config, storage)?
            .map(|running| {
                let url = format!("{}metrics", running.url);
                Ok::<_, NodeError>((Address::publish(&self.basedir, METRICS_URL, &url)?, running))
            })
            .transpose()?;
        Ok(())
    }

    /// Offers this node's space; answers its announcement.
    async fn start_storage(
        &mut self,
        config: &Config,
        offered: StorageConfig,
    ) -> Result<Announcement, NodeError> {
        let Seeds { permutation, lease, succession } = seeds(&self.basedir, self.tub.id())?;
        let store = storage::open(self.basedir.join(STORAGE), offered).await?;
        self.storage = Some(store.clone());
        let expiry = offered.expire_leases.map(Expiry::of);
        let scrub = offered.scrub.map(Scrub::every);
        let options =
            ServerOptions { version: version(), expiry, scrub, ..ServerOptions::default() };
        let (server, restorer) = StorageServer::start(store, options);
        self.tub.add_restorer(restorer);
        let swissnum = secrets::swissnum(&self.basedir, &kept::STORAGE)?;
        let furl = self.tub.register(server, Some(swissnum));
        let fields = Fields {
            sequence: next_sequence(&self.basedir)?,
            service: STORAGE.to_owned(),
            furl,
            nickname: config.nickname.clone(),
            version: version(),
            permutation_seed: permutation,
            lease_seed: lease,
        };
        Ok(Announcement::sign_with(self.tub.identity(), &fields, succession.as_ref())?)
    }

    fn start_control(&self, grid: &Client, neighbours: &Neighbours) -> Result<(), NodeError> {
        let actor = ControlActor { grid: grid.clone(), neighbours: neighbours.clone() };
        let swissnum = secrets::swissnum(&self.basedir, &kept::CONTROL)?;
        let furl = self.tub.register(Control::of(start(actor)), Some(swissnum));
        self.write_furl("control.furl", &furl)
    }

    /// What the gateway says of the space that is offered, if some is.
    fn storage_status(&self, config: &Config) -> Option<storage::Status> {
        let kept = self.storage.clone().zip(config.storage);
        kept.map(|kept| storage::status(kept, self.basedir.join(STORAGE)))
    }

    async fn start_gateway(
        &mut self,
        config: &Config,
        webport: WebPort,
        options: Options,
    ) -> Result<(), NodeError> {
        let Some(grid) = self.client.as_ref().map(|client| client.grid.clone()) else {
            return Ok(());
        };
        let (directories, roots, book) = self.open_directories(config, grid)?;
        self.roots_task = Some(roots.keep(self.basedir.clone(), directories.clone()));
        let (files, keeper) = self.start_keeper(directories.clone(), &roots);
        let spool = self.spool(config)?;
        let Some(client) = &self.client else { return Ok(()) };
        let followers = Followers {
            tub: self.tub.clone(),
            storage: client.follower.clone(),
            basedir: self.basedir.clone(),
            book,
            directories,
            roots: roots.clone(),
        };
        let pages = self.pages(client, followers);
        let owner = self.open_owner(&webport)?;
        let gateway = Gateway {
            keeper: Some(keeper),
            files: files.clone(),
            spool: spool.clone(),
            guard: service::guard(config, &webport),
            owner: owner.clone(),
            allow_localfile: self.basedir.flag("webport_allow_localfile")?,
            operations: Operations::new(Clock::System),
            pages,
            status: self.status(config, client),
            storage: self.storage_status(config),
        };
        let settings = Settings {
            webport,
            folder: self.basedir.path().to_owned(),
            insecure: config.insecure,
            any_port: options.any_webport,
        };
        let running = settings.serve(gateway)?;
        self.url = Some(Address::publish(&self.basedir, NODE_URL, &running.url)?);
        roots::keep_start_page(&self.basedir, &running.url, &owner)?;
        self.owner = Some(owner);
        self.gateway = Some(running);
        self.start_doors(config, files, spool);
        if config.vdrive.is_some() || config.introducer.is_some() {
            roots.known(ROOTS_WAIT).await;
        }
        Ok(())
    }

    /// Who the owner is, with the logins of an earlier run.
    fn open_owner(&self, webport: &WebPort) -> Result<Owner, NodeError> {
        let token = secrets::api_auth_token(&self.basedir)?;
        let owner = Owner::new(token, Clock::System, webport.tls.is_some());
        roots::keep_sessions(&self.basedir, &owner);
        Ok(owner)
    }

    /// Opens what the owner made doors to.
    fn start_doors(&mut self, config: &Config, files: Files, spool: Spool) {
        let book = Arc::new(BookFile::new(self.basedir.clone()));
        let hosts = config.web_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let (keeper, clock) = (book.clone(), Clock::System);
        let (parts, locks) = (Parts::default(), Locks::default());
        let doors = Doors { keeper, files, spool, clock, hosts, parts, locks };
        self.doorway = Some(Doorway::keep(self.basedir.clone(), config.insecure, book, doors));
    }

    /// The owner's view of the grid, and what keeps all in it alive.
    fn start_keeper(&mut self, directories: Directories, roots: &NodeRoots) -> (Files, Keeper) {
        let trash = pages::trash(&self.basedir);
        let files = Files::new(directories, Arc::new(roots.clone()), trash);
        let kept = Arc::new(KeeperFiles(self.basedir.clone()));
        let keeper = Keeper::new(files.clone(), kept, Clock::System);
        self.keeper = Some((keeper.clone(), Task::spawn(keeper.clone().run())));
        (files, keeper)
    }

    /// Shows a node without a gateway, if it is to be seen.
    fn start_page(&mut self, config: &Config) -> Result<(), NodeError> {
        let (basedir, introducer) = (&self.basedir, self.introducer.clone());
        if let Some(running) = service::serve(basedir, config, self.tub.id(), introducer)? {
            self.url = Some(Address::publish(basedir, NODE_URL, &running.url)?);
            self.gateway = Some(running);
        }
        Ok(())
    }

    fn spool(&self, config: &Config) -> Result<Spool, NodeError> {
        let limit = config.spool_limit.unwrap_or(SPOOL_BYTES_MAX);
        Ok(Spool::new(self.basedir.folder("tmp", 0o700)?, limit))
    }

    fn pages(&self, client: &ClientParts, followers: Followers) -> Pages {
        let alone = !client.joined.load(Ordering::Relaxed);
        let joining =
            || Joining::start(self.basedir.clone(), Arc::clone(&client.joined), followers);
        let join = alone.then(|| Arc::new(joining()) as Arc<dyn Join>);
        Pages { join, public: Some(self.basedir.join(PUBLIC)), ..Pages::default() }
    }

    /// What this node knows of directories.
    fn open_directories(
        &mut self,
        config: &Config,
        grid: Client,
    ) -> Result<(Directories, NodeRoots, Arc<TubBook>), NodeError> {
        let book = Arc::new(TubBook::new());
        let roots = NodeRoots::read(&self.basedir, &book)?;
        let chosen = roots::chosen(config.vdrive.as_ref(), &book);
        let seen = self.basedir.join("private/seen");
        let seen = SeenHeads::open(&seen).map_err(|source| io_error(&seen, source))?;
        let directories = Directories::new(grid, self.tub.clone(), chosen, book.clone(), seen);
        if let Some(introducer) = &config.introducer {
            let learner = Learner {
                basedir: self.basedir.clone(),
                introducer: introducer.tub(),
                book: book.clone(),
                directories: directories.clone(),
                roots: roots.clone(),
            };
            self.followers.push(vdrive::follow(learner, &self.tub, introducer));
        }
        self.directories = Some(directories.clone());
        Ok((directories, roots, book))
    }

    fn status(
        &self,
        config: &Config,
        client: &ClientParts,
    ) -> Arc<dyn Fn() -> Status + Send + Sync> {
        let (neighbours, grid) = (client.neighbours.clone(), client.grid.clone());
        let nickname = config.nickname.clone();
        let nodeid = self.tub.id().to_string();
        let joined = Arc::clone(&client.joined);
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
                introducer: joined.load(Ordering::Relaxed).then(|| match neighbours.has_twin() {
                    true => format!("{TWIN} {line}"),
                    false => line.to_owned(),
                }),
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
        if let Some(doorway) = self.doorway.take() {
            doorway.close().await;
        }
        let metrics = self.metrics.take().map(|(_, metrics)| metrics);
        for pages in [self.gateway.take(), metrics].into_iter().flatten() {
            pages.stop().await;
        }
        if let Some(task) = self.roots_task.take() {
            task.abort();
        }
        if let Some((keeper, round)) = self.keeper.take() {
            drop(round);
            keeper.close().await;
        }
        self.followers.clear();
        if let Some(client) = self.client.take() {
            client.neighbours.close();
        }
        self.tub.shutdown();
        if let Some(storage) = self.storage.take() {
            // Waits for disk jobs that are under way.
            let _ = tokio::task::spawn_blocking(move || storage.shut_down()).await;
        }
        if let Some(store) = self.vdrive.take() {
            let _ = tokio::task::spawn_blocking(move || store.shut_down()).await;
        }
        for arbiter in self.arbiters.drain(..) {
            arbiter.stop();
        }
    }
}

/// A tub with this node's identity, listening where the port file says; a port that the system
/// chose is written back.
async fn open_tub(
    basedir: &Basedir,
    config: &Config,
    arbiters: &[Arbiter],
    network: Arc<dyn Network>,
) -> Result<Tub, NodeError> {
    let options = TubOptions {
        network,
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

fn encoding(parameters: GridParameters) -> Option<EncodingParams> {
    let GridParameters { needed, happy, total } = parameters;
    EncodingParams::new(needed.into(), happy.into(), total.into()).ok()
}
