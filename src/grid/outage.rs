//! Servers that were lost because this machine's line broke, and not because they are gone.
//!
//! A line that breaks takes all links along, that to the introducer too, within the time that different
//! links need to notice it. Servers that stop, or die, leave others.

use super::ServerId;
use crate::base::limits::{LOST_TOGETHER, OUTAGE_TIME};
use std::collections::BTreeMap;
use tokio::time::Instant;

#[derive(Default)]
pub struct Outage {
    /// Servers whose links were lost, and when.
    lost: BTreeMap<ServerId, Instant>,
    /// When the last link to a server was lost, while there is none.
    alone: Option<Instant>,
    /// The introducer's link is up.
    introduced: bool,
    /// When the line broke. It says nothing of what is lost later.
    broke: Option<Instant>,
}

impl Outage {
    /// The link to a server was lost; `last`: no other server is left.
    pub fn lose(&mut self, server: ServerId, last: bool) {
        let now = Instant::now();
        self.lost.retain(|_, since| *since + OUTAGE_TIME > now);
        self.lost.insert(server, now);
        self.alone = last.then_some(now);
        self.judge();
    }

    /// The link to the introducer is up or down from now on.
    pub fn introducer_is(&mut self, up: bool) {
        self.introduced = up;
        self.judge();
    }

    fn judge(&mut self) {
        let alone = self.alone.filter(|alone| !self.introduced && alone.elapsed() < LOST_TOGETHER);
        self.broke = alone.or(self.broke);
    }

    /// Whether the line broke since then.
    pub fn broke_since(&self, since: Instant) -> bool {
        self.broke.is_some_and(|broke| broke >= since)
    }

    pub fn is_back(&mut self, server: ServerId) {
        self.lost.remove(&server);
        self.alone = None;
    }

    /// Servers that have not come back from it yet; none once that has had its time.
    pub fn away(&self) -> usize {
        let broke = self.broke.filter(|broke| broke.elapsed() < OUTAGE_TIME);
        broke.map_or(0, |broke| {
            let with_it = |since: Instant| since <= broke && since + LOST_TOGETHER > broke;
            self.lost.values().filter(|since| with_it(**since)).count()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::advance;

    fn server(number: u8) -> ServerId {
        ServerId([number; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_lost_while_others_stay_is_gone() {
        let mut outage = Outage::default();
        for number in 0..8 {
            outage.lose(server(number), false);
        }
        assert_eq!(outage.away(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_introducer_is_there_the_line_is_whole() {
        for introducer_first in [false, true] {
            let mut outage = Outage::default();
            outage.introducer_is(true);
            outage.lose(server(0), true);
            assert_eq!(outage.away(), 0);
            outage.is_back(server(0));
            if introducer_first {
                outage.introducer_is(false);
            }
            outage.lose(server(0), true);
            advance(Duration::from_secs(20)).await;
            outage.introducer_is(false);
            assert_eq!(outage.away(), 1);
            // It is back before the server.
            outage.introducer_is(true);
            assert_eq!(outage.away(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_lost_with_all_others_is_away_until_it_is_back_or_its_time_is_over() {
        let mut outage = Outage::default();
        outage.lose(server(0), false);
        advance(LOST_TOGETHER).await;
        outage.lose(server(1), false);
        advance(Duration::from_secs(20)).await;
        outage.lose(server(2), true);
        assert_eq!(outage.away(), 2, "one went long before");
        let broke = Instant::now();
        assert!(outage.broke_since(broke));
        outage.is_back(server(2));
        assert_eq!(outage.away(), 1);
        advance(Duration::from_secs(60)).await;
        outage.lose(server(2), false);
        assert_eq!(outage.away(), 1, "this one went by itself");
        advance(OUTAGE_TIME).await;
        assert_eq!(outage.away(), 0);
        assert!(outage.broke_since(broke) && !outage.broke_since(Instant::now()));
    }
}
