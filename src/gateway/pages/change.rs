//! Children of one directory changed by one form: deleted, moved, copied or renamed.

use super::super::address::Address;
use super::super::answer::{Failure, redirect};
use super::super::asked::Asked;
use super::super::object::{Moved, writable};
use super::moving::{destination, names};
use crate::cap::Cap;
use crate::grid::dirnode::{NewEntry, Replace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;

/// `POST DIR?t=change` with `do=`, `name=` or `item=` once for each child, and `to=` where it is needed.
pub async fn change(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let names = names(asked)?;
    let dir = asked.dir(address).await?;
    let back = address.path();
    let to = match asked.arguments.get("do") {
        Some("delete") => delete(asked, &back, &dir, &names).await?,
        Some("move") => {
            writable(&dir)?;
            let moved = asked.moved(&dir, &names).await?;
            let to = target(asked, &moved).await?;
            relocate(asked, &dir, &to, &names).await?;
            back
        }
        Some("copy") => {
            copy(asked, &dir, &target(asked, &[]).await?, names).await?;
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
        if let Err(error) = asked.directories.relink((from, name), (to, name), Replace::No).await {
            stayed.push(name);
            first.get_or_insert(Failure::from(error));
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
    Ok(asked.directories.relink((dir, name), (dir, to), Replace::No).await?)
}

/// The directory that `to=` names, outside of what is to be moved there.
async fn target(asked: &Asked<'_>, moved: &[Moved]) -> Result<Cap, Failure> {
    let to = destination(asked, asked.arguments.filled("to").unwrap_or_default())?;
    let to = asked.dir_outside(&to, moved).await?;
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
    asked.directories.unlink_all(dir, names).await?;
    let token = asked.keeping.token();
    Ok(token.map_or_else(|| back.to_owned(), |token| format!("{back}?deleted={token}")))
}

async fn copy(asked: &Asked<'_>, from: &Cap, to: &Cap, names: Vec<String>) -> Result<(), Failure> {
    let mut entries = Vec::new();
    for name in names {
        let child = asked.directories.get(from, &name).await?;
        let child = child.ok_or_else(|| Failure::no_such_child(&name))?;
        let name = if from == to { another(&name) } else { name };
        entries.push(NewEntry { name, target: child.target, metadata: Some(child.metadata) });
    }
    asked.directories.set(to, entries, Replace::No).await?;
    Ok(())
}

/// The name of a copy beside its original.
fn another(name: &str) -> String {
    beside(name, "copy")
}

/// A name that says what it is besides another of this name.
pub fn beside(name: &str, what: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem} ({what}).{ending}"),
        _ => format!("{name} ({what})"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_copy_keeps_its_ending() {
        assert_eq!(super::another("a.b.txt"), "a.b (copy).txt");
        assert_eq!(super::another(".profile"), ".profile (copy)");
    }
}
