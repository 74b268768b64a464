//! `/`: the drives, a place to put a file, and how the node is doing.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::super::node_status::Status;
use super::safety::{Verdict, verdict};
use super::{Frame, join, show};
use crate::base::system::Clock;
use crate::keeper::{self, Keeper};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    greeting: &'static str,
    upload_to: Option<&'static str>,
    upload_name: &'static str,
    private: Drive,
    global: bool,
    health: Health,
    /// How safe the owner's files are.
    safety: Option<Verdict>,
    introducer: String,
    encoding: String,
    nickname: String,
    version: String,
}

/// The owner's directory, as far as this browser may see it.
enum Drive {
    Open,
    Locked,
    Missing,
}

struct Health {
    class: &'static str,
    sentence: String,
}

/// The page; for a node that is in no grid yet, how to get into one.
pub fn home(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let status = (asked.gateway.status)();
    let alone = status.introducer.is_none() && asked.files.roots().global().is_none();
    if alone && asked.gateway.pages.join.is_some() {
        return join::form(asked, None);
    }
    let owner = asked.is_owners();
    let private = match (asked.files.roots().private(), owner) {
        (None, _) => Drive::Missing,
        (Some(_), false) => Drive::Locked,
        (Some(_), true) => Drive::Open,
    };
    let parameters = asked.files.grid().params();
    let template = Home {
        frame: Frame::new("Files", "files"),
        greeting: "Files that only you can read",
        upload_to: matches!(private, Drive::Open).then_some("/vdrive/private"),
        upload_name: "your private drive",
        private,
        global: asked.files.roots().global().is_some(),
        health: health(&status, parameters.happy().into()),
        safety: asked.gateway.keeper.as_ref().filter(|_| owner).map(Keeper::status).map(safe),
        introducer: status
            .introducer
            .unwrap_or_else(|| "None; this node is on its own.".to_owned()),
        encoding: format!("{} shares, any {} give a file back", parameters.n(), parameters.k()),
        nickname: if status.nickname.is_empty() { "none".to_owned() } else { status.nickname },
        version: status.version,
    };
    show(StatusCode::OK, &template)
}

fn safe(status: keeper::Status) -> Verdict {
    verdict(&status, Clock::System.now())
}

fn health(status: &Status, happy: usize) -> Health {
    let connected = status.servers.iter().filter(|server| server.connected).count();
    let known = status.servers.len();
    let class = match connected {
        0 => "bad",
        some if some < happy => "fair",
        _ => "good",
    };
    let enough = match (connected >= happy, known >= happy) {
        (true, _) => String::new(),
        (false, true) => format!("; too few to store files, for which {happy} are wanted"),
        (false, false) => format!(
            "; too few to store files, for which {happy} are wanted. Numbers for a smaller grid go \
             into the file encoding_parameters, the introducer’s or this node’s"
        ),
    };
    Health { class, sentence: format!("Connected to {connected} of {known} servers{enough}") }
}
