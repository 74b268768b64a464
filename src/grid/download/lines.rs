//! What the lines of a file's servers carry, and so how long one of them would take for more.
//!
//! A server's rate is what it brought over the time in which it had something to bring, so that answers
//! under way at the same time are not each taken for a slow one. Whoever has not shown a rate yet is
//! thought to be as quick as the quickest: nobody else would find out.

use crate::grid::ServerId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Fewer bytes say more of a line's length than of its width.
const SAMPLE_MIN: u64 = 32 << 10;
/// Bytes a second that a line of some length is thought to carry while nothing is known: those of homes
/// bring that, and others are known soon.
pub const FAR_RATE: f64 = 2e6;
/// Blocks that a server has to bring at once, at least: one on its way and one that follows it.
const BLOCKS_AHEAD: u64 = 2;
/// What a server has to bring at most, beyond the way to it and if that is more.
const QUEUE_TIME: Duration = Duration::from_millis(200);
/// What comes sooner was here already, or comes as quickly from anybody.
const SPAN_MIN: Duration = Duration::from_millis(2);

/// Longer than anybody waits for anything.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// By server.
#[derive(Default)]
pub struct Lines(BTreeMap<ServerId, Line>);

#[derive(Default)]
struct Line {
    /// Bytes that were asked for and have not come.
    under_way: u64,
    /// Bytes a second; none while too little came to tell.
    rate: Option<f64>,
    /// When it last brought something or, if it had nothing to bring, was asked.
    since: Option<Instant>,
}

