//! Bodies of fuzz targets: hostile bytes for each decoder of this layer.

use super::budget::Budget;
use super::codec;
use super::frame::{CapDesc, Head, Hello};
use super::furl::{self, Furl};
use super::parser::{Open, Parser};
use crate::link::Pool;

/// A plaintext stream of any bytes, cut at any place.
pub fn frame(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let mut parser = Parser::new(Pool::default(), Budget::new(4 << 20), Box::new(Open));
    let mut frames = Vec::new();
    for piece in stream.chunks(usize::from(*cut).max(1)) {
        if parser.feed(piece, &mut frames).is_err() {
            return;
        }
    }
    assert!(frames.iter().all(|frame| frame.length() <= stream.len()), "a frame out of nothing");
}

/// Heads, hellos, descriptors and arguments of any bytes.
pub fn arguments(data: &[u8]) {
    let _ = codec::decode_prefix::<Head>(data);
    let _ = codec::decode::<Hello>(data);
    let _ = codec::decode::<CapDesc>(data);
    let _ = codec::decode::<(Vec<(u64, u32)>, Option<String>, [u8; 32])>(data);
    let _ = codec::decode::<Vec<Vec<String>>>(data);
}

/// Furls of any text; what parses is read back as it was written.
pub fn furl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = furl::parse_hints(text);
    if let Ok(furl) = Furl::parse(text) {
        let again = Furl::parse(&furl.reveal());
        assert_eq!(again.as_ref().map(Furl::reveal), Ok(furl.reveal()), "not read back");
    }
}
