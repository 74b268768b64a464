//! How safe is what is kept, in a sentence, in figures and for programs; and what the owner can ask of the
//! keeper.

use super::super::answer::{Failure, plain, redirect, text, typed};
use super::super::asked::Asked;
use super::super::json;
use super::crumbs::shown;
use super::error::wants_page;
use super::{Frame, show, words};
use crate::base::system::Clock;
use crate::keeper::record::{Figures, Round};
use crate::keeper::{Keeper, Status};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde_json::json as value;

#[derive(Template)]
#[template(path = "safety.html")]
struct SafetyPage {
    frame: Frame,
    locked: bool,
    class: &'static str,
    sentence: String,
    paused: bool,
    facts_of: &'static str,
    facts: Vec<(&'static str, String)>,
    troubles: Vec<(String, String)>,
    more: u64,
}

/// How it is, as a dot shows it, and in words.
pub struct Verdict {
    pub class: &'static str,
    pub sentence: String,
}

fn keeper<'a>(asked: &Asked<'a>) -> Result<&'a Keeper, Failure> {
    let none = || Failure::new(StatusCode::NOT_FOUND, "This node keeps nothing.");
    asked.gateway.keeper.as_ref().ok_or_else(none)
}

/// `GET /safety`, for the owner; with `t=json` and `t=events` for programs.
pub fn page(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let (keeper, as_json) = (keeper(asked)?, !asked.arguments.t().is_empty());
    let frame = Frame::new("Safety", "files");
    if !asked.is_owners() {
        if as_json {
            return Err(Failure::token_wanted());
        }
        return show(StatusCode::OK, &SafetyPage::locked(frame));
    }
    if asked.arguments.t() == "events" {
        return Ok(typed(plain(StatusCode::OK), "application/x-ndjson").body(keeper.events()));
    }
    let (status, (kept, bad_lines)) = (keeper.status(), keeper.kept());
    let verdict = verdict(&status, Clock::System.now());
    if as_json {
        return Ok(json::answer(&value!({
            "sentence": verdict.sentence,
            "paused": status.paused,
            "running": status.running,
            "kept": kept,
            "bad-lines": bad_lines,
            "next": status.next,
            "round": status.round,
            "last": status.last,
        })));
    }
    let kept = in_words(&kept, &bad_lines);
    show(StatusCode::OK, &SafetyPage::of(frame, &status, (verdict, kept)))
}

/// `POST /safety` with `t=run`, `pause` or `resume`.
pub fn act(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let keeper = keeper(asked)?;
    match asked.arguments.t() {
        "run" => keeper.ask(),
        t => keeper.pause(t == "pause"),
    }
    Ok(match wants_page(asked.request) {
        true => redirect(StatusCode::SEE_OTHER, "/safety"),
        false => text(StatusCode::OK, "It is done.\n"),
    })
}

impl SafetyPage {
    fn locked(frame: Frame) -> Self {
        Self {
            frame,
            locked: true,
            class: "",
            sentence: String::new(),
            paused: false,
            facts_of: "",
            facts: Vec::new(),
            troubles: Vec::new(),
            more: 0,
        }
    }

    fn of(frame: Frame, status: &Status, (verdict, kept): (Verdict, String)) -> Self {
        let round = status.round.as_ref().or(status.last.as_ref());
        let facts_of = match (&status.round, &status.last) {
            (Some(_), _) if status.running => "What it has seen so far",
            (Some(_), _) => "What it had seen before it stopped",
            (None, Some(_)) => "What it saw last",
            (None, None) => "What it keeps",
        };
        let mut facts = vec![("Kept", kept)];
        facts.extend(round.into_iter().flat_map(|round| figures(&round.figures)));
        let global = round.map(|round| &round.global).filter(|global| global.files > 0);
        facts.extend(global.map(|global| ("In the global drive", in_global(global))));
        let troubles = round.into_iter().flat_map(|round| &round.troubles);
        let named =
            |path: &[String]| path.iter().map(|name| shown(name)).collect::<Vec<_>>().join(" › ");
        Self {
            locked: false,
            class: verdict.class,
            sentence: verdict.sentence,
            paused: status.paused,
            facts_of,
            facts,
            troubles: troubles.map(|one| (named(&one.path), one.why.clone())).collect(),
            more: round.map_or(0, |round| round.more_troubles),
            ..Self::locked(frame)
        }
    }
}

fn in_words(kept: &[String], bad_lines: &[usize]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = kept.iter().take(SHOWN).map(|name| shown(name)).collect();
    if kept.len() > SHOWN {
        names.push(format!("{} more", kept.len() - SHOWN));
    }
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    match bad_lines.first() {
        None => names,
        Some(line) => format!("{names}; line {line} of private/keep names nothing"),
    }
}

