//! An object that keeps what it is told, and tubs to reach it through.

use actix::{Actor, Context, Handler};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tahoe::remote_interface;
use tahoe::tub::{Bulk, Identity, LoopbackNet, Ref, RemoteError, Tub, TubOptions, start};

remote_interface! {
    /// Keeps what it is told.
    pub interface Keeper = "test.keeper.v1" {
        0 => Put { data: Bulk } -> u32,
        1 => Take {} -> Bulk,
        2 => Fail { code: u16 } -> (),
        3 => Sub {} -> Ref<Keeper>,
        4 => Same { other: Ref<Keeper> } -> Bulk,
        5 => Panic {} -> (),
        6 => Hang {} -> (),
        7 => Nap {} -> (),
        8 => SubLater { keep: Ref<Keeper> } -> Ref<Keeper>,
    }
}

#[derive(Default)]
pub struct KeeperActor {
    kept: Vec<u8>,
    references: Vec<Ref<Keeper>>,
    stopped: Arc<AtomicUsize>,
}

impl Actor for KeeperActor {
    type Context = Context<Self>;
    fn stopped(&mut self, _: &mut Self::Context) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler<Put> for KeeperActor {
    type Result = Result<u32, RemoteError>;
    fn handle(&mut self, put: Put, _: &mut Self::Context) -> Self::Result {
        self.kept.extend_from_slice(&put.data.0);
        Ok(self.kept.len() as u32)
    }
}

impl Handler<Take> for KeeperActor {
    type Result = Result<Bulk, RemoteError>;
    fn handle(&mut self, _: Take, _: &mut Self::Context) -> Self::Result {
        Ok(Bulk(Bytes::from(self.kept.clone())))
    }
}

impl Handler<Fail> for KeeperActor {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, fail: Fail, _: &mut Self::Context) -> Self::Result {
        Err(RemoteError::app(fail.code, "as asked"))
    }
}

impl Handler<Sub> for KeeperActor {
    type Result = Result<Ref<Keeper>, RemoteError>;
    fn handle(&mut self, _: Sub, _: &mut Self::Context) -> Self::Result {
        let stopped = self.stopped.clone();
        Ok(Keeper::of(start(KeeperActor { kept: b"sub".to_vec(), stopped, ..Default::default() })))
    }
}

impl Handler<Same> for KeeperActor {
    type Result = actix::ResponseFuture<Result<Bulk, RemoteError>>;
    fn handle(&mut self, same: Same, _: &mut Self::Context) -> Self::Result {
        Box::pin(async move { same.other.call(Take {}).await })
    }
}

impl Handler<Panic> for KeeperActor {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Panic, _: &mut Self::Context) -> Self::Result {
        panic!("a secret in a panic's text")
    }
}

impl Handler<SubLater> for KeeperActor {
    type Result = actix::ResponseFuture<Result<Ref<Keeper>, RemoteError>>;
    fn handle(&mut self, later: SubLater, _: &mut Self::Context) -> Self::Result {
        self.references.push(later.keep);
        let stopped = self.stopped.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Keeper::of(start(KeeperActor { stopped, ..Default::default() })))
        })
    }
}

impl Handler<Hang> for KeeperActor {
    type Result = actix::ResponseFuture<Result<(), RemoteError>>;
    fn handle(&mut self, _: Hang, _: &mut Self::Context) -> Self::Result {
        Box::pin(std::future::pending())
    }
}

/// Long, and shorter than a call waits for one before it.
pub const NAP: Duration = Duration::from_secs(80);

impl Handler<Nap> for KeeperActor {
    type Result = actix::ResponseFuture<Result<(), RemoteError>>;
    fn handle(&mut self, _: Nap, _: &mut Self::Context) -> Self::Result {
        Box::pin(async {
            tokio::time::sleep(NAP).await;
            Ok(())
        })
    }
}

pub fn keeper() -> (Ref<Keeper>, Arc<AtomicUsize>) {
    let stopped = Arc::new(AtomicUsize::new(0));
    (Keeper::of(start(KeeperActor { stopped: stopped.clone(), ..Default::default() })), stopped)
}

pub fn tub(net: &LoopbackNet, name: &str) -> Tub {
    let network = Arc::new(net.clone());
    let options = TubOptions { network, accept_gifts: true, ..TubOptions::default() };
    let tub = Tub::new(Identity::random(), options);
    tub.listen_loopback(name).unwrap();
    tub
}

pub fn bulk(length: usize) -> Bulk {
    Bulk(Bytes::from((0..length).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>()))
}
