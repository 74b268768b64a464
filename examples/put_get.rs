//! Put a file into a running grid and get it back, from Rust.
//!
//!     cargo run --example put_get INTRODUCER_FURL FILE
//!
//! The furl is the content of an introducer's file `introducer.furl`; after `tahoe demo` that is
//! `tahoe-demo/introducer/introducer.furl`.

use futures_util::StreamExt;
use std::error::Error;
use std::process::ExitCode;
use tahoe::cap::Cap;
use tahoe::grid::{Source, UploadOptions};
use tahoe::node::create::{self, Client};
use tahoe::node::foreground::Stop;
use tahoe::node::running::{Node, Options};

#[actix::main]
async fn main() -> ExitCode {
    match started().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("put_get: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn started() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [furl, path] = arguments.as_slice() else {
        return Err("usage: put_get INTRODUCER_FURL FILE".into());
    };
    // A node without storage in a folder that is gone afterwards. A program that wants equal files
    // to give equal caps keeps the folder: its private/convergence is what decides.
    let folder = tempfile::tempdir()?;
    let joining = Client { introducer: Some(furl.clone()), no_storage: true, ..Client::default() };
    let basedir = create::client(&folder.path().join("node"), &joining)?;
    basedir.write("client.port", "tcp:0:interface=127.0.0.1")?;
    let node = Node::start(basedir, Options::default()).await?;
    node.servers(10).await;
    let grid = node.grid().ok_or("a client node has a grid")?;

    let source = Source::file(std::fs::File::open(path)?)?;
    let stored = grid.upload(source, UploadOptions::default()).await?;
    let cap = stored.cap.reveal();
    println!("{cap}");

    // Anyone with the text of the cap can do the rest, from any node of the grid.
    let reader = grid.open(&Cap::parse(&cap)?).await?;
    let mut stream = reader.read(0..reader.size());
    let mut back = Vec::new();
    while let Some(part) = stream.next().await {
        back.extend_from_slice(&part?);
    }
    println!("{} bytes came back, equal: {}", back.len(), back == std::fs::read(path)?);
    node.stop().await;
    Ok(())
}
