//! Directories from Rust: make, list, put, get, share, watch.
//!
//!     cargo run --example directory NODE make                 prints the cap of a new directory
//!     cargo run --example directory NODE list CAP             prints its names, one a line
//!     cargo run --example directory NODE put CAP NAME FILE    stores a file there, prints its cap
//!     cargo run --example directory NODE get CAP NAME         prints what is in the file
//!     cargo run --example directory NODE share CAP            prints the cap that only reads it
//!     cargo run --example directory NODE watch CAP            prints the names after each change
//!
//! NODE is the folder of a client node that is not running; this program runs it. With `tahoe demo`
//! running, this makes one:
//!
//!     tahoe create-client NODE --no-storage --introducer "$(cat tahoe-demo/introducer/introducer.furl)"

use futures_util::StreamExt;
use std::error::Error;
use std::process::ExitCode;
use tahoe::cap::Cap;
use tahoe::grid::dirnode::{DirError, Directories, NewEntry, Replace, Target};
use tahoe::grid::{Source, UploadOptions};
use tahoe::node::basedir::Basedir;
use tahoe::node::foreground::Stop;
use tahoe::node::running::{Node, Options};

/// As many as `tahoe demo` has; an upload wants to choose among all of them.
const SERVERS: usize = 10;

#[actix::main]
async fn main() -> ExitCode {
    match started().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("directory: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn started() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [folder, command, rest @ ..] = arguments.as_slice() else {
        return Err("usage: directory NODE make|list|put|get|share|watch …".into());
    };
    let mut node = Node::start(Basedir::open(folder.as_ref())?, Options::default()).await?;
    let directories = node.directories().await?.ok_or("this is no client node")?;
    // Whoever types a cap wants its server to be asked, even if the grid never named that server.
    let done = run(&node, directories.allowing_new_tubs(), command, rest).await;
    node.stop().await;
    done
}

async fn run(
    node: &Node,
    directories: Directories,
    command: &str,
    rest: &[&str],
) -> Result<(), Box<dyn Error>> {
    let grid = node.grid().ok_or("this is no client node")?;
    match (command, rest) {
        ("make", []) => println!("{}", directories.create(Vec::new()).await?.reveal()),
        ("list", [cap]) => list(&directories, &Cap::parse(cap)?).await?,
        ("put", [cap, name, path]) => {
            node.servers(SERVERS).await;
            let source = Source::file(std::fs::File::open(path)?)?;
            let stored = grid.upload(source, UploadOptions::default()).await?.cap;
            let target = Target::Known(stored.clone());
            let entry = NewEntry { name: (*name).to_owned(), target, metadata: None };
            // The file is safe before it has a name, and the link is safe when this returns.
            directories.set(&Cap::parse(cap)?, vec![entry], Replace::Yes).await?;
            println!("{}", stored.reveal());
        }
        ("get", [cap, name]) => {
            let found = directories.get(&Cap::parse(cap)?, name).await?;
            let Target::Known(file) = found.ok_or("no such name")?.target else {
                return Err("a cap of an unknown kind".into());
            };
            node.servers(SERVERS).await;
            let reader = grid.open(&file).await?;
            let mut parts = reader.read(0..reader.size());
            while let Some(part) = parts.next().await {
                std::io::Write::write_all(&mut std::io::stdout(), &part?)?;
            }
        }
        // Needs no server: the right to read is worked out from the right to write.
        ("share", [cap]) => println!("{}", Cap::parse(cap)?.read_cap().reveal()),
        ("watch", [cap]) => {
            let cap = Cap::parse(cap)?;
            let mut versions = directories.watch(&cap).await?;
            while let Some(version) = versions.next().await {
                println!("version {version}");
                list(&directories, &cap).await?;
            }
            return Err("the directory's server is gone".into());
        }
        _ => return Err("usage: directory NODE make|list|put|get|share|watch …".into()),
    }
    Ok(())
}

async fn list(directories: &Directories, cap: &Cap) -> Result<(), DirError> {
    for entry in directories.list(cap).await?.entries {
        println!("{}", entry.name);
    }
    Ok(())
}
