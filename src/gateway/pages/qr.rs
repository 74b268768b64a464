//! QR codes as one path, so that a page needs no picture for them.

use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// A square of `side` units with a quiet edge; the path is what is black.
pub struct Qr {
    pub side: usize,
    pub path: String,
}

/// Units of white around the code; readers need four.
const EDGE: usize = 4;

/// The code of a text; none if it is too long for any.
pub fn qr(text: &str) -> Option<Qr> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::L).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (row, line) in code.to_colors().chunks(width).enumerate() {
        for (column, color) in line.iter().enumerate() {
            if *color == Color::Dark {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{} {}h1v1h-1z", column + EDGE, row + EDGE);
            }
        }
    }
    Some(Qr { side: width + 2 * EDGE, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_fit_and_novels_do_not() {
        let code = qr(&"x".repeat(200)).unwrap();
        assert!(code.side > 21 && code.path.starts_with('M'));
        assert!(qr(&"x".repeat(10_000)).is_none());
    }
}
