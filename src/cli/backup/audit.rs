//! What the database remembers is looked at in the grid before it is reused: the longest unseen first,
//! and so many that nothing goes unseen for longer than a bound. One loss, and all of it is looked at:
//! what loses one share file loses more.

use super::Run;
use super::database::{Known, Row};
use super::files::Stored;
use super::folders::content;
use crate::base::limits::{BACKUP_AUDIT_MIN, BACKUP_AUDIT_ROUNDS, BACKUP_TRUST_SECONDS};
use crate::cli::error::Reach;
use crate::cli::http::{Answer, Connection, percent_encode};
use crate::cli::output::{count, remark};
use crate::cli::progress::Progress;
use crate::cli::tree::{Source, Tree};
use crate::cli::walk::Verdict;
use crate::cli::{CliError, parallel};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Something in the grid that would be reused, and all that the database says of it.
struct Entry {
    cap: String,
    checked: u64,
    rows: Vec<Row>,
}

/// What would be reused, each cap once.
#[derive(Default)]
struct Entries(HashMap<String, (u64, Vec<Row>)>);

impl Entries {
    fn add(&mut self, known: Known, row: Row) {
        if !is_literal(&known.cap) {
            let (checked, rows) = self.0.entry(known.cap).or_default();
            *checked = known.checked.max(*checked);
            rows.push(row);
        }
    }

    /// The longest unseen first. What was seen in the future was seen by a clock that went wrong.
    fn sorted(self, now: u64) -> Vec<Entry> {
        let entry = |(cap, (checked, rows))| {
            let checked = if checked > now { 0 } else { checked };
            Entry { cap, checked, rows }
        };
        let mut all: Vec<_> = self.0.into_iter().map(entry).collect();
        all.sort_unstable_by(|one, other| {
            (one.checked, &one.cap).cmp(&(other.checked, &other.cap))
        });
        all
    }
}

/// What is not known to be stored well.
#[derive(Default)]
struct Looked {
    lost: HashSet<String>,
    /// What nobody could look at, and why: no sign that more is lost.
    unseen: BTreeMap<String, String>,
}

impl Run<'_> {
    /// Looks at a part of what would be reused, or all of it; returns the caps of what is not stored
    /// well any more.
    pub fn audit(&self, tree: &Tree) -> Result<HashSet<String>, CliError> {
        let all = self.remembered(tree).sorted(self.now);
        let (first, rest) = all.split_at(due(&all, self.now));
        let mut looked = self.look_at(first)?;
        if !looked.lost.is_empty() {
            let more = self.look_at(rest)?;
            looked.lost.extend(more.lost);
            looked.unseen.extend(more.unseen);
        }
        let Looked { mut lost, unseen } = looked;
        if !lost.is_empty() {
            let what = count(lost.len() as u64, "thing", "things");
            remark(format_args!(
                "{what} of earlier backups: not enough of it is in the grid any more; stored again"
            ));
        }
        if let Some(why) = unseen.values().next() {
            let what = count(unseen.len() as u64, "thing", "things");
            remark(format_args!(
                "{what} of earlier backups could not be looked at in the grid; stored again: {why}"
            ));
        }
        lost.extend(unseen.into_keys());
        Ok(lost)
    }

    /// All that would be reused if everything in the grid were as it was.
    fn remembered(&self, tree: &Tree) -> Entries {
        let mut entries = Entries::default();
        if self.ignore_timestamps {
            return entries;
        }
        let file = |source: &Source| {
            let Source::Local(path) = source else { return None };
            let (known, facts) = self.remembered_file(path)?;
            let stored = Stored::reused(known.cap.clone(), &facts);
            Some((known, Row::File(path.clone()), stored))
        };
        let mut files = Vec::with_capacity(tree.files.len());
        for leaf in &tree.files {
            files.push(file(&leaf.source).map(|(known, row, stored)| {
                entries.add(known, row);
                stored
            }));
        }
        let mut caps: Vec<Option<String>> = vec![None; tree.folders.len()];
        for number in tree.levels().into_iter().flatten() {
            let Some(folder) = tree.folder(number) else { continue };
            // Also where something was left out: such a folder is reused as well.
            let content = content(folder, tree, &files, &caps);
            let known = self.database.folder(&content);
            if let (Some(known), Some(slot)) = (known, caps.get_mut(number)) {
                *slot = Some(known.cap.clone());
                entries.add(known, Row::folder(&content));
            }
        }
        entries
    }

    /// Those of the entries that are not known to be stored well; of the others it is noted that they
    /// were seen.
    fn look_at(&self, entries: &[Entry]) -> Result<Looked, CliError> {
        let progress = Progress::files(0, entries.len());
        let looked = parallel::each(entries.iter().collect(), |entry: &Entry| {
            let stored = self.many.patiently(|| is_stored(&entry.cap, self.connection));
            progress.file_done();
            match stored {
                Ok(true) => {
                    entry.rows.iter().for_each(|row| self.database.set_checked(row, self.now));
                    Ok(None)
                }
                Err(error) if error.reach() == Reach::All => Err(error),
                Ok(false) => Ok(Some((entry.cap.clone(), None))),
                Err(error) => Ok(Some((entry.cap.clone(), Some(error.what())))),
            }
        });
        progress.finish();
        let mut found = Looked::default();
        for (cap, why) in looked?.into_iter().flatten() {
            match why {
                None => drop(found.lost.insert(cap)),
                Some(why) => drop(found.unseen.insert(cap, why)),
            }
        }
        Ok(found)
    }

    /// Whether something that the database knows may be reused: it was seen, and is not lost.
    pub fn may_reuse(&self, known: &Known) -> bool {
        !self.lost.contains(&known.cap)
            && (is_literal(&known.cap) || !is_old(known.checked, self.now))
    }
}

