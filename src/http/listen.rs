//! Listening: the socket, TLS, and the workers that take requests in, as many as there is room for.

use super::connections::Connections;
use super::tls::{TlsError, server_config};
use super::webport::WebPort;
use crate::base::limits::{WEB_BACKLOG, WEB_HEAD_TIME, WEB_KEEP_ALIVE, WEB_WORKERS_MAX};
use crate::base::sockets::unpace;
use actix_web::dev::{Server, ServerHandle};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use rustix::process::{Resource, getrlimit};
use rustls::ServerConfig;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// How and where to listen.
pub struct Settings {
    pub webport: WebPort,
    /// Certificate files are looked up here.
    pub folder: PathBuf,
    /// Listening to others without TLS is allowed.
    pub insecure: bool,
    /// Take any free port when the wished one is taken.
    pub any_port: bool,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(
        "would listen on {0} for other machines without TLS, so caps and the token \
         could be read on the way"
    )]
    Exposed(SocketAddr),
}

/// A socket that is there, and of which nobody takes requests yet.
pub struct Listening {
    /// `http://127.0.0.1:8123/`
    pub url: String,
    /// Others can read what is sent on the way.
    pub exposed: bool,
    address: SocketAddr,
    listener: TcpListener,
    tls: Option<ServerConfig>,
}

/// What listens and answers.
pub struct Running {
    /// `http://127.0.0.1:8123/`
    pub url: String,
    /// Others can read what is sent on the way.
    pub exposed: bool,
    handle: ServerHandle,
}

impl Running {
    /// Stops listening; transfers under way get a moment to end.
    pub async fn stop(self) {
        self.handle.stop(true).await;
    }
}

impl Settings {
    /// Takes the port.
    pub fn listen(&self) -> Result<Listening, ServeError> {
        let tls = tls_of(&self.webport, &self.folder, self.insecure)?;
        let listener = bind(&self.webport, self.any_port)?;
        let fail = |source| ServeError::Listen { address: self.webport.address, source };
        let address = listener.local_addr().map_err(fail)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let exposed = !self.webport.is_local() && tls.is_none();
        let url = format!("{scheme}://{}/", reachable(address));
        Ok(Listening { url, exposed, address, listener, tls })
    }
}

/// A socket at a port, or at any if that is taken and another will do.
pub fn bind(port: &WebPort, any_port: bool) -> Result<TcpListener, ServeError> {
    let mut address = port.address;
    let listener = match TcpListener::bind(address) {
        Err(error) if any_port && error.kind() == io::ErrorKind::AddrInUse => {
            address.set_port(0);
            TcpListener::bind(address)
        }
        bound => bound,
    }
    .map_err(|source| ServeError::Listen { address, source })?;
    // As many may come at once as there are places; where it fails, the usual number may.
    let _ = rustix::net::listen(&listener, WEB_BACKLOG);
    unpace(&listener, address.ip());
    Ok(listener)
}

impl Listening {
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers as `routes` say, once for each worker. Workers are threads of their own; this one only
    /// sets them up.
    pub fn serve<R>(
        self,
        routes: impl Fn() -> R + Send + Clone + 'static,
    ) -> Result<Running, ServeError>
    where
        R: FnOnce(&mut ServiceConfig),
    {
        let Self { url, exposed, address, listener, tls } = self;
        let server = start(listener, tls, routes)
            .map_err(|source| ServeError::Listen { address, source })?;
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Running { url, exposed, handle })
    }
}

/// What a webport wants of TLS, its files being looked for in `folder`; an error if other machines
/// could read what is sent and nobody said that they may.
pub fn tls_of(
    webport: &WebPort,
    folder: &Path,
    insecure: bool,
) -> Result<Option<ServerConfig>, ServeError> {
    if webport.tls.is_none() && !webport.is_local() && !insecure {
        return Err(ServeError::Exposed(webport.address));
    }
    Ok(webport.tls.as_ref().map(|files| server_config(folder, files)).transpose()?)
}

/// An address that a program on this machine can connect to.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    }
    address
}

fn start<R: FnOnce(&mut ServiceConfig)>(
    listener: TcpListener,
    tls: Option<ServerConfig>,
    routes: impl Fn() -> R + Send + Clone + 'static,
) -> io::Result<Server> {
    let connections = Connections::for_files(getrlimit(Resource::Nofile).current);
    actix_rt::spawn(connections.clone().keep_swept());
    let most = connections.most();
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(WEB_WORKERS_MAX);
    let server = HttpServer::new(move || App::new().configure(routes()))
        .workers(workers)
        .worker_max_blocking_threads(WORKER_DISK_THREADS)
        // Room for those that are let go and not gone yet.
        .max_connections(most.div_ceil(workers) + most.div_ceil(CLOSING_PART))
        .on_connect(move |socket, data| drop(data.insert(connections.accepted(socket))))
        .client_request_timeout(WEB_HEAD_TIME)
        .keep_alive(WEB_KEEP_ALIVE)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals();
    let server = match tls {
        Some(config) => server.listen_rustls_0_23(listener, config)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

/// One in so many connections of a worker may be closing.
const CLOSING_PART: usize = 4;
/// Spool writes of one worker at once.
const WORKER_DISK_THREADS: usize = 8;
/// Transfers get so long to end when the node stops.
const SHUTDOWN_SECONDS: u64 = 3;