impl Line {
    fn span(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Lines {
    /// Whether so many bytes more are worth asking for now. Enough keeps a line busy until the next
    /// question comes to the server, which is `distance` away; what is more stands there while others could
    /// bring it.
    pub fn has_room(&self, server: ServerId, bytes: u64, distance: Duration) -> bool {
        let Some(line) = self.0.get(&server) else { return true };
        let ahead = line.rate.map_or(0.0, |rate| rate * (distance + QUEUE_TIME).as_secs_f64());
        let enough = (bytes * BLOCKS_AHEAD).max(ahead as u64);
        line.under_way + bytes <= enough
    }

    /// Whether a server has nothing to bring.
    pub fn is_idle(&self, server: ServerId) -> bool {
        self.0.get(&server).is_none_or(|line| line.under_way == 0)
    }
    /// A server was asked for so many bytes.
    pub fn asked(&mut self, server: ServerId, bytes: u64) {
        let line = self.0.entry(server).or_default();
        if line.under_way == 0 {
            line.since = Some(Instant::now());
        }
        line.under_way += bytes;
    }

    /// It brought them.
    pub fn came(&mut self, server: ServerId, bytes: u64) {
        let Some(line) = self.0.get_mut(&server) else { return };
        line.under_way = line.under_way.saturating_sub(bytes);
        let span = line.span();
        line.since = Some(Instant::now());
        if bytes >= SAMPLE_MIN && span >= SPAN_MIN {
            let rate = bytes as f64 / span.as_secs_f64();
            line.rate = Some(line.rate.map_or(rate, |before| (before + rate) / 2.0));
        }
    }

    /// It will not bring them: nobody waits any more. In the time that it had, its line has carried less
    /// than it was asked for.
    pub fn dropped(&mut self, server: ServerId, bytes: u64) {
        let Some(line) = self.0.get_mut(&server) else { return };
        let span = line.span();
        if bytes >= SAMPLE_MIN && span >= SPAN_MIN {
            let rate = line.under_way as f64 / span.as_secs_f64();
            line.rate = Some(line.rate.map_or(rate, |before| before.min(rate)));
        }
        line.under_way = line.under_way.saturating_sub(bytes);
    }

    /// How long its line would be busy until it has brought `bytes` more, if one that has shown nothing
    /// carries as much as is `presumed`.
    pub fn wait(&self, server: ServerId, bytes: u64, presumed: Option<f64>) -> Duration {
        let line = self.0.get(&server);
        let rate = line.and_then(|line| line.rate);
        let Some(rate) = rate.or(presumed) else { return Duration::ZERO };
        let before = line.map_or(0.0, |line| {
            let left = line.under_way as f64 - rate * line.span().as_secs_f64();
            left.max(0.0)
        });
        let seconds = (before + bytes as f64) / rate;
        Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MAX).min(WAIT_MAX)
    }

    /// What the quickest has shown.
    pub fn best_rate(&self) -> Option<f64> {
        self.0.values().filter_map(|line| line.rate).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const MIB: u64 = 1 << 20;

    /// Lines of which each server has brought a MiB in so many seconds.
    async fn shown(servers: &[(u8, u64)]) -> Lines {
        let mut lines = Lines::default();
        for (number, seconds) in servers {
            lines.asked(server(*number), MIB);
            advance(Duration::from_secs(*seconds)).await;
            lines.came(server(*number), MIB);
        }
        lines
    }

    fn server(number: u8) -> ServerId {
        ServerId([number; 32])
    }

    fn rounded(wait: Duration) -> u128 {
        (wait.as_millis() + 5) / 10 * 10
    }

    #[tokio::test(start_paused = true)]
    async fn two_answers_at_once_are_a_line_as_wide_as_both() {
        let mut lines = Lines::default();
        lines.asked(server(1), MIB);
        lines.asked(server(1), MIB);
        advance(Duration::from_secs(1)).await;
        lines.came(server(1), MIB);
        advance(Duration::from_secs(1)).await;
        lines.came(server(1), MIB);
        assert_eq!(rounded(lines.wait(server(1), MIB, None)), 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_much_to_bring_is_waited_for_longer_and_less_as_time_goes_by() {
        let mut lines = shown(&[(1, 1)]).await;
        lines.asked(server(1), 2 * MIB);
        assert_eq!(rounded(lines.wait(server(1), MIB, None)), 3_000);
        advance(Duration::from_secs(1)).await;
        assert_eq!(rounded(lines.wait(server(1), MIB, None)), 2_000);
        lines.dropped(server(1), 2 * MIB);
        assert_eq!(rounded(lines.wait(server(1), MIB, None)), 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_shown_nothing_is_thought_to_carry_what_is_presumed() {
        let mut lines = shown(&[(1, 1), (2, 4)]).await;
        assert_eq!(lines.wait(server(3), MIB, None), Duration::ZERO, "nothing is presumed");
        let best = lines.best_rate();
        assert_eq!(rounded(lines.wait(server(3), MIB, best)), 1_000, "as much as the quickest");
        lines.asked(server(3), MIB);
        assert_eq!(rounded(lines.wait(server(3), MIB, best)), 2_000);
        assert_eq!(
            rounded(lines.wait(server(2), MIB, best)),
            4_000,
            "it has shown what it carries"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_has_room_for_what_keeps_it_busy_and_no_more() {
        let mut lines = shown(&[(1, 1), (2, 100)]).await;
        let room = |lines: &Lines, number, bytes| {
            lines.has_room(server(number), bytes, Duration::from_millis(300))
        };
        // At a MiB a second half of one is on its way, or stands before it.
        lines.asked(server(1), MIB * 7 / 16);
        assert!(room(&lines, 1, MIB / 16));
        lines.asked(server(1), MIB / 16);
        assert!(!room(&lines, 1, MIB / 16));
        // Two blocks at least, however slow it is.
        lines.asked(server(2), MIB / 16);
        assert!(room(&lines, 2, MIB / 16));
        lines.asked(server(2), MIB / 16);
        assert!(!room(&lines, 2, MIB / 16));
        lines.came(server(2), MIB / 16);
        assert!(room(&lines, 2, MIB / 16) && !lines.is_idle(server(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_brought_nothing_in_its_time_is_slower_than_that() {
        let mut lines = shown(&[(1, 1)]).await;
        for number in [1, 2] {
            lines.asked(server(number), MIB);
            advance(Duration::from_secs(4)).await;
            lines.dropped(server(number), MIB);
            assert_eq!(rounded(lines.wait(server(number), MIB, Some(9e9))), 4_000, "{number}");
        }
        // It is said of one that had no time, too, and changes nothing.
        lines.asked(server(1), MIB);
        lines.dropped(server(1), MIB);
        assert_eq!(rounded(lines.wait(server(1), MIB, None)), 4_000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_here_already_and_what_is_small_says_nothing_of_a_line() {
        let mut lines = Lines::default();
        lines.asked(server(1), MIB);
        lines.came(server(1), MIB);
        lines.asked(server(1), 1_000);
        advance(Duration::from_secs(1)).await;
        lines.came(server(1), 1_000);
        assert_eq!(lines.wait(server(1), MIB, None), Duration::ZERO);
    }
}
