//! `tahoe debug salvage-dirnode`: damaged directories, on the disk of the vdrive server that has them.

use super::DebugError;
use crate::base::base32;
use crate::disk::Disk;
use crate::vdrive::{VdriveError, restore_all, salvage_to};
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
A directory whose log is damaged is moved to vdrive/quarantine, and the newest state of it
that is whole is served, to be read only. With the server stopped, this makes that state
the newest: those who have seen a newer one are told so, and decide with `tahoe
accept-rollback`. The damaged log is kept.

Examples:
  tahoe debug salvage-dirnode ~/introducer/vdrive
  tahoe debug salvage-dirnode damaged.log --to good.log";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The vdrive folder of a node, for all directories in its quarantine; or the log of one
    /// directory.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Where to write what is whole of a single log; beside it if not given.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Saves what is whole, and says what is lost.
pub fn salvage(arguments: &Arguments, out: &mut impl Write) -> Result<(), DebugError> {
    let Arguments { path, to } = arguments;
    if path.is_dir() {
        return match to {
            None => all(path, out),
            Some(_) => Err(DebugError::usage(
                "A folder of many directories cannot go to one file.",
                "Name the log of one directory, or leave --to out.",
            )),
        };
    }
    let to = to.clone().unwrap_or_else(|| path.with_extension("salvaged.log"));
    let found = salvage_to(&Disk::real(), path, &to).map_err(|error| refused(path, &error))?;
    writeln!(out, "{found}.\n{} has it.", to.display())?;
    Ok(())
}

fn all(folder: &Path, out: &mut impl Write) -> Result<(), DebugError> {
    let found = restore_all(folder).map_err(|error| refused(folder, &error))?;
    let mut lost = 0;
    for (id, found) in &found {
        let id = base32::encode(id);
        match found {
            Ok(found) => writeln!(out, "{id}: {found}.")?,
            Err(error) => {
                lost += 1;
                writeln!(out, "{id}: {error}.")?;
            }
        }
    }
    writeln!(out, "{} of {} directories put in place.", found.len() - lost, found.len())?;
    match lost {
        0 => Ok(()),
        _ => Err(DebugError::new(
            format!("Nothing could be saved of some directories: {lost}."),
            "Put a log from a backup in the place of each.",
        )),
    }
}

fn refused(path: &Path, error: &VdriveError) -> DebugError {
    let advice = match error {
        VdriveError::InUse => "Stop the node first.",
        VdriveError::Corrupt => "Put a log from a backup in its place.",
        _ => "Check that the path exists, that you may use it and that the disk has room.",
    };
    DebugError::new(format!("{}: {error}.", path.display()), advice)
}
