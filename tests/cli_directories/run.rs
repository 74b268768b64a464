//! Commands run to their end, and folders for them to work on.

use crate::nodes::{failed, tahoe, text};
use crate::web_stub::Gateway;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tahoe::base::seeded::bytes;

impl Gateway {
    /// A command of the node that leads here, in the folder of the test.
    pub fn run(&self, arguments: &[&str]) -> Command {
        let mut command = tahoe();
        command.args(arguments).arg("-d").arg(self.node()).current_dir(self.root.path());
        command
    }

    /// Its output, which must be a success without any remark.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).output().unwrap();
        let (said, remarks) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && remarks.is_empty(), "{arguments:?}: {said}{remarks}");
        said
    }

    /// What it says when it fails: exit code 1 and two sentences, after any remarks.
    pub fn failed(&self, arguments: &[&str]) -> String {
        let (code, said) = failed(&mut self.run(arguments));
        assert_eq!(code, 1, "{arguments:?}: {said}");
        two_sentences(&said);
        said
    }

    /// A success with this on stdin.
    pub fn given(&self, stdin: &[u8], arguments: &[&str]) -> String {
        let mut command = self.run(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.root.path().join(name)).unwrap()
    }

    /// Files under the test's folder with this in their names.
    pub fn leftovers(&self) -> Vec<String> {
        names(self.root.path()).into_iter().filter(|name| name.contains(".tahoe-")).collect()
    }
}

/// All files and folders below a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.extend(names(&entry.path()).iter().map(|below| format!("{name}/{below}")));
        }
        all.push(name);
    }
    all.sort();
    all
}

/// What happened and what to do, at the end; no cap anywhere.
pub fn two_sentences(said: &str) {
    let lines: Vec<_> = said.lines().collect();
    let [.., what, advice] = lines.as_slice() else { panic!("{said}") };
    assert!(what.starts_with("tahoe: "), "{said}");
    assert!([what, advice].iter().all(|line| line.ends_with(['.', '?', '!'])), "{said}");
    assert!(!said.contains("panicked") && !said.contains("URI:DIR:"), "{said}");
}

/// A folder with everything in it that a copy can meet.
pub fn folder(gateway: &Gateway) {
    for (name, length) in [("one", 10), ("two", 70_000), ("sub/three", 3), ("sub/deep/four", 0)] {
        gateway.write(&format!("src/{name}"), bytes(length as u64, length));
    }
    fs::create_dir(gateway.root.path().join("src/empty")).unwrap();
}

pub const FOLDER: &[&str] =
    &["empty", "one", "sub", "sub/deep", "sub/deep/four", "sub/three", "two"];
