//! Objects of this process as connections call them.

use super::error::RemoteError;
use super::object::{BoxFuture, Object};
use super::payload::{Payload, WireCall};
use std::sync::{Arc, Weak};

/// Decodes a call of one method, queues it on an object, and encodes the reply.
type Invoke = fn(
    &Arc<dyn Object>,
    u16,
    WireCall<'_>,
) -> Result<BoxFuture<Result<Payload, RemoteError>>, RemoteError>;

/// An interface, as far as it matters to calls from the wire.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub id: u32,
    /// Objects of it that one link may hold.
    pub held_max: usize,
    pub invoke: Invoke,
    /// Bytes that a reply of a method takes at most.
    pub reply_max: fn(u16) -> usize,
}

/// A local object with its interface, ready to be called from the wire.
#[derive(Clone)]
pub struct Export {
    kind: Kind,
    object: Arc<dyn Object>,
}

impl Export {
    pub(super) fn new(kind: Kind, object: Arc<dyn Object>) -> Self {
        Self { kind, object }
    }

    pub(super) fn interface(&self) -> u32 {
        self.kind.id
    }

    /// Objects of its interface that one link may hold.
    pub(super) fn held_max(&self) -> usize {
        self.kind.held_max
    }

    /// The object, if it has this interface.
    pub(super) fn object(self, interface: u32) -> Result<Arc<dyn Object>, RemoteError> {
        if self.interface() == interface {
            Ok(self.object)
        } else {
            Err(RemoteError::WrongInterface)
        }
    }

    /// Equal for two exports of the same object.
    pub(super) fn key(&self) -> (usize, u32) {
        (Arc::as_ptr(&self.object).cast::<()>() as usize, self.interface())
    }

    /// Bytes that a reply of `method` takes at most.
    pub(super) fn reply_max(&self, method: u16) -> usize {
        (self.kind.reply_max)(method)
    }

    pub(super) fn invoke(
        &self,
        method: u16,
        call: WireCall<'_>,
    ) -> Result<BoxFuture<Result<Payload, RemoteError>>, RemoteError> {
        (self.kind.invoke)(&self.object, method, call)
    }

    pub(super) fn downgrade(&self) -> WeakExport {
        WeakExport { kind: self.kind, object: Arc::downgrade(&self.object) }
    }
}

/// An export that holds nothing: it is there as long as others hold the object.
pub(super) struct WeakExport {
    kind: Kind,
    object: Weak<dyn Object>,
}

impl WeakExport {
    pub(super) fn upgrade(&self) -> Option<Export> {
        Some(Export { kind: self.kind, object: self.object.upgrade()? })
    }

    pub(super) fn is_there(&self) -> bool {
        self.object.strong_count() > 0
    }
}
