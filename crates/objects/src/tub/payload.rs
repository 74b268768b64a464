//! Arguments and replies in their encoded form.

use super::codec;
use super::conn::{Conn, Import};
use super::error::RemoteError;
use super::sturdy::Export;
use super::wire::{Incoming, Outgoing, Wire};
use crate::base::limits::{BODY_MAX, BULK_MAX};
use bytes::Bytes;
use std::sync::Arc;

/// Room that the head of a frame may take beside the arguments.
pub(super) const HEAD_MAX: usize = 512;

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

impl Payload {
    /// Encodes `value` for `conn`; references in it become known to that connection, all or none.
    pub fn encode<T: Wire>(value: T, conn: &Arc<Conn>) -> Result<Self, RemoteError> {
        let mut out = Outgoing { conn, bulk: Vec::new(), exported: Vec::new(), lent: Vec::new() };
        let encoded = Self::encode_to(value, &mut out);
        if encoded.is_err() {
            out.exported.into_iter().for_each(|export| conn.take_back(export));
        }
        encoded
    }

    fn encode_to<T: Wire>(value: T, out: &mut Outgoing<'_>) -> Result<Self, RemoteError> {
        let twin = value.into_wire(out)?;
        let mut body = Vec::new();
        codec::encode(&twin, &mut body)?;
        let bulk_length: usize = out.bulk.iter().map(Bytes::len).sum();
        if body.len() + HEAD_MAX > BODY_MAX || bulk_length > BULK_MAX {
            return Err(RemoteError::TooBig);
        }
        let (bulk, lent) = (std::mem::take(&mut out.bulk), std::mem::take(&mut out.lent));
        Ok(Self { body, bulk, object: None, lent })
    }
}

/// A call as it came from the wire, its head already taken off.
pub struct WireCall<'a> {
    pub(super) conn: &'a Arc<Conn>,
    pub(super) body: &'a [u8],
    pub(super) bulk: Bytes,
}

impl WireCall<'_> {
    /// The arguments, all of them and nothing after them.
    pub fn decode<T: Wire>(self) -> Result<T, RemoteError> {
        let twin = codec::decode(self.body)?;
        let mut incoming = Incoming { conn: self.conn, bulk: self.bulk };
        let value = T::from_wire(twin, &mut incoming)?;
        if incoming.bulk.is_empty() { Ok(value) } else { Err(RemoteError::BadArguments) }
    }
}
