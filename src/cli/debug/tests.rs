use super::decode::{Arguments as Decode, decode};
use super::dump_share::{Arguments as DumpShare, dump as dump_share};
use super::encode::{Arguments as Encode, encode};
use super::*;
use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: DebugCommand,
}

/// A folder with a file of `size` bytes, encoded 3 of 10.
struct Encoded {
    folder: tempfile::TempDir,
    plaintext: Vec<u8>,
    cap: String,
}

fn encoded(size: usize, options: &[&str]) -> Encoded {
    let folder = tempfile::tempdir().unwrap();
    let plaintext: Vec<u8> = (0..size).map(|i| (i * 31 + i / 255) as u8).collect();
    let (file, shares) = (folder.path().join("file"), folder.path().join("shares"));
    fs::write(&file, &plaintext).unwrap();
    let mut line = vec!["debug", "encode", file.to_str().unwrap(), "--needed=3", "--total=10"];
    let shares = format!("--shares={}", shares.display());
    line.push(&shares);
    line.extend(options);
    let DebugCommand::Encode(arguments) = Line::parse_from(line).command else { panic!() };
    let cap = encode(&arguments).unwrap().reveal();
    Encoded { folder, plaintext, cap }
}

impl Encoded {
    fn shares(&self) -> PathBuf {
        self.folder.path().join("shares")
    }

    fn share(&self, number: u8) -> PathBuf {
        self.shares().join(number.to_string())
    }

    fn kill(&self, numbers: impl IntoIterator<Item = u8>) -> &Self {
        numbers.into_iter().for_each(|number| fs::remove_file(self.share(number)).unwrap());
        self
    }

    fn damage(&self, number: u8, at: usize) -> &Self {
        let mut bytes = fs::read(self.share(number)).unwrap();
        bytes[at] ^= 1;
        fs::write(self.share(number), bytes).unwrap();
        self
    }

    /// Wraps a share as a storage server does, with one lease.
    fn contain(&self, number: u8, version: u8) -> &Self {
        let share = fs::read(self.share(number)).unwrap();
        let head = [0, 0, 0, version].into_iter().chain([0; 4]).chain([0, 0, 0, 1]);
        let bytes: Vec<u8> = head.chain(share).chain([7; 72]).collect();
        fs::write(self.share(number), bytes).unwrap();
        self
    }

    fn decode(&self) -> Result<Vec<u8>, DebugError> {
        let file = self.folder.path().join("out");
        let arguments =
            Decode { cap: self.cap.clone(), folder: self.shares(), file: Some(file.clone()) };
        let result = decode(&arguments, &mut Vec::new());
        let others = fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(others, if result.is_ok() { 3 } else { 2 }, "no remains of a failed decoding");
        result.map(|()| fs::read(file).unwrap())
    }

