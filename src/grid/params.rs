//! How a client encodes: k shares needed, N made, on at least `happy` servers.

use crate::base::file::Params;
use crate::base::lock::locked;
use std::fmt;
use std::sync::{Arc, Mutex};

/// `1 ≤ k ≤ happy ≤ n ≤ 256`, checked when made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingParams {
    code: Params,
    happy: u16,
}

/// Numbers that no file can be encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "encoding parameters {k}, {happy}, {n} are impossible: shares needed, servers of happiness and \
     shares in all must satisfy 1 <= needed <= happy <= total <= 256"
)]
pub struct BadParams {
    pub k: u64,
    pub happy: u64,
    pub n: u64,
}

impl EncodingParams {
    /// `k` shares needed, at least `happy` servers, `n` shares in all.
    pub fn new(k: u64, happy: u64, n: u64) -> Result<Self, BadParams> {
        let bad = BadParams { k, happy, n };
        let code = Params::new(k, n).map_err(|_| bad)?;
        match u16::try_from(happy) {
            Ok(narrow) if k <= happy && happy <= n => Ok(Self { code, happy: narrow }),
            _ => Err(bad),
        }
    }

    /// What of it shapes the shares.
    pub fn code(&self) -> Params {
        self.code
    }

    /// Shares that give the file back.
    pub fn k(&self) -> u16 {
        self.code.needed() as u16
    }

    /// Distinct servers that must hold distinct shares when an upload ends.
    pub fn happy(&self) -> u16 {
        self.happy
    }

    /// Shares made.
    pub fn n(&self) -> u16 {
        self.code.total() as u16
    }
}

impl Default for EncodingParams {
    /// What a grid uses unless it says otherwise: 3 of 10 shares, on at least 7 servers.
    #[allow(clippy::expect_used, reason = "constant numbers in the right order")]
    fn default() -> Self {
        Self::new(3, 7, 10).expect("3 <= 7 <= 10")
    }
}

impl fmt::Display for EncodingParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}, happy {}", self.k(), self.n(), self.happy)
    }
}

/// The parameters in force: the node's own, else the grid's, else the default.
#[derive(Debug, Clone, Default)]
pub struct ParamsInForce {
    own: Option<EncodingParams>,
    grid: Arc<Mutex<Option<EncodingParams>>>,
}

impl ParamsInForce {
    /// `own` is what the node's configuration says; it always wins.
    pub fn new(own: Option<EncodingParams>) -> Self {
        Self { own, grid: Arc::default() }
    }

    pub fn current(&self) -> EncodingParams {
        let grid = *locked(&self.grid);
        self.own.or(grid).unwrap_or_default()
    }

    /// Takes the parameters that the grid announces; says whether uploads change by it.
    pub fn announce(&self, params: EncodingParams) -> bool {
        let before = self.current();
        *locked(&self.grid) = Some(params);
        let after = self.current();
        if before != after {
            tracing::warn!(%before, %after, "the grid changed the encoding of new uploads");
        }
        before != after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ordered_numbers_up_to_256_are_accepted() {
        for (k, happy, n) in [(1, 1, 1), (3, 7, 10), (256, 256, 256), (1, 256, 256)] {
            assert!(EncodingParams::new(k, happy, n).is_ok(), "{k} {happy} {n}");
        }
        for (k, happy, n) in
            [(0, 1, 1), (2, 1, 3), (3, 11, 10), (1, 1, 257), (257, 257, 257), (1, 1, u64::MAX)]
        {
            assert!(EncodingParams::new(k, happy, n).is_err(), "{k} {happy} {n}");
        }
    }

    #[test]
    fn the_nodes_own_parameters_win_over_the_grids() {
        let own = EncodingParams::new(1, 1, 2).unwrap();
        let grid = EncodingParams::new(2, 3, 4).unwrap();
        let with_own = ParamsInForce::new(Some(own));
        assert!(!with_own.announce(grid));
        assert_eq!(with_own.current(), own);
        let without = ParamsInForce::new(None);
        assert_eq!(without.current(), EncodingParams::default());
        assert!(without.announce(grid));
        assert!(!without.announce(grid));
        assert_eq!(without.current(), grid);
    }
}
