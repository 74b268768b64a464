//! What a gateway's refusal is for whoever sits at a terminal: what happened, and what to do about it.
//!
//! The sentence is the gateway's, what to do is known by its code. A gateway that sends none, such as
//! Tahoe-LAFS's own, is understood by its status.

use super::CliError;
use super::output::shown;
use crate::grid::Code;
use serde_json::Value;

/// The two sentences about an answer that is no success, with the code in its head. `what` it was about
/// may be empty.
pub fn refusal(status: (u16, &str), code: Option<Code>, body: &str, what: &str) -> CliError {
    let (status, reason) = status;
    let code = code.unwrap_or_else(|| usual(status));
    let text = error_of_json(body).unwrap_or_else(|| body.to_owned());
    let said = own_words(code).or_else(|| sentence(&text).map(without_class));
    let said = said.unwrap_or(if status == 404 { "there is nothing by that name" } else { reason });
    let (said, advice) = match said.rsplit_once("; ").filter(|_| ends_in_advice(code)) {
        Some((said, advice)) => (said, capitalised(advice)),
        None => (said, advice(code, what).to_owned()),
    };
    let said = shown(said);
    let what = if what.is_empty() { said } else { about(what, &said) };
    CliError::new(what, shown(&advice))
}

/// What a status stands for where there is no code.
fn usual(status: u16) -> Code {
    match status {
        400 => Code::BadRequest,
        401 => Code::TokenWanted,
        403 => Code::Forbidden,
        404 => Code::NoSuchChild,
        405 | 501 => Code::NotTaken,
        409 => Code::Exists,
        410 => Code::NotEnoughShares,
        412 => Code::Unmet,
        413 => Code::TooLarge,
        502 => Code::ServerFault,
        503 => Code::Busy,
        507 => Code::NoSpace,
        500..600 => Code::Internal,
        _ => Code::NotFound,
    }
}

/// Where the gateway's sentence is 1.20's, for the sake of programs.
const fn own_words(code: Code) -> Option<&'static str> {
    match code {
        Code::CapUnknown => {
            Some("this gateway does not know that kind of cap, and can only pass it on")
        }
        Code::VerifyOnly => Some("this capability verifies, and does not read"),
        Code::EmptyName => Some("two slashes stand in a row in the path"),
        _ => None,
    }
}

