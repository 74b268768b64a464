//! Folders of nodes. One that runs would copy what it stores into what it stores; and the keys of a node
//! are for nobody who may read a snapshot.

use super::local::For;
use crate::http::webport::WebPort;
use crate::node::basedir::Basedir;
use crate::node::kept::PRIVATE_ROOT;
use crate::node::lock;
use std::ffi::OsString;
use std::path::Path;

const LIVE: &str = "it is the folder of a running node";
const KEYS: &str = "it holds the private keys of a node";
/// Where a node keeps its keys, and what else gives rights to whoever reads it: the write cap of the
/// owner's directory, and the furl by which programs control the node.
const SECRETS: [&str; 3] = ["private", PRIVATE_ROOT.name, "control.furl"];

/// Why something that the user named is not copied, if there is a reason.
pub fn reason_against(path: &Path, what_for: For) -> Option<&'static str> {
    // Where it is, whatever it was called.
    let path = path.canonicalize().ok()?;
    if is_live(&path) {
        return Some(LIVE);
    }
    let holds_keys = |path: &Path| {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        keys_in(folder).iter().any(|key| key == name)
    };
    (what_for.is_snapshot() && path.ancestors().any(holds_keys)).then_some(KEYS)
}

/// Why a folder that was found is left out, if there is a reason.
pub fn reason_against_folder(path: &Path) -> Option<&'static str> {
    is_live(path).then_some(LIVE)
}

/// What is left out of a folder by its name, and why.
pub struct Keys(Vec<OsString>);

impl Keys {
    pub fn of(folder: &Path, what_for: For) -> Self {
        Self(if what_for.is_snapshot() { keys_in(folder) } else { Vec::new() })
    }

    pub fn reason_against(&self, name: &OsString) -> Option<&'static str> {
        self.0.contains(name).then_some(KEYS)
    }
}

/// Whether a node runs there; one that cannot be told may.
fn is_live(folder: &Path) -> bool {
    Basedir::is_node(folder)
        && Basedir::open(folder).and_then(|node| lock::is_running(&node)).unwrap_or(true)
}

/// The names of what in a folder holds keys of the node that it is of.
fn keys_in(folder: &Path) -> Vec<OsString> {
    let Some(node) = Basedir::is_node(folder).then(|| Basedir::open(folder).ok()).flatten() else {
        return Vec::new();
    };
    let web = node.read("webport").ok().flatten();
    let tls = web.and_then(|text| WebPort::parse(&text).ok()?.tls);
    let key = tls.and_then(|files| {
        let key = folder.join(files.private_key).canonicalize().ok()?;
        let below = key.strip_prefix(folder.canonicalize().ok()?).ok()?.to_owned();
        Some(below.components().next()?.as_os_str().to_owned())
    });
    SECRETS.iter().map(OsString::from).chain(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::basedir::{Role, Synced};
    use crate::node::lock::NodeLock;
    use std::fs;

    #[test]
    fn a_running_node_is_left_alone_and_keys_stay_out_of_snapshots() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("node");
        let node = Basedir::create(&path, Role::Client, Synced::Each).unwrap();
        node.write("webport", "ssl:0:privateKey=web.key:certKey=web.pem").unwrap();
        fs::write(path.join("web.key"), "").unwrap();
        fs::create_dir(path.join("private/deep")).unwrap();
        for (name, snapshot) in [("", None), ("private", Some(KEYS)), ("private/deep", Some(KEYS))]
        {
            assert_eq!(reason_against(&path.join(name), For::Snapshot), snapshot, "{name}");
            assert_eq!(reason_against(&path.join(name), For::Copy { links: true }), None, "{name}");
        }
        let keys = Keys::of(&path, For::Snapshot);
        let all =
            ["private", "my_vdrive.uri", "control.furl", "web.key"].map(|name| (name, Some(KEYS)));
        for (name, reason) in all.into_iter().chain([("web.pem", None)]) {
            assert_eq!(keys.reason_against(&name.into()), reason, "{name}");
            assert_eq!(
                Keys::of(&path, For::Copy { links: true }).reason_against(&name.into()),
                None
            );
            assert_eq!(Keys::of(root.path(), For::Snapshot).reason_against(&name.into()), None);
        }
        for key in ["./web.key".to_owned(), path.join("web.key").display().to_string()] {
            node.write("webport", &format!("ssl:0:privateKey={key}:certKey=web.pem")).unwrap();
            let keys = Keys::of(&path, For::Snapshot);
            assert_eq!(keys.reason_against(&"web.key".into()), Some(KEYS), "{key}");
        }
        assert_eq!(reason_against_folder(&path), None);
        let lock = NodeLock::take(&node).unwrap();
        assert_eq!(reason_against_folder(&path), Some(LIVE));
        assert_eq!(reason_against(&path, For::Copy { links: true }), Some(LIVE));
        assert_eq!(reason_against_folder(root.path()), None);
        drop(lock);
        assert_eq!(reason_against_folder(&path), None);
    }
}
