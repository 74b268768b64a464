//! One direction of a link after the handshake: a Noise cipher state that opens records where they
//! lie.
//!
//! Snow does the handshake. What follows it is small (the Noise specification, §5.1 and §12), and
//! snow's form of it copies each record before it opens it; most bytes of a
//! program that moves much pass here, so that copy would be a tenth of its work.

use super::preamble::Suite;
use super::record::{BadRecord, TAG};
use crate::base::limits::REKEY_RECORDS;
use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

const KEY: usize = 32;

/// Key and counter of one direction. A counter is used once, so a nonce is too.
pub(super) struct Cipher {
    suite: Suite,
    key: LessSafeKey,
    /// Records so far.
    count: u64,
}

impl Cipher {
    pub(super) fn new(suite: Suite, key: &Zeroizing<[u8; KEY]>) -> Result<Self, BadRecord> {
        Ok(Self { suite, key: aead(suite, key)?, count: 0 })
    }

    /// Seals `bytes` in place; answers the tag that belongs behind them.
    pub(super) fn seal(&mut self, bytes: &mut [u8]) -> Result<[u8; TAG], BadRecord> {
        let nonce = nonce(self.suite, self.count);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), bytes);
        let tag = tag.map_err(|_| BadRecord)?;
        self.step()?;
        tag.as_ref().try_into().map_err(|_| BadRecord)
    }

    /// Opens the sealed bytes that begin at `from` and end with `bytes`; moves what they said to the
    /// front of `bytes`, and answers its length. What is behind it then is of no use.
    pub(super) fn open(&mut self, bytes: &mut [u8], from: usize) -> Result<usize, BadRecord> {
        let nonce = nonce(self.suite, self.count);
        let plain = self.key.open_within(nonce, Aad::empty(), bytes, from..);
        let length = plain.map_err(|_| BadRecord)?.len();
        self.step()?;
        Ok(length)
    }

    /// Both ends take a new key after the same record.
    fn step(&mut self) -> Result<(), BadRecord> {
        self.count += 1;
        if self.count.is_multiple_of(REKEY_RECORDS) {
            self.rekey()?;
        }
        Ok(())
    }

    /// The next key is what zeros become under the last nonce, which no record ever has.
    fn rekey(&mut self) -> Result<(), BadRecord> {
        let mut key = Zeroizing::new([0; KEY]);
        let last = nonce(self.suite, u64::MAX);
        let sealed = self.key.seal_in_place_separate_tag(last, Aad::empty(), key.as_mut_slice());
        let _tag = sealed.map_err(|_| BadRecord)?;
        self.key = aead(self.suite, &key)?;
        Ok(())
    }
}

fn aead(suite: Suite, key: &Zeroizing<[u8; KEY]>) -> Result<LessSafeKey, BadRecord> {
    let algorithm = match suite {
        Suite::AesGcm => &AES_256_GCM,
        Suite::ChaChaPoly => &CHACHA20_POLY1305,
    };
    UnboundKey::new(algorithm, key.as_slice()).map(LessSafeKey::new).map_err(|_| BadRecord)
}

/// Four zeros and the counter, which has another order of bytes in each suite.
fn nonce(suite: Suite, count: u64) -> Nonce {
    let [a, b, c, d, e, f, g, h] = match suite {
        Suite::AesGcm => count.to_be_bytes(),
        Suite::ChaChaPoly => count.to_le_bytes(),
    };
    let bytes: [u8; NONCE_LEN] = [0, 0, 0, 0, a, b, c, d, e, f, g, h];
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow::{Builder, HandshakeState, TransportState};

    /// Both ends of a handshake of snow's, and the cipher of what the initiator sends.
    fn pair(suite: Suite) -> (TransportState, TransportState, Cipher) {
        let pattern = || suite.pattern().replace("XK", "NN").parse().unwrap();
        let mut near: HandshakeState = Builder::new(pattern()).build_initiator().unwrap();
        let mut far: HandshakeState = Builder::new(pattern()).build_responder().unwrap();
        let (mut message, mut payload) = ([0; 256], [0; 256]);
        let length = near.write_message(&[], &mut message).unwrap();
        far.read_message(&message[..length], &mut payload).unwrap();
        let length = far.write_message(&[], &mut message).unwrap();
        near.read_message(&message[..length], &mut payload).unwrap();
        let (key, _) = near.dangerously_get_raw_split();
        let cipher = Cipher::new(suite, &Zeroizing::new(key)).unwrap();
        (near.into_transport_mode().unwrap(), far.into_transport_mode().unwrap(), cipher)
    }

    #[test]
    fn seals_and_opens_what_snow_would_also_under_the_next_key() {
        for suite in [Suite::AesGcm, Suite::ChaChaPoly] {
            let (mut near, mut far, mut sealing) = pair(suite);
            for (turn, length) in [0, 1, 15, 16, 17, 1000, 65_519].into_iter().enumerate() {
                let plain: Vec<u8> = (0..length).map(|i| (i % 253) as u8).collect();
                let mut by_snow = vec![0; length + TAG];
                near.write_message(&plain, &mut by_snow).unwrap();
                let mut ours = plain.clone();
                let tag = sealing.seal(&mut ours).unwrap();
                ours.extend_from_slice(&tag);
                assert_eq!(ours, by_snow, "{suite:?} {length}");
                let mut opened = vec![0; length + TAG];
                assert_eq!(far.read_message(&ours, &mut opened).unwrap(), length);
                assert_eq!(opened[..length], plain);
                if turn == 3 {
                    near.rekey_outgoing();
                    far.rekey_incoming();
                    sealing.rekey().unwrap();
                }
            }
        }
    }

    #[test]
    fn opens_to_the_front_and_refuses_what_was_changed() {
        for suite in [Suite::AesGcm, Suite::ChaChaPoly] {
            let key = Zeroizing::new([7; KEY]);
            let (mut sealing, mut opening) =
                (Cipher::new(suite, &key).unwrap(), Cipher::new(suite, &key).unwrap());
            for (from, length) in [(0, 100), (2, 100), (20, 5), (3, 0), (18, 65_519)] {
                let plain: Vec<u8> = (0..length).map(|i| (i % 249) as u8).collect();
                let mut bytes = [vec![0; from], plain.clone()].concat();
                let tag = sealing.seal(&mut bytes[from..]).unwrap();
                bytes.extend_from_slice(&tag);
                let mut changed = bytes.clone();
                *changed.last_mut().unwrap() ^= 1;
                assert_eq!(opening.open(&mut changed, from), Err(BadRecord));
                assert_eq!(opening.open(&mut bytes[..from + TAG - 1], from), Err(BadRecord));
                assert_eq!(opening.open(&mut bytes, from), Ok(length));
                assert_eq!(bytes[..length], plain);
            }
        }
    }
}
