//! All rows of a directory, proven to be all and to be of one moment.
//!
//! Pages may come from different heads while others change the directory. Then what changed since
//! the first page is asked for and put over it, until everything fits one head. The proof is the set
//! itself: its root must be the one that is signed. Until that is known, no more is held than the
//! signed number of rows allows, and the room that was taken for it.

use super::DirError;
use super::place::{Place, State};
use crate::base::budget::Share;
use crate::base::limits::{LARGE_DIRECTORIES_MAX, REDOS_MAX, REMOVALS_KEPT, ROW_ROOM};
use crate::vdrive::api::{Changes, ListRows, Page, RowsSince};
use crate::vdrive::format::{Head, Row, RowId, SignedHead, Trie};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows asked for at once; a server sends as many as one answer holds.
const PAGE: u32 = 16_384;

/// Rows that are being put together.
struct Gathering {
    rows: BTreeMap<RowId, Row>,
    /// The head of the first page, and of the newest one.
    first: SignedHead,
    newest: SignedHead,
    verify_key: [u8; 32],
    /// The largest number of rows that any of the heads says.
    most: u64,
    /// Memory for all rows that came, also for those that others replaced.
    bytes: usize,
    room: Share,
}

/// What asking for all pages came to.
enum Pages {
    All(Box<Gathering>),
    /// Others change so much that it is better to begin again.
    Changing,
    /// It needs so much room, and has none now.
    Larger(usize),
}

impl Place {
    /// The whole directory, and the room that it takes, for which it waits so long.
    pub async fn all(&self, wait: Duration) -> Result<(State, Share), DirError> {
        let found = self.gathered(wait).await?;
        self.dirs.on_rows(found.rows.len(), move || found.whole()).await
    }

    /// Its rows alone.
    pub async fn listed(&self, wait: Duration) -> Result<(Vec<Row>, Share), DirError> {
        let found = self.gathered(wait).await?;
        self.dirs.on_rows(found.rows.len(), move || found.listed()).await
    }

    /// The same, with what proves them.
    pub async fn signed(&self, wait: Duration) -> Result<Signed, DirError> {
        let found = self.gathered(wait).await?;
        self.dirs.on_rows(found.rows.len(), move || found.signed()).await
    }

    async fn gathered(&self, wait: Duration) -> Result<Gathering, DirError> {
        let mut larger = None;
        for _ in 0..REDOS_MAX {
            let room = match larger {
                None => self.dirs.memory.page(wait).await?,
                Some(bytes) => self.dirs.memory.large(bytes, wait).await?,
            };
            let mut found = match self.pages(room).await? {
                Pages::All(found) => *found,
                Pages::Changing => continue,
                Pages::Larger(bytes) => {
                    larger = Some(bytes);
                    continue;
                }
            };
            let mut patched = found.first == found.newest;
            for _ in 0..REDOS_MAX {
                if patched {
                    return Ok(found);
                }
                let Some(settled) = self.patch(&mut found).await? else { break };
                patched = settled;
            }
        }
        Err(DirError::TooManyRedos)
    }

    /// All pages, if there is room for them.
    async fn pages(&self, room: Share) -> Result<Pages, DirError> {
        let (mut found, mut room): (Option<Gathering>, _) = (None, Some(room));
        let mut after = None;
        loop {
            let asked = self.before_asking();
            let page: Page = self.ask(|| ListRows { after, limit: PAGE }).await?;
            let head = self.believe_signed(asked, &page.verify_key, &page.head)?;
            let rows = decode(page.rows.0)?;
            let last = ascending(&rows, after.as_ref())?;
            if let Some(room) = room.take() {
                let needed = estimate(&head.head, &rows);
                if needed > room.bytes() {
                    return Ok(Pages::Larger(needed));
                }
                found = Some(Gathering::new((head, page.verify_key), room));
            }
            let put = found.as_mut().map(|found| found.put(head, rows)).transpose()?;
            if put == Some(false) {
                return Ok(Pages::Changing);
            }
            match (page.more, last) {
                (false, _) => break,
                (true, None) => return Err(DirError::Forged("a page of its rows is empty")),
                (true, Some(last)) => after = Some(last),
            }
        }
        Ok(found.map_or(Pages::Changing, |found| Pages::All(Box::new(found))))
    }

    /// Puts what changed since the first page over the rows. Whether they are of one head now;
    /// `None` if the server does not know any more, or it is too much.
    async fn patch(&self, found: &mut Gathering) -> Result<Option<bool>, DirError> {
        let seq = found.first.head.seq;
        let (mut after, mut of) = (None, None);
        loop {
            let asked = self.before_asking();
            let changes: Changes = self.ask(|| RowsSince { seq, after, limit: PAGE }).await?;
            let head = self.believe_signed(asked, &changes.verify_key, &changes.head)?;
            if !changes.complete {
                return Ok(None);
            }
            if after.is_none() {
                found.remove(&changes.removed.0)?;
            }
            let rows = decode(changes.rows.0)?;
            let last = ascending(&rows, after.as_ref())?;
            if !found.put(head, rows)? {
                return Ok(None);
            }
            let settled = *of.get_or_insert(head) == head;
            match (changes.more, last) {
                (false, _) => return Ok(Some(settled)),
                (true, None) => return Err(DirError::Forged("a page of its changes is empty")),
                (true, Some(last)) => after = Some(last),
            }
        }
    }
}

