//! Telling properties, of one thing or of all that is in a directory.

use super::super::book::Rights;
use super::super::room::Room;
use super::super::seen::There;
use super::super::xml::Element;
use super::body::{in_xml, xml};
use super::href::href;
use super::locks::{Claim, Lock};
use super::multistatus::{BEGIN, END, Shown, Wanted, response};
use super::property::{DAV, Live, Name, Thing};
use super::refusal::Refusal;
use super::visit::{Depth, Visit};
use crate::files::For;
use crate::grid::dirnode::{Child, Listing};
use crate::http::spill;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use std::io::Write;

/// Answers with properties.
pub async fn answer(visit: &Visit<'_>, body: web::Payload) -> Result<HttpResponse, Refusal> {
    let depth = visit.depth()?;
    let wanted = wanted(xml(visit, body).await?)?;
    let path = &visit.asked.path;
    let seen = visit.look(path, For::Reading).await?;
    let is_directory = seen.is_directory();
    let child = match &seen.there {
        There::Root => None,
        There::Child(child) => Some(child.clone()),
        There::Nothing | There::Orphan => {
            return Err(seen.missing().into());
        }
    };
    if is_directory && depth == Depth::Infinity {
        // Whoever wants a whole tree can ask for each directory, and stop.
        return Err(Refusal::Named(StatusCode::FORBIDDEN, "propfind-finite-depth", None));
    }
    // How much room there is says nothing to who adds nothing.
    let of_use = visit.door.may_add().is_ok() && asks_for_quota(&wanted);
    let quota = if of_use { Room::of(visit.door).await } else { None };
    let listing = match is_directory && depth == Depth::One {
        true => Some(visit.door.list(path).await?),
        false => None,
    };
    let told = Told {
        door: visit.door.name.clone(),
        path: path.clone(),
        claim: visit.claim.clone(),
        lockable: visit.door.rights == Rights::Write,
        wanted,
        child,
        quota,
        listing,
    };
    let made = spill::answer(visit.door.spool(), in_xml(StatusCode::MULTI_STATUS), move |out| {
        told.write(out)
    });
    Ok(made.await?)
}

/// What the body asks for; without one, for everything.
fn wanted(body: Option<Element>) -> Result<Wanted, Refusal> {
    const BAD: &str = "The body is no propfind.";
    let Some(body) = body else { return Ok(Wanted::All(Vec::new())) };
    let named = |element: &Element| element.children().map(Name::of).collect::<Vec<_>>();
    let of = |name: &str| body.children().find(|child| child.is(DAV, name));
    if !body.is(DAV, "propfind") {
        return Err(Refusal::bad(BAD));
    }
    match (of("prop"), of("propname"), of("allprop")) {
        (Some(these), None, None) => Ok(Wanted::These(named(these))),
        (None, Some(_), None) => Ok(Wanted::Names),
        (None, None, Some(_)) => Ok(Wanted::All(of("include").map(named).unwrap_or_default())),
        _ => Err(Refusal::bad(BAD)),
    }
}

fn asks_for_quota(wanted: &Wanted) -> bool {
    let (Wanted::All(names) | Wanted::These(names)) = wanted else { return false };
    let of_room = |live| matches!(live, Live::QuotaAvailable | Live::QuotaUsed);
    names.iter().filter_map(Live::named).any(of_room)
}

/// What is told, and of what.
struct Told {
    door: String,
    path: Vec<String>,
    claim: Claim,
    lockable: bool,
    wanted: Wanted,
    /// None: the door's own directory.
    child: Option<Child>,
    quota: Option<Room>,
    listing: Option<Listing>,
}

impl Told {
    /// One thing after the other, so that only one is in memory as text.
    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        out.write_all(BEGIN.as_bytes())?;
        let mut text = String::new();
        let name = self.path.last().unwrap_or(&self.door);
        let covering = self.claim.covering(&self.path);
        let locks: Vec<&Lock> = covering.iter().collect();
        self.one(&mut text, (&self.path, name, self.child.as_ref()), &locks);
        out.write_all(text.as_bytes())?;
        if let Some(listing) = &self.listing {
            let (inherited, own) = self.claim.of_children(&self.path);
            let mut path = self.path.clone();
            for entry in &listing.entries {
                let own = own.get(&entry.name).into_iter().flatten();
                let locks: Vec<&Lock> = inherited.iter().chain(own).collect();
                path.push(entry.name.clone());
                text.clear();
                self.one(&mut text, (&path, &entry.name, Some(&entry.child)), &locks);
                path.pop();
                out.write_all(text.as_bytes())?;
            }
        }
        out.write_all(END.as_bytes())
    }

    fn one(
        &self,
        out: &mut String,
        (path, name, child): (&[String], &str, Option<&Child>),
        locks: &[&Lock],
    ) {
        let mut thing = Thing::new(name, child, self.lockable);
        thing.quota = self.quota;
        let href = href(&self.door, path, thing.is_directory);
        let root = super::href::href(&self.door, &[], false);
        response(out, &href, &Shown { thing: &thing, locks, root: &root }, &self.wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Wanted, u16> {
        let body = Element::parse(text.as_bytes()).unwrap();
        wanted(Some(body)).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn a_body_asks_for_one_thing() {
        let names = |all: &[&str]| {
            let name = |name: &&str| Name { namespace: DAV.to_owned(), name: (*name).to_owned() };
            all.iter().map(name).collect::<Vec<_>>()
        };
        let inside = |text: &str| parsed(&format!("<propfind xmlns='DAV:'>{text}</propfind>"));
        assert_eq!(wanted(None).unwrap(), Wanted::All(Vec::new()));
        assert_eq!(inside("<propname/>"), Ok(Wanted::Names));
        assert_eq!(inside("<prop><a/><b/></prop><x/>"), Ok(Wanted::These(names(&["a", "b"]))));
        assert_eq!(inside("<allprop/><include><a/></include>"), Ok(Wanted::All(names(&["a"]))));
        for bad in ["", "<allprop/><propname/>", "<prop xmlns='x:'/>", "<prop/><allprop/>"] {
            assert_eq!(inside(bad), Err(400), "{bad}");
        }
        assert_eq!(parsed("<propfind/>"), Err(400));
    }
}
