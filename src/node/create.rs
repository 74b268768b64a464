//! Making node directories.

use super::basedir::{Basedir, BasedirError, Role, Synced};
use super::config::{PARAMETERS, parameters_text, port_file};
use super::kept::VDRIVE_FURL;
use crate::introducer::GridParameters;
use std::path::Path;

/// Where a node is to be reached; checked texts, written as they are.
#[derive(Default)]
pub struct Place {
    pub port: Option<u16>,
    /// `HOST:PORT` under which others reach the node.
    pub location: Option<String>,
    /// Where its gateway listens, or its page.
    pub webport: Option<String>,
}

/// What a new client is told.
#[derive(Default)]
pub struct Client {
    pub introducer: Option<String>,
    /// The vdrive server's furl; without it that of the introducer's node is used.
    pub vdrive: Option<String>,
    pub place: Place,
    pub nickname: Option<String>,
    pub no_storage: bool,
    pub sizelimit: Option<String>,
}

/// Makes an introducer's directory.
pub fn introducer(
    path: &Path,
    place: &Place,
    parameters: GridParameters,
) -> Result<Basedir, BasedirError> {
    let basedir = Basedir::create(path, Role::Introducer, Synced::Each)?;
    write_introducer(&basedir, place, parameters)?;
    Ok(basedir)
}

/// Makes the directory of a vdrive server of its own, which joins a grid if it is told where.
pub fn vdrive(
    path: &Path,
    place: &Place,
    introducer: Option<&str>,
) -> Result<Basedir, BasedirError> {
    let basedir = Basedir::create(path, Role::Vdrive, Synced::Each)?;
    write_place(&basedir, Role::Vdrive, place)?;
    if let Some(furl) = introducer {
        basedir.write_secret("introducer.furl", furl.trim())?;
    }
    Ok(basedir)
}

/// Makes a client's directory.
pub fn client(path: &Path, client: &Client) -> Result<Basedir, BasedirError> {
    let basedir = Basedir::create(path, Role::Client, Synced::Each)?;
    write_client(&basedir, client)?;
    Ok(basedir)
}

/// What an introducer is told, into its new directory.
pub(super) fn write_introducer(
    basedir: &Basedir,
    place: &Place,
    parameters: GridParameters,
) -> Result<(), BasedirError> {
    write_place(basedir, Role::Introducer, place)?;
    basedir.write(PARAMETERS, &parameters_text(parameters))
}

/// What a client is told, into its new directory.
pub(super) fn write_client(basedir: &Basedir, client: &Client) -> Result<(), BasedirError> {
    write_place(basedir, Role::Client, &client.place)?;
    if let Some(furl) = &client.introducer {
        basedir.write_secret("introducer.furl", furl.trim())?;
    }
    if let Some(furl) = &client.vdrive {
        basedir.write_secret(VDRIVE_FURL, furl.trim())?;
    }
    let values = [("nickname", &client.nickname), ("sizelimit", &client.sizelimit)];
    for (name, value) in values {
        if let Some(value) = value {
            basedir.write(name, value)?;
        }
    }
    if client.no_storage {
        basedir.write("debug_no_storage", "")?;
    }
    Ok(())
}

fn write_place(basedir: &Basedir, role: Role, place: &Place) -> Result<(), BasedirError> {
    if let Some(port) = place.port {
        basedir.write(port_file(role), &port.to_string())?;
    }
    if let Some(location) = &place.location {
        basedir.write("advertised_ip_addresses", location)?;
    }
    if let Some(webport) = &place.webport {
        basedir.write("webport", webport)?;
    }
    Ok(())
}
