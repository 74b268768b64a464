//! Places in the grid as people write them.
//!
//! ```text
//! docs/notes.txt        a path in this node's own directory
//! private:docs, ~/docs  the same
//! global:docs           a path in the directory that the grid shares: to publish is said aloud
//! NAME:docs             a path below the directory with this alias
//! CAP, CAP/docs         a cap, and a path below it
//! -                     any of the last two, from the next line of stdin
//! ```
//! A path that begins as those of files do (`/docs`, `./docs`) is none of them: a shell or a habit may
//! have put it where a place belongs.

use super::CliError;
use super::output::shown;
use super::session::{Session, line_of_stdin};
use crate::cli::http::percent_encode;
use crate::files::address::percent_decode;

/// For the help of every command that takes a place.
pub const PLACES: &str = "\
Places:
  docs/a.txt               a path in this node's private directory; so are private:docs/a.txt and
                           '~/docs/a.txt'
  global:a.txt             a path in the directory that everyone in the grid sees and changes
  NAME:a.txt               a path below an alias (see `tahoe create-alias`)
  CAP, CAP/a.txt           a cap, or a path below the directory that it opens
  -                        the same from a line of stdin, out of the list of processes";

/// Where a path begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Global,
    Private,
    Cap(String),
}

/// A place in the grid. Its `Debug` holds caps and is for tests only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    root: Root,
    path: Vec<String>,
    /// Written with a slash at its end: a directory is meant.
    slash: bool,
    /// How the root is called in messages; a cap is not repeated.
    called: String,
}

/// What a text says before aliases are looked up.
#[derive(Debug, PartialEq, Eq)]
enum Written<'a> {
    /// A path in the private directory; for a command that takes files too, one of those.
    Bare(&'a str),
    /// It can only be meant for a file of this machine.
    Local,
    Private(&'a str),
    Alias(&'a str, &'a str),
    Cap(&'a str, &'a str),
    Stdin,
}

fn written(text: &str) -> Written<'_> {
    if text == "-" {
        return Written::Stdin;
    }
    // A cap may have been copied with the blanks around it; a name may begin with one.
    let text = if text.trim_start().starts_with("URI:") { text.trim_start() } else { text };
    let head = text.split('/').next().unwrap_or_default();
    let rest = text.get(head.len()..).unwrap_or_default();
    match head.split_once(':') {
        _ if head == "~" => Written::Private(rest),
        _ if head.starts_with("URI:") => Written::Cap(head.trim_end(), rest),
        Some((name, _)) => Written::Alias(name, text.get(name.len() + 1..).unwrap_or_default()),
        None if matches!(head, "" | "." | "..") => Written::Local,
        None => Written::Bare(text),
    }
}

/// Whether `text` names a place in the grid where a bare name would mean a local file.
pub fn is_marked(text: &str) -> bool {
    !matches!(written(text), Written::Bare(_) | Written::Local)
}

impl Location {
    /// Reads a place; aliases and stdin are consulted only when it says so.
    pub fn parse(text: &str, session: &Session) -> Result<Self, CliError> {
        if text.trim().is_empty() {
            return Err(CliError::usage(
                "An empty text names no place in the grid",
                "Give a path such as private:docs, or a cap.",
            ));
        }
        Ok(match written(text) {
            Written::Local => return Err(is_local(text)),
            Written::Bare(path) | Written::Private(path) => {
                Self::builtin("private", path, session)?
            }
            Written::Alias(name @ ("global" | "private"), path) => {
                Self::builtin(name, path, session)?
            }
            Written::Alias(name, path) => {
                let aliases = session.aliases()?;
                let cap = aliases.get(name).ok_or_else(|| unknown_alias(name))?;
                Self::new(Root::Cap(cap.to_owned()), path, format!("{}:", shown(name)))
            }
            Written::Cap(cap, path) => Self::new(Root::Cap(cap.to_owned()), path, CAP.into()),
            Written::Stdin => {
                let line = line_of_stdin()?;
                let (cap, path) = line.split_once('/').unwrap_or((&line, ""));
                let slash = if line.ends_with('/') { "/" } else { "" };
                Self::new(Root::Cap(cap.to_owned()), &format!("{path}{slash}"), CAP.into())
            }
        })
    }

    fn builtin(name: &str, path: &str, session: &Session) -> Result<Self, CliError> {
        let root = match (session.aliases()?.get(name), name) {
            (Some(cap), _) => Root::Cap(cap.to_owned()),
            (None, "private") => Root::Private,
            (None, _) => Root::Global,
        };
        Ok(Self::new(root, path, format!("{name}:")))
    }

    fn new(root: Root, path: &str, called: String) -> Self {
        let parts = path.split('/').filter(|part| !part.is_empty());
        Self { root, path: parts.map(str::to_owned).collect(), slash: path.ends_with('/'), called }
    }

    /// Its address below the gateway's, without arguments.
    pub fn url(&self) -> String {
        let mut url = match &self.root {
            Root::Global => "/vdrive/global".to_owned(),
            Root::Private => "/vdrive/private".to_owned(),
            Root::Cap(cap) => format!("/uri/{}", percent_encode(cap)),
        };
        for part in &self.path {
            url.push('/');
            url.push_str(&percent_encode(part));
        }
        url
    }

    /// Its address with arguments, which must be encoded already.
    pub fn ask(&self, arguments: &str) -> String {
        format!("{}?{arguments}", self.url())
    }

    /// The last element of the path; a root has none.
    pub fn name(&self) -> Option<&str> {
        self.path.last().map(String::as_str)
    }

    pub fn wants_directory(&self) -> bool {
        self.slash || self.path.is_empty()
    }