fn figures(figures: &Figures) -> Vec<(&'static str, String)> {
    let always = [
        ("Files", figures.files),
        ("Folders", figures.directories),
        ("Folders copied into the grid", figures.copied),
        ("Read to the last byte", figures.verified),
        ("Whole", figures.whole),
    ];
    let sometimes = [
        ("Made whole again", figures.repaired),
        ("Short of shares, waited for", figures.waiting),
        ("Spread over more servers", figures.spread),
        ("Several shares on one server", figures.crowded),
        ("Mended in part", figures.partly),
        ("Cannot be read now", figures.lost),
        ("Leases renewed, and too few servers to say more", figures.unjudged),
        ("Folders that could not be copied", figures.uncopied),
        ("Folders that could not be read", figures.unread),
        ("Damaged shares", figures.corrupt),
    ];
    let sometimes = sometimes.into_iter().filter(|(_, count)| *count > 0);
    always.into_iter().chain(sometimes).map(|(name, n)| (name, words::grouped(n))).collect()
}

fn in_global(figures: &Figures) -> String {
    let Figures { files, whole, lost, .. } = figures;
    let lost = match lost {
        0 => String::new(),
        count => format!("; {} cannot be read now", words::grouped(*count)),
    };
    format!("{} files, {} whole{lost}", words::grouped(*files), words::grouped(*whole))
}

/// How safe everything is but what is in the global drive alone, in a sentence.
pub fn verdict(status: &Status, now: u64) -> Verdict {
    let Some(Round { figures, finished, .. }) = &status.last else { return nothing_yet(status) };
    let Verdict { class, sentence } = of_figures(figures);
    let age = now.saturating_sub(finished.unwrap_or(0));
    let when = match age < 24 * 3600 {
        true => "today".to_owned(),
        false => format!("{} ago", words::span(age)),
    };
    let paused = if status.paused { " It is paused." } else { "" };
    Verdict { class, sentence: format!("{sentence} Last looked at {when}.{paused}") }
}

fn nothing_yet(status: &Status) -> Verdict {
    let sentence = match (status.running, status.paused) {
        (true, _) => "It is being looked at for the first time.",
        (false, true) => "Nothing was looked at yet. It is paused.",
        (false, false) => "Nothing was looked at yet; that begins within half an hour of a start.",
    };
    Verdict { class: "fair", sentence: sentence.to_owned() }
}

fn of_figures(figures: &Figures) -> Verdict {
    let Figures { files, lost, unread, unjudged, waiting, partly, .. } = *figures;
    let said = |class, sentence| Verdict { class, sentence };
    let all = match files {
        1 => "The one file".to_owned(),
        count => format!("All {} files", words::grouped(count)),
    };
    let (count, spare) = (words::grouped, figures.spare_servers.unwrap_or(0));
    if lost > 0 {
        let (lost, files) = (count(lost), count(files));
        return said(
            "bad",
            format!("{lost} of {files} files cannot be read from the servers that are there."),
        );
    }
    if unread > 0 {
        let which = if unread == 1 {
            "One folder".to_owned()
        } else {
            format!("{} folders", count(unread))
        };
        return said("fair", format!("{which} could not be read, nor what is below."));
    }
    if unjudged > 0 {
        return said("fair", "Too few servers were connected to say how safe it is.".to_owned());
    }
    let short = match waiting + partly {
        0 => String::new(),
        short => format!(" {} of them lack shares.", count(short)),
    };
    match (files, spare) {
        (0, _) => said("good", "There is no file to keep.".to_owned()),
        (_, 0) => said(
            "fair",
            format!("{all} can be read, but some would be lost with one more server.{short}"),
        ),
        (_, 1) => said("good", format!("{all} can lose a server.{short}")),
        (_, spare) => said("good", format!("{all} can lose {spare} servers.{short}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(figures: Option<Figures>) -> Status {
        let last = figures.map(|figures| Round {
            finished: Some(1_000_000),
            figures,
            ..Round::begun(999_000)
        });
        Status { paused: false, running: false, round: None, last, next: 0 }
    }

    #[test]
    fn one_sentence_says_how_safe_everything_is() {
        let files = |files, lost, spare| Figures {
            files,
            lost,
            spare_servers: Some(spare),
            ..Figures::default()
        };
        for (figures, class, begins) in [
            (None, "fair", "Nothing was looked at yet"),
            (Some(files(0, 0, 0)), "good", "There is no file to keep."),
            (
                Some(files(12_431, 0, 7)),
                "good",
                "All 12,431 files can lose 7 servers. Last looked at today.",
            ),
            (Some(files(1, 0, 1)), "good", "The one file can lose a server."),
            (
                Some(files(5, 0, 0)),
                "fair",
                "All 5 files can be read, but some would be lost with one",
            ),
            (Some(files(5, 2, 3)), "bad", "2 of 5 files cannot be read"),
            (Some(Figures { unread: 1, ..files(0, 0, 0) }), "fair", "One folder could not be read"),
            (Some(Figures { unjudged: 1, ..files(1, 0, 0) }), "fair", "Too few servers were"),
        ] {
            let Verdict { class: found, sentence } = verdict(&status(figures), 1_000_100);
            assert!(found == class && sentence.starts_with(begins), "{found}: {sentence}");
        }
        let old = verdict(&status(Some(files(2, 0, 1))), 1_000_000 + 3 * 24 * 3600);
        assert!(old.sentence.ends_with("Last looked at 3 days ago."), "{}", old.sentence);
    }
}
