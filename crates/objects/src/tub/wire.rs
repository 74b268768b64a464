//! How values cross a link.
//!
//! A live reference cannot be serialised: it means something on one connection only. So each type
//! has a *wire twin* that is plain data, and crossing over needs the connection at hand. `Ref`
//! becomes a capability descriptor, [`Bulk`] a length beside which the bytes travel raw, and all
//! else stays what it is.

use super::carrier::Carrier;
use super::codec;
use super::error::RemoteError;
use super::export::Export;
use super::payload::{Incoming, Outgoing, Payload, RawReply, WireCall};
use crate::base::limits::{BODY_MAX, BULK_MAX};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Room that the head of a frame may take beside the arguments.
const HEAD_MAX: usize = 512;

/// A type that can be an argument or a reply.
pub trait Wire: Sized + Send + 'static {
    /// The plain data that stands for it on the wire.
    type Twin: Serialize + DeserializeOwned;

    /// Whether bulk may travel with it.
    const HAS_BULK: bool = false;

    /// Leaves the process: references become known to the peer, bulk is put beside. An error is the
    /// caller's answer, and nothing is sent.
    fn into_wire(self, out: &mut Outgoing<'_>) -> Result<Self::Twin, RemoteError>;

    /// The object that this is a reference to, if it is one.
    #[doc(hidden)]
    fn object(&self) -> Option<Export> {
        None
    }

    /// Arrives from a peer, which may have sent anything that is a twin.
    /// [`RemoteError::BadArguments`] if no honest one can have sent it.
    fn from_wire(twin: Self::Twin, from: &mut Incoming<'_>) -> Result<Self, RemoteError>;
}

/// Encodes `value`; references in it become known to the peer, all or none.
pub(super) fn encode<T: Wire>(
    value: T,
    carrier: &Arc<dyn Carrier>,
) -> Result<Payload, RemoteError> {
    let mut out = Outgoing { carrier, bulk: Vec::new(), exported: Vec::new(), lent: Vec::new() };
    let encoded = encode_to(value, &mut out);
    if encoded.is_err() {
        out.exported.into_iter().for_each(|export| carrier.take_back(export));
    }
    encoded
}

fn encode_to<T: Wire>(value: T, out: &mut Outgoing<'_>) -> Result<Payload, RemoteError> {
    let twin = value.into_wire(out)?;
    let mut body = Vec::new();
    codec::encode(&twin, &mut body)?;
    let bulk_length: usize = out.bulk.iter().map(Bytes::len).sum();
    if body.len() + HEAD_MAX > BODY_MAX || bulk_length > BULK_MAX {
        return Err(RemoteError::TooBig);
    }
    let (bulk, lent) = (std::mem::take(&mut out.bulk), std::mem::take(&mut out.lent));
    Ok(Payload { body, bulk, object: None, lent })
}

/// The arguments of a call, all of them and nothing after them.
pub(super) fn decode<T: Wire>(call: WireCall<'_>) -> Result<T, RemoteError> {
    let twin = codec::decode(call.body)?;
    let mut incoming = Incoming { carrier: call.carrier, bulk: call.bulk };
    let value = T::from_wire(twin, &mut incoming)?;
    if incoming.bulk.is_empty() { Ok(value) } else { Err(RemoteError::BadArguments) }
}

/// What a call was answered, likewise.
pub(super) fn decode_reply<T: Wire>(
    mut reply: RawReply,
    carrier: &Arc<dyn Carrier>,
) -> Result<T, RemoteError> {
    let bulk = std::mem::take(&mut reply.bulk);
    decode(WireCall { carrier, body: reply.value(), bulk })
}

/// Many bytes, carried beside the arguments without passing through the serialiser.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bulk(pub Bytes);

impl std::fmt::Debug for Bulk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bulk({} bytes)", self.0.len())
    }
}

impl Wire for Bulk {
    type Twin = u32;
    const HAS_BULK: bool = true;

    fn into_wire(self, out: &mut Outgoing<'_>) -> Result<u32, RemoteError> {
        let length = u32::try_from(self.0.len()).map_err(|_| RemoteError::TooBig)?;
        if length > 0 {
            out.bulk.push(self.0);
        }
        Ok(length)
    }

    fn from_wire(length: u32, from: &mut Incoming<'_>) -> Result<Self, RemoteError> {
        let length = usize::try_from(length).map_err(|_| RemoteError::BadArguments)?;
        if length > from.bulk.len() {
            return Err(RemoteError::BadArguments);
        }
        Ok(Self(from.bulk.split_to(length)))
    }
}

