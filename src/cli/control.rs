//! `tahoe debug control [-d NODEDIR] …`: a running node asked through its control.furl.

use super::dirs::default_gateway;
use super::session::or_stdin;
use super::{CliError, output};
use crate::node::basedir::{Basedir, Role};
use crate::node::control::{Control, Download, MemoryUse, SpeedTest, Upload, WaitForServers};
use crate::tub::{Furl, Identity, Ref, RemoteError, Tub, TubOptions};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Arguments {
    /// The node to ask; without it the current folder if it is a node, else ~/.tahoe.
    #[arg(short = 'd', long = "node-directory", value_name = "NODEDIR", global = true)]
    node_directory: Option<PathBuf>,
    #[command(subcommand)]
    request: Request,
}

#[derive(clap::Subcommand)]
enum Request {
    /// Wait until N storage servers are connected, and print how many are.
    WaitForServers {
        count: u32,
        /// Give up after this many seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Let the node store a file, and print its cap.
    Upload {
        file: PathBuf,
        /// Use a random key: the cap differs from that of every other upload of this file.
        #[arg(long)]
        random_key: bool,
    },
    /// Let the node fetch a file.
    Download {
        /// The file's read cap; `-` reads it from stdin.
        cap: String,
        file: PathBuf,
    },
    /// Let the node store and fetch random files, and print microseconds for both.
    SpeedTest {
        #[arg(default_value_t = 1)]
        count: u32,
        #[arg(default_value_t = 1_000_000)]
        size: u64,
    },
    /// Print the node's resident memory and its peak, in bytes.
    MemoryUse,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let dir = self.node_directory.unwrap_or_else(default_gateway);
        let basedir = Basedir::open(&dir)?;
        let furl = basedir.read("control.furl")?.and_then(|text| Furl::parse(&text).ok());
        let role = basedir.role()?;
        if role != Role::Client {
            return Err(CliError::usage(
                format!("{} is no client: its role is {}", dir.display(), role.name()),
                "Only clients have a control.furl; name the directory of one.",
            ));
        }
        let furl = furl.ok_or_else(|| not_running(&dir))?;
        let answer = actix_rt::System::new().block_on(async {
            // A passing tub: the furl alone is the permission.
            let tub = Tub::new(Identity::random(), TubOptions::default());
            let control = tub.get::<Control>(&furl).await.map_err(|_| not_running(&dir))?;
            let answer = self.request.ask(&control).await;
            tub.shutdown();
            answer
        })?;
        output::line(answer)
    }
}

impl Request {
    async fn ask(self, node: &Ref<Control>) -> Result<String, CliError> {
        match self {
            Self::WaitForServers { count, seconds } => {
                let found = node.call(WaitForServers { count, seconds }).await.map_err(failed)?;
                if found < count {
                    return Err(CliError::new(
                        format!("{found} storage servers are connected, {count} were waited for"),
                        "Start more of them, or look at the node's page to see which are missing.",
                    ));
                }
                Ok(found.to_string())
            }
            Self::Upload { file, random_key } => {
                let call = Upload { path: absolute(&file)?, convergent: !random_key };
                node.call(call).await.map_err(failed)
            }
            Self::Download { cap, file } => {
                let cap = or_stdin(cap)?.trim().to_owned();
                let bytes = node.call(Download { cap, path: absolute(&file)? }).await;
                bytes.map(|bytes| bytes.to_string()).map_err(failed)
            }
            Self::SpeedTest { count, size } => {
                let report = node.call(SpeedTest { count, size }).await.map_err(failed)?;
                Ok(format!("upload {} us, download {} us", report.upload_us, report.download_us))
            }
            Self::MemoryUse => {
                let report = node.call(MemoryUse {}).await.map_err(failed)?;
                Ok(format!("resident {} peak {}", report.resident, report.peak))
            }
        }
    }
}

fn absolute(path: &Path) -> Result<String, CliError> {
    let name = path.display();
    let absolute = std::path::absolute(path).ok();
    absolute.and_then(|path| path.to_str().map(str::to_owned)).ok_or_else(|| {
        CliError::new(format!("{name} is not a usable path"), "Give a path in UTF-8.")
    })
}

fn not_running(dir: &Path) -> CliError {
    CliError::new(
        format!("The node in {} does not answer", dir.display()),
        "Start it with `tahoe start`.",
    )
}

fn failed(error: RemoteError) -> CliError {
    CliError::new(format!("The node says: {error}"), "Its file logs/node.log may say more.")
}
