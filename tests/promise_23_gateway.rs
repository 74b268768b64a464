//! Promise 23, as far as HTTP goes: bounds hold in sum, whatever users and strangers ask of a gateway at
//! once. Its links are in `promise_23_bounds.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod nodes;

use nodes::{Process, RunningGrid, http, tahoe, wait_for_servers};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use tahoe::base::limits::{CHILDREN_MAX, ROW_IDS_MAX};
use tahoe::base::seeded::bytes;
use tahoe_testing::rounds;

/// Slow sockets, here and before a release.
const SOCKETS: (u64, u64) = (300, 2_000);
/// Files that the gateway may have open here; it then has place for an eighth as many connections.
const FILES: u64 = 512;
const HONEST: usize = 12;
/// An honest request is answered in this time on a machine that does other things too.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// A grid whose gateway may open only so many files.
fn grid_with(files: u64) -> RunningGrid {
    let RunningGrid { nodes, introducer, servers, gateway } = RunningGrid::of(3, "1 2 3");
    let dir = gateway.dir.clone();
    gateway.stop();
    std::fs::copy(nodes.dir("introducer").join("vdrive.furl"), dir.join("vdrive.furl")).unwrap();
    let program = tahoe().get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(program);
    let gateway = Process::spawn(command.arg("run").arg(&dir).env("HOME", "/nonexistent"), &dir);
    wait_for_servers(&dir, servers.len());
    RunningGrid { nodes, introducer, servers, gateway }
}

/// The ways in which one holds a connection: by saying nothing, a head that never ends, a body that
/// comes by the byte, an answer that is not taken, and a request that is followed by none.
fn first_words(kind: usize, large: &str) -> String {
    let head = |line: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\n");
    match kind % 5 {
        0 => String::new(),
        1 => head("GET /") + "X-Slow: ",
        2 => head("PUT /uri") + "Content-Length: 900000\r\n\r\n",
        3 => head(&format!("GET /uri/{large}")) + "\r\n",
        _ => head("GET /") + "\r\n",
    }
}

/// Keeps its sockets for as long as it is wanted, each with a byte now and then, and comes again when
/// one was closed. How often it came.
fn hold(count: usize, to: SocketAddr, large: &str, wanted: &AtomicBool) -> usize {
    let open = |kind: usize| {
        let mut socket = TcpStream::connect_timeout(&to, Duration::from_secs(1)).ok()?;
        socket.write_all(first_words(kind, large).as_bytes()).ok()?;
        socket.set_nonblocking(true).ok().map(|()| socket)
    };
    let mut sockets: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
    let mut came = 0;
    while wanted.load(Relaxed) {
        for (kind, socket) in sockets.iter_mut().enumerate().filter(|_| wanted.load(Relaxed)) {
            let trickles = kind % 5 == 1 || kind % 5 == 2;
            let gone = match socket {
                None => true,
                Some(socket) if trickles => socket.write_all(b"a").is_err(),
                // What is there to be read is left where it is.
                Some(socket) => matches!(socket.peek(&mut [0]), Ok(0)),
            };
            if gone {
                came += 1;
                *socket = open(kind);
            }
        }
    }
    came
}

/// One request on a connection of its own; how long its answer took.
fn honest(to: SocketAddr, cap: &str, content: &[u8]) -> std::io::Result<Duration> {
    let started = Instant::now();
    let mut socket = TcpStream::connect_timeout(&to, ANSWER_TIME)?;
    socket.set_read_timeout(Some(ANSWER_TIME))?;
    let head = format!("GET /uri/{cap} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    match answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(content) {
        true => Ok(started.elapsed()),
        false => {
            let said = String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
            Err(std::io::Error::other(format!("{} bytes: {said}", answer.len())))
        }
    }
}

