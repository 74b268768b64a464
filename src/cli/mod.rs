//! The command line: one file a command.
//!
//! What a command prints on stdout is its result and nothing else; progress and errors go to
//! stderr. An error is one sentence on what happened and one on what to do. Exit codes: 0 done,
//! 1 failed, 2 wrong usage.

mod accept_rollback;
mod add_alias;
mod aliases;
mod allocator;
mod backup;
mod cap;
mod check;
mod check_object;
mod completions;
mod control;
mod cp;
mod create_alias;
mod create_client;
mod create_introducer;
mod create_vdrive;
pub mod debug;
mod deep_check;
mod demo;
mod dirs;
mod door;
mod dump_dirnode;
mod dump_furl;
mod error;
mod get;
mod http;
mod keep;
mod kept;
mod list_aliases;
mod ln;
mod local;
mod location;
mod ls;
mod man;
mod manifest;
mod many;
mod mkdir;
mod mv;
mod new_file;
mod objects;
mod output;
mod parallel;
mod pinned;
mod progress;
mod proven;
mod put;
mod refusal;
mod restart;
mod restore_directory;
mod rm;
mod run;
mod session;
mod start;
mod stats;
mod status;
mod stop;
mod stored;
mod time_text;
mod tree;
mod undelete;
mod version;
mod walk;
mod webopen;
mod words;

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
  tahoe get CAP photo.jpg

Give files names:
  tahoe cp -r photos global:     everyone in the grid sees them
  tahoe backup docs private:docs  nobody but you does
  tahoe ls private:docs";

/// A secure, decentralised storage grid.
#[derive(Parser)]
#[command(name = "tahoe", version, long_version = version::long(), about,
          after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// Say nothing but results and errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the directory of an introducer, through which a grid's nodes find each other.
    CreateIntroducer(create_introducer::Arguments),
    /// Make the directory of a server that keeps directories, apart from an introducer.
    CreateVdrive(create_vdrive::Arguments),
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
    /// Fetch a file by its cap or path.
    Get(get::Arguments),
    /// List a directory.
    Ls(ls::Arguments),
    /// Make a directory and print its cap.
    Mkdir(mkdir::Arguments),
    /// Copy files and folders: to the grid, from it, and within it.
    Cp(cp::Arguments),
    /// Move or rename something.
    Mv(mv::Arguments),
    /// Give a file or directory a further place.
    Ln(ln::Arguments),
    /// Take something out of its directory.
    #[command(visible_alias = "unlink")]
    Rm(rm::Arguments),
    /// Put back what was deleted in the last 30 days, or list it.
    Undelete(undelete::Arguments),
    /// Make a snapshot of a folder, storing what changed.
    Backup(backup::Arguments),
    /// List everything below a directory, with caps.
    Manifest(manifest::Arguments),
    /// Count and measure everything below a directory.
    Stats(stats::Arguments),
    /// Count, verify or repair the shares of files or directories.
    Check(check_object::Arguments),
    /// Count, verify or repair the shares of everything below a directory.
    DeepCheck(deep_check::Arguments),
    /// Open a directory to other programs: as a network drive, a bucket, a place for backups.
    Door(door::Arguments),
    /// Keep what was stored alive: see how safe it is, and choose what is kept.
    Keep(keep::Arguments),
    /// Make a directory and an alias for it.
    CreateAlias(create_alias::Arguments),
    /// Print the cap of a file or directory.
    Cap(cap::Arguments),
    /// Give a directory an alias.
    AddAlias(add_alias::Arguments),
    /// List all aliases.
    ListAliases(list_aliases::Arguments),
    /// Show what a running node does and has done.
    Status(status::Arguments),
    /// Look at a place in the grid with a browser.
    Webopen(webopen::Arguments),
    /// Bring a directory that its server lost back from its copy.
    RestoreDirectory(restore_directory::Arguments),
    /// Take a directory as it is although a newer one has been seen.
    AcceptRollback(accept_rollback::Arguments),
    /// Look at caps, shares, furls and directories.
    Debug(DebugArguments),
    /// Print what makes a shell complete commands and options.
    Completions(completions::Arguments),
    /// Write manual pages.
    Man(man::Arguments),
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
    /// Show what a directory holds, without secrets.
    DumpDirnode(dump_dirnode::Arguments),
    /// Show what the global directory holds, without secrets.
    DumpRootDirnode(dump_dirnode::RootArguments),
    #[command(flatten)]
    Offline(debug::DebugCommand),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let done = match run::Arguments::plain(std::env::args_os().skip(1)) {
        Some(node) => node.run(),
        None => parse_and_run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

fn parse_and_run() -> Result<(), CliError> {
    let arguments = Arguments::parse_from(words::in_order(std::env::args_os()));
    output::set_quiet(arguments.quiet);
    arguments.command.run()
}

impl Command {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::CreateIntroducer(arguments) => arguments.run(),
            Self::CreateVdrive(arguments) => arguments.run(),
            Self::CreateClient(arguments) => arguments.run(),
            Self::Run(arguments) => arguments.run(),
            Self::Start(arguments) => arguments.run(),
            Self::Stop(arguments) => arguments.run(),
            Self::Restart(arguments) => arguments.run(),
            Self::Demo(arguments) => arguments.run(),
            Self::Put(arguments) => arguments.run(),
            Self::Get(arguments) => arguments.run(),
            Self::Ls(arguments) => arguments.run(),
            Self::Mkdir(arguments) => arguments.run(),
            Self::Cp(arguments) => arguments.run(),
            Self::Mv(arguments) => arguments.run(),
            Self::Ln(arguments) => arguments.run(),
            Self::Rm(arguments) => arguments.run(),
            Self::Undelete(arguments) => arguments.run(),
            Self::Backup(arguments) => arguments.run(),
            Self::Manifest(arguments) => arguments.run(),
            Self::Stats(arguments) => arguments.run(),
            Self::Check(arguments) => arguments.run(),
            Self::DeepCheck(arguments) => arguments.run(),
            Self::Door(arguments) => arguments.run(),
            Self::Keep(arguments) => arguments.run(),
            Self::CreateAlias(arguments) => arguments.run(),
            Self::Cap(arguments) => arguments.run(),
            Self::AddAlias(arguments) => arguments.run(),
            Self::ListAliases(arguments) => arguments.run(),
            Self::Status(arguments) => arguments.run(),
            Self::Webopen(arguments) => arguments.run(),
            Self::RestoreDirectory(arguments) => arguments.run(),
            Self::AcceptRollback(arguments) => arguments.run(),
            Self::Debug(arguments) => arguments.command.run(),
            Self::Completions(arguments) => arguments.run(),
            Self::Man(arguments) => arguments.run(),
        }
    }
}

impl DebugCommand {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::DumpFurl(arguments) => arguments.run(),
            Self::Control(arguments) => arguments.run(),
            Self::DumpDirnode(arguments) => arguments.run(),
            Self::DumpRootDirnode(arguments) => arguments.run(),
            Self::Offline(command) => debug::run(command),
        }
    }
}
