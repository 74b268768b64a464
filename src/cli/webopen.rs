//! `tahoe webopen [PATH]`

use super::http::{Gateway, percent_encode};
use super::location::PLACES;
use super::session::Session;
use super::{CliError, output};
use crate::node::basedir::Basedir;
use std::process::{Command, Stdio};

/// Rewritten each time, readable by its owner only.
const PAGE: &str = "private/webopen.html";

const EXAMPLES: &str = "\
Examples:
  tahoe webopen
  tahoe webopen private:photos
  tahoe webopen --print CAP";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// What to look at; without it the gateway's own page.
    #[arg(value_name = "PATH")]
    place: Option<String>,
    /// Show what is known about it instead of its content.
    #[arg(short, long, requires = "place")]
    info: bool,
    /// Print the address and open nothing. It holds the cap: who has it has the right.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = self.place.as_deref().map(|text| session.place(text)).transpose()?;
        let path = match &place {
            None => "/".to_owned(),
            Some(place) if self.info => place.ask("t=info"),
            // With its slash a directory's links lead below it.
            Some(place) if place.wants_directory() => format!("{}/", place.url()),
            Some(place) => place.url(),
        };
        // The address may hold a cap, which is for the node's gateway alone.
        session.connection.reach()?;
        let url = session.connection.url(&match &place {
            Some(place) if place.is_private() => log_in(&session, &path)?,
            None => log_in(&session, &path).unwrap_or(path),
            _ => path,
        });
        if self.print {
            return output::line(url);
        }
        match session.basedir() {
            Ok(basedir) => open(&page(basedir, &url)?),
            Err(_) => open(&url),
        }
    }
}

/// The private directory is shown to the owner alone, and the first page leads there: an address that logs a browser in, once, and
/// leads on to `path`.
fn log_in(session: &Session, path: &str) -> Result<String, CliError> {
    let login = session.connection.post("/login", "")?.success("")?.text()?;
    Ok(format!("{login}&when_done={}", percent_encode(path)))
}

/// A small page that leads to `url`, so that neither a cap nor the key that logs the owner in stands
/// in the list of processes.
fn page(basedir: &Basedir, url: &str) -> Result<String, CliError> {
    let url = url.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let text = format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={url}\"><a href=\"{url}\">go on</a>"
    );
    basedir.write_secret(PAGE, &text)?;
    let path = basedir.join(PAGE);
    let path = path.to_str().ok_or_else(|| {
        CliError::new(
            format!("{} has no name that a browser takes", path.display()),
            "Use `tahoe webopen --print`.",
        )
    })?;
    let parts: Vec<_> = path.split('/').map(percent_encode).collect();
    Ok(format!("file://{}", parts.join("/")))
}

/// Asks the browser of `$BROWSER`, else that of the desktop.
fn open(target: &str) -> Result<(), CliError> {
    let wanted = std::env::var_os("BROWSER").filter(|name| !name.is_empty());
    let programs = match wanted {
        Some(program) => vec![program],
        None => vec!["xdg-open".into(), "open".into()],
    };
    for program in &programs {
        let quiet = || Stdio::null();
        let mut command = Command::new(program);
        let command = command.arg(target).stdin(quiet()).stdout(quiet()).stderr(quiet());
        if command.status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    Err(CliError::new(
        "No browser could be started",
        "Name one in the variable BROWSER, or see the address with `tahoe webopen --print`.",
    ))
}
