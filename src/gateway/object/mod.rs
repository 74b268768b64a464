//! Files and directories: everything that is done to what an address names.
//!
//! - [`read`], [`contents`], [`describe`], [`page`], [`validator`]: looking
//! - [`write`], [`post`], [`unlinked`], [`children`]: changing
//! - [`archive`], [`unpack`]: whole trees as one file, out and in
//! - [`bad_t`]: what is said to a `t` that is none
//! - [`local`]: copying between the grid and the owner's own disk

pub mod archive;
pub mod bad_t;
pub mod children;
pub mod contents;
pub mod describe;
pub mod local;
pub mod page;
pub mod post;
pub mod read;
pub mod unlinked;
pub mod unpack;
pub mod validator;
pub mod write;

use super::answer::Failure;
use super::asked::Asked;
use crate::files::{FilesError, Spot};
use crate::grid::dirnode::{Child, Replace, Target};
use crate::http::conditions::{Conditions, Current};

impl Asked<'_> {
    /// Refuses a change that the request's conditions do not allow, before any work is done for it.
    pub fn check_conditions(&self, found: Option<&Target>) -> Result<(), Failure> {
        let now = found.map_or(Current::Nothing, validator::current);
        match Conditions::of(self.request.headers()).allow(&now) {
            true => Ok(()),
            false => Err(Failure::unmet()),
        }
    }

    /// Whether the request has conditions on what it is about.
    pub fn has_conditions(&self) -> bool {
        Conditions::of(self.request.headers()).are_there()
    }

    /// Whether the request's conditions allow a change, at the moment when it is made.
    pub fn condition(&self) -> impl Fn(Option<&Child>) -> bool + Sync + use<> {
        let conditions = Conditions::of(self.request.headers());
        move |old| conditions.allow(&validator::of_child(old))
    }

    /// Puts a child in its spot; whether it replaced another.
    pub async fn link(
        &self,
        spot: Spot,
        target: Target,
        replace: Replace,
    ) -> Result<bool, FilesError> {
        self.files.link(spot, target, replace, &self.condition()).await
    }
}
