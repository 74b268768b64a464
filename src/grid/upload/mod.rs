//! Uploads: from a source to shares on at least `happy` servers, and a cap.
//!
//! Promises: success is only reported when a matching of at least `happy` distinct servers to
//! distinct shares holds among shares whose close was acknowledged, or that were there and shown, so
//! that any k of those servers give the file back. A server that fails, stalls or lies costs its share
//! and some time: once others suffice a small multiple of theirs, and for some minutes after that
//! nothing. Memory is bounded by a few batches, whatever the size of the file and the number of
//! uploads.
//!
//! ```text
//! key (hash of the plaintext, or random) → survey → allocate → encode and send → close, prove → count
//!            ↑ once more for shares that were lost, that others gave up, or whose places are taken ┘
//! ```
//! What a server says that it has is a claim. Nothing is counted that it did not show ([`prove`]);
//! where something else stands in a share's place, the share is kept among proven ones, where nobody
//! can put anything else ([`AllocateProven`](crate::storage::api::AllocateProven)).

mod allocate;
mod digest;
mod encode;
mod error;
mod hold;
mod input;
pub(super) mod join;
mod placed;
mod prove;
pub(super) mod restore;
mod send;
mod sinks;
mod sites;
mod survey;

pub use digest::{BodyHasher, Digest};
pub use error::{Troubles, Unhappy, UploadError};
pub use placed::{PlacedOn, Placement, Uploaded};
pub use sites::Trouble;

use super::client::Client;
use super::download::FileReader;
use super::params::EncodingParams;
use super::progress::{Meter, OnProgress, Stage};
use super::source::Source;
use super::standing::Duty;
use super::timeouts::Timeouts;
use crate::base::StorageIndex;
use crate::base::file::{FileFacts, FileKey};
use crate::base::hash::Hash;
use crate::base::limits::{
    FILE_MAX, LIT_MAX, UPLOAD_OUTAGE_TIME, UPLOAD_OUTAGES_MAX, UPLOAD_PASSES_MAX,
};
use crate::base::system;
use crate::cap::{ChkCap, LitCap};
use crate::codec::encode::{Buffers, Plan};
use allocate::Asking;
use encode::{Encoding, Job};
use futures_util::future::FutureExt;
use hold::Holds;
use input::{Input, Pieces};
use prove::{Proof, prove};
use send::{Sending, Whole};
use sinks::{Sinks, ask_written};
use sites::{Site, Sites};
use std::sync::Arc;
use survey::{Late, Wanted, survey};
use tokio::time::Instant;

/// How one upload differs from the client's usual.
#[derive(Clone, Default)]
pub struct UploadOptions {
    /// Instead of the client's encoding.
    pub params: Option<EncodingParams>,
    /// A random key: the cap differs from that of every other upload of the same bytes.
    pub random_key: bool,
    /// This key. Whoever gives it knows that no other bytes ever had it.
    pub key: Option<FileKey>,
    /// The convergent key, if it was hashed while the bytes arrived.
    pub digest: Option<Digest>,
    pub progress: Option<OnProgress>,
}

impl Client {
    /// Stores the bytes of `source`. Files of at most [`LIT_MAX`] bytes become their cap and need no
    /// server. Dropping the future gives the upload up, unless somebody else joined it.
    pub async fn upload(
        &self,
        source: Source,
        options: UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let size = source.size();
        if size <= LIT_MAX {
            return self.literal(source).await;
        }
        if size > FILE_MAX {
            return Err(UploadError::TooLarge { size });
        }
        let params = options.params.unwrap_or_else(|| self.params.current());
        let plan = Plan::new(params.code(), size)?;
        let meter = Meter::new(options.progress, size);
        let hashed = options.digest.and_then(|digest| digest.key_for(plan.geometry()));
        let key = match options.key.or(hashed) {
            _ if options.random_key => FileKey::new(system::random()),
            Some(key) => key,
            None => digest::hash_source(self, &source, plan.geometry(), &meter).await?,
        };
        let (client, happy) = (self.clone(), params.happy());
        let (si, convergent) = (key.storage_index(), !options.random_key);
        let buffers = client.upload_buffers.get();
        let origin = Origin::Plaintext { source, key: key.clone(), convergent };
        let upload = Upload { client, origin, si, plan, happy, meter, buffers };
        let uploaded = async move {
            let (ueb_hash, placed) = upload.run().await?;
            Ok(Uploaded { cap: ChkCap::new(key, upload.facts(ueb_hash)).into(), placed })
        };
        if !convergent {
            return uploaded.await;
        }
        self.under_way.join((si, happy), || uploaded.boxed()).await
    }

    async fn literal(&self, source: Source) -> Result<Uploaded, UploadError> {
        let read = move || {
            let mut bytes = vec![0; source.size as usize];
            source.reader.read_exact_at(&mut bytes, 0).map(|()| bytes)
        };
        // Reading may block, however few the bytes are.
        let bytes = self.compute.run_blocking(read).await.map_err(|_| UploadError::CutOff)??;
        Ok(Uploaded { cap: LitCap::new(bytes).into(), placed: Placement::default() })
    }
}

