//! What the system sees of a share that is stored: `strace` watches a storage server on a real disk
//! behind a real link, and its calls come in the order that makes a share durable.
//!
//! Data, then its sync, then the name, then the syncs of the folders whose entries are new, then the
//! answer. Without strace, or where it may trace nobody, the test says so in a line.

#![cfg(target_os = "linux")]

use bytes::Bytes;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::storage::api::{Allocate, Close, Put, Storage, Write};
use tahoe::storage::paths::bucket_path;
use tahoe::storage::{ServerOptions, StorageServer, Store, StoreConfig};
use tahoe::tub::{Bulk, Furl, Hint, Identity, Ref, Tub, TubOptions};
use tahoe_testing::store::{data, secrets, si};

const DIR_VARIABLE: &str = "TAHOE_TEST_TRACED_DIR";
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,\
                     fsync,fdatasync,rename,renameat,renameat2,link,linkat";
/// More than is written in one piece.
const LARGE: usize = 300_000;

/// Not a test of its own: the server that the test below starts from this same binary. It ends with
/// its standard input.
#[test]
fn server_process() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    actix_rt::System::new().block_on(async {
        let store = Store::open(StoreConfig::new(dir)).unwrap();
        let tub = Tub::new(Identity::random(), TubOptions::default());
        let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
        let (storage, _) = StorageServer::start(store, ServerOptions::default());
        println!("\nFURL {}", tub.register(storage, None).reveal());
        let ended = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(ended).await.unwrap().unwrap();
    });
}

/// One call that the server made.
#[derive(Debug)]
struct Call<'a> {
    name: &'a str,
    /// What stands between the parentheses, as far as it was known when the call began.
    arguments: &'a str,
    /// Lines of the trace in which it began and came back.
    lines: (usize, usize),
    failed: bool,
}

impl Call<'_> {
    /// Whether the first argument is a descriptor of what `-y` names so.
    fn is_on(&self, path: &str) -> bool {
        let opened = self.arguments.split_once('<').map(|(_, rest)| rest);
        let name = opened.and_then(|rest| rest.split_once('>')).map(|(name, _)| name);
        name == Some(path)
    }

    fn is_to_socket(&self) -> bool {
        let opened = self.arguments.split_once('<');
        opened.is_some_and(|(_, name)| name.starts_with("socket:") || name.starts_with("TCP"))
    }

    fn is_sync(&self) -> bool {
        matches!(self.name, "fsync" | "fdatasync") && !self.failed
    }

    /// Old and new name of a rename or a link.
    fn names(&self) -> Option<(&str, &str)> {
        let mut quoted = self.arguments.split('"').skip(1).step_by(2);
        let moves = self.name.starts_with("rename") || self.name.starts_with("link");
        if moves && !self.failed { Some((quoted.next()?, quoted.next()?)) } else { None }
    }

    fn is_before(&self, later: &Self) -> bool {
        self.lines.1 < later.lines.0
    }
}

/// The calls in a trace of `strace -f -y`. One that is interrupted by another thread's stands in
/// two lines, `call(… <unfinished ...>` and `<... call resumed>…`.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut open: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let (rest, failed) = (rest.trim_start(), line.contains(" = -1 "));
        if rest.starts_with("<... ") {
            if let Some(call) = open.remove(thread).and_then(|index| calls.get_mut(index)) {
                call.lines.1 = at;
                call.failed = failed;
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        if line.ends_with("<unfinished ...>") {
            open.insert(thread, calls.len());
        }
        calls.push(Call { name, arguments, lines: (at, at), failed });
    }
    // What never came back is before nothing.
    for index in open.into_values() {
        calls[index].lines.1 = usize::MAX;
    }
    calls
}

