//! What a program can do that knows this crate and nothing else: it uses only what the front page
//! names, over TCP and over a network of its own.

#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use tahoe_objects::actix::{Actor, Context, Handler, System};
use tahoe_objects::remote_interface;
use tahoe_objects::tub::{
    BoxStream, Connecting, Forward, Furl, Hint, Identity, Listener, Network, Ref, RemoteError, Tub,
    TubOptions, start,
};
use tokio::sync::mpsc;

remote_interface! {
    /// Counts, and lets others count.
    interface Counter = "test.stranger.counter.v1" {
        0 => Count { more: u64 } -> u64,
        1 => Fork {} -> Ref<Counter>,
    }
}

struct Tally(u64);

impl Actor for Tally {
    type Context = Context<Self>;
}

impl Handler<Count> for Tally {
    type Result = Result<u64, RemoteError>;

    fn handle(&mut self, Count { more }: Count, _: &mut Self::Context) -> Self::Result {
        self.0 = self.0.checked_add(more).ok_or(RemoteError::BadArguments)?;
        Ok(self.0)
    }
}

impl Handler<Fork> for Tally {
    type Result = Result<Ref<Counter>, RemoteError>;

    fn handle(&mut self, _: Fork, _: &mut Self::Context) -> Self::Result {
        Ok(Counter::of(start(Self(self.0))))
    }
}

fn tub(network: &Arc<impl Network>) -> Tub {
    let network: Arc<dyn Network> = network.clone();
    Tub::new(Identity::random(), TubOptions { network, ..TubOptions::default() })
}

/// What a stranger does with the furl's text.
async fn used(tub: &Tub, furl: &str) {
    let counter = tub.get::<Counter>(&Furl::parse(furl).unwrap()).await.unwrap();
    assert_eq!(counter.call(Count { more: 2 }).await, Ok(42));
    let fork = counter.call(Fork {}).await.unwrap();
    assert_eq!(fork.call(Count { more: 1 }).await, Ok(43));
    assert_eq!(counter.call(Count { more: 0 }).await, Ok(42));
    assert_eq!(fork.call(Count { more: u64::MAX }).await, Err(RemoteError::BadArguments));
}

#[test]
fn a_furl_is_enough_over_tcp() {
    System::new().block_on(async {
        let network = Arc::new(tahoe_objects::tub::Tcp);
        let (server, client) = (tub(&network), tub(&network));
        server.listen_at(&Hint::tcp("127.0.0.1", 0)).unwrap();
        let object = Counter::of(start(Tally(40)));
        let furl = server.register(object.clone(), None);
        used(&client, &furl.reveal()).await;
        let (weak, revoker) = Forward::to(object).allow::<Count>().build();
        let weak = client.get::<Counter>(&server.register(weak, None)).await.unwrap();
        assert_eq!(weak.call(Count { more: 0 }).await, Ok(42));
        assert_eq!(weak.call(Fork {}).await.unwrap_err(), RemoteError::NoSuchMethod);
        revoker.revoke();
        assert_eq!(weak.call(Count { more: 0 }).await, Err(RemoteError::NoSuchObject));
    });
}

/// Pipes by name: a transport that this crate has never heard of.
#[derive(Default)]
struct Pipes(Mutex<HashMap<String, mpsc::UnboundedSender<BoxStream>>>);

struct Ends(mpsc::UnboundedReceiver<BoxStream>);

impl Network for Pipes {
    fn dial<'a>(&'a self, hint: &'a Hint) -> Connecting<'a> {
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(1 << 10);
            let pipes = self.0.lock().unwrap();
            let end = pipes.get(&hint.to_string()).ok_or(io::ErrorKind::NotFound)?;
            end.send(Box::new(far)).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(near) as BoxStream)
        })
    }

    fn listen(&self, hint: &Hint) -> io::Result<(Box<dyn Listener>, Hint)> {
        let (send, receive) = mpsc::unbounded_channel();
        self.0.lock().unwrap().insert(hint.to_string(), send);
        Ok((Box::new(Ends(receive)), hint.clone()))
    }
}

impl Listener for Ends {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async { self.0.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into()) })
    }
}

#[test]
fn a_furl_is_enough_over_a_network_of_ones_own() {
    System::new().block_on(async {
        let network = Arc::new(Pipes::default());
        let (server, client) = (tub(&network), tub(&network));
        server.listen_at(&Hint::Other("pipe:here".to_owned())).unwrap();
        let furl = server.register(Counter::of(start(Tally(40))), None).reveal();
        assert!(furl.contains("@pipe:here/"), "the furl says how it is reached");
        used(&client, &furl).await;
    });
}
