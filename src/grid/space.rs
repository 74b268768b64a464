//! How full the connected servers are.

use super::client::Client;
use super::round::Round;
use super::server_id::ServerId;
use super::standing::Duty;
use super::timeouts::within;
use crate::base::limits::SPACE_TIME;
use crate::storage::api::{GetSpace, SpaceNow};
use std::collections::HashMap;

impl Client {
    /// Asks all connected servers at once; those that do not answer soon, or do not know the
    /// question, are left out.
    pub async fn spaces(&self) -> HashMap<ServerId, SpaceNow> {
        let mut round = Round::new(Duty::List, SPACE_TIME, &self.timeouts);
        for server in self.pool.all() {
            let space = within(SPACE_TIME, server.storage.call(GetSpace {}));
            round.ask(&server, server.id, space);
        }
        let mut spaces = HashMap::new();
        while let Some((id, answer)) = round.next(round.is_half_done()).await {
            spaces.extend(answer.ok().map(|space| (id, space)));
        }
        round.note_late();
        spaces
    }
}
