//! A store that reads what it keeps.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tahoe::base::system::Clock;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Cache, Disk, Mode};
use tahoe::storage::paths::bucket_path;
use tahoe::storage::{Scrub, ScrubState, Store, StoreConfig};
use tahoe_testing::store::{NOW, config, file, put, si};

const DIR: &str = "/storage";
/// As quickly as it can, whenever it is asked.
const AT_ONCE: Scrub = Scrub { every: Duration::ZERO, rate: u64::MAX };

/// A storage directory that outlives its store, and the clock that both go by.
pub struct Kept {
    pub disk: Disk,
    pub clock: Clock,
    pub store: Arc<Store>,
}

impl Kept {
    pub fn new() -> Self {
        Self::on(Disk::new(Arc::new(MemoryDisk::new())), Clock::manual(NOW))
    }

    fn on(disk: Disk, clock: Clock) -> Self {
        let config = StoreConfig { clock: clock.clone(), ..config(&disk, Path::new(DIR)) };
        Self { store: Store::open(config).unwrap(), disk, clock }
    }

    fn restarted(self) -> Self {
        self.store.shut_down();
        let Self { disk, clock, store } = self;
        drop(store);
        Self::on(disk, clock)
    }

    /// Reads everything once.
    pub fn scrubbed(&self) -> ScrubState {
        self.clock.advance(1);
        self.store.scrub(AT_ONCE);
        self.waited(|state| state.round.is_none())
    }

    fn waited(&self, done: impl Fn(&ScrubState) -> bool) -> ScrubState {
        loop {
            let state = self.store.scrub_state();
            if done(&state) {
                return state;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Flips a bit of a share file.
    pub fn flip(&self, (si, num): (StorageIndex, u8), at: u64, bit: u8) {
        let path = share_path(si, num);
        let file = self.disk.open(&path, Mode::Change).unwrap();
        let byte = file.read(at, 1).unwrap()[0];
        file.write_at(&[byte ^ 1 << bit], at, Cache::Keep).unwrap();
    }

    fn list(&self, si: StorageIndex) -> Vec<u8> {
        self.store.list(&si).unwrap().into_iter().map(|num| num.0).collect()
    }
}

pub fn share_path(si: StorageIndex, num: u8) -> PathBuf {
    Path::new(DIR).join("shares").join(bucket_path(&si)).join(num.to_string())
}

/// Ten files, three shares each.
fn with_files() -> Kept {
    let kept = Kept::new();
    for n in 1..=10 {
        let (shares, _) = file(n, 700 * u64::from(n));
        for (num, share) in (0..).zip(&shares) {
            put(&kept.store, si(n), num, share, 1).unwrap();
        }
    }
    kept
}

#[test]
fn what_rots_is_found_and_told_to_the_owner_until_a_sound_share_comes() {
    let kept = with_files();
    let first = kept.scrubbed();
    assert_eq!((first.last.unwrap().shares, first.damaged), (30, 0));
    kept.flip((si(3), 1), 12 + 100, 0);
    let found = kept.scrubbed();
    assert_eq!((found.last.unwrap().damaged, found.damaged), (1, 1));
    assert_eq!(kept.list(si(3)), [0, 2], "not here, for who asks");
    assert_eq!(kept.store.open_bucket(&si(3)).unwrap().len(), 3, "read all the same");
    let reports = kept.disk.list(&Path::new(DIR).join("corruption-advisories")).unwrap();
    assert!(reports.len() == 1 && reports[0].name.ends_with("-1"), "{reports:?}");

    let kept = kept.restarted();
    assert_eq!((kept.list(si(3)), kept.store.scrub_state().damaged), (vec![0, 2], 1));
    assert_eq!(kept.scrubbed().last.unwrap().damaged, 1, "and it is told once");
    assert_eq!(kept.disk.list(&Path::new(DIR).join("corruption-advisories")).unwrap().len(), 1);

    put(&kept.store, si(3), 1, &file(3, 2_100).0[1], 2).unwrap();
    assert_eq!((kept.list(si(3)), kept.store.scrub_state().damaged), (vec![0, 1, 2], 0));
    assert_eq!(kept.scrubbed().last.unwrap().damaged, 0);
}

#[test]
fn what_is_whole_again_or_gone_is_not_told_of_for_ever() {
    let kept = with_files();
    for n in [4, 5] {
        kept.flip((si(n), 0), 12 + 90, 3);
    }
    assert_eq!(kept.scrubbed().damaged, 2);
    kept.flip((si(4), 0), 12 + 90, 3);
    kept.disk.unlink(&share_path(si(5), 0)).unwrap();
    assert_eq!(kept.scrubbed().damaged, 0);
    assert_eq!((kept.list(si(4)), kept.list(si(5))), (vec![0, 1, 2], vec![1, 2]));
}

#[test]
fn a_round_goes_on_after_a_restart_where_it_was() {
    let kept = with_files();
    let all = kept.scrubbed().last.unwrap();
    // A bucket takes a moment.
    kept.store.scrub(Scrub { every: Duration::ZERO, rate: 20_000 });
    kept.waited(|state| state.round.as_ref().is_some_and(|round| round.shares >= 6));
    let kept = kept.restarted();
    let left = kept.store.scrub_state().round.unwrap();
    assert!((6..30).contains(&left.shares), "{left:?}");
    // What was read already is not read again: nobody sees this before the next round.
    kept.flip((si(1), 0), 12 + 90, 0);
    let whole = kept.scrubbed();
    let last = whole.last.unwrap();
    assert_eq!((last.shares, last.bytes, whole.damaged), (all.shares, all.bytes, 0));
    assert_eq!(kept.scrubbed().damaged, 1);
}

#[test]
fn a_round_begins_when_it_is_time_and_not_before() {
    let kept = with_files();
    let monthly = Scrub { every: Duration::from_secs(1_000), rate: u64::MAX };
    let begun = |kept: &Kept| {
        kept.store.scrub(monthly);
        kept.waited(|state| state.round.is_none()).last.unwrap().started
    };
    assert_eq!(begun(&kept), NOW);
    kept.clock.advance(999);
    assert_eq!(begun(&kept), NOW);
    let kept = kept.restarted();
    assert_eq!(begun(&kept), NOW);
    kept.clock.advance(1);
    assert_eq!(begun(&kept), NOW + 1_000);
}

#[test]
fn what_was_left_of_a_round_may_be_anything() {
    for junk in [&b""[..], b"{", b"null", br#"{"round": {"started": 1, "at": "zz", "shares": 0}}"#]
    {
        let kept = with_files();
        kept.store.shut_down();
        let Kept { disk, clock, store } = kept;
        drop(store);
        disk.replace(&Path::new(DIR).join("scrub.json"), junk).unwrap();
        let kept = Kept::on(disk, clock);
        assert_eq!(kept.scrubbed().last.unwrap().shares, 30);
        assert_eq!(kept.list(si(1)), [0, 1, 2].map(|num| ShareNum(num).0));
    }
}
