//! A gateway before a whole grid in one process: storage servers and a vdrive server on real disks
//! behind real links, and an HTTP client that says what it got.

#![allow(dead_code, reason = "each test binary uses its own part")]

use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tahoe::base::system::Clock;
use tahoe::cap::Cap;
use tahoe::disk::DiskSize;
use tahoe::files::blacklist::Blacklist;
use tahoe::files::{Files, Roots, Trash};
use tahoe::gateway::Gateway;
use tahoe::gateway::guard::Guard;
use tahoe::gateway::node_status::{ScrubStatus, ScrubbedStatus, Status, StorageStatus};
use tahoe::gateway::owner::Owner;
use tahoe::gateway::state::Pages;
use tahoe::gateway::work::handles::Operations;
use tahoe::grid::EncodingParams;
use tahoe::grid::dirnode::{Directories, SeenHeads, TubBook};
use tahoe::http::spool::Spool;
use tahoe::http::webport::WebPort;
use tahoe::http::{Running, Settings};
use tahoe::keeper::Keeper;
use tahoe::storage::Latency;
use tahoe::tub::{LoopbackNet, Tub};
use tahoe::vdrive::{Store, StoreConfig, VdriveServer};
use tahoe_testing::real::{RealGrid, real_grid};
use tahoe_testing::tub_on;
use tempfile::TempDir;
use tokio::sync::oneshot;
use ureq::Body;
use ureq::http::{Request, Response};

/// How texts of the original begin that are no sentences.
const ORIGINAL: &[&str] = &[
    "Access Prohibited: ",
    "/file must be ",
    "/file can only ",
    "/uri accepts only ",
    "GET directory: ",
    "GET file: ",
    "GET unknown URI type: ",
    "Invalid capability",
    "No such child: ",
    "POST to ",
    "PUT to a ",
    "The webapi does not allow empty pathname components",
    "Unknown format: ",
    "from_name= ",
    "invalid boolean argument: ",
    "invalid replace= argument: ",
    "name= may not",
    "no '-' in ",
    "set-uri requires ",
    "slow operation requires ",
    "t=mkdir does not accept ",
    "to_dir",
    "to_name= ",
    "unknown/expired handle ",
    "upload requires a name",
];

pub const TOKEN: &str = "the-owners-token";

/// A running gateway; ends when it is dropped.
pub struct Web {
    pub url: String,
    /// Write cap of what `/vdrive/global` names.
    pub global: String,
    /// The network of the grid's nodes.
    pub net: LoopbackNet,
    /// The storage servers' folders.
    pub disks: Vec<PathBuf>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    pub folder: TempDir,
}

struct Fixed(Cap, Cap);

impl Roots for Fixed {
    fn global(&self) -> Option<Cap> {
        Some(self.0.clone())
    }

    fn private(&self) -> Option<Cap> {
        Some(self.1.clone())
    }
}

struct Parts {
    grid: RealGrid,
    vdrive: Tub,
    running: Running,
    global: Cap,
}

impl Web {
    /// Before four servers, 2-of-4 with happiness 3; the owner allows local files.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let parts = parts(&path).await;
                let url = parts.running.url.trim_end_matches('/').to_owned();
                let disks = parts.grid.servers.iter().map(|server| server.folder.path().to_owned());
                let disks: Vec<_> = disks.collect();
                tell.send((url, parts.global.reveal(), parts.grid.net.clone(), disks)).unwrap();
                let _ = stopped.await;
                parts.running.stop().await;
                parts.vdrive.shutdown();
                drop(parts.grid);
            });
        });
        let (url, global, net, disks) = told.recv().unwrap();
        Self { url, global, net, disks, stop: Some(stop), thread: Some(thread), folder }
    }
}

async fn parts(folder: &std::path::Path) -> Parts {
    let grid = real_grid(4, EncodingParams::new(2, 3, 4).unwrap()).await;
    let vdrive = tub_on(&grid.net);
    vdrive.listen_loopback("vdrive").unwrap();
    let config = StoreConfig { index_on_disk: false, ..StoreConfig::new(folder.join("vdrive")) };
    let (server, restorer) = VdriveServer::start(Store::open(config).unwrap(), "test");
    vdrive.add_restorer(restorer);
    let furl = vdrive.register(server, None);
    let known = TubBook::new();
    known.learn(vdrive.id(), furl.hints().to_vec());
    let blacklist = Arc::new(Blacklist::new(folder.join("access.blacklist")));
    let client = grid.client.clone().with_prohibitions(blacklist);
    let directories = Directories::new(
        client.clone(),
        grid.tub.clone(),
        Some(furl),
        Arc::new(known),
        SeenHeads::in_memory(),
    );
    let global = directories.create(Vec::new()).await.unwrap();
    let private = directories.create(Vec::new()).await.unwrap();
    let spool = folder.join("tmp");
    std::fs::create_dir(&spool).unwrap();
    let roots = Arc::new(Fixed(global.clone(), private));
    let files = Files::new(directories, roots, Trash::default());
    let keeper = Keeper::new(files.clone(), Arc::new(NoPapers), Clock::System);
    let gateway = Gateway {
        files,
        spool: Spool::new(spool, 1 << 30),
        guard: Guard { hosts: Vec::new(), local: true, tls: false, closed: false },
        owner: Owner::new(TOKEN.to_owned(), Clock::System, false),
        allow_localfile: true,
        operations: Operations::new(Clock::System),
        keeper: Some(keeper),
        status: Arc::new(Status::default),
        storage: Some(Arc::new(storage)),
        pages: Pages { public: Some(folder.join("public_html")), ..Pages::default() },
    };
    let settings = Settings {
        webport: WebPort::local(0),
        folder: folder.to_owned(),
        insecure: false,
        any_port: false,
    };
    let running = settings.serve(gateway).unwrap();
    Parts { grid, vdrive, running, global }
}

