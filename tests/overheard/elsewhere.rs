//! Everything that is sent to one server, tried on every other; and what those are sent that announce
//! another server's lease seed.

use super::{Claim, Overheard, Sent, old_node};
use crate::nodes::{Nodes, Process, http, wait_for_servers};
use crate::{furl_in, shares, stranger, with};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;
use tahoe::base::secret::LeaseMasterSecret;
use tahoe::base::seeded::bytes;
use tahoe::base::{StorageIndex, base32};
use tahoe::cap::Cap;
use tahoe::codec::lease::bucket_secrets;
use tahoe::introducer::announcement::default_seeds;
use tahoe::storage::api::{Cancel, GetVersion, LeaseCancellation, LeaseRenewal, Renew, Storage};
use tahoe::tub::{Furl, RemoteError, Tub};

/// Small files are stored in one call, large ones by writers.
const SIZES: [usize; 4] = [10_000, 20_000, 300_000, 400_000];

/// Those who take part, in the order in which their secrets are tried.
struct Cast {
    honest: Vec<Overheard>,
    /// Goes on as a node of 1.20, and proves it.
    heir: Overheard,
    /// Announces a seed that is nobody's.
    odd: Overheard,
    /// Announce the seeds of others, or one seed for two.
    copies: Vec<Overheard>,
    /// Says that it has every share.
    boaster: Overheard,
}

impl Cast {
    async fn of(introducer: &Furl) -> Self {
        let claim = |lease_seed| Claim { lease_seed, ..Claim::default() };
        let mut honest = Vec::new();
        for _ in 0..10 {
            honest.push(Overheard::start(introducer, Claim::default()).await);
        }
        let seed = |server: &Overheard| default_seeds(server.tub.id()).1;
        let stolen = [seed(&honest[0]), seed(&honest[1]), old_node(), [9; 20], [9; 20]];
        let mut copies = Vec::new();
        for stolen in stolen {
            copies.push(Overheard::start(introducer, claim(Some(stolen))).await);
        }
        let heir = Claim { proven: true, ..claim(Some(old_node())) };
        let boaster = Claim { boasts: true, ..Claim::default() };
        Self {
            honest,
            heir: Overheard::start(introducer, heir).await,
            odd: Overheard::start(introducer, claim(Some([8; 20]))).await,
            copies,
            boaster: Overheard::start(introducer, boaster).await,
        }
    }

    fn all(&self) -> Vec<&Overheard> {
        let others = [&self.heir, &self.odd, &self.boaster];
        self.honest.iter().chain(others).chain(&self.copies).collect()
    }
}

/// Stores files and leases them anew, as a user does; their storage indexes.
fn use_grid(gateway: &str, boaster_forgets: impl Fn()) -> Vec<StorageIndex> {
    let store = |size: &usize| {
        let put = http().put(format!("{gateway}/uri")).send(&bytes(*size as u64, *size)[..]);
        put.unwrap().into_body().read_to_string().unwrap()
    };
    let caps: Vec<String> = SIZES.iter().map(store).collect();
    boaster_forgets();
    for cap in &caps {
        let check = format!("{gateway}/uri/{cap}?t=check&output=JSON&add-lease=true");
        assert_eq!(http().post(check).send_empty().unwrap().status(), 200);
    }
    caps.iter().map(|cap| Cap::parse(cap).unwrap().storage_index().unwrap()).collect()
}

/// What may be sent to a server whose lease seed is this.
fn due(gateway: &Path, server: &Overheard, seed: [u8; 20], of: &[StorageIndex]) -> BTreeSet<Sent> {
    let text = std::fs::read_to_string(gateway.join("private/secret")).unwrap();
    let master = LeaseMasterSecret::new(base32::decode_array(text.trim()).unwrap());
    let secrets = |si: &StorageIndex| {
        let secrets = bucket_secrets(&master, *si, &seed, &server.tub.id().0);
        Sent { renew: *secrets.renew.reveal(), cancel: *secrets.cancel.reveal() }
    };
    of.iter().map(secrets).collect()
}

/// Tries to end and to renew a lease with a secret that is none of this server's.
async fn refused(thief: &Tub, server: &Overheard, secret: [u8; 32]) -> usize {
    let furl = with(&server.furl, secret);
    let cancelled = thief.sturdy::<LeaseCancellation>(&furl).call(Cancel {}).await;
    let renewed = thief.sturdy::<LeaseRenewal>(&furl).call(Renew {}).await;
    assert_eq!(cancelled.err(), Some(RemoteError::NoSuchObject));
    assert_eq!(renewed.err(), Some(RemoteError::NoSuchObject));
    2
}

#[actix_rt::test]
async fn no_secret_sent_to_one_server_is_good_on_another() {
    let started = Instant::now();
    let nodes = Nodes::new();
    let hub = Process::run(&nodes.create_introducer());
    let cast = Cast::of(&furl_in(&hub.dir, "introducer.furl")).await;
    let all = cast.all();
    let dir = nodes.create_client("gateway", &["--no-storage", "--webport", "0"]);
    nodes.join(&dir);
    let (count, url, forget) = (all.len(), dir.clone(), cast.boaster.forgetting());
    let used = tokio::task::spawn_blocking(move || {
        let gateway = Process::run(&url);
        wait_for_servers(&gateway.dir, count);
        use_grid(&gateway.url, forget)
    });
    let files = used.await.unwrap();

    for copy in &cast.copies {
        assert!(copy.heard().is_empty(), "who announces another's seed is sent nothing");
    }
    assert!(cast.boaster.heard().is_empty(), "who shows no share is sent no lease for it");
    let mut used = 0;
    for server in &all {
        let own = default_seeds(server.tub.id()).1;
        let seed = if server.tub.id() == cast.heir.tub.id() { old_node() } else { own };
        let due = due(&dir, server, seed, &files);
        assert!(server.heard().iter().all(|sent| due.contains(sent)), "its own secrets only");
        used += usize::from(!server.heard().is_empty());
    }
    assert!(used >= 10 && !cast.heir.heard().is_empty() && !cast.odd.heard().is_empty());

    let before: Vec<_> = all.iter().map(|server| shares(server.dir.path())).collect();
    let thief = stranger();
    for server in &all {
        // A member of the grid, who may ask every server for shares.
        thief.sturdy::<Storage>(&server.furl).call(GetVersion {}).await.unwrap();
    }
    let mut tries = 0;
    for server in &all {
        let secrets = server.heard().into_iter().flat_map(|sent| [sent.renew, sent.cancel]);
        for secret in secrets {
            let others = all.iter().filter(|other| other.tub.id() != server.tub.id());
            let tried = others.map(|other| refused(&thief, other, secret));
            tries += futures_util::future::join_all(tried).await.iter().sum::<usize>();
        }
    }
    let after: Vec<_> = all.iter().map(|server| shares(server.dir.path())).collect();
    assert!(before == after, "nothing changed");
    for server in all.iter().filter(|server| !server.heard().is_empty()) {
        let Sent { renew, cancel } = server.heard()[0];
        let (renew, cancel) = (with(&server.furl, renew), with(&server.furl, cancel));
        thief.sturdy::<LeaseRenewal>(&renew).call(Renew {}).await.unwrap();
        let gone = thief.sturdy::<LeaseCancellation>(&cancel).call(Cancel {}).await;
        assert!(gone.unwrap() > 0, "where it was sent to, it is good");
    }
    println!(
        "promise 5: {tries} tries with secrets of {used} servers on others, 0 effects, {:.1} s",
        started.elapsed().as_secs_f32()
    );
}
