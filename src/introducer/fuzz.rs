//! Bodies of fuzz targets: hostile bytes for each decoder of this layer.

use super::announcement::Announcement;
use super::book::{Book, Change};
use super::certificate::rsa_key;

/// An announcement of any bytes. What is believed is kept as it was signed, and is new once.
pub fn announcement(data: &[u8]) {
    let Ok(announcement) = Announcement::verify(data) else { return };
    assert_eq!(announcement.bytes(), data, "not as it was signed");
    let mut book = Book::default();
    assert_eq!(book.offer(announcement.clone()), Change::New);
    assert_eq!(book.offer(announcement), Change::Same);
}

/// A certificate of any bytes. The key that is found in one is a part of it.
pub fn certificate(data: &[u8]) {
    let Some(key) = rsa_key(data) else { return };
    assert!(data.windows(key.len()).any(|part| part == key), "not the certificate's");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fuzz::run;
    use crate::introducer::announcement::tests::signed;
    use proptest::prelude::*;

    #[test]
    fn no_bytes_make_the_decoder_panic() {
        run(20, prop::collection::vec(any::<u8>(), 0..5000), |bytes| announcement(&bytes));
    }

    #[test]
    fn damaged_announcements_are_refused_in_peace() {
        let good = signed(1, 1).bytes().to_vec();
        let damage = (0..good.len(), any::<u8>(), 0..good.len());
        run(2, damage, move |(place, byte, cut)| {
            let mut bad = good.clone();
            bad[place] = byte;
            announcement(&bad);
            announcement(&bad[cut..]);
            announcement(&bad[..cut]);
        });
    }
}
