//! The examples do what their first lines say, each as processes of its own.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop at once")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// The built example; `cargo test` builds all of them before it runs a test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps");
    let path = folder.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{name} is not built: cargo build --examples");
    path
}

fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(program(name)).args(arguments).stdin(Stdio::null()).output().expect("it runs")
}

fn lines_of(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A running example; killed when dropped.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program(name));
        command.args(arguments);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { input: child.stdin.take(), child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("piped"), "{line}").expect("it listens");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_calculator_adds_for_another_process() {
    let mut desk = Running::start("calculator", &[]);
    let furl = desk.line();
    assert_eq!(lines_of(&run("calculator", &[&furl, "40", "2"])), ["42"]);
    let too_much = run("calculator", &[&furl, &i64::MAX.to_string(), "1"]);
    assert!(!too_much.status.success());
}

#[test]
fn the_chat_notices_who_is_killed_and_who_leaves() {
    let mut room = Running::start("chat", &[]);
    let furl = room.line();
    let mut alice = Running::start("chat", &[&furl, "alice"]);
    assert_eq!(alice.line(), "* alice is here");
    let mut bob = Running::start("chat", &[&furl, "bob"]);
    assert_eq!(alice.line(), "* bob is here");
    assert_eq!(bob.line(), "* bob is here");
    bob.say("hello");
    assert_eq!(alice.line(), "bob: hello");
    drop(bob);
    assert_eq!(alice.line(), "* bob is gone");
    let mut carol = Running::start("chat", &[&furl, "carol"]);
    assert_eq!(alice.line(), "* carol is here");
    carol.input = None;
    assert_eq!(alice.line(), "* carol is gone");
    drop(room);
    assert!(!alice.child.wait().expect("it ends").success(), "a lost room is an error");
}

#[test]
fn what_goes_wrong_is_one_sentence() {
    for name in ["calculator", "chat"] {
        let output = run(name, &["pb://nobody", "40", "2"][..if name == "chat" { 2 } else { 3 }]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.lines().count() == 1, "{said}");
        assert!(said.starts_with(&format!("{name}: ")) && !said.contains('"'), "{said}");
    }
}

#[test]
fn an_attenuated_furl_does_less_and_ends() {
    let output = run("attenuated", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        lines_of(&output),
        [
            "the visitor reads the balance: 100",
            "the visitor tries to deposit: refused, no such method",
            "whoever has the whole furl deposits: 111",
            "after revocation the visitor reads: refused, no such object",
            "and finds at the furl: refused, no such object",
        ]
    );
}

#[test]
fn a_grid_in_one_process_survives_seven_of_ten() {
    let output = run("grid", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        lines_of(&output),
        [
            "10 servers are connected",
            "stored on 10 servers",
            "seven servers stopped, 1000000 bytes came back, equal: true",
        ]
    );
}

#[test]
fn put_and_get_from_rust_join_a_demo_grid() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let demo = folder.path().join("demo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tahoe"));
    command.arg("demo").arg(&demo).args(["--webport", "0"]);
    let mut grid = Running::spawn(command);
    while !grid.line().starts_with("ready ") {}
    let furl = std::fs::read_to_string(demo.join("introducer/introducer.furl")).expect("a furl");
    let file = folder.path().join("file");
    std::fs::write(&file, vec![7; 200_000]).expect("it can be written");
    let output = run("put_get", &[furl.trim(), file.to_str().expect("plain")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = lines_of(&output);
    assert!(lines[0].starts_with("URI:CHK:"), "{lines:?}");
    assert_eq!(lines[1], "200000 bytes came back, equal: true");
}
