//! A whole grid in one process: an introducer, storage servers and a gateway, each a node of its
//! own directory with its own tub, talking over TCP on this machine as real ones do.

use super::basedir::{Basedir, BasedirError, Role, Synced, io_error};
use super::config::{DEFAULT_PARAMETERS, fitting_parameters};
use super::create::{self, Client};
use super::error::NodeError;
use super::foreground::{Stop, start_logs, until_signalled};
use super::kept::VDRIVE_FURL;
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

/// A file to try the demo with.
const HELLO: (&str, &str) = (
    "hello.txt",
    "Hello! This file is one to try the demo with. It is longer than 55 bytes, so that it is cut into \
     shares.\n",
);

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

/// Runs a demo grid until a signal asks it to end. `ready` is called with the gateway's address and one that
/// logs a browser in, once all servers are connected.
pub fn run(demo: &Demo, ready: impl FnOnce(&str, &str)) -> Result<(), NodeError> {
    std::fs::create_dir_all(&demo.dir).map_err(|source| io_error(&demo.dir, source))?;
    let gateway = prepare(&demo.dir.join("gateway"), Role::Client, |basedir| {
        create::write_client(basedir, &gateway_config(demo))
    })?;
    gateway.write("webport", &demo.webport)?;
    let hello = demo.dir.join(HELLO.0);
    if !hello.exists() {
        std::fs::write(&hello, HELLO.1).map_err(|source| io_error(&hello, source))?;
    }
    start_logs(&gateway)?;
    until_signalled(async {
        let grid = start(demo, gateway).await?;
        if let Some(gateway) = grid.nodes.last()
            && let (Some(url), Some(login)) = (gateway.url(), gateway.login_url())
        {
            ready(url, &login);
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
        let fitting = fitting_parameters(demo.servers).unwrap_or(DEFAULT_PARAMETERS);
        create::write_introducer(basedir, &create::Place::default(), fitting)
    })?;
    let furl_from = introducer.clone();
    let mut nodes = vec![Node::start(introducer, Options::default()).await?];
    let furl = furl_from.read("introducer.furl")?.unwrap_or_default();
    if let Some(vdrive) = furl_from.read(VDRIVE_FURL)? {
        gateway.write_secret(VDRIVE_FURL, &vdrive)?;
    }
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
        place: create::Place { webport: Some(demo.webport.clone()), ..create::Place::default() },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::config::parameters_text;

    #[test]
    fn a_small_grid_is_asked_for_no_more_than_it_has() {
        let scaled = |servers| fitting_parameters(servers).map(parameters_text);
        let asked: Vec<_> = (1..=10).map(scaled).collect();
        let texts =
            ["1 1 1", "1 2 2", "1 3 3", "2 3 4", "2 4 5", "2 5 6", "3 5 7", "3 6 8", "3 7 9"];
        let expected: Vec<_> = texts.iter().map(|text| Some((*text).to_owned())).collect();
        assert_eq!(asked.first_chunk::<9>().map(|nine| nine.as_slice()), Some(&expected[..]));
        assert_eq!(asked.last(), Some(&None), "ten servers hold what is usual");
    }
}
