//! What a path names.

use super::super::answer::Failure;
use super::super::pages::assets;
use super::row::{At, Names};
use super::table::TABLE;
use crate::files::address::{Address, Root, decode_cap, percent_decode, split, word};

/// Something at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub at: At,
    pub names: Names,
}

impl Place {
    /// The file or directory, if it is one.
    pub const fn object(&self) -> Option<&Address> {
        match (self.at, &self.names) {
            (At::Object, Names::Address(address)) => Some(address),
            _ => None,
        }
    }
}

/// The place that a path names.
pub fn place(path: &str) -> Result<Place, Failure> {
    if let Some(address) = Address::at(path)? {
        return Ok(Place { at: At::Object, names: Names::Address(address) });
    }
    let (first, rest) = split(path);
    match (first.as_str(), rest.as_slice()) {
        ("cap", []) => plain("uri", &[]),
        ("file" | "named", []) => Err(Failure::no_file_cap()),
        ("file" | "named", [cap, rest @ ..]) => named(cap, rest.last().copied()),
        ("site", [cap, rest @ ..]) => {
            Ok(Place { at: At::Site, names: Names::Address(Address::of_cap(cap, rest)?) })
        }
        ("tahoe_css" | "webform_css" | "tahoe.css", []) => Ok(asset(assets::address("style.css"))),
        ("static", [file]) if assets::is_one(&format!("/static/{file}")) => {
            Ok(asset(&format!("/static/{file}")))
        }
        (first, rest) => plain(first, rest),
    }
}

/// A file by its cap; only the last name says something.
fn named(cap: &str, name: Option<&str>) -> Result<Place, Failure> {
    let name = name.filter(|name| !name.is_empty()).map(percent_decode).transpose()?;
    let address = Address { root: Root::Cap(decode_cap(cap)?), path: name.into_iter().collect() };
    Ok(Place { at: At::Named, names: Names::Address(address) })
}

fn asset(path: &str) -> Place {
    Place { at: At::Asset, names: Names::Words(vec![path.to_owned()]) }
}

/// A place that a row names word by word.
fn plain(first: &str, rest: &[&str]) -> Result<Place, Failure> {
    let fits = |path: &'static str| Some((At::Path(path), stand_for(path, first, rest)?));
    let paths = TABLE.iter().filter_map(|row| match row.at {
        At::Path(path) => Some(path),
        _ => None,
    });
    let (at, words) = paths.filter_map(fits).next().ok_or_else(Failure::not_found)?;
    let words = words.into_iter().map(percent_decode).collect::<Result<_, _>>()?;
    Ok(Place { at, names: Names::Words(words) })
}

/// What stands for the `*` of a pattern, if the rest is the same.
fn stand_for<'a>(pattern: &str, first: &str, rest: &[&'a str]) -> Option<Vec<&'a str>> {
    let mut wanted = pattern.trim_start_matches('/').split('/');
    if wanted.next() != Some(first) {
        return None;
    }
    let (mut found, mut rest) = (Vec::new(), rest.iter().copied());
    for part in wanted {
        match part {
            "**" => return Some(found.into_iter().chain(rest).collect()),
            "*" => found.push(rest.next()?),
            "" => {
                return matches!((rest.next(), rest.next()), (None | Some(""), None))
                    .then_some(found);
            }
            part if word(rest.next()?) != part => return None,
            _ => {}
        }
    }
    rest.next().is_none().then_some(found)
}
