//! Links over long lines: several streams to one peer, and who may add one.

use crate::hostile::words;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tahoe::base::limits::STRANDS_MAX;
use tahoe::link::{Braid, Established, Sealed, Suite, initiate};
use tahoe::tub::frame::{BRAIDED, Head, Hello, JOINED, STRAND};
use tahoe::tub::{
    BoxStream, Faults, Furl, Hint, Identity, Interface, LoopbackNet, Network, Ref, RemoteError,
    codec,
};
use tahoe_testing::keeper::{Keeper, Put, Take, bulk, keeper, tub};
use tahoe_testing::{SOON, until_within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::unbounded_channel;

const LONG: Duration = Duration::from_millis(60);
const LARGE: usize = 1 << 20;

/// A network of such latency, and the bytes that each of its streams has brought to the client.
fn network(latency: Duration) -> (LoopbackNet, Arc<Mutex<BTreeMap<u64, usize>>>) {
    tokio::time::pause();
    let net = LoopbackNet::default();
    net.set_faults(Faults { latency, ..Faults::default() });
    let brought: Arc<Mutex<BTreeMap<u64, usize>>> = Arc::default();
    let sink = brought.clone();
    net.observe(move |arrival| {
        if arrival.from == "server" {
            *sink.lock().unwrap().entry(arrival.stream).or_default() += arrival.bytes.len();
        }
    });
    (net, brought)
}

#[actix_rt::test]
async fn what_is_large_comes_by_all_streams_of_a_long_line() {
    let (net, brought) = network(LONG);
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let remote: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    let other: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    for _ in 0..20 {
        other.call(Put { data: bulk(100) }).await.unwrap();
    }
    assert_eq!(net.dialled(), 1, "little needs no more");
    remote.call(Put { data: bulk(LARGE) }).await.unwrap();
    until_within(SOON, || net.dialled() == STRANDS_MAX as u64).await;
    tokio::time::sleep(LONG * 10).await;
    brought.lock().unwrap().clear();
    for _ in 0..4 {
        assert!(remote.call(Take {}).await.unwrap().0 == bulk(LARGE).0, "other bytes");
    }
    let by: Vec<_> = brought.lock().unwrap().values().copied().collect();
    assert_eq!(by.len(), STRANDS_MAX, "{by:?}");
    assert!(by.iter().all(|bytes| *bytes > LARGE / 4), "{by:?}");
    assert_eq!(net.dialled(), STRANDS_MAX as u64);
}

#[actix_rt::test]
async fn a_short_line_has_one_stream() {
    let (net, _) = network(Duration::from_millis(10));
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let remote: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    remote.call(Put { data: bulk(LARGE) }).await.unwrap();
    assert!(remote.call(Take {}).await.unwrap().0 == bulk(LARGE).0, "other bytes");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(net.dialled(), 1);
}

#[actix_rt::test]
async fn a_link_ends_with_any_of_its_streams() {
    let (net, _) = network(LONG);
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let furl = server.register(keeper().0, None);
    let remote: Ref<Keeper> = client.get(&furl).await.unwrap();
    // What is dialled from now on breaks after so many bytes.
    let cut = Some(LARGE as u64 / 8);
    net.set_faults(Faults { latency: LONG, cut_outbound: cut, ..Faults::default() });
    let mut ended = None;
    while ended.is_none() {
        ended = remote.call(Put { data: bulk(LARGE) }).await.err();
        assert!(net.dialled() <= STRANDS_MAX as u64);
    }
    assert_eq!(ended, Some(RemoteError::Disconnected));
    net.set_faults(Faults { latency: LONG, ..Faults::default() });
    let again: Ref<Keeper> = client.get(&furl).await.unwrap();
    assert!(again.call(Put { data: bulk(LARGE) }).await.is_ok());
}

/// A peer that speaks for itself.
struct Raw {
    stream: BoxStream,
    link: Established,
}

impl Raw {
    async fn dial(
        net: &LoopbackNet,
        who: &Identity,
        furl: &Furl,
        (features, number): (u32, u64),
    ) -> Self {
        let mut stream = net.dial(&Hint::Loop("server".to_owned())).await.unwrap();
        let (calls, call_bytes) = (256, 1 << 20);
        let hello = Hello { version: 1, incarnation: number, calls, call_bytes, features };
        let mut bytes = Vec::new();
        codec::encode(&hello, &mut bytes).unwrap();
        let whom = (Suite::default(), &furl.tub().0);
        let link = initiate(&mut stream, who.keys(), whom, || bytes).await.unwrap();
        Self { stream, link }
    }

    /// Whether the other side takes what was dialled for a strand; otherwise it ends it.
    async fn has_joined(mut self) -> bool {
        let mut said = Vec::new();
        let read = self.stream.read_buf(&mut said);
        match tokio::time::timeout(SOON, read).await {
            Ok(Ok(_)) if said == [JOINED] => {
                self.stream.write_u8(JOINED).await.unwrap();
                true
            }
            Ok(Ok(_)) => false,
            other => panic!("neither: {other:?}"),
        }
    }
}

#[actix_rt::test]
async fn only_the_peer_of_a_known_braid_adds_strands_and_few() {
    let (net, _) = network(LONG);
    let server = tub(&net, "server");
    let furl = server.register(keeper().0, None);
    let (friend, other) = (Identity::random(), Identity::random());
    let strand = |who, number| {
        let dialled = Raw::dial(&net, who, &furl, (STRAND, number));
        async { dialled.await.has_joined().await }
    };
    let Raw { stream, mut link } = Raw::dial(&net, &friend, &furl, (BRAIDED, 1)).await;
    assert!(!strand(&friend, link.number).await, "of a stranger");
    let (_joining, joined) = unbounded_channel();
    let mut braid = Braid::new(stream, joined);
    let resolve = words::bare(&words::resolve(1, words::object(&furl), Keeper::id()));
    let mut sealed = Sealed::default();
    link.records.seal(&resolve, &mut sealed).unwrap();
    braid.write_all(sealed.as_slice()).await.unwrap();
    // It is kept, and answers: the peer is known.
    for _ in 0..2 {
        let mut record = vec![0; 2];
        braid.read_exact(&mut record).await.unwrap();
        record.resize(2 + usize::from(u16::from_be_bytes([record[0], record[1]])), 0);
        braid.read_exact(&mut record[2..]).await.unwrap();
        let opened = link.records.open(&mut record, 0).unwrap().unwrap();
        if let Ok((Head::Return { error, .. }, _)) = codec::decode_prefix(&record[8..opened.plain])
        {
            assert_eq!(error, None);
            break;
        }
    }
    assert!(!strand(&friend, link.number ^ 1).await, "of no link");
    assert!(!strand(&other, link.number).await, "of another's link");
    for more in 1..STRANDS_MAX {
        assert!(strand(&friend, link.number).await, "{more}");
    }
    assert!(!strand(&friend, link.number).await, "one too many");
}

#[actix_rt::test]
async fn a_link_that_is_no_braid_takes_no_strand() {
    let (net, _) = network(LONG);
    let server = tub(&net, "server");
    let furl = server.register(keeper().0, None);
    let friend = Identity::random();
    let link = Raw::dial(&net, &friend, &furl, (0, 1)).await;
    let strand = Raw::dial(&net, &friend, &furl, (STRAND, link.link.number)).await;
    assert!(!strand.has_joined().await);
}
