//! The memory of changes that are being staged, shared such that nobody can hold all of it.
//!
//! Whoever stages may have as much as is left beside: one alone half of all, two a third each, and
//! there is room for one more however many there are. Where it is short, those who stand still go
//! first, the longest first, then those who bring least; and they go even unasked once all together
//! have more than [`STAGED_CALM`]. Counted is the memory that rows take, not their bytes on the wire.
//!
//! Pure but for the lock: time is an argument.

use super::told;
use crate::base::limits::{
    STAGED_ALL_MAX, STAGED_CALM, STAGED_ID_COST, STAGED_MAX, STAGED_ROW_COST, STAGING_RATE_MIN,
    STAGING_STILL_TIME, STAGINGS_MAX,
};
use crate::base::lock::locked;
use crate::tub::RemoteError;
use crate::vdrive::VdriveError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use tokio::time::Instant;

/// Something whose memory can be taken from it.
pub(super) trait LetGo: Send + Sync {
    fn let_go(&self);
}

/// Memory that rows of so many bytes, or ids, take while they are staged.
pub(super) fn cost(bytes: usize, rows: usize, ids: usize) -> usize {
    bytes + rows * STAGED_ROW_COST + ids * STAGED_ID_COST
}

struct Holding {
    taken: usize,
    began: Instant,
    last: Instant,
    /// Gone once it must not be taken away any more.
    holder: Weak<dyn LetGo>,
}

impl Holding {
    fn stands_still(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= STAGING_STILL_TIME
    }

    /// Bytes a second since it began.
    fn rate(&self, now: Instant) -> u64 {
        self.taken as u64 / now.saturating_duration_since(self.began).as_secs().max(1)
    }

    fn is_slow(&self, now: Instant) -> bool {
        let time = now.saturating_duration_since(self.began);
        time >= STAGING_STILL_TIME && self.rate(now) < STAGING_RATE_MIN
    }
}

#[derive(Default)]
struct All {
    taken: usize,
    next: u64,
    holdings: BTreeMap<u64, Holding>,
}

impl All {
    /// Lets the one go that is worth least, if there is one that may; never `but`.
    fn let_one_go(&mut self, but: Option<u64>, now: Instant) -> bool {
        let others = self.holdings.iter().filter(|(number, holding)| {
            let may = holding.stands_still(now) || holding.is_slow(now);
            Some(**number) != but && may && holding.holder.strong_count() > 0
        });
        let worst = others.min_by_key(|(_, holding)| {
            let still = holding.stands_still(now);
            (!still, if still { holding.last } else { now }, holding.rate(now))
        });
        let Some(number) = worst.map(|(number, _)| *number) else { return false };
        self.end(number).is_some_and(|holding| {
            let holder = holding.holder.upgrade();
            holder.inspect(|holder| holder.let_go()).is_some()
        })
    }

    fn end(&mut self, number: u64) -> Option<Holding> {
        let holding = self.holdings.remove(&number)?;
        self.taken -= holding.taken;
        Some(holding)
    }

    fn begin(&mut self, holder: Weak<dyn LetGo>, now: Instant) -> Result<u64, RemoteError> {
        while self.holdings.len() >= STAGINGS_MAX {
            if !self.let_one_go(None, now) {
                return Err(RemoteError::Busy);
            }
        }
        let number = self.next;
        self.next += 1;
        self.holdings.insert(number, Holding { taken: 0, began: now, last: now, holder });
        Ok(number)
    }

    fn take(&mut self, number: u64, more: usize, now: Instant) -> Result<(), RemoteError> {
        let holding = self.holdings.get_mut(&number).ok_or(RemoteError::Stopped)?;
        holding.last = now;
        let own = holding.taken.saturating_add(more);
        if own > STAGED_MAX {
            return Err(told(VdriveError::TooMuch));
        }
        // No more than is left when it has it.
        while self.taken.saturating_add(more).saturating_add(own) > STAGED_ALL_MAX {
            if !self.let_one_go(Some(number), now) {
                return Err(RemoteError::Busy);
            }
        }
        if let Some(holding) = self.holdings.get_mut(&number) {
            holding.taken = own;
            self.taken += more;
        }
        self.calm_down(now);
        Ok(())
    }

    fn calm_down(&mut self, now: Instant) {
        while self.taken > STAGED_CALM && self.let_one_go(None, now) {}
    }
}

/// See the module. Clones are the same room.
#[derive(Clone, Default)]
pub(super) struct Room(Arc<Mutex<All>>);

