//! Shares of a stored file made again, of its own ciphertext, and placed where they are missing.
//!
//! They are the bytes that the first upload made, or none is closed: all hashes of the file come anew
//! from the ciphertext and must lead to the UEB that its cap names. Every share that is missing is
//! wanted and all servers are waited for; what cannot be placed is no error. Nothing is taken away.

use super::sites::{Site, Sites, Trouble};
use super::survey::Wanted;
use super::{Origin, Places, Upload, UploadError, send};
use crate::base::StorageIndex;
use crate::base::file::FileFacts;
use crate::codec::encode::Plan;
use crate::grid::check::Held;
use crate::grid::client::Client;
use crate::grid::download::FileReader;
use crate::grid::progress::Meter;
use crate::grid::server_id::ServerId;
use crate::grid::servers::Server;
use crate::grid::stock::Stock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A stored file of which shares are missing.
pub struct Lacking {
    pub si: StorageIndex,
    pub facts: FileFacts,
    /// How its shares are laid out.
    pub plan: Plan,
    /// Gives its ciphertext.
    pub file: FileReader,
    /// What its servers have, as far as that was read.
    pub stock: BTreeMap<ServerId, Stock>,
}

/// What is stored of a file afterwards.
pub struct Restored {
    /// Who holds what: read and good, or acknowledged now.
    pub held: Held,
    /// What of that stands where a damaged share stood.
    pub replaced: Held,
    /// Why some servers did not take what they might have.
    pub troubles: Vec<Trouble>,
}

impl Client {
    /// Makes the missing shares of a file and stores them.
    pub(in crate::grid) async fn restore(&self, lacking: Lacking) -> Result<Restored, UploadError> {
        let Lacking { si, facts, plan, file, stock } = lacking;
        let upload = Upload {
            client: self.clone(),
            origin: Origin::Stored(file),
            si,
            plan,
            // What cannot be had is left out.
            happy: 0,
            meter: Meter::new(None, facts.size),
            buffers: self.upload_buffers.get(),
        };
        let mut wanted = upload.wanted();
        (wanted.happy, wanted.ueb_hash) = (wanted.total, Some(facts.ueb_hash));
        let mut places = upload.places(wanted).await?;
        places.late.give_up(&mut places.sites);
        know(&mut places, &stock, self);
        // A small file is made at once, a large one when somebody takes its shares.
        let encoding = send::Whole::fits(&plan).then(|| upload.encoding());
        upload.fill(&mut places, encoding).await?;
        Ok(restored(places.sites))
    }
}

/// Puts what was read in the place of what servers say.
fn know(places: &mut Places, stock: &BTreeMap<ServerId, Stock>, client: &Client) {
    let Places { wanted, sites, .. } = places;
    for Stock { server, .. } in stock.values().filter(|stock| !stock.good.is_empty()) {
        if !sites.0.iter().any(|site| site.server.id == server.id) {
            sites.0.push(holder(server, wanted, client));
        }
    }
    for site in &mut sites.0 {
        site.claimed.clear();
        site.found.clear();
        // Leases of what is there are another matter.
        site.leased = true;
        if let Some(Stock { good, damaged, .. }) = stock.get(&site.server.id) {
            (site.held, site.damaged) = (good.clone(), damaged.clone());
            // Where one is damaged, the good one stands beside it.
            site.beside = good.intersection(damaged).copied().collect();
        }
    }
}

/// A server that gets nothing new, for what it has.
fn holder(server: &Arc<Server>, wanted: &Wanted, client: &Client) -> Site {
    let lease = server.lease_secrets(&client.secrets.lease, wanted.si);
    let mut site = Site::asked(Arc::clone(server), lease);
    (site.unanswered, site.trouble) = (false, None);
    site
}

fn restored(sites: Sites) -> Restored {
    let (mut held, mut replaced, mut troubles) = (Held::new(), Held::new(), Vec::new());
    for site in sites.0.into_iter().filter(|site| !site.held.is_empty() || site.trouble.is_some()) {
        let in_place = site.held.intersection(&site.damaged).copied();
        let in_place = in_place.filter(|share| !site.beside.contains(share)).collect();
        replaced.insert(site.server.id, in_place);
        held.insert(site.server.id, site.held);
        troubles.extend(site.trouble);
    }
    held.retain(|_, shares| !shares.is_empty());
    Restored { held, replaced, troubles }
}
