//! Calls on the answer of a call: one round trip, in order, with the first one's error, and bounded.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

use std::future::Future;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tahoe_objects::actix::{Actor, Context, Handler, System};
use tahoe_objects::base::limits::ANSWERS_KEPT_MAX;
use tahoe_objects::link::{Established, Records, Sealed, Suite, initiate, respond};
use tahoe_objects::remote_interface;
use tahoe_objects::tub::frame::{Head, Hello, KEEPS_ANSWERS, Target};
use tahoe_objects::tub::{
    Call, Faults, Furl, Hint, Identity, Interface, Limits, LoopbackNet, Network, Promise, Ref,
    RemoteError, Tub, TubId, TubOptions, codec, start,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, pause};

remote_interface! {
    /// A branch of a tree that grows as it is walked.
    interface Branch = "test.promises.branch.v1" {
        /// The branch of this name; without one there is none.
        0 => Walk { name: String } -> Ref<Branch>,
        /// The way from the trunk, and how often it was asked for here.
        1 => Way {} -> String,
        /// Another's branch.
        2 => Graft { other: Ref<Branch> } -> (),
        3 => Grafted {} -> Ref<Branch>,
    }
}

#[derive(Default)]
struct Twig {
    way: String,
    asked: u32,
    grafted: Option<Ref<Branch>>,
}

impl Actor for Twig {
    type Context = Context<Self>;
}

impl Handler<Walk> for Twig {
    type Result = Result<Ref<Branch>, RemoteError>;

    fn handle(&mut self, Walk { name }: Walk, _: &mut Self::Context) -> Self::Result {
        if name.is_empty() {
            return Err(RemoteError::app(7, "nameless"));
        }
        let way = format!("{}/{name}", self.way);
        Ok(Branch::of(start(Self { way, ..Self::default() })))
    }
}

impl Handler<Way> for Twig {
    type Result = Result<String, RemoteError>;

    fn handle(&mut self, _: Way, _: &mut Self::Context) -> Self::Result {
        self.asked += 1;
        Ok(format!("{} {}", self.way, self.asked))
    }
}

impl Handler<Graft> for Twig {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, Graft { other }: Graft, _: &mut Self::Context) -> Self::Result {
        self.grafted = Some(other);
        Ok(())
    }
}

impl Handler<Grafted> for Twig {
    type Result = Result<Ref<Branch>, RemoteError>;

    fn handle(&mut self, _: Grafted, _: &mut Self::Context) -> Self::Result {
        self.grafted.clone().ok_or(RemoteError::BadArguments)
    }
}

fn walk(name: impl Into<String>) -> Walk {
    Walk { name: name.into() }
}

const LATENCY: Duration = Duration::from_millis(50);

fn tub(net: &LoopbackNet) -> Tub {
    let network: Arc<dyn Network> = Arc::new(net.clone());
    Tub::new(Identity::random(), TubOptions { network, ..TubOptions::default() })
}

/// A tree in one tub, reached from another over a network that takes its time.
async fn tree() -> (LoopbackNet, Tub, Ref<Branch>) {
    let net = LoopbackNet::default();
    net.set_faults(Faults { latency: LATENCY, ..Faults::default() });
    let (server, client) = (tub(&net), tub(&net));
    server.listen_loopback("server").unwrap();
    let furl = server.register(Branch::of(start(Twig::default())), None);
    let trunk = client.get(&furl).await.unwrap();
    (net, server, trunk)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    System::new().block_on(async {
        pause();
        test.await
    })
}

async fn timed<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (what.await, began.elapsed())
}

#[test]
fn a_row_of_calls_takes_one_round_trip() {
    run(async {
        let (_net, _server, trunk) = tree().await;
        let ahead = async {
            let leaf = trunk.promise(walk("a")).promise(walk("b")).promise(walk("c"));
            leaf.call(Way {}).await.unwrap()
        };
        let (way, time) = timed(ahead).await;
        assert_eq!(way, "/a/b/c 1");
        assert!(time < LATENCY * 3, "{time:?} for one round trip of {:?}", LATENCY * 2);
        let one_by_one = async {
            let a = trunk.call(walk("a")).await.unwrap();
            a.call(walk("b")).await.unwrap().call(Way {}).await.unwrap()
        };
        let (_, time) = timed(one_by_one).await;
        assert!(time >= LATENCY * 6, "{time:?} for three");
    });
}

