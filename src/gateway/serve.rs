//! The one path that every request takes: guard, route, answer.

use super::address::Root;
use super::answer::Failure;
use super::args::Arguments;
use super::connections;
use super::guard::{self, Guard};
use super::history::History;
use super::listen::{Running, ServeError, Settings};
use super::object::post::{self, Came};
use super::object::{self, Asked, Object, bad_t, local, page, read, unlinked, validator, write};
use super::owner::Owner;
use super::pages::error::wants_page;
use super::pages::visit::{self, Visit};
use super::pages::{self, Pages, assets};
use super::public;
use super::route::{self, Action, Made, Place};
use super::spool::Spool;
use super::status::{self, StorageStatus};
use super::transfers::Transfers;
use super::trash::{Actor, Keeping};
use super::welcome::Status;
use super::work::operations::{self, Operations};
use super::work::{check, walk};
use super::{answer, spill, watched, welcome};
use crate::cap::Cap;
use crate::grid;
use crate::grid::dirnode::{Directories, Target};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use std::sync::Arc;

/// What a gateway needs to answer.
pub struct Gateway {
    pub grid: grid::Client,
    pub directories: Directories,
    pub roots: Arc<dyn Roots>,
    pub spool: Spool,
    pub transfers: Transfers,
    pub guard: Guard,
    pub owner: Owner,
    /// The owner may have the node read and write files on its own disk.
    pub allow_localfile: bool,
    pub history: History,
    pub operations: Operations,
    pub pages: Pages,
    /// The state of this node, for the welcome page.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
    /// What this node has stored for others, if it offers space.
    pub storage: Option<Arc<dyn Fn() -> StorageStatus + Send + Sync>>,
}

/// The directories that `/vdrive` names; they may become known while the node runs.
pub trait Roots: Send + Sync {
    /// The one that everybody in the grid shares.
    fn global(&self) -> Option<Cap>;

    /// The owner's.
    fn private(&self) -> Option<Cap>;
}

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
    gateway.check_owner(request, &place)?;
    let is_post = *request.method() == Method::POST;
    // What a POST is about may stand in its form, so that must be read first, unless the query says
    // that the body is none.
    // Memory of what came, until it is answered.
    let (mut _room, mut _held) = (None, Vec::new());
    let from_query = route::action(request.method(), &place, arguments.t());
    let came = match from_query {
        Err(failure) if !is_post || !arguments.t().is_empty() => return Err(failure),
        Ok(action) if is_post && action.takes_raw_body() => {
            let (children, room) = gateway.take_children(request, body).await?;
            _room = Some(room);
            Came::Children(children)
        }
        Ok(action) if !is_post => {
            let asked = gateway.asked(request, &place, arguments)?;
            return plainly(&asked, place, action, body).await;
        }
        _ => {
            let mut form = gateway.take_form(request, body).await?;
            arguments.extend(std::mem::take(&mut form.fields));
            _held = std::mem::take(&mut form.held);
            Came::Form(form)
        }
    };
    let action = route::action(request.method(), &place, arguments.t())?;
    if action.takes_raw_body() && matches!(came, Came::Form(_)) {
        return Err(Failure::bad_request(format!("t={} must stand in the query.", arguments.t())));
    }
    let mut asked = gateway.asked(request, &place, arguments)?;
    if _room.is_some() {
        asked.directories = asked.directories.without_waiting();
    }
    posted(&asked, place, action, came).await
}

impl Gateway {
    /// Refuses what only the owner may see to everybody else.
    fn check_owner(&self, request: &HttpRequest, place: &Place) -> Result<(), Failure> {
        let headers = request.headers();
        // One checks keys and tokens itself, the other tells nothing of this node.
        let open = matches!(place, Place::Login | Place::Asset(_));
        if open || self.owner.sent(headers) {
            return Ok(());
        }
        let private = match place {
            Place::Object(address) => address.root == Root::Private,
            Place::Logs | Place::Private => true,
            _ => false,
        };
        if private || self.guard.is_closed(headers) || is_foreign(request) {
            return Err(Failure::token_wanted());
        }
        Ok(())
    }