    fn dump(&self, path: &Path) -> String {
        let mut out = Vec::new();
        dump_share(&DumpShare { file: path.to_owned() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

#[test]
fn any_three_of_ten_shares_give_the_file_back() {
    for size in [56, 10_000, 3_000_001] {
        let file = encoded(size, &["--segment-size=1000000"]);
        file.kill([0, 1, 3, 4, 6, 7, 8]);
        assert!(file.decode().unwrap() == file.plaintext);
    }
}

#[test]
fn damaged_shares_are_replaced_while_others_remain() {
    let file = encoded(5_000_000, &["--segment-size=131072"]);
    // A block in the middle, a header, a UEB, a tree: four bad shares leave six.
    file.damage(0, 900_000).damage(1, 3).damage(2, 1_679_300).damage(4, 0x20);
    fs::write(file.share(5), b"").unwrap();
    fs::write(file.shares().join("11"), b"no share").unwrap();
    assert!(file.decode().unwrap() == file.plaintext);
    fs::remove_file(file.folder.path().join("out")).unwrap();
    file.damage(7, 3).damage(8, 3).damage(9, 3);
    let error = file.decode().unwrap_err();
    assert_eq!(error.what, "Only 2 sound shares were found where 3 are needed.");
}

#[test]
fn too_few_shares_leave_no_output() {
    let file = encoded(100_000, &[]);
    file.kill(0..8);
    let error = file.decode().unwrap_err();
    assert_eq!(error.what, "Only 2 sound shares were found where 3 are needed.");
}

#[test]
fn shares_in_the_containers_of_a_server_decode_too() {
    for option in ["--convergence=none", "--force-v2"] {
        let file = encoded(70_000, &[option]);
        file.contain(0, 1).contain(1, 2).kill(3..10);
        assert!(file.decode().unwrap() == file.plaintext);
        let dump = file.dump(&file.share(1));
        assert!(
            dump.contains("container: version 2\nleases: 1\nlease 0: owner 117901063"),
            "{dump}"
        );
        assert!(dump.contains("UEB size: 70000"), "{dump}");
        assert!(file.dump(&file.share(2)).starts_with("container: none\n"));
    }
}

#[test]
fn a_share_that_was_cut_short_is_told_as_such() {
    let file = encoded(70_000, &[]);
    file.contain(0, 1).contain(1, 2);
    for number in 0..3 {
        let path = file.share(number);
        let length = fs::metadata(&path).unwrap().len();
        for cut in [1, 40, 200, length / 2, length - 40] {
            fs::File::options().write(true).open(&path).unwrap().set_len(length - cut).unwrap();
            let mut out = Vec::new();
            let error = dump_share(&DumpShare { file: path.clone() }, &mut out).unwrap_err();
            let told = ["cut short", "ends within"].iter().any(|part| error.what.contains(part));
            assert!(told && out.is_empty(), "{number} {cut} {error}");
        }
    }
}

#[test]
fn convergence_gives_equal_caps_and_random_keys_do_not() {
    let cap = |option: &str| encoded(5_000, &[option]).cap;
    assert_eq!(cap("--convergence="), cap("--convergence="));
    assert_eq!(cap("--convergence=aebagbafay"), cap("--convergence=aebagbafay"));
    assert_ne!(cap("--convergence="), cap("--convergence=aebagbafay"));
    assert_ne!(cap("--convergence=none"), cap("--convergence=none"));
    let key = "--key=aaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert!(cap(key).starts_with("URI:CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:"));
}

#[test]
fn small_files_become_literals_unless_forced() {
    let file = encoded(55, &[]);
    assert!(file.cap.starts_with("URI:LIT:") && !file.shares().exists());
    let file = encoded(1, &["--force-chk"]);
    assert!(file.cap.starts_with("URI:CHK:"));
    assert_eq!(file.decode().unwrap(), file.plaintext);
}

#[test]
fn impossible_arguments_are_told_as_wrong_usage() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), [1; 100]).unwrap();
    let arguments = |needed, total, segment_size, convergence: &str| Encode {
        file: file.path().to_owned(),
        needed,
        total,
        segment_size,
        convergence: convergence.to_owned(),
        shares: None,
        key: None,
        force_chk: false,
        force_v2: false,
    };
    for bad in [
        arguments(0, 1, 100, "none"),
        arguments(3, 2, 100, "none"),
        arguments(1, 257, 100, "none"),
        arguments(1, 1, 0, "none"),
        arguments(1, 1, 100, "no base32!"),
    ] {
        assert_eq!(encode(&bad).unwrap_err().kind, Kind::Usage, "{bad:?}");
    }
    assert!(encode(&arguments(1, 1, u64::MAX, "none")).is_ok());
}

#[test]
fn caps_are_dumped_without_their_key() {
    let file = encoded(5_000, &["--key=abcdefghijklmnopqrstuvwxya"]);
    let mut out = Vec::new();
    dump_cap::dump(&dump_cap::Arguments { cap: file.cap.clone() }, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("needed: 3\ntotal: 10\nsize: 5000\n"), "{out}");
    assert!(!out.contains("abcdefghijklmnopqrstuvwxya"), "{out}");
    let wrong = dump_cap::Arguments { cap: "URI:CHK:abc".to_owned() };
    assert!(dump_cap::dump(&wrong, &mut Vec::new()).is_err());
}
