//! What a node keeps under `private/`, made at its first start ([`super::kept`]), each file with mode
//! 0600.
//!
//! ```text
//! node.identity     "priv-v0-" ‖ base32 of the Ed25519 seed: who this node is
//! convergence       base32: what its convergent keys are mixed with (1.20's spelling)
//! secret            base32 of 32 bytes: from which its lease secrets derive (1.20's spelling)
//! NAME.swissnum     base32 of 32 bytes: the secret half of a furl; another one revokes the furl
//! api_auth_token    what an owner shows to the gateway
//! ```

use super::basedir::{Basedir, BasedirError};
use super::kept::{CONVERGENCE, IDENTITY, Kept, LEASE_MASTER, PREFIX, TOKEN};
use crate::base::base32;
use crate::base::secret::{IdentitySeed, LeaseMasterSecret};
use crate::tub::{Identity, Swissnum};

/// 1.20 makes convergence secrets of 16 bytes, others up to 32; longer ones are a mistake.
const CONVERGENCE_MAX: usize = 64;

/// Who this node is.
pub fn identity(basedir: &Basedir) -> Result<Identity, BasedirError> {
    let text = IDENTITY.read(basedir)?;
    let seed = text.strip_prefix(PREFIX).and_then(|seed| base32::decode_array(seed).ok());
    let bad = || basedir.bad(IDENTITY.name, &text, "`priv-v0-` and 52 base32 letters");
    Ok(Identity::from_seed(&IdentitySeed::new(seed.ok_or_else(bad)?)))
}

/// What convergent keys of this node are mixed with.
pub fn convergence(basedir: &Basedir) -> Result<Vec<u8>, BasedirError> {
    let text = CONVERGENCE.read(basedir)?;
    base32::decode_loose(&text)
        .ok()
        .filter(|secret| secret.len() <= CONVERGENCE_MAX)
        .ok_or_else(|| basedir.bad(CONVERGENCE.name, &text, "base32 of at most 64 bytes"))
}

/// From which this node's lease secrets derive.
pub fn lease_master(basedir: &Basedir) -> Result<LeaseMasterSecret, BasedirError> {
    Ok(LeaseMasterSecret::new(bytes(basedir, &LEASE_MASTER)?))
}

/// The lasting secret half of a furl.
pub fn swissnum(basedir: &Basedir, kept: &Kept) -> Result<Swissnum, BasedirError> {
    Ok(Swissnum::new(bytes(basedir, kept)?))
}

/// What an owner shows to the gateway.
pub fn api_auth_token(basedir: &Basedir) -> Result<String, BasedirError> {
    TOKEN.read(basedir)
}

fn bytes(basedir: &Basedir, kept: &Kept) -> Result<[u8; 32], BasedirError> {
    let text = kept.read(basedir)?;
    base32::decode_array(&text).map_err(|_| basedir.bad(kept.name, &text, "52 base32 letters"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::basedir::{Role, Synced};
    use crate::node::config::Config;
    use crate::node::kept::{self, CONTROL, STORAGE};

    #[test]
    fn secrets_last_and_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let node = Basedir::create(&dir.path().join("n"), Role::Client, Synced::Each).unwrap();
        node.write("webport", "0").unwrap();
        kept::prepare(&node, &Config::read(&node).unwrap()).unwrap();
        let first = (identity(&node).unwrap().tub_id(), convergence(&node).unwrap());
        assert_eq!(first, (identity(&node).unwrap().tub_id(), convergence(&node).unwrap()));
        assert!(lease_master(&node).unwrap() == lease_master(&node).unwrap());
        assert!(swissnum(&node, &STORAGE).unwrap() != swissnum(&node, &CONTROL).unwrap());
        api_auth_token(&node).unwrap();
        for entry in std::fs::read_dir(node.join("private")).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