/// Whether the share in `shares`/`bucket` came there in the right order, and the lines of the syncs
/// that made it so; else what is missing.
fn stored_in_order(trace: &str, shares: &Path, share: &Path) -> Result<Vec<usize>, String> {
    let calls = calls(trace);
    let target = shares.join(share);
    let is_target = |name: &str| Path::new(name) == target;
    let placed = calls.iter().find(|call| call.names().is_some_and(|(_, to)| is_target(to)));
    let placed = placed.ok_or("the share got no name")?;
    let from = placed.names().ok_or("a rename")?.0;
    let written = calls.iter().rfind(|call| call.name.starts_with("pwrite") && call.is_on(from));
    let written = written.ok_or("no byte of the share was written")?;
    let synced = calls.iter().find(|call| {
        call.is_sync() && call.is_on(from) && written.is_before(call) && call.is_before(placed)
    });
    let mut syncs = vec![synced.ok_or("the share was named before it was synced")?];
    for folder in target.ancestors().skip(1).take(3) {
        let path = folder.to_str().ok_or("a path")?;
        let synced =
            calls.iter().find(|call| call.is_sync() && call.is_on(path) && placed.is_before(call));
        syncs.push(synced.ok_or_else(|| format!("{path} was not synced"))?);
    }
    let answer = calls.iter().find(|call| call.is_to_socket() && placed.lines.0 < call.lines.0);
    let answer = answer.ok_or("no answer was sent")?;
    if let Some(late) = syncs.iter().find(|sync| !sync.is_before(answer)) {
        return Err(format!("the answer left before {late:?}"));
    }
    Ok(syncs.into_iter().map(|sync| sync.lines.0).collect())
}

async fn store_in_one_call(storage: &Ref<Storage>, si: StorageIndex) {
    let (secrets, data) = (secrets(1), Bulk(data(1, 5_000).into()));
    let (renew, cancel) = (secrets.renew, secrets.cancel);
    let put = Put { si, share: ShareNum(0), renew, cancel, data };
    assert_eq!(storage.call(put).await.unwrap().already, [ShareNum(0)]);
}

async fn store_by_writer(storage: &Ref<Storage>, si: StorageIndex) {
    let (secrets, bytes) = (secrets(1), Bytes::from(data(2, LARGE)));
    let (renew, cancel) = (secrets.renew, secrets.cancel);
    let size = LARGE as u64;
    let ask = Allocate { si, shares: vec![ShareNum(0)], size, renew, cancel };
    let (_, writer) = storage.call(ask).await.unwrap().writers.remove(0);
    for start in (0..LARGE).step_by(100_000) {
        let data = Bulk(bytes.slice(start..start + 100_000));
        writer.call(Write { offset: start as u64, data }).await.unwrap();
    }
    writer.call(Close {}).await.unwrap();
}

fn strace_works() -> bool {
    let tried = Command::new("strace").args(["-f", "-y", "-o", "/dev/null", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Runs a server under strace, and both ways to store a share against it, one after the other.
fn traced(dir: &Path, trace: &Path) {
    let mut child = Command::new("strace")
        .args(["-f", "-y", "-s", "0", "-e", CALLS, "-o"])
        .arg(trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "syncs::server_process", "--nocapture", "--test-threads=1"])
        .env(DIR_VARIABLE, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let furl = lines.find_map(|line| line.strip_prefix("FURL ").map(Furl::parse));
    let furl = furl.expect("the server says its furl").unwrap();
    actix_rt::System::new().block_on(async {
        let tub = Tub::new(Identity::random(), TubOptions::default());
        let storage = tub.get::<Storage>(&furl).await.unwrap();
        store_in_one_call(&storage, si(1)).await;
        store_by_writer(&storage, si(2)).await;
        tub.shutdown();
    });
    drop(child.stdin.take());
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
}

#[test]
fn data_then_name_then_folders_then_answer() {
    if !strace_works() {
        println!("skipped: strace is missing or may not trace here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (dir, file) = (root.join("storage"), root.join("trace"));
    traced(&dir, &file);
    let trace = std::fs::read_to_string(&file).unwrap();
    for n in [1, 2] {
        let (shares, share) = (dir.join("shares"), bucket_path(&si(n)).join("0"));
        let syncs = stored_in_order(&trace, &shares, &share)
            .unwrap_or_else(|missing| panic!("bucket {n}: {missing}\n{trace}"));
        // Each of them counts: a trace without it is refused.
        for line in syncs {
            let others = trace.lines().enumerate().filter(|(at, _)| *at != line);
            let without: Vec<&str> = others.map(|(_, text)| text).collect();
            let judged = stored_in_order(&without.join("\n"), &shares, &share);
            assert!(judged.is_err(), "bucket {n}: nobody misses line {line}\n{trace}");
        }
    }
    println!("a share stored in one call and one by a writer: 8 syncs in order");
}
