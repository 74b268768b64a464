//! `tahoe door …`: front ends for other programs, each of which opens one capability.

use super::CliError;
use super::aliases;
use super::dirs::GatewayNode;
use super::error::Failures;
use super::http::Gateway;
use super::local::{LocalFile, path_shown, unreadable};
use super::location::PLACES;
use super::output::{Output, shown, summary};
use super::time_text::minutes;
use crate::base::limits::{DOOR_KEYS_MAX, DOOR_NAME_MAX, DOORS_FILE_MAX, DOORS_MAX};
use crate::base::system::Clock;
use crate::cap::Cap;
use crate::doors::book::{Book, Door, FILE, KEY_KINDS, PublicKey, Rights, is_name, line, without};
use crate::doors::secret::Secret;
use crate::node::basedir::Basedir;
use crate::node::doors::{DOORS_URL, HOST_KEY_FINGERPRINT, SFTP_URL};
use crate::node::lock;
use crate::storage::expiry::seconds;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  tahoe door add photos private:photos             a network drive, a bucket, a place for backups
  tahoe door add --read-only films global:films    to look at
  tahoe door add --append-only laptop private:backups/laptop
                                                   for backups that nobody can delete from there
  tahoe door add --expires 30days guest work:plans
  tahoe door add --key ~/.ssh/id_ed25519.pub notes private:notes
                                                   by SFTP without a password
  tahoe door remove guest                          at once, also for who is in it

A door opens a capability to programs that speak WebDAV, S3, SFTP or restic's protocol, and no
more than that: they see this directory and what is below it. Nothing listens until there is a door,
and then at ports of this machine (`doorsport` and `sftpport` in the node's directory say
otherwise). What the node keeps of a door opens nothing without its secret, which is shown once, or
one of its keys.";

/// Bytes of a file with public keys that are read.
const KEYS_FILE_MAX: u64 = 64 << 10;
const UNSTARTED: &str = "http://127.0.0.1:PORT/";
/// A node that runs opens its first door within a second.
const OPENING: u32 = 50;
const STEP: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a door, and print what programs need to use it.
    Add(Add),
    /// List the doors.
    List(GatewayNode),
    /// Print how programs use a door; its secret is not known any more.
    Show(Show),
    /// Remove doors, at once; nothing behind them is deleted.
    Remove(Remove),
}

#[derive(clap::Args)]
struct Add {
    /// What the door is called: letters, digits, and `-`, `_`, `.` between them.
    name: String,
    /// The directory that it opens; with `-` a line of stdin.
    #[arg(value_name = "PATH")]
    place: String,
    /// Nothing can be changed through it.
    #[arg(long, conflicts_with = "append_only")]
    read_only: bool,
    /// Nothing can be replaced or removed through it.
    #[arg(long)]
    append_only: bool,
    /// How long it opens, such as `30days`, `3 months`, `1year`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<u64>,
    /// A file with a public key of SSH by which it opens, too; may be given several times.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(clap::Args)]
struct Show {
    name: String,
    #[command(flatten)]
    node: GatewayNode,
}

#[derive(clap::Args)]
struct Remove {
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    node: GatewayNode,
}

fn time(text: &str) -> Result<u64, String> {
    let wanted = seconds(text).filter(|seconds| *seconds > 0);
    wanted.ok_or_else(|| "not a time: write `30days`, `3 months` or `1year`".to_owned())
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Add(arguments) => arguments.run(),
            Command::List(node) => list(&node.open()?),
            Command::Show(arguments) => arguments.run(),
            Command::Remove(arguments) => arguments.run(),
        }
    }
}

fn read(basedir: &Basedir) -> Result<String, CliError> {
    Ok(basedir.read_text(FILE, DOORS_FILE_MAX)?.unwrap_or_default())
}

fn list(basedir: &Basedir) -> Result<(), CliError> {
    let book = Book::parse(&read(basedir)?);
    let now = Clock::System.now();
    let mut out = Output::new();
    for door in book.doors() {
        out.line(format_args!("{}  {}{}", door.name, may(door.rights), until(door, now)))?;
    }
    out.finish()?;
    match book.bad.first() {
        Some(number) => Err(CliError::new(
            format!("Line {number} of {FILE} is no door"),
            "Doors are made by `tahoe door add`; remove the line.",
        )),
        None => Ok(()),
    }
}

