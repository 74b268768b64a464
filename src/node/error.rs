//! Why a node does not run.

use super::basedir::BasedirError;
use crate::http::ServeError;
use std::io;
use std::net::SocketAddr;

/// What keeps a node from starting or running.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The directory, or a value in it.
    #[error(transparent)]
    Basedir(#[from] BasedirError),
    /// The tub's port is taken, or not allowed.
    #[error("cannot listen for other nodes on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    /// The gateway's port is taken, or its certificate is no good.
    #[error("the gateway {0}")]
    Gateway(#[from] ServeError),
    /// The storage folder cannot be used.
    #[error("the storage folder cannot be used: {0}")]
    Storage(String),
    /// The vdrive folder cannot be used.
    #[error("the vdrive folder cannot be used: {0}")]
    Vdrive(String),
    /// This node's own announcement is not possible, such as with an endless list of addresses.
    #[error("this node cannot announce itself: {0}")]
    Announce(#[from] crate::introducer::AnnouncementError),
    /// The operating system refused something basic.
    #[error("{what}: {source}")]
    System { what: &'static str, source: io::Error },
}

impl NodeError {
    /// What its owner can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Basedir(_) => "Correct that file and try again.",
            Self::Listen { .. } => {
                "Stop the program that uses the port, or change the port in client.port, \
                 introducer.port or vdrive.port."
            }
            Self::Gateway(ServeError::Listen { .. }) => {
                "Stop the program that uses the port, or change the file webport."
            }
            Self::Gateway(ServeError::Tls(_)) => {
                "Check the files that webport names, privateKey and certKey."
            }
            Self::Gateway(ServeError::Exposed(_)) => {
                "Use `ssl:` in webport, listen on 127.0.0.1, or make an empty file `insecure` if \
                 that is what you want."
            }
            Self::Storage(_) | Self::Vdrive(_) => {
                "Look into logs/node.log, and check the disk and its rights."
            }
            Self::Announce(_) => "Shorten advertised_ip_addresses and nickname.",
            Self::System { .. } => "Look into logs/node.log, and try again.",
        }
    }
}
