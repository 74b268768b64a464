//! What a keeper does of what it keeps: renewed, counted, read, made again, and told.

use std::sync::{Arc, Mutex};
use tahoe::base::limits::{KEEP_PATIENCE, KEEP_VERIFY_DAYS};
use tahoe::base::system::Clock;
use tahoe::cap::Cap;
use tahoe::files::{Files, Roots, Trash};
use tahoe::grid::dirnode::{Child, Directories, Entry, Metadata, SeenHeads, Target};
use tahoe::grid::{Client, EncodingParams};
use tahoe::keeper::record::{Figures, Round};
use tahoe::keeper::{Keeper, Store};
use tahoe::tub::{LoopbackNet, Tub};
use tahoe_testing::dirs::Server;
use tahoe_testing::{Grid, data, grid, impatient, no_hang, tub_on};

const DAY: u64 = 24 * 3600;
const START: u64 = 20_000 * DAY;

/// What a node's directory has of a keeper.
#[derive(Default)]
pub struct Papers {
    list: Mutex<Option<String>>,
    record: Mutex<Option<Vec<u8>>>,
    copies: Mutex<String>,
    told: Mutex<String>,
}

impl Store for Papers {
    fn list(&self) -> Option<String> {
        self.list.lock().unwrap().clone()
    }

    fn record(&self) -> Option<Vec<u8>> {
        self.record.lock().unwrap().clone()
    }

    fn keep(&self, record: &[u8]) {
        *self.record.lock().unwrap() = Some(record.to_vec());
    }

    fn copies(&self) -> Option<String> {
        Some(self.copies.lock().unwrap().clone())
    }

    fn tell(&self, lines: &str) {
        self.told.lock().unwrap().push_str(lines);
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    fn add_copy(&self, line: &str) -> bool {
        self.copies.lock().unwrap().extend([line, "\n"]);
        true
    }

    fn keep_copies(&self, lines: &str) -> bool {
        *self.copies.lock().unwrap() = lines.to_owned();
        true
    }
}

struct Drive(Mutex<Option<Cap>>);

impl Roots for Drive {
    fn global(&self) -> Option<Cap> {
        None
    }

    fn private(&self) -> Option<Cap> {
        self.0.lock().unwrap().clone()
    }
}

/// A keeper of files on a grid, and its clock.
pub struct Kept {
    pub grid: Grid,
    pub clock: Clock,
    pub papers: Arc<Papers>,
    pub keeper: Keeper,
    pub files: Files,
    drive: Arc<Drive>,
    pub server: Server,
    pub net: LoopbackNet,
    seen: SeenHeads,
    /// The node's.
    pub tub: Tub,
}

impl Kept {
    pub async fn on(grid: Grid) -> Self {
        let net = LoopbackNet::default();
        let (server, seen) = (Server::on(&net), SeenHeads::in_memory());
        let clock = Clock::manual(START);
        let tub = tub_on(&net);
        let directories = directories(&grid, (&server, &tub), &seen);
        let drive = Arc::new(Drive(Mutex::new(None)));
        let files = Files::new(directories, drive.clone(), Trash::default());
        let papers = Arc::new(Papers::default());
        let keeper = Keeper::new(files.clone(), papers.clone(), clock.clone());
        Self { grid, clock, papers, keeper, files, drive, server, net, seen, tub }
    }

    /// The node starts again: links and what it held are gone, what it saw is not.
    pub fn start_again(&mut self) {
        self.tub.shutdown();
        self.tub = tub_on(&self.net);
        let directories = directories(&self.grid, (&self.server, &self.tub), &self.seen);
        self.files = Files::new(directories, self.drive.clone(), Trash::default());
        self.restart();
    }

    pub fn root(&self) -> Cap {
        self.drive.private().unwrap()
    }

    pub fn list(&self, lines: &str) {
        *self.papers.list.lock().unwrap() = Some(lines.to_owned());
    }

    /// A round of the keeper, so many days later.
    pub async fn after(&self, days: u64) -> Round {
        self.clock.advance(days * DAY);
        no_hang("a round", self.keeper.round()).await;
        let status = self.keeper.status();
        assert!(status.round.is_none() && !status.running);
        status.last.unwrap()
    }

    /// The same keeper after a restart.
    pub fn restart(&mut self) {
        self.keeper = Keeper::new(self.files.clone(), self.papers.clone(), self.clock.clone());
    }