    fn asked<'a>(
        &'a self,
        request: &'a HttpRequest,
        place: &Place,
        arguments: Arguments,
    ) -> Result<Asked<'a>, Failure> {
        if *request.method() == Method::POST {
            self.owner.check_form(request.headers(), arguments.get("form-token"))?;
        }
        let directories = if arguments.flag("allow-new-tub")? {
            // Only the user may say so, not a page that the user happens to look at.
            self.guard.check_change(request.method(), request.headers())?;
            self.directories.allowing_new_tubs()
        } else {
            self.directories.clone()
        };
        let keeping = Arc::new(self.keeping(request, place, &arguments));
        let directories = directories.kept_by(keeping.clone());
        Ok(Asked { gateway: self, request, arguments, directories, keeping })
    }

    /// What a request takes out of directories.
    fn keeping(&self, request: &HttpRequest, place: &Place, arguments: &Arguments) -> Keeping {
        let headers = request.headers();
        let named = ["name", "item", "from_name"].iter().any(|key| arguments.get(key).is_some());
        let names_it = *request.method() != Method::POST || !named;
        let elsewhere = ["to_dir", "localdir"].iter().any(|key| arguments.get(key).is_some());
        let address = match place {
            Place::Object(address) if !elsewhere => Some((address.clone(), names_it)),
            _ => None,
        };
        let (stranger, person) = (!self.owner.sent(headers), guard::by_browser(headers));
        Keeping::new(self.pages.trash.clone(), Actor { address, stranger, person })
    }
}

/// Whether a request comes from, or through, anything but a program of this node's own user. What takes
/// requests in without connections says itself whose they are.
fn is_foreign(request: &HttpRequest) -> bool {
    let connection = request.conn_data::<connections::Place>();
    guard::is_passed_on(request.version(), request.headers())
        || connection.is_some_and(|connection| !connection.is_own())
}

/// GET, PUT and DELETE.
async fn plainly(
    asked: &Asked<'_>,
    place: Place,
    action: Action,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let Gateway { history, operations, owner, .. } = asked.gateway;
    let arguments = &asked.arguments;
    match (place, action) {
        (place @ (Place::Object(_) | Place::Named { .. } | Place::Site(_)), action) => {
            of_grid(asked, place, action, body).await
        }
        (Place::Shown(handle), _) => pages::shown::frame(asked, &handle).await,
        (Place::Uri, Action::GoToCap) => {
            Ok(answer::redirect(StatusCode::FOUND, &asked.located(route::redirect(arguments)?)))
        }
        (Place::Uri, Action::MakeUnlinked(made)) => unlinked::make(asked, made, Vec::new()).await,
        (Place::Uri, _) => unlinked::put(asked, body).await,
        (Place::Operation(handle), _) => operations.show(&handle, asked).await,
        (Place::Finding { handle, index }, _) => operations.show_one((&handle, &index), asked),
        (Place::Login, _) => match arguments.get("prove") {
            Some(challenge) => owner.prove(challenge),
            None => owner.log_in(arguments),
        },
        (Place::Transfer(name), _) => status::transfer(history, &name),
        (Place::TransferEvents(name), _) => status::events(history, &name),
        (Place::Asset(path), _) => assets::serve(&path).ok_or_else(Failure::not_found),
        (Place::Public(names), _) => public::serve(asked, &names).await,
        (Place::Grid, _) => pages::grid::grid(asked).await,
        (Place::Welcome, _) if arguments.t() == "json" => {
            Ok(welcome::answer(&welcome::now(asked.gateway).await.0))
        }
        (place, _) => about_node(asked, &place),
    }
}

