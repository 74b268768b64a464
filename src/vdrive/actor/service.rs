//! The vdrive server as it is first met: makes directories, and brings them back by their facets.

use super::directory::DirectoryActor;
use super::room::Room;
use super::staging::{Lost, Stage, Target, create};
use super::{Shared, parse};
use crate::base::limits::ROWS_MAX;
use crate::disk::jobs::Jobs;
use crate::tub::{BoxFuture, Export, Ref, RemoteError, Restorer, SwissnumDigest, start};
use crate::vdrive::api::{
    BeginDirectory, BeginRestoration, Changed, CreateDirectory, DirectoryReader, DirectoryWriter,
    GetVersion, Staging, Vdrive, VdriveVersion,
};
use crate::vdrive::format::log::Facts;
use crate::vdrive::{Facet, Store};
use actix::{Actor, Addr, Arbiter, Context, Handler, ResponseFuture};
use std::sync::Arc;

/// A vdrive server.
pub struct VdriveServer(Shared);

impl VdriveServer {
    /// Starts a server on this arbiter, and what brings its directories back by the swissnums of
    /// their facets. Register the reference with a tub and give the tub the restorer.
    pub fn start(store: Arc<Store>, version: &str) -> (Ref<Vdrive>, Arc<dyn Restorer>) {
        let shared = Shared {
            store,
            jobs: Jobs::default(),
            version: version.into(),
            arbiter: Arbiter::current(),
            directories: Arc::default(),
            room: Room::default(),
        };
        let restorer = Arc::new(FacetRestorer(shared.clone()));
        (Vdrive::of(start(Self(shared))), restorer)
    }
}

impl Actor for VdriveServer {
    type Context = Context<Self>;
}

impl Handler<GetVersion> for VdriveServer {
    type Result = Result<VdriveVersion, RemoteError>;

    fn handle(&mut self, _: GetVersion, _: &mut Self::Context) -> Self::Result {
        Ok(VdriveVersion { version: self.0.version.to_string(), rows_max: ROWS_MAX })
    }
}

impl Handler<CreateDirectory> for VdriveServer {
    type Result = ResponseFuture<Result<Changed, RemoteError>>;

    fn handle(&mut self, ask: CreateDirectory, _: &mut Self::Context) -> Self::Result {
        let shared = self.0.clone();
        Box::pin(async move {
            let CreateDirectory { id, verify_key, read_facet, write_facet, head, rows } = ask;
            let change = parse::change(&head, rows, Vec::new())?;
            create(shared, Facts { id, verify_key, read_facet, write_facet }, change).await
        })
    }
}

impl Handler<BeginDirectory> for VdriveServer {
    type Result = Result<Ref<Staging>, RemoteError>;

    fn handle(&mut self, ask: BeginDirectory, _: &mut Self::Context) -> Self::Result {
        let BeginDirectory { id, verify_key, read_facet, write_facet } = ask;
        let facts = Facts { id, verify_key, read_facet, write_facet };
        Stage::begin(self.0.clone(), Target::New(facts))
    }
}

impl Handler<BeginRestoration> for VdriveServer {
    type Result = Result<Ref<Staging>, RemoteError>;

    fn handle(&mut self, ask: BeginRestoration, _: &mut Self::Context) -> Self::Result {
        let BeginRestoration { id, verify_key, read_facet, write_facet, of, over, consent } = ask;
        let facts = Facts { id, verify_key, read_facet, write_facet };
        let consent = consent.try_into().map_err(|_| RemoteError::BadArguments)?;
        let old = parse::head(&of)?;
        Stage::begin(self.0.clone(), Target::Lost(Box::new(Lost { facts, old, over, consent })))
    }
}

/// Finds directories by the digests of their facets' swissnums.
struct FacetRestorer(Shared);

impl Restorer for FacetRestorer {
    fn restore(&self, digest: SwissnumDigest) -> BoxFuture<Option<Export>> {
        let shared = self.0.clone();
        Box::pin(async move {
            let store = shared.store.clone();
            let found = shared.jobs.run(move || store.find(&digest)).await?;
            let (facet, id) = found
                .inspect_err(|error| tracing::error!(%error, "a directory cannot be looked up"))
                .ok()??;
            let address: Addr<DirectoryActor> = shared.directory(&id);
            Some(match facet {
                Facet::Read => Export::of(DirectoryReader::of(address)),
                Facet::Write => Export::of(DirectoryWriter::of(address)),
            })
        })
    }
}
