//! Hostile inputs from good ones, reproducible by seed.

use std::hash::{DefaultHasher, Hash, Hasher};
use tahoe::base::seeded::{self, Rng};

/// What one decoder is fed from.
pub fn source(seed: u64, decoder: &str) -> Rng {
    let mut hasher = DefaultHasher::new();
    decoder.hash(&mut hasher);
    Rng::new(seed ^ hasher.finish())
}

/// Numbers at which parsers stumble.
const NUMBERS: &[u64] = &[
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0xfffe,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// One input: in one of eight cases noise, else a sample that was changed up to four times.
pub fn input(random: &mut Rng, samples: &[Vec<u8>]) -> Vec<u8> {
    if samples.is_empty() || random.below(8) == 0 {
        let doublings = 1 + random.below(11);
        let length = random.below(1 << doublings);
        return seeded::bytes(random.draw(), length);
    }
    let mut data = samples[random.below(samples.len())].clone();
    for _ in 0..1 + random.below(4) {
        change(random, &mut data, samples);
    }
    data
}

fn change(random: &mut Rng, data: &mut Vec<u8>, samples: &[Vec<u8>]) {
    let at = random.below(data.len() + 1);
    let length = random.below(64).min(data.len() - at);
    match random.below(8) {
        0 => data.truncate(at),
        1 => drop(data.drain(at..at + length)),
        2 => {
            let part = data[at..at + length].to_vec();
            data.splice(at..at, part);
        }
        3 => {
            let noise = seeded::bytes(random.draw(), length);
            data.splice(at..at + length, noise);
        }
        4 => {
            let other = &samples[random.below(samples.len())];
            let from = random.below(other.len() + 1);
            data.truncate(at);
            data.extend_from_slice(&other[from..]);
        }
        5 | 6 => number(random, data, at),
        _ => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// Puts a telling number over one, two, four or eight bytes, either end first, or over text.
fn number(random: &mut Rng, data: &mut Vec<u8>, at: usize) {
    let chosen = NUMBERS[random.below(NUMBERS.len())].wrapping_add(random.draw() % 3);
    let written = match random.below(3) {
        0 => chosen.to_string().into_bytes(),
        1 => chosen.to_le_bytes()[..1 << random.below(4)].to_vec(),
        _ => chosen.to_be_bytes()[8 - (1 << random.below(4))..].to_vec(),
    };
    let end = data.len().min(at + written.len());
    data.splice(at..end, written);
}
