//! Promise 10: directories are atomic, and no update is lost.
//!
//! The server dies at every call that changes the disk, before it and in the middle of it, and the
//! power may go too: each directory is as before a change or as after it, and what was acknowledged
//! is there. Ten clients that add to one directory at once lose nothing to each other.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Disk, Fault, Faults, Op};
use tahoe::tub::{Bulk, RemoteError};
use tahoe::vdrive::api::{
    AddLease, BeginChange, ChangeOutcome, Commit, GetRows, StageRemoved, StageRows,
};
use tahoe::vdrive::format::Row;
use tahoe_testing::vdrive::{Names, Owner, Server, config, names, row_id};

const DIR: &str = "/vdrive";

fn here<T>(work: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(work)
}

/// One step of a story: what it does to the names of the first directory.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Makes the directory.
    Create,
    Put(&'static str, u8),
    Remove(&'static str),
    /// Two names change places in one change.
    Move(&'static str, &'static str),
    /// More rows and removals than one record holds.
    Many,
    Lease,
    /// So many changes of one row that the log is written anew.
    Churn,
}

const STORY: &[Step] = &[
    Step::Create,
    Step::Put("a", 1),
    Step::Put("b", 2),
    Step::Move("a", "c"),
    Step::Lease,
    Step::Churn,
    Step::Many,
    Step::Remove("b"),
    Step::Put("a", 3),
];

const MANY: usize = 30;

fn many() -> Vec<String> {
    (0..MANY).map(|n| format!("many {n}")).collect()
}

/// What a step makes of the names; the states that may be seen on the way are the steps between.
fn after(step: Step, names: &Names) -> Vec<Names> {
    let mut now = names.clone();
    match step {
        Step::Create => drop(now.insert("first".to_owned(), vec![0])),
        Step::Put(name, content) => drop(now.insert(name.to_owned(), vec![content])),
        Step::Remove(name) => drop(now.remove(name)),
        Step::Move(from, to) => {
            let content = now.remove(from).unwrap();
            now.insert(to.to_owned(), content);
        }
        Step::Many => {
            now.extend(many().into_iter().map(|name| (name, vec![7; 60_000])));
            now.remove("first");
        }
        Step::Lease => {}
        Step::Churn => {
            return (0..CHURN)
                .map(|n| {
                    now.insert("churn".to_owned(), vec![n; 3_000]);
                    now.clone()
                })
                .collect();
        }
    }
    vec![now]
}

const CHURN: u8 = 24;

async fn take(server: &Server, owner: &Owner, step: Step) -> Result<(), RemoteError> {
    if let Step::Create = step {
        return owner.create(&server.vdrive, &names([("first", &[0])])).await.map(drop);
    }
    let (reader, writer) = (server.reader(owner).await?, server.writer(owner).await?);
    match step {
        Step::Create => {}
        Step::Put(name, content) => {
            owner.edit(&reader, &writer, &[(name, Some(&[content]))]).await?;
        }
        Step::Remove(name) => {
            owner.edit(&reader, &writer, &[(name, None)]).await?;
        }
        Step::Move(from, to) => {
            let (_, now) = owner.list(&reader).await?;
            let edits = [(from, None), (to, Some(now[from].as_slice()))];
            owner.edit(&reader, &writer, &edits).await?;
        }
        Step::Lease => {
            let (renew, cancel) = (RenewSecret::new([1; 32]), CancelSecret::new([2; 32]));
            reader.call(AddLease { renew, cancel }).await?;
        }
        Step::Many => {
            let many = many();
            let content = [7; 60_000];
            let mut edits: Vec<_> =
                many.iter().map(|name| (name.as_str(), Some(&content[..]))).collect();
            edits.push(("first", None));
            let ids = edits.iter().map(|(name, _)| row_id(name)).collect();
            let now = reader.call(GetRows { ids }).await?;
            let (head, rows, removed) = owner.next(&owner.believe(&now.head), &now.proof.0, &edits);
            let staging = writer.call(BeginChange {}).await?;
            for rows in rows.chunks(16) {
                staging.call(StageRows { rows: Bulk(Row::encode_all(rows)) }).await?;
            }
            staging.call(StageRemoved { removed }).await?;
            let changed = staging.call(Commit { head: owner.sign(head) }).await?;
            assert_eq!(changed.outcome, ChangeOutcome::Applied);
        }
        Step::Churn => {
            for n in 0..CHURN {
                let content = vec![n; 3_000];
                owner.edit(&reader, &writer, &[("churn", Some(&content))]).await?;
            }
        }
    }
    Ok(())
}

/// Every state that the story has after each acknowledged step, and those on the way to the next.
fn states() -> (Vec<Names>, Vec<Vec<Names>>) {
    let (mut settled, mut ways) = (vec![Names::new()], Vec::new());
    for step in STORY {
        let way = after(*step, settled.last().unwrap());
        settled.push(way.last().unwrap().clone());
        ways.push(way);
    }
    (settled, ways)
}

/// Tells the story on a disk that fails at one call; false if it ended before that.
async fn crash_at(at: u64, fault: Fault, power_cut: Option<u64>) -> bool {
    let memory = MemoryDisk::new();
    let disk = Disk::new(Arc::new(memory.clone()));
    let faults = Arc::new(Faults::at(at, fault));
    let (owner, mut done) = (Owner::new(1), 0);
    if let Ok(server) = Server::open(config(&disk.with_faults(faults.clone()), Path::new(DIR))) {
        for step in STORY {
            if take(&server, &owner, *step).await.is_err() {
                break;
            }
            done += 1;
        }
    }
    let crashed = faults.calls() > at;
    faults.kill();
    if let Some(seed) = power_cut {
        memory.lose_power(seed);
    }
    let server = Server::open(config(&disk, Path::new(DIR))).unwrap();
    let place = format!("{fault:?} at call {at}, power cut {power_cut:?}, {done} steps done");
    let (settled, ways) = states();
    let found = match server.reader(&owner).await {
        Ok(reader) => owner.list(&reader).await.unwrap_or_else(|e| panic!("{e}: {place}")).1,
        Err(RemoteError::NoSuchObject) if done == 0 => Names::new(),
        Err(error) => panic!("{error}: {place}"),
    };
    let mut allowed = vec![settled[done].clone()];
    allowed.extend(ways.get(done).cloned().unwrap_or_default());
    assert!(allowed.contains(&found), "{place}: {:?}", found.keys());
    // And the directory lives on.
    if done > 0 {
        take(&server, &owner, Step::Put("later", 9))
            .await
            .unwrap_or_else(|e| panic!("{e}: {place}"));
    }
    crashed
}

#[test]
fn a_crash_at_any_call_leaves_the_table_old_or_new() {
    let started = Instant::now();
    let mut crashes = 0;
    here(async {
        for (fault, power_cuts) in [(Fault::Crash, 2), (Fault::TornCrash, 2)] {
            for power_cut in (0..power_cuts).map(Some).chain([None]) {
                let mut at = 0;
                while crash_at(at, fault, power_cut.map(|seed| seed * 1000 + at)).await {
                    at += 1;
                }
                assert!(at > 40);
                crashes += at;
            }
        }
    });
    let seconds = started.elapsed().as_secs();
    println!("promise 10: {crashes} crashes, table old or new each time, {seconds} s");
}

#[test]
fn the_story_writes_the_log_anew_on_its_way() {
    here(async {
        let faults = Arc::new(Faults::none());
        let disk = Disk::new(Arc::new(MemoryDisk::new())).with_faults(faults.clone());
        let (owner, server) = (Owner::new(1), Server::open(config(&disk, Path::new(DIR))).unwrap());
        for step in STORY {
            take(&server, &owner, *step).await.unwrap();
        }
        let renames = faults.log().iter().filter(|op| **op == Op::Rename).count();
        assert!(renames > 1, "one for the directory, others for its log");
        let (head, found) = owner.list(&server.reader(&owner).await.unwrap()).await.unwrap();
        assert_eq!(&found, states().0.last().unwrap());
        assert_eq!(head.seq, 8 + u64::from(CHURN) - 1);
    });
}

mod together {
    //! Ten clients add to one directory, each over a link of its own.

    use std::time::Instant;
    use tahoe::tub::{Furl, Hint, Identity, Tub, TubOptions};
    use tahoe::vdrive::StoreConfig;
    use tahoe::vdrive::api::{DirectoryReader, DirectoryWriter};
    use tahoe_testing::vdrive::{Names, Owner, Server};

    const CLIENTS: usize = 10;

    fn adds() -> usize {
        match std::env::var("PROMISES") {
            Ok(value) if value == "release" => 1_000,
            _ => 200,
        }
    }

    async fn add(furls: [Furl; 2], client: usize) -> usize {
        let (owner, tub) = (Owner::new(1), Tub::new(Identity::random(), TubOptions::default()));
        let reader = tub.get::<DirectoryReader>(&furls[0]).await.unwrap();
        let writer = tub.get::<DirectoryWriter>(&furls[1]).await.unwrap();
        let mut seqs = Vec::new();
        for n in 0..adds() {
            let name = format!("{client}-{n}");
            let content = name.clone().into_bytes();
            seqs.push(owner.edit(&reader, &writer, &[(&name, Some(&content))]).await.unwrap());
        }
        assert!(seqs.is_sorted());
        tub.shutdown();
        seqs.len()
    }

    #[test]
    fn ten_clients_that_add_at_once_lose_nothing() {
        let started = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        super::here(async {
            let config = StoreConfig::new(folder.path().join("vdrive"));
            let server = Server::open(config).unwrap();
            let address = server.tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            server.tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
            let owner = Owner::new(1);
            owner.create(&server.vdrive, &Names::new()).await.unwrap();
            let furl = |swissnum: &tahoe::tub::Swissnum| {
                Furl::new(server.tub.id(), server.tub.hints(), swissnum.clone())
            };
            let furls = [furl(&owner.read), furl(&owner.write)];
            let clients: Vec<_> =
                (0..CLIENTS).map(|n| actix_rt::spawn(add(furls.clone(), n))).collect();
            let mut added = 0;
            for client in clients {
                added += client.await.unwrap();
            }
            let reader = server.reader(&owner).await.unwrap();
            let (head, found) = owner.list(&reader).await.unwrap();
            assert_eq!((found.len(), head.seq), (added, added as u64 + 1));
            assert_eq!(added, CLIENTS * adds());
            assert!(found.iter().all(|(name, content)| name.as_bytes() == content));
            server.tub.shutdown();
        });
        println!(
            "promise 10: {CLIENTS} clients × {} adds, {} rows, {} ms",
            adds(),
            CLIENTS * adds(),
            started.elapsed().as_millis()
        );
    }
}

mod killed {
    //! A real server process, killed at random points of real changes.

    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};
    use tahoe::base::system::random;
    use tahoe::tub::{Furl, Hint, Identity, Tub, TubId, TubOptions};
    use tahoe::vdrive::StoreConfig;
    use tahoe::vdrive::api::{DirectoryReader, DirectoryWriter, Vdrive};
    use tahoe_testing::vdrive::{Names, Owner, Server};

    const DIR_VARIABLE: &str = "TAHOE_TEST_VDRIVE_DIR";

    fn points() -> u64 {
        match std::env::var("PROMISES") {
            Ok(value) if value == "release" => 200,
            _ => 40,
        }
    }

    /// Not a test of its own: the server that the test below starts from this same binary.
    #[test]
    fn server_process() {
        let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
        super::here(async {
            let server = Server::open(StoreConfig::new(dir)).unwrap();
            let address = server.tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            server.tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
            println!("\nFURL {}", server.tub.register(server.vdrive, None).reveal());
            std::future::pending::<()>().await;
        });
    }

    struct Process(Child, Furl);

    fn start(dir: &Path) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::server_process", "--nocapture", "--test-threads=1"])
            .env(DIR_VARIABLE, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let furl = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("FURL ").map(|furl| Furl::parse(furl).unwrap()));
        Process(child, furl.expect("the server says its furl"))
    }

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// What one writer knows of its directory: what was acknowledged, and what may also be.
    struct Known {
        owner: Owner,
        settled: Names,
        tried: Option<Names>,
    }

    const DIRECTORIES: u8 = 3;

    fn by(process: &Furl, tub: TubId, swissnum: &tahoe::tub::Swissnum) -> Furl {
        Furl::new(tub, process.hints().to_vec(), swissnum.clone())
    }

    /// Changes one directory until the server is gone: two names at a time, so that half a change
    /// would show.
    async fn keep_changing(tub: Tub, furl: Furl, known: Arc<Mutex<Known>>) {
        let owner = Owner::new(known.lock().unwrap().settled["number"][0]);
        let to = |swissnum| by(&furl, furl.tub(), swissnum);
        let Ok(reader) = tub.get::<DirectoryReader>(&to(&owner.read)).await else { return };
        let Ok(writer) = tub.get::<DirectoryWriter>(&to(&owner.write)).await else { return };
        loop {
            let [name, content] = random::<2>();
            let names = [format!("left {}", name % 20), format!("right {}", name % 20)];
            let content = vec![content; usize::from(content) * 30];
            let mut next = known.lock().unwrap().settled.clone();
            next.extend(names.iter().map(|name| (name.clone(), content.clone())));
            known.lock().unwrap().tried = Some(next.clone());
            let edits = [(names[0].as_str(), Some(&content[..])), (&names[1], Some(&content[..]))];
            if owner.edit(&reader, &writer, &edits).await.is_err() {
                return;
            }
            let mut known = known.lock().unwrap();
            (known.settled, known.tried) = (next, None);
        }
    }

    /// Changes directories until the server is killed, after a random time.
    async fn one_life(dir: &Path, all: &[Arc<Mutex<Known>>]) {
        let mut server = start(dir);
        let tub = Tub::new(Identity::random(), TubOptions::default());
        let vdrive = tub.get::<Vdrive>(&server.1).await.unwrap();
        for known in all {
            let ask = {
                let known = known.lock().unwrap();
                let first = [("number".to_owned(), known.settled["number"].clone())];
                known.owner.create_message(&first.into_iter().collect())
            };
            vdrive.call(ask).await.unwrap();
        }
        let clients: Vec<_> = all
            .iter()
            .map(|known| {
                actix_rt::spawn(keep_changing(tub.clone(), server.1.clone(), known.clone()))
            })
            .collect();
        let [milliseconds] = random::<1>();
        actix_rt::time::sleep(Duration::from_millis(u64::from(milliseconds) / 2)).await;
        server.0.kill().unwrap();
        for client in clients {
            client.await.unwrap();
        }
        tub.shutdown();
    }

    /// Each directory is as acknowledged, or as the one change that was under way leaves it.
    async fn inspect(dir: &Path, all: &[Arc<Mutex<Known>>]) -> u64 {
        let server = Server::open(StoreConfig::new(dir)).unwrap();
        let mut changes = 0;
        for known in all {
            let (owner, settled, tried) = {
                let mut known = known.lock().unwrap();
                let owner = Owner::new(known.settled["number"][0]);
                (owner, known.settled.clone(), known.tried.take())
            };
            let reader = server.reader(&owner).await.unwrap();
            let (head, found) = owner.list(&reader).await.unwrap();
            assert!(found == settled || Some(&found) == tried.as_ref(), "neither old nor new");
            known.lock().unwrap().settled = found;
            changes += head.seq - 1;
        }
        changes
    }

    #[test]
    fn a_server_killed_at_random_points_leaves_tables_old_or_new() {
        let started = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("vdrive");
        let all: Vec<_> = (1..=DIRECTORIES)
            .map(|number| {
                let settled = [("number".to_owned(), vec![number])].into_iter().collect();
                Arc::new(Mutex::new(Known { owner: Owner::new(number), settled, tried: None }))
            })
            .collect();
        let mut changes = 0;
        for _ in 0..points() {
            super::here(one_life(&dir, &all));
            changes = super::here(inspect(&dir, &all));
        }
        assert!(changes > 0);
        println!(
            "promise 10: {} kills, {changes} changes acknowledged, table old or new each time, {} s",
            points(),
            started.elapsed().as_secs()
        );
    }
}
