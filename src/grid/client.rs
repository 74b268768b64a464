//! A grid client: the servers it knows, its secrets, its encoding, and what it does with them.

use super::compute::{Compute, CutOff};
use super::params::{EncodingParams, ParamsInForce};
use super::prohibited::{Nothing, Prohibited, Prohibitions};
use super::servers::ServerPool;
use super::timeouts::Timeouts;
use super::upload::join::UnderWay;
use crate::base::budget::Budget;
use crate::base::limits::{READ_SPARE_UNITS, REPAIRS_MAX, UPLOAD_SPARE_BATCHES, VERIFY_BYTES_MAX};
use crate::base::pool::{InUse, Pool};
use crate::base::secret::LeaseMasterSecret;
use crate::cap::Cap;
use crate::codec::convergence::ConvergenceSecret;
use crate::codec::encode::Buffers;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What makes a client's caps and leases its own.
#[derive(Clone, Debug)]
pub struct ClientSecrets {
    pub convergence: ConvergenceSecret,
    pub lease: LeaseMasterSecret,
}

/// Uploads and downloads. Clones are the same client.
#[derive(Clone)]
pub struct Client {
    pub(super) pool: ServerPool,
    pub(super) secrets: Arc<ClientSecrets>,
    pub(super) params: ParamsInForce,
    pub(super) compute: Compute,
    pub(super) timeouts: Timeouts,
    pub(super) under_way: UnderWay,
    /// Batches that uploads may hold beyond one each.
    pub(super) spare_batches: Arc<Semaphore>,
    /// Units that reads may have under way beyond those that each may.
    pub(super) spare_units: Arc<Semaphore>,
    /// Memory for shares that are verified.
    pub(super) verifying: Budget,
    /// Turns to repair a file.
    pub(super) repairs: Arc<Semaphore>,
    /// What all uploads, and all downloads, write into.
    pub(super) upload_buffers: InUse<Buffers>,
    pub(super) download_buffers: InUse<Pool>,
    pub(super) prohibitions: Arc<dyn Prohibitions>,
}

impl Client {
    pub fn new(pool: ServerPool, secrets: ClientSecrets, params: ParamsInForce) -> Self {
        Self {
            pool,
            secrets: Arc::new(secrets),
            params,
            compute: Compute::for_this_machine(),
            timeouts: Timeouts::default(),
            under_way: UnderWay::default(),
            spare_batches: Arc::new(Semaphore::new(UPLOAD_SPARE_BATCHES)),
            spare_units: Arc::new(Semaphore::new(READ_SPARE_UNITS)),
            verifying: Budget::new(VERIFY_BYTES_MAX),
            repairs: Arc::new(Semaphore::new(REPAIRS_MAX)),
            upload_buffers: InUse::default(),
            download_buffers: InUse::default(),
            prohibitions: Arc::new(Nothing),
        }
    }

    /// The same client with other waiting times.
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Refuses what the owner prohibits.
    pub fn permit(&self, cap: &Cap) -> Result<(), Prohibited> {
        self.prohibitions.reason(cap).map_or(Ok(()), |reason| Err(Prohibited(reason)))
    }

    /// The same client, which keeps away from what its owner prohibits.
    #[must_use]
    pub fn with_prohibitions(mut self, prohibitions: Arc<dyn Prohibitions>) -> Self {
        self.prohibitions = prohibitions;
        self
    }

    pub fn pool(&self) -> &ServerPool {
        &self.pool
    }

    /// Runs `job`, which works on about `bytes` bytes, beside the thread that asks if it is long.
    pub async fn compute<T, F>(&self, bytes: usize, job: F) -> Result<T, CutOff>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.compute.run(bytes, job).await
    }

    /// How new uploads are encoded.
    pub fn params(&self) -> EncodingParams {
        self.params.current()
    }

    /// Takes the encoding that the grid announces, unless the node has its own.
    pub fn announce_params(&self, params: EncodingParams) -> bool {
        self.params.announce(params)
    }
}
