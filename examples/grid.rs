//! A whole grid in one process: an introducer, ten servers and a client; seven servers stop, and
//! the file is still there.
//!
//!     cargo run --example grid
//!
//! Each node has a folder and a tub of its own, and they talk over TCP, as on ten machines.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use tahoe::base::system::fill_random;
use tahoe::grid::{Source, UploadOptions};
use tahoe::node::basedir::Basedir;
use tahoe::node::config::DEFAULT_PARAMETERS;
use tahoe::node::create;
use tahoe::node::foreground::Stop;
use tahoe::node::running::{Node, Options};

const SERVERS: usize = 10;

/// A client node in a new folder, listening on this machine only.
async fn client(folder: &Path, introducer: &str, no_storage: bool) -> Result<Node, Box<dyn Error>> {
    let introducer = Some(introducer.to_owned());
    let basedir = create::client(
        folder,
        &create::Client { introducer, no_storage, ..create::Client::default() },
    )?;
    listen_here(&basedir, "client.port")?;
    Ok(Node::start(basedir, Options::default()).await?)
}

fn listen_here(basedir: &Basedir, file: &str) -> Result<(), Box<dyn Error>> {
    Ok(basedir.write(file, "tcp:0:interface=127.0.0.1")?)
}

#[actix::main]
async fn main() -> ExitCode {
    match started().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("grid: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn started() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let basedir = create::introducer(
        &folder.path().join("introducer"),
        &create::Place::default(),
        DEFAULT_PARAMETERS,
    )?;
    listen_here(&basedir, "introducer.port")?;
    let introducer = Node::start(basedir.clone(), Options::default()).await?;
    let furl = basedir.read("introducer.furl")?.ok_or("the introducer has no furl")?;

    let mut servers = Vec::new();
    for number in 0..SERVERS {
        servers.push(client(&folder.path().join(format!("server{number}")), &furl, false).await?);
    }
    let gateway = client(&folder.path().join("gateway"), &furl, true).await?;
    gateway.servers(SERVERS).await;
    let grid = gateway.grid().ok_or("a client node has a grid")?;
    println!("{SERVERS} servers are connected");

    let mut file = vec![0; 1_000_000];
    fill_random(&mut file);
    let stored = grid.upload(Source::bytes(file.clone()), UploadOptions::default()).await?;
    println!("stored on {} servers", stored.placed.servers.len());

    for server in servers.drain(..7) {
        server.stop().await;
    }
    let reader = grid.open(&stored.cap).await?;
    let back = reader.read_all(0..reader.size()).await?;
    println!("seven servers stopped, {} bytes came back, equal: {}", back.len(), back == file);

    gateway.stop().await;
    for server in servers {
        server.stop().await;
    }
    introducer.stop().await;
    Ok(())
}
