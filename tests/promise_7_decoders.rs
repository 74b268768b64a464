//! Promise 7: no byte from network or disk can crash or bloat a node.
//!
//! Every decoder gets 100,000 inputs made from a seed that is printed: noise, and good samples with
//! bits flipped, numbers replaced, parts cut, repeated and swapped. None may panic, and none may
//! hold more than twice the largest frame at once, whatever length its input claims.
//! `PROMISE_7_INPUTS` sets another number, `PROMISE_7_SEED` another seed.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop at once")]

mod decoders;

use decoders::memory;
use decoders::mutate::{input, source};
use decoders::samples::{Decoder, all};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;
use tahoe::base::limits::{BODY_MAX, BULK_MAX};

const HELD_MAX: usize = 2 * (BODY_MAX + BULK_MAX);

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn hostile_bytes_neither_crash_nor_bloat() {
    let began = Instant::now();
    let inputs = number("PROMISE_7_INPUTS", 100_000);
    let seed = number("PROMISE_7_SEED", u64::from_le_bytes(tahoe::base::system::random()));
    println!("promise 7: seed {seed}");
    let decoders = all();
    let count = decoders.len();
    let queue = Mutex::new(decoders);
    let peak = Mutex::new((0, ""));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(decoder) = { queue.lock().expect("alive").pop() } {
                    let held = attack(&decoder, inputs, seed);
                    let mut peak = peak.lock().expect("alive");
                    *peak = (*peak).max((held, decoder.name));
                }
            });
        }
    });
    let (held, name) = *peak.lock().expect("alive");
    println!(
        "promise 7: {count} decoders × {inputs} inputs, 0 panics, at most {} KiB held ({name}), {} s",
        held / 1024,
        began.elapsed().as_secs()
    );
}

/// Feeds one decoder; the most bytes that it held at once.
fn attack(decoder: &Decoder, inputs: u64, seed: u64) -> usize {
    let mut random = source(seed, decoder.name);
    let mut most = 0;
    for turn in 0..inputs {
        let data = input(&mut random, &decoder.samples);
        memory::begin();
        let ended = catch_unwind(AssertUnwindSafe(|| (decoder.body)(&data)));
        let held = memory::held();
        let place = || format!("{} at input {turn} of seed {seed}: {}", decoder.name, hex(&data));
        assert!(ended.is_ok(), "a panic in {}", place());
        // The first call also fills what stays for good: keys, tables, thread locals.
        assert!(turn == 0 || held <= HELD_MAX, "{held} bytes held by {}", place());
        most = most.max(if turn == 0 { 0 } else { held });
    }
    most
}

fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}
