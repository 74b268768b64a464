//! Links: what a handshake costs, and sealing and opening records.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tahoe::base::limits::RECORD_PLAIN_MAX;
use tahoe::link::{Records, Sealed, Suite, initiate, respond};
use tahoe::tub::Identity;

/// Both ends of a finished handshake.
async fn pair(suite: Suite, from: &Identity, to: &Identity) -> (Records, Records) {
    let (mut near, mut far) = tokio::io::duplex(4096);
    let public = to.tub_id().0;
    let dial = initiate(&mut near, from.keys(), (suite, &public), || b"");
    let answer = respond(&mut far, to.keys(), b"");
    let (dialled, answered) = tokio::join!(dial, answer);
    (dialled.unwrap().records, answered.unwrap().records)
}

fn handshakes(criterion: &mut Criterion) {
    let system = actix_rt::System::new();
    let (from, to) = (Identity::random(), Identity::random());
    criterion.bench_function("handshake, both ends", |bencher| {
        bencher.iter(|| system.block_on(pair(Suite::AesGcm, &from, &to)));
    });
}

fn records(criterion: &mut Criterion) {
    let system = actix_rt::System::new();
    let (from, to) = (Identity::random(), Identity::random());
    let mut group = criterion.benchmark_group("seal and open");
    for suite in [Suite::AesGcm, Suite::ChaChaPoly] {
        let (mut sealer, mut opener) = system.block_on(pair(suite, &from, &to));
        for size in [64, 4096, RECORD_PLAIN_MAX] {
            let plain = vec![7; size];
            let (mut sealed, mut opened) = (Sealed::default(), vec![0; size + 18]);
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(format!("{suite:?}"), size), |bencher| {
                bencher.iter(|| {
                    sealed.clear();
                    sealer.seal(black_box(&plain), &mut sealed).unwrap();
                    opened.copy_from_slice(sealed.as_slice());
                    black_box(opener.open(&mut opened, 0).unwrap())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, handshakes, records);
criterion_main!(benches);
