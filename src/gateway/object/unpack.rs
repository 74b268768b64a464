//! A tar that is unpacked into a directory as it comes.
//!
//! ```text
//! body ──▶ members ──▶ spool, one after the other ──▶ stored, a few at once ──▶ linked, many at once
//! ```
//! What is linked stays, however the rest fares: a member that cannot be taken keeps no other back; where the
//! body ends too early, or is no tar any more, what came whole before is linked. The answer counts what is
//! there, and names what is not.

use super::super::answer::{ERROR_CODE, Failure, page, plain, typed};
use super::super::asked::Asked;
use super::super::body;
use super::super::json;
use super::super::pages::error::wants_page;
use super::super::pages::{simple, words};
use crate::base::limits::{UNPACK_NAMED, UNPACK_NAMED_BYTES, UNPACK_ROOM, UNPACK_STORED};
use crate::cap::Cap;
use crate::files::batch::{Batch, normal};
use crate::files::{Address, FilesError, For, Found};
use crate::grid::Code;
use crate::grid::dirnode::{Replace, writable};
use crate::http::archive::path::names;
use crate::http::archive::untar::{BadTar, Event, Member, Untar, What};
use crate::http::markup::escape;
use crate::http::spool::{Arriving, Hasher, Spool, Taking};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesOrdered, Stream, StreamExt};
use serde_json::{Map, Value, json};

/// `PUT DIR?t=tar`
pub async fn put(
    asked: &Asked<'_>,
    address: &Address,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    asked.refuse_part()?;
    let spool = asked.gateway.spool_for(asked.request);
    let report = unpack(asked, address, (&spool, body)).await?;
    Ok(report.answer())
}

/// `POST DIR?t=unpack`: the form's file.
pub async fn form(
    asked: &Asked<'_>,
    address: &Address,
    form: body::Form,
) -> Result<HttpResponse, Failure> {
    let when_done = asked.arguments.when_done()?;
    let file = form.file.ok_or_else(|| Failure::bad_request("The form has no field `file`."))?;
    // It has come already, and is read from the disk.
    let spool = asked.gateway.spool.bodies_of(true);
    let report = unpack(asked, address, (&spool, file.body.content.pieces())).await?;
    Ok(match when_done {
        Some(to) if report.failure.is_none() => {
            super::super::answer::redirect(StatusCode::FOUND, to)
        }
        _ if wants_page(asked.request) => report.page(address),
        _ => report.answer(),
    })
}

async fn unpack<E>(
    asked: &Asked<'_>,
    address: &Address,
    (spool, body): (&Spool, impl Stream<Item = Result<Bytes, E>> + Unpin),
) -> Result<Report, Failure> {
    let replace = asked.arguments.replace()?;
    let found = asked.files.find(address, For::Making).await?;
    asked.check_conditions(found.target())?;
    let (dir, above) = match found {
        Found::Missing { dir, names } => (dir.dir().clone(), names),
        Found::Object(object) => {
            asked.files.permit(&object.target)?;
            (object.as_directory()?.clone(), Vec::new())
        }
    };
    writable(&dir)?;
    let _room = spool.hold_memory(UNPACK_ROOM).ok_or_else(Failure::busy)?;
    let top = Address {
        root: address.root.clone(),
        path: address.path.iter().take(address.path.len() - above.len()).cloned().collect(),
    };
    let hasher = || asked.files.grid().body_hasher().ok();
    let mut unpacking = Unpacking {
        asked,
        spool,
        hasher: &hasher,
        replace,
        address,
        batch: Batch::new(&asked.files, (dir, top), replace),
        above,
        taken: None,
        stored: FuturesOrdered::new(),
        report: Report::default(),
    };
    let run = unpacking.run(spool.arriving(body)).await;
    let settled = unpacking.settle_all().await;
    let mut report = unpacking.report;
    report.end(run.and(settled));
    Ok(report)
}

/// What came of storing a file.
type Stored = (Vec<String>, Option<f64>, Result<Cap, Failure>);

struct Unpacking<'a> {
    asked: &'a Asked<'a>,
    spool: &'a Spool,
    hasher: &'a Hasher<'a>,
    replace: Replace,
    address: &'a Address,
    batch: Batch,
    /// Directories that are missing on the way to the one that is addressed.
    above: Vec<String>,
    /// The file that is coming.
    taken: Option<Taken<'a>>,
    /// In the order of the archive: of two files of one name the last counts.
    stored: FuturesOrdered<LocalBoxFuture<'a, Stored>>,
    report: Report,
}

struct Taken<'a> {
    names: Vec<String>,
    time: Option<f64>,
    taking: Taking<&'a Hasher<'a>>,
}

