//! What a gateway's refusal is for whoever sits at a terminal: what happened, and what to do about it.
//!
//! The texts are the gateway's; some say at their end what to do, and that becomes the advice. Others
//! are told apart by their status and a few words.

use super::CliError;
use super::output::shown;
use crate::gateway::answer::without_class;
use serde_json::Value;

/// The two sentences about an answer that is no success. `what` it was about may be empty.
pub fn refusal(status: u16, reason: &str, body: &str, what: &str) -> CliError {
    let text = error_of_json(body).unwrap_or_else(|| body.to_owned());
    let said = sentence(&text).map(without_class).unwrap_or(match status {
        404 => "there is nothing by that name",
        _ => reason,
    });
    let said =
        IN_OTHER_WORDS.iter().find(|(text, _)| said.starts_with(text)).map_or(said, |one| one.1);
    let split = ADVICE_AT_THE_END.iter().find_map(|(mark, kept)| {
        let (said, rest) = said.split_once(mark)?;
        Some((said, capitalised(&format!("{kept}{rest}"))))
    });
    let (said, advice) = split.unwrap_or_else(|| (said, advice(status, &text, what).to_owned()));
    let said = shown(said);
    let what = if what.is_empty() { said } else { about(what, &said) };
    CliError::new(what, shown(&advice))
}

/// Sentences that are 1.20's for the sake of programs, and what they mean.
const IN_OTHER_WORDS: [(&str, &str); 3] = [
    (
        "GET unknown URI type: can only do t=info and t=json, not t=. This capability",
        "this capability verifies, and does not read",
    ),
    (
        "GET unknown URI type",
        "this gateway does not know that kind of cap, and can only pass it on",
    ),
    (
        "The webapi does not allow empty pathname components",
        "two slashes stand in a row in the path",
    ),
];

/// What stands between what happened and what to do, and what of it belongs to the latter.
const ADVICE_AT_THE_END: [(&str, &str); 4] = [
    ("; to be rid of it, ", "to be rid of it, "),
    ("; after asking its owner, ", ""),
    (". The file is not safely stored: ", ""),
    ("; compare it with ", "compare it with "),
];

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// What to do, by the first line that fits.
fn advice(status: u16, text: &str, what: &str) -> &'static str {
    let fits = |line: &&(u16, &str, &str)| line.0 == status && text.contains(line.1);
    match status {
        404 if !what.is_empty() => {
            "List the directory above it with `tahoe ls` to see what is there."
        }
        _ => match ADVICE.iter().find(fits) {
            Some((_, _, advice)) => advice,
            None if (500..600).contains(&status) => {
                "See on the gateway's page, or with `tahoe status`, how many servers are connected."
            }
            None => "Check that the address is that of a Tahoe gateway.",
        },
    }
}

/// Status, words in the text, and what to do. No words stand for all other texts.
const ADVICE: &[(u16, &str, &str)] = &[
    (
        400,
        "GET unknown URI type",
        "Check that all of the cap was copied; a newer program may know it.",
    ),
    (400, "PUT to a directory", "Write a slash behind it to mean a place inside."),
    (400, "a name has at most", "Choose a shorter name."),
    (
        400,
        "mutable files",
        "Use the program that made it, or the cap of an immutable file or of a directory.",
    ),
    (
        400,
        "does not know that kind of cap",
        "Check that all of the cap was copied; a newer program may know it.",
    ),
    (400, "", "Check the path, and the cap: it must be copied whole."),
    (401, "", "Use -d NODEDIR, so that the node's token can be read."),
    (403, "allow-new-tub", "If you trust whoever gave you that cap, use --allow-new-tub."),
    (403, "NotWriteable", "Use the write cap of that directory, or write to another one."),
    (403, "", "Use -d NODEDIR of a node of your own."),
    (404, "", "Check the path, and the cap: it must be copied whole."),
    (409, "at the same time", "Look at what is there now, and try again."),
    (409, "into itself", "Name a place outside of it."),
    (409, "", "Remove or rename what is there first, or choose another name."),
    (
        410,
        "does not have this directory",
        "Check the cap: it must be copied whole; else ask whoever runs that server.",
    ),
    (
        410,
        "the vdrive server",
        "Start that server's node; files that you have the caps of can be read meanwhile.",
    ),
    (410, "damaged when it was stored", "Store the file again, if you have it elsewhere."),
    (
        410,
        "no storage server",
        "Start the introducer and the servers, or wait until they are reached.",
    ),
    (
        410,
        "",
        "See with `tahoe status` whether all servers are connected; if they are, the cap was copied \
         wrongly, or the shares are damaged or gone.",
    ),
    (413, "", "Make room on the gateway's disk, or store a smaller file."),
    (507, "", "Make room on the gateway's disk, or store a smaller file."),
    (
        502,
        "the directory is damaged",
        "On its server the file is in vdrive/quarantine: put one from a backup in its place.",
    ),
    (
        502,
        "an older state of it is served",
        "Whoever runs that server decides with `tahoe debug salvage-dirnode`.",
    ),
    (502, "no room", "Make room on the disk of the vdrive server."),
    (502, "", "Ask whoever runs the vdrive server to look into its node's logs."),
    (
        503,
        "that may have more",
        "See with `tahoe status` which servers are connected; if one hangs, start it anew.",
    ),
    (
        503,
        "no vdrive server",
        "Start the introducer, which keeps directories too, or put the furl of a vdrive server there.",
    ),
];

