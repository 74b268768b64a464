//! What the keeper knows from one start to the next, as JSON in the node's folder. It may be lost: the next
//! round then begins anew, and what is short is waited for once more.

use crate::base::hash::{sha256, truncated};
use crate::base::limits::{KEEP_SHORT_MAX, KEEP_TROUBLES_MAX, KEEPER_RECORD_MAX};
use crate::base::{StorageIndex, base32};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a round came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Figures {
    /// Files, and immutable directories, that are in shares.
    pub files: u64,
    /// Directories on vdrive servers.
    pub directories: u64,
    /// Those of them of which the newest state is in a copy in the grid.
    pub copied: u64,
    /// Those that could not be copied as they are now.
    pub uncopied: u64,
    /// Files of which all shares were read.
    pub verified: u64,
    /// Files that have all their shares, now.
    pub whole: u64,
    /// Files that lack shares, and are waited for.
    pub waiting: u64,
    /// Files that were made whole.
    pub repaired: u64,
    /// Files that lack shares although they were repaired.
    pub partly: u64,
    /// Files that have all their shares, some of them on one server where there are others without any.
    pub crowded: u64,
    /// Files whose shares were spread over more servers.
    pub spread: u64,
    /// Files of which too few shares are there.
    pub lost: u64,
    /// Files of which only leases were renewed, as too few servers were connected to say more.
    pub unjudged: u64,
    /// Directories that could not be read, or not wholly.
    pub unread: u64,
    /// Shares that were read and are not good.
    pub corrupt: u64,
    /// How many servers may fail, whichever they are, and each file that is not lost can still be read.
    pub spare_servers: Option<u64>,
}

/// A file or directory that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// `private`, `global` or a storage index, and the names below it.
    pub path: Vec<String>,
    pub why: String,
}

/// Something that somebody should hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// Seconds since 1970.
    pub time: u64,
    pub event: Kind,
    /// As in [`Trouble`].
    pub path: Vec<String>,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It needs somebody, and did not in the last round.
    Trouble,
    /// It did in the round before, and does not any more.
    Well,
}

/// A round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Round {
    /// Seconds since 1970.
    pub started: u64,
    /// None while it is under way.
    pub finished: Option<u64>,
    /// Which of what is kept is under way, and how many things were reached below it.
    pub at: (u64, u64),
    /// Of everything but the global drive,
    pub figures: Figures,
    /// and of what is in that alone, where anybody may put anything.
    pub global: Figures,
    pub troubles: Vec<Trouble>,
    /// How many more there were.
    pub more_troubles: u64,
}

impl Round {
    pub fn begun(started: u64) -> Self {
        Self { started, ..Self::default() }
    }

    /// Everything that is kept was reached, and something found out about each.
    pub const fn saw_all(&self) -> bool {
        let (own, global) = (&self.figures, &self.global);
        own.unread == 0 && own.unjudged == 0 && global.unread == 0 && global.unjudged == 0
    }

    fn trouble(&mut self, path: Vec<String>, why: String) {
        if self.troubles.len() < KEEP_TROUBLES_MAX {
            self.troubles.push(Trouble { path, why });
        } else {
            self.more_troubles += 1;
        }
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub paused: bool,
    pub round: Option<Round>,
    pub last: Option<Round>,
    /// Files that lack shares, by storage index.
    short: BTreeMap<String, Short>,
    /// What was kept in the last round, by digest.
    known: BTreeSet<String>,
    /// What nobody was told of yet.
    #[serde(default)]
    news: Vec<Event>,
    /// What needed somebody in the last round, and is well in this one.
    #[serde(default)]
    well: Vec<Vec<String>>,
}

/// What a file lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// Some shares.
    #[default]
    Shares,
    /// So many that it cannot be read.
    All,
    /// Servers: its shares stand together.
    Room,
}

/// What is known of a file that lacks something. Times are seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Short {
    #[serde(default)]
    pub lack: Lack,
    pub since: u64,
    /// When it was looked at last.
    pub seen: u64,
    /// When it was repaired last, in vain.
    pub tried: Option<u64>,
}

