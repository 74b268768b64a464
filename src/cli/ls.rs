//! `tahoe ls [PATH]`

use super::http::Gateway;
use super::location::PLACES;
use super::objects::{Kind, Object};
use super::output::{Output, shown};
use super::{CliError, time_text};
use std::collections::BTreeMap;
use std::io::Read;

const EXAMPLES: &str = "\
Examples:
  tahoe ls
  tahoe ls -l private:docs
  tahoe ls --json CAP/photos | jq .";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// A directory, or a file to show alone.
    #[arg(value_name = "PATH", default_value = "private:")]
    place: String,
    /// One line each with kind, rights, size and time (UTC).
    #[arg(short, long)]
    long: bool,
    /// Put a / behind directories.
    #[arg(short = 'F', long)]
    classify: bool,
    /// Show the strongest cap of each.
    #[arg(long)]
    uri: bool,
    /// Show the read cap of each.
    #[arg(long)]
    readonly_uri: bool,
    /// What the gateway says, as it says it.
    #[arg(long, conflicts_with_all = ["long", "classify", "uri", "readonly_uri"])]
    json: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        if self.json {
            let answer = session.connection.get(&place.ask("t=json"))?;
            return copy_out(answer.success(&place.shown())?.into_reader());
        }
        let mut object = session.must_look(&place)?;
        if object.0 == Kind::Unknown && object.cap().is_none() {
            return Err(CliError::new(
                format!("{} is nothing that this gateway knows", place.shown()),
                "Check the cap: it must be copied whole.",
            ));
        }
        let unreadable = std::mem::take(&mut object.1.unreadable);
        let children = if object.is_directory() {
            std::mem::take(&mut object.1.children)
        } else {
            BTreeMap::from([(place.name().unwrap_or("(file)").to_owned(), object)])
        };
        let rows: Vec<_> = children.iter().map(|(name, child)| self.row(name, child)).collect();
        print(&rows)?;
        unreadable.told(&place.shown())
    }

    fn row(&self, name: &str, child: &Object) -> Vec<Cell> {
        let mut row = Vec::new();
        if self.long {
            row.push(Cell::Left(rights(child)));
            row.push(Cell::Right(size(child)));
            row.push(Cell::Left(child.modified().map_or_else(|| "-".into(), time_text::minutes)));
        }
        let mark = if self.classify && child.is_directory() { "/" } else { "" };
        row.push(Cell::Left(format!("{}{mark}", shown(name))));
        for (wanted, cap) in [(self.uri, child.cap()), (self.readonly_uri, child.read_cap())] {
            if wanted {
                row.push(Cell::Left(cap.unwrap_or("-").to_owned()));
            }
        }
        row
    }
}

/// Kind, and whether it can be read, written and entered.
fn rights(child: &Object) -> String {
    let kind = match child.0 {
        Kind::Directory => 'd',
        Kind::File => '-',
        Kind::Unknown => '?',
    };
    let right = |held: bool, letter| if held { letter } else { '-' };
    let (read, write) = (child.1.ro_uri.is_some(), child.1.rw_uri.is_some());
    [kind, right(read, 'r'), right(write, 'w'), right(child.is_directory(), 'x')].iter().collect()
}

fn size(child: &Object) -> String {
    match (child.0, child.1.size) {
        (Kind::Directory, _) => "-".to_owned(),
        (_, Some(size)) => size.to_string(),
        (_, None) => "?".to_owned(),
    }
}

/// Text of a column and the side that it leans to.
enum Cell {
    Left(String),
    Right(String),
}

impl Cell {
    fn text(&self) -> &str {
        match self {
            Self::Left(text) | Self::Right(text) => text,
        }
    }
}

/// Prints the rows with columns of equal width; the last one ends where it ends.
fn print(rows: &[Vec<Cell>]) -> Result<(), CliError> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text().chars().count());
        }
    }
    let mut out = Output::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| match cell {
            Cell::Left(text) => format!("{text:width$}"),
            Cell::Right(text) => format!("{text:>width$}"),
        });
        out.line(cells.collect::<Vec<_>>().join(" ").trim_end())?;
    }
    out.finish()
}

/// Copies an answer to stdout as it is.
pub fn copy_out(mut body: impl Read) -> Result<(), CliError> {
    let mut out = Output::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let len = body.read(&mut buffer).map_err(|error| {
            CliError::new(format!("The answer broke off: {error}"), "Try again.")
        })?;
        match buffer.get(..len) {
            Some(piece) if !piece.is_empty() => out.bytes(piece)?,
            _ => return out.finish(),
        }
    }
}
