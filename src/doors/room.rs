//! How much room there is behind a door.

use super::opened::Opened;

/// The room that there is, and that is taken, of all; in bytes of files.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub available: u64,
    pub used: u64,
}

impl Room {
    /// What the connected servers have and can still take, more or less: as if each had as much room as all
    /// have together. Servers that do not say count as full; none if nobody says.
    pub async fn of(door: &Opened) -> Option<Self> {
        let grid = door.files().grid();
        let params = grid.params();
        let spaces = grid.spaces().await;
        let (k, n) = (u64::from(params.k()), u64::from(params.n().max(1)));
        let of_files = |shares: u64| shares / n * k;
        let sum = |all: &mut dyn Iterator<Item = u64>| all.fold(0, u64::saturating_add);
        let available = sum(&mut spaces.values().filter_map(|space| space.available));
        let used = sum(&mut spaces.values().filter_map(|space| space.used));
        let is_told = spaces.values().any(|space| space.available.is_some());
        is_told.then(|| Self { available: of_files(available), used: of_files(used) })
    }
}