#[test]
fn slow_sockets_leave_room_for_honest_requests() {
    let started = Instant::now();
    let count = rounds(SOCKETS.0, SOCKETS.1) as usize;
    let grid = grid_with(if count > SOCKETS.0 as usize { 4_096 } else { FILES });
    let url = &grid.gateway.url;
    let put = |content: &[u8]| {
        let answer = http().put(format!("{url}/uri")).send(content).unwrap();
        answer.into_body().read_to_string().unwrap()
    };
    let (content, large) = (bytes(1, 10_000), bytes(2, 8 << 20));
    let (cap, large) = (put(&content), put(&large));
    let to: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let wanted = AtomicBool::new(true);
    let (times, came) = thread::scope(|scope| {
        let held = scope.spawn(|| hold(count, to, &large, &wanted));
        let times: Vec<std::io::Result<Duration>> = (0..HONEST)
            .map(|_| {
                thread::sleep(Duration::from_millis(200));
                honest(to, &cap, &content)
            })
            .collect();
        wanted.store(false, Relaxed);
        (times, held.join().unwrap())
    });
    let answered = times.iter().flatten().count();
    assert!(came >= count, "the sockets were never all there: {came}");
    assert_eq!(answered, HONEST, "{times:?}");
    println!(
        "promise 23: {count} slow sockets that came {came} times, {answered} of {HONEST} honest requests \
         answered, the slowest in {:.0?}, {:.0?}",
        times.iter().flatten().max().unwrap(),
        started.elapsed()
    );
}

const MIB: u64 = 1 << 20;
/// What a gateway may take, whatever it is asked for at once.
const MOST: u64 = 256 * MIB;
/// What it may keep when it is asked for nothing any more.
const QUIET: u64 = 128 * MIB;
/// Entries of the directory that is listed, and children of a body, here and before a release.
const ENTRIES: (u64, u64) = (20_000, 100_000);
const CHILDREN: (u64, u64) = (100_000, 1_000_000);
/// How often each is asked for at once, with as many who stop reading as who do not.
const BODIES: usize = 8;
const LISTINGS: usize = 12;
const WALKS: usize = 4;
const FILES_AT_ONCE: usize = 6;
const FILE: usize = 16 << 20;

/// A JSON body that describes these children.
fn children(numbers: std::ops::Range<u64>) -> String {
    let child =
        |n| format!(r#""child {n:07}": ["filenode", {{"ro_uri": "URI:LIT:krugkidfnzsa"}}]"#);
    format!("{{{}}}", numbers.map(child).collect::<Vec<_>>().join(","))
}

/// Status, whether it says when to ask again, and the body.
fn ask(method: &str, url: &str, body: &[u8]) -> (u16, bool, Vec<u8>) {
    let request = ureq::http::Request::builder().method(method).uri(url);
    let answer = match method {
        "GET" => http().run(request.body(()).unwrap()),
        _ => http().run(request.body(body.to_vec()).unwrap()),
    };
    let (head, body) = answer.unwrap().into_parts();
    let bytes = body.into_with_config().limit(1 << 30).read_to_vec().unwrap();
    (head.status.as_u16(), head.headers.contains_key("retry-after"), bytes)
}

/// What came in chunks, which must end as they should.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
}

/// As [`ask`], reading a little, then nothing until the gate is open: who fails meanwhile opens it, too.
fn ask_and_pause(to: SocketAddr, path: &str, gate: &RwLock<()>) -> (u16, bool, Vec<u8>) {
    let mut socket = TcpStream::connect(to).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = vec![0; 32 << 10];
    let some = socket.read(&mut answer).unwrap();
    answer.truncate(some);
    drop(gate.read());
    socket.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8(answer).unwrap().to_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { joined(&body) } else { body };
    (head[9..12].parse().unwrap(), head.contains("retry-after"), body)
}

struct Asked {
    url: String,
    dir: String,
    file: String,
    content: Vec<u8>,
    entries: u64,
}

impl Asked {
    /// A listing is whole, or it is told to be asked for again.
    fn listed(&self, answer: &(u16, bool, Vec<u8>)) -> bool {
        match answer {
            (200, _, body) => {
                let listing: serde_json::Value = serde_json::from_slice(body).unwrap();
                let count = listing[1]["children"].as_object().unwrap().len() as u64;
                assert_eq!(count, self.entries);
                true
            }
            (503, true, _) => false,
            (status, _, body) => panic!("{status} {}", String::from_utf8_lossy(body)),
        }
    }
}

