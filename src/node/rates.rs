//! How much of its line the owner lets a node take: the files `upload_rate` and `download_rate`; and how much
//! of that what it keeps, as `keep_rate` says.
//!
//! ```text
//! 500K                   so many bytes a second, always
//! 08:00-18:30 200K       at these times of the day, by this machine's clock; the first line that fits counts
//! 22:00-06:00 off        as many as there are
//! ```
//! The first two are read again every minute, if the node was started with either; the last whenever something
//! was read.

use super::basedir::{Basedir, BasedirError};
use super::config::size;
use crate::base::limits::{RATE_MIN, RATES_LOOK};
use crate::grid::tasks::Task;
use crate::tub::{Network, Rates, Tcp};
use std::sync::Arc;

const UP: &str = "upload_rate";
const DOWN: &str = "download_rate";
const KEEP: &str = "keep_rate";
const TEXT_MAX: u64 = 4 << 10;
const ACCEPTED: &str = "bytes a second such as `500K`, at least 4K, or `off`; or lines of times and these, \
                        such as `08:00-18:30 200K`";

/// Minutes since midnight.
type Minute = u16;

/// What one of the files says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Schedule(Vec<Line>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    from: Minute,
    to: Minute,
    /// None is no limit.
    rate: Option<u64>,
}

impl Schedule {
    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(Line::parse).collect::<Option<_>>().map(Self)
    }

    /// The rate at a time of the day.
    fn at(&self, now: Minute) -> Option<u64> {
        self.0.iter().find(|line| line.holds(now))?.rate
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let (times, rate) = match line.split_once(char::is_whitespace) {
            Some((times, rate)) => (Some(times), rate.trim()),
            None => (None, line),
        };
        let (from, to) = match times {
            Some(times) => {
                let (from, to) = times.split_once('-')?;
                (minute(from)?, minute(to)?)
            }
            None => (0, 0),
        };
        let rate = match rate {
            "off" => None,
            rate => Some(size(rate).filter(|rate| *rate >= RATE_MIN)?),
        };
        Some(Self { from, to, rate })
    }

    /// From the one time up to the other, over midnight if it is earlier; the whole day if it is the same.
    const fn holds(&self, now: Minute) -> bool {
        let Self { from, to, .. } = *self;
        if from < to { from <= now && now < to } else { from <= now || now < to || from == to }
    }
}

fn minute(text: &str) -> Option<Minute> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u16| text.parse::<u16>().ok().filter(|n| *n < below);
    // A day may end at 24:00.
    let (hours, minutes) = (number(hours, 25)?, number(minutes, 60)?);
    let all = hours * 60 + minutes;
    (all <= 24 * 60).then_some(all % (24 * 60))
}

fn now() -> Minute {
    let now = jiff::ZonedDateTime::now();
    u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).unwrap_or(0)
}

/// What one of the files says, if it is there.
fn read_one(basedir: &Basedir, name: &str) -> Result<Option<Schedule>, BasedirError> {
    let text = basedir.read_text(name, TEXT_MAX)?;
    let parse = |text: String| {
        Schedule::parse(&text).ok_or_else(|| basedir.bad(name, text.trim(), ACCEPTED))
    };
    text.map(parse).transpose()
}

/// What the files say, if there is any.
fn read(basedir: &Basedir) -> Result<Option<[Option<Schedule>; 2]>, BasedirError> {
    let both = [read_one(basedir, UP)?, read_one(basedir, DOWN)?];
    Ok(both.iter().any(Option::is_some).then_some(both))
}

/// The rate at which shares are read to be verified, now, if the owner says one.
pub fn keeping(basedir: &Basedir) -> Result<Option<Option<u64>>, BasedirError> {
    Ok(read_one(basedir, KEEP)?.map(|schedule| schedule.at(now())))
}

fn apply(rates: &Rates, both: &[Option<Schedule>; 2]) {
    let now = now();
    let [up, down] = both.each_ref().map(|one| one.as_ref().and_then(|one| one.at(now)));
    rates.set(up, down);
}

/// The network of a node, and what follows the files as long as it is there.
pub fn network(basedir: &Basedir) -> Result<(Arc<dyn Network>, Option<Task>), BasedirError> {
    let Some(both) = read(basedir)? else { return Ok((Arc::new(Tcp), None)) };
    let rates = Rates::default();
    apply(&rates, &both);
    let network = rates.over(Arc::new(Tcp));
    let basedir = basedir.clone();
    let follow = Task::spawn(async move {
        let mut known = both;
        loop {
            tokio::time::sleep(RATES_LOOK).await;
            let files = basedir.clone();
            match crate::base::blocking::spawn(move || read(&files)).await {
                Ok(Ok(both)) => known = both.unwrap_or_default(),
                Ok(Err(error)) => tracing::error!(%error, "the rates stay what they are"),
                Err(_) => return,
            }
            apply(&rates, &known);
        }
    });
    Ok((network, Some(follow)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_always_or_at_its_times() {
        let at = |text: &str, time: &str| Schedule::parse(text).unwrap().at(minute(time).unwrap());
        assert_eq!(at("500K", "00:00"), Some(500_000));
        assert_eq!(at("off\n", "12:00"), None);
        let text = "# the office\n08:00-18:30 200K\n22:00-06:00 off\n1mB\n";
        for (time, rate) in [
            ("07:59", Some(1_000_000)),
            ("08:00", Some(200_000)),
            ("18:29", Some(200_000)),
            ("18:30", Some(1_000_000)),
            ("22:00", None),
            ("05:59", None),
            ("06:00", Some(1_000_000)),
        ] {
            assert_eq!(at(text, time), rate, "{time}");
        }
        assert_eq!(at("00:00-24:00 5K", "23:59"), Some(5_000));
        assert_eq!(at("08:00-09:00 5K", "10:00"), None, "no line fits");
        for bad in ["fast", "3", "08:00 5K", "8-9 5K", "25:00-26:00 5K", "08:60-09:00 5K", "5K 6K"]
        {
            assert_eq!(Schedule::parse(bad), None, "{bad}");
        }
    }
}
