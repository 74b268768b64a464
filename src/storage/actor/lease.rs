//! Leases as objects: brought back from disk when their furls are used.

use super::server::Shared;
use super::{Ask, indexed};
use crate::base::hash::Hash;
use crate::base::ids::StorageIndex;
use crate::storage::Facet;
use crate::storage::api::{Cancel, Expires, LeaseCancellation, LeaseRenewal, Renew};
use crate::tub::{BoxFuture, Export, RemoteError, Restorer, SwissnumDigest};
use actix::{Actor, Arbiter, ArbiterHandle, Context, Handler, ResponseFuture};
use std::time::Duration;

/// Time that a look-up waits for the leases to be indexed, after a start.
const FILL_WAIT: Duration = Duration::from_secs(30);

/// One lease by the digest of the secret that leads here.
#[derive(Clone)]
struct Lease {
    shared: Shared,
    si: StorageIndex,
    digest: Hash,
}

/// Renews; cannot cancel.
struct Renewal(Lease);

/// Cancels; cannot renew.
struct Cancellation(Lease);

impl Actor for Renewal {
    type Context = Context<Self>;
}

impl Actor for Cancellation {
    type Context = Context<Self>;
}

impl Handler<Renew> for Renewal {
    type Result = ResponseFuture<Result<u64, RemoteError>>;

    fn handle(&mut self, _: Renew, _: &mut Self::Context) -> Self::Result {
        let Lease { shared, si, digest } = self.0.clone();
        Box::pin(async move { shared.jobs.ask(move || shared.store.renew(&si, &digest)).await })
    }
}

impl Handler<Expires> for Renewal {
    type Result = ResponseFuture<Result<u64, RemoteError>>;

    fn handle(&mut self, _: Expires, _: &mut Self::Context) -> Self::Result {
        let Lease { shared, si, digest } = self.0.clone();
        Box::pin(
            async move { shared.jobs.ask(move || shared.store.lease_expires(&si, &digest)).await },
        )
    }
}

impl Handler<Cancel> for Cancellation {
    type Result = ResponseFuture<Result<u32, RemoteError>>;

    fn handle(&mut self, _: Cancel, _: &mut Self::Context) -> Self::Result {
        let Lease { shared, si, digest } = self.0.clone();
        Box::pin(async move { shared.jobs.ask(move || shared.store.cancel(&si, &digest)).await })
    }
}

/// Finds leases by the digests of their secrets.
pub(super) struct LeaseRestorer {
    shared: Shared,
    arbiter: ArbiterHandle,
}

impl LeaseRestorer {
    /// Leases will live on the arbiter that this is called on.
    pub fn new(shared: Shared) -> Self {
        Self { shared, arbiter: Arbiter::current() }
    }
}

impl Shared {
    async fn find(&self, digest: SwissnumDigest) -> Option<(Facet, StorageIndex)> {
        let store = self.store.clone();
        self.jobs.run(move || store.find_lease(&digest)).await?
    }
}

fn started<A: Actor<Context = Context<A>> + Send>(
    arbiter: &ArbiterHandle,
    actor: A,
) -> actix::Addr<A> {
    A::start_in_arbiter(arbiter, |context| {
        context.set_mailbox_capacity(0);
        actor
    })
}

impl Restorer for LeaseRestorer {
    fn restore(&self, digest: SwissnumDigest) -> BoxFuture<Option<Export>> {
        let (shared, arbiter) = (self.shared.clone(), self.arbiter.clone());
        Box::pin(async move {
            let mut found = shared.find(digest).await;
            if found.is_none() && !shared.store.indexed() {
                indexed(&*shared.store, FILL_WAIT).await;
                found = shared.find(digest).await;
            }
            let (facet, si) = found?;
            let lease = Lease { shared, si, digest };
            Some(match facet {
                Facet::Renew => Export::of(LeaseRenewal::of(started(&arbiter, Renewal(lease)))),
                Facet::Cancel => {
                    Export::of(LeaseCancellation::of(started(&arbiter, Cancellation(lease))))
                }
            })
        })
    }
}
