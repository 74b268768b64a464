//! Whether a server has what it says that it has: a share is opened and proven, its blocks are not read.

use super::Share;
use super::find::shares_at;
use super::share::Opener;
use crate::base::StorageIndex;
use crate::base::file::FileFacts;
use crate::base::limits::OPEN_HEAD_MAX;
use crate::grid::servers::Server;
use crate::grid::timeouts::{Timeouts, within};
use crate::storage::api::OpenBucket;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// Whether the server shows a share that belongs to the file. Within the time of a question.
pub async fn shows_a_share(
    server: &Arc<Server>,
    si: StorageIndex,
    facts: &FileFacts,
    timeouts: &Timeouts,
) -> bool {
    let showing = async {
        let asked = server.storage.call(OpenBucket { si, head: OPEN_HEAD_MAX });
        let Ok(opened) = within(timeouts.find, asked).await else { return false };
        let (tree, contradicted) = (OnceLock::new(), AtomicBool::new(false));
        let (first, time) = (0..0, timeouts.find);
        let opener =
            Opener { facts, tree: &tree, first: &first, time, contradicted: &contradicted };
        for found in shares_at((server, si), OPEN_HEAD_MAX, opened) {
            if Share::new(found).open(&opener).await.is_ok() {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(timeouts.find, showing).await.unwrap_or(false)
}
