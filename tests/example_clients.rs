//! The example clients do what their first lines say, against a running demo grid.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod nodes;

use nodes::{Nodes, Process, done, failed, http, tahoe, text};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tahoe::base::seeded::bytes;

/// A demo grid, and a folder to work in.
struct Demo {
    nodes: Nodes,
    grid: Process,
}

impl Demo {
    fn start() -> Self {
        let nodes = Nodes::new();
        let dir = nodes.dir("demo");
        let grid = Process::spawn(tahoe().arg("demo").arg(&dir).args(["--webport", "0"]), &dir);
        Self { nodes, grid }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.nodes.dir(name)
    }

    /// A folder with a file at its top, one below with an odd name, a large one and an empty folder.
    fn tree(&self) -> PathBuf {
        let tree = self.path("tree");
        fs::create_dir_all(tree.join("sub/ü %?#[1]")).unwrap();
        fs::create_dir(tree.join("empty")).unwrap();
        fs::write(tree.join("a.txt"), "hello").unwrap();
        fs::write(tree.join("sub/ü %?#[1]/& + ;.txt"), "odd").unwrap();
        fs::write(tree.join("sub/large"), bytes(1, 300_000)).unwrap();
        tree
    }

    /// The contents of a file by its address.
    fn fetch(&self, url: &str) -> Vec<u8> {
        let mut answer = http().get(url).call().unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        answer.body_mut().read_to_vec().unwrap()
    }

    /// A command of the gateway's owner.
    fn tahoe(&self, arguments: &[&str]) -> String {
        done(tahoe().args(arguments).arg("-d").arg(self.grid.dir.join("gateway")))
    }
}

fn script(interpreter: &str, name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    let mut command = Command::new(interpreter);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("no_proxy", "*").arg(path);
    command.stdin(Stdio::null());
    command
}

/// Whether this machine has a program; says so if not.
fn has(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    let there = quiet.is_ok_and(|status| status.success());
    if !there {
        println!("skipped: no {program} on this machine");
    }
    there
}

fn sorted(said: &str) -> Vec<&str> {
    let mut lines: Vec<_> = said.lines().collect();
    lines.sort_unstable();
    lines
}

const STORED: [&str; 3] = ["stored a.txt", "stored sub/large", "stored sub/ü %?#[1]/& + ;.txt"];

#[test]
fn a_rust_program_makes_fills_shares_and_watches_a_directory() {
    let demo = Demo::start();
    let furl = fs::read_to_string(demo.grid.dir.join("introducer/introducer.furl")).unwrap();
    let program = || {
        let test = std::env::current_exe().unwrap();
        // `cargo test` builds all examples before it runs a test.
        let path = test.parent().and_then(Path::parent).unwrap().join("examples/directory");
        assert!(path.exists(), "it is not built: cargo build --examples");
        let mut command = Command::new(path);
        command.stdin(Stdio::null());
        command
    };
    let node =
        |name: &str| demo.nodes.create_client(name, &["--no-storage", "--introducer", furl.trim()]);
    let (ann, ben) = (node("ann"), node("ben"));
    let ann = |arguments: &[&str]| done(program().arg(&ann).args(arguments));
    let made = ann(&["make"]);
    let cap = made.trim();
    assert!(cap.starts_with("URI:DIR:"), "{cap}");
    assert_eq!(ann(&["list", cap]), "");
    let shared = ann(&["share", cap]);
    let shared = shared.trim();
    assert!(shared.starts_with("URI:DIR-RO:"), "{shared}");

    // Somebody else watches through the cap that only reads, and cannot write.
    let mut watching = program();
    let watching = watching.arg(&ben).args(["watch", shared]).stdout(Stdio::piped());
    let mut watching = watching.spawn().unwrap();
    let mut seen = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(seen.next().unwrap(), "version 1");
    let file = demo.path("file");
    fs::write(&file, bytes(2, 200_000)).unwrap();
    let stored = ann(&["put", cap, "übung", file.to_str().unwrap()]);
    assert!(stored.starts_with("URI:CHK:"), "{stored}");
    assert_eq!([seen.next().unwrap(), seen.next().unwrap()], ["version 2", "übung"]);
    let (_, said) = failed(program().arg(&ben).args(["list", shared]));
    assert!(said.contains("is in use"), "a node runs once: {said}");
    watching.kill().unwrap();
    watching.wait().unwrap();

    let ben = |arguments: &[&str]| {
        let mut command = program();
        command.arg(&ben).args(arguments);
        command
    };
    assert_eq!(done(&mut ben(&["list", shared])), "übung\n");
    let got = ben(&["get", shared, "übung"]).output().unwrap();
    assert!(got.stdout == bytes(2, 200_000), "{}", text(&got.stderr));
    let (_, said) = failed(&mut ben(&["put", shared, "x", file.to_str().unwrap()]));
    assert!(said.contains("only reads the directory"), "{said}");
    failed(&mut ben(&["get", shared, "nothing"]));
}