/// The same of files and directories.
async fn of_grid(
    asked: &Asked<'_>,
    place: Place,
    action: Action,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let request = asked.request;
    match (place, action) {
        (Place::Object(address), Action::BadT) => Err(bad_t::refuse(asked, &address).await),
        (Place::Object(address), Action::Download) => local::download(asked, &address).await,
        (Place::Object(address), Action::PutLocal) => local::upload(asked, &address).await,
        (
            Place::Object(address),
            Action::Put | Action::PutCap | Action::PutDirectory | Action::Delete,
        ) => write::write(asked, &address, action, body).await,
        (Place::Object(address), _) => match read::read(asked, &address, action).await {
            Err(failure) if failure.asks_leave && wants_page(request) => {
                Ok(page::ask_for_tub(asked, &address.path()))
            }
            answer => validator::judged(request, answer?),
        },
        (Place::Named { cap, name }, _) => {
            let object = Object { target: object::named_by(&cap), link: None };
            asked.permit(&object.target)?;
            let is_file = matches!(object.target, Target::Known(Cap::Lit(_) | Cap::Chk(_)));
            if !is_file && !matches!(object.target, Target::Unknown { .. }) {
                let text = "What stands behind /file is not a file-cap; /uri shows the rest.";
                return Err(Failure::bad_request(text));
            }
            if action == Action::BadT {
                return Err(bad_t::refusal(request.method(), &object.target, asked.arguments.t()));
            }
            let answer = read::view(asked, &object, name.as_deref(), action).await?;
            validator::judged(request, answer)
        }
        (Place::Site(address), _) => validator::judged(request, read::site(asked, &address).await?),
        _ => Err(Failure::not_found()),
    }
}

async fn posted(
    asked: &Asked<'_>,
    place: Place,
    action: Action,
    came: Came,
) -> Result<HttpResponse, Failure> {
    let Gateway { operations, owner, .. } = asked.gateway;
    let arguments = &asked.arguments;
    match (place, action, came) {
        (Place::Uri, Action::MakeUnlinked(Made::Empty), Came::Form(form)) if form.stray => {
            let text = "t=mkdir does not accept children=, try t=mkdir-with-children instead";
            Err(Failure::bad_request(text))
        }
        (Place::Uri, Action::MakeUnlinked(made), came) => {
            unlinked::make(asked, made, came.children()).await
        }
        (Place::Uri, _, Came::Form(form)) => unlinked::upload(asked, form.file).await,
        (Place::Object(address), Action::BadT, _) => Err(bad_t::refuse(asked, &address).await),
        (Place::Object(address), Action::Check, _) => {
            check::one(asked, &asked.object(&address).await?).await
        }
        (Place::Object(address), Action::Stream(kind), _) => {
            walk::stream(asked, &asked.object(&address).await?, kind)
        }
        (Place::Object(address), Action::Start(kind), _) => {
            operations::start(asked, &asked.object(&address).await?, kind)
        }
        (Place::Object(address), Action::Connect, _) => page::connect(asked, &address).await,
        (Place::Object(address), action, came) => post::post(asked, &address, action, came).await,
        (Place::Deleted, ..) => pages::deleted::act(asked).await,
        (Place::Join, ..) => pages::join::act(asked),
        (Place::Open, ..) => {
            Ok(answer::redirect(StatusCode::SEE_OTHER, &route::opened(arguments)?))
        }
        (Place::Operation(handle), Action::Cancel, _) => operations.stop(&handle, asked).await,
        (Place::Operation(handle), ..) => operations.show(&handle, asked).await,
        (Place::Finding { handle, index }, ..) => operations.show_one((&handle, &index), asked),
        (Place::Login, ..) if arguments.get("key").is_some() => owner.log_in_by_form(arguments),
        (Place::Login, ..) => owner.new_login(asked.request.headers()),
        (Place::Logout, ..) => Ok(owner.log_out(asked.request.headers())),
        (Place::Incident, ..) => Ok(status::incident()),
        (place, ..) => about_node(asked, &place),
    }
}

/// Pages and figures about this node.
fn about_node(asked: &Asked<'_>, place: &Place) -> Result<HttpResponse, Failure> {
    let (gateway, arguments) = (asked.gateway, &asked.arguments);
    let json = arguments.t() == "json";
    match place {
        Place::Welcome => pages::home::home(asked),
        Place::Provisioning => pages::provisioning::provisioning(arguments),
        Place::Deleted if json => pages::deleted::listed(asked),
        Place::Deleted => pages::deleted::page(asked),
        Place::Help => pages::forms::help(),
        Place::Open => pages::forms::open(),
        Place::Status => status::transfers(&gateway.history, arguments.t()),
        Place::Statistics => Ok(status::statistics(gateway, arguments.t())),
        Place::Storage => status::storage(gateway, json),
        Place::Helper => Ok(status::helper(json)),
        Place::Logs => Err(status::logs(gateway.owner.sent(asked.request.headers()))),
        _ => Err(Failure::not_found()),
    }
}
