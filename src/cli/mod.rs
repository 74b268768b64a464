//! The command line: one file a command.
//!
//! What a command prints on stdout is its result and nothing else; progress and errors go to
//! stderr. An error is one sentence on what happened and one on what to do. Exit codes: 0 done,
//! 1 failed, 2 wrong usage.

mod check;
mod control;
mod create_client;
mod create_introducer;
pub mod debug;
mod demo;
mod dirs;
mod dump_furl;
mod error;
mod get;
mod http;
mod progress;
mod put;
mod restart;
mod run;
mod start;
mod stop;

pub use error::CliError;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Try a whole grid on this machine:
  tahoe demo

Join a grid and store a file:
  tahoe create-client ~/.tahoe --introducer FURL --webport 8123
  tahoe start
  tahoe put photo.jpg            prints the cap: keep it, it is the only key to the file
  tahoe get CAP photo.jpg";

/// A secure, decentralised storage grid.
#[derive(Parser)]
#[command(name = "tahoe", version, about, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the directory of an introducer, through which a grid's nodes find each other.
    CreateIntroducer(create_introducer::Arguments),
    /// Make the directory of a node that stores and fetches files, and offers space.
    CreateClient(create_client::Arguments),
    /// Run a node in the foreground until it is interrupted.
    Run(run::Arguments),
    /// Start a node in the background and wait until it is ready.
    Start(start::Arguments),
    /// Stop a node.
    Stop(stop::Arguments),
    /// Stop a node and start it again.
    Restart(restart::Arguments),
    /// Run a whole grid in one process: introducer, storage servers and a gateway.
    Demo(demo::Arguments),
    /// Store a file and print its cap.
    Put(put::Arguments),
    /// Fetch a file by its cap.
    Get(get::Arguments),
    /// Look at caps, shares and furls without a grid.
    Debug(DebugArguments),
}

#[derive(clap::Args)]
struct DebugArguments {
    #[command(subcommand)]
    command: DebugCommand,
}

#[derive(Subcommand)]
enum DebugCommand {
    /// Show what a furl says, without its secret.
    DumpFurl(dump_furl::Arguments),
    /// Ask a running node through its control.furl.
    Control(control::Arguments),
    #[command(flatten)]
    Offline(debug::DebugCommand),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

impl Command {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::CreateIntroducer(arguments) => arguments.run(),
            Self::CreateClient(arguments) => arguments.run(),
            Self::Run(arguments) => arguments.run(),
            Self::Start(arguments) => arguments.run(),
            Self::Stop(arguments) => arguments.run(),
            Self::Restart(arguments) => arguments.run(),
            Self::Demo(arguments) => arguments.run(),
            Self::Put(arguments) => arguments.run(),
            Self::Get(arguments) => arguments.run(),
            Self::Debug(arguments) => arguments.command.run(),
        }
    }
}

impl DebugCommand {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::DumpFurl(arguments) => arguments.run(),
            Self::Control(arguments) => arguments.run(),
            Self::Offline(command) => Ok(debug::run(command)?),
        }
    }
}
