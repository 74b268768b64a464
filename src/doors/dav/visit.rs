//! A request on its way: who asks for what, what is expected to be there, and what is.
//!
//! Every change is decided on what was seen and made only if that is still there; if others were first,
//! it is decided anew. So of two who replace the same, each replaces what it has seen or hears that it
//! does not, and no property of one is lost by the other's.

use super::super::error::DoorError;
use super::super::opened::Opened;
use super::super::request::Asked;
use super::super::seen::{Seen, There};
use super::href::{self, href};
use super::locks::{Claim, Locks, Touch};
use super::refusal::Refusal;
use super::wish::{Expected, Wish};
use crate::base::system::Clock;
use crate::files::For;
use crate::grid::Code;
use crate::grid::dirnode::{Child, Target};
use crate::http::conditions::{Conditions, Current, Outcome};
use crate::http::tag::entity_tag;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use std::collections::HashMap;

/// A request and what it says.
pub struct Visit<'a> {
    pub door: &'a Opened,
    pub asked: &'a Asked<'a>,
    pub clock: &'a Clock,
    pub claim: Claim,
    host: Option<String>,
    wish: Wish,
    conditions: Conditions,
    /// Where the addresses of the `If` header lead to, and what is there.
    named: HashMap<String, (Vec<String>, Current)>,
}

/// How deep a request goes, as its `Depth` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Zero,
    One,
    Infinity,
}

impl<'a> Visit<'a> {
    pub async fn new(
        door: &'a Opened,
        asked: &'a Asked<'a>,
        (locks, clock): (&Locks, &'a Clock),
    ) -> Result<Self, Refusal> {
        let wish = Wish::of(asked.headers())?;
        let tokens = wish.tokens().map(str::to_owned).collect();
        // Where nothing ever changes there are no locks.
        let place = door.directory_id().unwrap_or_default();
        let claim = locks.claim((place, &door.door_id), clock, tokens);
        let host = href::host(asked.request.uri(), asked.header(header::HOST));
        let conditions = Conditions::of(asked.headers());
        let named = HashMap::new();
        let mut visit = Self { door, asked, clock, claim, host, wish, conditions, named };
        visit.look_at_named().await?;
        Ok(visit)
    }

    async fn look_at_named(&mut self) -> Result<(), Refusal> {
        let addresses: Vec<String> = self.wish.addresses().into_iter().map(str::to_owned).collect();
        for address in addresses {
            let Ok(path) = self.path(&address) else { continue };
            let current = match self.look(&path, For::Reading).await {
                Ok(seen) => current(seen.child()),
                Err(error) if error.status() == StatusCode::NOT_FOUND => Current::Nothing,
                Err(error) => return Err(error.into()),
            };
            self.named.insert(address, (path, current));
        }
        Ok(())
    }

    /// The path that an address leads to.
    pub fn path(&self, address: &str) -> Result<Vec<String>, Refusal> {
        href::path(&self.door.name, self.host.as_deref(), address)
    }

    /// What is there now.
    pub async fn look(&self, path: &[String], why: For) -> Result<Seen, DoorError> {
        self.door.look(path, why).await
    }

    /// Refuses what does not find there what it expects. `Known` only where it asks to be told that it
    /// has it.
    pub fn expect(&self, seen: &Seen) -> Result<Outcome, Refusal> {
        let now = match seen.there {
            There::Root => Current::Untagged,
            _ => current(seen.child()),
        };
        if !self.wish.holds(|address, what| self.is(address, what, &now)) {
            return Err(Refusal::UNMET);
        }
        match self.conditions.judge(&now) {
            Outcome::Unmet => Err(Refusal::UNMET),
            outcome => Ok(outcome),
        }
    }

    /// The same of a change.
    pub fn expect_to_change(&self, seen: &Seen) -> Result<(), Refusal> {
        match self.expect(seen)? {
            Outcome::Met => Ok(()),
            Outcome::Known | Outcome::Unmet => Err(Refusal::UNMET),
        }
    }

    fn is(&self, address: Option<&str>, what: &Expected, now: &Current) -> bool {
        let (path, current) = match address {
            None => (&self.asked.path, now),
            Some(address) => match self.named.get(address) {
                Some((path, _)) if *path == self.asked.path => (path, now),
                Some((path, current)) => (path, current),
                None => return false,
            },
        };
        match what {
            Expected::Token(token) => self.claim.has(path, token),
            Expected::Tag(tag) => matches!(current, Current::Tagged(now) if now == tag),
        }
    }

    /// Refuses a change that a lock is in the way of.
    pub fn permit(&self, path: &[String], touch: Touch) -> Result<(), Refusal> {
        self.claim.permit(path, touch).map_err(|at| self.locked(&at))
    }

    pub fn locked(&self, path: &[String]) -> Refusal {
        Refusal::locked(href(&self.door.name, path, path.is_empty()))
    }

    /// Whether what was decided is to be decided anew, since others were first; what went wrong else.
    pub fn overtaken(
        &self,
        error: DoorError,
        (path, touch): (&[String], Touch),
    ) -> Result<(), Refusal> {
        // Somebody may have locked it meanwhile.
        self.permit(path, touch)?;
        match error.code() {
            Code::Unmet | Code::Conflict => Ok(()),
            _ => Err(error.into()),
        }
    }

    /// Without the header everything is meant.
    pub fn depth(&self) -> Result<Depth, Refusal> {
        match self.header("depth").map(str::trim) {
            Some("0") => Ok(Depth::Zero),
            Some("1") => Ok(Depth::One),
            Some(text) if text.eq_ignore_ascii_case("infinity") => Ok(Depth::Infinity),
            None => Ok(Depth::Infinity),
            Some(_) => Err(Refusal::bad("The Depth header makes no sense.")),
        }
    }

    /// A header that is not among the common ones.
    pub fn header(&self, name: &'static str) -> Option<&'a str> {
        self.asked.header(HeaderName::from_static(name))
    }
}

/// What holds of a link at the moment of a change: it is what was seen, and no lock is in the way.
pub fn still<'s>(
    seen: Option<&Child>,
    claim: &Claim,
    path: &'s [String],
    touch: Touch,
) -> impl Fn(Option<&Child>) -> bool + Sync + use<'s> {
    let (seen, claim) = (seen.cloned(), claim.clone());
    move |now| is_same(seen.as_ref(), now) && claim.permit(path, touch).is_ok()
}

fn is_same(seen: Option<&Child>, now: Option<&Child>) -> bool {
    let opens = |child: &&Child| !matches!(child.target, Target::Unknown { rw: None, ro: None });
    seen.filter(opens) == now.filter(opens)
}

/// The entity tag of what is there.
pub fn current(child: Option<&Child>) -> Current {
    match child.map(|child| tag(&child.target)) {
        None => Current::Nothing,
        Some(None) => Current::Untagged,
        Some(Some(tag)) => Current::Tagged(tag),
    }
}

/// The entity tag of a file.
pub fn tag(target: &Target) -> Option<String> {
    target.file().map(|cap| entity_tag(cap, ""))
}