impl Room {
    fn lock(&self) -> MutexGuard<'_, All> {
        locked(&self.0)
    }

    /// A place for one more who stages.
    pub fn begin(&self, holder: Weak<dyn LetGo>) -> Result<Share, RemoteError> {
        let number = self.lock().begin(holder, Instant::now())?;
        Ok(Share { room: self.clone(), number })
    }

    /// Takes memory back from whoever stands still, if much is taken.
    pub fn calm_down(&self) {
        self.lock().calm_down(Instant::now());
    }
}

/// What one staged change holds, while this lives.
pub(super) struct Share {
    room: Room,
    number: u64,
}

impl Share {
    /// Room for so much more; `Stopped` if what it had was taken from it.
    pub fn take(&self, more: usize) -> Result<(), RemoteError> {
        self.room.lock().take(self.number, more, Instant::now())
    }

    /// From now on nobody takes it away: the change is being made.
    pub fn keep(&self) {
        if let Some(holding) = self.room.lock().holdings.get_mut(&self.number) {
            holding.holder = Weak::<Nobody>::new();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.lock().end(self.number);
    }
}

struct Nobody;

impl LetGo for Nobody {
    fn let_go(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::time::Duration;

    #[derive(Default)]
    struct Stager(AtomicBool);

    impl LetGo for Stager {
        fn let_go(&self) {
            self.0.store(true, SeqCst);
        }
    }

    fn stager(all: &mut All, now: Instant) -> (Arc<Stager>, u64) {
        let stager = Arc::new(Stager::default());
        let holder: Arc<dyn LetGo> = stager.clone();
        (stager, all.begin(Arc::downgrade(&holder), now).unwrap())
    }

    /// Takes pieces until there is no room; how much it has.
    fn fill(all: &mut All, number: u64, now: Instant) -> usize {
        while all.take(number, 1 << 20, now).is_ok() {}
        all.holdings[&number].taken
    }

    #[test]
    fn one_alone_has_half_and_there_is_room_for_another_however_many_there_are() {
        let (mut all, now) = (All::default(), Instant::now());
        let mut stagers = vec![stager(&mut all, now)];
        let one = stagers[0].1;
        all.take(one, STAGED_MAX - 1, now).unwrap();
        all.take(one, 1, now).unwrap();
        assert_eq!(all.take(one, 1, now), Err(told(VdriveError::TooMuch)));
        for _ in 0..20 {
            stagers.push(stager(&mut all, now));
            let number = stagers.last().unwrap().1;
            assert!(fill(&mut all, number, now) > 0 || all.taken + (4 << 20) > STAGED_ALL_MAX);
            assert!(all.taken < STAGED_ALL_MAX);
        }
        assert!(stagers.iter().all(|(stager, _)| !stager.0.load(SeqCst)), "all bring something");
    }

    #[test]
    fn who_stands_still_or_brings_too_little_makes_room() {
        let (mut all, start) = (All::default(), Instant::now());
        let (still, slow, quick) =
            (stager(&mut all, start), stager(&mut all, start), stager(&mut all, start));
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        let seconds = STAGING_STILL_TIME.as_secs();
        all.take(still.1, 10 << 20, start).unwrap();
        for second in 0..=seconds {
            all.take(slow.1, 1_000, after(second)).unwrap();
            all.take(quick.1, STAGING_RATE_MIN as usize * 2, after(second)).unwrap();
        }
        let gone = |stager: &(Arc<Stager>, u64)| stager.0.0.load(SeqCst);
        assert!(!gone(&still) && all.taken <= STAGED_CALM, "there is enough for all");
        let more = STAGED_CALM + 1 - all.taken;
        all.take(quick.1, more, after(seconds)).unwrap();
        assert!(gone(&still) && !gone(&slow) && !gone(&quick));
        assert_eq!(all.take(still.1, 1, after(seconds)), Err(RemoteError::Stopped));
        all.take(quick.1, 11 << 20, after(seconds)).unwrap();
        assert!(gone(&slow) && !gone(&quick));
    }

    #[test]
    fn a_place_is_taken_from_who_stands_still_and_never_from_a_change_being_made() {
        let (mut all, start) = (All::default(), Instant::now());
        let stagers: Vec<_> = (0..STAGINGS_MAX).map(|_| stager(&mut all, start)).collect();
        let holder: Arc<dyn LetGo> = Arc::new(Stager::default());
        assert_eq!(all.begin(Arc::downgrade(&holder), start), Err(RemoteError::Busy));
        let room = Room(Arc::new(Mutex::new(all)));
        let share = Share { room: room.clone(), number: stagers[0].1 };
        share.keep();
        let later = start + STAGING_STILL_TIME;
        assert!(room.lock().begin(Arc::downgrade(&holder), later).is_ok());
        assert!(!stagers[0].0.0.load(SeqCst) && stagers[1].0.0.load(SeqCst));
        drop(share);
        assert_eq!(room.lock().holdings.len(), STAGINGS_MAX - 1);
    }
}
