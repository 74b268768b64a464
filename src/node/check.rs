//! What can be known of a node's start before it starts: whether its files say something that makes
//! sense. A port that is taken is not among it, as the node itself may have it.

use super::basedir::{Basedir, Role};
use super::config::Config;
use super::error::NodeError;
use super::{kept, secrets, seeds};
use crate::http::listen::tls_of;

/// The error with which a start would end, as far as the node's own files decide it.
pub fn check(basedir: &Basedir) -> Result<(), NodeError> {
    let config = Config::read(basedir)?;
    kept::prepare(basedir, &config)?;
    let identity = secrets::identity(basedir)?;
    if config.role == Role::Client {
        secrets::convergence(basedir)?;
        secrets::lease_master(basedir)?;
        if config.storage.is_some() {
            seeds::seeds(basedir, identity.tub_id())?;
        }
    }
    if let Some(webport) = &config.webport {
        tls_of(webport, basedir.path(), config.may_be_plain())?;
    }
    Ok(())
}
