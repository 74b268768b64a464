//! One upload, for whoever holds a reference to it. Its order and its clock are its session's, so it is
//! an object without an actor. An uploader that is lost may come back for it.

use super::told;
use crate::storage::api::{Abort, BucketWriter, Close, Write, Written};
use crate::storage::{Session, SessionKey, Sessions};
use crate::tub::{AnyMessage, Call, Delivery, Object, Ref, RemoteError, failed};

const WRITE: u16 = <Write as Call<BucketWriter>>::METHOD;
const CLOSE: u16 = <Close as Call<BucketWriter>>::METHOD;
const ABORT: u16 = <Abort as Call<BucketWriter>>::METHOD;
const WRITTEN: u16 = <Written as Call<BucketWriter>>::METHOD;

/// Takes steps until its last reference is dropped, and the upload with it, unless it is kept.
pub(super) struct Writer {
    session: Session,
    key: SessionKey,
    sessions: Sessions,
}

impl Writer {
    /// For an upload that whoever has the key's secret may go on with.
    pub fn of(session: Session, key: SessionKey, sessions: &Sessions) -> Ref<BucketWriter> {
        sessions.note(key, &session);
        Ref::local(Self { session, key, sessions: sessions.clone() })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.session.is_worth_keeping() {
            self.sessions.keep(self.key, self.session.clone());
        }
    }
}

impl Object for Writer {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        let done = match method {
            WRITE => match message.downcast::<Write>() {
                Ok(write) => self.session.write(write.offset, write.data.0),
                Err(_) => return failed(RemoteError::BadArguments),
            },
            CLOSE => self.session.close(),
            ABORT => self.session.abort(),
            WRITTEN => {
                let written = self.session.written();
                return Box::pin(async move {
                    written.await.map(|bytes| Box::new(bytes) as AnyMessage).map_err(told)
                });
            }
            _ => return failed(RemoteError::BadArguments),
        };
        Box::pin(async move { done.await.map(|()| Box::new(()) as AnyMessage).map_err(told) })
    }
}
