//! One file, shown: pictures, films and sound by the browser, text by this page.
//!
//! The file itself is never part of the page. A picture or film is a resource of its own, which is
//! sent with a policy that lets it do nothing; text is escaped; Markdown becomes tags of ours alone.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::super::object::contents;
use super::super::sniff;
use super::crumbs::{Crumb, crumbs, title};
use super::files::{kind, raw};
use super::kind::Kind;
use super::order::natural;
use super::{Frame, markdown, show, words};
use crate::base::limits::PREVIEW_MAX;
use crate::cap::Cap;
use crate::files::Object;
use crate::files::address::{Address, percent_encode};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "view.html")]
struct View {
    frame: Frame,
    crumbs: Vec<Crumb>,
    summary: String,
    base: String,
    raw: String,
    download: String,
    before: Option<String>,
    after: Option<String>,
    kind: &'static str,
    shown: Shown,
    note: Option<&'static str>,
}

enum Shown {
    Image,
    Video,
    Audio,
    Pdf,
    Text(String),
    Markdown(String),
    Nothing,
}

/// Files beside this one.
#[derive(Default)]
struct Neighbours {
    before: Option<String>,
    after: Option<String>,
    place: Option<String>,
}

/// `GET …?t=view`
pub async fn view(
    asked: &Asked<'_>,
    address: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    let Some(cap) = object.target.file() else {
        return Err(Failure::bad_request("Only a file can be viewed."));
    };
    let name = match asked.arguments.filled("filename").or(address.name()) {
        Some(name) => name,
        None => contents::sniffed(asked, cap).await?,
    };
    let kind = Kind::of(name);
    let size = cap.size().unwrap_or_default();
    let (shown, note) = shown(asked, cap, kind).await?;
    let base = address.path();
    let filename = match (address.name(), name) {
        (None, name) => format!("filename={}", percent_encode(name)),
        (Some(_), _) => String::new(),
    };
    let with = |extra: &str| match (filename.as_str(), extra) {
        ("", "") => base.clone(),
        ("", extra) => format!("{base}?{extra}"),
        (filename, "") => format!("{base}?{filename}"),
        (filename, extra) => format!("{base}?{filename}&{extra}"),
    };
    let Neighbours { before, after, place } = neighbours(asked, address, object).await?;
    let place = place.map_or_else(String::new, |place| format!(" · {place}"));
    let title = match asked.arguments.filled("filename") {
        Some(name) if address.name().is_none() => name.to_owned(),
        _ if address.name().is_none() => "Shared file".to_owned(),
        _ => title(address),
    };
    let template = View {
        frame: Frame::new(title, "files"),
        crumbs: crumbs(address),
        summary: format!("{}{place}", words::size(size)),
        raw: match shown {
            Shown::Pdf => asked.gateway.pages.shown.path(cap),
            _ => with(""),
        },
        download: with("save=true"),
        base: base.clone(),
        before,
        after,
        kind: kind.icon(),
        shown,
        note,
    };
    show(StatusCode::OK, &template)
}

async fn shown(
    asked: &Asked<'_>,
    cap: &Cap,
    kind: Kind,
) -> Result<(Shown, Option<&'static str>), Failure> {
    match kind {
        Kind::Image => return Ok((Shown::Image, None)),
        Kind::Video => return Ok((Shown::Video, None)),
        Kind::Audio => return Ok((Shown::Audio, None)),
        Kind::Pdf => return Ok((Shown::Pdf, None)),
        kind if !kind.may_be_text() => return Ok((Shown::Nothing, None)),
        _ => {}
    }
    let size = cap.size().unwrap_or_default();
    let length = size.min(PREVIEW_MAX);
    let bytes = match length {
        0 => bytes::Bytes::new(),
        _ => asked.files.grid().open(cap).await?.read_all(0..length).await?,
    };
    let Some(text) = sniff::text(&bytes, length < size) else { return Ok((Shown::Nothing, None)) };
    let note = (length < size).then_some("Only the beginning is shown; download the file for all.");
    Ok(match kind {
        Kind::Markdown => (Shown::Markdown(markdown::to_html(text)), note),
        _ => (Shown::Text(text.to_owned()), note),
    })
}

async fn neighbours(
    asked: &Asked<'_>,
    address: &Address,
    object: &Object,
) -> Result<Neighbours, Failure> {
    let (Some(link), Some(above)) = (&object.link, address.parent()) else {
        return Ok(Neighbours::default());
    };
    // A file is shown whatever is the matter with those beside it.
    let Ok(listing) = asked.files.directories().list(link.dir.dir()).await else {
        return Ok(Neighbours::default());
    };
    let mut files: Vec<_> = listing
        .entries
        .iter()
        .filter(|entry| {
            !matches!(kind(&entry.name, &entry.child.target), Kind::Folder | Kind::Unknown)
        })
        .collect();
    files.sort_by(|a, b| natural(&a.name, &b.name));
    let Some(at) = files.iter().position(|entry| entry.name == link.name) else {
        return Ok(Neighbours::default());
    };
    let base = above.path();
    let href = |index: usize| files.get(index).map(|entry| format!("{}?t=view", raw(&base, entry)));
    Ok(Neighbours {
        before: at.checked_sub(1).and_then(href),
        after: href(at + 1),
        place: (files.len() > 1).then(|| format!("{} of {}", at + 1, files.len())),
    })
}
