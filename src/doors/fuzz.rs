//! What fuzzers and property tests feed with bytes: what clients and the list of doors may say.

use super::book::{Book, line};
use super::dav::wish::Wish;
use super::s3::{chunked, query};
use super::sftp::packet;
use super::xml::Element;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};

/// A document of any bytes. What is read must read the same when written again.
pub fn xml(bytes: &[u8]) {
    let Ok(element) = Element::parse(bytes) else { return };
    let mut text = String::new();
    element.write(&mut text);
    // What XML has no way to write is left out.
    if !text.contains(['\u{fffe}', '\u{ffff}']) {
        assert!(Element::parse(text.as_bytes()).is_ok(), "{text:.200}");
    }
}

/// A list of doors.
pub fn doors(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for door in Book::parse(text).doors() {
        assert_eq!(Book::parse(&line(door)).doors(), std::slice::from_ref(door));
    }
}

/// A path, a key and a query.
pub fn s3_query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = query::Query::parse(text);
    let Some(key) = query::Target::at(text).key else { return };
    if let Ok(place) = query::place(&key) {
        let path = place.names.join("/");
        assert_eq!(format!("{path}{}", if place.is_directory { "/" } else { "" }), key);
    }
}

/// A body in pieces, which comes at once and byte by byte.
pub fn s3_pieces(bytes: &[u8]) {
    let read = |at_once: usize| {
        let pieces: Vec<Result<Bytes, ()>> =
            bytes.chunks(at_once).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let (chunked, end) = chunked::Chunked::new(stream::iter(pieces), None);
        let got: Vec<_> = chunked.collect().now_or_never().unwrap_or_default();
        let got: Option<Vec<Bytes>> = got.into_iter().map(Result::ok).collect();
        let end = end.borrow();
        (got.map(|pieces| pieces.concat()), end.trailers.clone(), end.fault.is_some())
    };
    let (whole, trailers, broken) = read(bytes.len().max(1));
    assert_eq!(whole.is_none(), broken);
    if !broken {
        assert_eq!(read(1), (whole, trailers, broken));
    }
}

/// The `If` header.
pub fn dav_if(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(wish) = Wish::parse(text) {
        wish.holds(|_, _| false);
        let _ = (wish.addresses(), wish.tokens().count());
    }
}

/// A message of SFTP. No path that it names leads anywhere but down.
pub fn sftp_message(bytes: &[u8]) {
    let _ = packet::is_init(Bytes::copy_from_slice(bytes));
    let Some(message) = packet::Message::parse(Bytes::copy_from_slice(bytes)) else { return };
    if let Ok(packet::Request::Look(path) | packet::Request::Remove(path)) = message.request {
        assert!(!path.iter().any(|name| matches!(name.as_str(), "" | "." | "..")));
        assert!(!path.iter().any(|name| name.contains(['/', '\0'])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fuzz::run;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_clients_say_makes_a_reader_panic() {
        let all: [fn(&[u8]); 6] = [xml, doors, s3_query, s3_pieces, dav_if, sftp_message];
        run(5, prop::collection::vec(any::<u8>(), 0..200), |bytes| {
            all.iter().for_each(|f| f(&bytes))
        });
        let likely = "([<>/()\\[\\]\"=:;, \r\n]|Not|DAV:|xmlns|a|0|1|&lt;|;chunk-signature=){0,60}";
        let likely = proptest::string::string_regex(likely).unwrap();
        run(5, likely, |text| all.iter().for_each(|f| f(text.as_bytes())));
    }
}
