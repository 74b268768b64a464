//! The files layer as a front end sees it that is no gateway: everything that a door to the grid does
//! is done with `tahoe::files` alone.

use futures_util::TryStreamExt;
use std::sync::{Arc, Mutex};
use tahoe::cap::Cap;
use tahoe::files::{Actor, Address, Files, FilesError, For, Found, Node, Root, Roots, Spot, Trash};
use tahoe::grid::dirnode::{DirError, Replace, Target};
use tahoe::grid::{Code, EncodingParams, Prohibitions, Source, UploadOptions};
use tahoe::tub::LoopbackNet;
use tahoe_testing::dirs::Server;
use tahoe_testing::{client, data, tub_on};

/// A door like any other: paths go in, what happened comes out.
struct Door {
    files: Files,
    _server: Server,
    _grid: tahoe_testing::Grid,
    forbidden: Forbidden,
}

/// What the owner prohibits.
#[derive(Clone, Default)]
struct Forbidden(Arc<Mutex<Vec<String>>>);

impl Forbidden {
    fn add(&self, cap: &Cap) {
        self.0.lock().unwrap().push(cap.index_text());
    }
}

impl Prohibitions for Forbidden {
    fn reason(&self, cap: &Cap) -> Option<String> {
        let all = self.0.lock().unwrap();
        all.contains(&cap.index_text()).then(|| "for good reasons".to_owned())
    }
}

/// The one directory that paths begin at.
struct OneRoot(Cap);

impl Roots for OneRoot {
    fn global(&self) -> Option<Cap> {
        Some(self.0.clone())
    }

    fn private(&self) -> Option<Cap> {
        None
    }
}

fn address(path: &str) -> Address {
    let path = path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Address { root: Root::Global, path }
}

fn always(_: Option<&tahoe::grid::dirnode::Child>) -> bool {
    true
}

impl Door {
    async fn open() -> Self {
        let net = LoopbackNet::default();
        let (server, grid) = (Server::on(&net), tahoe_testing::grid(3));
        let forbidden = Forbidden::default();
        let client = client(&grid.pool, EncodingParams::new(2, 3, 3).unwrap());
        let client = client.with_prohibitions(Arc::new(forbidden.clone()));
        let directories = server.directories(client.clone(), tub_on(&net));
        let root = directories.create(Vec::new()).await.unwrap();
        let files = Files::new(directories, Arc::new(OneRoot(root)), Trash::default());
        Self { files, _server: server, _grid: grid, forbidden }
    }

    async fn node(&self, path: &str) -> Result<Node, FilesError> {
        let object = self.files.object(&address(path)).await?;
        Ok(self.files.node(&object.target))
    }

    async fn list(&self, path: &str) -> Result<Vec<String>, FilesError> {
        let listing = self.files.list(&self.node(path).await?).await?;
        Ok(listing.entries.into_iter().map(|entry| entry.name).collect())
    }

    async fn put(&self, path: &str, bytes: &[u8], replace: Replace) -> Result<bool, FilesError> {
        let spot = Spot::of(self.files.find(&address(path), For::Making).await?)?;
        let source = Source::bytes(bytes.to_vec());
        let stored = self.files.store(source, UploadOptions::default()).await?;
        self.files.link_file(spot, stored.cap, replace, &always).await
    }

    async fn read(&self, path: &str, part: std::ops::Range<u64>) -> Result<Vec<u8>, FilesError> {
        let pieces = self.files.read(&self.node(path).await?, part).await?;
        Ok(pieces.try_concat_bytes().await?)
    }

    async fn make(&self, path: &str) -> Result<Cap, FilesError> {
        let found = self.files.find(&address(path), For::Making).await?;
        self.files.make_dir(found, None).await
    }

    async fn rename(&self, (dir, name): (&str, &str), to: (&str, &str)) -> Result<(), FilesError> {
        let from = self.files.dir(&address(dir)).await?;
        let to_dir = address(to.0);
        let to_dir = (to.0 != dir).then_some(&to_dir);
        self.files.relocate((&from, name), (to_dir, to.1), Replace::No).await
    }

    /// Deletes as the owner; what puts it back.
    async fn delete(&self, path: &str) -> Result<String, FilesError> {
        let files = self.files.acting(Actor::default());
        files.delete(&address(path), None).await?;
        Ok(files.last_undo().expect("what goes is kept"))
    }
}

/// All that a stream brings.
trait Whole {
    async fn try_concat_bytes(self) -> Result<Vec<u8>, tahoe::grid::DownloadError>;
}

