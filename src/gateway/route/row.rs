//! What a row of the table says.

use super::super::answer::Failure;
use super::super::asked::{Answer, Asked};
use super::super::body::Form;
use super::super::object::read::{self, Look};
use crate::files::address::Address;
use crate::grid::dirnode::NewEntry;
use actix_web::{HttpResponse, web};
use std::fmt;

/// One thing that can be asked: a method, the kind of place that takes it, the values of `t` (`*`: any),
/// what it needs, and who answers.
pub struct Row {
    pub verb: Verb,
    pub at: At,
    pub ts: &'static [&'static str],
    pub needs: Needs,
    pub handler: Handler,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A path of words: `*` is any one, `**` all that follow, and a slash at the end may be left out.
    Path(&'static str),
    /// `/uri/CAP/…`, `/cap/CAP/…` and `/vdrive/…`: a file or directory.
    Object,
    /// `/file/CAP/…/NAME` and `/named/…`: a file, under whatever name.
    Named,
    /// `/site/CAP/…`: a page that somebody published.
    Site,
    /// `/static/…`: a file that pages need, by its path.
    Asset,
}

impl fmt::Display for At {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Path(path) => path,
            Self::Object => "/uri/CAP",
            Self::Named => "/file/CAP/NAME",
            Self::Site => "/site/CAP",
            Self::Asset => "/static/FILE",
        })
    }
}

/// What an address says beside the kind of place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// What stands for `*`, in order.
    Words(Vec<String>),
    Address(Address),
}

/// What a request must bring for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    pub who: Who,
    /// It changes something: no page of another site and no link has it done, and a form shows the
    /// token of its session.
    pub own_page: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whoever reaches the gateway: nothing of the node is told, or a secret is looked at.
    Anybody,
    /// Whom the gateway lets in without a token, where it does, and the owner.
    Admitted,
    Owner,
    /// The owner; nobody else learns what the place takes.
    OwnerAlone,
}

/// Who answers, by what is asked about.
pub enum Handler {
    /// The node; from what is known already.
    Page(for<'a> fn(&'a Asked<'a>) -> Result<HttpResponse, Failure>),
    /// The node, or what the words in place of `*` mean.
    Words(Take<[String]>),
    /// What an address names, or what is to be there.
    Address(Take<Address>),
    /// What is found at an address.
    Look(Look),
    /// What is found under a cap alone.
    LookNamed(Look),
}

/// Who answers, by what of the request's body is taken in for it.
pub enum Take<P: ?Sized + 'static> {
    /// Nothing; a form has given its arguments.
    Nothing(for<'a> fn(&'a Asked<'a>, &'a P) -> Answer<'a>),
    /// The body as it comes.
    Body(for<'a> fn(&'a Asked<'a>, &'a P, web::Payload) -> Answer<'a>),
    Form(for<'a> fn(&'a Asked<'a>, &'a P, Form) -> Answer<'a>),
    /// JSON whatever its type says: programs that send JSON often call it a form.
    Children(for<'a> fn(&'a Asked<'a>, &'a P, Vec<NewEntry>) -> Answer<'a>),
}

/// Something that is looked at.
pub const fn get(at: At, ts: &'static [&'static str], handler: Handler) -> Row {
    Row::new(Verb::Get, at, ts, handler)
}

pub const fn put(at: At, ts: &'static [&'static str], handler: Handler) -> Row {
    Row::new(Verb::Put, at, ts, handler).by_own_page()
}

pub const fn post(at: At, ts: &'static [&'static str], handler: Handler) -> Row {
    Row::new(Verb::Post, at, ts, handler).by_own_page()
}

pub const fn delete(at: At, ts: &'static [&'static str], handler: Handler) -> Row {
    Row::new(Verb::Delete, at, ts, handler).by_own_page()
}

/// What came with a request.
pub enum Came {
    Body(web::Payload),
    Form(Form),
    Children(Vec<NewEntry>),
}

impl Row {
    const fn new(verb: Verb, at: At, ts: &'static [&'static str], handler: Handler) -> Self {
        Self { verb, at, ts, needs: Needs { who: Who::Admitted, own_page: false }, handler }
    }

    /// For these alone, or for others too.
    pub const fn by(mut self, who: Who) -> Self {
        self.needs.who = who;
        self
    }

    /// It changes something, whatever its method says.
    pub const fn by_own_page(mut self) -> Self {
        self.needs.own_page = true;
        self
    }

    /// Whether the body describes children.
    pub const fn takes_children(&self) -> bool {
        matches!(
            self.handler,
            Handler::Words(Take::Children(_)) | Handler::Address(Take::Children(_))
        )
    }

    /// Answers a request for what these names say.
    pub async fn answer(
        &self,
        asked: &Asked<'_>,
        names: &Names,
        came: Came,
    ) -> Result<HttpResponse, Failure> {
        match (&self.handler, names) {
            (Handler::Page(page), _) => page(asked),
            (Handler::Words(take), Names::Words(words)) => take.answer(asked, words, came).await,
            (Handler::Address(take), Names::Address(at)) => take.answer(asked, at, came).await,
            (Handler::Look(show), Names::Address(at)) => read::look(asked, at, *show).await,
            (Handler::LookNamed(show), Names::Address(at)) => {
                read::look_named(asked, at, *show).await
            }
            // A test sees to it that no row is of two minds.
            _ => Err(Failure::not_found()),
        }
    }

    /// Whether the handler is for what its place names.
    #[cfg(test)]
    pub const fn is_of_one_mind(&self) -> bool {
        match self.handler {
            Handler::Page(_) => true,
            Handler::Words(_) => matches!(self.at, At::Path(_) | At::Asset),
            Handler::Address(_) => matches!(self.at, At::Object | At::Site),
            Handler::Look(_) => matches!(self.at, At::Object),
            Handler::LookNamed(_) => matches!(self.at, At::Named),
        }
    }
}

impl<P: ?Sized> Take<P> {
    async fn answer(
        &self,
        asked: &Asked<'_>,
        about: &P,
        came: Came,
    ) -> Result<HttpResponse, Failure> {
        match (self, came) {
            (Self::Nothing(handler), _) => handler(asked, about).await,
            (Self::Body(handler), Came::Body(body)) => handler(asked, about, body).await,
            (Self::Form(handler), Came::Form(form)) => handler(asked, about, form).await,
            (Self::Children(handler), Came::Children(all)) => handler(asked, about, all).await,
            // A form was taken in to find out what it is about, so the body is gone.
            _ => {
                let text = format!("t={} must stand in the query.", asked.arguments.t());
                Err(Failure::bad_request(text))
            }
        }
    }
}