/// Something said about something; the name of a root has its colon already.
pub fn about(what: &str, said: &str) -> String {
    format!("{}: {said}", what.trim_end_matches(':'))
}

/// What is wrong, where an answer in JSON was asked for.
fn error_of_json(text: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    answer.get("error")?.as_str().map(str::to_owned)
}

/// The line that says what went wrong; pages of markup and stack traces say it last or not at all.
fn sentence(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    if first.starts_with('<') {
        return None;
    }
    if first.starts_with("Traceback") { lines.next_back() } else { Some(first) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::answer::Failure;
    use crate::grid::dirnode::DirError;
    use crate::grid::upload::Unhappy;
    use crate::grid::{DownloadError, UploadError};
    use crate::tub::TubId;

    #[test]
    fn one_line_is_taken_from_whatever_a_gateway_says() {
        assert_eq!(sentence("No such child: a\n"), Some("No such child: a"));
        assert_eq!(
            sentence("\nTraceback (most recent call last):\n  x\nOops: y\n"),
            Some("Oops: y")
        );
        assert_eq!(sentence("<html><p>no</p></html>"), None);
        assert_eq!(sentence(" \n"), None);
        assert_eq!(error_of_json("{\"error\": \"No such child: a\"}").unwrap(), "No such child: a");
        assert_eq!(error_of_json("No such child: a"), None);
    }

    #[test]
    fn words_for_programs_are_not_shown_to_people() {
        for text in [
            "GET unknown URI type: can only do t=info and t=json, not t=.\nUsing a webapi server that",
            "The webapi does not allow empty pathname components",
        ] {
            let said = refusal(400, "Bad Request", text, "x").what();
            assert!(!said.contains("t=") && !said.contains("webapi"), "{said}");
        }
    }

    /// Both sentences, for a failure as the gateway tells it.
    fn told(failure: impl Into<Failure>) -> (String, String) {
        let failure: Failure = failure.into();
        let error = refusal(failure.status.as_u16(), "", &failure.text, "");
        (error.what(), error.advised())
    }

    #[test]
    fn every_sentence_is_said_once_and_the_advice_fits() {
        let unhappy = Unhappy { placed: 3, happy: 7, needed: 3, asked: 10, troubles: Vec::new() };
        let (what, advice) = told(UploadError::Unhappy(unhappy));
        assert!(what.contains("7 wanted") && !what.contains("try again"), "{what}");
        assert!(advice.contains("encoding_parameters"), "{advice}");
        let (what, advice) = told(DirError::Rollback { seen: 5, got: 4 });
        assert!(!what.contains("accept-rollback") && advice.starts_with("Run `tahoe accept"));
        let cases: [(Failure, &str); 9] = [
            (DirError::NameTooLong.into(), "shorter name"),
            (DirError::NoVdrive.into(), "Start the introducer"),
            (DownloadError::NotEnoughShares { found: 2, needed: 3 }.into(), "shares are damaged"),
            (DownloadError::NotNow { found: 2, needed: 3, away: 1 }.into(), "if one hangs"),
            (DownloadError::Contradiction.into(), "Compare it with where"),
            (DirError::ReadOnly.into(), "Use the write cap"),
            (Failure::cap(crate::cap::CapError::Malformed), "Compare it with where"),
            (Failure::cap(crate::cap::CapError::Unsupported), "immutable file"),
            (DirError::NoSuchDirectory(TubId([1; 32])).into(), "copied whole"),
        ];
        for (failure, wanted) in cases {
            let (what, advice) = told(failure);
            assert!(advice.contains(wanted) && !what.contains(&advice), "{what} {advice}");
            assert!(!what.contains("Error"), "{what}");
        }
    }
}
