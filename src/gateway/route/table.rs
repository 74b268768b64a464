//! The rows: who takes what, and who answers.
//!
//! A new page is one more row: its path, and the function that draws it.

use super::super::answer::Failure;
use super::super::object::archive::Form as Archive;
use super::super::object::post::Made;
use super::super::object::{
    archive, bad_t, local, page, post as form, read, unlinked, unpack, write,
};
use super::super::pages::forms::{self, Asking};
use super::super::pages::{
    assets, change, deleted, grid, home, info, join, moving, open, provisioning, safety, share,
    shown, view,
};
use super::super::work::progress::Walk;
use super::super::work::{check, operations, restoring, walk};
use super::super::{login, public, status, welcome};
use super::row::Handler::{Look, LookNamed, Page, Words};
use super::row::Take::{Body, Children, Form, Nothing};
use super::row::{At, Handler, Row, Take, Who, delete, get, post, put};
use crate::files::address::Address;
use At::{Asset, Named, Object, Path, Site};
use std::future::ready;

/// Where what has no name yet is made.
pub const URI: At = Path("/uri");

/// A function of what is asked and what that is about.
macro_rules! does {
    ($do:path $(, $kind:expr)?) => {
        Nothing(|asked, about| Box::pin($do(asked, about $(, $kind)?)))
    };
}

/// The same, done at once.
macro_rules! tells {
    ($do:path) => {
        Nothing(|asked, about| Box::pin(ready($do(asked, about))))
    };
}

/// A change that says in a few words what it did.
macro_rules! said {
    ($do:path) => {
        Nothing(|asked, at| Box::pin(form::said(asked, at, $do(asked, at))))
    };
}

/// A form's answer, if the request's conditions allow it.
macro_rules! allowed {
    ($do:path) => {
        Nothing(|asked, at| Box::pin(form::allowed(asked, at, $do(asked, at))))
    };
}

/// A function of what is asked, what that is about, and what came or was found.
macro_rules! with {
    ($do:path $(, $kind:expr)?) => {
        |asked, about, given| Box::pin($do(asked, about, given $(, $kind)?))
    };
}

/// The same, done at once.
macro_rules! at_once {
    ($do:path $(, $kind:expr)?) => {
        |asked, about, given| Box::pin(ready($do(asked, about, given $(, $kind)?)))
    };
}

/// What an address names.
const fn of(take: Take<Address>) -> Handler {
    Handler::Address(take)
}

