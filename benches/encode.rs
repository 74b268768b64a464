//! The whole computation of an upload and of a download on one core, in bytes of plaintext a second:
//! key, keystream, hashes, blocks and trees; and back, every block and segment verified.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run should stop"
)]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use tahoe::base::ShareNum;
use tahoe::base::file::{FileFacts, FileKey, Params};
use tahoe::codec::SegmentNum;
use tahoe::codec::convergence::{ConvergenceSecret, KeyHasher};
use tahoe::codec::decode::{FileReader, FileTree, OpenShare, Opening, Run, verify_runs};
use tahoe::codec::encode::{Batch, Encoder, Finished, Plan};
use tahoe::codec::layout::Version;

const SIZE: usize = 32 << 20;

fn plan(segment_max: u64) -> Plan {
    let params = Params::new(3, 10).unwrap();
    Plan::custom(params, SIZE as u64, segment_max, Version::V1).unwrap()
}

fn encode(plan: Plan, plaintext: &[u8], key: FileKey, mut sink: impl FnMut(&Batch)) -> Finished {
    let mut encoder = Encoder::new(plan, key);
    let mut rest = plaintext;
    while let Some(mut buffer) = encoder.buffer() {
        let (now, later) = rest.split_at(buffer.len());
        buffer.copy_from_slice(now);
        rest = later;
        sink(&encoder.encode(buffer).unwrap());
    }
    encoder.finish().unwrap()
}

fn key(plan: &Plan, plaintext: &[u8]) -> FileKey {
    let mut hasher = KeyHasher::new(&ConvergenceSecret::new(vec![1; 32]), plan.geometry());
    hasher.update(plaintext);
    hasher.finish()
}

fn upload(criterion: &mut Criterion) {
    let plaintext: Vec<u8> = (0..SIZE).map(|i| (i * 7 + i / 253) as u8).collect();
    let mut group = criterion.benchmark_group("upload, 3 of 10");
    group.throughput(Throughput::Bytes(SIZE as u64));
    for segment_max in [128 << 10, 1 << 20] {
        let plan = plan(segment_max);
        group.bench_function(format!("convergent, segments of {segment_max}"), |bencher| {
            bencher.iter(|| {
                let key = key(&plan, &plaintext);
                encode(plan, &plaintext, key, |_| ()).trailer(ShareNum(0))
            });
        });
        group.bench_function(format!("random key, segments of {segment_max}"), |bencher| {
            bencher.iter(|| encode(plan, &plaintext, FileKey::new([1; 16]), |_| ()).ueb_hash());
        });
    }
}

fn open(facts: FileFacts, number: u8, share: &Bytes) -> (OpenShare, FileTree) {
    let mut opening = Opening::new(facts, ShareNum(number), share.len() as u64, true).unwrap();
    while let Some(range) = opening.wants().unwrap() {
        let bytes = share.slice(range.start as usize..range.end as usize);
        opening.take(range.start, bytes).unwrap();
    }
    let (open, tree) = opening.finish().unwrap();
    (open, tree.unwrap())
}

fn download(criterion: &mut Criterion) {
    let plaintext: Vec<u8> = (0..SIZE).map(|i| (i * 7 + i / 253) as u8).collect();
    let mut group = criterion.benchmark_group("download, 3 of 10");
    group.throughput(Throughput::Bytes(SIZE as u64));
    for (segment_max, step) in [(128 << 10, 16), (1 << 20, 4), (1 << 20, 1)] {
        let plan = plan(segment_max);
        let mut shares = vec![Vec::new(); 10];
        let finished = encode(plan, &plaintext, FileKey::new([1; 16]), |batch| {
            shares.iter_mut().zip(&batch.shares).for_each(|(to, run)| to.extend(run.concat()));
        });
        let params = plan.geometry().params();
        let facts = FileFacts { params, size: SIZE as u64, ueb_hash: finished.ueb_hash() };
        for (number, share) in params.shares().zip(&mut shares) {
            share.extend_from_slice(&finished.trailer(number).unwrap().concat());
        }
        let shares: Vec<Bytes> = shares.into_iter().map(Bytes::from).collect();
        for chosen in [[0, 1, 2], [9, 8, 7]] {
            let name = format!("shares {chosen:?}, {step} segments of {segment_max} at once");
            group.bench_function(name, |bencher| {
                bencher.iter(|| read(facts, &chosen, &shares, step));
            });
        }
    }
}

fn read(facts: FileFacts, chosen: &[u8], shares: &[Bytes], step: u64) -> u64 {
    let opened: Vec<(OpenShare, FileTree)> =
        chosen.iter().map(|number| open(facts, *number, &shares[usize::from(*number)])).collect();
    let mut reader = FileReader::new(&facts, opened[0].1.clone(), Some(FileKey::new([1; 16])));
    let segments = reader.geometry().segments();
    let mut size = 0;
    for first in (0..segments).step_by(step as usize) {
        let (first, count) = (SegmentNum(first), step.min(segments - first));
        let run = |(open, _): &(OpenShare, FileTree)| {
            let range = open.range(first, count);
            let share = &shares[usize::from(open.share().0)];
            let bytes = share.slice(range.start as usize..range.end as usize);
            Run { share: open.clone(), first, count, bytes }
        };
        let runs = verify_runs(opened.iter().map(run).collect());
        let runs: Vec<_> = runs.into_iter().map(Result::unwrap).collect();
        size += reader.decode(&runs).unwrap().len() as u64;
    }
    assert_eq!(size, facts.size);
    size
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3));
    targets = upload, download
}
criterion_main!(benches);
