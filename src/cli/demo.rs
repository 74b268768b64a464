//! `tahoe demo [DIR] [--servers N] [--webport W]`

use super::allocator;
use super::{CliError, check};
use crate::node::demo::{self, Demo};
use std::io::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// Where the grid keeps its files.
    #[arg(value_name = "DIR", default_value = "./tahoe-demo")]
    dir: PathBuf,
    /// Storage servers.
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    servers: u16,
    /// Where the gateway listens; a free port is taken if this one is busy.
    #[arg(long, value_name = "W", default_value = "8123", value_parser = check::webport)]
    webport: String,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        allocator::configure();
        let servers = self.servers;
        let dir = self.dir.clone();
        let demo = Demo { dir: self.dir, servers, webport: self.webport };
        demo::run(&demo, move |url, login| {
            let base = url.trim_end_matches('/');
            let dir = dir.display();
            let text = format!(
                "An introducer, {servers} storage servers and a gateway are running; their files \
                 are in {dir}.\n\
                 Store a file and get its cap; fetch it; give it a name; see the names:\n  \
                 curl -T {dir}/hello.txt {base}/uri\n  \
                 curl {base}/uri/CAP\n  \
                 tahoe put {dir}/hello.txt docs/hello.txt -d {dir}/gateway\n  \
                 tahoe ls docs -d {dir}/gateway\n\
                 Or open this in a browser, once and within ten minutes:\n  {login}\n\
                 (later, `tahoe webopen -d {dir}/gateway` makes another). Ctrl-C stops the grid; its \
                 files stay.\nready {url}"
            );
            let mut out = std::io::stdout();
            let _ = writeln!(out, "{text}").and_then(|()| out.flush());
        })?;
        Ok(())
    }
}
