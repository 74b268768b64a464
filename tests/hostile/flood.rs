//! The same thing over and over, at any rate.

use super::Rogue;
use std::time::Duration;
use tokio::time::Instant;

/// How quick a flood is.
#[derive(Clone, Copy)]
pub enum Rate {
    /// As quick as the other side takes it.
    Full,
    /// So many bytes a second.
    Bytes(usize),
}

/// What became of a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flood {
    /// Bytes that the other side, or the sockets between, took.
    pub taken: usize,
    /// The other side hung up.
    pub cut_off: bool,
}

/// Frames are sealed and said in pieces of about so many bytes.
const PIECE: usize = 64 << 10;

impl Rogue {
    /// Says `frame` again and again, `bytes` in all or until the other side hangs up.
    pub async fn flood(&mut self, frame: &[u8], bytes: usize, rate: Rate) -> Flood {
        self.flood_of(|_| frame.to_vec(), bytes, rate).await
    }

    /// The same with frames that differ; each is made from its number.
    pub async fn flood_of(
        &mut self,
        mut frame: impl FnMut(u32) -> Vec<u8>,
        bytes: usize,
        rate: Rate,
    ) -> Flood {
        let (began, mut taken, mut number) = (Instant::now(), 0, 0);
        while taken < bytes {
            let mut piece = Vec::new();
            while piece.len() < PIECE.min(bytes - taken) {
                piece.extend(frame(number));
                number += 1;
            }
            if !self.say(&piece).await {
                return Flood { taken, cut_off: true };
            }
            taken += piece.len();
            if let Rate::Bytes(a_second) = rate {
                let due = Duration::from_secs_f64(taken as f64 / a_second as f64);
                tokio::time::sleep_until(began + due).await;
            }
        }
        Flood { taken, cut_off: false }
    }
}