impl Record {
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// None of what is no such record.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let short = bytes.len() as u64 <= KEEPER_RECORD_MAX;
        short.then(|| serde_json::from_slice(bytes).ok())?
    }

    /// Something needs somebody.
    pub fn trouble(&mut self, path: Vec<String>, why: String, now: u64) {
        let Some(round) = &mut self.round else { return };
        let last = self.last.iter().flat_map(|last| &last.troubles);
        let is_new = round.troubles.iter().chain(last).all(|one| one.path != path);
        if is_new && round.troubles.len() < KEEP_TROUBLES_MAX {
            let (path, why) = (path.clone(), why.clone());
            self.news.push(Event { time: now, event: Kind::Trouble, path, why });
        }
        round.trouble(path, why);
    }

    /// Something was found sound.
    pub fn sound(&mut self, path: &[String]) {
        if self.last_trouble(path).is_some() && !self.well.iter().any(|one| one == path) {
            self.well.push(path.to_vec());
        }
    }

    /// Nothing was found out about something: what needed somebody still does, as far as one knows.
    pub fn unknown(&mut self, path: &[String]) {
        let Some(Trouble { path, why }) = self.last_trouble(path).cloned() else { return };
        if let Some(round) = &mut self.round {
            round.trouble(path, why);
        }
    }

    fn last_trouble(&self, path: &[String]) -> Option<&Trouble> {
        self.last.as_ref()?.troubles.iter().find(|one| one.path == path)
    }

    /// What somebody is to be told of now.
    pub fn take_news(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.news)
    }

    /// What is known of a file that lacked something when it was looked at last.
    pub fn short(&self, si: &StorageIndex) -> Option<Short> {
        self.short.get(&si.to_string()).copied()
    }

    /// A file lacks nothing.
    pub fn note_whole(&mut self, si: &StorageIndex) {
        self.short.remove(&si.to_string());
    }

    /// A file lacks something, and was repaired in vain if it was `tried`.
    pub fn note_short(&mut self, si: &StorageIndex, (lack, tried): (Lack, bool), now: u64) {
        let si = si.to_string();
        if self.short.len() < KEEP_SHORT_MAX || self.short.contains_key(&si) {
            let new = Short { lack, since: now, ..Short::default() };
            let short = self.short.entry(si).or_insert(new);
            if short.lack != lack {
                *short = new;
            }
            short.seen = now;
            short.tried = if tried { Some(now) } else { short.tried };
        }
    }

    /// Whether a line of the list was kept in the last round.
    pub fn knows(&self, line: &str) -> bool {
        self.known.contains(&digest(line))
    }

    /// A round over these lines is whole.
    pub fn finish_round<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>, now: u64) {
        let Some(mut round) = self.round.take() else { return };
        // What was not met is not kept any more.
        self.short.retain(|_, short| short.seen >= round.started);
        self.known = lines.into_iter().map(digest).collect();
        round.finished = Some(now);
        let before = self.last.take().map(|last| last.troubles).unwrap_or_default();
        let well = std::mem::take(&mut self.well);
        for Trouble { path, why } in before {
            if round.troubles.iter().any(|one| one.path == path) {
                continue;
            }
            if well.contains(&path) {
                let why = format!("it is well again; it was: {why}");
                self.news.push(Event { time: now, event: Kind::Well, path, why });
            } else if !round.saw_all() {
                round.trouble(path, why);
            }
        }
        self.last = Some(round);
    }
}

/// Says nothing of a cap.
fn digest(line: &str) -> String {
    base32::encode(&truncated::<16>(sha256(line.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_no_cut_of_it() {
        let mut record = Record::default();
        let mut round = Round::begun(7);
        round.trouble(vec!["private".to_owned(), "a".to_owned()], "gone".to_owned());
        record.round = Some(round);
        let si = StorageIndex([3; 16]);
        record.note_short(&si, (Lack::Shares, false), 9);
        record.note_short(&si, (Lack::Shares, true), 10);
        record.note_short(&si, (Lack::Shares, false), 11);
        let bytes = record.to_bytes();
        let again = Record::from_bytes(&bytes).unwrap();
        let short = Short { lack: Lack::Shares, since: 9, seen: 11, tried: Some(10) };
        assert_eq!((&again, again.short(&si)), (&record, Some(short)));
        assert!((0..bytes.len()).all(|len| Record::from_bytes(&bytes[..len]).is_none()));
        record.finish_round(["private"], 12);
        assert_eq!(record.short(&si), Some(short), "it was met in this round");
        assert!(record.knows("private") && !record.knows("global"));
        record.round = Some(Round::begun(13));
        record.finish_round([], 14);
        assert_eq!(record.short(&si), None);
    }

    #[test]
    fn what_is_new_is_told_once_and_what_is_well_again_too() {
        let path = |name: &str| vec!["private".to_owned(), name.to_owned()];
        let told = |record: &mut Record| {
            let news = record.take_news();
            news.into_iter().map(|one| (one.event, one.path[1].clone())).collect::<Vec<_>>()
        };
        let mut record = Record { round: Some(Round::begun(7)), ..Record::default() };
        for why in ["first", "second"] {
            record.trouble(path("a"), why.to_owned(), 8);
        }
        assert_eq!(told(&mut record), [(Kind::Trouble, "a".to_owned())]);
        record.finish_round([], 9);
        assert_eq!(told(&mut record), []);
        record.round = Some(Round::begun(10));
        record.trouble(path("a"), "still".to_owned(), 11);
        record.trouble(path("b"), "new".to_owned(), 11);
        assert_eq!(told(&mut record), [(Kind::Trouble, "b".to_owned())]);
        record.finish_round([], 12);
        record.round = Some(Round::begun(13));
        record.sound(&path("a"));
        record.sound(&path("c"));
        record.unknown(&path("b"));
        record.finish_round([], 15);
        assert_eq!(told(&mut record), [(Kind::Well, "a".to_owned())]);
        // What was not reached is not well; what is not there any more is not told of.
        for (unread, left) in [(1, 1), (0, 0)] {
            let mut round = Round::begun(16);
            round.figures.unread = unread;
            record.round = Some(round);
            record.finish_round([], 17);
            assert_eq!(told(&mut record), []);
            assert_eq!(record.last.as_ref().unwrap().troubles.len(), left);
        }
    }

    #[test]
    fn what_is_told_is_bounded() {
        let (mut round, mut record) = (Round::default(), Record::default());
        for n in 0..=KEEP_TROUBLES_MAX {
            round.trouble(vec![n.to_string()], String::new());
        }
        assert_eq!((round.troubles.len(), round.more_troubles), (KEEP_TROUBLES_MAX, 1));
        for n in 0..=KEEP_SHORT_MAX as u128 {
            record.note_short(&StorageIndex(n.to_be_bytes()), (Lack::Shares, true), u64::MAX);
        }
        assert_eq!(record.short.len(), KEEP_SHORT_MAX);
        assert!((record.to_bytes().len() as u64) < KEEPER_RECORD_MAX / 2);
    }
}
