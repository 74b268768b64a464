use super::support::*;
use serde_json::Value;
use tahoe::base::ShareNum;
use tahoe::base::file::Params;
use tahoe::codec::erasure::Code;

fn code(case: &Value) -> (Code, usize, usize) {
    let (k, n) = (number(case, "k"), number(case, "m"));
    (Code::new(Params::new(k, n).unwrap()), k as usize, n as usize)
}

fn blocks(case: &Value) -> Vec<Vec<u8>> {
    let (code, k, n) = code(case);
    let input = data(&case["input"]);
    let size = number(case, "block_size") as usize;
    let pieces: Vec<&[u8]> = input.chunks(size).collect();
    let mut checks = vec![vec![0; size]; n - k];
    let mut outputs: Vec<&mut [u8]> = checks.iter_mut().map(Vec::as_mut_slice).collect();
    code.encode(&pieces, &mut outputs).unwrap();
    pieces.iter().map(|piece| piece.to_vec()).chain(checks).collect()
}

#[test]
fn matrices_are_those_of_the_original() {
    let (_, vectors) = load("zfec");
    for case in items(&vectors["matrices"]) {
        let (code, _, _) = code(case);
        let wanted: Vec<Vec<u8>> =
            serde_json::from_value(case["encoding_matrix_rows"].clone()).unwrap();
        assert_eq!(code.matrix(), wanted);
    }
}

#[test]
fn blocks_are_those_of_the_original() {
    let (_, vectors) = load("zfec");
    for case in items(&vectors["encode"]) {
        let blocks = blocks(case);
        assert_eq!(
            hex(tahoe::base::hash::sha256(&blocks.concat())),
            text(case, "all_blocks_sha256")
        );
        if let Some(all) = case["blocks_hex"].as_array() {
            let found: Vec<Value> = blocks.iter().map(|block| hex(block).into()).collect();
            assert_eq!(&found, all);
        }
        for (share, wanted) in case["some_blocks_hex"].as_object().into_iter().flatten() {
            assert_eq!(hex(&blocks[share.parse::<usize>().unwrap()]), wanted.as_str().unwrap());
        }
    }
}

#[test]
fn the_last_k_blocks_decode() {
    let (_, vectors) = load("zfec");
    for case in items(&vectors["encode"]) {
        assert!(case["decode_from_last_k_ok"].as_bool().unwrap());
        let (code, k, n) = code(case);
        let blocks = blocks(case);
        // Backwards, as order must not matter.
        let shares: Vec<ShareNum> = (n - k..n).rev().map(|share| ShareNum(share as u8)).collect();
        let chosen: Vec<&[u8]> = (n - k..n).rev().map(|share| blocks[share].as_slice()).collect();
        let mut segment = vec![0; chosen[0].len() * k];
        code.decoder(&shares).unwrap().decode(&chosen, &mut segment).unwrap();
        assert_eq!(segment, data(&case["input"]), "{k} of {n}");
    }
}