const fn may(rights: Rights) -> &'static str {
    match rights {
        Rights::Read => "reads",
        Rights::Append => "reads and adds",
        Rights::Write => "reads and writes",
    }
}

fn until(door: &Door, now: u64) -> String {
    match door.expires {
        Some(end) if door.is_over(now) => format!(", ended {}", minutes(end as f64)),
        Some(end) => format!(", until {}", minutes(end as f64)),
        None => String::new(),
    }
}

impl Add {
    fn run(self) -> Result<(), CliError> {
        if !is_name(&self.name) {
            return Err(CliError::new(
                format!("No door is called {}", shown(&self.name)),
                format!(
                    "Use at most {DOOR_NAME_MAX} letters, digits, `-`, `_` and `.`, a letter or a \
                     digit first."
                ),
            ));
        }
        let keys = keys(&self.keys)?;
        let session = self.gateway.session()?;
        let place = session.place(&super::session::or_stdin(self.place.clone())?)?;
        let object = session.must_look(&place)?;
        let cap = object.cap().and_then(|cap| Cap::parse(cap).ok());
        let cap = cap.filter(Cap::is_directory).ok_or_else(|| {
            CliError::new(
                format!("{} is no directory", place.shown()),
                "A door opens a directory: make one with `tahoe mkdir`.",
            )
        })?;
        let rights = match (self.read_only || !cap.is_writable(), self.append_only) {
            (true, _) => Rights::Read,
            (false, true) => Rights::Append,
            (false, false) => Rights::Write,
        };
        let expires = self.expires.map(|time| Clock::System.now().saturating_add(time));
        let secret = Secret::new();
        let door = Door::new((&self.name, &cap), rights, expires, &secret).with_keys(&cap, &keys);
        let basedir = session.basedir()?;
        add(basedir, &door)?;
        if !rights_asked(rights, &self) {
            summary("The capability only reads, so the door only reads.")?;
        }
        settings(basedir, &door, Some(&secret))
    }
}

/// The keys in files such as `id_ed25519.pub`, of which each may have several.
fn keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, CliError> {
    let mut keys = Vec::new();
    for file in files {
        let mut text = String::new();
        let read = LocalFile::open(file)?.take(KEYS_FILE_MAX).read_to_string(&mut text);
        read.map_err(|error| unreadable(file, &error))?;
        let (lines, before) = (text.lines().map(str::trim), keys.len());
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            keys.push(PublicKey::parse(line).ok_or_else(|| no_key(file))?);
        }
        if keys.len() == before {
            return Err(no_key(file));
        }
    }
    match keys.len() <= DOOR_KEYS_MAX {
        true => Ok(keys),
        false => Err(CliError::new(
            format!("A door has at most {DOOR_KEYS_MAX} keys"),
            "Make further doors for the others.",
        )),
    }
}

fn no_key(file: &Path) -> CliError {
    CliError::new(
        format!("{} is no public key of a kind that opens doors", path_shown(file)),
        format!("Kinds are {}: `ssh-keygen -t ed25519` makes one.", KEY_KINDS.join(", ")),
    )
}

fn rights_asked(rights: Rights, asked: &Add) -> bool {
    rights != Rights::Read || asked.read_only
}

fn add(basedir: &Basedir, door: &Door) -> Result<(), CliError> {
    let _alone = aliases::lock(&basedir.join("private"))?;
    let text = read(basedir)?;
    let book = Book::parse(&text);
    if book.named(&door.name).is_some() {
        return Err(CliError::new(
            format!("There is a door {} already", door.name),
            format!("Remove it with `tahoe door remove {}`, or use another name.", door.name),
        ));
    }
    if book.doors().len() >= DOORS_MAX {
        return Err(CliError::new(
            format!("There are {DOORS_MAX} doors, and no node has more"),
            "Remove some with `tahoe door remove`.",
        ));
    }
    let text = [text.trim_end(), &line(door)].join("\n");
    Ok(basedir.write_secret(FILE, text.trim_start())?)
}

impl Show {
    fn run(self) -> Result<(), CliError> {
        let basedir = self.node.open()?;
        let book = Book::parse(&read(&basedir)?);
        let door = book.named(&self.name).ok_or_else(|| no_such(&self.name))?;
        settings(&basedir, door, None)
    }
}

