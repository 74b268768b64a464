//! `tahoe debug encode FILE --needed K --total N …`
//!
//! Two passes over the file: one for the key, one for the shares. The second hashes again and fails
//! if the file changed between, for one key must never cover two plaintexts.

use super::DebugError;
use crate::base::base32;
use crate::base::file::{FileFacts, FileKey, Params};
use crate::base::limits::{LIT_MAX, SEGMENT_MAX};
use crate::base::system::random;
use crate::cap::{Cap, ChkCap, LitCap};
use crate::codec::convergence::{ConvergenceSecret, KeyHasher};
use crate::codec::encode::{EncodeError, Encoder, Plan, Run};
use crate::codec::layout::Version;
use crate::disk::{temporary, true_size};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Bytes hashed at once for the key.
const STEP: usize = 256 << 10;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The file to encode; `-` encodes what comes on stdin.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Shares that suffice to rebuild the file (k).
    #[arg(long, value_name = "K")]
    pub needed: u64,
    /// Shares in all (N), at most 256.
    #[arg(long, value_name = "N")]
    pub total: u64,
    /// Largest segment; rounded up to a multiple of K.
    #[arg(long, value_name = "BYTES", default_value_t = SEGMENT_MAX)]
    pub segment_size: u64,
    /// Derive the key from the file and this secret ("" is the empty secret), or `none` for a random
    /// key. Without this option the key is random: whoever knows the secret could test guesses.
    #[arg(long, value_name = "BASE32|none", default_value = "none")]
    pub convergence: String,
    /// Write shares 0 to N-1 into this folder, without containers.
    #[arg(long, value_name = "DIR")]
    pub shares: Option<PathBuf>,
    /// Use this key (16 bytes in base32) instead of deriving one.
    #[arg(long, value_name = "BASE32", conflicts_with = "convergence")]
    pub key: Option<String>,
    /// Make shares also of a file so small that it would live in its cap.
    #[arg(long)]
    pub force_chk: bool,
    /// Use the 64-bit share layout also where the 32-bit one would do.
    #[arg(long)]
    pub force_v2: bool,
}

/// Where the key comes from.
enum KeySource {
    Given(FileKey),
    Convergent(ConvergenceSecret),
}

/// Encodes the file and gives its cap.
pub fn encode(arguments: &Arguments) -> Result<Cap, DebugError> {
    let params = Params::new(arguments.needed, arguments.total).map_err(|error| {
        DebugError::usage(format!("{error}."), "Choose other values for --needed and --total.")
    })?;
    let source = key_source(arguments)?;
    let failed = |error| DebugError::file(&arguments.file, &error);
    let mut file = open(&arguments.file).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size <= LIT_MAX && !(arguments.force_chk && size > 0) {
        let mut plaintext = Vec::new();
        file.take(LIT_MAX + 1).read_to_end(&mut plaintext).map_err(failed)?;
        return Ok(LitCap::new(plaintext).into());
    }
    let at_least = if arguments.force_v2 { Version::V2 } else { Version::V1 };
    let plan = Plan::custom(params, size, arguments.segment_size, at_least).map_err(|error| {
        DebugError::usage(
            format!("The file cannot be encoded: {error}."),
            "Try another segment size.",
        )
    })?;
    let key = match &source {
        KeySource::Given(key) => key.clone(),
        KeySource::Convergent(secret) => {
            let key = convergent_key(&mut file, KeyHasher::new(secret, plan.geometry()));
            key.map_err(failed)?
        }
    };
    let mut shares = ShareFiles::create(arguments.shares.as_deref(), params)?;
    let facts = write_shares(&mut file, arguments, (plan, &key, &source), &mut shares)?;
    shares.keep()?;
    Ok(ChkCap::new(key, facts).into())
}

/// The file, or a copy of what cannot be read twice: stdin, and what is made up as it is read.
fn open(path: &Path) -> std::io::Result<File> {
    if path == Path::new("-") {
        return copy(&mut std::io::stdin().lock());
    }
    let mut file = File::open(path)?;
    match true_size(&file, &file.metadata()?) {
        Some(_) => Ok(file),
        None => copy(&mut file),
    }
}

fn copy(from: &mut dyn Read) -> std::io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    std::io::copy(from, &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}