impl Whole for tahoe::files::Fetched {
    async fn try_concat_bytes(self) -> Result<Vec<u8>, tahoe::grid::DownloadError> {
        self.try_fold(Vec::new(), async |mut all, piece| {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
    }
}

fn code<T>(refused: Result<T, FilesError>) -> Code {
    match refused {
        Ok(_) => panic!("it was done"),
        Err(error) => Code::from(&error),
    }
}

#[actix::test]
async fn another_front_end_lists_puts_reads_and_moves() {
    let door = Door::open().await;
    let bytes = data(1, 300_000);
    assert!(!door.put("a/b/file", &bytes, Replace::No).await.unwrap());
    assert_eq!(door.list("").await.unwrap(), ["a"]);
    assert_eq!(door.read("a/b/file", 0..300_000).await.unwrap(), bytes);
    assert_eq!(door.read("a/b/file", 131_000..131_100).await.unwrap(), bytes[131_000..131_100]);
    let Node::File { size, .. } = door.node("a/b/file").await.unwrap() else { panic!("no file") };
    assert_eq!(size, 300_000);

    assert_eq!(code(door.put("a/b/file", b"other", Replace::No).await), Code::Exists);
    assert!(door.put("a/b/file", b"other", Replace::Yes).await.unwrap());
    assert_eq!(
        code(door.put("a/b", b"file", Replace::Yes).await),
        Code::Exists,
        "a directory stays"
    );
    assert_eq!(code(door.put("a/b/file/x", b"", Replace::Yes).await), Code::InTheWay);
    assert_eq!(code(door.node("a/b/file/x").await), Code::NotADirectory);
    assert_eq!(code(door.node("a/c/x").await), Code::NoSuchChild);
    assert_eq!(code(door.list("a/b/file").await), Code::NotADirectory);

    door.rename(("a/b", "file"), ("a/b", "renamed")).await.unwrap();
    door.make("c").await.unwrap();
    door.rename(("a/b", "renamed"), ("c", "moved")).await.unwrap();
    assert_eq!(door.read("c/moved", 0..5).await.unwrap(), b"other");
    assert!(door.list("a/b").await.unwrap().is_empty());
    assert_eq!(code(door.rename(("", "a"), ("a/b", "a")).await), Code::IntoItself);
}

#[actix::test]
async fn another_front_end_deletes_and_puts_back() {
    let door = Door::open().await;
    door.put("docs/one", b"1", Replace::No).await.unwrap();
    door.put("docs/two", b"2", Replace::No).await.unwrap();
    let token = door.delete("docs/one").await.unwrap();
    assert_eq!(door.list("docs").await.unwrap(), ["two"]);
    door.put("docs/one", b"again", Replace::No).await.unwrap();
    let deletion = door.files.deleted(&token, None).unwrap();
    assert_eq!(deletion.place, "/vdrive/global/docs");
    assert_eq!(code(door.files.put_back(deletion).await), Code::InTheWay);
    door.rename(("docs", "one"), ("docs", "newer")).await.unwrap();
    let back = door.files.put_back(door.files.deleted(&token, None).unwrap()).await.unwrap();
    assert_eq!(back, ["one"]);
    assert_eq!(door.read("docs/one", 0..1).await.unwrap(), b"1");
    assert_eq!(code(door.files.deleted(&token, None)), Code::NoSuchChild, "it is back");
    let token = door.delete("docs/two").await.unwrap();
    assert_eq!(code(door.files.deleted(&token, Some("one"))), Code::NoSuchChild);
    door.files.forget(door.files.deleted(&token, Some("two")).unwrap()).await.unwrap();
    assert!(door.files.trash().all().is_empty());
    assert_eq!(code(door.delete("").await), Code::BadRequest, "a root has no place");
}

#[actix::test]
async fn another_front_end_meets_a_prohibition_wherever_it_goes() {
    let door = Door::open().await;
    door.put("dir/below/file", &data(3, 1_000), Replace::No).await.unwrap();
    door.put("beside", &data(4, 1_000), Replace::No).await.unwrap();
    let dir = door.files.dir(&address("dir")).await.unwrap();
    let file = door.node("beside").await.unwrap();
    door.forbidden.add(&dir);
    door.forbidden.add(file.file().unwrap());
    let token = door.delete("beside").await.unwrap();
    door.files.put_back(door.files.deleted(&token, None).unwrap()).await.unwrap();
    let by_cap = door.files.node(&Target::Known(dir.read_cap()));
    assert!(matches!(by_cap, Node::Prohibited(_)), "{by_cap:?}");
    let refused = [
        code(door.files.list(&by_cap).await),
        code(door.files.list(&Node::Directory(dir.clone())).await),
        code(door.files.read(&file, 0..1).await),
        code(door.list("dir").await),
        code(door.list("dir/below").await),
        code(door.read("beside", 0..1).await),
        code(door.put("dir/new", b"x", Replace::Yes).await),
        code(door.make("dir").await),
        code(door.make("dir/below/new").await),
        code(door.rename(("dir", "below"), ("", "out")).await),
        code(door.rename(("", "beside"), ("dir", "in")).await),
        code(door.delete("dir/below").await),
        code(door.files.copy(&dir, &dir, vec!["below".to_owned()]).await),
    ];
    assert_eq!(refused, [Code::Prohibited; 13]);
    // The link to it is not in it.
    assert_eq!(door.list("").await.unwrap(), ["beside", "dir"]);
    door.delete("dir").await.unwrap();
}

#[actix::test]
async fn two_who_make_the_same_way_meet_in_it() {
    let door = Door::open().await;
    let find = async || door.files.find(&address("x/y/z"), For::Making).await.unwrap();
    let (one, other) = (find().await, find().await);
    let Found::Missing { names, .. } = &one else { panic!("it is there") };
    assert_eq!(names, &["x", "y", "z"]);
    let target = |text: &str| tahoe_testing::dirs::lit(text);
    let first = Spot::of(one).unwrap();
    let second = Spot::of(other).unwrap();
    assert!(!door.files.link(first, target("1"), Replace::No, &always).await.unwrap());
    let again = door.files.link(second, target("2"), Replace::No, &always).await;
    assert!(matches!(again, Err(FilesError::Directory(DirError::Exists(name))) if name == "z"));
    assert_eq!(door.read("x/y/z", 0..1).await.unwrap(), b"1");
}
