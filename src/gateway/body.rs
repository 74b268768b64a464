//! Request bodies: files into the spool, forms into arguments, JSON into memory.
//!
//! A form's file goes into the spool as it arrives, wherever it stands in the form; its other
//! fields are short and few.

use super::answer::Failure;
use super::args::Arguments;
use super::object::children;
use super::state::Gateway;
use crate::base::budget::Share;
use crate::base::limits::{
    CHILDREN_JSON_MAX, FORM_BODY_MAX, FORM_FIELD_MAX, FORM_FIELDS_MAX, WEB_BODY_STALL_TIME,
};
use crate::base::tally::Counted;
use crate::cap::Cap;
use crate::grid::UploadOptions;
use crate::grid::dirnode::{DirError, NewEntry};
use crate::http::spool::{self, Body, BodyError, Spool};
use actix_multipart::{Field, Multipart};
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::future::Future;

/// What a form brought.
#[derive(Default)]
pub struct Form {
    pub fields: Arguments,
    pub file: Option<FormFile>,
    /// There was a body, and it is no form.
    pub stray: bool,
    /// The memory of its fields.
    pub(super) held: Vec<Counted>,
}

/// The field `file` of a form.
pub struct FormFile {
    /// As the browser named it, without folders.
    pub name: Option<String>,
    pub body: Body,
}

impl Gateway {
    /// Takes the whole body in as a file.
    pub async fn take_file(
        &self,
        request: &HttpRequest,
        body: web::Payload,
    ) -> Result<Body, Failure> {
        self.take(&self.spool_for(request), body, spool::announced(request.headers())?).await
    }

    /// Times that keep strangers from holding places do not bind the owner.
    pub fn spool_for(&self, request: &HttpRequest) -> Spool {
        self.spool.bodies_of(self.owner.sent(request.headers()))
    }

    async fn take<E>(
        &self,
        spool: &Spool,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        announced: Option<u64>,
    ) -> Result<Body, Failure> {
        let hasher = || self.files.grid().body_hasher().ok();
        Ok(spool.receive(body, announced, &hasher).await?)
    }

    /// Stores a body that was taken in; its cap when it is safe on enough servers.
    pub async fn store(&self, body: Body) -> Result<Cap, Failure> {
        let (source, digest) = body.content.source();
        let options = UploadOptions { digest, ..UploadOptions::default() };
        Ok(self.files.store(source, options).await?.cap)
    }

    /// Takes in a JSON text that describes children, none if there is no body, and the room that is
    /// to be held until the directory has them.
    pub async fn take_children(
        &self,
        request: &HttpRequest,
        body: web::Payload,
    ) -> Result<(Vec<NewEntry>, Share), Failure> {
        let announced = spool::announced(request.headers())?;
        if announced.is_some_and(|length| length > CHILDREN_JSON_MAX) {
            return Err(BodyError::TooLarge(CHILDREN_JSON_MAX).into());
        }
        let body = self.take(&self.spool_for(request), body, announced).await?;
        let size = body.content.size();
        if size > CHILDREN_JSON_MAX {
            return Err(BodyError::TooLarge(CHILDREN_JSON_MAX).into());
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let mut room = self.files.directories().memory().change(length).await?;
        let parse = move || children::parse(&body.content, &mut room).map(|all| (all, room));
        self.files.grid().compute(length, parse).await.map_err(|_| DirError::CutOff)?
    }

    /// Takes in a short text, such as a cap.
    pub async fn take_text(&self, body: web::Payload) -> Result<String, Failure> {
        let (bytes, _held) = self.spool.short(body, FORM_FIELD_MAX).await?;
        String::from_utf8(bytes).map_err(|_| Failure::bad_request("The body is not UTF-8 text."))
    }

    /// Takes in a form of either kind; a body of another type is nobody's business.
    pub async fn take_form(
        &self,
        request: &HttpRequest,
        body: web::Payload,
    ) -> Result<Form, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "multipart/form-data" => {
                let parts = Multipart::new(request.headers(), body);
                self.take_multipart(&self.spool_for(request), parts).await
            }
            "application/x-www-form-urlencoded" => {
                let (bytes, held) = self.spool.short(body, FORM_BODY_MAX).await?;
                let text = String::from_utf8(bytes)
                    .map_err(|_| Failure::bad_request("The form is not UTF-8 text."))?;
                Ok(Form { fields: Arguments::parse(&text)?, held, ..Form::default() })
            }
            _ => {
                let mut body = body;
                let first = in_time(body.next()).await?;
                let stray = first.is_some_and(|piece| piece.is_ok_and(|piece| !piece.is_empty()));
                Ok(Form { stray, ..Form::default() })
            }
        }
    }

    async fn take_multipart(&self, spool: &Spool, mut parts: Multipart) -> Result<Form, Failure> {
        let mut form = Form::default();
        let mut count = 0;
        while let Some(part) = in_time(parts.next()).await? {
            let mut field = part.map_err(|_| broken_form())?;
            count += 1;
            if count > FORM_FIELDS_MAX {
                return Err(Failure::bad_request("The form has too many fields."));
            }
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" && form.file.is_none() {
                let name = file_name(&field);
                let body = self.take(spool, &mut field, None).await?;
                form.file = Some(FormFile { name, body });
            } else {
                let text = text_of(&mut field).await?;
                let held = self.spool.hold_memory(text.len()).ok_or_else(Failure::busy)?;
                Counted::join(&mut form.held, held);
                form.fields.push(&name, text);
            }
        }
        Ok(form)
    }
}

async fn text_of(field: &mut Field) -> Result<String, Failure> {
    let too_long = |_| Failure::bad_request("A field of the form is too long.");
    let bytes = in_time(field.bytes(FORM_FIELD_MAX)).await?.map_err(too_long)?;
    let bytes = bytes.map_err(|_| broken_form())?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Failure::bad_request("A field of the form is not UTF-8 text."))
}

/// What a browser calls a file; some send the folders as well.
fn file_name(field: &Field) -> Option<String> {
    let name = field.content_disposition()?.get_filename()?;
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

fn broken_form() -> Failure {
    Failure::bad_request("The form is broken or was cut off.")
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(WEB_BODY_STALL_TIME, work).await.map_err(|_| BodyError::TooSlow.into())
}