impl<'a> Unpacking<'a> {
    async fn run<S, E>(&mut self, mut arriving: Arriving<S>) -> Result<(), Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let mut untar = Untar::default();
        loop {
            while let Some(event) = untar.event()? {
                self.take(event).await?;
            }
            let piece = tokio::select! {
                biased;
                Some(stored) = self.stored.next() => {
                    self.settle(stored).await?;
                    continue;
                }
                piece = arriving.next() => piece?,
            };
            match piece {
                Some(piece) => untar.feed(piece),
                None => return Ok(untar.finish()?),
            }
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Member(member) => self.meet(member).await,
            Event::Piece(piece) => match &mut self.taken {
                Some(taken) => Ok(taken.taking.take(piece).await?),
                None => Ok(()),
            },
            Event::End => {
                let Some(Taken { names, time, taking }) = self.taken.take() else { return Ok(()) };
                let (body, asked) = (taking.finish().await?, self.asked);
                let stored = async move { (names, time, asked.gateway.store(body).await) };
                self.stored.push_back(Box::pin(stored));
                Ok(())
            }
        }
    }

    async fn meet(&mut self, member: Member) -> Result<(), Failure> {
        let Member { path, what, time } = member;
        if let What::Other(kind) = what {
            self.report.left_out.note(&path, |path| json!({"path": path, "why": kind}));
            return Ok(());
        }
        let named = names(&path).map_err(|error| bad_path(&error));
        let names = match named.and_then(|names| Ok(normal(&names)?)) {
            Ok(names) => names,
            Err(failure) => {
                self.report.fail(&path, failure);
                return Ok(());
            }
        };
        match what {
            What::File(_) => self.begin(names, time).await,
            _ => {
                let added = self.batch.add_directory(&self.below(&names));
                self.added(&names, added).await
            }
        }
    }

    /// Begins to take a file in, unless it is known that it has no place.
    async fn begin(&mut self, names: Vec<String>, time: Option<f64>) -> Result<(), Failure> {
        if names.is_empty() {
            self.report.fail(b"", bad_path(&"it has no name"));
            return Ok(());
        }
        if self.replace == Replace::No
            && let Err(error) = self.is_free(&names).await
        {
            self.report.fail(names.join("/").as_bytes(), error.into());
            return Ok(());
        }
        while self.stored.len() >= UNPACK_STORED {
            let Some(stored) = self.stored.next().await else { break };
            self.settle(stored).await?;
        }
        let taking = self.spool.begin(self.hasher)?;
        self.taken = Some(Taken { names, time, taking });
        Ok(())
    }

    async fn is_free(&self, names: &[String]) -> Result<(), FilesError> {
        let mut address = self.address.clone();
        address.path.extend_from_slice(names);
        match self.asked.files.find(&address, For::Making).await? {
            Found::Missing { .. } => Ok(()),
            Found::Object(_) => Err(FilesError::exists(address.name().unwrap_or_default())),
        }
    }

    /// The names below the directory that is there.
    fn below(&self, names: &[String]) -> Vec<String> {
        self.above.iter().chain(names).cloned().collect()
    }

    /// A file was stored, or cannot be: then no other can.
    async fn settle(&mut self, (names, time, stored): Stored) -> Result<(), Failure> {
        let cap = match stored {
            Ok(cap) => cap,
            Err(failure) => {
                self.report.fail(names.join("/").as_bytes(), failure.clone());
                return Err(failure);
            }
        };
        let metadata = time.map(|time| ("mtime".to_owned(), whole(time))).into_iter().collect();
        let added = self.batch.add_file(&self.below(&names), (cap, metadata));
        self.added(&names, added).await
    }

    async fn added(
        &mut self,
        names: &[String],
        added: Result<(), FilesError>,
    ) -> Result<(), Failure> {
        if let Err(error) = added {
            self.report.fail(names.join("/").as_bytes(), error.into());
        }
        if self.batch.is_full() { self.link().await } else { Ok(()) }
    }

    /// Links what waits. Where a place is not to be had, others may be; where the directory's server is not, none
    /// is.
    async fn link(&mut self) -> Result<(), Failure> {
        let linked = self.batch.link().await;
        self.report.files += linked.files;
        self.report.replaced += linked.replaced;
        self.report.directories += linked.directories;
        let mut ended = Ok(());
        for (path, error) in linked.failed {
            let path = path.get(self.above.len()..).unwrap_or_default().join("/");
            let (code, failure) = (Code::from(&error), Failure::from(error));
            if !is_of_a_place(code) {
                ended = ended.and(Err(failure.clone()));
            }
            self.report.fail(path.as_bytes(), failure);
        }
        ended
    }

    /// What came whole is stored and linked, whatever became of the rest.
    async fn settle_all(&mut self) -> Result<(), Failure> {
        self.taken = None;
        let mut first = Ok(());
        while let Some(stored) = self.stored.next().await {
            first = first.and(self.settle(stored).await);
        }
        first.and(self.link().await)
    }
}