/// Declares that serde types cross as they are. They hold no references, no bulk, no zero-sized
/// elements and do not contain themselves.
#[macro_export]
macro_rules! wire_plain {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::tub::Wire for $type {
            type Twin = Self;
            fn into_wire(
                self,
                _: &mut $crate::tub::Outgoing<'_>,
            ) -> Result<Self, $crate::tub::RemoteError> {
                Ok(self)
            }
            fn from_wire(
                twin: Self,
                _: &mut $crate::tub::Incoming<'_>,
            ) -> Result<Self, $crate::tub::RemoteError> {
                Ok(twin)
            }
        }
    )*};
}

wire_plain!(u8, u16, u32, u64, i64, bool, String, [u8; 16], [u8; 20], [u8; 32]);
wire_plain!(super::furl::TubId);

impl<P: 'static> Wire for crate::base::secret::Secret<P> {
    type Twin = Self;

    fn into_wire(self, _: &mut Outgoing<'_>) -> Result<Self, RemoteError> {
        Ok(self)
    }

    fn from_wire(twin: Self, _: &mut Incoming<'_>) -> Result<Self, RemoteError> {
        Ok(twin)
    }
}

impl<T: Wire> Wire for Vec<T> {
    type Twin = Vec<T::Twin>;
    const HAS_BULK: bool = T::HAS_BULK;

    fn into_wire(self, out: &mut Outgoing<'_>) -> Result<Self::Twin, RemoteError> {
        self.into_iter().map(|item| item.into_wire(out)).collect()
    }

    fn from_wire(twin: Self::Twin, from: &mut Incoming<'_>) -> Result<Self, RemoteError> {
        twin.into_iter().map(|item| T::from_wire(item, from)).collect()
    }
}

impl<T: Wire> Wire for Option<T> {
    type Twin = Option<T::Twin>;
    const HAS_BULK: bool = T::HAS_BULK;

    fn into_wire(self, out: &mut Outgoing<'_>) -> Result<Self::Twin, RemoteError> {
        self.map(|item| item.into_wire(out)).transpose()
    }

    fn from_wire(twin: Self::Twin, from: &mut Incoming<'_>) -> Result<Self, RemoteError> {
        twin.map(|item| T::from_wire(item, from)).transpose()
    }
}

macro_rules! wire_tuple {
    ($($name:ident)*) => {
        impl<$($name: Wire),*> Wire for ($($name,)*) {
            type Twin = ($($name::Twin,)*);
            const HAS_BULK: bool = false $(|| $name::HAS_BULK)*;

            #[allow(non_snake_case, clippy::unused_unit, unused_variables, reason = "made for each arity")]
            fn into_wire(self, out: &mut Outgoing<'_>) -> Result<Self::Twin, RemoteError> {
                let ($($name,)*) = self;
                Ok(($($name.into_wire(out)?,)*))
            }

            #[allow(non_snake_case, clippy::unused_unit, unused_variables, reason = "made for each arity")]
            fn from_wire(twin: Self::Twin, from: &mut Incoming<'_>) -> Result<Self, RemoteError> {
                let ($($name,)*) = twin;
                Ok(($($name::from_wire($name, from)?,)*))
            }
        }
    };
}

wire_tuple!();
wire_tuple!(A);
wire_tuple!(A B);
wire_tuple!(A B C);
wire_tuple!(A B C D);

/// Declares a struct whose fields may hold references or bulk.
#[macro_export]
macro_rules! wire_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl $crate::tub::Wire for $name {
            type Twin = ($(<$type as $crate::tub::Wire>::Twin,)*);
            const HAS_BULK: bool = false $(|| <$type as $crate::tub::Wire>::HAS_BULK)*;

            #[allow(unused_variables, clippy::unused_unit, reason = "made for each number of fields")]
            fn into_wire(
                self,
                out: &mut $crate::tub::Outgoing<'_>,
            ) -> Result<Self::Twin, $crate::tub::RemoteError> {
                Ok(($($crate::tub::Wire::into_wire(self.$field, out)?,)*))
            }

            #[allow(unused_variables, clippy::unused_unit, reason = "made for each number of fields")]
            fn from_wire(
                twin: Self::Twin,
                from: &mut $crate::tub::Incoming<'_>,
            ) -> Result<Self, $crate::tub::RemoteError> {
                let ($($field,)*) = twin;
                Ok(Self { $($field: $crate::tub::Wire::from_wire($field, from)?),* })
            }
        }
    };
}
