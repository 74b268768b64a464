//! One upload, for whoever holds a reference to it. Its order and its clock are its session's, so it is
//! an object without an actor.

use super::told;
use crate::storage::Session;
use crate::storage::api::{Abort, BucketWriter, Close, Write};
use crate::tub::{AnyMessage, Call, Delivery, Object, Ref, RemoteError, failed};

const WRITE: u16 = <Write as Call<BucketWriter>>::METHOD;
const CLOSE: u16 = <Close as Call<BucketWriter>>::METHOD;
const ABORT: u16 = <Abort as Call<BucketWriter>>::METHOD;

/// Takes steps until its last reference is dropped, and the upload with it.
pub(super) struct Writer(Session);

impl Writer {
    pub fn of(session: Session) -> Ref<BucketWriter> {
        Ref::local(Self(session))
    }
}

impl Object for Writer {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        let done = match method {
            WRITE => match message.downcast::<Write>() {
                Ok(write) => self.0.write(write.offset, write.data.0),
                Err(_) => return failed(RemoteError::BadArguments),
            },
            CLOSE => self.0.close(),
            ABORT => self.0.abort(),
            _ => return failed(RemoteError::BadArguments),
        };
        Box::pin(async move { done.await.map(|()| Box::new(()) as AnyMessage).map_err(told) })
    }
}
