//! Doors of each kind to one directory, and requests to them without a socket.

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, body};
use data_encoding::BASE64;
use futures_util::future::LocalBoxFuture;
use std::rc::Rc;
use std::sync::Arc;
use tahoe::base::system::Clock;
use tahoe::doors::book::{Book, Door, Rights, line};
use tahoe::doors::secret::Secret;
use tahoe::doors::{Doorkeeper, Doors, Locks, Parts, routes};
use tahoe::files::{Files, Trash};
use tahoe::http::spool::Spool;
use tahoe_testing::dirs::{World, world};
use tahoe_testing::web::NoRoots;

struct Doorbook(Arc<Book>);

impl Doorkeeper for Doorbook {
    fn book(&self) -> Arc<Book> {
        self.0.clone()
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn between(&self, begin: &str, end: &str) -> String {
        let (_, behind) = self.body.split_once(begin).unwrap();
        behind.split_once(end).unwrap().0.to_owned()
    }
}

/// Doors of each kind to one directory.
pub struct House {
    ask: Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Answer>>,
    secrets: Vec<(String, Secret)>,
    pub clock: Clock,
    pub doors: Doors,
    _world: World,
    _folder: tempfile::TempDir,
}

impl House {
    pub async fn new() -> Self {
        Self::with_spool(1 << 30).await
    }

    /// With so many bytes for bodies on their way in.
    pub async fn with_spool(bytes: u64) -> Self {
        let (world, folder) = (world(), tempfile::tempdir().unwrap());
        let clock = world.clock.clone();
        let directories = world.node();
        let root = directories.create(Vec::new()).await.unwrap();
        let (mut lines, mut secrets) = (String::new(), Vec::new());
        for (name, rights) in
            [("all", Rights::Write), ("add", Rights::Append), ("look", Rights::Read)]
        {
            let secret = Secret::new();
            lines += &(line(&Door::new((name, &root), rights, None, &secret)) + "\n");
            secrets.push((name.to_owned(), secret));
        }
        let doors = Doors {
            keeper: Arc::new(Doorbook(Arc::new(Book::parse(&lines)))),
            files: Files::new(directories, Arc::new(NoRoots), Trash::default()),
            spool: Spool::new(folder.path().to_owned(), bytes),
            clock: clock.clone(),
            hosts: Arc::new([]),
            parts: Parts::default(),
            locks: Locks::default(),
        };
        let service = Rc::new(init_service(App::new().configure(routes(doors.clone()))).await);
        let ask = move |request: TestRequest| -> LocalBoxFuture<'static, Answer> {
            let service = service.clone();
            Box::pin(async move {
                let response = call_service(&*service, request.to_request()).await;
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                let body = body::to_bytes(response.into_body()).await.unwrap();
                Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
            })
        };
        Self { ask: Box::new(ask), secrets, clock, doors, _world: world, _folder: folder }
    }

    pub fn secret(&self, door: &str) -> &Secret {
        &self.secrets.iter().find(|(name, _)| name == door).unwrap().1
    }

    /// A request as it stands.
    pub async fn send(&self, request: TestRequest) -> Answer {
        (self.ask)(request).await
    }

    /// A request of who has the secret, at `DOOR/PATH` of a protocol.
    pub async fn at(
        &self,
        protocol: &str,
        (method, at): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let door = at.split('/').next().unwrap();
        let login = BASE64.encode(format!("{door}:{}", self.secret(door).reveal()).as_bytes());
        let mut request = TestRequest::with_uri(&format!("/{protocol}/{at}"))
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .insert_header(("host", "localhost"))
            .insert_header(("authorization", format!("Basic {login}")))
            .set_payload(body.to_owned());
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        (self.ask)(request).await
    }
}
