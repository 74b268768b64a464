//! A whole grid in one process: an introducer, storage servers and a gateway, each a node of its
//! own directory with its own tub, talking over TCP on this machine as real ones do.

use super::basedir::{Basedir, BasedirError, Role, Synced, io_error};
use super::create::{self, Client};
use super::error::NodeError;
use super::foreground::{Stop, start_logs, until_signalled};
use super::running::{Node, Options};
use futures_util::future::{join_all, try_join_all};
use std::path::{Path, PathBuf};

/// What a demo consists of.
pub struct Demo {
    pub dir: PathBuf,
    pub servers: u16,
    /// The gateway's webport, checked.
    pub webport: String,
}

/// The nodes of a running demo; the gateway is the last.
struct Grid {
    nodes: Vec<Node>,
}

impl Stop for Grid {
    async fn stop(mut self) {
        if let Some(gateway) = self.nodes.pop() {
            gateway.stop().await;
        }
        join_all(self.nodes.drain(..).map(Stop::stop)).await;
    }
}

/// Runs a demo grid until SIGINT or SIGTERM. `ready` is called with the gateway's address once all
/// servers are connected.
pub fn run(demo: &Demo, ready: impl FnOnce(&str)) -> Result<(), NodeError> {
    std::fs::create_dir_all(&demo.dir).map_err(|source| io_error(&demo.dir, source))?;
    let gateway = prepare(&demo.dir.join("gateway"), Role::Client, |basedir| {
        create::write_client(basedir, &gateway_config(demo))
    })?;
    gateway.write("webport", &demo.webport)?;
    start_logs(&gateway)?;
    until_signalled(async {
        let grid = start(demo, gateway).await?;
        if let Some(url) = grid.nodes.last().and_then(Node::url) {
            ready(url);
        }
        // A dozen new nodes are a few hundred small files: they become durable in one go.
        let all = Basedir::open(&demo.dir.join("gateway"))?;
        actix_rt::task::spawn_blocking(move || {
            if let Err(error) = all.sync() {
                tracing::warn!(%error, "the demo's files may not survive a power cut");
            }
        });
        Ok(grid)
    })
}

async fn start(demo: &Demo, gateway: Basedir) -> Result<Grid, NodeError> {
    let introducer = prepare(&demo.dir.join("introducer"), Role::Introducer, |basedir| {
        create::write_introducer(basedir, &create::Place::default())
    })?;
    let furl_from = introducer.clone();
    let mut nodes = vec![Node::start(introducer, Options::default()).await?];
    let furl = furl_from.read("introducer.furl")?.unwrap_or_default();
    let mut servers = Vec::new();
    for number in 1..=demo.servers {
        let name = format!("server{number}");
        servers.push(prepare(&demo.dir.join(&name), Role::Client, |basedir| {
            let nickname = Some(name.clone());
            create::write_client(basedir, &Client { nickname, ..Client::default() })
        })?);
    }
    servers.push(gateway);
    for basedir in &servers {
        basedir.write_secret("introducer.furl", &furl)?;
    }
    let options = Options { any_webport: true };
    nodes.extend(try_join_all(servers.into_iter().map(|dir| Node::start(dir, options))).await?);
    if let Some(gateway) = nodes.last() {
        gateway.servers(demo.servers.into()).await;
    }
    Ok(Grid { nodes })
}

/// A port of this machine's own, chosen once.
const LOCAL: &str = "tcp:0:interface=127.0.0.1";

fn gateway_config(demo: &Demo) -> Client {
    Client {
        webport: Some(demo.webport.clone()),
        nickname: Some("demo".to_owned()),
        no_storage: true,
        ..Client::default()
    }
}

/// The node in `dir`, made if it is not there yet.
fn prepare(
    dir: &Path,
    role: Role,
    fill: impl FnOnce(&Basedir) -> Result<(), BasedirError>,
) -> Result<Basedir, NodeError> {
    let basedir = if Basedir::is_node(dir) {
        Basedir::open(dir)?.synced_together()
    } else {
        let basedir = Basedir::create(dir, role, Synced::Together)?;
        fill(&basedir)?;
        basedir
    };
    let port = super::config::port_file(role);
    if basedir.read(port)?.is_none() {
        basedir.write(port, LOCAL)?;
    }
    Ok(basedir)
}
