//! `tahoe completions SHELL`

use super::{Arguments as Program, CliError, output};
use clap::CommandFactory;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  tahoe completions bash > ~/.local/share/bash-completion/completions/tahoe
  tahoe completions fish > ~/.config/fish/completions/tahoe.fish
  tahoe completions zsh > ~/.zfunc/_tahoe";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The shell that is to complete commands and options.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Program::command(), "tahoe", &mut script);
        let mut out = output::Output::new();
        out.bytes(&script)?;
        out.finish()
    }
}
