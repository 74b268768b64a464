//! Objects that can be called now: of this process, or at the other end of a connection.

use super::carrier::{Carrier, Import};
use super::error::RemoteError;
use super::frame::CapDesc;
use super::furl::Furl;
use super::object::{BoxFuture, Object};
use std::sync::Arc;

/// An object and the way to it.
#[derive(Clone)]
pub(super) enum Live {
    Local(Arc<dyn Object>),
    Remote(Arc<Import>),
}

impl Live {
    /// The object that a peer has described, if it is said to have this interface.
    pub(super) fn described(
        descriptor: &CapDesc,
        interface: u32,
        carrier: &Arc<dyn Carrier>,
    ) -> Result<Self, RemoteError> {
        match *descriptor {
            CapDesc::SenderHosted { interface: other, .. } if other != interface => {
                Err(RemoteError::WrongInterface)
            }
            CapDesc::SenderHosted { export, .. } => {
                Ok(Self::Remote(carrier.clone().import(export)))
            }
            CapDesc::ReceiverHosted { export } => {
                let own = carrier.own(export).ok_or(RemoteError::NoSuchObject)?;
                Ok(Self::Local(own.object(interface)?))
            }
            // Its object has yet to be found.
            CapDesc::ThirdParty { .. } => Err(RemoteError::BadArguments),
        }
    }

    pub(super) fn remote(&self) -> Option<&Arc<Import>> {
        match self {
            Self::Local(_) => None,
            Self::Remote(import) => Some(import),
        }
    }

    /// False once the connection is known to be lost.
    pub(super) fn is_connected(&self) -> bool {
        self.remote().is_none_or(|import| import.carrier.is_open())
    }

    /// Whether both lead to the same object by the same way.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(a), Self::Local(b)) => Arc::ptr_eq(a, b),
            (Self::Remote(a), Self::Remote(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// Finds the objects of furls.
pub(super) trait Finder: Send + Sync + 'static {
    /// The object, named in each call over a connection that stands already: saves the round trip of
    /// asking first.
    fn at_hand(&self, furl: &Furl) -> Option<Live>;

    /// Connects if need be, and asks whether the object is there and has this interface.
    fn find(self: Arc<Self>, furl: Furl, interface: u32) -> BoxFuture<Result<Live, RemoteError>>;

    /// Completes when what could not be found when this was called may be: this machine has got other
    /// addresses.
    fn readdressed(&self) -> BoxFuture<()>;

    /// Runs `task` where links live.
    fn spawn(&self, task: BoxFuture<()>);
}