fn key_source(arguments: &Arguments) -> Result<KeySource, DebugError> {
    let bad =
        |name: &str, advice: &str| DebugError::usage(format!("--{name} is not base32."), advice);
    if let Some(key) = &arguments.key {
        let key = base32::decode_array(key);
        let key = key.map_err(|_| bad("key", "Give 26 characters, a to z and 2 to 7."))?;
        return Ok(KeySource::Given(FileKey::new(key)));
    }
    if arguments.convergence == "none" {
        return Ok(KeySource::Given(FileKey::new(random())));
    }
    let secret = base32::decode(arguments.convergence.trim()).map_err(|_| {
        bad("convergence", "Give the content of a node's private/convergence, or `none`.")
    })?;
    Ok(KeySource::Convergent(ConvergenceSecret::new(secret)))
}

fn convergent_key(file: &mut File, mut hasher: KeyHasher) -> std::io::Result<FileKey> {
    let mut buffer = vec![0; STEP];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            len => hasher.update(buffer.get(..len).unwrap_or_default()),
        }
    }
    file.rewind()?;
    Ok(hasher.finish())
}

/// The second pass.
fn write_shares(
    file: &mut File,
    arguments: &Arguments,
    (plan, key, source): (Plan, &FileKey, &KeySource),
    shares: &mut ShareFiles,
) -> Result<FileFacts, DebugError> {
    let failed = |error| DebugError::file(&arguments.file, &error);
    let mut again = match source {
        KeySource::Given(_) => None,
        KeySource::Convergent(secret) => Some(KeyHasher::new(secret, plan.geometry())),
    };
    let mut encoder = Encoder::new(plan, key.clone());
    while let Some(mut buffer) = encoder.buffer() {
        file.read_exact(&mut buffer).map_err(failed)?;
        if let Some(hasher) = &mut again {
            hasher.update(&buffer);
        }
        let batch = encoder.encode(buffer).map_err(broken)?;
        shares.append(batch.shares.iter())?;
    }
    let more = file.read(&mut [0]).map_err(failed)?;
    if more != 0 || again.is_some_and(|hasher| hasher.finish() != *key) {
        return Err(DebugError::new(
            format!("{} changed while it was read.", arguments.file.display()),
            "Nothing was written; try again when nobody writes to it.",
        ));
    }
    let finished = encoder.finish().map_err(broken)?;
    let params = plan.geometry().params();
    for share in params.shares() {
        if let Some(trailer) = finished.trailer(share) {
            shares.append_one(usize::from(share.0), &trailer.concat())?;
        }
    }
    let size = plan.geometry().size();
    Ok(FileFacts { params, size, ueb_hash: finished.ueb_hash() })
}

fn broken(error: EncodeError) -> DebugError {
    DebugError::new(
        format!("The encoder stopped: {error}."),
        "Please report this; it is a fault of the program.",
    )
}

/// The share files being written: temporary until all are complete.
struct ShareFiles<'a> {
    folder: Option<&'a Path>,
    files: Vec<NamedTempFile>,
}

impl<'a> ShareFiles<'a> {
    fn create(folder: Option<&'a Path>, params: Params) -> Result<Self, DebugError> {
        let mut files = Vec::new();
        if let Some(folder) = folder {
            let failed = |error| DebugError::file(folder, &error);
            std::fs::create_dir_all(folder).map_err(failed)?;
            for _ in params.shares() {
                files.push(temporary(folder, ".tahoe-", 0o666).map_err(failed)?);
            }
        }
        Ok(Self { folder, files })
    }

    fn append<'b>(&mut self, runs: impl Iterator<Item = &'b Run>) -> Result<(), DebugError> {
        for (share, run) in runs.enumerate() {
            for piece in run {
                self.append_one(share, piece)?;
            }
        }
        Ok(())
    }

    fn append_one(&mut self, share: usize, bytes: &[u8]) -> Result<(), DebugError> {
        let Some(file) = self.files.get_mut(share) else { return Ok(()) };
        let path = file.path().to_owned();
        file.as_file_mut().write_all(bytes).map_err(|error| DebugError::file(&path, &error))
    }

    fn keep(self) -> Result<(), DebugError> {
        let Some(folder) = self.folder else { return Ok(()) };
        for (share, file) in self.files.into_iter().enumerate() {
            let path = folder.join(share.to_string());
            file.persist(&path).map_err(|error| DebugError::file(&path, &error.error))?;
        }
        Ok(())
    }
}
