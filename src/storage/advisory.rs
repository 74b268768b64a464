//! What clients report about damaged shares, one file a report, for the node's owner to read. The share is
//! looked at ([`judge`](super::judge)).

use super::clock::timestamp;
use super::container::Kind;
use super::error::Result;
use super::journal::record::Key;
use super::store::Store;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{ADVISORIES_MAX, ADVISORY_MAX};
use crate::base::lock::locked;
use crate::disk::{Cache, Mode};
use std::io::ErrorKind;
use std::sync::Arc;

/// A peer's words, cut to the limit and without control characters but line ends.
fn tame(reason: &str) -> String {
    let mut text: String =
        reason.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect();
    let mut end = text.len().min(ADVISORY_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

impl Store {
    /// Files a report and looks at the share. A report about a share that is not here is dropped; one
    /// for which there is no room, or one too many, is not kept.
    pub fn advise_corrupt(
        self: &Arc<Self>,
        si: &StorageIndex,
        num: ShareNum,
        reason: &str,
    ) -> Result<()> {
        let key = (*si, num);
        let kind = {
            let _bucket = self.lock(si);
            match self.look(&key, Mode::Read) {
                Ok((_, _, Kind::Mutable)) => "mutable",
                Ok(_) => "immutable",
                Err(_) => return Ok(()),
            }
        };
        tracing::warn!(%si, %num, "a client reports a corrupt share");
        let kept = self.keep_report((si, num), kind, reason)?;
        // Reports are bounded, and so is the work that they make.
        if kept && kind == "immutable" {
            locked(&self.judged).doubt(&key);
            self.look_into(&key)?;
        }
        Ok(())
    }

    /// Files what the store found by itself.
    pub(super) fn tell_owner(&self, (si, num): &Key, reason: &str) {
        tracing::error!(%si, %num, "{reason}");
        match self.keep_report((si, *num), "immutable", reason) {
            Ok(true) => {}
            Ok(false) => tracing::error!(%si, %num, "there are too many reports to file one more"),
            Err(error) => tracing::error!(%si, %num, %error, "that could not be filed"),
        }
    }

    /// False if it is one too many, or there already.
    fn keep_report(
        &self,
        (si, num): (&StorageIndex, ShareNum),
        kind: &str,
        reason: &str,
    ) -> Result<bool> {
        let reason = tame(reason);
        let text = format!(
            "report: Share Corruption\ntype: {kind}\nstorage_index: {si}\nshare_number: {num}\n\n\
             {reason}\n\n"
        );
        let bytes = self.costs.file(text.len() as u64);
        // A full disk is no reason not to look.
        let Ok(_room) = self.grow(bytes) else { return Ok(true) };
        let name = format!("{}--{si}-{num}", timestamp(self.time.look().now.wall));
        let filed = self.file_report(&name, &text)?;
        if filed {
            self.set_aside.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(filed)
    }

    fn file_report(&self, name: &str, text: &str) -> Result<bool> {
        let mut count = locked(&self.advisories);
        let folder = self.paths.advisories();
        let known = match *count {
            Some(known) => known,
            None => {
                self.disk.mkdir(&folder)?;
                self.disk.list(&folder)?.len()
            }
        };
        *count = Some(known);
        if known >= ADVISORIES_MAX {
            return Ok(false);
        }
        let file = match self.disk.open(&folder.join(name), Mode::New) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            opened => opened?,
        };
        *count = Some(known + 1);
        file.write_at(text.as_bytes(), 0, Cache::Keep)?;
        file.sync()?;
        self.disk.sync_dir(&folder)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_cut_at_the_limit_and_cannot_move_the_cursor() {
        assert_eq!(tame(&"x".repeat(ADVISORY_MAX)).len(), ADVISORY_MAX);
        assert_eq!(tame(&"x".repeat(ADVISORY_MAX + 1)).len(), ADVISORY_MAX);
        assert_eq!(tame(&"é".repeat(ADVISORY_MAX)).len(), ADVISORY_MAX);
        assert_eq!(tame("a\x1b[2Jb\nc\r"), "a?[2Jb\nc?");
    }
}