/// What is encoded, as often as that is needed.
enum Origin {
    Plaintext {
        source: Source,
        key: FileKey,
        /// Whether the key is the hash of the plaintext.
        convergent: bool,
    },
    /// The ciphertext of a stored file.
    Stored(FileReader),
}

/// One upload on its way.
struct Upload {
    client: Client,
    origin: Origin,
    si: StorageIndex,
    plan: Plan,
    happy: u16,
    meter: Meter,
    buffers: Arc<Buffers>,
}

/// Where the shares of one upload go.
struct Places {
    wanted: Wanted,
    sites: Sites,
    late: Late,
    began: Instant,
}

impl Upload {
    /// The hash of the file's UEB, and where the shares are. If this machine's line breaks meanwhile, goes
    /// on when it is back: servers keep what they have of a share for whoever began it.
    async fn run(&self) -> Result<(Hash, Placement), UploadError> {
        let pool = &self.client.pool;
        for _ in 0..UPLOAD_OUTAGES_MAX {
            let began = Instant::now();
            let outcome = self.attempt().await;
            let scattered =
                matches!(outcome, Err(UploadError::Unhappy(_) | UploadError::NoServers));
            if !scattered || !self.may_begin_anew() || !pool.was_cut_off(began) {
                return outcome;
            }
            tracing::info!(si = %self.si, "the line broke: an upload waits for its servers");
            if !pool.comes_back(UPLOAD_OUTAGE_TIME).await {
                return outcome;
            }
        }
        self.attempt().await
    }

    /// Whether the same bytes come again for certain, or else another key: one keystream must not cover
    /// two plaintexts, not even where servers have the beginning of one.
    const fn may_begin_anew(&self) -> bool {
        match &self.origin {
            Origin::Plaintext { convergent, source, .. } => *convergent || !source.shared,
            Origin::Stored(_) => true,
        }
    }

    async fn attempt(&self) -> Result<(Hash, Placement), UploadError> {
        // The first batch is encoded while the servers are asked.
        let encoding = Some(self.encoding());
        let mut places = self.places(self.wanted()).await?;
        let ueb_hash = self.fill(&mut places, encoding).await?;
        self.happy_enough(&places.sites, places.sites.certain())?;
        Ok((ueb_hash, placement(&places.sites, &places.wanted)))
    }

    async fn places(&self, wanted: Wanted) -> Result<Places, UploadError> {
        self.meter.at(Stage::Placing, 0);
        self.client.pool.gathered(wanted.total).await;
        let began = Instant::now();
        let (sites, late) = self.survey(&wanted).await?;
        Ok(Places { wanted, sites, late, began })
    }

    /// Stores shares until enough are stored for certain, or no more can be.
    async fn fill(
        &self,
        places: &mut Places,
        mut encoding: Option<Encoding>,
    ) -> Result<Hash, UploadError> {
        let Places { wanted, sites, late, began } = places;
        let timeouts = self.client.timeouts.used_to(late.took());
        let timeouts = &timeouts.for_shares_of(wanted.share_size);
        let deadline = Instant::now() + timeouts.others;
        let whole = self.whole(&mut encoding).await?;
        let asking = whole.as_ref().map_or(Asking::Writers, |whole| Asking::Whole(&whole.shares));
        wanted.learn(whole.as_ref().map(|whole| whole.ueb_hash))?;
        for _ in 0..UPLOAD_PASSES_MAX {
            self.grant(sites, late, wanted, (timeouts, asking)).await?;
            let mut writers = sites.take_writers();
            ask_written(&mut writers, timeouts.allocate).await;
            if wanted.ueb_hash.is_none() || !writers.is_empty() {
                let sinks = Sinks::new(writers, timeouts);
                let encoding = encoding.take().unwrap_or_else(|| self.encoding());
                let expected = wanted.ueb_hash;
                let sending = Sending { upload: self, wanted, sites, late, sinks, expected };
                wanted.ueb_hash = Some(sending.run(encoding).await?);
            }
            sites.know_proven();
            prove(sites, wanted, timeouts, self.proof()).await;
            if sites.waits_for_others() {
                let deadline = self.deadline_for_others(sites, *began, deadline);
                allocate::wait_for_others(sites, wanted, timeouts, asking, deadline).await;
            } else if sites.certain() >= wanted.happy && !sites.is_contested(wanted.total) {
                break;
            }
        }
        wanted.ueb_hash.ok_or(UploadError::CutOff)
    }

    /// Until when to wait for other clients: at most until `latest`; where enough is stored without
    /// them, no longer than befits what this upload took so far.
    fn deadline_for_others(&self, sites: &Sites, began: Instant, latest: Instant) -> Instant {
        let timeouts = &self.client.timeouts;
        match sites.certain() >= usize::from(self.happy) {
            true => latest.min(began + timeouts.in_company(began.elapsed(), timeouts.others)),
            false => latest,
        }
    }

