//! What doors keep of a file in its link, beside what the grid keeps.
//!
//! ```text
//! "mtime"  when its user changed it, in seconds since 1970, as 1.20 has it
//! "door"   {"file": {"of": TAG, …},       what is known of this very content
//!           "dav": {…}, …}                properties that WebDAV clients have set
//! ```
//! The link may be set by whoever can write to the directory, and keeps its metadata then. So what is
//! said of the content says of which, and counts for no other.

use crate::cap::Cap;
use crate::grid::dirnode::{Child, Metadata};
use crate::http::tag::entity_tag;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Range;

pub const DOOR: &str = "door";
const FILE: &str = "file";
pub const MTIME: &str = "mtime";

/// What is known of a content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The tag of the cap that has it.
    pub(super) of: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Lower-case hex digits, and for what was put together of parts their number behind a dash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// What its user says of it, by names in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// Headers that are given back as they came.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Sums by their algorithm, in base64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, String>,
    /// The parts that it came in.
    #[serde(skip_serializing_if = "Runs::is_empty")]
    pub parts: Runs,
    /// Of a directory: it was made by its name, and is there also with nothing in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub marker: bool,
}

impl Facts {
    /// What a link says of what it leads to.
    pub fn of(child: &Child) -> Self {
        let door = child.metadata.get(DOOR);
        let facts = door.and_then(|mut door| door.get_mut(FILE).map(Value::take));
        let facts = facts.and_then(|facts| serde_json::from_value::<Self>(facts).ok());
        let is_it = |facts: &Self| child.target.known().is_some_and(|cap| tag(cap) == facts.of);
        facts.filter(is_it).unwrap_or_default()
    }

    /// A link's metadata with these facts in it; everything else stays as it was.
    pub fn put(mut self, cap: &Cap, mut metadata: Map<String, Value>) -> Metadata {
        self.of = tag(cap);
        let mut door = match metadata.get(DOOR) {
            Some(Value::Object(door)) => door.clone(),
            _ => Map::new(),
        };
        door.insert(FILE.to_owned(), serde_json::to_value(self).unwrap_or_default());
        metadata.insert(DOOR.to_owned(), Value::Object(door));
        metadata.into()
    }
}

/// How many parts of which size follow one another. It says nothing where there are more runs of one size
/// than programs that cut files make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs(Vec<(u64, u64)>);

const RUNS_MAX: usize = 16;

impl Runs {
    pub fn of(sizes: impl Iterator<Item = u64>) -> Self {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for size in sizes.filter(|size| *size > 0) {
            match runs.last_mut() {
                Some((count, of)) if *of == size => *count += 1,
                _ => runs.push((1, size)),
            }
            if runs.len() > RUNS_MAX {
                return Self::default();
            }
        }
        Self(runs)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, (count, _)| sum.saturating_add(*count))
    }

    /// Where the part of this number is, from one on, if that is within a file of so many bytes.
    pub fn part(&self, number: u64, size: u64) -> Option<Range<u64>> {
        let (mut before, mut at) = (number.checked_sub(1)?, 0_u64);
        for (count, of) in &self.0 {
            let passed = before.min(*count);
            at = at.checked_add(passed.checked_mul(*of)?)?;
            before -= passed;
            if passed < *count {
                let end = at.checked_add(*of).filter(|end| *of > 0 && *end <= size);
                return end.map(|end| at..end);
            }
        }
        None
    }
}

fn tag(cap: &Cap) -> String {
    entity_tag(cap, "").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_again_by_its_number() {
        let runs = Runs::of([5, 5, 5, 3, 0].into_iter());
        assert_eq!(runs.count(), 4);
        let parts = [0, 1, 3, 4, 5].map(|number| runs.part(number, 18));
        assert_eq!(parts, [None, Some(0..5), Some(10..15), Some(15..18), None]);
        assert_eq!(runs.part(4, 17), None, "the file is shorter");
        assert!(Runs::of(1..=RUNS_MAX as u64 + 1).is_empty());
        assert_eq!(Runs::of(1..=RUNS_MAX as u64).count(), RUNS_MAX as u64);
    }

    #[test]
    fn what_a_link_says_of_parts_may_be_anything() {
        let max = u64::MAX;
        for runs in [Runs(vec![(max, max)]), Runs(vec![(1, max), (max, 1), (max, max)])] {
            for number in [1, 2, 3, max] {
                assert_eq!(runs.part(number, 1_000), None, "{runs:?}");
            }
            assert_eq!(runs.count(), max);
        }
        assert_eq!(Runs(vec![(0, 7), (2, 0)]).part(2, 5), None, "an empty one");
    }
}