/// How many of the entries must be looked at, these being the longest unseen first.
fn due(all: &[Entry], now: u64) -> usize {
    let share = all.len().div_ceil(BACKUP_AUDIT_ROUNDS).max(BACKUP_AUDIT_MIN);
    let old = all.partition_point(|entry| is_old(entry.checked, now));
    share.max(old).min(all.len())
}

fn is_old(checked: u64, now: u64) -> bool {
    now.saturating_sub(checked) >= BACKUP_TRUST_SECONDS
}

/// Such a cap is what it names: nothing can be lost of it.
fn is_literal(cap: &str) -> bool {
    cap.starts_with("URI:LIT:") || cap.starts_with("URI:DIR2-LIT:")
}

/// Whether as much of something is in the grid as is wanted of what is newly stored.
fn is_stored(cap: &str, connection: &Connection) -> Result<bool, CliError> {
    let path = format!("/uri/{}?t=check&output=JSON", percent_encode(cap));
    let answer = connection.post(&path, "").and_then(|answer| answer.success(""));
    let verdict: Verdict = answer.and_then(Answer::json)?;
    Ok(verdict.results.healthy || verdict.results.happy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize, checked: impl Fn(usize) -> u64) -> Vec<Entry> {
        let mut entries = Entries::default();
        for number in 0..count {
            let known = Known { cap: format!("URI:CHK:{number:06}"), checked: checked(number) };
            entries.add(known, Row::folder(""));
        }
        entries.sorted(NOW)
    }

    const NOW: u64 = 10 * BACKUP_TRUST_SECONDS;

    #[test]
    fn a_few_are_all_due_and_of_many_a_part_and_whatever_is_old() {
        let few = entries(BACKUP_AUDIT_MIN, |_| NOW);
        assert_eq!(due(&few, NOW), BACKUP_AUDIT_MIN);
        let many = BACKUP_AUDIT_MIN * BACKUP_AUDIT_ROUNDS;
        assert_eq!(due(&entries(many, |_| NOW), NOW), BACKUP_AUDIT_MIN);
        assert_eq!(due(&entries(many + 1, |_| NOW), NOW), BACKUP_AUDIT_MIN + 1);
        let old =
            |just: u64| entries(many, move |number| if number % 2 == 0 { NOW } else { NOW - just });
        assert_eq!(due(&old(BACKUP_TRUST_SECONDS - 1), NOW), BACKUP_AUDIT_MIN);
        assert_eq!(due(&old(BACKUP_TRUST_SECONDS), NOW), many / 2);
        assert_eq!(due(&[], NOW), 0);
    }

    #[test]
    fn the_longest_unseen_come_first_and_what_a_wrong_clock_saw_was_not_seen() {
        let all = entries(3, |number| [NOW - 5, NOW - 9, NOW + 1].get(number).copied().unwrap());
        let caps: Vec<_> = all.iter().map(|entry| entry.cap.as_str()).collect();
        assert_eq!(caps, ["URI:CHK:000002", "URI:CHK:000001", "URI:CHK:000000"]);
    }

    #[test]
    fn equal_things_are_looked_at_once_and_literals_never() {
        let mut entries = Entries::default();
        for (cap, checked) in [("URI:CHK:a", 3), ("URI:LIT:a", 1), ("URI:CHK:a", 5)] {
            entries.add(Known { cap: cap.to_owned(), checked }, Row::folder(""));
        }
        let all = entries.sorted(NOW);
        assert_eq!(
            all.iter().map(|one| (one.checked, one.rows.len())).collect::<Vec<_>>(),
            [(5, 2)]
        );
    }
}