/// What a keeper has that remembers nothing.
struct NoPapers;

impl tahoe::keeper::Store for NoPapers {
    fn copies(&self) -> Option<String> {
        None
    }

    fn tell(&self, _: &str) {}

    fn told(&self) -> String {
        String::new()
    }

    fn add_copy(&self, _: &str) -> bool {
        true
    }

    fn keep_copies(&self, _: &str) -> bool {
        true
    }

    fn list(&self) -> Option<String> {
        None
    }

    fn record(&self) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _: &[u8]) {}
}

fn storage() -> StorageStatus {
    let disk = Some(DiskSize { total: 1_000, free: 300, available: 200 });
    let latency = Latency {
        operation: "add-lease",
        count: 1_007,
        samples: 19,
        mean: Some(Duration::from_micros(1_500)),
        percentiles: vec![
            ("50_0_percentile", Some(Duration::from_millis(2))),
            ("99_9_percentile", None),
        ],
    };
    let scrub = ScrubStatus {
        every: Some(30 * 24 * 3600),
        round: None,
        last: Some(ScrubbedStatus { times: (1_000, 2_000), shares: 70, damaged: 3, unread: 0 }),
        damaged: 3,
    };
    StorageStatus { disk, scrub, latencies: vec![latency], ..StorageStatus::default() }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, if the status is this one.
    pub fn expect(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.text()
    }

    /// The body as JSON, which must be ASCII.
    pub fn json(self) -> Value {
        let text = self.expect(200);
        assert!(text.is_ascii(), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A refusal: plain text, no page; a text of the original to the letter, or whole sentences.
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        let text = self.expect(status);
        let original = ORIGINAL.iter().any(|start| text.starts_with(start));
        assert!(original || text.ends_with(['.', '!', '?']), "{text}");
        text
    }
}

impl Web {
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .allow_non_standard_methods(true)
            .timeout_global(Some(std::time::Duration::from_secs(60)))
            .build()
            .new_agent();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response: Response<Body> = if matches!(method, "PUT" | "POST") {
            agent.run(request.body(body.to_vec()).unwrap()).unwrap()
        } else {
            agent.run(request.body(()).unwrap()).unwrap()
        };
        let (head, body) = response.into_parts();
        let bytes = body.into_with_config().limit(1 << 30).read_to_vec().unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, bytes }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn put(&self, path: &str, body: &[u8]) -> Answer {
        self.ask("PUT", path, &[], body)
    }

    /// A POST with a body of no type, as the stock command line sends it.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[], body.as_bytes())
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], b"")
    }

    /// A form as a browser sends it; a file is a field with a file name.
    pub fn form(&self, path: &str, fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Answer {
        let mut body = Vec::new();
        let mut part = |head: String, content: &[u8]| {
            body.extend_from_slice(b"--XyZ\r\n");
            body.extend_from_slice(
                format!("Content-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        };
        if let Some((name, content)) = file {
            let kind = "\r\nContent-Type: application/octet-stream";
            part(format!("name=\"file\"; filename=\"{name}\"{kind}"), content);
        }
        for (name, value) in fields {
            part(format!("name=\"{name}\""), value.as_bytes());
        }
        body.extend_from_slice(b"--XyZ--\r\n");
        let kind = ("Content-Type", "multipart/form-data; boundary=XyZ");
        self.ask("POST", path, &[kind, ("Origin", &self.url)], &body)
    }

    /// A new directory; its address.
    pub fn mkdir(&self) -> String {
        at(&self.post("/uri?t=mkdir", "").expect(200))
    }
}

/// The address of a cap.
pub fn at(cap: &str) -> String {
    format!("/uri/{}", tahoe::files::address::percent_encode(cap))
}

/// The names in the JSON of a directory.
pub fn names(listing: &Value) -> Vec<String> {
    listing[1]["children"].as_object().unwrap().keys().cloned().collect()
}
