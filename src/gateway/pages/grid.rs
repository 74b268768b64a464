//! `/grid`: which servers there are, how full, and what losses files survive.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::super::node_status::ServerStatus;
use super::super::welcome;
use super::order::natural;
use super::{Frame, show, words};
use crate::base::system::Clock;
use crate::grid::EncodingParams;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "grid.html")]
struct GridPage {
    frame: Frame,
    introducer: String,
    exposed: bool,
    connected: usize,
    known: usize,
    k: u16,
    n: u16,
    expansion: String,
    free: String,
    used: String,
    verdict: Verdict,
    servers: Vec<Line>,
}

struct Verdict {
    class: &'static str,
    icon: &'static str,
    sentence: String,
}

struct Line {
    name: String,
    id: String,
    connected: bool,
    state: String,
    heard: String,
    since: String,
    space: Fill,
    version: String,
}

/// How full a server is.
struct Fill {
    /// Of what it holds and could hold, in percent; none if it did not say both.
    percent: Option<u128>,
    words: String,
}

impl Fill {
    fn of(used: Option<u64>, available: Option<u64>) -> Self {
        let percent = used.zip(available).and_then(|(used, available)| {
            let (used, all) = (u128::from(used), u128::from(used) + u128::from(available));
            // Up, so that a server with anything on it is not shown as empty.
            (all > 0).then(|| (used * 100).div_ceil(all))
        });
        let words = match (used, available) {
            (Some(used), Some(left)) => {
                format!("{} used, {} left", words::size(used), words::size(left))
            }
            (None, Some(left)) => format!("{} left", words::size(left)),
            (Some(used), None) => format!("{} used", words::size(used)),
            (None, None) => "not said".to_owned(),
        };
        Self { percent, words }
    }
}

/// The page.
pub async fn grid(asked: &Asked<'_>, _: &[String]) -> Result<HttpResponse, Failure> {
    let (mut status, spaces) = welcome::now(asked.gateway).await;
    status.servers.sort_by(|a, b| natural(&a.nickname, &b.nickname));
    let used = |server: &ServerStatus| spaces.get(&server.nodeid).and_then(|space| space.used);
    let parameters = asked.files.grid().params();
    let connected = status.servers.iter().filter(|server| server.connected).count();
    let free = status.servers.iter().filter_map(|server| server.available_space);
    let held = status.servers.iter().filter_map(used);
    let now = Clock::System.now();
    let template = GridPage {
        frame: Frame::new("Grid", "grid"),
        introducer: status
            .introducer
            .clone()
            .unwrap_or_else(|| "This node has no introducer.".to_owned()),
        exposed: asked.gateway.guard.is_exposed(),
        connected,
        known: status.servers.len(),
        k: parameters.k(),
        n: parameters.n(),
        expansion: decimal(f64::from(parameters.n()) / f64::from(parameters.k())),
        free: words::size(free.fold(0, u64::saturating_add)),
        used: words::size(held.fold(0, u64::saturating_add)),
        verdict: verdict(parameters, connected),
        servers: status.servers.iter().map(|one| line(one, used(one), now)).collect(),
    };
    show(StatusCode::OK, &template)
}

fn decimal(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// What these servers and this encoding come to, in a sentence.
fn verdict(parameters: EncodingParams, connected: usize) -> Verdict {
    let (k, happy, n) = (parameters.k(), parameters.happy(), parameters.n());
    if connected < usize::from(happy) {
        let sentence = format!(
            "A new file must reach {happy} servers, but only {connected} are connected: nothing can \
             be stored until more come back. Files that are stored can be read while any {k} of \
             their shares can be reached."
        );
        return Verdict { class: "bad", icon: "warn", sentence };
    }
    let hosts = connected.min(usize::from(n));
    let spare = hosts.saturating_sub(usize::from(k));
    let sentence = match hosts >= usize::from(n) {
        true => format!(
            "A file stored now is spread over {hosts} servers, and any {k} of them give it back: it \
             survives the loss of any {spare}."
        ),
        false => format!(
            "A file stored now is spread over the {hosts} servers that are connected. As some hold \
             more than one of its {n} shares, it survives the loss of at least {}.",
            survived(k.into(), hosts, n.into())
        ),
    };
    Verdict { class: "", icon: "ok", sentence }
}

/// Servers that may be lost whatever their number of shares, if `n` shares are spread evenly over
/// `hosts` servers and `k` are needed: the fullest ones go first.
fn survived(k: usize, hosts: usize, n: usize) -> usize {
    let (each, more) = (n.checked_div(hosts).unwrap_or(0), n.checked_rem(hosts).unwrap_or(0));
    let mut left = n;
    for lost in 0..hosts {
        left = left.saturating_sub(if lost < more { each + 1 } else { each });
        if left < k {
            return lost;
        }
    }
    hosts
}

fn line(server: &ServerStatus, used: Option<u64>, now: u64) -> Line {
    let short = server.nodeid.get(..12).unwrap_or(&server.nodeid).to_owned();
    let heard =
        server.last_received_data.map_or_else(String::new, |time| match now.saturating_sub(time) {
            0..=4 => "now".to_owned(),
            ago => format!("{} ago", words::span(ago)),
        });
    Line {
        name: if server.nickname.is_empty() {
            "no nickname".to_owned()
        } else {
            server.nickname.clone()
        },
        id: short,
        connected: server.connected,
        since: server
            .since
            .map_or_else(String::new, |time| words::span(now.saturating_sub(time).max(1))),
        state: server.connection_status.clone(),
        heard,
        space: Fill::of(used, server.available_space),
        version: server.version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_counts_the_worst_losses() {
        assert_eq!((survived(3, 10, 10), survived(3, 5, 10), survived(3, 4, 10)), (7, 3, 2));
        assert_eq!((survived(1, 1, 1), survived(1, 1, 10), survived(3, 0, 10)), (0, 0, 0));
        let parameters = EncodingParams::default();
        assert_eq!(verdict(parameters, 6).class, "bad");
        assert!(verdict(parameters, 12).sentence.contains("loss of any 7"));
        let (full, new) = (Fill::of(Some(3_000), Some(1_000)), Fill::of(Some(1), Some(1 << 40)));
        assert_eq!((full.percent, full.words.as_str()), (Some(75), "3 kB used, 1 kB left"));
        assert_eq!((new.percent, Fill::of(Some(0), Some(9)).percent), (Some(1), Some(0)));
        assert_eq!(Fill::of(Some(0), Some(0)).percent, None);
        assert_eq!(Fill::of(Some(u64::MAX), Some(0)).percent, Some(100));
        assert_eq!(Fill::of(None, Some(5)).words, "5 B left");
        assert_eq!((decimal(10.0 / 3.0), decimal(2.0)), ("3.3".into(), "2".into()));
    }
}
