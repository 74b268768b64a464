//! How much of a file the servers have, while a command waits for a gateway that has all of it. The
//! gateway is asked, at leisure and on a thread beside; one that does not say is no trouble.

use super::http::Connection;
use super::progress::{Progress, Waiting};
use serde::Deserialize;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks until it is dropped.
pub struct Watch {
    _over: Sender<()>,
}

/// Shows on `progress` how far the file is that goes to the gateway by another request. Nothing is
/// asked if nobody would see it.
pub fn watch(connection: &Connection, progress: &Progress) -> Option<Watch> {
    let waiting = progress.waiting()?;
    let connection = connection.clone();
    let (over, ended) = channel();
    std::thread::spawn(move || {
        while ended.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            if let Some(size) = waiting.all_sent()
                && ask(&connection, size, &waiting).is_none()
            {
                return;
            }
        }
    });
    Some(Watch { _over: over })
}

/// None if the gateway does not say and will not.
fn ask(connection: &Connection, size: u64, waiting: &Waiting) -> Option<()> {
    let answer = connection.get("/status?t=json").ok()?.success("").ok()?;
    let transfers: Transfers = answer.json().ok()?;
    if let Some(bytes) = transfers.stored(size) {
        waiting.stored(bytes, size);
    }
    Some(())
}

/// What a gateway has under way.
#[derive(Deserialize)]
struct Transfers {
    active: Vec<Transfer>,
}

#[derive(Deserialize)]
struct Transfer {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "total-size")]
    size: Option<u64>,
    /// Who came by a door is somebody else.
    door: Option<String>,
    /// The part of it that is on the servers, 0 to 1.
    #[serde(rename = "progress-encode-push")]
    stored: Option<f64>,
}

impl Transfers {
    /// Bytes stored of the one upload of that size; of several nobody knows which is meant.
    fn stored(&self, size: u64) -> Option<u64> {
        let fits = |transfer: &&Transfer| {
            transfer.kind == "upload" && transfer.size == Some(size) && transfer.door.is_none()
        };
        let mut uploads = self.active.iter().filter(fits);
        let part = uploads.next()?.stored?;
        uploads.next().is_none().then_some((part.clamp(0.0, 1.0) * size as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::history::History;
    use crate::gateway::pages::activity::described;
    use crate::grid::progress::{self, Stage};
    use serde_json::json;

    /// What a gateway with these uploads answers.
    fn transfers(history: &History) -> Transfers {
        let active: Vec<_> = history.active().iter().map(|record| described(record)).collect();
        serde_json::from_value(json!({"active": active, "recent": []})).unwrap()
    }

    #[test]
    fn the_one_upload_of_that_size_is_meant() {
        let history = History::default();
        let (upload, _other) = (history.upload(1_000, None), history.upload(2_000, None));
        assert_eq!(transfers(&history).stored(1_000), Some(0));
        let stage = Stage::Sending;
        upload.listener()(&progress::Progress { stage, done: 250, total: 1_000, servers: 10 });
        assert_eq!(transfers(&history).stored(1_000), Some(250));
        assert_eq!(transfers(&history).stored(3_000), None);
        let _by_a_door = history.upload(1_000, Some("box".into()));
        assert_eq!(transfers(&history).stored(1_000), Some(250));
        let _same = history.upload(1_000, None);
        assert_eq!(transfers(&history).stored(1_000), None);
    }
}
