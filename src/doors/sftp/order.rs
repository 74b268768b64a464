//! In which order requests of one session are worked on.
//!
//! A client sends requests without waiting for answers, and some (sshfs) do not even look at the answer to
//! `CLOSE`. So what concerns the same thing happens in the order in which it was asked for: whatever is done
//! with something that is open, and whatever changes something, with what sees that change. Everything else
//! happens beside each other, so that nobody waits for an upload who only looks at what is above it.

use super::packet::{HandleId, Path};
use futures_util::FutureExt;
use futures_util::future::{Shared, join_all};
use tokio::sync::oneshot;

/// What a request has to do with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    Handle(HandleId),
    Sees(Path),
    /// What is in it.
    Lists(Path),
    Changes(Path),
}

impl Touch {
    /// Whether it matters which comes first.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Handle(one), Self::Handle(other)) => one == other,
            (Self::Changes(one), Self::Changes(other)) => {
                one.starts_with(other) || other.starts_with(one)
            }
            (Self::Changes(change), Self::Sees(seen))
            | (Self::Sees(seen), Self::Changes(change)) => seen.starts_with(change),
            (Self::Changes(change), Self::Lists(listed))
            | (Self::Lists(listed), Self::Changes(change)) => {
                let above = change.split_last().map(|(_, above)| above);
                listed.starts_with(change) || above == Some(listed.as_slice())
            }
            (Self::Handle(_) | Self::Sees(_) | Self::Lists(_), _) | (_, Self::Handle(_)) => false,
        }
    }
}

/// The requests that are not answered yet.
#[derive(Default)]
pub struct Order {
    running: Vec<Running>,
}

struct Running {
    touches: Vec<Touch>,
    ended: Shared<oneshot::Receiver<()>>,
}

/// The right to do what was asked for, when its turn has come; it ends when this is dropped.
pub struct Turn {
    after: Vec<Shared<oneshot::Receiver<()>>>,
    _ends: oneshot::Sender<()>,
}

impl Order {
    /// The turn of one more request.
    pub fn enter(&mut self, touches: Vec<Touch>) -> Turn {
        self.running.retain(|one| one.ended.clone().now_or_never().is_none());
        let meets = |one: &&Running| {
            one.touches.iter().any(|theirs| touches.iter().any(|ours| ours.meets(theirs)))
        };
        // The last that has to do with one handle has waited for all before it.
        let most = if matches!(touches.as_slice(), [Touch::Handle(_)]) { 1 } else { usize::MAX };
        let last_first = self.running.iter().rev().filter(meets).take(most);
        let after = last_first.map(|one| one.ended.clone()).collect();
        let (ends, ended) = oneshot::channel();
        self.running.push(Running { touches, ended: ended.shared() });
        Turn { after, _ends: ends }
    }
}

impl Turn {
    /// Waits for what has to come before.
    pub async fn comes(&mut self) {
        join_all(self.after.drain(..)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Path {
        path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    fn may_go(turn: &mut Turn) -> bool {
        turn.comes().now_or_never().is_some()
    }

    #[test]
    fn what_concerns_the_same_waits_and_nothing_else_does() {
        let mut order = Order::default();
        let mut close = order.enter(vec![Touch::Handle(1), Touch::Changes(at("a/b"))]);
        assert!(may_go(&mut close));
        for (touch, goes) in [
            (Touch::Handle(2), true),
            (Touch::Handle(1), false),
            (Touch::Sees(at("a/c")), true),
            (Touch::Changes(at("ab")), true),
            (Touch::Sees(at("a/b")), false),
            (Touch::Sees(at("a/b/c")), false),
            (Touch::Sees(at("a")), true),
            (Touch::Sees(at("")), true),
            (Touch::Lists(at("a")), false),
            (Touch::Lists(at("a/b")), false),
            (Touch::Lists(at("")), true),
            (Touch::Changes(at("a/b/c")), false),
        ] {
            assert_eq!(may_go(&mut order.enter(vec![touch.clone()])), goes, "{touch:?}");
        }
        let mut rename = order.enter(vec![Touch::Changes(at("a/b")), Touch::Changes(at("c"))]);
        let mut look = order.enter(vec![Touch::Sees(at("c"))]);
        let mut beside = order.enter(vec![Touch::Sees(at("d"))]);
        assert!(!rename.after.is_empty() && !may_go(&mut look) && may_go(&mut beside));
        drop(close);
        assert!(may_go(&mut rename));
        drop(rename);
        assert!(order.enter(vec![Touch::Changes(at("c"))]).after.len() == 1, "only the look");
    }
}