    /// Places shares until there is hope for enough of them, if need be on servers that were to be
    /// asked last, and on those whose first answer was late.
    async fn grant(
        &self,
        sites: &mut Sites,
        late: &mut Late,
        wanted: &Wanted,
        (timeouts, asking): (&Timeouts, Asking<'_>),
    ) -> Result<(), UploadError> {
        late.come(sites, wanted);
        loop {
            allocate::allocate(sites, wanted, timeouts, asking).await;
            let hoped_for = sites.hoped_for();
            let proven = sites.waits_for_proven() && sites.reachable(wanted.total) >= wanted.happy;
            if hoped_for >= wanted.happy || proven {
                return Ok(());
            }
            if !sites.recall() && !late.more(sites, wanted).await {
                return self.happy_enough(sites, hoped_for);
            }
        }
    }

    /// How servers show what they say they have. Of a file that is being repaired every share may be
    /// damaged.
    const fn proof(&self) -> Proof<'_> {
        match self.origin {
            Origin::Plaintext { .. } => Proof::Shown,
            Origin::Stored(_) => Proof::Read(&self.client),
        }
    }

    const fn facts(&self, ueb_hash: Hash) -> FileFacts {
        let geometry = self.plan.geometry();
        FileFacts { params: geometry.params(), size: geometry.size(), ueb_hash }
    }

    /// All shares, if they are small enough to be stored in one step each.
    async fn whole(&self, encoding: &mut Option<Encoding>) -> Result<Option<Whole>, UploadError> {
        match encoding.take_if(|_| Whole::fits(&self.plan)) {
            Some(encoding) => {
                let total = self.plan.geometry().params().total();
                Ok(Some(Whole::made(encoding, total).await?))
            }
            None => Ok(None),
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            si: self.si,
            share_size: self.plan.share_len(),
            total: self.plan.geometry().params().total(),
            happy: self.happy.into(),
            plan: self.plan,
            secrets: Arc::clone(&self.client.secrets),
            ueb_hash: None,
        }
    }

    fn encoding(&self) -> Encoding {
        let geometry = self.plan.geometry();
        let input = match &self.origin {
            Origin::Plaintext { source, key, convergent } => {
                let checked = *convergent && source.shared;
                let hasher = checked.then(|| Box::new(self.client.key_hasher(geometry)));
                Input::Plaintext { source: source.clone(), key: key.clone(), hasher }
            }
            Origin::Stored(file) => Input::Ciphertext(Pieces::new(file.read(0..geometry.size()))),
        };
        let job = Job {
            plan: self.plan,
            input,
            compute: self.client.compute.clone(),
            holds: Holds::new(Arc::clone(&self.client.spare_batches), self.meter.clone()),
            buffers: Arc::clone(&self.buffers),
        };
        Encoding::start(job)
    }

    /// Asks the first 2N servers along the ring.
    async fn survey(&self, wanted: &Wanted) -> Result<(Sites, Late), UploadError> {
        let mut servers = self.client.pool.takers(&wanted.si, &[Duty::List, Duty::Store]);
        if servers.is_empty() {
            return Err(UploadError::NoServers);
        }
        servers.truncate(2 * wanted.total);
        let lease = &self.client.secrets.lease;
        let with_secrets = servers.into_iter().map(|server| {
            let secrets = server.lease_secrets(lease, wanted.si);
            (server, secrets)
        });
        let surveyed = survey(with_secrets.collect(), wanted, &self.client.timeouts).await;
        self.meter.servers(surveyed.0.0.len());
        Ok(surveyed)
    }

    /// Whether another pass can still make up for what was lost.
    fn still_possible(&self, sites: &Sites) -> Result<(), UploadError> {
        let total = self.plan.geometry().params().total();
        match sites.reachable(total) >= usize::from(self.happy) {
            true => Ok(()),
            false => self.happy_enough(sites, sites.hoped_for()),
        }
    }

    fn happy_enough(&self, sites: &Sites, happiness: usize) -> Result<(), UploadError> {
        if happiness >= usize::from(self.happy) {
            return Ok(());
        }
        let unhappy = Unhappy {
            placed: happiness,
            happy: self.happy.into(),
            needed: self.plan.geometry().params().needed(),
            asked: sites.0.len(),
            troubles: sites.0.iter().filter_map(|site| site.trouble.clone()).collect(),
        };
        Err(unhappy.into())
    }
}

fn placement(sites: &Sites, wanted: &Wanted) -> Placement {
    let holding = sites.0.iter().filter(|site| !site.held.is_empty());
    let servers = holding.map(|site| PlacedOn {
        id: site.server.id,
        nickname: site.server.nickname.clone(),
        shares: site.held.clone(),
    });
    let (servers, happiness) = (servers.collect(), sites.certain());
    let found = |site: &Site| site.held.intersection(&site.found).count();
    let preexisting = sites.0.iter().map(found).sum();
    let stored: usize = sites.0.iter().map(|site| site.held.len()).sum();
    let pushed = stored.saturating_sub(preexisting);
    let left_out = wanted.total.saturating_sub(sites.stored().len());
    if left_out > 0 {
        tracing::info!(si = %wanted.si, left_out, happiness, "stored without all shares");
    }
    Placement { servers, happiness, pushed, preexisting, left_out }
}
