//! The file `private/aliases` of a node: names for directories, so that caps need not be typed.
//!
//! ```text
//! # what stands behind a number sign is skipped
//! NAME: CAP
//! ```
//! The format is that of Tahoe-LAFS 1.20. The names `global` and `private` mean the grid's shared
//! directory and this node's own unless the file says otherwise.

use super::CliError;
use crate::node::basedir::Basedir;
use std::fs::File;
use std::path::Path;

const FILE: &str = "private/aliases";
/// Where 1.20 keeps the cap of its default alias.
const ROOT: &str = "private/root_dir.cap";

/// Names that mean something without being written anywhere.
const BUILT_IN: [&str; 2] = ["global", "private"];

/// All aliases of a node, in the order of the file.
#[derive(Debug, Default)]
pub struct Aliases(Vec<(String, String)>);

impl Aliases {
    pub fn read(basedir: &Basedir) -> Result<Self, CliError> {
        let text = basedir.read(FILE)?.unwrap_or_default();
        let mut this = Self::parse(&text).map_err(|line| {
            CliError::new(
                format!("Line {line} of {} is not `NAME: CAP`", basedir.join(FILE).display()),
                "Correct that file and try again.",
            )
        })?;
        if this.get("tahoe").is_none()
            && let Some(cap) = basedir.read(ROOT)?
        {
            this.0.push(("tahoe".to_owned(), cap));
        }
        Ok(this)
    }

    /// The aliases in a text, or the number of the first line that is none.
    fn parse(text: &str) -> Result<Self, usize> {
        let mut all = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, cap) = line.split_once(':').ok_or(number + 1)?;
            let (name, cap) = (name.trim(), cap.trim());
            if name.is_empty() || cap.is_empty() {
                return Err(number + 1);
            }
            all.push((name.to_owned(), cap.to_owned()));
        }
        Ok(Self(all))
    }

    /// The cap behind a name; of two lines the last counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, cap)| cap.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, cap)| (name.as_str(), cap.as_str()))
    }
}

/// Adds one name; `cap` is asked for only when the name is free. The file is never half written, and
/// two commands at once lose nothing.
pub fn add(
    basedir: &Basedir,
    name: &str,
    cap: impl FnOnce() -> Result<String, CliError>,
) -> Result<(), CliError> {
    if BUILT_IN.contains(&name) {
        return Err(CliError::usage(
            format!("{name} is the name of a directory that every node has"),
            "Choose another name; with this one that directory could not be reached any more.",
        ));
    }
    let _alone = lock(&basedir.join("private"))?;
    if Aliases::read(basedir)?.get(name).is_some() {
        return Err(CliError::new(
            format!("There is already an alias {name}"),
            "Choose another name, or remove the old line from private/aliases.",
        ));
    }
    let cap = cap()?;
    let mut text = basedir.read(FILE)?.unwrap_or_default();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{name}: {cap}"));
    basedir.write_secret(FILE, &text)?;
    Ok(())
}

/// Held while the file is read and written again.
pub fn lock(folder: &Path) -> Result<File, CliError> {
    let locked = File::open(folder).and_then(|file| {
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
        Ok(file)
    });
    locked.map_err(|error| {
        CliError::new(
            format!("{} cannot be used: {error}", folder.display()),
            "Check that this is a node directory of yours.",
        )
    })
}

/// A name as it may stand before a colon; one colon behind it is forgiven.
pub fn name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix(':').unwrap_or(text);
    let fine = !name.is_empty()
        && !name.starts_with(['#', '-', '~'])
        && name != "URI"
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, ':' | '/'));
    if fine {
        Ok(name.to_owned())
    } else {
        Err("what is accepted is a word without spaces, colons and slashes".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stock_format_is_read() {
        let text = "# mine\n\nwork: URI:DIR2:a:b\n home:URI:DIR2-RO:c:d \r\nwork: URI:DIR2:new:x";
        let aliases = Aliases::parse(text).unwrap();
        assert_eq!(aliases.get("work"), Some("URI:DIR2:new:x"));
        assert_eq!(aliases.get("home"), Some("URI:DIR2-RO:c:d"));
        assert_eq!(aliases.get("mine"), None);
        for (bad, line) in [("a", 1), ("a: b\nc:", 2), (": x", 1)] {
            assert_eq!(Aliases::parse(bad).unwrap_err(), line, "{bad:?}");
        }
    }

    #[test]
    fn alias_names_are_words() {
        assert_eq!(name("work:"), Ok("work".to_owned()));
        for bad in ["", ":", "a b", "a:b", "a/b", "#a", "-q", "~", "URI", "a\nb"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
