//! One share, read from its beginning to its end. The next blocks are on their way while those before
//! them are hashed.

use super::company::Company;
use super::{Flaw, Part};
use crate::base::budget::Share as Room;
use crate::base::file::FileFacts;
use crate::base::limits::{BULK_MAX, BUSY_ROUNDS_MAX};
use crate::codec::decode::{OpenShare, Opening, ShareError};
use crate::codec::layout::Version;
use crate::codec::verify::{opened, runs};
use crate::codec::{Geometry, SegmentNum};
use crate::grid::client::Client;
use crate::grid::compute::CutOff;
use crate::grid::download::{Fault, Found, fetch};
use crate::tub::RemoteError;
use bytes::Bytes;
use std::ops::Range;

/// Bytes of a share that are read at once: what one answer can hold.
const WINDOW: u64 = BULK_MAX as u64;
/// Blocks that are read at once, for files with small segments.
const BLOCKS_MAX: u64 = 1024;

/// What is known of a share that is good.
#[derive(Debug, Clone, Copy)]
pub struct Inspected {
    pub geometry: Geometry,
    pub version: Version,
}

impl From<Fault> for Flaw {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Share(error) => error.into(),
            Fault::Remote(error) => Self::Unreadable(error),
        }
    }
}

impl From<CutOff> for Flaw {
    fn from(_: CutOff) -> Self {
        Self::Unreadable(RemoteError::Stopped)
    }
}

/// Reads a share, or a part of its blocks, in no more time than its company allows.
pub async fn inspect(
    client: &Client,
    found: &Found,
    facts: FileFacts,
    (part, company): (Part, &Company),
) -> Result<Inspected, Flaw> {
    let reading = Reading { client, found, part, company };
    let mut opening = Opening::new(facts, found.num, found.length, true)?;
    let fetched = reading.fetch(&mut opening).await;
    let contradicting = opening.contradicts_cap();
    let inspected = match fetched {
        Ok(room) => reading.inspect(opening, room).await,
        Err(flaw) => Err(flaw),
    };
    match inspected {
        Err(Flaw::Corrupt(_)) if contradicting => Err(Flaw::Contradicting),
        other => other,
    }
}

struct Reading<'a> {
    client: &'a Client,
    found: &'a Found,
    part: Part,
    company: &'a Company,
}

impl Reading<'_> {
    /// Gives the opening all that it wants; the memory for that and for what comes.
    async fn fetch(&self, opening: &mut Opening) -> Result<Option<Room>, Flaw> {
        for (offset, bytes) in self.found.parts.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            opening.take(*offset, bytes.clone())?;
        }
        let mut room = None;
        while let Some(range) = opening.wants()? {
            if room.is_none() {
                room = self.room(opening).await;
            }
            let read = self.read(range.clone());
            let bytes = self.company.limit(read).await?;
            opening.take(range.start, bytes)?;
        }
        Ok(if room.is_none() { self.room(opening).await } else { room })
    }

    /// What comes before the UEB is proven is little.
    async fn room(&self, opening: &Opening) -> Option<Room> {
        let weight = opening.geometry().map(weight)?;
        Some(self.client.verifying.wait(weight).await)
    }

    async fn inspect(&self, opening: Opening, _room: Option<Room>) -> Result<Inspected, Flaw> {
        let share = opened(opening)?;
        self.company.bound(&self.client.timeouts, self.blocks(&share)).await?;
        Ok(Inspected { geometry: *share.geometry(), version: share.version() })
    }

    async fn blocks(&self, share: &OpenShare) -> Result<(), Flaw> {
        let segments = self.part.segments(share.geometry().segments());
        let mut runs = runs(share.geometry(), segments, (WINDOW, BLOCKS_MAX));
        let Some(mut run) = runs.next() else { return Ok(()) };
        let mut bytes = self.run(share, run).await?;
        loop {
            let next = runs.next();
            let ahead = async {
                match next {
                    Some(next) => self.run(share, next).await.map(Some),
                    None => Ok(None),
                }
            };
            let (checked, ahead) = tokio::join!(self.check(share, run, bytes), ahead);
            checked?;
            match (next, ahead?) {
                (Some(next), Some(ahead)) => (run, bytes) = (next, ahead),
                _ => return Ok(()),
            }
        }
    }

    async fn run(&self, share: &OpenShare, run: (SegmentNum, u64)) -> Result<Bytes, Flaw> {
        self.read(share.range(run.0, run.1)).await
    }

    async fn check(
        &self,
        share: &OpenShare,
        (first, count): (SegmentNum, u64),
        bytes: Bytes,
    ) -> Result<(), Flaw> {
        let (share, work) = (share.clone(), bytes.len());
        let verify = move || share.verify(first, count, bytes).map(drop);
        Ok(self.client.compute.run(work, verify).await??)
    }

    /// Exactly these bytes. A busy server is asked again some times.
    async fn read(&self, range: Range<u64>) -> Result<Bytes, Flaw> {
        if range.end > self.found.length || range.start > range.end {
            return Err(ShareError::Short.into());
        }
        let (timeouts, mut round) = (&self.client.timeouts, 0);
        loop {
            match fetch(self.found, range.clone(), timeouts.read).await {
                Err(Fault::Remote(RemoteError::Busy)) if round < BUSY_ROUNDS_MAX => {
                    tokio::time::sleep(timeouts.again * 2_u32.pow(round)).await;
                    round += 1;
                }
                outcome => return Ok(outcome?),
            }
        }
    }
}

/// Bytes that reading such a share holds: its two trees as they came and as they are held, and blocks
/// that come, that have come and that are hashed.
fn weight(geometry: &Geometry) -> usize {
    let window = WINDOW.min(geometry.share_data()).max(geometry.block_size());
    let weight = geometry.tree_bytes().saturating_mul(4).saturating_add(window.saturating_mul(3));
    usize::try_from(weight).unwrap_or(usize::MAX)
}
