//! What fuzzers and property tests feed with bytes: tables of directories.
#![allow(clippy::panic, reason = "a fuzz body stops at the first surprise")]

use super::Entry;
use super::table::{Kind, pack, unpack};

/// A table of any bytes. What is read of an immutable directory can be written and read again.
pub fn table(bytes: &[u8]) {
    let _ = unpack(bytes, Kind::Readable);
    let _ = unpack(bytes, Kind::Writable(&[7; 16]));
    let Ok(entries) = unpack(bytes, Kind::Immutable) else { return };
    let Ok(again) =
        pack(&entries, Kind::Immutable).and_then(|table| unpack(&table, Kind::Immutable))
    else {
        panic!("what was allowed to be read was not allowed to be written");
    };
    let names = |entries: &[Entry]| entries.iter().map(|e| e.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&again), names(&entries));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fuzz::run;
    use proptest::prelude::*;

    #[test]
    fn no_bytes_make_the_table_parser_panic() {
        run(20, prop::collection::vec(any::<u8>(), 0..200), |bytes| table(&bytes));
    }

    #[test]
    fn no_text_like_a_table_makes_the_parser_panic() {
        let entry =
            "[0-9]{1,3}:[0-9]:[a-e]{0,9},[0-9]{1,2}:(URI:LIT:aa|imm.x|x| )*,[01]:a?,2:\\{\\},,";
        let text = proptest::string::string_regex(&format!("({entry}){{0,3}}")).unwrap();
        run(20, text, |text| table(text.as_bytes()));
    }
}
