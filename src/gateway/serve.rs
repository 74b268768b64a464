//! The one path that every request takes: guard, route, answer.

use super::answer::Failure;
use super::args::Arguments;
use super::asked::Asked;
use super::guard;
use super::pages;
use super::pages::visit::{self, Visit};
use super::route::{self, Came, Place, Row, Who};
use super::state::Gateway;
use crate::base::budget::Share;
use crate::base::tally::Counted;
use crate::files::{Actor, Root};
use crate::http::connections;
use crate::http::listen::{Running, ServeError, Settings};
use crate::http::spill;
use crate::http::watched;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

impl Settings {
    /// Listens, and answers as this gateway.
    pub fn serve(self, gateway: Gateway) -> Result<Running, ServeError> {
        let listening = self.listen()?;
        if listening.exposed {
            tracing::warn!("the gateway listens to other machines without TLS, as `insecure` says");
        }
        gateway.owner.listens_at(&listening.url);
        let gateway = web::Data::new(gateway);
        listening.serve(move || routes(gateway.clone()))
    }
}

/// All that a gateway answers, for whatever takes the requests in.
pub fn routes(gateway: web::Data<Gateway>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(gateway).default_service(web::to(handle));
    }
}

/// Every request comes here. Nothing of it is logged but its method and the status it got.
async fn handle(
    request: HttpRequest,
    body: web::Payload,
    gateway: web::Data<Gateway>,
) -> HttpResponse {
    let refused = |failure| pages::error::respond(&request, failure);
    let owners = gateway.owner.sent(request.headers());
    let (body, served) = match watched::watch(&request, body, owners).await {
        Ok(watched) => watched,
        Err(error) => return error.error_response(),
    };
    let visit = Visit { form_token: gateway.owner.form_token(request.headers()) };
    let answer = visit::during(visit, async {
        respond(&request, body, &gateway).await.unwrap_or_else(refused)
    });
    let answer = spill::lighten(&gateway.spool, answer.await).await;
    let answer = answer.unwrap_or_else(|error| Failure::from(error).respond());
    tracing::debug!(method = %request.method(), status = answer.status().as_u16(), "request");
    watched::answered(answer, served)
}

async fn respond(
    request: &HttpRequest,
    body: web::Payload,
    gateway: &Gateway,
) -> Result<HttpResponse, Failure> {
    gateway.guard.check(request.method(), request.headers())?;
    let place = route::place(request.uri().path())?;
    let mut arguments = Arguments::parse(request.query_string())?;
    gateway.admit(request, &place)?;
    let Taken { row, came, held } = gateway.take_in(request, &place, &mut arguments, body).await?;
    gateway.check_needs(request, row, &arguments)?;
    let mut asked = gateway.asked(request, arguments)?;
    if matches!(came, Came::Children(_)) {
        asked.files = asked.files.without_waiting();
    }
    let answer = row.answer(&asked, &place.names, came).await;
    drop(held);
    answer
}

/// What came, and what it is for.
struct Taken {
    row: &'static Row,
    came: Came,
    held: Held,
}

/// The memory of what came, until it is answered: of a form's fields, and of children.
type Held = (Vec<Counted>, Option<Share>);

impl Gateway {
    /// Takes in what a request brings. What a POST is about may stand in its form, so that must be read
    /// first, unless the query says that the body is none.
    async fn take_in(
        &self,
        request: &HttpRequest,
        place: &Place,
        arguments: &mut Arguments,
        body: web::Payload,
    ) -> Result<Taken, Failure> {
        let is_post = *request.method() == Method::POST;
        let mut held: Held = (Vec::new(), None);
        let (row, came) = match route::row(request.method(), place, arguments.t()) {
            Err(failure) if !is_post || !arguments.t().is_empty() => return Err(failure),
            Ok(row) if !is_post => (row, Came::Body(body)),
            Ok(row) if row.takes_children() => {
                let (children, room) = self.take_children(request, body).await?;
                held.1 = Some(room);
                (row, Came::Children(children))
            }
            _ => {
                let mut form = self.take_form(request, body).await?;
                arguments.extend(std::mem::take(&mut form.fields));
                held.0 = std::mem::take(&mut form.held);
                (route::row(request.method(), place, arguments.t())?, Came::Form(form))
            }
        };
        Ok(Taken { row, came, held })
    }

    /// Refuses what only the owner may see to everybody else, before anything is said of it.
    fn admit(&self, request: &HttpRequest, place: &Place) -> Result<(), Failure> {
        let (headers, visitors) = (request.headers(), route::visitors(place));
        if visitors == Who::Anybody || self.owner.sent(headers) {
            return Ok(());
        }
        let private = visitors == Who::OwnerAlone
            || place.object().is_some_and(|address| address.root == Root::Private);
        if private || self.guard.is_closed(headers) || is_foreign(request) {
            return Err(Failure::token_wanted());
        }
        Ok(())
    }

    /// Refuses a request that does not bring what its row needs.
    fn check_needs(
        &self,
        request: &HttpRequest,
        row: &Row,
        arguments: &Arguments,
    ) -> Result<(), Failure> {
        let headers = request.headers();
        if row.needs.own_page {
            self.guard.check_change(request.method(), headers)?;
        }
        if *request.method() == Method::POST {
            self.owner.check_form(headers, arguments.get("form-token"))?;
        }
        match row.needs.who {
            Who::Owner | Who::OwnerAlone if !self.owner.sent(headers) => {
                Err(Failure::token_wanted())
            }
            _ => Ok(()),
        }
    }

    fn asked<'a>(
        &'a self,
        request: &'a HttpRequest,
        arguments: Arguments,
    ) -> Result<Asked<'a>, Failure> {
        let headers = request.headers();
        let mut files = self.files.clone();
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let (stranger, person) = (!self.owner.sent(headers), guard::by_browser(headers));
            files = files.acting(Actor { stranger, person });
        }
        if arguments.flag("allow-new-tub")? {
            // Only the user may say so, not a page that the user happens to look at.
            self.guard.check_change(request.method(), headers)?;
            files = files.allowing_new_tubs();
        }
        Ok(Asked { gateway: self, request, arguments, files })
    }
}

/// Whether a request comes from, or through, anything but a program of this node's own user. What takes
/// requests in without connections says itself whose they are.
fn is_foreign(request: &HttpRequest) -> bool {
    let connection = request.conn_data::<connections::Place>();
    guard::is_passed_on(request.version(), request.headers())
        || connection.is_some_and(|connection| !connection.is_own())
}
