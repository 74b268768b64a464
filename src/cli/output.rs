//! What a command says: results on stdout, remarks on stderr, names without tricks in them.

use super::CliError;
use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::sync::OnceLock;

static QUIET: OnceLock<bool> = OnceLock::new();

/// Says once, when the process starts, whether `-q` was given.
pub fn set_quiet(quiet: bool) {
    let _ = QUIET.set(quiet);
}

/// Whether only results and errors are wanted.
pub fn is_quiet() -> bool {
    QUIET.get().copied().unwrap_or(false)
}

/// Standard output, buffered until [`Output::finish`].
pub struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    pub fn new() -> Self {
        Self(BufWriter::with_capacity(64 << 10, io::stdout().lock()))
    }

    pub fn line(&mut self, text: impl Display) -> Result<(), CliError> {
        writeln!(self.0, "{text}").map_err(unwritable)
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.0.write_all(bytes).map_err(unwritable)
    }

    /// For long work whose lines somebody watches.
    pub fn flush(&mut self) -> Result<(), CliError> {
        self.0.flush().map_err(unwritable)
    }

    pub fn finish(mut self) -> Result<(), CliError> {
        self.flush()
    }
}

/// Prints one line of result.
pub fn line(text: impl Display) -> Result<(), CliError> {
    let mut out = Output::new();
    out.line(text)?;
    out.finish()
}

/// Prints one line that `-q` leaves out.
pub fn summary(text: impl Display) -> Result<(), CliError> {
    if is_quiet() { Ok(()) } else { line(text) }
}

/// Tells the user something that is no failure of the command as a whole.
pub fn remark(text: impl Display) {
    let _ = writeln!(io::stderr(), "tahoe: {text}");
}

fn unwritable(error: io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return CliError::nobody_reads();
    }
    CliError::new(
        format!("stdout cannot be written: {error}"),
        "Check the program that reads it, or write to a file.",
    )
}

/// So many things: `1 file`, `2 files`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A name from a directory as it may go to a terminal: whoever chose it can neither move the cursor
/// nor turn the text around.
pub fn shown(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}'
            | '\u{2029}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn names_cannot_play_with_the_terminal() {
        assert_eq!(shown("Grüße.txt"), "Grüße.txt");
        assert_eq!(shown("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(shown("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
    }
}
