//! The messages between a node and an introducer.
//!
//! ```text
//! node                                   introducer
//!  │ Publish{announcement, holder} ─────────▶│  live for as long as the link that lent `holder`
//!  │ Subscribe{service, watcher} ───────────▶│
//!  │◀───────────────── Welcome{first, parameters}
//!  │◀──────── watcher.Changed{announced, gone, parameters}   one at a time: the next one leaves
//!  │                                                         when this one is answered
//! ```
//! A watcher that is slow to answer costs its introducer one set of tub ids, never a queue.

use crate::tub::Ref;
use crate::{remote_interface, wire_plain, wire_struct};
use serde::{Deserialize, Serialize};

/// How files are cut in this grid: any `needed` of `total` shares give a file back, and an upload
/// succeeds only when it reached `happy` distinct servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridParameters {
    pub needed: u16,
    pub happy: u16,
    pub total: u16,
}

impl GridParameters {
    /// `1 ≤ needed ≤ happy ≤ total ≤ 256`; whatever else a grid asks for is refused.
    pub fn are_sound(self) -> bool {
        let Self { needed, happy, total } = self;
        1 <= needed && needed <= happy && happy <= total && usize::from(total) <= SHARES_MAX
    }
}

use crate::base::limits::SHARES_MAX;

wire_plain!(GridParameters);

wire_struct! {
    /// What a subscriber gets at once.
    pub struct Welcome {
        /// Signed announcements of the live services, as many as fit one frame; the rest follows
        /// by [`Changed`].
        pub announced: Vec<Vec<u8>>,
        pub parameters: GridParameters,
    }
}

remote_interface! {
    /// The list of a grid's services.
    pub interface Introducer = "grid.introducer.v1" {
        /// Announces a service. It counts as live until the link that lent `holder` is gone.
        0 => Publish { announcement: Vec<u8>, holder: Ref<Publisher> } -> (),
        /// Asks for the live services of this name, now and as they change.
        1 => Subscribe { service: String, watcher: Ref<Subscriber> } -> Welcome,
    }
}

remote_interface! {
    /// Held by the introducer for one announcing node; losing it means the node is gone.
    pub interface Publisher = "grid.introducer.publisher.v1" {
        /// The introducer asks whether the announcement still holds.
        0 => StillThere {} -> bool,
    }
}

remote_interface! {
    /// A node that wants to hear of changes.
    pub interface Subscriber = "grid.introducer.subscriber.v1" {
        /// Signed announcements that are new, tub ids whose service is no longer connected, and
        /// the grid's parameters when they changed. A node that hears of its own tub that it is gone
        /// has a twin: another process with its key is connected.
        0 => Changed {
            announced: Vec<Vec<u8>>,
            gone: Vec<[u8; 32]>,
            parameters: Option<GridParameters>
        } -> (),
    }
}

/// Codes of `RemoteError::App` from an introducer.
pub mod code {
    /// The announcement is malformed, or not signed by the tub that sent it.
    pub const NOT_YOURS: u16 = 1;
    /// A newer announcement of this tub is already known.
    pub const STALE: u16 = 2;
    /// The list is full.
    pub const FULL: u16 = 3;
}
