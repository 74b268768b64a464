//! What a snapshot keeps of a file or folder beside its content, as far as it is given back: the mode,
//! and when it was changed. Whatever its writers put there may stand in a link.

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Nobody else's right to act as somebody is given back.
const MODES: u64 = 0o777;
const NANOSECONDS: i64 = 1_000_000_000;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Nanoseconds since 1970.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    modified: Option<i64>,
}

/// What a directory says of something that came from this machine; the first five as 1.20 does. A
/// number of seconds alone would not give the time back.
pub fn metadata(of: &Metadata) -> Map<String, Value> {
    let seconds = |whole: i64, nanoseconds: i64| whole as f64 + nanoseconds as f64 / 1e9;
    let exact = of.mtime().checked_mul(NANOSECONDS).and_then(|ns| ns.checked_add(of.mtime_nsec()));
    let facts = [
        ("mtime", json!(seconds(of.mtime(), of.mtime_nsec()))),
        ("ctime", json!(seconds(of.ctime(), of.ctime_nsec()))),
        ("st_mode", json!(of.mode())),
        ("st_uid", json!(of.uid())),
        ("st_gid", json!(of.gid())),
        ("mtime_ns", json!(exact)),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Kept {
    pub fn of(metadata: &Value) -> Self {
        let mode = metadata.get("st_mode").and_then(Value::as_u64);
        let exact = metadata.get("mtime_ns").and_then(Value::as_i64);
        let about = || metadata.get("mtime").and_then(Value::as_f64);
        Self {
            mode: mode.and_then(|mode| u32::try_from(mode & MODES).ok()),
            // Both are of one snapshot: only there a mode is kept as well.
            modified: mode.and_then(|_| exact.or_else(|| about().map(|time| (time * 1e9) as i64))),
        }
    }

    /// Of a link that is read in a listing: nothing else of it is held.
    pub fn of_link<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(|metadata| Self::of(&metadata))
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// When it was changed.
    pub fn modified(&self) -> Option<SystemTime> {
        let time = Duration::from_nanos(self.modified?.unsigned_abs());
        match self.modified? < 0 {
            true => SystemTime::UNIX_EPOCH.checked_sub(time),
            false => SystemTime::UNIX_EPOCH.checked_add(time),
        }
    }

    /// Gives it to a folder that is filled: what else is written there would change its time, and may
    /// not be allowed. A file system that has no such thing keeps its own.
    pub fn give_to(&self, folder: &Path) {
        if let Some(time) = self.modified {
            let last_modification = Timespec {
                tv_sec: time.div_euclid(NANOSECONDS),
                tv_nsec: time.rem_euclid(NANOSECONDS),
            };
            let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let times = Timestamps { last_access, last_modification };
            let _ = utimensat(CWD, folder, &times, AtFlags::empty());
        }
        if let Some(mode) = self.mode {
            let _ = fs::set_permissions(folder, Permissions::from_mode(mode));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_given_back_and_nothing_else() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_194_451_509, 123_456_789);
        file.as_file().set_modified(time).unwrap();
        file.as_file().set_permissions(Permissions::from_mode(0o640)).unwrap();
        let kept = Kept::of(&metadata(&file.as_file().metadata().unwrap()).into());
        assert_eq!((kept.mode, kept.modified()), (Some(0o640), Some(time)));
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), kept);
        assert_eq!(Kept::of(&json!({"st_mode": 0o104_755})).mode, Some(0o755));

        let seconds = Kept::of(&json!({"st_mode": 0o100_600, "mtime": -1.5})).modified();
        assert_eq!(seconds, SystemTime::UNIX_EPOCH.checked_sub(Duration::from_millis(1_500)));
        for odd in [
            json!(null),
            json!("none of your business"),
            json!({"st_mode": "x", "mtime": {}}),
            json!({"mtime": 5, "tahoe": {"linkmotime": 5}}),
        ] {
            assert!(Kept::of(&odd).is_empty(), "{odd}");
        }
        let most = Kept::of(&json!({"st_mode": u64::MAX, "mtime": f64::MAX}));
        assert!(most.mode == Some(0o777) && most.modified().is_some());
    }

    #[test]
    fn a_folder_gets_its_mode_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { mode: Some(0o710), modified: Some(-1) };
        kept.give_to(folder.path());
        let now = fs::metadata(folder.path()).unwrap();
        assert_eq!((now.mode() & 0o777, now.modified().ok()), (0o710, kept.modified()));
    }
}
