//! What one download asked whom for, and when: for those who want to see where its time goes.

use super::share::Share;
use crate::base::ShareNum;
use crate::base::limits::TRACE_EVENTS_MAX;
use crate::base::lock::locked;
use crate::codec::Geometry;
use crate::codec::SegmentNum;
use crate::grid::servers::Server;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// From when to when, since the download began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: Duration,
    pub end: Duration,
}

/// A server was asked what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub server: String,
    pub span: Span,
    /// None if it did not say.
    pub shares: Option<Vec<ShareNum>>,
}

/// Bytes of a share were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlocksRead {
    pub server: String,
    pub share: ShareNum,
    pub range: Range<u64>,
    pub span: Span,
    pub came: bool,
}

/// Consecutive segments were fetched and decoded at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentsRead {
    pub first: u64,
    /// Where each of them is in the file.
    pub ranges: Vec<Range<u64>>,
    pub span: Span,
    pub decoded: bool,
}

/// Everything, each list in the order in which it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    pub asked: Vec<Asked>,
    pub blocks: Vec<BlocksRead>,
    pub segments: Vec<SegmentsRead>,
}

/// Takes events down, the first so many of each kind; by default none. Clones are the same.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Inner>>);

struct Inner {
    began: Instant,
    events: Mutex<Events>,
}

impl Trace {
    /// One that begins now.
    pub fn begin() -> Self {
        Self(Some(Arc::new(Inner { began: Instant::now(), events: Mutex::default() })))
    }

    pub fn events(&self) -> Events {
        let copy = |inner: &Arc<Inner>| locked(&inner.events).clone();
        self.0.as_ref().map(copy).unwrap_or_default()
    }

    fn note(&self, since: Instant, note: impl FnOnce(&mut Events, Span)) {
        let Some(inner) = &self.0 else { return };
        let start = since.saturating_duration_since(inner.began);
        let span = Span { start, end: inner.began.elapsed() };
        note(&mut locked(&inner.events), span);
    }

    pub(super) fn asked(&self, server: &Server, since: Instant, shares: Option<Vec<ShareNum>>) {
        self.note(since, |events, span| {
            add(&mut events.asked, || Asked { server: server.id.to_string(), span, shares });
        });
    }

    pub(super) fn blocks(&self, share: &Share, since: Instant, (range, came): (Range<u64>, bool)) {
        self.note(since, |events, span| {
            add(&mut events.blocks, || BlocksRead {
                server: share.server().id.to_string(),
                share: share.num(),
                range,
                span,
                came,
            });
        });
    }

    pub(super) fn segments(
        &self,
        geometry: &Geometry,
        since: Instant,
        (segments, decoded): (Range<u64>, bool),
    ) {
        let range = |segment: u64| {
            let start = geometry.segment_offset(SegmentNum(segment));
            start..(start + geometry.segment_size()).min(geometry.size())
        };
        self.note(since, |events, span| {
            add(&mut events.segments, || SegmentsRead {
                first: segments.start,
                ranges: segments.map(range).collect(),
                span,
                decoded,
            });
        });
    }
}

fn add<T>(list: &mut Vec<T>, event: impl FnOnce() -> T) {
    if list.len() < TRACE_EVENTS_MAX {
        list.push(event());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_very_many_events_are_kept() {
        let trace = Trace::begin();
        let geometry =
            Geometry::with_segment_size(crate::codec::Params::new(3, 10).unwrap(), 1_000, 300)
                .unwrap();
        let since = Instant::now();
        for segment in 0..TRACE_EVENTS_MAX as u64 + 1 {
            trace.segments(&geometry, since, (segment % 4..4, segment > 0));
        }
        let events = trace.events();
        assert_eq!(events.segments.len(), TRACE_EVENTS_MAX);
        let first = &events.segments[0];
        assert_eq!(first.ranges, [0..300, 300..600, 600..900, 900..1_000]);
        assert!(!first.decoded && first.span.start <= first.span.end);
        assert_eq!((events.segments[3].first, events.segments[3].ranges.len()), (3, 1));
        Trace::default().segments(&geometry, since, (0..1, true));
        assert_eq!(Trace::default().events(), Events::default());
    }
}