impl Gathering {
    fn new((head, verify_key): (SignedHead, [u8; 32]), room: Share) -> Self {
        let (rows, most) = (BTreeMap::new(), head.head.rows);
        Self { rows, first: head, newest: head, verify_key, most, bytes: 0, room }
    }

    /// Adds rows that came with `head`; false if they are more than what changed meanwhile explains
    /// and the server would remember.
    fn put(&mut self, head: SignedHead, rows: Vec<Row>) -> Result<bool, DirError> {
        self.newest = head;
        self.most = self.most.max(head.head.rows);
        self.bytes += rows.iter().map(room_of).sum::<usize>();
        if self.bytes > self.room.bytes() {
            self.room.resize(self.bytes)?;
        }
        self.rows.extend(rows.into_iter().map(|row| (row.id, row)));
        let count = self.rows.len() as u64;
        if self.first == head && count > head.head.rows {
            return Err(DirError::Forged("it sends more rows than there are"));
        }
        Ok(count <= self.most.saturating_add(REMOVALS_KEPT as u64))
    }

    fn remove(&mut self, ids: &[u8]) -> Result<(), DirError> {
        let (ids, rest) = ids.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(DirError::Forged("its removals are malformed"));
        }
        for id in ids {
            self.rows.remove(id);
        }
        Ok(())
    }

    fn whole(self) -> Result<(State, Share), DirError> {
        let (trie, head) = (self.proven()?, self.newest.head);
        let rows = self.rows.into_iter().collect();
        Ok((State { head, trie, rows }, self.room))
    }

    /// In the order in which they came, so that pages can be let go one after the other.
    fn listed(self) -> Result<(Vec<Row>, Share), DirError> {
        drop(self.proven()?);
        Ok((self.rows.into_values().collect(), self.room))
    }

    fn signed(self) -> Result<Signed, DirError> {
        drop(self.proven()?);
        let Self { verify_key, newest: head, room, .. } = self;
        Ok(Signed { verify_key, head, rows: self.rows.into_values().collect(), room })
    }

    fn proven(&self) -> Result<Trie, DirError> {
        proven(&self.newest.head, self.rows.values())
    }
}

/// All rows of a directory under the head that proves them.
pub(super) struct Signed {
    pub verify_key: [u8; 32],
    pub head: SignedHead,
    /// In the order of their ids.
    pub rows: Vec<Row>,
    pub room: Share,
}

/// The trie of the rows, if they are those that the head's signer knew, all of them and no others.
pub(super) fn proven<'a>(
    head: &Head,
    rows: impl ExactSizeIterator<Item = &'a Row> + Clone,
) -> Result<Trie, DirError> {
    let trie = Trie::of(rows.clone().map(|row| (row.id, row.hash())));
    let counted = rows.len() as u64 == head.rows;
    if trie.root() != head.root || !counted || { rows }.any(|row| row.seq > head.seq) {
        return Err(DirError::Forged("its rows are not those that its head stands for"));
    }
    Ok(trie)
}

/// The memory for a row while it is proven and opened.
fn room_of(row: &Row) -> usize {
    row.encoded_len() + ROW_ROOM
}

/// The memory for a directory, by its first rows. Others may be a little larger.
fn estimate(head: &Head, first: &[Row]) -> usize {
    const SPARE: usize = 32;
    let all = usize::try_from(head.rows).unwrap_or(usize::MAX);
    let had: usize = first.iter().map(room_of).sum();
    if first.len() >= all {
        return had;
    }
    let each = had / first.len().max(1);
    // Servers take none that needs more, whatever its first rows are like.
    all.saturating_mul(each + each / SPARE).min(LARGE_DIRECTORIES_MAX)
}

fn decode(bytes: Bytes) -> Result<Vec<Row>, DirError> {
    Row::decode_all(bytes).map_err(|_| DirError::Forged("its rows are malformed"))
}

/// The last id of a page, whose ids must ascend from behind `after`.
pub(super) fn ascending(rows: &[Row], after: Option<&RowId>) -> Result<Option<RowId>, DirError> {
    let mut last = after;
    for row in rows {
        if last.is_some_and(|last| *last >= row.id) {
            return Err(DirError::Forged("its rows are out of order"));
        }
        last = Some(&row.id);
    }
    Ok(rows.last().map(|row| row.id))
}
