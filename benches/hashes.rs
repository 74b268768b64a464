//! Tagged hashes: many at once against one after the other with ring.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run should stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use tahoe::base::file::Params;
use tahoe::base::hash::{Hash, Tagged, tagged};
use tahoe::codec::Geometry;
use tahoe::codec::convergence::{ConvergenceSecret, KeyHasher};
use tahoe::codec::hashtree::HashTree;
use tahoe::codec::many::tagged_many;
use tahoe::codec::tags;

fn blocks(criterion: &mut Criterion) {
    // The blocks of a batch: 4 segments of 1 MiB, and 16 of 128 KiB, 3 of 10.
    for (count, len) in [(40, 349_526), (160, 43_691), (10, 342)] {
        let data = vec![7; count * len];
        let bodies: Vec<&[u8]> = data.chunks(len).collect();
        let mut group = criterion.benchmark_group(format!("{count} blocks of {len} bytes"));
        group.throughput(Throughput::Bytes(data.len() as u64));
        group.bench_function("many at once", |bencher| {
            bencher.iter(|| tagged_many(tags::BLOCK, &bodies));
        });
        group.bench_function("ring, one by one", |bencher| {
            bencher
                .iter(|| bodies.iter().map(|body| tagged(tags::BLOCK, body)).collect::<Vec<_>>());
        });
    }
}

fn streams(criterion: &mut Criterion) {
    let data = vec![7; 4 << 20];
    let params = Params::new(3, 10).unwrap();
    let geometry = Geometry::for_upload(params, 4 << 20, 1 << 20).unwrap();
    let mut group = criterion.benchmark_group("one stream of 4 MiB");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("key", |bencher| {
        bencher.iter(|| {
            let mut hasher = KeyHasher::new(&ConvergenceSecret::new(vec![1; 32]), &geometry);
            hasher.update(&data);
            hasher.finish()
        });
    });
    group.bench_function("crypttext", |bencher| {
        bencher.iter(|| {
            let mut hasher = Tagged::new(tags::CRYPTTEXT);
            hasher.update(black_box(&data));
            hasher.finish()
        });
    });
}

fn trees(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash tree");
    for leaves in [1usize, 10, 1_024] {
        let hashes: Vec<Hash> = (0..leaves).map(|i| [i as u8; 32]).collect();
        group.throughput(Throughput::Elements(leaves as u64));
        group.bench_function(BenchmarkId::new("build", leaves), |bencher| {
            bencher.iter(|| HashTree::build(&hashes));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(1));
    targets = blocks, streams, trees
}
criterion_main!(benches);