/// All rows; the first that fits counts.
pub static TABLE: &[Row] = &[
    get(Path("/"), &[""], Page(home::home)),
    get(Path("/"), &["json"], Words(does!(welcome::json))),
    // Things without a name.
    get(URI, &["", "*"], Page(unlinked::go)),
    put(URI, &["", "upload"], Words(Body(with!(unlinked::put)))),
    put(URI, &["mkdir"], Words(does!(unlinked::put_directory))),
    post(URI, &["", "upload"], Words(Form(with!(unlinked::upload)))),
    post(URI, &["mkdir"], Words(Form(with!(unlinked::make_empty)))),
    post(URI, &["mkdir-with-children"], Words(Children(with!(unlinked::make, Made::WithChildren)))),
    post(URI, &["mkdir-immutable"], Words(Children(with!(unlinked::make, Made::Immutable)))),
    // Reading.
    get(Object, &[""], Look(with!(read::show))),
    get(Object, &["json"], Look(with!(read::json))),
    get(Object, &["uri"], Look(at_once!(read::own_cap))),
    get(Object, &["readonly-uri"], Look(at_once!(read::read_cap))),
    get(Object, &["info"], Look(at_once!(info::info))),
    get(Object, &["rename-form"], Look(at_once!(read::rename_form))),
    get(Object, &["manifest"], Look(at_once!(read::refresh_caps))),
    get(Object, &["zip"], Look(with!(archive::send, Archive::Zip))),
    get(Object, &["tar"], Look(with!(archive::send, Archive::Tar))),
    get(Object, &["download"], of(does!(local::download))).by_own_page(),
    get(Object, &["view"], Look(with!(view::view))),
    get(Object, &["share"], Look(at_once!(share::share))),
    get(Object, &["new-folder"], Look(at_once!(forms::of_directory, Asking::NewFolder))),
    get(Object, &["attach"], Look(at_once!(forms::of_directory, Asking::Attach))),
    get(Object, &["unpack-form"], Look(at_once!(forms::of_directory, Asking::Unpack))),
    get(Object, &["upload-form"], Look(at_once!(forms::of_directory, Asking::Upload))),
    get(Object, &["move-form"], Look(|asked, at, _| Box::pin(moving::form(asked, at)))),
    post(Object, &["move-form"], of(allowed!(moving::form))),
    get(Named, &[""], LookNamed(with!(read::show))),
    get(Named, &["json"], LookNamed(with!(read::json))),
    get(Named, &["uri"], LookNamed(at_once!(read::own_cap))),
    get(Named, &["readonly-uri"], LookNamed(at_once!(read::read_cap))),
    get(Named, &["info"], LookNamed(at_once!(read::named_info))),
    get(Named, &["*"], LookNamed(at_once!(bad_t::refuse_found))),
    get(Site, &[""], of(does!(read::site))),
    get(Path("/shown/*"), &[""], Words(does!(shown::frame))),
    // Writing.
    put(Object, &[""], of(Body(with!(write::put)))),
    put(Object, &["uri"], of(Body(with!(write::put_cap)))),
    put(Object, &["mkdir"], of(does!(write::put_directory))),
    put(Object, &["upload"], of(does!(local::upload))),
    put(Object, &["tar"], of(Body(with!(unpack::put)))),
    delete(Object, &[""], of(does!(write::delete))),
    post(Object, &["upload"], of(Form(with!(form::upload)))),
    post(Object, &["unpack"], of(Form(with!(unpack::form)))),
    post(Object, &["mkdir"], of(does!(form::make_empty))),
    post(Object, &["mkdir-with-children"], of(Children(with!(form::make, Made::WithChildren)))),
    post(Object, &["mkdir-immutable"], of(Children(with!(form::make, Made::Immutable)))),
    post(Object, &["uri"], of(said!(form::link))),
    post(Object, &["delete", "unlink"], of(said!(form::unlink))),
    post(Object, &["remove-row"], of(said!(form::remove_rows))),
    post(Object, &["rename"], of(said!(form::rename))),
    post(Object, &["relink"], of(said!(form::relink))),
    post(Object, &["set_children", "set-children"], of(Children(with!(form::set_children)))),
    post(Object, &["accept-rollback"], of(said!(form::accept_rollback))).by(Who::Owner),
    post(Object, &["change"], of(allowed!(change::change))),
    post(Object, &["connect"], of(does!(page::connect))),
    // Checking, and everything below a directory.
    post(Object, &["check"], of(does!(check::one))),
    post(Object, &["stream-deep-check"], of(does!(walk::stream, Walk::Check))),
    post(Object, &["stream-manifest"], of(does!(walk::stream, Walk::Manifest))),
    post(Object, &["start-deep-check"], of(does!(operations::start, Walk::Check))),
    post(Object, &["start-manifest"], of(does!(operations::start, Walk::Manifest))),
    post(Object, &["start-deep-stats"], of(does!(operations::start, Walk::Stats))),
    post(Object, &["start-deep-size"], of(does!(operations::start, Walk::Size))),
    post(Object, &["restore-directory"], of(does!(restoring::stream))).by(Who::Owner),
    get(Object, &["*"], of(does!(bad_t::refuse))),
    put(Object, &["*"], of(does!(bad_t::refuse))),
    post(Object, &["*"], of(does!(bad_t::refuse))),
    get(Path("/operations/*/"), &["", "status"], Words(does!(operations::show))),
    post(Path("/operations/*/"), &["", "status"], Words(does!(operations::show))),
    post(Path("/operations/*/"), &["cancel"], Words(does!(operations::stop))),
    get(Path("/operations/*/*/"), &[""], Words(tells!(operations::show_one))),
    post(Path("/operations/*/*/"), &[""], Words(tells!(operations::show_one))),
    // The node.
    get(Path("/grid"), &[""], Words(does!(grid::grid))),
    get(Path("/provisioning"), &[""], Page(provisioning::provisioning)),
    post(Path("/provisioning"), &[""], Page(provisioning::provisioning)),
    get(Path("/deleted"), &[""], Page(deleted::page)),
    get(Path("/deleted"), &["json"], Page(deleted::listed)),
    post(Path("/deleted"), &["", "json"], Words(does!(deleted::act))),
    get(Path("/safety"), &["", "json", "events"], Page(safety::page)),
    post(Path("/safety"), &["run", "pause", "resume"], Page(safety::act)).by(Who::Owner),
    post(Path("/join"), &[""], Page(join::act)).by(Who::Owner),
    get(Path("/open"), &[""], Page(open::form)),
    post(Path("/open"), &[""], Page(open::go)),
    get(Path("/help"), &[""], Page(forms::help)),
    get(Asset, &[""], Words(tells!(assets::named))).by(Who::Anybody),
    get(Path("/static/**"), &["*"], Words(does!(public::serve))),
    get(Path("/status"), &["", "events", "json"], Page(status::transfers)),
    post(Path("/status"), &["json"], Page(status::transfers)),
    get(Path("/status/*/"), &[""], Words(tells!(status::transfer))),
    get(Path("/status/*/event_json"), &[""], Words(tells!(status::events))),
    get(Path("/statistics"), &["", "json", "openmetrics"], Page(status::statistics)),
    post(Path("/statistics"), &["json"], Page(status::statistics)),
    get(Path("/storage"), &["", "json"], Page(status::storage)),
    get(Path("/helper_status"), &["", "json"], Page(status::helper)),
    get(Path("/login"), &[""], Page(login::get)).by(Who::Anybody),
    post(Path("/login"), &[""], Page(login::post)).by(Who::Anybody),
    post(Path("/logout"), &[""], Page(login::end)),
    post(Path("/report_incident"), &[""], Page(status::incident)),
    get(Path("/private/logs/v1"), &[""], Page(status::logs)).by(Who::OwnerAlone),
    get(Path("/private/**"), &["*"], Page(|_| Err(Failure::not_found()))).by(Who::OwnerAlone),
];
