//! Listening, and the one path that every request takes: guard, route, answer.

use super::answer::Failure;
use super::guard::Guard;
use super::route::{Route, route};
use super::spool::Spool;
use super::tls::{TlsError, server_config};
use super::webport::WebPort;
use super::welcome::Status;
use super::{answer, get, put, welcome};
use crate::base::limits::{WEB_CONNECTIONS_MAX, WEB_HEAD_TIME, WEB_KEEP_ALIVE, WEB_WORKERS_MAX};
use crate::grid;
use actix_web::dev::{Server, ServerHandle};
use actix_web::http::{StatusCode, header};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

/// What a gateway needs to answer.
pub struct Gateway {
    pub grid: grid::Client,
    pub spool: Spool,
    pub guard: Guard,
    /// The state of this node, for the welcome page.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
}

/// How and where to listen.
pub struct Settings {
    pub webport: WebPort,
    /// Certificate files are looked up here.
    pub folder: PathBuf,
    /// The owner allows listening to others without TLS.
    pub insecure: bool,
    /// Take any free port when the wished one is taken.
    pub any_port: bool,
}

/// Why a gateway does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(
        "the gateway would listen on {0} for other machines without TLS, so caps and the token \
         could be read on the way"
    )]
    Exposed(SocketAddr),
}

/// A gateway that listens.
pub struct Running {
    /// `http://127.0.0.1:8123/`
    pub url: String,
    handle: ServerHandle,
}

impl Running {
    /// Stops listening; transfers under way get a moment to end.
    pub async fn stop(self) {
        self.handle.stop(true).await;
    }
}

impl Settings {
    /// Starts to listen. Workers are threads of their own; this one only sets them up.
    pub fn serve(self, gateway: Gateway) -> Result<Running, ServeError> {
        let tls = self.webport.tls.as_ref();
        let tls = tls.map(|files| server_config(&self.folder, files)).transpose()?;
        if !self.webport.is_local() && tls.is_none() && !self.insecure {
            return Err(ServeError::Exposed(self.webport.address));
        }
        let listener = self.bind()?;
        let fail = |source| ServeError::Listen { address: self.webport.address, source };
        let address = listener.local_addr().map_err(fail)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = start(listener, tls, gateway).map_err(fail)?;
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Running { url: format!("{scheme}://{}/", reachable(address)), handle })
    }

    fn bind(&self) -> Result<TcpListener, ServeError> {
        let mut address = self.webport.address;
        match TcpListener::bind(address) {
            Err(error) if self.any_port && error.kind() == io::ErrorKind::AddrInUse => {
                address.set_port(0);
                TcpListener::bind(address)
            }
            bound => bound,
        }
        .map_err(|source| ServeError::Listen { address, source })
    }
}

/// An address that a program on this machine can connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    }
    address
}

fn start(
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    gateway: Gateway,
) -> io::Result<Server> {
    let gateway = web::Data::new(gateway);
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(WEB_WORKERS_MAX);
    let server = HttpServer::new(move || {
        App::new().app_data(gateway.clone()).default_service(web::to(handle))
    })
    .workers(workers)
    .worker_max_blocking_threads(WORKER_DISK_THREADS)
    .max_connections(WEB_CONNECTIONS_MAX.div_ceil(workers))
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

/// Spool writes of one worker at once.
const WORKER_DISK_THREADS: usize = 8;
/// Transfers get so long to end when the node stops.
const SHUTDOWN_SECONDS: u64 = 3;

/// Every request comes here. Nothing of it is logged but its method and the status it got.
async fn handle(
    request: HttpRequest,
    body: web::Payload,
    gateway: web::Data<Gateway>,
) -> HttpResponse {
    let answer = respond(&request, body, &gateway).await.unwrap_or_else(Failure::respond);
    tracing::debug!(method = %request.method(), status = answer.status().as_u16(), "request");
    answer
}

async fn respond(
    request: &HttpRequest,
    body: web::Payload,
    gateway: &Gateway,
) -> Result<HttpResponse, Failure> {
    gateway.guard.check(request.method(), request.headers())?;
    match route(request.method(), request.uri().path(), request.query_string())? {
        Route::Welcome { json } => Ok(welcome::answer(&(gateway.status)(), json)),
        Route::Upload => put::upload(gateway, request, body).await,
        Route::Redirect { to } => {
            let mut response = answer::plain(StatusCode::FOUND);
            Ok(response.insert_header((header::LOCATION, to)).finish())
        }
        Route::File(wanted) => get::file(gateway, request, &wanted).await,
    }
}
