//! Where a node listens for SFTP, and the key by which clients know it again.
//!
//! The port stands in `sftpport`; without that file a free one of this machine is chosen once and written
//! there. The key is made once, in `private/ssh_host_key`; who has one already puts it there.

use super::address::Address;
use super::basedir::{Basedir, BasedirError};
use super::config;
use super::doors::{HOST_KEY_FINGERPRINT, SFTP_URL};
use crate::base::limits::HOST_KEY_FILE_MAX;
use crate::doors::Doors;
use crate::doors::sftp::listen::{Listening, Running};
use crate::doors::sftp::ssh::{HostKey, NotAHostKey, SshDoors};
use crate::http::ServeError;
use crate::http::webport::WebPort;

/// Where the port is chosen,
const SFTP_PORT: &str = "sftpport";
/// and which is tried first.
const USUAL_PORT: u16 = 8022;
const HOST_KEY: &str = "private/ssh_host_key";

/// Why nobody can come by SFTP.
#[derive(Debug, thiserror::Error)]
pub enum NoSftp {
    #[error(transparent)]
    Basedir(#[from] BasedirError),
    #[error("the node {0}. The file {SFTP_PORT} says where it listens for SFTP")]
    Listen(#[from] ServeError),
    #[error("{HOST_KEY}: {0}. Without this file a new key is made, which clients do not know")]
    Key(#[from] NotAHostKey),
    #[error("SFTP is encrypted by itself: write `tcp:8022:interface=0.0.0.0` into {SFTP_PORT}")]
    Tls,
}

/// What listens.
pub struct Open {
    _running: Running,
    _address: Address,
}

/// Listens for SFTP.
pub fn open(basedir: &Basedir, doors: &Doors) -> Result<Open, NoSftp> {
    let port = config::port(basedir, SFTP_PORT)?;
    if port.as_ref().is_some_and(|port| port.tls.is_some()) {
        return Err(NoSftp::Tls);
    }
    let key = host_key(basedir)?;
    let any_port = port.is_none();
    let listening = Listening::new(&port.unwrap_or_else(|| WebPort::local(USUAL_PORT)), any_port)?;
    if any_port {
        basedir.write(SFTP_PORT, &listening.address.port().to_string())?;
    }
    basedir.write(HOST_KEY_FINGERPRINT, &key.fingerprint())?;
    let running = listening.serve(SshDoors::new(doors.clone(), key));
    let address = Address::publish(basedir, SFTP_URL, &running.url)?;
    tracing::info!(url = %running.url, "doors are open");
    Ok(Open { _running: running, _address: address })
}

fn host_key(basedir: &Basedir) -> Result<HostKey, NoSftp> {
    if let Some(text) = basedir.read_text(HOST_KEY, HOST_KEY_FILE_MAX)? {
        return Ok(HostKey::parse(&text)?);
    }
    let key = HostKey::new();
    basedir.write_secret(HOST_KEY, key.reveal()?.trim_end())?;
    Ok(key)
}
