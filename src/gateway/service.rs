//! The page of a node that has no gateway: of an introducer, or of a vdrive server of its own.
//!
//! It is for whoever reaches its port, as that of Tahoe-LAFS 1.20 is, and wants neither a token nor TLS:
//! there is nothing in it that gives a right, no furl, no cap and no address, and nothing can be
//! changed here. What it tells beyond what every member of the grid hears is who is connected without
//! serving anything; so a bare port listens on 127.0.0.1, and who opens it to others tells them that.

use super::answer::{Failure, plain, typed};
use super::args::Arguments;
use super::guard::Guard;
use super::pages::{Frame, assets, order::natural, show, words};
use super::{json, looked};
use crate::base::limits::{SERVICE_CELL_MAX, SERVICE_ROWS_MAX};
use crate::base::system::Clock;
use crate::introducer::{Introducer, Look, Overview};
use crate::tub::TubId;
use actix::Addr;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the page is made of.
#[derive(Clone)]
pub struct Service {
    pub nickname: String,
    pub nodeid: String,
    pub version: String,
    pub guard: Guard,
    /// None for a node that is no introducer.
    pub introducer: Option<Addr<Introducer>>,
    /// It keeps directories for others.
    pub keeps_directories: bool,
}

/// All that such a node answers.
pub fn routes(service: Service) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(web::Data::new(service)).default_service(web::to(handle));
    }
}

async fn handle(
    request: HttpRequest,
    body: web::Payload,
    service: web::Data<Service>,
) -> HttpResponse {
    looked::looked_at((&request, body), &service.guard, service.respond(&request)).await
}

impl Service {
    async fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, Failure> {
        let path = request.uri().path();
        if !path.trim_start_matches('/').is_empty() {
            return assets::serve(path).ok_or_else(Failure::not_found);
        }
        match Arguments::parse(request.query_string())?.t() {
            "" | "html" => self.page(&*self.look().await?),
            "json" => Ok(summary(&*self.look().await?)),
            other => Err(Failure::bad_request(format!("Unknown t value: {other:?}"))),
        }
    }

    async fn look(&self) -> Result<Arc<Overview>, Failure> {
        match &self.introducer {
            Some(introducer) => introducer.send(Look).await.map_err(|_| Failure::busy()),
            None => Ok(Arc::default()),
        }
    }

    fn page(&self, overview: &Overview) -> Result<HttpResponse, Failure> {
        let now = Clock::System.now();
        let is_introducer = self.introducer.is_some();
        let title = if is_introducer { "Introducer" } else { "Directory server" };
        let template = ServicePage {
            frame: Frame::new(title, ""),
            nickname: &self.nickname,
            nodeid: &self.nodeid,
            version: &self.version,
            is_introducer,
            keeps_directories: self.keeps_directories,
            announced: Table::of(
                &overview.announced,
                |one| (&one.service, &one.nickname),
                |one| {
                    let line = Line::of(&one.service, &one.nickname, Some(one.tub));
                    line.at(&one.version, now.saturating_sub(one.since))
                },
            ),
            subscribed: Table::of(
                &overview.subscribed,
                |one| (&one.service, &one.nickname),
                |one| {
                    let line = Line::of(&one.service, &one.nickname, one.tub);
                    line.at(&one.version, now.saturating_sub(one.since))
                },
            ),
            services: counted(overview.announced.iter().map(|one| &one.service)).len(),
        };
        show(StatusCode::OK, &template)
    }
}

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage<'a> {
    frame: Frame,
    nickname: &'a str,
    nodeid: &'a str,
    version: &'a str,
    is_introducer: bool,
    keeps_directories: bool,
    announced: Table,
    subscribed: Table,
    services: usize,
}

/// As many lines as a page may have, by service and nickname.
struct Table {
    lines: Vec<Line>,
    all: usize,
}

#[derive(Default)]
struct Line {
    service: String,
    name: String,
    id: String,
    version: String,
    since: String,
}

impl Table {
    /// Of thousands only those that are shown are made lines of.
    fn of<T>(all: &[T], key: impl Fn(&T) -> (&str, &str), line: impl Fn(&T) -> Line) -> Self {
        let mut sorted: Vec<&T> = all.iter().collect();
        sorted.sort_by(|a, b| {
            let ((a_service, a_name), (b_service, b_name)) = (key(a), key(b));
            natural(a_service, b_service).then_with(|| natural(a_name, b_name))
        });
        let lines = sorted.into_iter().take(SERVICE_ROWS_MAX).map(line).collect();
        Self { lines, all: all.len() }
    }

    /// How many more there are than are shown.
    fn more(&self) -> usize {
        self.all - self.lines.len()
    }
}

impl Line {
    fn of(service: &str, nickname: &str, tub: Option<TubId>) -> Self {
        let name = if nickname.is_empty() { "no nickname".to_owned() } else { cell(nickname) };
        let id = tub.map(|tub| tub.to_string());
        let id = id.as_deref().and_then(|id| id.get(..12)).unwrap_or("this process").to_owned();
        Self { service: cell(service), name, id, ..Self::default() }
    }

    /// For so many seconds.
    fn at(self, version: &str, age: u64) -> Self {
        Self { version: cell(version), since: words::span(age.max(1)), ..self }
    }
}

/// What a stranger says of itself, no longer than a table can bear.
fn cell(text: &str) -> String {
    match text.char_indices().nth(SERVICE_CELL_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The fields of 1.20: how many follow, and how many announce, each service.
#[derive(Serialize)]
struct Summary<'a> {
    subscription_summary: BTreeMap<&'a str, usize>,
    announcement_summary: BTreeMap<&'a str, usize>,
}

fn summary(overview: &Overview) -> HttpResponse {
    let summary = Summary {
        subscription_summary: counted(overview.subscribed.iter().map(|one| &one.service)),
        announcement_summary: counted(overview.announced.iter().map(|one| &one.service)),
    };
    typed(plain(StatusCode::OK), "application/json").body(json::indented(&summary) + "\n")
}

fn counted<'a>(services: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for service in services {
        *counts.entry(service.as_str()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_end_whatever_strangers_announce() {
        let line = |number: usize| Line::of(&format!("s{number}"), "<b>", None);
        for (given, left) in [(SERVICE_ROWS_MAX, 0), (SERVICE_ROWS_MAX + 1, 1)] {
            let all = Vec::from_iter(0..given);
            let table = Table::of(&all, |_| ("s", "n"), |number| line(*number));
            assert_eq!((table.lines.len(), table.more()), (SERVICE_ROWS_MAX, left));
        }
        let (fits, long) = ("ö".repeat(SERVICE_CELL_MAX), "ö".repeat(SERVICE_CELL_MAX + 1));
        assert_eq!((cell(&fits), cell(&long)), (fits.clone(), format!("{fits}…")));
    }
}
