//! Children of one directory changed by one form: deleted, moved, copied or renamed.

use super::super::answer::{Failure, redirect};
use super::super::asked::Asked;
use super::moving::{destination, names};
use crate::cap::Cap;
use crate::files::change::writable;
use crate::files::{Address, Moved};
use crate::grid::dirnode::Replace;
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
            writable(&dir)?;
            let moved = asked.files.moved(&dir, &names).await?;
            let to = target(asked, &moved).await?;
            relocate(asked, &dir, &to, &names).await?;
            back
        }
        Some("copy") => {
            asked.files.copy(&dir, &target(asked, &[]).await?, names).await?;
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

/// Moves children one after the other. One that cannot be moved keeps none of the others back; the
/// refusal says which stayed.
async fn relocate(
    asked: &Asked<'_>,
    from: &Cap,
    to: &Cap,
    names: &[String],
) -> Result<(), Failure> {
    let mut stayed: Vec<&str> = Vec::new();
    let mut first = None;
    for name in names {
        if let Err(error) =
            asked.files.directories().relink((from, name), (to, name), Replace::No).await
        {
            stayed.push(name);
            first.get_or_insert_with(|| Failure::from(error));
        }
    }
    let Some(first) = first else { return Ok(()) };
    if names.len() == 1 {
        return Err(first);
    }
    const SHOWN: usize = 10;
    let mut list: Vec<_> = stayed.iter().take(SHOWN).map(|name| format!("“{name}”")).collect();
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

/// The directory that `to=` names, outside of what is to be moved there.
async fn target(asked: &Asked<'_>, moved: &[Moved]) -> Result<Cap, Failure> {
    let to = destination(asked, asked.arguments.filled("to").unwrap_or_default())?;
    let to = asked.files.dir_outside(&to, moved).await?;
    writable(&to)?;
    Ok(to)
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
