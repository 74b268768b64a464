//! Walking everything below a directory: one JSON object a line, for as long as it takes.

use super::CliError;
use super::http::Answer;
use super::output::shown;
use crate::base::limits::WALK_LINE_MAX;
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};

/// One line of the answer.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line {
    File(Found),
    Directory(Found),
    Unknown(Found),
    /// Something is missing of a directory; the walk goes on.
    Error(Problem),
    Stats,
}

/// What is missing, and why.
#[derive(Deserialize)]
pub struct Problem {
    path: Vec<String>,
    error: String,
}

/// Something below the directory, or the directory itself.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Found {
    pub path: Vec<String>,
    pub cap: Option<String>,
    pub verifycap: Option<String>,
    pub repaircap: Option<String>,
    pub storage_index: Option<String>,
    #[serde(alias = "check-and-repair-results")]
    pub check_results: Option<Verdict>,
}

/// What a check found out about one object; or a repair, which has what was found before and after it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Verdict {
    pub summary: Option<String>,
    pub storage_index: String,
    pub results: Counts,
    repair_attempted: bool,
    repair_successful: bool,
    repair_failure: Option<String>,
    pre_repair_results: Option<Box<Verdict>>,
    post_repair_results: Option<Box<Verdict>>,
}

/// The figures of a check; a literal file has only the first.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Counts {
    pub healthy: bool,
    /// As many servers hold a part as an upload would want.
    pub happy: bool,
    /// Whether shares were read; a count of what servers say is no proof.
    pub verified: Option<bool>,
    pub recoverable: Option<bool>,
    pub count_happiness: Option<u64>,
    pub count_shares_good: Option<u64>,
    pub count_shares_needed: Option<u64>,
    pub count_shares_expected: Option<u64>,
    pub list_corrupt_shares: Vec<Value>,
    list_findings: Vec<Flawed>,
}

/// A share that was read, or asked for, and is not good.
#[derive(Deserialize)]
struct Flawed {
    server: String,
    share: u64,
    text: String,
}

impl Found {
    pub fn shown(&self) -> String {
        shown_path(&self.path)
    }
}

/// A path; the beginning of the walk is a dot.
fn shown_path(path: &[String]) -> String {
    if path.is_empty() { ".".to_owned() } else { shown(&path.join("/")) }
}

impl Verdict {
    pub fn summary(&self) -> String {
        let plain = if self.results.healthy { "Healthy" } else { "Not Healthy" };
        shown(self.summary.as_deref().unwrap_or(plain))
    }

    /// What was found at first.
    pub fn before(&self) -> &Self {
        self.pre_repair_results.as_deref().unwrap_or(self)
    }

    /// What is known at last.
    pub fn after(&self) -> &Self {
        self.post_repair_results.as_deref().unwrap_or(self)
    }

    /// What came of a repair, if something had to be done.
    pub fn repair(&self) -> Option<String> {
        let now = &self.after().results;
        let count = |count: Option<u64>| count.unwrap_or_default();
        let (good, all) = (count(now.count_shares_good), count(now.count_shares_expected));
        self.repair_attempted.then(|| match (self.repair_successful, &self.repair_failure) {
            (true, _) => format!("repaired: {good} of {all} shares are good now"),
            (false, Some(why)) => format!("not repaired: {}", shown(why)),
            (false, None) => format!("not repaired: {good} of {all} shares are good"),
        })
    }

    /// A line for each share that is damaged, or could not be read.
    pub fn flaws(&self) -> Vec<String> {
        let flaw = |Flawed { server, share, text }: &Flawed| {
            format!("share {share} on server {}: {}", shown(server), shown(text))
        };
        match self.results.list_findings.as_slice() {
            [] => self.corrupt(),
            found => found.iter().map(flaw).collect(),
        }
    }

    /// The same of a gateway that does not say what is wrong.
    fn corrupt(&self) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::String(text) => shown(text),
            other => other.to_string(),
        };
        let shares = self.results.list_corrupt_shares.iter().map(|share| {
            let parts: Vec<_> = share.as_array().into_iter().flatten().map(text).collect();
            match parts.as_slice() {
                [server, index, number] => {
                    format!("corrupt share {number} of {index} on server {server}")
                }
                _ => "corrupt share".to_owned(),
            }
        });
        shares.collect()
    }
}

/// How much of what was walked is missing: what each [`Problem`] was about.
#[must_use]
pub struct Missing(u64);

impl Missing {
    /// Not everything could be read, which was told as it was found.
    pub fn end(self) -> Result<(), CliError> {
        match self.0 {
            0 => Ok(()),
            count => Err(CliError::new(
                format!(
                    "Something is missing of {}",
                    super::output::count(count, "directory", "directories")
                ),
                "All else was walked; see above which they are.",
            )),
        }
    }
}

/// Hands on every line, and tells on stderr what is missing; what ended the walk is the error.
pub fn lines(
    answer: Answer,
    mut each: impl FnMut(Line) -> Result<(), CliError>,
) -> Result<Missing, CliError> {
    let mut reader = BufReader::new(answer.into_reader());
    let (mut whole, mut missing) = (false, 0);
    loop {
        let mut line = String::new();
        let len = (&mut reader).take(WALK_LINE_MAX).read_line(&mut line);
        let len = len.map_err(|error| broken_off(&error.to_string()))?;
        let text = line.trim();
        if whole && (len == 0 || missing > 0) {
            return Ok(Missing(missing));
        }
        if let Some(reason) = text.strip_prefix("ERROR:") {
            return Err(broken_off(&shown(bare(reason.trim()))));
        }
        if len == 0 {
            return Err(broken_off("the connection ended early"));
        }
        if text.is_empty() {
            continue;
        }
        let line = serde_json::from_str(text).map_err(|_| broken_off("a line is no JSON"))?;
        if let Line::Error(Problem { path, error }) = line {
            missing += 1;
            // Nothing is wrong with the walk if nobody reads stderr.
            let _ = writeln!(std::io::stderr(), "tahoe: {}: {}", shown_path(&path), shown(&error));
            continue;
        }
        // The statistics are the last line; without them something is missing.
        whole = matches!(line, Line::Stats);
        each(line)?;
    }
}

/// What is in the brackets of `DirectoryError(…)`, the name being for programs.
fn bare(reason: &str) -> &str {
    let inner = reason.split_once('(').filter(|(class, _)| class.ends_with("Error"));
    inner.and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(reason)
}

fn broken_off(reason: &str) -> CliError {
    CliError::new(
        format!("The walk broke off: {reason}"),
        "What was printed is not all; try again when more servers are connected.",
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_names_of_errors_are_for_programs() {
        assert_eq!(super::bare("DirectoryError(it is (quite) away.)"), "it is (quite) away.");
        assert_eq!(super::bare("gone (for now)"), "gone (for now)");
    }
}