    /// Whether it begins at this node's private directory.
    pub fn is_private(&self) -> bool {
        self.root == Root::Private
    }

    /// The directory that it is in, and its name there.
    pub fn split(&self) -> Option<(Self, &str)> {
        let (name, above) = self.path.split_last()?;
        let parent = Self { path: above.to_vec(), slash: true, ..self.clone() };
        Some((parent, name))
    }

    /// Where its path begins, and the path.
    pub fn root_and_path(&self) -> (Self, &[String]) {
        (Self { path: Vec::new(), slash: true, ..self.clone() }, &self.path)
    }

    /// Whether it is written as a place somewhere below `other`.
    pub fn is_below(&self, other: &Self) -> bool {
        self.root == other.root
            && self.path.len() > other.path.len()
            && self.path.starts_with(&other.path)
    }

    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut this = self.clone();
        this.path.push(name.to_owned());
        this.slash = false;
        this
    }

    /// The cap itself if there is no path behind it.
    pub fn bare_cap(&self) -> Option<&str> {
        match &self.root {
            Root::Cap(cap) if self.path.is_empty() => Some(cap),
            _ => None,
        }
    }

    /// How it is called in messages, which never repeat a cap. A root ends with a colon.
    pub fn shown(&self) -> String {
        let path = shown(&self.path.join("/"));
        let gap = if self.called.ends_with(':') || path.is_empty() { "" } else { "/" };
        format!("{}{gap}{path}", self.called)
    }
}

/// A gateway's address of a directory as people write it.
pub fn of_address(address: &str) -> String {
    let path = percent_decode(address).unwrap_or_default();
    for (root, name) in [("/vdrive/private", "private:"), ("/vdrive/global", "global:")] {
        if let Some(rest) = path.strip_prefix(root)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return format!("{name}{}", rest.trim_matches('/'));
        }
    }
    path.strip_prefix("/uri/").unwrap_or(&path).to_owned()
}

const CAP: &str = "the given cap";

fn is_local(text: &str) -> CliError {
    let path = text.trim_start_matches(['.', '/']);
    CliError::usage(
        format!("{} is a path on this machine and no place in the grid", shown(text)),
        format!(
            "Write {0} for a place in this node's private directory, or {1} for one that everyone in \
             the grid sees.",
            shown(&format!("private:{path}")),
            shown(&format!("global:{path}"))
        ),
    )
}

fn unknown_alias(name: &str) -> CliError {
    CliError::new(
        format!("There is no alias {}", shown(name)),
        "List them with `tahoe list-aliases`, or make one with `tahoe create-alias`.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_place_is_told_apart() {
        for (text, meant) in [
            ("docs/notes.txt", Written::Bare("docs/notes.txt")),
            ("docs/a:b", Written::Bare("docs/a:b")),
            ("docs/", Written::Bare("docs/")),
            (".docs", Written::Bare(".docs")),
            ("/docs", Written::Local),
            ("//docs", Written::Local),
            ("/home/ann/a:b", Written::Local),
            ("./docs", Written::Local),
            ("../docs", Written::Local),
            (".", Written::Local),
            ("global:docs", Written::Alias("global", "docs")),
            ("work:", Written::Alias("work", "")),
            ("work:a/b:c", Written::Alias("work", "a/b:c")),
            ("work:/a", Written::Alias("work", "/a")),
            ("~", Written::Private("")),
            ("~/a/b", Written::Private("/a/b")),
            ("-", Written::Stdin),
            ("-a", Written::Bare("-a")),
            (
                "URI:DIR:x@tcp:h:1,tcp:[::1]:2:k",
                Written::Cap("URI:DIR:x@tcp:h:1,tcp:[::1]:2:k", ""),
            ),
            (" URI:DIR2:a:b\n", Written::Cap("URI:DIR2:a:b", "")),
            (" a", Written::Bare(" a")),
            ("URI:DIR2:a:b/c:d/e", Written::Cap("URI:DIR2:a:b", "/c:d/e")),
        ] {
            assert_eq!(written(text), meant, "{text}");
        }
    }

    #[test]
    fn addresses_are_escaped_and_messages_show_no_cap() {
        let place = Location::new(Root::Cap("URI:DIR2:a:b".into()), "/x y/ü/", CAP.into());
        assert_eq!(place.url(), "/uri/URI%3ADIR2%3Aa%3Ab/x%20y/%C3%BC");
        assert_eq!(place.shown(), "the given cap/x y/ü");
        assert!(place.wants_directory() && place.bare_cap().is_none());
        let (parent, name) = place.split().unwrap();
        assert_eq!((parent.url().as_str(), name), ("/uri/URI%3ADIR2%3Aa%3Ab/x%20y", "ü"));
        assert_eq!(parent.child("z").url(), "/uri/URI%3ADIR2%3Aa%3Ab/x%20y/z");
        assert!(place.is_below(&parent) && !place.is_below(&place) && !parent.is_below(&place));
        let root = Location::new(Root::Global, "", "global:".into());
        assert!(!place.is_below(&root));
        assert_eq!((root.url().as_str(), root.shown().as_str()), ("/vdrive/global", "global:"));
        assert!(root.split().is_none() && root.name().is_none());
        for (address, text) in [
            ("/vdrive/private", "private:"),
            ("/vdrive/private/x%20y/%C3%BC", "private:x y/ü"),
            ("/vdrive/global/a", "global:a"),
            ("/vdrive/globalised", "/vdrive/globalised"),
            ("/uri/URI%3ADIR%3Aa/b", "URI:DIR:a/b"),
        ] {
            assert_eq!(of_address(address), text);
        }
    }
}