/// Everything at once; how many of the listings were whole, of those who read and those who paused.
fn everything(asked: &Asked, many: &str) -> (usize, usize) {
    let to: SocketAddr = asked.url.trim_start_matches("http://").parse().unwrap();
    let url = |path: &str| format!("{}{path}", asked.url);
    let gate = RwLock::new(());
    thread::scope(|scope| {
        let gate = &gate;
        let closed = gate.write().unwrap();
        let paused = |path: String| scope.spawn(move || ask_and_pause(to, &path, gate));
        let slow: Vec<_> =
            (0..LISTINGS / 2).map(|_| paused(format!("{}?t=json", asked.dir))).collect();
        let files: Vec<_> = (0..FILES_AT_ONCE).map(|_| paused(asked.file.clone())).collect();
        let bodies: Vec<_> = (0..BODIES)
            .map(|_| {
                scope.spawn(|| {
                    ask("POST", &url(&format!("{}?t=set_children", asked.dir)), many.as_bytes())
                })
            })
            .collect();
        let walks: Vec<_> = (0..WALKS)
            .map(|_| {
                scope.spawn(|| ask("POST", &url(&format!("{}?t=stream-manifest", asked.dir)), b""))
            })
            .collect();
        let put = |n: usize| {
            move || ask("PUT", &format!("{}/uri", asked.url), &bytes(100 + n as u64, FILE))
        };
        let puts: Vec<_> = (0..FILES_AT_ONCE).map(|n| scope.spawn(put(n))).collect();
        let quick: Vec<_> = (0..LISTINGS / 2)
            .map(|_| scope.spawn(|| ask("GET", &url(&format!("{}?t=json", asked.dir)), b"")))
            .collect();
        for body in bodies {
            let (status, again, text) = body.join().unwrap();
            let told = status == 413 || status == 503 && again;
            assert!(told, "{status} {}", String::from_utf8_lossy(&text));
        }
        for walk in walks {
            assert_eq!(walk.join().unwrap().0, 200);
        }
        for put in puts {
            assert_eq!(put.join().unwrap().0, 200);
        }
        let quick = quick.into_iter().map(|one| one.join().unwrap());
        let quick = quick.filter(|answer| asked.listed(answer)).count();
        drop(closed);
        for file in files {
            let (status, _, content) = file.join().unwrap();
            assert!(status == 200 && content == asked.content, "a download that paused");
        }
        let slow = slow.into_iter().map(|one| one.join().unwrap());
        (quick, slow.filter(|answer| asked.listed(answer)).count())
    })
}

#[test]
fn whatever_is_asked_at_once_takes_so_much_memory_and_no_more() {
    let started = Instant::now();
    let grid = grid_with(4_096);
    let url = grid.gateway.url.clone();
    let (entries, many) = (rounds(ENTRIES.0, ENTRIES.1), rounds(CHILDREN.0, CHILDREN.1));
    let at = |cap: &[u8]| {
        format!("/uri/{}", String::from_utf8(cap.to_vec()).unwrap().replace('/', "%2F"))
    };
    let dir = ask("POST", &format!("{url}/uri?t=mkdir"), b"");
    assert_eq!(dir.0, 200, "{}", String::from_utf8_lossy(&dir.2));
    let dir = at(&dir.2);
    let set = |range: std::ops::Range<u64>| {
        ask("POST", &format!("{url}{dir}?t=set_children"), children(range).as_bytes())
    };
    let made = set(0..entries.min(CHILDREN_MAX as u64));
    assert_eq!(made.0, 200, "{}", String::from_utf8_lossy(&made.2));
    // As many as a large directory takes at once.
    for first in (CHILDREN_MAX as u64..entries).step_by(ROW_IDS_MAX) {
        let made = set(first..entries.min(first + ROW_IDS_MAX as u64));
        assert_eq!(made.0, 200, "{}", String::from_utf8_lossy(&made.2));
    }
    let content = bytes(1, FILE);
    let file = at(&ask("PUT", &format!("{url}/uri"), &content).2);
    let asked = Asked { url, dir, file, content, entries };
    let alone = grid.gateway.peak();
    let (quick, slow) = everything(&asked, &children(0..many));
    let all = grid.gateway.peak();
    let after = ask("GET", &format!("{}{}?t=json", asked.url, asked.dir), b"");
    assert!(asked.listed(&after), "one alone is always listed");
    let calm = Instant::now();
    while grid.gateway.memory() > QUIET && calm.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(100));
    }
    let quiet = grid.gateway.memory();
    println!(
        "promise 23: a gateway asked for {BODIES} bodies of {many} children, {LISTINGS} listings of {entries} \
         entries ({quick} whole, {slow} whole by who paused), {WALKS} walks and {FILES_AT_ONCE} files both ways \
         at once: {} MiB at most, {} before, {} when quiet, {:.0?}",
        all / MIB,
        alone / MIB,
        quiet / MIB,
        started.elapsed()
    );
    assert!(all <= MOST, "{} MiB", all / MIB);
    assert!(quiet <= QUIET, "{} MiB when quiet", quiet / MIB);
    assert!(quick + slow > 0, "none was listed");
}
