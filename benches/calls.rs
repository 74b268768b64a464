//! Calls over a TCP link on loopback, server and client on a thread each: one at a time, many in
//! flight, and with bulk.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use actix::{Actor, Context, Handler};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::collections::VecDeque;
use tahoe::remote_interface;
use tahoe::tub::{Bulk, Furl, Hint, Identity, Ref, RemoteError, Tub, TubOptions, start};

remote_interface! {
    pub interface Sink = "bench.sink.v1" {
        0 => Ping { value: u64 } -> u64,
        1 => Write { offset: u64, data: Bulk } -> (),
        2 => Read { length: u32 } -> Bulk,
    }
}

struct SinkActor(Bytes);

impl Actor for SinkActor {
    type Context = Context<Self>;
}

impl Handler<Ping> for SinkActor {
    type Result = Result<u64, RemoteError>;
    fn handle(&mut self, ping: Ping, _: &mut Self::Context) -> Self::Result {
        Ok(ping.value)
    }
}

impl Handler<Write> for SinkActor {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Write, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

impl Handler<Read> for SinkActor {
    type Result = Result<Bulk, RemoteError>;
    fn handle(&mut self, read: Read, _: &mut Self::Context) -> Self::Result {
        Ok(Bulk(self.0.slice(..read.length as usize)))
    }
}

/// A server on a thread of its own; it lives as long as the process.
fn server() -> Furl {
    let (send, receive) = std::sync::mpsc::channel();
    let arbiter = actix_rt::Arbiter::new();
    arbiter.spawn_fn(move || {
        actix_rt::spawn(async move {
            let tub = Tub::new(Identity::random(), TubOptions::default());
            let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
            let sink = Sink::of(start(SinkActor(vec![7; 2 << 20].into())));
            send.send(tub.register(sink, None)).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receive.recv().unwrap()
}

async fn windowed(
    count: u64,
    window: usize,
    mut call: impl AsyncFnMut(u64, &mut VecDeque<Answer>),
) {
    let mut waiting = VecDeque::new();
    for number in 0..count {
        if waiting.len() >= window {
            let answer: Answer = waiting.pop_front().unwrap();
            answer.await;
        }
        call(number, &mut waiting).await;
    }
    for answer in waiting {
        answer.await;
    }
}

type Answer = std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn calls(criterion: &mut Criterion) {
    let system = actix_rt::System::new();
    let furl = server();
    let tub = system.block_on(async { Tub::new(Identity::random(), TubOptions::default()) });
    let sink: Ref<Sink> = system.block_on(tub.get(&furl)).unwrap();

    criterion.bench_function("call, one at a time", |bencher| {
        bencher.iter(|| system.block_on(sink.call(Ping { value: 1 })).unwrap());
    });
    let mut group = criterion.benchmark_group("calls, 64 in flight");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("1000", |bencher| {
        bencher.iter(|| {
            system.block_on(windowed(1000, 64, async |value, waiting| {
                let answer = sink.call(Ping { value });
                waiting.push_back(Box::pin(async move {
                    answer.await.unwrap();
                }));
            }));
        });
    });
    group.finish();
    bulk(criterion, &system, &sink);
}

fn bulk(criterion: &mut Criterion, system: &actix_rt::SystemRunner, sink: &Ref<Sink>) {
    let mut group = criterion.benchmark_group("bulk, 16 in flight");
    group.sample_size(20);
    for size in [43_690_u32, 349_526] {
        let data: Bytes = vec![9; size as usize].into();
        group.throughput(Throughput::Bytes(u64::from(size) * 200));
        group.bench_function(format!("write {size}"), |bencher| {
            bencher.iter(|| {
                system.block_on(windowed(200, 16, async |offset, waiting| {
                    let answer = sink.call(Write { offset, data: Bulk(data.clone()) });
                    waiting.push_back(Box::pin(async move { answer.await.unwrap() }));
                }));
            });
        });
        group.bench_function(format!("read {size}"), |bencher| {
            bencher.iter(|| {
                system.block_on(windowed(200, 16, async |_, waiting| {
                    let answer = sink.call(Read { length: size });
                    waiting.push_back(Box::pin(async move { drop(answer.await.unwrap()) }));
                }));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
