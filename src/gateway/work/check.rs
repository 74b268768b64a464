//! `t=check`: what is there of one object (`docs/spec/webapi-delta.md` §4.1).

use super::super::answer::{self, Failure};
use super::super::asked::Asked;
use super::super::json;
use super::super::pages::checked;
use crate::base::base32;
use crate::cap::Cap;
use crate::files::address::Address;
use crate::grid::dirnode::{Directories, Target};
use crate::grid::{Checked, Client};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

/// What a checker needs to look at any object.
#[derive(Clone)]
pub struct Checker {
    pub grid: Client,
    pub directories: Directories,
    pub add_lease: bool,
}

impl Checker {
    /// As the arguments of a request want it.
    pub fn of(asked: &Asked<'_>) -> Result<Self, Failure> {
        if asked.arguments.flag("verify")? || asked.arguments.flag("repair")? {
            let text = "This gateway counts shares; it does not verify or repair them yet.";
            return Err(Failure::new(StatusCode::NOT_IMPLEMENTED, text));
        }
        Ok(Self {
            grid: asked.files.grid().clone(),
            directories: asked.files.directories().clone(),
            add_lease: asked.arguments.flag("add-lease")?,
        })
    }

    /// The result as JSON; an object that cannot be had is a result, not an error. What the owner
    /// prohibits is left alone, and counts as what is in its cap does.
    pub async fn check(&self, target: &Target) -> Value {
        match target {
            Target::Known(cap) if self.grid.permit(cap).is_err() => literal(),
            Target::Known(cap @ Cap::Vdrive(_)) => self.directory(cap).await,
            Target::Known(cap) => match self.grid.check(cap, self.add_lease).await {
                Ok(checked) => shares(&checked, self.grid.params().happy()),
                Err(_) => literal(),
            },
            Target::Unknown { .. } => literal(),
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

/// A literal is always there.
fn literal() -> Value {
    json!({"storage-index": "", "results": {"healthy": true}})
}

/// Also whether that would do for an upload that wants so many servers.
fn shares(checked: &Checked, wanted: u16) -> Value {
    let (good, recoverable) = (checked.good(), checked.is_recoverable());
    let summary = if checked.is_healthy() {
        "Healthy".to_owned()
    } else {
        format!("Not Healthy: {good} shares (enc {}-of-{})", checked.needed, checked.expected)
    };
    let map: Map<String, Value> = checked
        .shares
        .iter()
        .map(|(number, servers)| {
            let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
            (number.to_string(), json!(servers))
        })
        .collect();
    let responding: Vec<String> = checked.responding.iter().map(ToString::to_string).collect();
    json!({
        "storage-index": checked.si.to_string(),
        "summary": summary,
        "results": {
            "count-happiness": checked.happiness,
            "count-shares-good": good,
            "count-shares-needed": checked.needed,
            "count-shares-expected": checked.expected,
            "count-good-share-hosts": checked.hosts(),
            "count-corrupt-shares": 0,
            "list-corrupt-shares": [],
            "servers-responding": responding,
            "sharemap": map,
            "count-wrong-shares": 0,
            "count-recoverable-versions": usize::from(recoverable),
            "count-unrecoverable-versions": usize::from(!recoverable),
            "healthy": checked.is_healthy(),
            "happy": recoverable && checked.happiness >= usize::from(wanted),
            "verified": false,
            "recoverable": recoverable,
        },
    })
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
