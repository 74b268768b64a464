//! `tahoe man DIR`: a page for each command, made from what its help says.

use super::new_file::NewFile;
use super::{Arguments as Program, CliError, local, output};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Example:
  tahoe man ~/.local/share/man/man1
  man tahoe-put";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The folder to write the pages to, one for each command; it is made if need be.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let dir = &self.dir;
        let mut program = Program::command().disable_help_subcommand(true);
        // The version of every command is the program's.
        let source = format!("tahoe {}", program.get_version().unwrap_or_default());
        program.build();
        let written = fs::create_dir_all(dir)
            .and_then(|()| write_all(&program, "tahoe", &source, dir))
            .and_then(|()| other_name(dir, "allmydata-tahoe", "tahoe"));
        written.map_err(|error| local::unwritable(dir, &error))?;
        output::summary(format_args!("man pages written to {}", dir.display()))
    }
}

/// Writes the page of a command, those of its other names and those of the commands below it.
fn write_all(command: &Command, name: &str, source: &str, dir: &Path) -> io::Result<()> {
    write(&dir.join(format!("{name}.1")), &page(command, name, source)?)?;
    let above = name.strip_suffix(command.get_name()).unwrap_or_default();
    for alias in command.get_visible_aliases() {
        other_name(dir, &format!("{above}{alias}"), name)?;
    }
    let below = command.get_subcommands();
    below.filter(|below| !below.is_hide_set()).try_for_each(|below| {
        write_all(below, &format!("{name}-{}", below.get_name()), source, dir)
    })
}

/// A page that is another one.
fn other_name(dir: &Path, alias: &str, name: &str) -> io::Result<()> {
    write(&dir.join(format!("{alias}.1")), format!(".so man1/{name}.1\n").as_bytes())
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(text)?;
    file.keep()
}

fn page(command: &Command, name: &str, source: &str) -> io::Result<Vec<u8>> {
    // What stands behind the options is set here, its columns as they are.
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let described = command.clone().after_help(None::<&str>).after_long_help(None::<&str>);
    let man = Man::new(described.version(None::<&str>))
        .title(name)
        .section("1")
        .source(source)
        .manual("Tahoe");
    let mut page = Vec::new();
    man.render(&mut page)?;
    page.extend_from_slice(sections(&after).as_bytes());
    Ok(page)
}

/// Paragraphs, those that begin with a heading (`Examples:`) as sections.
fn sections(text: &str) -> String {
    let mut page = String::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        let heading = first.strip_suffix(':').filter(|first| !first.contains(' '));
        let (heading, body) = match heading {
            Some("Example" | "Examples") => ("EXAMPLES".to_owned(), rest),
            Some(heading) => (heading.to_uppercase(), rest),
            None => ("NOTES".to_owned(), paragraph),
        };
        let _ = writeln!(page, ".SH {heading}\n.nf");
        for line in body.lines() {
            let _ = writeln!(page, "{}", plain(line));
        }
        page.push_str(".fi\n");
    }
    page
}

/// A line that is no request, and whose signs are those of the text.
fn plain(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_options_keeps_its_columns() {
        let text = "Examples:\n  a -b   c\n\nSome words.\n\nPlaces:\n  .x   y";
        assert_eq!(
            sections(text),
            ".SH EXAMPLES\n.nf\n  a \\-b   c\n.fi\n.SH NOTES\n.nf\nSome words.\n.fi\n\
             .SH PLACES\n.nf\n  .x   y\n.fi\n"
        );
        assert_eq!(plain(".so it's"), "\\&.so it\\(aqs");
    }
}