#[test]
fn calls_keep_their_order_and_the_reference_comes_after_them() {
    run(async {
        let (_net, _server, trunk) = tree().await;
        let leaf = trunk.promise(walk("a"));
        let early: Vec<_> = (0..20).map(|_| leaf.call(Way {})).collect();
        let reference = leaf.settled().await.unwrap();
        let late: Vec<_> = (0..20).map(|_| reference.call(Way {})).collect();
        let through = leaf.call(Way {});
        for (number, way) in early.into_iter().chain(late).chain([through]).enumerate() {
            assert_eq!(way.await.unwrap(), format!("/a {}", number + 1));
        }
        assert_eq!(leaf.settled().await.unwrap(), reference);
    });
}

#[test]
fn the_first_error_is_that_of_all() {
    run(async {
        let (_net, _server, trunk) = tree().await;
        let nameless = RemoteError::app(7, "nameless");
        let none = trunk.promise(walk("a")).promise(walk(""));
        let (way, further) = (none.call(Way {}), none.promise(walk("b")).call(Way {}));
        assert_eq!(way.await, Err(nameless.clone()));
        assert_eq!(further.await, Err(nameless.clone()));
        assert_eq!(none.settled().await.unwrap_err(), nameless);
        assert_eq!(none.call(Way {}).await, Err(nameless), "later ones too");
        let large = trunk.promise(walk("x".repeat(1 << 20)));
        assert_eq!(large.call(Way {}).await, Err(RemoteError::TooBig), "it has not even left");
    });
}

#[test]
fn objects_of_others_are_called_through_who_answers_them() {
    run(async {
        let (net, _server, trunk) = tree().await;
        let own = Branch::of(start(Twig { way: "own".to_owned(), ..Twig::default() }));
        trunk.call(Graft { other: own.clone() }).await.unwrap();
        let back = trunk.promise(Grafted {});
        assert_eq!(back.call(Way {}).await.unwrap(), "own 1");
        assert_eq!(back.settled().await.unwrap().call(Way {}).await.unwrap(), "own 2");
        net.kill("server");
        assert_eq!(back.call(Way {}).await, Err(RemoteError::Disconnected));
    });
}

#[test]
fn what_a_call_names_is_there_when_its_turn_comes() {
    run(async {
        let (_net, _server, trunk) = tree().await;
        // Nobody else holds it: it is released right behind the call.
        let only = trunk.call(walk("other")).await.unwrap();
        trunk.promise(walk("a")).call(Graft { other: only }).await.unwrap();
        let further = trunk.call(walk("further")).await.unwrap();
        let back = trunk.promise(walk("b")).promise(walk("c"));
        back.call(Graft { other: further }).await.unwrap();
    });
}

#[test]
fn an_object_here_can_be_called_ahead_as_well() {
    run(async {
        let trunk = Branch::of(start(Twig::default()));
        let leaf = trunk.promise(walk("a")).promise(walk("b"));
        let [one, two] = [leaf.call(Way {}), leaf.call(Way {})];
        assert_eq!((two.await.unwrap(), one.await.unwrap()), ("/a/b 2".into(), "/a/b 1".into()));
        assert!(trunk.promise(walk("")).call(Way {}).await.is_err());
    });
}

#[test]
fn more_promises_than_a_peer_keeps_take_longer_and_work() {
    run(async {
        let (_net, _server, trunk) = tree().await;
        for _ in 0..2 {
            let many: Vec<Promise<Branch>> = (0..=ANSWERS_KEPT_MAX)
                .map(|number| trunk.promise(walk(number.to_string())))
                .collect();
            let ways: Vec<_> = many.iter().map(|leaf| leaf.call(Way {})).collect();
            for (number, way) in ways.into_iter().enumerate() {
                let (way, time) = timed(way).await;
                assert_eq!(way.unwrap(), format!("/{number} 1"));
                let waits = number == ANSWERS_KEPT_MAX;
                assert_eq!(time >= LATENCY && number > 0, waits, "the last one waited: {time:?}");
            }
            // Forgotten, they give their places to those of the next round.
            drop(many);
        }
    });
}

/// A head, and encoded arguments behind it.
type Said = (Head, Vec<u8>);

/// One end of a link that says what it is told to.
struct Peer {
    stream: Box<dyn tahoe_objects::tub::Stream>,
    records: Records,
    heard: Vec<u8>,
}

