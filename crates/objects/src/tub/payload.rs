//! Values in their encoded form, and what a value takes along as it crosses a connection.

use super::carrier::{Carrier, Import};
use super::export::Export;
use bytes::Bytes;
use std::sync::Arc;

/// An encoded value: its bincode, and the bulk that travels beside it.
#[derive(Default)]
pub struct Payload {
    pub(super) body: Vec<u8>,
    pub(super) bulk: Vec<Bytes>,
    /// The object that it is a reference to, if it is one.
    pub(super) object: Option<Export>,
    /// Objects of the peer that a call names: held until it is answered, as it may wait there.
    pub(super) lent: Vec<Arc<Import>>,
}

/// A call as it came from the wire, its head already taken off.
pub struct WireCall<'a> {
    pub(super) carrier: &'a Arc<dyn Carrier>,
    pub(super) body: &'a [u8],
    pub(super) bulk: Bytes,
}

/// A reply as it came from the wire, its head still before it.
pub(super) struct RawReply {
    pub body: Vec<u8>,
    pub at: usize,
    pub bulk: Bytes,
}

impl RawReply {
    /// The encoded value.
    pub(super) fn value(&self) -> &[u8] {
        self.body.get(self.at..).unwrap_or_default()
    }
}

/// What a value needs on its way out: the connection, and room for what goes beside it.
pub struct Outgoing<'a> {
    pub(super) carrier: &'a Arc<dyn Carrier>,
    pub(super) bulk: Vec<Bytes>,
    /// Numbers of own objects that the peer gets to hold by this.
    pub(super) exported: Vec<u32>,
    /// Objects of the peer that are named in this.
    pub(super) lent: Vec<Arc<Import>>,
}

/// What a value needs on its way in: the connection, and the bulk that is not yet claimed.
pub struct Incoming<'a> {
    pub(super) carrier: &'a Arc<dyn Carrier>,
    pub(super) bulk: Bytes,
}
