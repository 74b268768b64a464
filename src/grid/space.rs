//! How full the connected servers are.

use super::client::Client;
use super::patience::within;
use crate::base::limits::SPACE_TIME;
use crate::storage::api::{GetSpace, SpaceNow};
use crate::tub::TubId;
use futures_util::future::join_all;
use std::collections::HashMap;

impl Client {
    /// Asks all connected servers at once; those that do not answer soon, or do not know the
    /// question, are left out.
    pub async fn spaces(&self) -> HashMap<TubId, SpaceNow> {
        let asked = self.pool.all().into_iter().map(|server| async move {
            let answer = within(SPACE_TIME, server.storage.call(GetSpace {})).await;
            answer.ok().map(|space| (server.id, space))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}
