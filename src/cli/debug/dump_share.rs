//! `tahoe debug dump-share FILE`

use super::{DebugError, ShareFile};
use crate::base::base32;
use crate::base::hash::Hash;
use crate::base::limits::UEB_MAX;
use crate::codec::chain::Chain;
use crate::codec::layout::{BadHeader, HEADER_MAX, Offsets, Version};
use crate::codec::ueb::{Ueb, ueb_hash};
use crate::storage::container::LeaseTable;
use std::io::Write;
use std::path::PathBuf;

/// Bytes of a chain that are worth showing.
const CHAIN_MAX: u64 = 4096;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// A share, bare or as a storage server keeps it.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Prints what the file says of itself; nothing of it is proven without the cap.
pub fn dump(arguments: &Arguments, out: &mut impl Write) -> Result<(), DebugError> {
    let share = ShareFile::open(&arguments.file)?;
    let offsets = offsets(&share, arguments)?;
    // A container that was cut short has other bytes where leases would be.
    let end = end(&share, &offsets)?;
    if share.len() < end {
        let file = arguments.file.display();
        return Err(DebugError::new(
            format!("{file} is cut short: its share has {} bytes of {end}.", share.len()),
            "It is damaged; other shares of the file may do.",
        ));
    }
    match share.leases()? {
        Some(table) => container(&table, out)?,
        None => writeln!(out, "container: none")?,
    }
    writeln!(out, "share length: {}", share.len())?;
    layout(&offsets, out)?;
    chain(&share, &offsets, out)?;
    ueb(&share, &offsets, out)
}

fn offsets(share: &ShareFile, arguments: &Arguments) -> Result<Offsets, DebugError> {
    let head = share.read(0..HEADER_MAX as u64)?;
    Offsets::parse(&head).map_err(|error| match error {
        BadHeader::Incompatible(_) => DebugError::new(
            format!("{}: {error}.", arguments.file.display()),
            "It may be sound: a later program may know it.",
        ),
        BadHeader::Truncated => DebugError::new(
            format!("{}: {error}.", arguments.file.display()),
            "It is damaged or no share; other shares of the file may do.",
        ),
    })
}

/// Where the share ends, by what it says itself: behind its UEB.
fn end(share: &ShareFile, offsets: &Offsets) -> Result<u64, DebugError> {
    let words = offsets.ueb.saturating_add(offsets.version.word_bytes());
    let region = share.read(offsets.ueb..words)?;
    let len = offsets.split_ueb(&region).map_or(0, |(len, _)| len);
    Ok(words.saturating_add(len))
}

fn container(table: &LeaseTable, out: &mut impl Write) -> Result<(), DebugError> {
    let version = match table.header.version {
        crate::storage::container::Version::One => 1,
        crate::storage::container::Version::Two => 2,
    };
    writeln!(out, "container: version {version}")?;
    writeln!(out, "leases: {}", table.leases.len())?;
    for (i, lease) in table.leases.iter().enumerate() {
        writeln!(out, "lease {i}: owner {}, expires {}", lease.owner, lease.expires)?;
    }
    Ok(())
}

fn layout(offsets: &Offsets, out: &mut impl Write) -> Result<(), DebugError> {
    let version = match offsets.version {
        Version::V1 => 1,
        Version::V2 => 2,
    };
    writeln!(out, "share version: {version}")?;
    for (name, offset) in [
        ("data", offsets.data),
        ("plaintext_hash_tree", offsets.plaintext_tree),
        ("crypttext_hash_tree", offsets.crypttext_tree),
        ("block_hashes", offsets.block_hashes),
        ("share_hashes", offsets.share_hashes),
        ("uri_extension", offsets.ueb),
    ] {
        writeln!(out, "offset of {name}: {offset}")?;
    }
    Ok(())
}

fn chain(share: &ShareFile, offsets: &Offsets, out: &mut impl Write) -> Result<(), DebugError> {
    let len = offsets.ueb.saturating_sub(offsets.share_hashes).min(CHAIN_MAX);
    let end = offsets.share_hashes.saturating_add(len);
    match Chain::parse(&share.read(offsets.share_hashes..end)?) {
        Ok(chain) => {
            let nodes: Vec<String> = chain.nodes().map(|node| node.to_string()).collect();
            writeln!(out, "share hash chain: nodes {}", nodes.join(" "))?;
        }
        Err(_) => writeln!(out, "share hash chain: damaged")?,
    }
    Ok(())
}

fn ueb(share: &ShareFile, offsets: &Offsets, out: &mut impl Write) -> Result<(), DebugError> {
    let most = offsets.version.word_bytes() + UEB_MAX as u64;
    let region = share.read(offsets.ueb..offsets.ueb.saturating_add(most))?;
    let parsed =
        offsets.split_ueb(&region).ok().map(|(_, bytes)| (bytes, Ueb::parse_unproven(bytes)));
    let Some((bytes, Ok(ueb))) = parsed else {
        writeln!(out, "UEB: damaged")?;
        return Ok(());
    };
    writeln!(out, "UEB hash: {}", base32::encode(&ueb_hash(bytes)))?;
    for (key, value) in ueb.values() {
        writeln!(out, "UEB {}: {}", key.escape_ascii(), shown(value))?;
    }
    Ok(())
}

/// Hashes in base32, everything else as text.
fn shown(value: &[u8]) -> String {
    match Hash::try_from(value) {
        Ok(hash) => base32::encode(&hash),
        Err(_) => value.escape_ascii().to_string(),
    }
}
