//! The rows: who takes what.

use super::super::pages::forms::Asking;
use super::{Action, Made, Walk};

/// What a row is about; [`Place`](super::Place) without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Welcome,
    Uri,
    Object,
    Named,
    Site,
    Shown,
    Operation,
    Grid,
    Provisioning,
    Deleted,
    Join,
    Open,
    Help,
    Asset,
    Status,
    Transfer,
    Statistics,
    Storage,
    Helper,
    Login,
    Logout,
    Incident,
    Logs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

/// A method, the kind of place that takes it, the values of `t` (`*`: any), and what is done.
pub struct Row(pub Verb, pub At, pub &'static [&'static str], pub Action);

use Verb::{Delete, Get, Post, Put};

/// All rows; the first that fits counts.
pub const TABLE: &[Row] = &[
    Row(Get, At::Welcome, &["", "json"], Action::Welcome),
    // Things without a name.
    Row(Get, At::Uri, &["", "*"], Action::GoToCap),
    Row(Put, At::Uri, &["", "upload"], Action::PutUnlinked),
    Row(Put, At::Uri, &["mkdir"], Action::MakeUnlinked(Made::Empty)),
    Row(Post, At::Uri, &["", "upload"], Action::UploadUnlinked),
    Row(Post, At::Uri, &["mkdir"], Action::MakeUnlinked(Made::Empty)),
    Row(Post, At::Uri, &["mkdir-with-children"], Action::MakeUnlinked(Made::WithChildren)),
    Row(Post, At::Uri, &["mkdir-immutable"], Action::MakeUnlinked(Made::Immutable)),
    // Reading.
    Row(Get, At::Object, &[""], Action::Show),
    Row(Get, At::Object, &["json"], Action::Json),
    Row(Get, At::Object, &["uri"], Action::OwnCap),
    Row(Get, At::Object, &["readonly-uri"], Action::ReadCap),
    Row(Get, At::Object, &["info"], Action::Info),
    Row(Get, At::Object, &["rename-form"], Action::RenameForm),
    Row(Get, At::Object, &["manifest"], Action::RefreshCaps),
    Row(Get, At::Object, &["download"], Action::Download),
    Row(Get, At::Object, &["view"], Action::View),
    Row(Get, At::Object, &["share"], Action::Share),
    Row(Get, At::Object, &["new-folder"], Action::Ask(Asking::NewFolder)),
    Row(Get, At::Object, &["attach"], Action::Ask(Asking::Attach)),
    Row(Get, At::Object, &["upload-form"], Action::Ask(Asking::Upload)),
    Row(Get, At::Object, &["move-form"], Action::MoveForm),
    Row(Post, At::Object, &["move-form"], Action::MoveForm),
    Row(Get, At::Named, &[""], Action::Show),
    Row(Get, At::Named, &["json"], Action::Json),
    Row(Get, At::Named, &["uri"], Action::OwnCap),
    Row(Get, At::Named, &["readonly-uri"], Action::ReadCap),
    Row(Get, At::Named, &["info"], Action::Info),
    Row(Get, At::Site, &[""], Action::Site),
    Row(Get, At::Shown, &[""], Action::Frame),
    // Writing.
    Row(Put, At::Object, &[""], Action::Put),
    Row(Put, At::Object, &["uri"], Action::PutCap),
    Row(Put, At::Object, &["mkdir"], Action::PutDirectory),
    Row(Put, At::Object, &["upload"], Action::PutLocal),
    Row(Delete, At::Object, &[""], Action::Delete),
    Row(Post, At::Object, &["upload"], Action::Upload),
    Row(Post, At::Object, &["mkdir"], Action::Make(Made::Empty)),
    Row(Post, At::Object, &["mkdir-with-children"], Action::Make(Made::WithChildren)),
    Row(Post, At::Object, &["mkdir-immutable"], Action::Make(Made::Immutable)),
    Row(Post, At::Object, &["uri"], Action::Link),
    Row(Post, At::Object, &["delete", "unlink"], Action::Unlink),
    Row(Post, At::Object, &["remove-row"], Action::RemoveRows),
    Row(Post, At::Object, &["rename"], Action::Rename),
    Row(Post, At::Object, &["relink"], Action::Relink),
    Row(Post, At::Object, &["set_children", "set-children"], Action::SetChildren),
    Row(Post, At::Object, &["accept-rollback"], Action::AcceptRollback),
    Row(Post, At::Object, &["change"], Action::Change),
    Row(Post, At::Object, &["connect"], Action::Connect),
    // Checking, and everything below a directory.
    Row(Post, At::Object, &["check"], Action::Check),
    Row(Post, At::Object, &["stream-deep-check"], Action::Stream(Walk::Check)),
    Row(Post, At::Object, &["stream-manifest"], Action::Stream(Walk::Manifest)),
    Row(Post, At::Object, &["start-deep-check"], Action::Start(Walk::Check)),
    Row(Post, At::Object, &["start-manifest"], Action::Start(Walk::Manifest)),
    Row(Post, At::Object, &["start-deep-stats"], Action::Start(Walk::Stats)),
    Row(Post, At::Object, &["start-deep-size"], Action::Start(Walk::Size)),
    Row(Get, At::Operation, &["", "status"], Action::Operation),
    Row(Post, At::Operation, &["", "status"], Action::Operation),
    Row(Post, At::Operation, &["cancel"], Action::Cancel),
    // The node.
    Row(Get, At::Grid, &[""], Action::Grid),
    Row(Get, At::Provisioning, &[""], Action::Provisioning),
    Row(Post, At::Provisioning, &[""], Action::Provisioning),
    Row(Get, At::Deleted, &[""], Action::Deleted),
    Row(Post, At::Deleted, &[""], Action::PutBack),
    Row(Post, At::Join, &[""], Action::Join),
    Row(Get, At::Open, &[""], Action::Open),
    Row(Post, At::Open, &[""], Action::Open),
    Row(Get, At::Help, &[""], Action::Help),
    Row(Get, At::Asset, &[""], Action::Asset),
    Row(Get, At::Status, &["", "events", "json"], Action::Transfers),
    Row(Post, At::Status, &["json"], Action::Transfers),
    Row(Get, At::Transfer, &[""], Action::Transfer),
    Row(Get, At::Statistics, &["", "json", "openmetrics"], Action::Statistics),
    Row(Post, At::Statistics, &["json"], Action::Statistics),
    Row(Get, At::Storage, &["", "json"], Action::Storage),
    Row(Get, At::Helper, &["", "json"], Action::Helper),
    Row(Get, At::Login, &[""], Action::Login),
    Row(Post, At::Login, &[""], Action::NewLogin),
    Row(Post, At::Logout, &[""], Action::LogOut),
    Row(Post, At::Incident, &[""], Action::Incident),
    Row(Get, At::Logs, &[""], Action::Logs),
];
