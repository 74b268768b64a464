//! What frames can say: heads, and frames that are true to their lengths or not.

use tahoe::tub::frame::{Head, Reason, Target};
use tahoe::tub::{Furl, RemoteError, codec};

/// The object of a furl, by its secret name.
pub fn object(furl: &Furl) -> Target {
    Target::Swissnum(furl.swissnum().clone())
}

/// Some object that nobody ever made.
pub fn guess() -> Target {
    Target::Swissnum(tahoe::tub::furl::fresh_swissnum())
}

/// A call of `method` of the interface with this id.
pub fn call(id: u32, target: Target, (interface, method): (u32, u16)) -> Head {
    Head::Call { id, target, interface, method }
}

/// A call that asks for a live reference to the object.
pub fn resolve(id: u32, target: Target, interface: u32) -> Head {
    call(id, target, (interface, u16::MAX))
}

/// The answer to call `id`, whether or not there was one.
pub fn answer(id: u32) -> Head {
    Head::Return { id, error: None }
}

/// A refusal of call `id`, whether or not there was one.
pub fn refusal(id: u32, error: RemoteError) -> Head {
    Head::Return { id, error: Some(error) }
}

/// `count` references to `export` are dropped, whether or not there were as many.
pub const fn release(export: u32, count: u32) -> Head {
    Head::Release { export, count }
}

pub const fn goodbye(reason: Reason) -> Head {
    Head::Bye(reason)
}

/// A head's bytes.
pub fn encoded(head: &Head) -> Vec<u8> {
    let mut body = Vec::new();
    codec::encode(head, &mut body).unwrap();
    body
}

/// A whole frame: a head, encoded arguments behind it, and bulk.
pub fn frame(head: &Head, arguments: &[u8], bulk: &[u8]) -> Vec<u8> {
    let mut frame = announced(head, arguments, u32::try_from(bulk.len()).unwrap());
    frame.extend_from_slice(bulk);
    frame
}

/// A frame that is nothing but a head.
pub fn bare(head: &Head) -> Vec<u8> {
    frame(head, &[], &[])
}

/// A frame up to its bulk, of which so much is announced and none is there.
pub fn announced(head: &Head, arguments: &[u8], bulk: u32) -> Vec<u8> {
    let body = [encoded(head).as_slice(), arguments].concat();
    lengths_and((u32::try_from(body.len()).unwrap(), bulk), &body)
}

/// Any lengths of body and bulk, and any content behind them.
pub fn lengths_and((body, bulk): (u32, u32), content: &[u8]) -> Vec<u8> {
    [&body.to_le_bytes(), &bulk.to_le_bytes(), content].concat()
}
