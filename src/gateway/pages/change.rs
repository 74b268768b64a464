//! Children of one directory changed by one form: deleted, moved, copied or renamed.

use super::super::answer::{Failure, redirect};
use super::super::asked::Asked;
use super::moving::{destination, names};
use crate::cap::Cap;
use crate::files::Address;
use crate::grid::dirnode::Replace;
use crate::grid::dirnode::writable;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;

/// `POST DIR?t=change` with `do=`, `name=` or `item=` once for each child, and `to=` where it is needed.
pub async fn change(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let names = names(asked)?;
    let dir = asked.files.dir(address).await?;
    let back = address.path();
    let to = match asked.arguments.get("do") {
        Some("delete") => delete(asked, &back, &dir, &names).await?,
        Some("move") => {
            relocate(asked, &dir, &names).await?;
            back
        }
        Some("copy") => {
            let to = asked.files.dir(&target(asked)?).await?;
            writable(&to)?;
            asked.files.copy(&dir, &to, names).await?;
            back
        }
        Some("rename") => {
            rename(asked, &dir, &names).await?;
            asked.arguments.when_done()?.map_or(back, str::to_owned)
        }
        _ => return Err(Failure::bad_request("do= takes delete, move, copy or rename.")),
    };
    Ok(redirect(StatusCode::SEE_OTHER, &to))
}

/// Moves children; the refusal says which stayed.
async fn relocate(asked: &Asked<'_>, from: &Cap, names: &[String]) -> Result<(), Failure> {
    let stayed = asked.files.relocate_all((from, names), &target(asked)?, Replace::No).await?;
    let Some((_, first)) = stayed.first() else { return Ok(()) };
    let first = Failure::from(first.clone());
    if names.len() == 1 {
        return Err(first);
    }
    const SHOWN: usize = 10;
    let mut list: Vec<_> = stayed.iter().take(SHOWN).map(|(name, _)| format!("“{name}”")).collect();
    if stayed.len() > SHOWN {
        list.push(format!("{} more", stayed.len() - SHOWN));
    }
    let text = format!(
        "{} of {} were moved. These stayed where they are: {}. The first, because: {}",
        names.len() - stayed.len(),
        names.len(),
        list.join(", "),
        first.text,
    );
    Err(Failure { text, ..first })
}

async fn rename(asked: &Asked<'_>, dir: &Cap, names: &[String]) -> Result<(), Failure> {
    let [name] = names else {
        return Err(Failure::bad_request("One thing at a time can be renamed."));
    };
    let to = asked.arguments.get("to_name").unwrap_or_default().trim();
    if to.is_empty() || to.contains('/') {
        return Err(Failure::bad_request("A name must not be empty and may not contain a slash."));
    }
    writable(dir)?;
    Ok(asked.files.directories().relink((dir, name), (dir, to), Replace::No).await?)
}

/// The address that `to=` gives.
fn target(asked: &Asked<'_>) -> Result<Address, Failure> {
    destination(asked, asked.arguments.filled("to").unwrap_or_default())
}

/// Unlinks what is named, which is kept for a while; where to go then. What somebody else was quicker
/// with is gone all the same.
async fn delete(
    asked: &Asked<'_>,
    back: &str,
    dir: &Cap,
    names: &[String],
) -> Result<String, Failure> {
    writable(dir)?;
    asked.files.directories().unlink_all(dir, names).await?;
    let token = asked.files.last_undo();
    Ok(token.map_or_else(|| back.to_owned(), |token| format!("{back}?deleted={token}")))
}
