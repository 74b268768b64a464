//! `tahoe run [DIR]`

use super::CliError;
use super::arenas;
use super::dirs::Directories;
use super::output;
use crate::node::foreground::{self, Ready};
use std::io::Write;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: Directories,
    /// Used by `start`: leave the terminal, and close the output once ready.
    #[arg(long, hide = true)]
    detached: bool,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        arenas::few();
        let dirs = self.dirs.all()?;
        let [dir] = dirs.as_slice() else {
            return Err(CliError::usage(
                "Only one node can run in the foreground",
                "Use `tahoe start -m` for several.",
            ));
        };
        foreground::run(dir, self.detached, announce)?;
        Ok(())
    }
}

/// `ready URL`, or `ready` for a node without a gateway.
fn announce(ready: &Ready) {
    let url = ready.url.as_deref().map_or_else(String::new, |url| format!(" {url}"));
    if ready.exposed {
        output::remark(
            "The gateway listens to other machines without TLS: caps and the token can be read on \
             the way.",
        );
    }
    let mut out = std::io::stdout();
    // Whoever started us may have gone; the node runs all the same.
    let _ = writeln!(out, "ready{url}").and_then(|()| out.flush());
}
