//! The socket that SSH comes by. It has a thread of its own, since encrypting all that passes there is work.

use super::ssh::SshDoors;
use crate::base::limits::SSH_ACCEPT_PAUSE;
use crate::http::ServeError;
use crate::http::listen::{bind, reachable};
use crate::http::webport::WebPort;
use actix_rt::Arbiter;
use std::net::{SocketAddr, TcpListener};

/// A socket that is there, and at which nobody answers yet.
pub struct Listening {
    pub address: SocketAddr,
    listener: TcpListener,
}

/// What listens and answers.
pub struct Running {
    /// `sftp://127.0.0.1:8022/`
    pub url: String,
    thread: Arbiter,
}

impl Listening {
    /// Takes the port, or any if that is taken and another will do.
    pub fn new(port: &WebPort, any_port: bool) -> Result<Self, ServeError> {
        let listener = bind(port, any_port)?;
        let fail = |source| ServeError::Listen { address: port.address, source };
        listener.set_nonblocking(true).map_err(fail)?;
        Ok(Self { address: listener.local_addr().map_err(fail)?, listener })
    }

    /// Lets everybody in who opens a door.
    pub fn serve(self, doors: SshDoors) -> Running {
        let url = format!("sftp://{}/", reachable(self.address));
        let thread = Arbiter::new();
        thread.spawn_fn(move || drop(actix_rt::spawn(accept(self.listener, doors))));
        Running { url, thread }
    }
}

impl Drop for Running {
    /// What was not stored by then is not stored.
    fn drop(&mut self) {
        self.thread.stop();
    }
}

async fn accept(listener: TcpListener, doors: SshDoors) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "nobody is let in by SSH"),
    };
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                // Answers are small, and waited for.
                let _ = socket.set_nodelay(true);
                actix_rt::spawn(doors.clone().serve(socket));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(SSH_ACCEPT_PAUSE).await;
            }
        }
    }
}