fn hello(features: u32) -> Vec<u8> {
    let (calls, call_bytes) = (256, 1 << 20);
    let hello = Hello { version: 1, incarnation: 1, calls, call_bytes, features };
    let mut bytes = Vec::new();
    codec::encode(&hello, &mut bytes).unwrap();
    bytes
}

fn call(id: u32, target: Target, method: u16) -> Head {
    Head::Call { id, target, interface: Branch::id(), method }
}

impl Peer {
    fn new(stream: Box<dyn tahoe_objects::tub::Stream>, link: Established) -> Self {
        Self { stream, records: link.records, heard: Vec::new() }
    }

    async fn dial(net: &LoopbackNet, tub: TubId) -> Self {
        let mut stream = net.dial(&Hint::Loop("server".to_owned())).await.unwrap();
        let (me, suite) = (Identity::random(), Suite::default());
        let link = initiate(&mut stream, me.keys(), (suite, &tub.0), || hello(KEEPS_ANSWERS)).await;
        Self::new(stream, link.unwrap())
    }

    async fn say(&mut self, head: &Head, arguments: &[u8]) {
        let mut frame = vec![0; 8];
        codec::encode(head, &mut frame).unwrap();
        frame.extend(arguments);
        let length = frame.len() as u64 - 8;
        frame.splice(..8, length.to_le_bytes());
        let mut sealed = Sealed::default();
        self.records.seal(&frame, &mut sealed).unwrap();
        let _ = self.stream.write_all(sealed.as_slice()).await;
    }

    /// The next head, and what follows it; `None` at the end of the link.
    async fn hear(&mut self) -> Option<(Head, Vec<u8>)> {
        loop {
            if let Some((lengths, rest)) = self.heard.split_first_chunk::<8>() {
                let length = u64::from_le_bytes(*lengths) as usize;
                if rest.len() >= length {
                    let (head, rest) = codec::decode_prefix(rest.get(..length)?).ok()?;
                    let rest = rest.to_vec();
                    self.heard.drain(..8 + length);
                    return Some((head, rest));
                }
            }
            let length = match self.stream.read_u16().await {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
                Err(error) => panic!("{error}"),
            };
            let mut record = length.to_be_bytes().to_vec();
            record.resize(2 + usize::from(length), 0);
            self.stream.read_exact(record.get_mut(2..)?).await.unwrap();
            let opened = self.records.open(&mut record, 0).unwrap()?;
            self.heard.extend(record.get(..opened.plain)?);
        }
    }