/// Whether what was refused is one place, and not all of them.
const fn is_of_a_place(code: Code) -> bool {
    use Code::{
        BadChild, Conflict, Exists, Immutable, InTheWay, IsADirectory, NameTooLong, NotADirectory,
        Prohibited, ReadOnly, Unreadable,
    };
    matches!(
        code,
        BadChild
            | Conflict
            | Exists
            | Immutable
            | InTheWay
            | IsADirectory
            | NameTooLong
            | NotADirectory
            | Prohibited
            | ReadOnly
            | Unreadable
    )
}

/// As other programs write times without a fraction.
fn whole(time: f64) -> Value {
    let is_whole = time.fract() == 0.0 && time.abs() < 9e15;
    if is_whole { json!(time as i64) } else { json!(time) }
}

fn bad_path(why: &dyn std::fmt::Display) -> Failure {
    Failure::bad_request(format!("This is not taken from an archive: {why}."))
}

impl From<BadTar> for Failure {
    fn from(error: BadTar) -> Self {
        Self::bad_request(format!("{error}."))
    }
}

/// What came of it.
#[derive(Default)]
struct Report {
    files: u64,
    replaced: u64,
    directories: u64,
    left_out: Named,
    failed: Named,
    /// Why not everything is there.
    failure: Option<Failure>,
}

/// So many members; the first of them by their paths.
#[derive(Default)]
struct Named {
    count: u64,
    named: Vec<Value>,
}

impl Named {
    fn note(&mut self, path: &[u8], facts: impl FnOnce(String) -> Value) {
        self.count += 1;
        if self.named.len() < UNPACK_NAMED {
            self.named.push(facts(shown(path)));
        }
    }

    fn json(&self) -> Value {
        json!({"count": self.count, "named": self.named})
    }
}

/// A path that may be anything, cut where it is long.
fn shown(path: &[u8]) -> String {
    match path.get(..UNPACK_NAMED_BYTES) {
        Some(front) if path.len() > UNPACK_NAMED_BYTES => {
            format!("{}\u{2026}", String::from_utf8_lossy(front))
        }
        _ => String::from_utf8_lossy(path).into_owned(),
    }
}

impl Report {
    fn fail(&mut self, path: &[u8], failure: Failure) {
        self.failed.note(
            path,
            |path| json!({"path": path, "error": failure.body(), "code": failure.code.as_str()}),
        );
        self.failure.get_or_insert(failure);
    }

    /// Why it ended counts before what happened on the way.
    fn end(&mut self, run: Result<(), Failure>) {
        if let Err(failure) = run {
            self.failure = Some(failure);
        } else if let Some(failure) = &mut self.failure {
            let count = words::count(self.failed.count as usize, "member", "members");
            failure.text =
                format!("{count} of the tar not unpacked. The first: {}", failure.body());
            failure.word = "";
        }
    }

    fn json(&self) -> Value {
        let mut facts = Map::new();
        let mut say = |key: &str, value: Value| facts.insert(key.to_owned(), value);
        say("files", json!(self.files));
        say("replaced", json!(self.replaced));
        say("directories", json!(self.directories));
        say("left-out", self.left_out.json());
        say("failed", self.failed.json());
        if let Some(failure) = &self.failure {
            say("error", json!(failure.body()));
            say("code", json!(failure.code.as_str()));
        }
        Value::Object(facts)
    }

    fn status(&self) -> StatusCode {
        self.failure.as_ref().map_or(StatusCode::OK, |failure| failure.status)
    }

    /// In JSON, whoever asks.
    fn answer(&self) -> HttpResponse {
        let mut response = typed(plain(self.status()), "application/json");
        if let Some(failure) = &self.failure {
            response = failure.begin(response);
        }
        response.body(json::indented(&self.json()) + "\n")
    }

    /// The same for people.
    fn page(&self, address: &Address) -> HttpResponse {
        let files = words::count(self.files as usize, "file", "files");
        let mut body = format!("<p>{files} unpacked.</p>\n");
        if let Some(failure) = &self.failure {
            body.push_str(&format!("<p>{}</p>\n", escape(&failure.body())));
        }
        for (words, named) in [("Not unpacked", &self.failed), ("Left out", &self.left_out)] {
            if named.count > 0 {
                body.push_str(&format!("<h2>{words}: {}</h2>\n<ul>\n", named.count));
                body.extend(named.named.iter().map(line));
                body.push_str("</ul>\n");
            }
        }
        body.push_str(&format!("<p><a href=\"{}\">Back</a></p>\n", escape(&address.path())));
        let title = if self.failure.is_some() { "Not all was unpacked" } else { "Unpacked" };
        let (head, tail) = simple::around(title);
        let mut response = page(self.status());
        if let Some(failure) = &self.failure {
            response.insert_header((ERROR_CODE, failure.code.as_str()));
        }
        response.body(head + &body + &tail)
    }
}

fn line(one: &Value) -> String {
    let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
    let why = if one.get("why").is_some() { text("why") } else { text("error") };
    format!("<li>{}: {}</li>\n", escape(text("path")), escape(why))
}
