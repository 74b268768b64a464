//! Promise 12: secrets never reach logs, arguments of processes, errors, or other users.
//!
//! A grid whose nodes log at trace level is put through work and through failures; then every log
//! and everything that was printed is searched for every secret that the grid has.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may stop at once, and tells its story in one piece"
)]

mod nodes;

use nodes::{RunningGrid, http, tahoe, text};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};
use tahoe::base::base32;
use tahoe::base::seeded::bytes;
use tahoe::tub::Furl;

/// What is there, unless a running node has taken it away meanwhile.
fn there<T>(looked: io::Result<T>) -> Option<T> {
    match looked {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        looked => Some(looked.unwrap()),
    }
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in there(fs::read_dir(dir)).into_iter().flatten().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// A secret in the spellings in which it might be let out.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{secret:?}");
    let list = list.trim_matches(['[', ']']).to_owned();
    vec![base32::encode(secret).into_bytes(), hex.into_bytes(), list.into_bytes(), secret.to_vec()]
}

/// Every secret of a node's directory.
fn secrets_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for path in files(&dir.join("private")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Announcements, and versions of directories.
        if ["known_servers", "seen"].contains(&name.as_str()) {
            continue;
        }
        let value = fs::read_to_string(&path).unwrap();
        let value = value.trim().trim_start_matches("priv-v0-");
        found.push((name, base32::decode_loose(value).unwrap()));
    }
    for name in ["introducer.furl", "control.furl", "vdrive.furl"] {
        if let Ok(furl) = fs::read_to_string(dir.join(name)) {
            let furl = Furl::parse(&furl).unwrap();
            found.push((name.to_owned(), furl.swissnum().reveal().to_vec()));
        }
    }
    for name in ["global_root.uri", "my_vdrive.uri"] {
        if let Ok(cap) = fs::read_to_string(dir.join(name)) {
            let key = cap.trim().rsplit(':').next().unwrap();
            found.push((name.to_owned(), base32::decode(key).unwrap()));
        }
    }
    found
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn no_secret_is_ever_written_where_others_look() {
    let started = Instant::now();
    let grid = RunningGrid::at_level("trace", 3, "2 2 3");
    let url = &grid.gateway.url;
    let mut printed: Vec<u8> = Vec::new();
    let mut caps = Vec::new();
    for length in [40, 5_000, 2_000_000] {
        let content = bytes(11, length);
        let cap = http().put(format!("{url}/uri")).send(&content[..]).unwrap();
        let cap = cap.into_body().read_to_string().unwrap();
        let back = http().get(format!("{url}/uri/{cap}")).call().unwrap();
        assert!(back.into_body().with_config().limit(1 << 30).read_to_vec().unwrap() == content);
        caps.push(cap);
    }
    // Failures of every kind, each with a secret at hand.
    for cap in &caps {
        let damaged = format!("{}x", &cap[..cap.len() - 3]);
        for path in [
            format!("/uri/{damaged}"),
            format!("/uri/{cap}/child"),
            format!("/{cap}"),
            format!("/uri/{cap}?t=zz"),
            format!("/uri/{cap}?save=zz"),
        ] {
            let answer = http().get(format!("{url}{path}")).call().unwrap();
            let body = answer.into_body().with_config().limit(1 << 30).read_to_vec().unwrap();
            printed.extend(body);
        }
        let node = &grid.gateway.dir;
        for command in [
            tahoe().args(["get", &damaged, "-d"]).arg(node).output().unwrap(),
            tahoe()
                .args(["debug", "control", "-d"])
                .arg(node)
                .args(["download", &damaged, "nowhere"])
                .output()
                .unwrap(),
        ] {
            printed.extend(command.stdout);
            printed.extend(command.stderr);
        }
    }
    let furl = fs::read_to_string(grid.servers[0].dir.join("control.furl")).unwrap();
    let shown = tahoe().args(["debug", "dump-furl", furl.trim()]).output().unwrap();
    printed.extend(shown.stdout);

    let dirs: Vec<PathBuf> = [grid.nodes.dir("introducer"), grid.gateway.dir.clone()]
        .into_iter()
        .chain(grid.servers.iter().map(|server| server.dir.clone()))
        .collect();
    let pids: Vec<u32> = [&grid.gateway]
        .into_iter()
        .chain(grid.introducer.iter())
        .chain(&grid.servers)
        .map(nodes::Process::pid)
        .collect();
    for pid in pids {
        printed.extend(fs::read(format!("/proc/{pid}/cmdline")).unwrap());
        printed.extend(fs::read(format!("/proc/{pid}/environ")).unwrap());
    }
    let mut logs = 0;
    for dir in &dirs {
        for log in files(&dir.join("logs")) {
            let bytes = fs::read(log).unwrap();
            assert!(contains(&bytes, b"DEBUG") || contains(&bytes, b"INFO"), "a log with lines");
            logs += bytes.len();
            printed.extend(bytes);
        }
    }
    let mut secrets: Vec<_> = dirs.iter().flat_map(|dir| secrets_of(dir)).collect();
    for cap in &caps {
        let parts: Vec<_> = cap.split(':').collect();
        let key = base32::decode_loose(parts[2]).unwrap();
        secrets.push((format!("key of a {} cap", parts[1]), key));
        if let Some(hash) = parts.get(3) {
            secrets.push(("UEB hash".into(), base32::decode_loose(hash).unwrap()));
        }
    }
    let mut found = 0;
    for (name, secret) in &secrets {
        for spelling in spellings(secret) {
            if contains(&printed, &spelling) {
                found += 1;
                println!("{name} was let out as {:?}", text(&spelling[..spelling.len().min(9)]));
            }
        }
    }
    assert_eq!(found, 0);

    // Servers hold ciphertext: no key, no convergence secret, no plaintext.
    let gateway = secrets_of(&grid.gateway.dir);
    let keys = secrets.iter().filter(|(name, _)| name.contains("cap"));
    for (name, secret) in
        keys.chain(gateway.iter().filter(|(name, _)| name == "convergence" || name == "secret"))
    {
        for server in &grid.servers {
            for file in files(&server.dir) {
                let Some(bytes) = there(fs::read(&file)) else { continue };
                for spelling in spellings(secret) {
                    assert!(!contains(&bytes, &spelling), "{name} in {}", file.display());
                }
            }
        }
    }
    let mut private = 0;
    for dir in &dirs {
        for path in files(&dir.join("private")).into_iter().chain([dir.join("control.furl")]) {
            if let Some(metadata) = there(fs::metadata(&path)) {
                let mode = metadata.permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{}", path.display());
                private += 1;
            }
        }
    }
    println!(
        "promise 12: {} secrets in 4 spellings, {} KiB of logs at trace level and output searched, \
         0 found, {private} key files 0600, {:.1} s",
        secrets.len(),
        logs >> 10,
        started.elapsed().as_secs_f32()
    );
}