    /// Puts files into the private drive, below a folder.
    pub async fn fill(&self, count: u64) -> Vec<Cap> {
        let mut caps = Vec::new();
        for n in 0..count {
            caps.push(self.grid.put(&data(n, 500 + n as usize)).await);
        }
        let entry = |name: String, cap: &Cap| Entry {
            name,
            child: Child { target: Target::Known(cap.clone()), metadata: Metadata::new() },
        };
        let entries = (0..).zip(&caps).map(|(n, cap): (u64, _)| entry(format!("file {n}"), cap));
        let folder = self.files.directories().create(entries.collect()).await.unwrap();
        let below = entry("folder".to_owned(), &folder);
        let root = self.files.directories().create(vec![below]).await.unwrap();
        *self.drive.0.lock().unwrap() = Some(root);
        caps
    }

    /// Takes a file's shares from some servers.
    fn lose(&self, cap: &Cap, which: impl Fn(usize) -> bool) {
        let si = cap.storage_index().unwrap();
        for (_, server) in self.grid.servers.iter().enumerate().filter(|(index, _)| which(*index)) {
            server.disk.lock().unwrap().shares.retain(|(of, _), _| *of != si);
        }
    }

    fn opened(&self) -> usize {
        self.grid.servers.iter().map(|server| server.disk.lock().unwrap().opened).sum()
    }
}

fn directories(grid: &Grid, (server, tub): (&Server, &Tub), seen: &SeenHeads) -> Directories {
    let (furl, known) = (Some(server.furl.clone()), Arc::new(server.known()));
    Directories::new(grid.client.clone(), tub.clone(), furl, known, seen.clone())
}

/// Leases on the shares of these.
fn leases(kept: &Kept, caps: &[Cap]) -> usize {
    let indexes: Vec<_> = caps.iter().filter_map(Cap::storage_index).collect();
    let disks = kept.grid.servers.iter().map(|server| server.disk.lock().unwrap());
    let of_disk = |disk: std::sync::MutexGuard<'_, tahoe_testing::memory::Disk>| {
        let these = disk.leases.iter().filter(|((si, _), _)| indexes.contains(si));
        these.map(|(_, leases)| leases.len()).sum::<usize>()
    };
    disks.map(of_disk).sum()
}

#[actix::test]
async fn a_drive_is_looked_at_whole_and_told_in_figures() {
    let kept = Kept::on(grid(10)).await;
    let caps = kept.fill(20).await;
    let round = kept.after(0).await;
    let Figures { files, directories, whole, spare_servers, lost, unread, .. } = round.figures;
    assert_eq!((files, directories, whole, spare_servers), (20, 2, 20, Some(7)));
    assert_eq!((lost, unread, round.troubles.len()), (0, 0, 0));
    kept.lose(&caps[3], |index| index < 8);
    kept.grid.kill(9);
    let round = kept.after(1).await;
    assert_eq!((round.figures.lost, round.figures.whole), (1, 0), "{round:?}");
    assert_eq!(round.troubles.len(), 1);
    assert_eq!(round.troubles[0].path, ["private", "folder", "file 3"]);
    let why = "1 shares are there and 3 are needed; 1 servers are silent";
    assert_eq!(round.troubles[0].why, why);
}

#[actix::test]
async fn what_is_in_danger_is_made_again_at_once_and_what_is_short_after_a_week() {
    let mut kept = Kept::on(grid(10)).await;
    let caps = kept.fill(3).await;
    kept.lose(&caps[0], |index| index < 5);
    kept.lose(&caps[1], |index| index < 2);
    let round = kept.after(0).await;
    let Figures { repaired, waiting, whole, .. } = round.figures;
    assert_eq!((repaired, waiting, whole), (1, 1, 2));
    // What is known of it outlives the node.
    kept.restart();
    let days = KEEP_PATIENCE.as_secs() / DAY;
    assert_eq!(kept.after(days - 1).await.figures.waiting, 1);
    let figures = kept.after(1).await.figures;
    assert_eq!((figures.repaired, figures.waiting, figures.whole), (1, 0, 3));
    assert_eq!(kept.after(1).await.figures.repaired, 0);
}