    /// Whether the other side ends the link because of what was said.
    async fn is_cut_off(&mut self) -> bool {
        while let Some((head, _)) = self.hear().await {
            if matches!(head, Head::Ping) {
                return false;
            }
        }
        true
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(&(text.to_owned(),), &mut bytes).unwrap();
    bytes
}

#[test]
fn a_peer_that_calls_what_is_not_kept_is_cut_off() {
    let keep = |id| (Head::Keep { id }, Vec::new());
    let forget = |id| (Head::Forget { id }, Vec::new());
    let way = |id, of| (call(id, Target::Answer(of), Way::METHOD), Vec::new());
    let many = (0..=ANSWERS_KEPT_MAX as u32).map(keep).collect();
    let churn: Vec<_> = (0..1000).flat_map(|id| [keep(id), forget(id)]).collect();
    let cases: [(&str, Vec<Said>, bool); 9] = [
        ("never kept", vec![way(1, 9)], true),
        ("forgotten", vec![keep(9), forget(9), way(1, 9)], true),
        ("forgotten twice", vec![keep(9), forget(9), forget(9)], true),
        ("never kept and forgotten", vec![forget(9)], true),
        ("kept twice", vec![keep(9), keep(9)], true),
        ("more than are kept", many, true),
        ("kept and forgotten", churn, false),
        ("itself", vec![keep(9), way(9, 9)], true),
        ("announced and never called", vec![keep(9), way(1, 9)], true),
    ];
    run(async {
        let (net, server, _trunk) = tree().await;
        for (name, frames, ends) in cases {
            let furl = server.register(Branch::of(start(Twig::default())), None);
            let mut peer = Peer::dial(&net, furl.tub()).await;
            // An object that it knows, so that it is no stranger.
            let known = Target::Swissnum(furl.swissnum().clone());
            peer.say(&call(4_000_000, known, Way::METHOD), &[]).await;
            for (head, arguments) in frames {
                peer.say(&head, &arguments).await;
            }
            assert_eq!(peer.is_cut_off().await, ends, "{name}");
        }
    });
}

#[test]
fn what_was_called_before_it_was_forgotten_is_answered() {
    run(async {
        let (net, server, _trunk) = tree().await;
        let furl = server.register(Branch::of(start(Twig::default())), None);
        let mut peer = Peer::dial(&net, furl.tub()).await;
        let trunk = || Target::Swissnum(furl.swissnum().clone());
        // Forgotten before it can be answered.
        peer.say(&Head::Keep { id: 3 }, &[]).await;
        peer.say(&call(3, trunk(), Walk::METHOD), &text("a")).await;
        peer.say(&call(4, Target::Answer(3), Way::METHOD), &[]).await;
        peer.say(&Head::Forget { id: 3 }, &[]).await;
        // What answers no reference cannot be called.
        peer.say(&Head::Keep { id: 5 }, &[]).await;
        peer.say(&call(5, trunk(), Way::METHOD), &[]).await;
        peer.say(&call(6, Target::Answer(5), Way::METHOD), &[]).await;
        let mut errors = Vec::new();
        while errors.len() < 4 {
            if let Some((Head::Return { id, error }, _)) = peer.hear().await {
                errors.push((id, error));
            }
        }
        errors.sort_by_key(|(id, _)| *id);
        let wrong = RemoteError::WrongInterface;
        let expected = [(3, None), (4, None), (5, None), (6, Some(wrong))];
        assert_eq!(errors, expected);
    });
}

#[test]
fn what_is_kept_is_held_and_counted_until_it_is_forgotten() {
    run(async {
        let network: Arc<dyn Network> = Arc::new(LoopbackNet::default());
        let limits = Limits { exports: 2, ..Limits::default() };
        let options = TubOptions { network: network.clone(), limits, ..TubOptions::default() };
        let server = Tub::new(Identity::random(), options);
        let client = Tub::new(Identity::random(), TubOptions { network, ..TubOptions::default() });
        server.listen_loopback("server").unwrap();
        let furl = server.register(Branch::of(start(Twig::default())), None);
        let trunk: Ref<Branch> = client.get(&furl).await.unwrap();
        let leaf = trunk.promise(walk("a"));
        drop(leaf.settled().await.unwrap());
        assert_eq!(leaf.call(Way {}).await.unwrap(), "/a 1", "kept for the promise alone");
        let more = trunk.promise(walk("b"));
        assert_eq!(more.call(Way {}).await, Err(RemoteError::Busy), "two are held: trunk and a");
        drop((leaf, more));
        assert_eq!(trunk.promise(walk("c")).call(Way {}).await.unwrap(), "/c 1");
    });
}

#[test]
fn a_peer_that_keeps_no_answers_is_not_asked_to() {
    run(async {
        let net = LoopbackNet::default();
        let hint = Hint::Loop("old".to_owned());
        let (mut listener, _) = net.listen(&hint).unwrap();
        let identity = Identity::random();
        let swissnum = tahoe_objects::tub::furl::fresh_swissnum();
        let furl = Furl::new(identity.tub_id(), vec![hint], swissnum);
        let client = tub(&net);
        let trunk: Ref<Branch> = client.sturdy(&furl);
        let leaf = trunk.promise(walk("a"));
        let way = leaf.call(Way {});
        let mut stream = listener.accept().await.unwrap();
        let link = respond(&mut stream, identity.keys(), &hello(0)).await.unwrap();
        let mut peer = Peer::new(stream, link);
        peer.say(&Head::Accepted, &[]).await;
        // Asked for its object, it hands out number 7, and for a branch of that number 8.
        let (mut said, mut handed) = (Vec::new(), 7_u32);
        while said.len() < 3 {
            let (head, _) = peer.hear().await.unwrap();
            let Head::Call { id, target, .. } = head else { panic!("{head:?}") };
            said.push(matches!(target, Target::Swissnum(_)) || matches!(target, Target::Export(_)));
            let mut answer = Vec::new();
            match said.len() {
                3 => codec::encode(&"late".to_owned(), &mut answer).unwrap(),
                _ => codec::encode(&(0_u8, handed, Branch::id()), &mut answer).unwrap(),
            }
            handed += 1;
            peer.say(&Head::Return { id, error: None }, &answer).await;
        }
        assert_eq!((way.await.unwrap(), said), ("late".to_owned(), vec![true; 3]));
    });
}
