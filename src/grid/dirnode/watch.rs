//! Hearing of changes as they happen.

use super::DirError;
use super::place::Place;
use crate::tub::{AnyMessage, Delivery, Object, Ref, RemoteError};
use crate::vdrive::api::{HeadMoved, WatchHead, Watcher};
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::watch;

/// Keeps the newest sequence that the server told.
struct Listener(watch::Sender<u64>);

impl Object for Listener {
    fn deliver(&self, _: u16, message: AnyMessage) -> Delivery {
        let answer = match message.downcast::<HeadMoved>() {
            Ok(news) => {
                self.0.send_if_modified(|newest| {
                    let newer = news.seq > *newest;
                    *newest = news.seq.max(*newest);
                    newer
                });
                Ok(Box::new(()) as AnyMessage)
            }
            Err(_) => Err(RemoteError::BadArguments),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Place {
    /// The sequence now, then each newer one; those that nobody took in time are skipped. Ends when
    /// the link to the server is lost. It is a hint to look, and proves nothing.
    pub async fn followed(&self) -> Result<BoxStream<'static, u64>, DirError> {
        let reader = self.dirs.held.readers.get(self.tub(), &self.furl).await;
        let reader = reader.map_err(|error| self.failed(error))?;
        let (send, receive) = watch::channel(0);
        let watcher: Ref<Watcher> = Ref::local(Listener(send));
        let asked = self.before_asking();
        let call = reader.call(WatchHead { watcher: watcher.clone() });
        let now = call.await.map_err(|error| self.failed(error))?;
        let head = self.believe(asked, &now.verify_key, &now.head)?;
        // The stream holds both references: who drops it hears no more.
        let held = (reader, watcher);
        let stream = unfold((receive, head.seq, true, held), |state| async move {
            let (mut receive, mut last, first, held) = state;
            if first {
                return Some((last, (receive, last, false, held)));
            }
            loop {
                tokio::select! {
                    biased;
                    changed = receive.changed() => changed.ok()?,
                    () = held.0.lost() => return None,
                }
                let newest = *receive.borrow_and_update();
                if newest > last {
                    last = newest;
                    return Some((last, (receive, last, false, held)));
                }
            }
        });
        Ok(stream.boxed())
    }
}
