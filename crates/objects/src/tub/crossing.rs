//! How references cross a connection, and what a connection calls when it calls one.

use super::error::RemoteError;
use super::export::{Export, Kind};
use super::frame::{CapDesc, Target};
use super::furl::Furl;
use super::interface::Interface;
use super::lazy::LazyRef;
use super::live::Live;
use super::object::{AnyMessage, Delivery, Object};
use super::payload::{Incoming, Outgoing};
use super::refs::{Place, Ref};
use super::wire::Wire;
use std::sync::Arc;

impl Export {
    /// What `reference` refers to; a remote object is called on through this tub.
    pub fn of<I: Interface>(reference: Ref<I>) -> Self {
        let object = match reference.place {
            Place::Live(Live::Local(object), _) => object,
            _ => Arc::new(Relay(reference)),
        };
        let (held_max, invoke, reply_max) = (I::HELD_MAX, I::invoke, I::reply_max);
        Self::new(Kind { id: I::id(), held_max, invoke, reply_max }, object)
    }
}

/// A reference that stands for its object: passes every message on.
struct Relay<I: Interface>(Ref<I>);

impl<I: Interface> Object for Relay<I> {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        I::forward(&self.0, method, message)
    }
}

impl<I: Interface> Wire for Ref<I> {
    type Twin = CapDesc;

    fn into_wire(self, out: &mut Outgoing<'_>) -> Result<CapDesc, RemoteError> {
        match &self.place {
            Place::Live(Live::Remote(import), furl)
                if Arc::ptr_eq(&import.carrier, out.carrier) =>
            {
                match import.target {
                    Target::Export(export) => {
                        out.lent.push(import.clone());
                        Ok(CapDesc::ReceiverHosted { export })
                    }
                    _ => gift(furl.as_ref()),
                }
            }
            Place::Live(Live::Remote(_), Some(furl)) => gift(Some(furl)),
            Place::Lazy(lazy) => gift(Some(lazy.furl())),
            Place::Live(..) => {
                let export = out.carrier.export(Export::of(self))?;
                out.exported.push(export);
                Ok(CapDesc::SenderHosted { export, interface: I::id() })
            }
        }
    }

    fn object(&self) -> Option<Export> {
        Some(Export::of(self.clone()))
    }

    fn from_wire(twin: CapDesc, from: &mut Incoming<'_>) -> Result<Self, RemoteError> {
        if let CapDesc::ThirdParty { furl } = &twin {
            let finder = from.carrier.gifts().ok_or(RemoteError::BadArguments)?;
            let furl = Furl::parse(furl).map_err(|_| RemoteError::BadArguments)?;
            return Ok(Self::lazy(LazyRef::new(&finder, furl, I::id())));
        }
        Ok(Self::found(Live::described(&twin, I::id(), from.carrier)?, None))
    }
}

fn gift(furl: Option<&Furl>) -> Result<CapDesc, RemoteError> {
    let furl = furl.ok_or(RemoteError::BadArguments)?;
    Ok(CapDesc::ThirdParty { furl: furl.reveal() })
}
