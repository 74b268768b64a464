//! Tagged hashes: many at once against one after the other with ring.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run should stop"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use tahoe::base::file::Params;
use tahoe::base::hash::{Hash, Tagged, tagged};
use tahoe::codec::Geometry;
use tahoe::codec::convergence::{ConvergenceSecret, KeyHasher};
use tahoe::codec::hashtree::HashTree;
use tahoe::codec::many::tagged_many;
use tahoe::codec::multi_buffer::MultiBuffer;
use tahoe::codec::stepped::Stepped;
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

/// The lanes that can be left and taken up again, in columns as an upload makes them, against the
/// crate's, which take messages as a whole. Nothing to measure on a processor that has none.
fn columns(criterion: &mut Criterion) {
    const COLUMNS: usize = 8 << 10;
    for (count, len) in [(30, 349_526), (160, 43_691)] {
        if MultiBuffer::new(tags::BLOCK, count).is_none() {
            continue;
        }
        let data = vec![7; count * len];
        let bodies: Vec<&[u8]> = data.chunks(len).collect();
        let mut group = criterion.benchmark_group(format!("{count} blocks of {len} in columns"));
        group.throughput(Throughput::Bytes(data.len() as u64));
        group.bench_function("multi-buffer", |bencher| {
            bencher.iter(|| {
                let mut hashes = MultiBuffer::new(tags::BLOCK, count).unwrap();
                for from in (0..len).step_by(COLUMNS) {
                    let to = len.min(from + COLUMNS);
                    let pieces: Vec<&[u8]> = bodies.iter().map(|body| &body[from..to]).collect();
                    hashes.update(&pieces);
                }
                hashes.finish()
            });
        });
        group.bench_function("tape-sha256, as a whole", |bencher| {
            bencher.iter(|| tagged_many(tags::BLOCK, &bodies));
        });
    }
}

/// The flat hash and those of four segments over the same bytes.
fn two_in_step(criterion: &mut Criterion) {
    const STEP: usize = 16 << 10;
    let data = vec![7; 4 << 20];
    let mut group = criterion.benchmark_group("flat and segment hashes of 4 MiB");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("in step", |bencher| {
        bencher.iter(|| {
            let mut flat = Stepped::new(tags::CRYPTTEXT);
            let segment_hash = |segment: &[u8]| {
                let mut hash = Stepped::new(tags::CRYPTTEXT_SEGMENT);
                segment.chunks(STEP).for_each(|step| flat.update_both(&mut hash, step));
                hash.finish()
            };
            let segments: Vec<Hash> = data.chunks(1 << 20).map(segment_hash).collect();
            (segments, flat.finish())
        });
    });
    group.bench_function("ring, and tape-sha256 for the segments", |bencher| {
        bencher.iter(|| {
            let mut flat = Tagged::new(tags::CRYPTTEXT);
            flat.update(black_box(&data));
            let segments: Vec<&[u8]> = data.chunks(1 << 20).collect();
            (tagged_many(tags::CRYPTTEXT_SEGMENT, &segments), flat.finish())
        });
    });
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
    targets = blocks, columns, two_in_step, streams, trees
}
criterion_main!(benches);