#[actix::test]
async fn what_cannot_be_mended_now_is_not_read_every_day() {
    let kept = Kept::on(grid(10)).await;
    let caps = kept.fill(1).await;
    kept.lose(&caps[0], |index| index < 5);
    for server in &kept.grid.servers {
        server.disk.lock().unwrap().room = Some(10);
    }
    let round = kept.after(0).await;
    // The other is that directories cannot be copied.
    let Figures { partly, uncopied, .. } = round.figures;
    assert_eq!((partly, uncopied, round.troubles.len()), (1, 2, 2), "{round:?}");
    let figures = kept.after(1).await.figures;
    assert_eq!((figures.partly, figures.waiting), (0, 1));
    assert_eq!(kept.after(2).await.figures.partly, 1, "after three days");
}

#[actix::test]
async fn leases_are_renewed_within_a_week_and_each_file_is_read_within_a_quarter() {
    let kept = Kept::on(grid(10)).await;
    let caps = kept.fill(30).await;
    for server in &kept.grid.servers {
        server.disk.lock().unwrap().leases.clear();
    }
    kept.after(0).await;
    assert_eq!(leases(&kept, &caps), 300, "a first round renews all");
    for server in &kept.grid.servers {
        server.disk.lock().unwrap().leases.clear();
    }
    for _ in 0..7 {
        kept.after(1).await;
    }
    assert_eq!(leases(&kept, &caps), 300, "a week renews all");
    let (before, mut read) = (kept.opened(), 0);
    for _ in 0..KEEP_VERIFY_DAYS {
        read += kept.after(1).await.figures.verified;
    }
    assert!(read >= caps.len() as u64 && kept.opened() > before, "{read}");
    assert!(read <= 2 * caps.len() as u64, "{read}: each about once");
}

#[actix::test]
async fn a_round_goes_on_after_a_restart_where_it_was() {
    let mut kept = Kept::on(grid(10)).await;
    kept.fill(40).await;
    kept.keeper.pause(true);
    // A pause ends a round after the first thing.
    kept.keeper.round().await;
    let left = kept.keeper.status();
    assert!(left.paused && left.last.is_none());
    let at = left.round.unwrap().at;
    assert_eq!(at, (0, 1));
    kept.restart();
    assert_eq!(kept.keeper.status().round.unwrap().at, at);
    kept.keeper.pause(false);
    let figures = kept.after(0).await.figures;
    assert_eq!((figures.files, figures.directories), (40, 2), "each once");
}

#[actix::test]
async fn verify_caps_are_enough_and_lines_that_say_nothing_are_told() {
    let kept = Kept::on(grid(10)).await;
    let cap = kept.grid.put(&data(1, 100_000)).await;
    let verify = cap.verify_cap().unwrap().reveal();
    kept.list(&format!("# a friend's\n{verify}\nnonsense\n"));
    kept.lose(&cap, |index| index < 6);
    assert_eq!(kept.after(0).await.figures.repaired, 1);
    assert_eq!(kept.keeper.kept(), (vec![cap.index_text()], vec![3]));
    for index in 4..10 {
        kept.grid.kill(index);
    }
    assert!(kept.grid.read(&cap).await.is_ok());
}

#[actix::test]
async fn nothing_is_concluded_while_this_node_is_alone() {
    tokio::time::pause();
    let kept = Kept::on(grid(3)).await;
    let caps = kept.fill(5).await;
    kept.lose(&caps[0], |index| index < 2);
    let before = leases(&kept, &caps);
    let params = EncodingParams::new(3, 7, 10).unwrap();
    let wanting: Client = tahoe_testing::client(&kept.grid.pool, params).with_timeouts(impatient());
    let directories = kept.server.directories(wanting, tub_on(&kept.net));
    let files = Files::new(directories, kept.drive.clone(), Trash::default());
    let keeper = Keeper::new(files, kept.papers.clone(), kept.clock.clone());
    keeper.ask();
    let hours = std::time::Duration::from_secs(7_200);
    let ran = |keeper: &Keeper| tokio::time::timeout(hours, keeper.clone().run());
    assert!(ran(&keeper).await.is_err(), "it goes on for ever");
    // Leases are renewed all the same: else they would end just when it matters.
    let figures = keeper.status().last.unwrap().figures;
    assert_eq!((figures.files, figures.unjudged, figures.lost), (5, 5, 0));
    assert_eq!((figures.repaired, leases(&kept, &caps)), (0, before), "none was made again");
    kept.clock.advance(DAY);
    for server in kept.grid.pool.all() {
        kept.grid.pool.remove(&server);
    }
    keeper.ask();
    assert!(ran(&keeper).await.is_err());
    let status = keeper.status();
    assert!(status.round.is_none_or(|round| round.figures.files == 0), "nobody was asked");
}