impl Remove {
    fn run(self) -> Result<(), CliError> {
        let basedir = self.node.open()?;
        let _alone = aliases::lock(&basedir.join("private"))?;
        let (mut text, mut failures) = (read(&basedir)?, Failures::default());
        for name in &self.names {
            match without(&text, name) {
                Some(left) => text = left,
                None => failures.note(Err(no_such(name))),
            }
        }
        basedir.write_secret(FILE, &text)?;
        failures.end()
    }
}

fn no_such(name: &str) -> CliError {
    CliError::new(format!("There is no door {}", shown(name)), "`tahoe door list` lists them.")
}

/// Whether the node runs, with a gateway.
fn is_running(basedir: &Basedir) -> Result<bool, CliError> {
    Ok(basedir.read("node.url")?.is_some() && lock::is_running(basedir)?)
}

/// Where the doors of a node are; a node that runs is waited for a little.
fn address(basedir: &Basedir) -> Result<Option<String>, CliError> {
    for _ in 0..if is_running(basedir)? { OPENING } else { 1 } {
        if let Some(url) = basedir.read(DOORS_URL)? {
            return Ok(Some(url));
        }
        std::thread::sleep(STEP);
    }
    Ok(None)
}

/// The same for SFTP.
fn sftp(out: &mut Output, basedir: &Basedir, (door, url): (&Door, &str)) -> Result<(), CliError> {
    let host = url.trim_start_matches("sftp://");
    let keys = match door.key_count() {
        0 => "",
        1 => ", or its key",
        _ => ", or one of its keys",
    };
    out.line(format_args!("SFTP     sftp://{}@{host}", door.name))?;
    out.line(format_args!("         the same password{keys}"))?;
    if let Some(fingerprint) = basedir.read(HOST_KEY_FINGERPRINT)? {
        out.line(format_args!("         host key {fingerprint}"))?;
    }
    Ok(())
}

/// What programs need to use a door.
fn settings(basedir: &Basedir, door: &Door, secret: Option<&Secret>) -> Result<(), CliError> {
    let address = address(basedir)?;
    let url = address.as_deref().unwrap_or(UNSTARTED);
    let (scheme, host) = url.split_once("://").unwrap_or(("http", url));
    let (name, host) = (&door.name, host.trim_end_matches('/'));
    let may = format!("{}{}", may(door.rights), until(door, Clock::System.now()));
    let password = secret.map_or("SECRET", Secret::reveal);
    let mut out = Output::new();
    out.line(format_args!("Door {name} {may}."))?;
    match secret {
        Some(_) => out.line("Its secret is shown now and never again.\n")?,
        None => out.line("Its secret was shown when it was made.\n")?,
    }
    out.line(format_args!("WebDAV   {scheme}://{host}/dav/{name}/"))?;
    out.line(format_args!("         user {name}, password {password}"))?;
    out.line(format_args!("restic   rest:{scheme}://{name}:{password}@{host}/restic/{name}/"))?;
    out.line(format_args!("S3       {scheme}://{host}, path style, any region"))?;
    let (id, key) = match secret {
        Some(secret) => (secret.access_key_id(), secret.secret_access_key()),
        None => ("ACCESS-KEY-ID".to_owned(), "SECRET-ACCESS-KEY".to_owned()),
    };
    out.line(format_args!("         access key id      {id}"))?;
    out.line(format_args!("         secret access key  {key}"))?;
    if let Some(url) = basedir.read(SFTP_URL)? {
        sftp(&mut out, basedir, (door, &url))?;
    }
    out.finish()?;
    if address.is_none() {
        return summary(match is_running(basedir)? {
            true => "The node runs and does not listen for doors; logs/node.log says why.",
            false => {
                "It opens once the node runs with a gateway; `tahoe door show` then tells the port."
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_keys_has_one_at_least_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICSm6cnCrvMiXJ1+amrWn5rbsuZO3r1O7niwYBXdwfCQ me";
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            keys(std::slice::from_ref(&file)).map(|keys| keys.len())
        };
        assert_eq!(read(&format!("# mine\n\n{key}\n  {key}\r\n")).unwrap(), 2);
        for bad in ["", "# mine\n", "-----BEGIN OPENSSH PRIVATE KEY-----\n", &format!("{key}\nx")] {
            let told = read(bad).unwrap_err().what();
            assert!(told.contains("no public key of a kind"), "{bad:?}: {told}");
        }
    }
}
