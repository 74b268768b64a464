//! `tahoe debug dump-dirnode PATH` and `dump-root-dirnode`: a directory as its gateway sees it.

use super::http::Gateway;
use super::location::{Location, PLACES};
use super::objects::{Kind, Object};
use super::output::{Output, shown};
use super::session::Session;
use super::{CliError, time_text};

#[derive(clap::Args)]
#[command(after_help = PLACES)]
pub struct Arguments {
    /// The directory.
    #[arg(value_name = "PATH")]
    place: String,
    #[command(flatten)]
    options: Options,
}

/// The global directory, where all paths of the grid begin.
#[derive(clap::Args)]
pub struct RootArguments {
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Args)]
struct Options {
    /// Show caps in full. Who reads them has the rights.
    #[arg(long)]
    uri: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.options.gateway.session()?;
        let place = session.place(&self.place)?;
        dump(&session, &place, self.options.uri)
    }
}

impl RootArguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.options.gateway.session()?;
        let place = session.place("global:")?;
        dump(&session, &place, self.options.uri)
    }
}

fn dump(session: &Session, place: &Location, uri: bool) -> Result<(), CliError> {
    let object = session.must_look(place)?;
    if !object.is_directory() {
        return Err(CliError::new(
            format!("{} is not a directory", place.shown()),
            "For the cap of a file there is `tahoe debug dump-cap`.",
        ));
    }
    let mut out = Output::new();
    out.line(format_args!("directory: {}", place.shown()))?;
    let kind = match (object.1.mutable, object.1.rw_uri.is_some()) {
        (false, _) => "immutable",
        (true, true) => "may be changed with this cap",
        (true, false) => "read only with this cap",
    };
    out.line(format_args!("rights: {kind}"))?;
    caps(&object, "", uri, &mut out)?;
    let unreadable = &object.1.unreadable;
    if unreadable.count > 0 {
        out.line(format_args!("rows that do not open: {}", unreadable.count))?;
        unreadable.rows.iter().try_for_each(|row| out.line(format_args!("  {}", shown(row))))?;
    }
    out.line(format_args!("children: {}", object.1.children.len()))?;
    for (name, child) in &object.1.children {
        out.line(format_args!("  {}", shown(name)))?;
        let kind = match child.0 {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Unknown => "unknown to this gateway",
        };
        out.line(format_args!("    kind: {kind}"))?;
        if let Some(size) = child.1.size {
            out.line(format_args!("    size: {size}"))?;
        }
        if let Some(seconds) = child.modified() {
            out.line(format_args!("    linked: {} UTC", time_text::minutes(seconds)))?;
        }
        caps(child, "    ", uri, &mut out)?;
        out.line(format_args!("    metadata: {}", child.1.metadata))?;
    }
    out.finish()
}

/// Which caps there are; only a verify cap may be shown to everybody.
fn caps(object: &Object, indent: &str, uri: bool, out: &mut Output) -> Result<(), CliError> {
    let facts = &object.1;
    for (kind, cap) in [("write", &facts.rw_uri), ("read", &facts.ro_uri)] {
        if let Some(cap) = cap {
            let cap = if uri { cap.as_str() } else { "(secret, not shown)" };
            out.line(format_args!("{indent}{kind} cap: {cap}"))?;
        }
    }
    let mut verify = facts.verify_uri.iter();
    verify.try_for_each(|cap| out.line(format_args!("{indent}verify cap: {cap}")))
}
