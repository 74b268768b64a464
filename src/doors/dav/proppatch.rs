//! Setting and removing properties: all that a request asks for, in one change of the link, or nothing.

use super::super::error::DoorError;
use super::super::seen::There;
use super::super::xml::{Element, escaped};
use super::body::{in_xml, xml};
use super::href::href;
use super::locks::Touch;
use super::multistatus::{BEGIN, END, propstat};
use super::property::{Change, DAV, Name, changed};
use super::refusal::Refusal;
use super::visit::{Visit, still};
use super::write::CHANGING;
use crate::base::limits::DOOR_REDOS_MAX;
use crate::files::For;
use crate::grid::Code;
use crate::grid::dirnode::Replace;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

const PROTECTED: &str = "<D:error><D:cannot-modify-protected-property/></D:error>";

pub async fn answer(visit: &Visit<'_>, body: web::Payload) -> Result<HttpResponse, Refusal> {
    visit.door.may_remove()?;
    let changes = changes(xml(visit, body).await?.as_ref())?;
    let path = &visit.asked.path;
    for _ in 0..DOOR_REDOS_MAX {
        let seen = visit.look(path, For::Reading).await?;
        let is_directory = seen.is_directory();
        let child = match &seen.there {
            // There is no link that could keep any.
            There::Root => return Ok(told(visit, true, (&changes, &|_| StatusCode::FORBIDDEN))),
            There::Child(child) => child.clone(),
            There::Nothing | There::Orphan => {
                return Err(seen.missing().into());
            }
        };
        visit.expect_to_change(&seen)?;
        visit.permit(path, Touch::Itself)?;
        if !changes.iter().all(Change::is_allowed) {
            let status = |change: &Change| match change.is_allowed() {
                true => StatusCode::FAILED_DEPENDENCY,
                false => StatusCode::FORBIDDEN,
            };
            return Ok(told(visit, is_directory, (&changes, &status)));
        }
        let metadata = changed(&child.metadata, &changes);
        let holds = still(Some(&child), &visit.claim, path, Touch::Itself);
        let link = (child.target.clone(), metadata);
        match visit.door.link(seen.spot()?, link, Replace::Yes, &holds).await {
            Ok(_) => return Ok(told(visit, is_directory, (&changes, &|_| StatusCode::OK))),
            Err(error) if is_full(&error) => {
                let status = |_: &Change| StatusCode::INSUFFICIENT_STORAGE;
                return Ok(told(visit, is_directory, (&changes, &status)));
            }
            Err(error) => visit.overtaken(error, (path, Touch::Itself))?,
        }
    }
    Err(CHANGING)
}

/// A link has room for so much and no more.
fn is_full(error: &DoorError) -> bool {
    error.code() == Code::TooLarge
}

/// What became of a change.
type Judgement<'a> = &'a dyn Fn(&Change) -> StatusCode;

/// What became of each, those together of which the same is true.
fn told(
    visit: &Visit<'_>,
    is_directory: bool,
    (changes, status): (&[Change], Judgement<'_>),
) -> HttpResponse {
    let mut by_status: Vec<(StatusCode, Vec<Name>)> = Vec::new();
    for change in changes {
        let (status, name) = (status(change), change.name());
        match by_status.iter_mut().find(|(one, _)| *one == status) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => by_status.push((status, vec![name])),
        }
    }
    if by_status.is_empty() {
        by_status.push((StatusCode::OK, Vec::new()));
    }
    let href = href(&visit.door.name, &visit.asked.path, is_directory);
    let mut out = format!("{BEGIN}<D:response><D:href>{}</D:href>", escaped(&href));
    for (status, names) in by_status {
        let mut inside = String::new();
        names.iter().for_each(|name| name.write(&mut inside));
        let error = if status == StatusCode::FORBIDDEN { PROTECTED } else { "" };
        propstat(&mut out, &inside, status, error);
    }
    out.push_str("</D:response>\n");
    out.push_str(END);
    in_xml(StatusCode::MULTI_STATUS).body(out)
}

/// What the body asks for, in its order.
fn changes(body: Option<&Element>) -> Result<Vec<Change>, Refusal> {
    let body = body.filter(|body| body.is(DAV, "propertyupdate"));
    let body = body.ok_or(Refusal::bad("The body is no propertyupdate."))?;
    let mut changes = Vec::new();
    for instruction in body.children() {
        let properties = instruction.children().filter(|child| child.is(DAV, "prop"));
        let properties = properties.flat_map(Element::children);
        if instruction.is(DAV, "set") {
            changes.extend(properties.cloned().map(Change::Set));
        } else if instruction.is(DAV, "remove") {
            changes.extend(properties.map(Name::of).map(Change::Remove));
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_in_their_order() {
        let text = "<propertyupdate xmlns='DAV:'><set><prop><a/><b>c</b></prop></set><x/>\
                    <remove><prop><a/></prop></remove><set><prop/></set></propertyupdate>";
        let parsed = changes(Some(&Element::parse(text.as_bytes()).unwrap())).unwrap();
        let told: Vec<(bool, String)> = parsed
            .iter()
            .map(|change| (matches!(change, Change::Set(_)), change.name().name))
            .collect();
        let wanted = [(true, "a"), (true, "b"), (false, "a")];
        assert_eq!(told, wanted.map(|(set, name)| (set, name.to_owned())));
        assert!(changes(None).is_err());
        assert!(changes(Some(&Element::default())).is_err());
    }
}
