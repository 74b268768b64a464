//! Shares of a stored file made again, of its own ciphertext, and placed where they are missing.
//!
//! They are the bytes that the first upload made, or none is closed: all hashes of the file come anew
//! from the ciphertext and must lead to the UEB that its cap names. Every share that is missing is
//! wanted and all servers are waited for; what cannot be placed is no error. Nothing is taken away.

use super::sites::{Site, Sites, Trouble};
use super::survey::Wanted;
use super::{Origin, Places, Upload, UploadError, send};
use crate::base::file::FileFacts;
use crate::base::{ShareNum, StorageIndex};
use crate::codec::encode::Plan;
use crate::grid::client::Client;
use crate::grid::download::FileReader;
use crate::grid::progress::Meter;
use crate::grid::server_id::ServerId;
use crate::grid::servers::Server;
use crate::grid::stock::Stock;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Who holds what: found good before, or acknowledged now.
    pub held: BTreeMap<ServerId, BTreeSet<ShareNum>>,
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
        know(&mut places, &stock, self);
        // A small file is made at once, a large one when somebody takes its shares.
        let encoding = send::Whole::fits(&plan).then(|| upload.encoding());
        upload.fill(&mut places, encoding).await?;
        Ok(restored(places.sites, &stock))
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

fn restored(sites: Sites, stock: &BTreeMap<ServerId, Stock>) -> Restored {
    let troubles = sites.0.iter().filter_map(|site| site.trouble.clone()).collect();
    let held = sites.0.into_iter().map(|site| {
        let known = stock.get(&site.server.id);
        // What a server said meanwhile is neither read nor acknowledged.
        let sure = |share: &ShareNum| {
            !site.found.contains(share) || known.is_some_and(|known| known.good.contains(share))
        };
        (site.server.id, site.held.into_iter().filter(sure).collect::<BTreeSet<_>>())
    });
    Restored { held: held.filter(|(_, shares)| !shares.is_empty()).collect(), troubles }
}
