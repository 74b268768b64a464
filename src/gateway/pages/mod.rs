//! Pages for people: rendered here, whole without scripts, and embedded in the program.
//!
//! A page is a file here, a template in `web/templates` and perhaps a script in `web/static`. The
//! templates escape everything that is put into them; what a script does, a form does as well.
//!
//! - [`home`], [`files`], [`view`], [`info`], [`grid`], [`activity`], [`provisioning`]: the pages
//! - [`shown`]: PDFs in a frame
//! - [`share`], [`forms`], [`moving`], [`open`]: dialogs, each a page of its own
//! - [`change`], [`deleted`]: many children changed at once, and what was deleted put back
//! - [`join`]: a node that has no introducer yet
//! - [`checked`], [`error`], [`simple`]: what a check found, refusals for browsers, small results
//! - [`visit`]: who looks at them
//! - [`assets`], [`crumbs`], [`kind`], [`order`], [`words`], [`markdown`], [`plan`], [`qr`]: what they share

pub mod activity;
pub mod assets;
pub mod change;
pub mod checked;
pub mod crumbs;
pub mod deleted;
pub mod error;
pub mod files;
pub mod forms;
pub mod grid;
pub mod home;
pub mod info;
pub mod join;
pub mod kind;
pub mod markdown;
pub mod moving;
pub mod open;
pub mod order;
pub mod plan;
pub mod provisioning;
pub mod qr;
pub mod safety;
pub mod share;
pub mod shown;
pub mod simple;
pub mod view;
pub mod visit;
pub mod words;

use super::answer::{Failure, page};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

/// What all pages have around them.
pub struct Frame {
    pub title: String,
    /// The entry of the main navigation that this page belongs to.
    pub here: &'static str,
    /// What its forms show, for a browser that is logged in.
    pub form_token: Option<String>,
}

impl Frame {
    pub fn new(title: impl Into<String>, here: &'static str) -> Self {
        Self { title: title.into(), here, form_token: visit::current().form_token }
    }

    /// The field that all forms have which change something; HTML.
    pub fn proof(&self) -> String {
        let field =
            |token| format!("<input type=\"hidden\" name=\"form-token\" value=\"{token}\">");
        self.form_token.as_deref().map(field).unwrap_or_default()
    }

    /// The address of a file of `web/static`.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }
}

/// A page made of a template.
pub fn show(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Failure> {
    Ok(page(status).body(render(template)? + "\n"))
}

/// The text of a template. It is written into memory, so only a bug can make it fail.
pub fn render(template: &impl Template) -> Result<String, Failure> {
    template.render().map_err(|_| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made.")
    })
}