#[test]
fn trees_go_up_and_come_back_by_python() {
    if !has("python3") {
        return;
    }
    let demo = Demo::start();
    let tree = demo.tree();
    let there = format!("{}/vdrive/global/photos", demo.grid.url);
    let up = || done(script("python3", "upload_tree.py").arg(&tree).arg(&there));
    assert_eq!(sorted(&up()), STORED);
    assert_eq!(demo.tahoe(&["ls", "-F", "global:photos"]), "a.txt\nempty/\nsub/\n");

    let copy = demo.path("copy");
    let mirror = || done(script("python3", "mirror.py").arg(&there).arg(&copy));
    assert_eq!(sorted(&mirror()), STORED.map(|line| line.replace("stored", "fetched")));
    assert!(fs::read(copy.join("sub/large")).unwrap() == bytes(1, 300_000));
    assert_eq!(fs::read(copy.join("sub/ü %?#[1]/& + ;.txt")).unwrap(), b"odd");
    assert_eq!(mirror(), "", "nothing changed");

    fs::write(copy.join("mine"), "kept").unwrap();
    fs::write(tree.join("a.txt"), "hello again").unwrap();
    up();
    demo.tahoe(&["rm", "global:photos/sub/large"]);
    demo.tahoe(&["mv", "global:photos/sub/ü %?#[1]", "global:photos/plain"]);
    assert_eq!(
        sorted(&mirror()),
        [
            "fetched a.txt",
            "fetched plain/& + ;.txt",
            "removed sub/large",
            "removed sub/ü %?#[1]/& + ;.txt"
        ]
    );
    assert_eq!(fs::read(copy.join("a.txt")).unwrap(), b"hello again");
    assert!(copy.join("mine").is_file() && !copy.join("sub").exists());

    std::os::unix::fs::symlink("nothing", tree.join("dangling")).unwrap();
    let output = script("python3", "upload_tree.py").arg(&tree).arg(&there).output().unwrap();
    let (stored, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(sorted(&stored), STORED);
    assert!(said.contains("left out dangling"), "{said}");
    assert_eq!(failed(&mut script("python3", "upload_tree.py")).0, 2);
    let (_, said) = failed(script("python3", "upload_tree.py").arg("/nothing").arg(&there));
    assert!(said.contains("/nothing"), "{said}");
    let nowhere = format!("{}/vdrive/global/nothing", demo.grid.url);
    let (_, said) = failed(script("python3", "mirror.py").arg(&nowhere).arg(&copy));
    assert!(said.contains("No such child: nothing"), "{said}");
}

#[test]
fn a_mirror_stays_in_its_folder_and_ends_in_a_circle() {
    if !has("python3") {
        return;
    }
    let demo = Demo::start();
    let made = demo.tahoe(&["mkdir", "global:trap"]);
    demo.tahoe(&["ln", made.trim(), "global:trap/again"]);
    let body = r#"{"../escaped": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp"}],
        "..": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp"}],
        ".mirror.json": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp"}],
        "good": ["filenode", {"ro_uri": "URI:LIT:nbswy3dp"}]}"#;
    let url = format!("{}/vdrive/global/trap", demo.grid.url);
    let answer = http().post(format!("{url}?t=set_children")).send(body).unwrap();
    assert_eq!(answer.status(), 200);
    let folder = demo.path("deep/copy");
    assert_eq!(done(script("python3", "mirror.py").arg(&url).arg(&folder)), "fetched good\n");
    assert!(!demo.path("deep/escaped").exists());
    assert_eq!(fs::read(folder.join("good")).unwrap(), b"hello");
}

