//! How safe is what is kept, in a sentence, in figures and for programs; and what the owner can ask of the
//! keeper.

use super::super::answer::{Failure, redirect, text};
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

/// `GET /safety`, for the owner; with `t=json` for programs.
pub fn page(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let (keeper, as_json) = (keeper(asked)?, asked.arguments.t() == "json");
    let frame = Frame::new("Safety", "files");
    if !asked.is_owners() {
        if as_json {
            return Err(Failure::token_wanted());
        }
        return show(StatusCode::OK, &SafetyPage::locked(frame));
    }
    let status = keeper.status();
    let verdict = verdict(&status, Clock::System.now());
    if as_json {
        return Ok(json::answer(&value!({
            "sentence": verdict.sentence,
            "paused": status.paused,
            "running": status.running,
            "kept": status.kept,
            "bad-lines": status.bad_lines,
            "next": status.next,
            "round": status.round,
            "last": status.last,
        })));
    }
    show(StatusCode::OK, &SafetyPage::of(frame, &status, verdict))
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

    fn of(frame: Frame, status: &Status, verdict: Verdict) -> Self {
        let round = status.round.as_ref().or(status.last.as_ref());
        let facts_of = match (&status.round, &status.last) {
            (Some(_), _) if status.running => "What it has seen so far",
            (Some(_), _) => "What it had seen before it stopped",
            (None, Some(_)) => "What it saw last",
            (None, None) => "What it keeps",
        };
        let mut facts = vec![("Kept", kept(status))];
        facts.extend(round.into_iter().flat_map(|round| figures(&round.figures)));
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

fn kept(status: &Status) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = status.kept.iter().take(SHOWN).map(|name| shown(name)).collect();
    if status.kept.len() > SHOWN {
        names.push(format!("{} more", status.kept.len() - SHOWN));
    }
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    match status.bad_lines.first() {
        None => names,
        Some(line) => format!("{names}; line {line} of private/keep names nothing"),
    }
}

fn figures(figures: &Figures) -> Vec<(&'static str, String)> {
    let always = [
        ("Files", figures.files),
        ("Folders", figures.directories),
        ("Read to the last byte", figures.verified),
        ("Whole", figures.whole),
    ];
    let sometimes = [
        ("Made whole again", figures.repaired),
        ("Short of shares, waited for", figures.waiting),
        ("Mended in part", figures.partly),
        ("Cannot be read now", figures.lost),
        ("Folders that could not be read", figures.unread),
        ("Damaged shares", figures.corrupt),
    ];
    let sometimes = sometimes.into_iter().filter(|(_, count)| *count > 0);
    always.into_iter().chain(sometimes).map(|(name, n)| (name, words::grouped(n))).collect()
}

/// How safe everything is, in a sentence.
pub fn verdict(status: &Status, now: u64) -> Verdict {
    let said = |class, sentence: String| Verdict { class, sentence };
    let waits = if status.paused { " It is paused." } else { "" };
    let Some(Round { figures, finished, .. }) = &status.last else {
        return said(
            "fair",
            match status.running {
                true => "It is being looked at for the first time.".to_owned(),
                false if status.paused => "Nothing was looked at yet. It is paused.".to_owned(),
                false => {
                    "Nothing was looked at yet; that begins within an hour of a start.".to_owned()
                }
            },
        );
    };
    let age = now.saturating_sub(finished.unwrap_or(0));
    let when =
        if age < 24 * 3600 { "today".to_owned() } else { format!("{} ago", words::span(age)) };
    let looked = format!(" Last looked at {when}.{waits}");
    let all = match figures.files {
        0 => return said("good", format!("There is no file to keep.{looked}")),
        1 => "The one file".to_owned(),
        count => format!("All {} files", words::grouped(count)),
    };
    if figures.lost > 0 {
        let lost = words::grouped(figures.lost);
        return said(
            "bad",
            format!(
                "{lost} of {} files cannot be read from the servers that are there.{looked}",
                words::grouped(figures.files)
            ),
        );
    }
    let spare = figures.spare_servers.unwrap_or(0);
    let safe = match spare {
        0 => format!("{all} can be read, but some would be lost with one more server."),
        1 => format!("{all} can lose a server."),
        count => format!("{all} can lose {count} servers."),
    };
    let short = figures.waiting + figures.partly;
    let short = match short {
        0 => String::new(),
        count => format!(" {} of them lack shares.", words::grouped(count)),
    };
    said(if spare == 0 { "fair" } else { "good" }, format!("{safe}{short}{looked}"))
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
        Status {
            paused: false,
            running: false,
            round: None,
            last,
            kept: vec!["private".to_owned()],
            bad_lines: Vec::new(),
            next: 0,
        }
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
        ] {
            let Verdict { class: found, sentence } = verdict(&status(figures), 1_000_100);
            assert!(found == class && sentence.starts_with(begins), "{found}: {sentence}");
        }
        let old = verdict(&status(Some(files(2, 0, 1))), 1_000_000 + 3 * 24 * 3600);
        assert!(old.sentence.ends_with("Last looked at 3 days ago."), "{}", old.sentence);
    }
}
