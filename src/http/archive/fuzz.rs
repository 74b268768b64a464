//! What fuzzers and property tests feed with bytes: tars that somebody sends.

use super::path;
use super::untar::{BadTar, Event, Untar, What};
use bytes::Bytes;

/// A tar of any bytes, which comes at once and in small pieces.
pub fn tar(bytes: &[u8]) {
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, 7));
    for member in &whole.0 {
        if let Ok(names) = path::names(&member.0) {
            let leads_out = |name: &&str| matches!(*name, "" | "." | "..") || name.contains('/');
            assert!(!names.iter().any(leads_out), "{names:?}");
        }
    }
}

/// Path, kind and content of each member.
type Members = Vec<(Vec<u8>, What, Vec<u8>)>;

fn read(bytes: &[u8], at_once: usize) -> (Members, Result<(), BadTar>) {
    let (mut untar, mut members) = (Untar::default(), Members::new());
    for piece in bytes.chunks(at_once) {
        untar.feed(Bytes::copy_from_slice(piece));
        loop {
            match untar.event() {
                Ok(None) => break,
                Ok(Some(Event::Member(member))) => {
                    members.push((member.path, member.what, Vec::new()));
                }
                Ok(Some(Event::Piece(piece))) => {
                    members
                        .last_mut()
                        .into_iter()
                        .for_each(|last| last.2.extend_from_slice(&piece));
                }
                Ok(Some(Event::End)) => {
                    let whole = |(_, what, content): &(_, What, Vec<u8>)| {
                        *what == What::File(content.len() as u64)
                    };
                    assert!(members.last().is_some_and(whole), "a file is as long as it says");
                }
                Err(error) => return (members, Err(error)),
            }
        }
    }
    let end = untar.finish();
    (members, end)
}

#[cfg(test)]
mod tests {
    use super::super::tar::{begin, end, fill, sum};
    use super::super::{Entry, Kind};
    use super::*;
    use crate::codec::fuzz::run;
    use proptest::prelude::*;

    #[test]
    fn no_tar_makes_its_reader_panic() {
        run(5, prop::collection::vec(any::<u8>(), 0..2_000), |bytes| tar(&bytes));
        // Headers with any byte changed, whose sums are right.
        let some = prop::collection::vec((0..512_usize, any::<u8>(), 0..700_u64), 0..6);
        run(5, some, |members| {
            let mut bytes = Vec::new();
            for (at, byte, size) in members {
                let path = "\u{e9}".repeat(size as usize % 90);
                let mut one = begin(&Entry { path, kind: Kind::File(size), time: Some(0.5) });
                for header in one.chunks_mut(512) {
                    header[at] = byte;
                    let sum = format!("{:06o}\0 ", sum(header));
                    header[148..156].copy_from_slice(sum.as_bytes());
                }
                bytes.extend([one, vec![7; size as usize], fill(size)].concat());
            }
            bytes.extend(end());
            tar(&bytes);
        });
    }
}
