//! Promise 9: on a link nothing is forged, replayed, reordered or cut off unnoticed.
//!
//! A client sends numbered calls through somebody in the middle who flips bits, or drops, repeats
//! and swaps records. The server must have run a prefix of what was sent, and nothing from the
//! touched place on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![allow(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use actix::{Actor, Context, Handler};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tahoe::remote_interface;
use tahoe::tub::{Faults, Hint, Identity, LoopbackNet, Ref, RemoteError, Tub, TubOptions, start};

remote_interface! {
    pub interface Counter = "test.counter.v1" { 0 => Count { number: u32, filler: String } -> () }
}

/// How long an honest exchange may take here, many times over.
const PATIENCE: Duration = Duration::from_millis(150);

#[derive(Clone, Default)]
struct CounterActor(Arc<Mutex<Vec<u32>>>);

impl Actor for CounterActor {
    type Context = Context<Self>;
}

impl Handler<Count> for CounterActor {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, count: Count, _: &mut Self::Context) -> Self::Result {
        self.0.lock().unwrap().push(count.number);
        Ok(())
    }
}

fn is_prefix(ran: &[u32]) -> bool {
    ran.iter().enumerate().all(|(i, number)| i as u32 == *number)
}

/// Sends `count` numbered calls, each in a record of its own; answers how many succeeded.
async fn send(reference: &Ref<Counter>, count: u32) -> u32 {
    for number in 0..count {
        let call = reference.call(Count { number, filler: "x".repeat(80) });
        if call.await.is_err() {
            return number;
        }
    }
    count
}

/// Every bit of the first 10,000 bytes that a client sends, over an in-process network with real
/// handshakes.
#[actix_rt::test]
async fn no_flipped_bit_runs_a_call() {
    let started = Instant::now();
    let net = LoopbackNet::default();
    let options = TubOptions { network: Arc::new(net.clone()), ..TubOptions::default() };
    let server = Tub::new(Identity::random(), options.clone());
    server.listen_loopback("server").unwrap();
    let mut wrong = 0;
    for touched in 0..8 * 10_000_u64 {
        let (position, bit) = (touched / 8, u8::try_from(touched % 8).unwrap());
        // The last call ends behind the flipped byte: a call is 100 bytes or more.
        let calls = u32::try_from(position / 100 + 1).unwrap();
        let log = CounterActor::default();
        let furl = server.register(Counter::of(start(log.clone())), None);
        net.set_faults(Faults { flip_outbound: Some((position, bit)), ..Faults::default() });
        let client = Tub::new(Identity::random(), options.clone());
        // Calls one after the other make the stream long; many at once make the test short.
        let reference: Ref<Counter> = client.sturdy(&furl);
        let sent: Vec<_> = (0..calls + 4)
            .map(|number| reference.call(Count { number, filler: "x".repeat(80) }))
            .collect();
        // A flipped length leaves both sides waiting for bytes; that costs time, not truth.
        let mut answered = 0;
        let _ = tokio::time::timeout(PATIENCE, async {
            for call in sent {
                answered += u32::from(call.await.is_ok());
            }
        })
        .await;
        let ran = log.0.lock().unwrap().clone();
        let fooled = !is_prefix(&ran) || answered >= calls + 4;
        if fooled {
            eprintln!(
                "byte {position} bit {bit}: ran {ran:?}, answered {answered} of {}",
                calls + 4
            );
        }
        wrong += u32::from(fooled);
        client.shutdown();
        server.unregister(&furl);
    }
    assert_eq!(wrong, 0);
    println!(
        "promise 9: 80,000 bits of 10,000 bytes flipped, 0 calls run, {:.0?}",
        started.elapsed()
    );
}

#[derive(Clone, Copy, Debug)]
enum Game {
    Drop,
    Repeat,
    Swap,
    Truncate,
}

/// Reads one length-prefixed message.
fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut prefix = [0; 2];
    from.read_exact(&mut prefix).ok()?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(prefix))];
    from.read_exact(&mut body).ok()?;
    Some([prefix.to_vec(), body].concat())
}

/// Forwards a connection; plays `game` with the client's record number `at`.
fn middle(mut client: TcpStream, mut server: TcpStream, game: Game, at: usize) -> Option<()> {
    let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(Shutdown::Both);
    });
    let mut preamble = [0; 8];
    client.read_exact(&mut preamble).ok()?;
    server.write_all(&preamble).ok()?;
    for _ in 0..2 {
        server.write_all(&message(&mut client)?).ok()?;
    }
    for number in 0.. {
        let record = message(&mut client)?;
        let touched = match (number == at, game) {
            (false, _) => record,
            (true, Game::Drop) => continue,
            (true, Game::Repeat) => [record.clone(), record].concat(),
            (true, Game::Swap) => [message(&mut client)?, record].concat(),
            (true, Game::Truncate) => {
                server.write_all(&record[..record.len() / 2]).ok()?;
                server.shutdown(Shutdown::Both).ok()?;
                return None;
            }
        };
        server.write_all(&touched).ok()?;
    }
    None
}

#[actix_rt::test]
async fn no_dropped_repeated_swapped_or_cut_record_runs_a_call() {
    let server = Tub::new(Identity::random(), TubOptions::default());
    let address = server.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut games = 0;
    for game in [Game::Drop, Game::Repeat, Game::Swap, Game::Truncate] {
        for at in 0..12 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            std::thread::spawn(move || {
                let (client, _) = listener.accept().unwrap();
                middle(client, TcpStream::connect(address).unwrap(), game, at)
            });
            server.set_hints(vec![Hint::tcp("127.0.0.1", port)]);
            let log = CounterActor::default();
            let furl = server.register(Counter::of(start(log.clone())), None);
            let client = Tub::new(Identity::random(), TubOptions::default());
            let answered = tokio::time::timeout(PATIENCE, async {
                match client.get::<Counter>(&furl).await {
                    Ok(reference) => send(&reference, 20).await,
                    Err(_) => 0,
                }
            });
            // A dropped or held record leaves the client waiting; that costs time, not truth.
            let answered = answered.await.unwrap_or(0);
            let ran = log.0.lock().unwrap().clone();
            // A record repeated is noticed at its second coming, when the first has run.
            let most = at + usize::from(matches!(game, Game::Repeat));
            assert!(is_prefix(&ran), "{game:?} of record {at}: ran {ran:?}");
            assert!(ran.len() <= most && answered < 20, "{game:?} of record {at}: ran {ran:?}");
            client.shutdown();
            games += 1;
        }
    }
    println!("promise 9: {games} records dropped, repeated, swapped or cut, 0 calls run");
}
