//! A gateway that keeps everything in memory, for the tests of commands: it answers as the web API
//! does (`docs/spec/webapi-delta.md`), fails where it is told to, and remembers what it was asked.
//!
//! Caps are `URI:CHK:N` for files, `URI:DIR:N` and `URI:DIR-RO:N` for directories and
//! `URI:DIR2-CHK:N` for immutable ones.

#![allow(dead_code, reason = "not every test needs all of it")]

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use tahoe::gateway::answer::ERROR_CODE;
use tahoe::gateway::proof::Challenge;
use tahoe::grid::Code;
use tempfile::TempDir;

pub const TOKEN: &str = "the-owners-token";
const GLOBAL: &str = "URI:DIR:0";
const PRIVATE: &str = "URI:DIR:1";

#[derive(Default)]
pub struct World {
    files: BTreeMap<String, Vec<u8>>,
    dirs: BTreeMap<String, BTreeMap<String, (String, Value)>>,
    next: usize,
    /// `METHOD target`, in order.
    pub asked: Vec<String>,
    /// Part of `METHOD target`, status and text of the answer.
    pub refuse: Vec<(String, u16, String)>,
    /// The codes of refusals, by what is in their texts.
    pub codes: Vec<(String, Code)>,
    /// As `refuse`, but only so many times.
    pub busy: Vec<(String, u16, usize)>,
    /// No file with this content is stored.
    pub unwanted: Vec<u8>,
    /// Caps whose check finds too few shares.
    pub unhealthy: Vec<String>,
    /// The size that a cap says, where it is not that of its file.
    pub sizes: BTreeMap<String, u64>,
    /// Walks break off with this line.
    pub walk_error: Option<String>,
    /// Files of which half is sent, and then nothing.
    pub stalled: Vec<String>,
    /// Uploads after so many bytes are not answered any more.
    pub swallow: bool,
}

pub struct Gateway {
    world: Arc<Mutex<World>>,
    pub url: String,
    pub root: TempDir,
}

struct Asked {
    method: String,
    path: Vec<String>,
    query: BTreeMap<String, String>,
    owner: bool,
    body: Vec<u8>,
}

type Answer = (u16, Vec<u8>);

fn said(status: u16, text: impl Into<String>) -> Answer {
    (status, text.into().into_bytes())
}

impl Gateway {
    /// A running gateway and a node directory that leads to it.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = World { next: 2, ..World::default() };
        let world = Arc::new(Mutex::new(world));
        for root in [GLOBAL, PRIVATE] {
            world.lock().unwrap().dirs.insert(root.into(), BTreeMap::new());
        }
        let shared = world.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let world = shared.clone();
                thread::spawn(move || while serve(stream.as_ref().unwrap(), &world).is_some() {});
            }
        });
        let this = Self { world, url, root: tempfile::tempdir().unwrap() };
        let node = this.node();
        std::fs::create_dir_all(node.join("private")).unwrap();
        for (file, text) in
            [("role", "client"), ("node.url", &this.url), ("private/api_auth_token", TOKEN)]
        {
            std::fs::write(node.join(file), text).unwrap();
        }
        this
    }

    pub fn node(&self) -> PathBuf {
        self.root.path().join("node")
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// From now on requests that contain `part` are answered so.
    pub fn refuse(&self, part: &str, status: u16, text: &str) {
        self.world().refuse.push((part.into(), status, text.into()));
    }

    /// As [`Self::refuse`], with the code by which a gateway tells why.
    pub fn refuse_as(&self, part: &str, (status, code): (u16, Code), text: &str) {
        self.refuse(part, status, text);
        self.world().codes.push((text.to_owned(), code));
    }

    /// How many requests contained `part`; they are forgotten.
    pub fn asked(&self, part: &str) -> usize {
        let asked = std::mem::take(&mut self.world().asked);
        asked.iter().filter(|one| one.contains(part)).count()
    }
}

