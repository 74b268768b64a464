//! `tahoe debug dump-cap CAP`

use super::DebugError;
use crate::base::base32;
use crate::cap::{Cap, CapError, ChkVerifyCap, DirVerifyCap, FileCap, Right};
use std::io::Write;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The cap, as `put` or `encode` printed it; `-` reads it from stdin.
    #[arg(value_name = "CAP")]
    pub cap: String,
}

/// Prints what the cap says, a line for each fact.
pub fn dump(arguments: &Arguments, out: &mut impl Write) -> Result<(), DebugError> {
    match parse(&arguments.cap)? {
        Cap::File(cap) => file(("file", "size"), &cap, out)?,
        Cap::Table(cap) => file(("directory", "size of its table"), &cap, out)?,
        Cap::Vdrive(cap) => {
            let right = match cap.right() {
                Right::Write => "write cap",
                Right::Read => "read cap",
                Right::Verify => "verify cap",
            };
            directory(right, &cap.verify_cap(), out)?;
        }
    }
    Ok(())
}

/// Of a file, or of what it holds.
fn file((what, size): (&str, &str), cap: &FileCap, out: &mut impl Write) -> Result<(), DebugError> {
    match cap {
        FileCap::Lit(cap) => {
            let kind = if what == "file" { "" } else { "immutable " };
            writeln!(out, "kind: literal {kind}{what}")?;
            writeln!(out, "{size}: {}", cap.plaintext().len())?;
        }
        FileCap::Chk(cap) => {
            writeln!(out, "kind: read cap of an immutable {what}")?;
            writeln!(out, "key: 16 bytes (secret, not shown)")?;
            facts(&cap.verify_cap(), out)?;
            if what == "file" {
                writeln!(out, "verify cap: {}", cap.verify_cap().reveal())?;
            }
        }
        FileCap::ChkVerify(cap) => {
            writeln!(out, "kind: verify cap of an immutable {what}")?;
            facts(cap, out)?;
        }
    }
    Ok(())
}

fn directory(kind: &str, cap: &DirVerifyCap, out: &mut impl Write) -> Result<(), DebugError> {
    writeln!(out, "kind: {kind} of a directory")?;
    writeln!(out, "tub: {}", base32::encode(cap.place().tub()))?;
    writeln!(out, "hints: {}", cap.place().hints())?;
    writeln!(out, "directory id: {}", base32::encode(cap.directory_id()))?;
    writeln!(out, "hash of its verify key: {}", base32::encode(cap.verify_hash()))?;
    writeln!(out, "verify cap: {}", cap.reveal())?;
    Ok(())
}

fn facts(cap: &ChkVerifyCap, out: &mut impl Write) -> Result<(), DebugError> {
    let facts = cap.facts().map_err(|error| {
        DebugError::new(format!("The cap is of no file: {error}."), "Copy the whole cap again.")
    })?;
    writeln!(out, "storage index: {}", cap.storage_index())?;
    writeln!(out, "UEB hash: {}", base32::encode(&facts.ueb_hash))?;
    writeln!(out, "needed: {}", facts.params.needed())?;
    writeln!(out, "total: {}", facts.params.total())?;
    writeln!(out, "size: {}", facts.size)?;
    Ok(())
}

/// A cap typed by a person, with advice on what may be wrong with it.
pub fn parse(text: &str) -> Result<Cap, DebugError> {
    Cap::parse(text.trim()).map_err(|error| {
        let advice = match error {
            CapError::Malformed => "Copy the whole cap, without gaps or line breaks.",
            CapError::Unknown => {
                "A cap begins with URI:, as in URI:CHK:, URI:LIT:, URI:DIR: or URI:DIR2-CHK:."
            }
            CapError::NotReadOnly | CapError::NotImmutable => "Leave the prefix ro. or imm. away.",
            CapError::Unsupported => {
                "Give the cap of an immutable file, or of a directory without mutable files."
            }
        };
        DebugError::new(format!("The cap cannot be used: {error}."), advice)
    })
}
