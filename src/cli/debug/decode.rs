//! `tahoe debug decode CAP DIR [FILE]`
//!
//! Shares are opened in the order of their numbers until k are sound; one that fails a check later
//! is replaced by the next. Every byte was verified before it is written, and a named output file
//! appears only when it is complete.

use super::super::new_file::NewFile;
use super::dump_cap::parse;
use super::{DebugError, ShareFile};
use crate::base::ShareNum;
use crate::base::file::FileFacts;
use crate::base::limits::{BATCH_MAX, BATCH_SEGMENTS_MAX};
use crate::cap::{Cap, ChkCap, FileCap};
use crate::codec::SegmentNum;
use crate::codec::decode::{FileReader, FileTree, OpenShare, Opening, ShareError, VerifiedRun};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The file's read cap; `-` reads it from stdin, out of the list of processes.
    #[arg(value_name = "CAP")]
    pub cap: String,
    /// A folder with share files named by their number, bare or as a storage server keeps them.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Where the file goes; standard output if absent.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Decodes into the named file, or to `out`.
pub fn decode(arguments: &Arguments, out: &mut impl Write) -> Result<(), DebugError> {
    let cap = parse(&arguments.cap)?;
    let Some(path) = &arguments.file else {
        return decode_to(&cap, &arguments.folder, out);
    };
    let failed = |error| DebugError::file(path, &error);
    let mut file = NewFile::create(path).map_err(failed)?;
    decode_to(&cap, &arguments.folder, &mut file)?;
    file.keep().map_err(failed)
}

fn decode_to(cap: &Cap, folder: &Path, out: &mut impl Write) -> Result<(), DebugError> {
    match cap.file() {
        Some(FileCap::Lit(cap)) => Ok(out.write_all(cap.plaintext())?),
        Some(FileCap::Chk(cap)) => Shares::find(cap, folder)?.copy(cap, out),
        _ if cap.is_verifier() => Err(DebugError::new(
            "This is a verify cap, which cannot read the file.",
            "Give the read cap; it begins with URI:CHK:.",
        )),
        _ => Err(DebugError::new(
            "This cap is of a directory, which has no shares: a vdrive server keeps it.",
            "Give the cap of a file or of an immutable directory.",
        )),
    }
}

/// The shares of one folder: those in use, and those that have not been tried.
struct Shares {
    facts: FileFacts,
    untried: BTreeMap<u8, PathBuf>,
    active: Vec<(ShareFile, OpenShare)>,
    tree: Option<FileTree>,
}

impl Shares {
    fn find(cap: &ChkCap, folder: &Path) -> Result<Self, DebugError> {
        let facts = cap.facts().map_err(|error| {
            DebugError::new(format!("The cap is of no file: {error}."), "Copy the whole cap again.")
        })?;
        let failed = |error| DebugError::file(folder, &error);
        let mut untried = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let number = entry.file_name().to_str().and_then(number);
            untried.extend(number.map(|number| (number, entry.path())));
        }
        untried.retain(|number, _| facts.params.has(ShareNum(*number)));
        Ok(Self { facts, untried, active: Vec::new(), tree: None })
    }

    fn copy(mut self, cap: &ChkCap, out: &mut impl Write) -> Result<(), DebugError> {
        self.fill()?;
        let Some(tree) = self.tree.take() else { return Err(self.too_few()) };
        let geometry = *tree.geometry();
        let mut reader = FileReader::new(&self.facts, tree, Some(cap.key().clone()));
        let step = (BATCH_MAX / geometry.segment_size()).clamp(1, BATCH_SEGMENTS_MAX);
        for first in (0..geometry.segments()).step_by(step as usize) {
            let count = step.min(geometry.segments() - first);
            let runs = self.runs(SegmentNum(first), count)?;
            let bytes = reader.decode(&runs).map_err(|error| {
                DebugError::new(
                    format!("The file is damaged: {error}."),
                    "Its author encoded it wrongly; no other share can help.",
                )
            })?;
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Verified blocks of k shares; a share whose blocks fail is replaced.
    fn runs(&mut self, first: SegmentNum, count: u64) -> Result<Vec<VerifiedRun>, DebugError> {
        let mut runs = Vec::new();
        while let Some((file, open)) = self.active.get(runs.len()) {
            let range = open.range(first, count);
            let run = file.read(range).map_err(|error| error.what).and_then(|bytes| {
                open.verify(first, count, bytes).map_err(|error| format!("{error}."))
            });
            match run {
                Ok(run) => runs.push(run),
                Err(why) => {
                    warn(file.path(), &why);
                    self.active.remove(runs.len());
                    self.fill()?;
                }
            }
        }
        Ok(runs)
    }

    /// Opens shares until k are active.
    fn fill(&mut self) -> Result<(), DebugError> {
        while self.active.len() < self.facts.params.needed() {
            let Some((number, path)) = self.untried.pop_first() else {
                return Err(self.too_few());
            };
            if let Err(why) = self.open(ShareNum(number), &path) {
                warn(&path, &why);
            }
        }
        Ok(())
    }

    fn open(&mut self, number: ShareNum, path: &Path) -> Result<(), String> {
        let file = ShareFile::open(path).map_err(|error| error.what)?;
        let (open, tree) = open_share(self.facts, number, &file, self.tree.is_none())?;
        self.tree = self.tree.take().or(tree);
        self.active.push((file, open));
        Ok(())
    }

    fn too_few(&self) -> DebugError {
        let needed = self.facts.params.needed();
        DebugError::new(
            format!(
                "Only {} sound shares were found where {needed} are needed.",
                self.active.len()
            ),
            "Put more shares of the file into the folder, each named by its number.",
        )
    }
}

fn open_share(
    facts: FileFacts,
    number: ShareNum,
    file: &ShareFile,
    with_tree: bool,
) -> Result<(OpenShare, Option<FileTree>), String> {
    let told = |error: ShareError| format!("{error}.");
    let mut opening = Opening::new(facts, number, file.len(), with_tree).map_err(told)?;
    while let Some(range) = opening.wants().map_err(told)? {
        let bytes = file.read(range.clone()).map_err(|error| error.what)?;
        opening.take(range.start, bytes).map_err(told)?;
    }
    opening.finish().map_err(told)
}

/// A share file's name is its number, without leading zeros.
fn number(name: &str) -> Option<u8> {
    name.parse().ok().filter(|number: &u8| number.to_string() == name)
}

fn warn(path: &Path, why: &str) {
    // A closed standard error must not stop the decoding.
    let _ = writeln!(std::io::stderr(), "tahoe: {} is not used: {why}", path.display());
}
