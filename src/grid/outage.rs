//! Servers that were lost because this machine's line broke, and not because they are gone.
//!
//! A line that breaks takes all links along, within the time that different links need to notice it. A
//! server that stops, or dies, leaves the others.

use super::ServerId;
use crate::base::limits::{LOST_TOGETHER, OUTAGE_TIME};
use std::collections::BTreeMap;
use tokio::time::Instant;

#[derive(Default)]
pub struct Outage {
    /// Servers whose links were lost, and when.
    lost: BTreeMap<ServerId, Instant>,
    /// When the last link of all was.
    alone: Option<Instant>,
}

impl Outage {
    /// The link to a server was lost; `last`: no other server is left.
    pub fn lose(&mut self, server: ServerId, last: bool) {
        let now = Instant::now();
        self.lost.retain(|_, since| *since + OUTAGE_TIME > now);
        self.lost.insert(server, now);
        if last {
            self.alone = Some(now);
        }
    }

    pub fn is_back(&mut self, server: ServerId) {
        self.lost.remove(&server);
    }

    /// Servers that have not come back from it yet; none once that has had its time.
    pub fn away(&self) -> usize {
        let alone = self.alone.filter(|alone| alone.elapsed() < OUTAGE_TIME);
        alone.map_or(0, |alone| {
            self.lost.values().filter(|since| **since + LOST_TOGETHER > alone).count()
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
    async fn who_is_lost_with_all_others_is_away_until_it_is_back_or_its_time_is_over() {
        let mut outage = Outage::default();
        outage.lose(server(0), false);
        advance(LOST_TOGETHER).await;
        outage.lose(server(1), false);
        advance(Duration::from_secs(20)).await;
        outage.lose(server(2), true);
        assert_eq!(outage.away(), 2, "one went long before");
        outage.is_back(server(2));
        assert_eq!(outage.away(), 1);
        advance(OUTAGE_TIME).await;
        assert_eq!(outage.away(), 0);
    }
}
