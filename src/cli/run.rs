//! `tahoe run [DIR]`

use super::CliError;
use super::allocator;
use super::dirs::Directories;
use super::output;
use crate::node::foreground::{self, Ready};
use std::ffi::OsString;
use std::io::Write;

#[derive(clap::Args)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct Arguments {
    #[command(flatten)]
    dirs: Directories,
    /// Used by `start`: leave the terminal, and close the output once ready.
    #[arg(long, hide = true)]
    detached: bool,
}

impl Arguments {
    /// What `run DIR` and `run --detached DIR` mean, the words with which nodes are started; `None`
    /// for all others, which the parser knows. A node that never touched the parser is 0.9 MiB
    /// smaller for as long as it runs.
    pub fn plain(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        words.next().filter(|command| command == "run")?;
        let mut dir = words.next()?;
        let detached = dir == "--detached";
        if detached {
            dir = words.next()?;
        }
        let is_dir = !dir.is_empty() && !dir.as_encoded_bytes().starts_with(b"-");
        (is_dir && words.next().is_none())
            .then(|| Self { dirs: Directories::one(dir.into()), detached })
    }

    pub fn run(self) -> Result<(), CliError> {
        allocator::configure();
        let dirs = self.dirs.all()?;
        let [dir] = dirs.as_slice() else {
            return Err(CliError::usage(
                "Only one node can run in the foreground",
                "Use `tahoe start -m` for several.",
            ));
        };
        foreground::run(dir, self.detached, announce)?;
        Ok(())
    }
}

/// `ready URL`, or `ready` for a node without a gateway.
fn announce(ready: &Ready) {
    let url = ready.url.as_deref().map_or_else(String::new, |url| format!(" {url}"));
    if ready.exposed {
        output::remark(
            "The gateway listens to other machines without TLS: caps and the token can be read on \
             the way.",
        );
    }
    if let Some((known, wanted)) = ready.too_few {
        output::remark(format_args!(
            "To store files {wanted} storage servers are wanted, and {known} are known so far. If there \
             will be no more, write smaller numbers into the file encoding_parameters of the introducer, \
             or of this node."
        ));
    }
    let mut out = std::io::stdout();
    // Whoever started us may have gone; the node runs all the same.
    let _ = writeln!(out, "ready{url}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::Parser;
    use std::ffi::OsString;

    #[derive(Parser)]
    struct Tahoe {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(clap::Subcommand)]
    enum Command {
        Run(Arguments),
    }

    fn plain(words: &[&str]) -> Option<Arguments> {
        Arguments::plain(words.iter().map(OsString::from))
    }

    fn parsed(words: &[&str]) -> Option<Arguments> {
        let all = ["tahoe"].iter().chain(words);
        let Command::Run(arguments) = Tahoe::try_parse_from(all).ok()?.command;
        Some(arguments)
    }

    #[test]
    fn a_plain_start_means_what_the_parser_takes_it_for() {
        for words in [["run", "d"].as_slice(), &["run", "--detached", "d e"], &["run", "run"]] {
            assert!(plain(words).is_some(), "{words:?}");
            assert_eq!(plain(words), parsed(words), "{words:?}");
        }
    }

    #[test]
    fn whatever_else_is_left_to_the_parser() {
        for words in [
            ["run"].as_slice(),
            &["run", ""],
            &["run", "-h"],
            &["run", "--", "d"],
            &["run", "-C", "d"],
            &["run", "--detached"],
            &["run", "d", "--detached"],
            &["run", "--detached", "--detached"],
            &["run", "d", "e"],
            &["start", "d"],
            &["-q", "run", "d"],
        ] {
            assert_eq!(plain(words), None, "{words:?}");
        }
    }
}