/// Whether the sentence says at its end, after the last semicolon, what to do: it knows more about that.
const fn ends_in_advice(code: Code) -> bool {
    matches!(
        code,
        Code::Rollback
            | Code::Unhappy
            | Code::Contradiction
            | Code::CapMalformed
            | Code::Unreadable
            | Code::TooLarge
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// The class before a sentence, such as `NoSharesError`, is for programs of Tahoe-LAFS.
fn without_class(text: &str) -> &str {
    match text.split_once(": ") {
        Some((word, rest)) if word.ends_with("Error") && !word.contains(' ') => rest,
        _ => text,
    }
}

const COPY: &str = "Check the path, and the cap: it must be copied whole.";
const ROOM: &str = "Make room on the gateway's disk, or store a smaller file.";
const SERVERS: &str =
    "See on the gateway's page, or with `tahoe status`, how many servers are connected.";

/// What to do.
#[allow(clippy::too_many_lines, reason = "a table, and the compiler asks for every code")]
fn advice(code: Code, what: &str) -> &'static str {
    match code {
        Code::BadRequest
        | Code::EmptyName
        | Code::CapMalformed
        | Code::NotADirectory
        | Code::VerifyOnly
        | Code::Range => COPY,
        Code::CapUnknown => "Check that all of the cap was copied; a newer program may know it.",
        Code::CapUnsupported => {
            "Use the program that made it, or the cap of an immutable file or of a directory."
        }
        Code::CapNotReadOnly | Code::CapNotImmutable | Code::BadChild => {
            "Link the cap that only reads it, as `tahoe ls --readonly-uri` shows it."
        }
        Code::IsADirectory => "Write a slash behind it to mean a place inside.",
        Code::NameTooLong => "Choose a shorter name.",
        Code::TokenWanted => "Use -d NODEDIR, so that the node's token can be read.",
        Code::NewServer => "If you trust whoever gave you that cap, use --allow-new-tub.",
        Code::ReadOnly | Code::Immutable => {
            "Use the write cap of that directory, or write to another one."
        }
        Code::Forbidden | Code::Prohibited => "Use -d NODEDIR of a node of your own.",
        Code::NoSuchChild if !what.is_empty() => {
            "List the directory above it with `tahoe ls` to see what is there."
        }
        Code::NoSuchChild => COPY,
        Code::NotFound | Code::NotTaken => "Check that the address is that of a Tahoe gateway.",
        Code::Conflict | Code::Unmet => "Look at what is there now, and try again.",
        Code::IntoItself => "Name a place outside of it.",
        Code::Exists | Code::InTheWay => {
            "Remove or rename what is there first, or choose another name."
        }
        Code::NoSuchDirectory => {
            "Check the cap: it must be copied whole; if its server lost it, bring it back with \
             `tahoe restore-directory`."
        }
        Code::DirectoryAway => {
            "Start that server's node; files that you have the caps of can be read meanwhile."
        }
        Code::Rollback => "Ask the owner of that server, then run `tahoe accept-rollback`.",
        Code::Incompatible => "A newer version of this program may read it.",
        Code::Damaged => "Store the file again, if you have it elsewhere.",
        Code::NoServers => "Start the introducer and the servers, or wait until they are reached.",
        Code::NoShares
        | Code::NotEnoughShares
        | Code::Contradiction
        | Code::Gone
        | Code::Unreadable => {
            "See with `tahoe status` whether all servers are connected; if they are, the cap was copied \
             wrongly, or the shares are damaged or gone."
        }
        Code::NotNow => {
            "See with `tahoe status` which servers are connected; if one hangs, start it anew."
        }
        Code::TooLarge => "Store a smaller file, or ask for less at once.",
        Code::NoSpace => ROOM,
        Code::DirectoryDamaged => {
            "Bring it back with `tahoe restore-directory`; on its server the damaged file is in \
             vdrive/quarantine."
        }
        Code::DirectorySalvaged => {
            "Whoever runs that server decides with `tahoe debug salvage-dirnode`."
        }
        Code::ServerFull => "Make room on the disk of the vdrive server.",
        Code::ServerFault => "Ask whoever runs the vdrive server to look into its node's logs.",
        Code::NoVdrive => {
            "Start the introducer, which keeps directories too, or put the furl of a vdrive server there."
        }
        Code::Busy | Code::TooSlow => "Try again in a moment.",
        Code::Unhappy | Code::Internal => SERVERS,
    }
}

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
        for (code, text) in [
            (Code::CapUnknown, "GET unknown URI type: can only do t=info and t=json, not t=."),
            (Code::EmptyName, "The webapi does not allow empty pathname components"),
        ] {
            let said = refusal((400, "Bad Request"), Some(code), text, "x").what();
            assert!(!said.contains("t=") && !said.contains("webapi"), "{said}");
        }
    }

    /// Both sentences, for a failure as the gateway tells it.
    fn told(failure: impl Into<Failure>) -> (String, String) {
        let failure: Failure = failure.into();
        let error = refusal((failure.status.as_u16(), ""), Some(failure.code), &failure.text, "");
        (error.what(), error.advised())
    }

    #[test]
    fn a_gateway_without_codes_is_understood_by_its_status() {
        let said = refusal((410, "Gone"), None, "NotEnoughSharesError: This indicates that", "x");
        assert_eq!(said.what(), "x: This indicates that.");
        assert!(said.advised().contains("tahoe status"));
        let said = refusal((404, "Not Found"), None, "<html>", "x");
        assert_eq!(said.what(), "x: there is nothing by that name.");
    }

    #[test]
    fn every_code_has_advice_in_one_sentence() {
        for code in Code::ALL {
            let advice = advice(*code, "");
            assert!(advice.ends_with('.') && !advice.contains(". "), "{code:?}");
        }
    }

    #[test]
    fn every_sentence_is_said_once_and_the_advice_fits() {
        let unhappy = Unhappy { placed: 3, happy: 7, needed: 3, asked: 10, troubles: Vec::new() };
        let (what, advice) = told(UploadError::Unhappy(unhappy));
        assert!(what.contains("7 wanted") && !what.contains("try again"), "{what}");
        assert!(advice.contains("encoding_parameters"), "{advice}");
        let (what, advice) = told(DirError::Rollback { seen: 5, got: 4 });
        assert!(!what.contains("accept-rollback") && advice.contains("run `tahoe accept"));
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
