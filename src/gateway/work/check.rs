//! `t=check`: what is there of one object, counted or read, and made again if that is asked for
//! (`docs/spec/webapi-delta.md` §4.1).

use super::super::answer::{self, Failure};
use super::super::asked::Asked;
use super::super::json;
use super::super::pages::checked;
use super::verdict::{literal, repaired, shares, unfounded, unrepaired};
use crate::base::base32;
use crate::cap::Cap;
use crate::files::address::Address;
use crate::grid::dirnode::{Directories, Target};
use crate::grid::{CheckError, Client};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

/// What a checker needs to look at any object.
#[derive(Clone)]
pub struct Checker {
    pub grid: Client,
    pub directories: Directories,
    /// Read all shares; else they are counted.
    verify: bool,
    /// Make again what is lost.
    repair: bool,
    add_lease: bool,
}

impl Checker {
    /// As the arguments of a request want it.
    pub fn of(asked: &Asked<'_>) -> Result<Self, Failure> {
        Ok(Self {
            grid: asked.files.grid().clone(),
            directories: asked.files.directories().clone(),
            verify: asked.arguments.flag("verify")?,
            repair: asked.arguments.flag("repair")?,
            add_lease: asked.arguments.flag("add-lease")?,
        })
    }

    pub const fn repairs(&self) -> bool {
        self.repair
    }

    /// What 1.20 calls the result among what is said of an object.
    pub const fn key(&self) -> &'static str {
        if self.repair { "check-and-repair-results" } else { "check-results" }
    }

    /// The result as JSON; an object that cannot be had is a result, not an error. What the owner
    /// prohibits is left alone, and counts as what is in its cap does.
    pub async fn check(&self, target: &Target) -> Value {
        let found = match target {
            Target::Known(cap) if self.grid.permit(cap).is_err() => literal(),
            Target::Known(cap @ Cap::Vdrive(_)) => self.directory(cap).await,
            Target::Known(cap) => return self.file(cap).await,
            Target::Unknown { .. } => literal(),
        };
        self.unrepaired(found)
    }

    /// What has no shares is not repaired here.
    fn unrepaired(&self, found: Value) -> Value {
        if self.repair { unrepaired(found) } else { found }
    }

    async fn file(&self, cap: &Cap) -> Value {
        let Self { grid, verify, add_lease, .. } = self;
        let wanted = grid.params().happy();
        if self.repair {
            let done = grid.check_and_repair(cap, *verify, *add_lease).await;
            return match done {
                Ok(done) => repaired(&done, wanted),
                Err(error) => unrepaired(without_shares(cap, &error)),
            };
        }
        let found = match verify {
            true => grid.verify(cap, *add_lease).await,
            false => grid.check(cap, *add_lease).await,
        };
        match found {
            Ok(found) => shares(&found, wanted),
            Err(error) => without_shares(cap, &error),
        }
    }

    /// A directory on a vdrive server is there once, or not at all.
    async fn directory(&self, cap: &Cap) -> Value {
        let mut found = self.directories.version(cap).await;
        if self.add_lease && found.is_ok() {
            found = self.directories.add_lease(cap).await;
        }
        let there = found.is_ok();
        let count = usize::from(there);
        let server = cap.vdrive().map(|cap| base32::encode(cap.place().tub())).unwrap_or_default();
        let servers: Vec<&str> = if there { vec![&server] } else { Vec::new() };
        let mut map = Map::new();
        if there {
            map.insert("0".to_owned(), json!(servers));
        }
        let summary = match found {
            Ok(_) => "Healthy".to_owned(),
            Err(error) => format!("Unhealthy: {error}"),
        };
        json!({
            "storage-index": cap.index_text(),
            "summary": summary,
            "results": {
                "count-happiness": count,
                "count-shares-good": count,
                "count-shares-needed": 1,
                "count-shares-expected": 1,
                "count-good-share-hosts": count,
                "count-corrupt-shares": 0,
                "list-corrupt-shares": [],
                "servers-responding": servers,
                "sharemap": map,
                "count-wrong-shares": 0,
                "count-recoverable-versions": count,
                "count-unrecoverable-versions": 1 - count,
                "healthy": there,
                "recoverable": there,
            },
        })
    }
}

/// What is said of a cap of which no shares were looked for.
fn without_shares(cap: &Cap, why: &CheckError) -> Value {
    match why {
        CheckError::NoShares | CheckError::Prohibited(_) => literal(),
        CheckError::BadCap(_) => unfounded(&cap.index_text(), &why.to_string()),
    }
}

/// `POST ?t=check`
pub async fn one(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let object = asked.files.object(address).await?;
    let checker = Checker::of(asked)?;
    if matches!(object.target, Target::Unknown { .. }) {
        return Err(Failure::bad_request("What the cap names is unknown here."));
    }
    let (when_done, return_to) = (asked.arguments.when_done()?, asked.arguments.return_to()?);
    let result = checker.check(&object.target).await;
    if let Some(to) = when_done {
        return Ok(answer::redirect(StatusCode::FOUND, to));
    }
    if asked.arguments.json() {
        return Ok(json::answer(&result));
    }
    checked::checked(asked, &result, return_to)
}
