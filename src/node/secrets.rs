//! What a node keeps under `private/`, made on first use, each file with mode 0600.
//!
//! ```text
//! node.identity     "priv-v0-" ‖ base32 of the Ed25519 seed: who this node is
//! convergence       base32: what its convergent keys are mixed with (1.20's spelling)
//! secret            base32 of 32 bytes: from which its lease secrets derive (1.20's spelling)
//! NAME.swissnum     base32 of 32 bytes: the secret half of a furl; delete it to revoke the furl
//! api_auth_token    what an owner shows to the gateway
//! ```

use super::basedir::{Basedir, BasedirError};
use crate::base::base32;
use crate::base::rim::random;
use crate::base::secret::{IdentitySeed, LeaseMasterSecret};
use crate::tub::{Identity, Swissnum};

const PREFIX: &str = "priv-v0-";
/// 1.20 makes convergence secrets of 16 bytes, others up to 32; longer ones are a mistake.
const CONVERGENCE_MAX: usize = 64;

/// Who this node is.
pub fn identity(basedir: &Basedir) -> Result<Identity, BasedirError> {
    const NAME: &str = "private/node.identity";
    let text = basedir.secret_or(NAME, || {
        let seed: [u8; 32] = random();
        format!("{PREFIX}{}", base32::encode(&seed))
    })?;
    let seed = text.strip_prefix(PREFIX).and_then(|seed| base32::decode_array(seed).ok());
    let seed = seed.ok_or_else(|| basedir.bad(NAME, &text, "`priv-v0-` and 52 base32 letters"))?;
    Ok(Identity::from_seed(&IdentitySeed::new(seed)))
}

/// What convergent keys of this node are mixed with.
pub fn convergence(basedir: &Basedir) -> Result<Vec<u8>, BasedirError> {
    const NAME: &str = "private/convergence";
    let text = basedir.secret_or(NAME, || base32::encode(&random::<32>()))?;
    base32::decode_loose(&text)
        .ok()
        .filter(|secret| secret.len() <= CONVERGENCE_MAX)
        .ok_or_else(|| basedir.bad(NAME, &text, "base32 of at most 64 bytes"))
}

/// From which this node's lease secrets derive.
pub fn lease_master(basedir: &Basedir) -> Result<LeaseMasterSecret, BasedirError> {
    Ok(LeaseMasterSecret::new(bytes(basedir, "private/secret")?))
}

/// The lasting secret half of the furl `name`.
pub fn swissnum(basedir: &Basedir, name: &str) -> Result<Swissnum, BasedirError> {
    Ok(Swissnum::new(bytes(basedir, &format!("private/{name}.swissnum"))?))
}

/// What an owner shows to the gateway.
pub fn api_auth_token(basedir: &Basedir) -> Result<String, BasedirError> {
    basedir.secret_or("private/api_auth_token", || base32::encode(&random::<32>()))
}

fn bytes(basedir: &Basedir, name: &str) -> Result<[u8; 32], BasedirError> {
    let text = basedir.secret_or(name, || base32::encode(&random::<32>()))?;
    base32::decode_array(&text).map_err(|_| basedir.bad(name, &text, "52 base32 letters"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::basedir::{Role, Synced};

    #[test]
    fn secrets_last_and_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let node = Basedir::create(&dir.path().join("n"), Role::Client, Synced::Each).unwrap();
        let first = (identity(&node).unwrap().tub_id(), convergence(&node).unwrap());
        assert_eq!(first, (identity(&node).unwrap().tub_id(), convergence(&node).unwrap()));
        assert!(lease_master(&node).unwrap() == lease_master(&node).unwrap());
        assert!(swissnum(&node, "a").unwrap() != swissnum(&node, "b").unwrap());
        api_auth_token(&node).unwrap();
        for entry in std::fs::read_dir(node.join("private")).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
