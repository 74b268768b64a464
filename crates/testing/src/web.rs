//! A gateway without a socket: requests are values, handed to the one service that answers them.

use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, body, web};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use std::rc::Rc;
use std::sync::Arc;
use tahoe::base::system::Clock;
use tahoe::cap::Cap;
use tahoe::files::{Files, Roots, Trash};
use tahoe::gateway::Gateway;
use tahoe::gateway::guard::Guard;
use tahoe::gateway::node_status::Status;
use tahoe::gateway::owner::Owner;
use tahoe::gateway::serve::routes;
use tahoe::gateway::state::Pages;
use tahoe::gateway::work::handles::Operations;
use tahoe::grid::dirnode::Directories;
use tahoe::http::spool::Spool;

/// Status and body; no body if it broke off.
type Answer = (StatusCode, Option<Bytes>);

pub struct Web {
    answer: Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Answer>>,
    _folder: tempfile::TempDir,
}

/// A node that knows of no directory.
pub struct NoRoots;

impl Roots for NoRoots {
    fn global(&self) -> Option<Cap> {
        None
    }

    fn private(&self) -> Option<Cap> {
        None
    }
}

impl Web {
    /// In front of the directories of a client.
    pub async fn before(directories: Directories) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway {
            files: Files::new(directories, Arc::new(NoRoots), Trash::default()),
            spool: Spool::new(folder.path().to_owned(), 1 << 30),
            guard: Guard { hosts: Vec::new(), local: true, tls: false, closed: false },
            owner: Owner::new("token".to_owned(), Clock::System, false),
            allow_localfile: false,
            operations: Operations::new(Clock::System),
            keeper: None,
            status: Arc::new(Status::default),
            storage: None,
            pages: Pages::default(),
        };
        let routes = routes(web::Data::new(gateway));
        let service = Rc::new(init_service(App::new().configure(routes)).await);
        let answer = move |request: TestRequest| -> LocalBoxFuture<'static, Answer> {
            let service = service.clone();
            Box::pin(async move {
                let response = call_service(&*service, request.to_request()).await;
                (response.status(), body::to_bytes(response.into_body()).await.ok())
            })
        };
        Self { answer: Box::new(answer), _folder: folder }
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Answer {
        let request =
            TestRequest::with_uri(path).method(method).insert_header(("host", "localhost"));
        (self.answer)(request.set_payload(body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Vec::new()).await
    }

    pub async fn put(&self, path: &str, body: Vec<u8>) -> Answer {
        self.ask(Method::PUT, path, body).await
    }

    pub async fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, Vec::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, Vec::new()).await
    }
}
