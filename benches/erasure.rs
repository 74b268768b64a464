//! The erasure code: every kernel of this machine against `zfec-rs`, in bytes of segment a second.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run should stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use tahoe::base::ShareNum;
use tahoe::base::file::Params;
use tahoe::codec::erasure::Code;
use tahoe::codec::kernel;

const SEGMENT: usize = 128 << 10;
const CODES: [(u64, u64); 3] = [(3, 10), (7, 20), (25, 100)];

fn segment(k: usize) -> Vec<u8> {
    (0..SEGMENT / k * k).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn encode(criterion: &mut Criterion) {
    for (k, n) in CODES {
        let params = Params::new(k, n).unwrap();
        let (k, n) = (params.needed(), params.total());
        let segment = segment(k);
        let pieces: Vec<&[u8]> = segment.chunks(segment.len() / k).collect();
        let code = Code::new(params);
        let rows: Vec<&[u8]> = code.matrix().iter().skip(k).map(Vec::as_slice).collect();
        let mut checks = vec![vec![0; segment.len() / k]; n - k];
        let mut group = criterion.benchmark_group(format!("encode {k} of {n}"));
        group.throughput(Throughput::Bytes(segment.len() as u64));
        for kernel in kernel::available() {
            group.bench_function(kernel.name(), |bencher| {
                bencher.iter(|| {
                    let mut outputs: Vec<&mut [u8]> =
                        checks.iter_mut().map(Vec::as_mut_slice).collect();
                    kernel.apply(&rows, &pieces, &mut outputs).unwrap();
                });
            });
        }
        let fec = zfec_rs::Fec::new(k, n).unwrap();
        group.bench_function("zfec-rs", |bencher| bencher.iter(|| fec.encode(&segment).unwrap()));
    }
}

fn decode(criterion: &mut Criterion) {
    for (k, n) in CODES {
        let params = Params::new(k, n).unwrap();
        let (k, n) = (params.needed(), params.total());
        let segment = segment(k);
        let fec = zfec_rs::Fec::new(k, n).unwrap();
        let (chunks, padding) = fec.encode(&segment).unwrap();
        let last = chunks.get(n - k..).unwrap().to_vec();
        let code = Code::new(params);
        let mut group = criterion.benchmark_group(format!("decode {k} of {n}"));
        group.throughput(Throughput::Bytes(segment.len() as u64));
        for (name, from) in [("all primary", 0), ("last k", n - k)] {
            let shares: Vec<ShareNum> = (from..from + k).map(|i| ShareNum(i as u8)).collect();
            let blocks: Vec<&[u8]> =
                chunks.iter().skip(from).take(k).map(|c| c.data.as_slice()).collect();
            let mut out = vec![0; segment.len()];
            group.bench_function(BenchmarkId::new("inversion included", name), |bencher| {
                bencher.iter(|| code.decoder(&shares).unwrap().decode(&blocks, &mut out).unwrap());
            });
        }
        group.bench_function("zfec-rs/last k", |bencher| {
            bencher.iter(|| fec.decode(&last, padding).unwrap());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(1));
    targets = encode, decode
}
criterion_main!(benches);
