//! Looking at files, caps, shares and directories' logs without a grid: `tahoe debug …`.
//!
//! What is printed is for people and for scripts that compare; a cap's key is never shown except as
//! part of the cap that `encode` is asked for. Nothing here talks to a network.

mod decode;
mod dump_cap;
mod dump_share;
mod encode;
mod error;
mod salvage;
mod share_file;

pub use error::{DebugError, Kind};
pub use share_file::ShareFile;

use super::CliError;
use super::session::or_stdin;
use std::io::Write;

/// The commands below `tahoe debug` that need no node.
#[derive(clap::Subcommand, Debug)]
pub enum DebugCommand {
    /// Encode a file into shares, offline, and print its cap.
    Encode(encode::Arguments),
    /// Decode a file from share files, offline.
    Decode(decode::Arguments),
    /// Show what a share file says.
    DumpShare(dump_share::Arguments),
    /// Show what a cap says, without its key.
    DumpCap(dump_cap::Arguments),
    /// Save what is whole of damaged directories on a vdrive server's disk.
    SalvageDirnode(salvage::Arguments),
}

/// Runs one of them; results go to standard output, warnings to standard error.
pub fn run(mut command: DebugCommand) -> Result<(), CliError> {
    if let DebugCommand::Decode(decode::Arguments { cap, .. })
    | DebugCommand::DumpCap(dump_cap::Arguments { cap }) = &mut command
    {
        *cap = or_stdin(std::mem::take(cap))?;
    }
    Ok(run_offline(command)?)
}

fn run_offline(command: DebugCommand) -> Result<(), DebugError> {
    let mut out = std::io::stdout().lock();
    match command {
        DebugCommand::Encode(arguments) => {
            let cap = encode::encode(&arguments)?;
            writeln!(out, "{}", cap.reveal())?;
        }
        DebugCommand::Decode(arguments) => decode::decode(&arguments, &mut out)?,
        DebugCommand::DumpShare(arguments) => dump_share::dump(&arguments, &mut out)?,
        DebugCommand::DumpCap(arguments) => dump_cap::dump(&arguments, &mut out)?,
        DebugCommand::SalvageDirnode(arguments) => salvage::salvage(&arguments, &mut out)?,
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests;
