//! The doors of a node: it listens for them while there are any.
//!
//! The file `private/doors` may change at any time; what it says counts for the next request, and an
//! hour that is over shuts a door that is open. Where to listen stands in `doorsport`; without that file
//! a free port of this machine is chosen once and written there, as programs keep it.

use super::address::Address;
use super::basedir::{Basedir, BasedirError, Stamp};
use super::config;
#[cfg(feature = "sftp")]
use super::sftp;
use crate::base::limits::DOORS_FILE_MAX;
use crate::base::lock::locked;
use crate::doors::book::{Book, FILE};
use crate::doors::{Doorkeeper, Doors, routes};
use crate::http::webport::WebPort;
use crate::http::{Running, ServeError, Settings};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Where the doors' address is told,
pub const DOORS_URL: &str = "doors.url";
/// and where it is chosen.
pub const DOORS_PORT: &str = "doorsport";
/// Where that of SFTP is told,
pub const SFTP_URL: &str = "sftp.url";
/// and what its clients show of its key when they see it first.
pub const HOST_KEY_FINGERPRINT: &str = "sftp.fingerprint";
/// Which port is tried first.
const USUAL_PORT: u16 = 3480;
/// How soon the first door is there, and how soon nothing listens after the last.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// The book as the file has it now.
pub struct BookFile {
    basedir: Basedir,
    known: Mutex<(Option<Stamp>, Arc<Book>)>,
}

impl BookFile {
    pub fn new(basedir: Basedir) -> Self {
        Self { basedir, known: Mutex::default() }
    }

    /// None if it cannot be read now.
    fn read(&self) -> Option<Arc<Book>> {
        let text = self.basedir.read_text(FILE, DOORS_FILE_MAX);
        let text = text.inspect_err(|error| tracing::error!(%error, "the list of doors")).ok()?;
        let book = Book::parse(&text.unwrap_or_default());
        if !book.bad.is_empty() {
            tracing::warn!(lines = ?book.bad, "lines of {FILE} say nothing");
        }
        Some(Arc::new(book))
    }

    /// The book; none if it cannot be read now.
    fn look(&self) -> Option<Arc<Book>> {
        let stamp = self.basedir.stamp(FILE);
        let mut known = locked(&self.known);
        if known.0 != stamp {
            // The stamp is older than what is read, so a change in between is seen the next time.
            *known = (stamp, self.read()?);
        }
        Some(Arc::clone(&known.1))
    }
}

impl Doorkeeper for BookFile {
    fn book(&self) -> Arc<Book> {
        // What cannot be read opens nothing.
        self.look().unwrap_or_default()
    }
}

/// Why nobody can come through.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error(transparent)]
    Basedir(#[from] BasedirError),
    #[error("the node {0}. The file {DOORS_PORT} says where it listens for doors")]
    Listen(#[from] ServeError),
}

/// What listens for doors.
pub struct Doorway {
    looking: JoinHandle<()>,
    open: Arc<Mutex<Ways>>,
}

/// The ways in that are open.
#[derive(Default)]
struct Ways {
    http: Option<Open>,
    #[cfg(feature = "sftp")]
    sftp: Option<sftp::Open>,
}

/// What was told of the ways in that do not open, so that it is told once.
#[derive(Default)]
struct Told(Vec<String>);

struct Open {
    running: Running,
    _address: Address,
}

impl Doorway {
    /// Listens while there are doors, and gives up what those that are gone had begun.
    pub fn keep(basedir: Basedir, insecure: bool, book: Arc<BookFile>, doors: Doors) -> Self {
        let open: Arc<Mutex<Ways>> = Arc::default();
        let ways = Arc::clone(&open);
        // On the node's own thread, where servers are started.
        let looking = actix_rt::spawn(async move {
            let mut told = Told::default();
            loop {
                if let Some(book) = book.look() {
                    doors.parts.sweep(&book, doors.clock.now());
                    if book.doors().is_empty() {
                        let last = std::mem::take(&mut *locked(&ways));
                        last.close().await;
                    } else {
                        locked(&ways).open(&basedir, insecure, &doors, &mut told);
                    }
                }
                tokio::time::sleep(LOOK_TIME).await;
            }
        });
        Self { looking, open }
    }

    /// Transfers under way get a moment to end.
    pub async fn close(self) {
        self.looking.abort();
        let open = std::mem::take(&mut *locked(&self.open));
        open.close().await;
    }
}

impl Ways {
    /// Opens those that are shut.
    fn open(&mut self, basedir: &Basedir, insecure: bool, doors: &Doors, told: &mut Told) {
        // Where the other address is told, this one has been tried: who waits for that has both.
        #[cfg(feature = "sftp")]
        if self.sftp.is_none() {
            self.sftp = told.of(sftp::open(basedir, doors));
        }
        if self.http.is_none() {
            self.http = told.of(listen(basedir, insecure, doors));
        }
    }

    async fn close(mut self) {
        if let Some(open) = self.http.take() {
            open.running.stop().await;
        }
    }
}

impl Told {
    /// What is open; what keeps it shut is told.
    fn of<T>(&mut self, opened: Result<T, impl std::error::Error>) -> Option<T> {
        let error = match opened {
            Ok(opened) => return Some(opened),
            Err(error) => error,
        };
        let text = error.to_string();
        if !self.0.contains(&text) {
            tracing::error!(%error, "nobody can come through a door");
            self.0.push(text);
        }
        None
    }
}

/// A start that is given up leaves nobody behind.
impl Drop for Doorway {
    fn drop(&mut self) {
        self.looking.abort();
        drop(std::mem::take(&mut *locked(&self.open)));
    }
}

fn listen(basedir: &Basedir, insecure: bool, doors: &Doors) -> Result<Open, Closed> {
    let port = config::port(basedir, DOORS_PORT)?;
    let settings = Settings {
        webport: port.clone().unwrap_or_else(|| WebPort::local(USUAL_PORT)),
        folder: basedir.path().to_owned(),
        insecure,
        any_port: port.is_none(),
    };
    let listening = settings.listen()?;
    if listening.exposed {
        tracing::warn!("doors listen to other machines without TLS, as `insecure` says");
    }
    if port.is_none() {
        basedir.write(DOORS_PORT, &listening.port().to_string())?;
    }
    let doors = doors.clone();
    let running = listening.serve(move || routes(doors.clone()))?;
    let address = Address::publish(basedir, DOORS_URL, &running.url)?;
    tracing::info!(url = %running.url, "doors are open");
    Ok(Open { running, _address: address })
}