/// One request and its answer; none when the connection is at its end.
fn serve(stream: &TcpStream, world: &Mutex<World>) -> Option<()> {
    // Bodies are framed, and nothing is sent before the answer: reading ahead loses nothing.
    let mut reader = BufReader::new(stream);
    let (asked, target) = read(&mut reader, world)?;
    if let Some(challenge) = asked.query.get("prove") {
        return prove(stream, challenge);
    }
    let mut world = world.lock().unwrap();
    let line = format!("{} {target}", asked.method);
    world.asked.push(line.clone());
    let (status, body) = match world.refusal(&line) {
        Some((status, text)) => said(status, text),
        None => world.answer(&asked),
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let code = world.codes.iter().find(|(of, _)| status >= 400 && text == *of);
    let code =
        code.map_or(String::new(), |(_, code)| format!("{ERROR_CODE}: {}\r\n", code.as_str()));
    let stalled = asked.method == "GET" && world.stalled.iter().any(|cap| asked.path.contains(cap));
    drop(world);
    let mut stream = stream;
    let head = format!("HTTP/1.1 {status} X\r\n{code}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    if stalled {
        stream.write_all(&body[..body.len() / 2]).ok()?;
        // Until the other side goes away.
        let _ = reader.read(&mut [0]);
        return None;
    }
    stream.write_all(&body).ok()
}

/// That it is the gateway of the owner's node, as the first request of each connection asks.
fn prove(mut stream: &TcpStream, challenge: &str) -> Option<()> {
    let address = format!("http://{}", stream.local_addr().unwrap());
    let proof = Challenge::parse(challenge).unwrap().proof(TOKEN, &address);
    let head = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", proof.len());
    stream.write_all((head + &proof).as_bytes()).ok()
}

fn read(reader: &mut BufReader<&TcpStream>, world: &Mutex<World>) -> Option<(Asked, String)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut chunked, mut owner) = (0, false, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        let Some((name, value)) = line.split_once(": ") else { break };
        match name {
            "content-length" => length = value.parse().unwrap(),
            "transfer-encoding" => chunked = true,
            "authorization" => owner = value == format!("tahoe-lafs {TOKEN}"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let size = u64::from_str_radix(line.trim(), 16).unwrap();
            reader.take(size).read_to_end(&mut body).ok()?;
            reader.read_line(&mut String::new()).ok()?;
            if size == 0 {
                break;
            }
        }
    } else {
        reader.take(length).read_to_end(&mut body).ok()?;
    }
    if world.lock().unwrap().swallow && method == "PUT" {
        let _ = reader.read(&mut [0]);
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = path[1..].split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (name.to_owned(), decode(value))).collect();
    Some((Asked { method, path, query, owner, body }, target))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&more[..2]).unwrap(), 16).unwrap());
            rest = &more[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn write_cap(cap: &str) -> String {
    cap.replace("DIR-RO:", "DIR:")
}

fn read_cap(cap: &str) -> String {
    cap.replace("DIR:", "DIR-RO:")
}

const NO_REPLACE: &str =
    "There was already a child by that name, and you asked me to not replace it.";

impl World {
    fn new_cap(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("URI:{kind}:{}", self.next)
    }

    fn new_dir(&mut self, kind: &str, body: &[u8]) -> Answer {
        let cap = self.new_cap(kind);
        self.dirs.insert(cap.clone(), BTreeMap::new());
        self.set_children(&cap, body);
        said(200, cap)
    }

    fn set_children(&mut self, dir: &str, body: &[u8]) {
        let children: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        for (name, child) in children {
            let facts = &child[1];
            let cap =
                facts.get("rw_uri").or_else(|| facts.get("ro_uri")).unwrap().as_str().unwrap();
            let metadata = facts.get("metadata").cloned().unwrap_or(json!({}));
            self.dirs.get_mut(dir).unwrap().insert(name, (cap.into(), metadata));
        }
    }

    /// The cap at a path below a root; the name that is missing on the way.
    fn walk(&self, root: &str, path: &[String]) -> Result<String, String> {
        let mut cap = root.to_owned();
        for name in path {
            let dir = self.dirs.get(&write_cap(&cap)).ok_or_else(|| name.clone())?;
            let below = dir.get(name).ok_or_else(|| name.clone())?;
            cap = if cap.contains("DIR-RO") { read_cap(&below.0) } else { below.0.clone() };
        }
        Ok(cap)
    }

    /// The directory at a path, made if need be.
    fn make(&mut self, root: &str, path: &[String]) -> String {
        let mut cap = root.to_owned();
        for name in path {
            let below = self.dirs[&write_cap(&cap)].get(name).cloned();
            let below = below.map(|(cap, _)| cap).unwrap_or_else(|| {
                let new = self.new_cap("DIR");
                self.dirs.insert(new.clone(), BTreeMap::new());
                self.link(&cap, name, &new);
                new
            });
            cap = below;
        }
        cap
    }

    /// What a request is answered with instead of what it is about.
    fn refusal(&mut self, line: &str) -> Option<(u16, String)> {
        let refused = self.refuse.iter().find(|(part, ..)| line.contains(part.as_str()));
        if let Some((_, status, text)) = refused {
            return Some((*status, text.clone()));
        }
        let mut busy = self.busy.iter_mut();
        let (_, status, left) =
            busy.find(|(part, _, left)| *left > 0 && line.contains(part.as_str()))?;
        *left -= 1;
        Some((*status, "Ask again.".to_owned()))
    }

    /// A file with this content, in no directory.
    pub fn new_file(&mut self, content: impl Into<Vec<u8>>) -> String {
        let cap = self.new_cap("CHK");
        self.files.insert(cap.clone(), content.into());
        cap
    }

    /// An empty directory, in no other.
    pub fn new_directory(&mut self) -> String {
        let cap = self.new_cap("DIR");
        self.dirs.insert(cap.clone(), BTreeMap::new());
        cap
    }

    pub fn link(&mut self, dir: &str, name: &str, cap: &str) {
        let times =
            json!({"tahoe": {"linkcrtime": 1_194_451_509.5, "linkmotime": 1_194_451_509.5}});
        self.dirs.get_mut(dir).unwrap().insert(name.into(), (cap.into(), times));
    }

    fn object(&self, cap: &str, depth: usize) -> Value {
        if let Some(content) = self.files.get(cap) {
            let verify = cap.replace("CHK:", "CHK-Verifier:");
            let size = self.sizes.get(cap).copied().unwrap_or(content.len() as u64);
            return json!(["filenode", {"mutable": false, "format": "CHK", "ro_uri": cap,
                                       "verify_uri": verify, "size": size}]);
        }
        let Some(dir) = self.dirs.get(&write_cap(cap)) else { return json!(["unknown", {}]) };
        let mutable = !cap.contains("CHK");
        let mut facts = json!({"mutable": mutable, "ro_uri": read_cap(cap)});
        let read_only = cap.contains("DIR-RO");
        if mutable && !read_only {
            facts["rw_uri"] = json!(cap);
        }
        if depth == 0 {
            let child = |(name, (cap, metadata)): (&String, &(String, Value))| {
                let cap = if read_only { read_cap(cap) } else { cap.clone() };
                let mut child = self.object(&cap, 1);
                child[1]["metadata"] = metadata.clone();
                (name.clone(), child)
            };
            facts["children"] = Value::Object(dir.iter().map(child).collect());
        }
        json!(["dirnode", facts])
    }

    fn verdict(&self, cap: &str) -> Value {
        if self.unhealthy.iter().any(|one| one == cap) {
            return json!({"storage-index": "si", "summary": "Not Healthy: 4 shares (enc 3-of-10)",
                "results": {"healthy": false, "count-shares-good": 4, "count-shares-needed": 3,
                            "count-shares-expected": 10,
                            "list-corrupt-shares": [["v0-server", "si", 7]]}});
        }
        json!({"storage-index": "si", "summary": "Healthy",
               "results": {"healthy": true, "count-shares-good": 10, "count-shares-needed": 3,
                           "count-shares-expected": 10, "list-corrupt-shares": []}})
    }

    fn walk_lines(&self, root: &str, check: bool) -> String {
        let mut out = String::new();
        let mut waiting = vec![(Vec::<String>::new(), root.to_owned())];
        while let Some((path, cap)) = waiting.pop() {
            let dir = self.dirs.get(&write_cap(&cap));
            let kind = if dir.is_some() { "directory" } else { "file" };
            let mut line = json!({"type": kind, "path": path, "cap": cap, "storage-index": "si",
                                  "verifycap": format!("V-{cap}"), "repaircap": ""});
            if check {
                line["check-results"] = self.verdict(&cap);
            }
            out.push_str(&format!("{line}\n"));
            for (name, (cap, _)) in dir.into_iter().flatten().rev() {
                let mut path = path.clone();
                path.push(name.clone());
                waiting.push((path, cap.clone()));
            }
        }
        match &self.walk_error {
            Some(error) => out + error,
            None => out + &format!("{}\n", json!({"type": "stats", "stats": {}})),
        }
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let t = asked.query.get("t").map_or("", String::as_str);
        match (asked.method.as_str(), path.as_slice(), t) {
            ("PUT", ["uri"], "") if !asked.body.is_empty() && asked.body == self.unwanted => {
                said(413, "Too large.")
            }
            ("PUT", ["uri"], "") => {
                // Equal files have equal caps.
                let known = self.files.iter().find(|(_, content)| **content == asked.body);
                let cap = known.map(|(cap, _)| cap.clone()).unwrap_or_else(|| self.new_cap("CHK"));
                self.files.insert(cap.clone(), asked.body.clone());
                said(200, cap)
            }
            ("POST", ["uri"], "mkdir" | "mkdir-with-children") => self.new_dir("DIR", &asked.body),
            ("POST", ["uri"], "mkdir-immutable") => self.new_dir("DIR2-CHK", &asked.body),
            ("POST", ["login"], _) if asked.owner => said(200, "/login?key=once"),
            ("GET", ["status"], "json") => said(
                200,
                json!({"active": [{"type": "upload",
                "storage-index-string": "aaaa", "total-size": 5, "status": "Sending",
                "progress-hash": 1.0, "progress-ciphertext": 0.5, "progress-encode-push": 0.0}],
                "recent": [{"type": "mapupdate"}]})
                .to_string(),
            ),
            ("GET", ["statistics"], "json") => said(
                200,
                json!({
                "counters": {"uploader.files_uploaded": 3, "uploader.bytes_uploaded": 4096},
                "stats": {"node.uptime": 90.0}})
                .to_string(),
            ),
            ("GET", ["operations", ..], "status") => {
                let finished = self.asked.iter().filter(|one| one.contains("/operations/")).count();
                said(
                    200,
                    json!({"finished": finished > 1, "count-files": 2,
                    "size-immutable-files": 123_456, "largest-directory-children": 2,
                    "size-files-histogram": [[4, 10, 1], [32, 100, 1]]})
                    .to_string(),
                )
            }
            (_, ["uri", cap, ..], _) => self.at(asked, cap, &asked.path[2..], t),
            (_, ["vdrive", "global", ..], _) => self.at(asked, GLOBAL, &asked.path[2..], t),
            (_, ["vdrive", "private", ..], _) if asked.owner => {
                self.at(asked, PRIVATE, &asked.path[2..], t)
            }
            (_, ["vdrive", "private", ..], _) => said(401, "The owner's token is wanted."),
            _ => said(400, "POST with a bad t= argument."),
        }
    }

    /// A request about what is at a path.
    fn at(&mut self, asked: &Asked, root: &str, path: &[String], t: &str) -> Answer {
        let there = self.walk(root, path);
        let replace = asked.query.get("replace").map_or("true", String::as_str);
        let is_dir = |this: &Self, cap: &str| this.dirs.contains_key(&write_cap(cap));
        match (asked.method.as_str(), t) {
            ("PUT", "" | "uri") => {
                let (name, above) = path.split_last().unwrap();
                let status = if there.is_ok() { 200 } else { 201 };
                match (there, replace) {
                    (Ok(_), "false") => return said(409, NO_REPLACE),
                    (Ok(cap), "only-files") if is_dir(self, &cap) => return said(409, NO_REPLACE),
                    (Ok(cap), _) if t.is_empty() && is_dir(self, &cap) => {
                        return said(400, "PUT to a directory");
                    }
                    _ => {}
                }
                let dir = self.make(root, above);
                if dir.contains("DIR-RO") {
                    return said(403, "NotWriteableError: this cap only reads.");
                }
                let cap = if t == "uri" {
                    String::from_utf8(asked.body.clone()).unwrap()
                } else {
                    let cap = self.new_cap("CHK");
                    self.files.insert(cap.clone(), asked.body.clone());
                    cap
                };
                self.link(&dir, name, &cap);
                said(status, cap)
            }
            ("POST", "mkdir") => said(200, self.make(root, path)),
            _ => match there {
                // Whoever asks for JSON gets it, whatever the answer.
                Err(name) if t == "json" => {
                    said(404, json!({"error": format!("No such child: {name}")}).to_string())
                }
                Err(name) => said(404, format!("No such child: {name}")),
                Ok(cap) => self.at_cap(asked, &cap, root, path, t),
            },
        }
    }

    /// A request about something that is there.
    fn at_cap(&mut self, asked: &Asked, cap: &str, root: &str, path: &[String], t: &str) -> Answer {
        let replace = asked.query.get("replace").map_or("true", String::as_str);
        match (asked.method.as_str(), t) {
            ("GET", "json") => {
                let mut object = self.object(cap, 0);
                // What its link says, if it was come to by one.
                if let Some((name, above)) = path.split_last() {
                    let directory = self.walk(root, above).unwrap();
                    let (_, metadata) = &self.dirs[&write_cap(&directory)][name];
                    object[1]["metadata"] = metadata.clone();
                }
                said(200, object.to_string())
            }
            ("GET", "uri") => said(200, cap),
            ("GET", "") => match self.files.get(cap) {
                Some(content) => (200, content.clone()),
                None => said(400, "The cap is malformed."),
            },
            ("DELETE", _) => {
                let (name, above) = path.split_last().unwrap();
                let dir = self.walk(root, above).unwrap();
                self.dirs.get_mut(&dir).unwrap().remove(name);
                said(200, cap)
            }
            ("POST", "relink") => {
                let (from, to) = (&asked.query["from_name"], &asked.query["to_name"]);
                let Some(child) = self.dirs[cap].get(from).cloned() else {
                    return said(404, format!("No such child: {from}"));
                };
                let way = asked.query.get("to_dir").map_or(cap, String::as_str);
                let way: Vec<String> = way.split('/').map(str::to_owned).collect();
                let steps = (0..way.len()).map(|end| self.walk(&way[0], &way[1..=end]));
                let steps = match steps.collect::<Result<Vec<_>, _>>() {
                    Ok(steps) => steps,
                    Err(name) => return said(404, format!("No such child: {name}")),
                };
                if steps.contains(&child.0) {
                    return said(
                        409,
                        format!("The directory {from:?} cannot be moved into itself."),
                    );
                }
                let to_dir = steps.last().unwrap().as_str();
                let old = self.dirs[to_dir].get(to).map(|(cap, _)| cap.clone());
                if replace == "only-files" && old.is_some_and(|cap| self.dirs.contains_key(&cap)) {
                    return said(409, NO_REPLACE);
                }
                self.dirs.get_mut(to_dir).unwrap().insert(to.clone(), child);
                self.dirs.get_mut(cap).unwrap().remove(from);
                said(200, "thing moved")
            }
            ("POST", "set_children") => {
                self.set_children(cap, &asked.body);
                said(200, "Okay so I did it.")
            }
            ("POST", "check") => said(200, self.verdict(cap).to_string()),
            ("POST", "stream-manifest") => said(200, self.walk_lines(cap, false)),
            ("POST", "stream-deep-check") => said(200, self.walk_lines(cap, true)),
            ("POST", "start-deep-stats") => said(302, ""),
            ("POST", "accept-rollback") => said(200, ""),
            _ => said(400, "A request with a bad t= argument."),
        }
    }
}