#[test]
fn a_site_is_published_once_and_for_all() {
    if !has("python3") {
        return;
    }
    let demo = Demo::start();
    let site = demo.path("site");
    fs::create_dir_all(site.join("more")).unwrap();
    let (home, about) = ("<a href=\"more/about.html\">more</a>", "<p>".repeat(100));
    fs::write(site.join("index.html"), home).unwrap();
    fs::write(site.join("more/about.html"), &about).unwrap();
    let publish = || done(script("python3", "static_site.py").arg(&site).arg(&demo.grid.url));
    let said = publish();
    let url = said.trim();
    assert!(url.starts_with(&format!("{}/site/URI%3ADIR2-CHK%3A", demo.grid.url)), "{url}");
    assert_eq!(demo.fetch(url), home.as_bytes());
    let answer = http().get(url).header("Sec-Fetch-Dest", "document").call().unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(!answer.headers().contains_key("content-disposition"));
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("sandbox;"), "{policy}");
    // Where a browser goes from the link.
    let next = url.replace("index.html", "more/about.html");
    assert_eq!(demo.fetch(&next), about.as_bytes());
    assert_eq!(publish(), said, "the same pages have the same address");
    fs::remove_file(site.join("index.html")).unwrap();
    let (_, said) = failed(script("python3", "static_site.py").arg(&site).arg(&demo.grid.url));
    assert!(said.contains("no index.html"), "{said}");
}

#[test]
fn files_are_uploaded_and_shared_by_shell() {
    if !has("curl") {
        return;
    }
    let demo = Demo::start();
    let tree = demo.tree();
    let there = format!("{}/vdrive/global/by shell", demo.grid.url).replace(' ', "%20");
    let said = done(script("sh", "upload_tree.sh").arg(&tree).arg(&there));
    assert_eq!(sorted(&said), STORED);
    assert_eq!(demo.tahoe(&["get", "global:by shell/sub/ü %?#[1]/& + ;.txt"]), "odd");
    assert_eq!(demo.tahoe(&["ls", "-F", "global:by shell"]), "a.txt\nempty/\nsub/\n");

    let large = tree.join("sub/large");
    // Everybody on the machine can see what a program is started with.
    let shims = tempfile::tempdir().unwrap();
    let shim = "#!/bin/sh\nprintf '%s\\n' \"$@\" >> \"$SEEN\"\nPATH=${PATH#*:} exec curl \"$@\"\n";
    fs::write(shims.path().join("curl"), shim).unwrap();
    fs::set_permissions(shims.path().join("curl"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", shims.path().display(), std::env::var("PATH").unwrap());
    let seen = shims.path().join("seen");
    let mut share = script("sh", "share_link.sh");
    share.env("PATH", path).env("SEEN", &seen).arg(&demo.grid.url).arg(&large);
    let said = done(&mut share);
    let arguments = fs::read_to_string(&seen).unwrap();
    assert!(arguments.contains("--config") && !arguments.contains("/uri"), "{arguments}");
    let links: Vec<_> = said.lines().map(|line| line.split_once("  ").unwrap()).collect();
    let [("keep", keep), ("give", give)] = links.as_slice() else { panic!("{said}") };
    assert!(keep.contains("/uri/URI%3ADIR%3A"), "{keep}");
    assert!(give.contains("/uri/URI%3ADIR-RO%3A"), "{give}");
    assert!(demo.fetch(&format!("{give}/large")) == bytes(1, 300_000));
    let put = |link: &str| http().put(format!("{link}/new")).send("later").unwrap().status();
    assert_eq!((put(give).as_u16(), put(keep).as_u16()), (403, 201));
    assert_eq!(demo.fetch(&format!("{give}/new")), b"later", "who reads sees what is added");
    let shared = done(script("sh", "upload_tree.sh").arg(&tree).arg(keep));
    assert_eq!(sorted(&shared), STORED);

    let (_, said) = failed(script("sh", "upload_tree.sh").arg(&tree).arg(give));
    assert!(said.contains("NotWriteableError"), "{said}");
    let (_, said) = failed(script("sh", "share_link.sh").arg(&demo.grid.url).arg("/nothing"));
    assert!(said.contains("/nothing"), "{said}");
}
