//! Whole nodes as processes, for the tests that need real ones. Each test has its own folder; ports
//! are chosen by the system; every process is ended by its own handle.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod times;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;
use tahoe::base::base32;
use tahoe::introducer::Announcement;
use tahoe::tub::Furl;
use tempfile::TempDir;

/// The program under test.
pub fn tahoe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tahoe"));
    command.env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// Runs to the end; stdout as text if it succeeded.
pub fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs to the end and must fail: exit code and stderr.
pub fn failed(command: &mut Command) -> (i32, String) {
    let output: Output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?} succeeded: {}", text(&output.stdout));
    (output.status.code().unwrap_or(-1), text(&output.stderr))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that is given in `folder` and asks the node in `dir`.
pub fn asking(dir: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = tahoe();
    command.args(arguments).arg("-d").arg(dir).current_dir(folder);
    command
}

/// A node's process; killed when dropped.
pub struct Process {
    pub dir: PathBuf,
    pub url: String,
    /// What it printed before it was ready.
    pub said: String,
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Process {
    /// Runs the node in `dir` and waits until it says that it is ready.
    pub fn run(dir: &Path) -> Self {
        Self::spawn(tahoe().arg("run").arg(dir), dir)
    }

    /// Runs `command` and waits for its line `ready URL`.
    pub fn spawn(command: &mut Command, dir: &Path) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut this =
            Self { dir: dir.to_owned(), url: String::new(), said: String::new(), child, out };
        loop {
            let mut line = String::new();
            if this.out.read_line(&mut line).unwrap() == 0 {
                let mut said = String::new();
                this.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("{command:?} ended: {said}");
            }
            if let Some(url) = line.trim().strip_prefix("ready") {
                url.trim().trim_end_matches('/').clone_into(&mut this.url);
                return this;
            }
            this.said.push_str(&line);
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it cleanly; the exit code.
    pub fn stop(mut self) -> i32 {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Resident memory now, in bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// What of that is no file's, such as the program's: how much of a file is mapped at once is up to the
    /// kernel.
    pub fn own_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// The most that it was since the start, or since it was last forgotten.
    pub fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Forgets the peak; answers what is resident now.
    pub fn forget_peak(&self) -> u64 {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
        self.memory()
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Directories of a grid on this machine: made with the commands, joined by copying the furl.
pub struct Nodes {
    pub root: TempDir,
}

impl Nodes {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn create_introducer(&self) -> PathBuf {
        self.create_introducer_with(&[])
    }

    pub fn create_introducer_with(&self, options: &[&str]) -> PathBuf {
        let dir = self.dir("introducer");
        done(tahoe().arg("create-introducer").arg(&dir).args(options));
        fs::write(dir.join("introducer.port"), LOCAL).unwrap();
        dir
    }

    /// A client with these options, not joined to anything yet.
    pub fn create_client(&self, name: &str, options: &[&str]) -> PathBuf {
        let dir = self.dir(name);
        done(tahoe().arg("create-client").arg(&dir).args(["--nickname", name]).args(options));
        fs::write(dir.join("client.port"), LOCAL).unwrap();
        dir
    }

    /// Copies the introducer's furl, as a person would.
    pub fn join(&self, dir: &Path) {
        fs::copy(self.dir("introducer").join("introducer.furl"), dir.join("introducer.furl"))
            .unwrap();
    }
}

const LOCAL: &str = "tcp:0:interface=127.0.0.1\n";

/// A running grid: introducer, `servers` storage nodes and a gateway, a process each.
pub struct RunningGrid {
    pub nodes: Nodes,
    pub introducer: Option<Process>,
    pub servers: Vec<Process>,
    pub gateway: Process,
}

impl RunningGrid {
    /// With encoding parameters that fit the number of servers.
    pub fn of(servers: usize, parameters: &str) -> Self {
        Self::at_level("info", servers, parameters)
    }

    /// As [`RunningGrid::of`], logging at this level.
    pub fn at_level(level: &str, servers: usize, parameters: &str) -> Self {
        let run =
            |dir: &Path| Process::spawn(tahoe().env("TAHOE_LOG", level).arg("run").arg(dir), dir);
        let nodes = Nodes::new();
        let dir = nodes.create_introducer();
        fs::write(dir.join("encoding_parameters"), parameters).unwrap();
        let introducer = Some(run(&dir));
        let servers: Vec<_> = (0..servers)
            .map(|number| {
                let dir = nodes.create_client(&format!("server{number}"), &[]);
                nodes.join(&dir);
                run(&dir)
            })
            .collect();
        let dir = nodes.create_client("gateway", &["--no-storage", "--webport", "0"]);
        nodes.join(&dir);
        let gateway = run(&dir);
        let this = Self { nodes, introducer, servers, gateway };
        this.wait(this.servers.len());
        this
    }

    /// Until the gateway is connected to `count` servers.
    pub fn wait(&self, count: usize) {
        wait_for_servers(&self.gateway.dir, count);
    }
}

/// Until the node in `dir` is connected to `count` servers.
pub fn wait_for_servers(dir: &Path, count: usize) {
    let count = count.to_string();
    done(tahoe().args(["debug", "control", "-d"]).arg(dir).args(["wait-for-servers", &count]));
}

/// The furls of the storage servers that the node in `dir` has heard of and written down.
pub fn storage_furls(dir: &Path) -> Vec<Furl> {
    announcements(dir).iter().map(|known| known.furl.clone()).collect()
}

/// What they said of themselves.
pub fn announcements(dir: &Path) -> Vec<Announcement> {
    let list = dir.join("private/known_servers");
    for _ in 0..1_000 {
        if let Ok(text) = fs::read_to_string(&list) {
            let verify = |line: &str| Announcement::verify(&base32::decode(line).unwrap()).unwrap();
            let signed = text.lines().filter(|line| !line.contains(' '));
            return signed.map(verify).collect();
        }
        // A file says nothing when it appears.
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} was never written", list.display());
}

/// An HTTP client that reports every status and follows nothing.
pub fn http() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(120)))
        .build()
        .new_agent()
}
