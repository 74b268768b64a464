//! Storage servers that keep what they are given, and write down every secret that they are sent.

mod elsewhere;

use actix::{Actor, Addr, Context, Handler, ResponseFuture};
use ring::signature::RsaKeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::sync::{Arc, Mutex};
use tahoe::base::ShareNum;
use tahoe::base::hash::sha1;
use tahoe::introducer::{
    Announcement, Book, Fields, Follower, GridParameters, Listener, Succession,
};
use tahoe::storage::api::{
    AddLease, AdviseCorrupt, Allocate, AllocateProven, Allocated, CancelLease, GetClock, GetSpace,
    GetVersion, ListManyShares, ListShares, OpenAndRead, OpenBucket, Opened, Put, PutProven,
    ServerVersion, SpaceNow, Storage,
};
use tahoe::storage::{ServerOptions, StorageServer, Store, StoreConfig};
use tahoe::tub::{Call, Furl, Identity, Ref, RemoteError, Tub, TubId, TubOptions, start};

/// Both secrets of a lease, as they were sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    pub renew: [u8; 32],
    pub cancel: [u8; 32],
}

/// What a server says of itself.
#[derive(Default)]
pub struct Claim {
    /// Instead of its tub's default.
    pub lease_seed: Option<[u8; 20]>,
    /// With the proof that it goes on as [`old_node`].
    pub proven: bool,
    /// It takes no shares, and says that it has all.
    pub boasts: bool,
}

/// A server on TCP that an introducer knows.
pub struct Overheard {
    pub tub: Tub,
    pub furl: Furl,
    pub store: Arc<Store>,
    pub dir: tempfile::TempDir,
    heard: Arc<Mutex<Vec<Sent>>>,
    _follower: Addr<Follower>,
}

impl Overheard {
    pub async fn start(introducer: &Furl, claim: Claim) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = StoreConfig { index_on_disk: false, ..StoreConfig::new(dir.path()) };
        let store = Store::open(config).unwrap();
        let (inner, restorer) = StorageServer::start(store.clone(), ServerOptions::default());
        let tub = Tub::new(Identity::random(), TubOptions::default());
        let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        tub.set_hints(vec![tahoe::tub::Hint::tcp("127.0.0.1", address.port())]);
        tub.add_restorer(restorer);
        let heard = Arc::default();
        let ears = Ears { inner, heard: Arc::clone(&heard), boasts: claim.boasts };
        let furl = tub.register(Storage::of(start(ears)), None);
        let said = announcement(&tub, &furl, &claim);
        let follower = Follower::start("storage", Vec::new(), vec![said], Box::new(Deaf));
        Follower::follow(&follower, &tub, introducer.clone());
        Self { tub, furl, store, dir, heard, _follower: follower }
    }

    /// The secrets that it was sent so far, each once.
    pub fn heard(&self) -> Vec<Sent> {
        let mut heard = self.heard.lock().unwrap().clone();
        heard.sort();
        heard.dedup();
        heard
    }

    /// What makes it forget them.
    pub fn forgetting(&self) -> impl Fn() + Send + 'static {
        let heard = Arc::clone(&self.heard);
        move || heard.lock().unwrap().clear()
    }
}

impl Drop for Overheard {
    fn drop(&mut self) {
        self.tub.shutdown();
        self.store.shut_down();
    }
}

fn announcement(tub: &Tub, furl: &Furl, claim: &Claim) -> Announcement {
    let (permutation_seed, default) = tahoe::introducer::announcement::default_seeds(tub.id());
    let fields = Fields {
        sequence: 1,
        service: "storage".into(),
        furl: furl.clone(),
        nickname: String::new(),
        version: "test/1".into(),
        permutation_seed,
        lease_seed: claim.lease_seed.unwrap_or(default),
    };
    let proof = claim.proven.then(|| succession(tub.id()));
    Announcement::sign_with(tub.identity(), &fields, proof.as_ref()).unwrap()
}

/// Certificate and key of a node of Tahoe-LAFS 1.20, as Foolscap writes them.
const OLD_NODE: &[u8] = include_bytes!("../nodes/foolscap.pem");

/// The name of that node, from which its clients' renew secrets are made.
pub fn old_node() -> [u8; 20] {
    sha1(&[&CertificateDer::from_pem_slice(OLD_NODE).unwrap()])
}

fn succession(tub: TubId) -> Succession {
    let certificate = CertificateDer::from_pem_slice(OLD_NODE).unwrap();
    let key = PrivatePkcs8KeyDer::from_pem_slice(OLD_NODE).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    Succession::sign(&certificate, &key, tub).unwrap()
}

struct Ears {
    inner: Ref<Storage>,
    heard: Arc<Mutex<Vec<Sent>>>,
    boasts: bool,
}

impl Ears {
    fn pass<M: Call<Storage>>(&self, message: M) -> ResponseFuture<Result<M::Reply, RemoteError>> {
        Box::pin(self.inner.call(message))
    }
}

impl Actor for Ears {
    type Context = Context<Self>;
}

macro_rules! passed_on {
    ($($message:ty => $reply:ty),*) => {$(
        impl Handler<$message> for Ears {
            type Result = ResponseFuture<Result<$reply, RemoteError>>;
            fn handle(&mut self, message: $message, _: &mut Self::Context) -> Self::Result {
                self.pass(message)
            }
        }
    )*};
}

macro_rules! overheard {
    ($($message:ty => $reply:ty),*) => {$(
        impl Handler<$message> for Ears {
            type Result = ResponseFuture<Result<$reply, RemoteError>>;
            fn handle(&mut self, message: $message, _: &mut Self::Context) -> Self::Result {
                let (renew, cancel) = (*message.renew.reveal(), *message.cancel.reveal());
                self.heard.lock().unwrap().push(Sent { renew, cancel });
                self.pass(message)
            }
        }
    )*};
}

passed_on!(
    GetClock => u64, GetSpace => SpaceNow, AdviseCorrupt => (), OpenBucket => Opened, OpenAndRead => Opened
);
overheard!(
    Allocate => Allocated, AllocateProven => Allocated, Put => Allocated, PutProven => Allocated,
    AddLease => u32
);

impl Handler<CancelLease> for Ears {
    type Result = ResponseFuture<Result<u32, RemoteError>>;
    fn handle(&mut self, message: CancelLease, _: &mut Self::Context) -> Self::Result {
        self.pass(message)
    }
}

impl Handler<ListManyShares> for Ears {
    type Result = ResponseFuture<Result<Vec<Vec<ShareNum>>, RemoteError>>;
    fn handle(&mut self, message: ListManyShares, _: &mut Self::Context) -> Self::Result {
        let all: Vec<_> = (0..10).map(ShareNum).collect();
        match self.boasts {
            true => Box::pin(std::future::ready(Ok(vec![all; message.indexes.len()]))),
            false => self.pass(message),
        }
    }
}

impl Handler<GetVersion> for Ears {
    type Result = ResponseFuture<Result<ServerVersion, RemoteError>>;
    fn handle(&mut self, message: GetVersion, _: &mut Self::Context) -> Self::Result {
        let (answer, boasts) = (self.pass(message), self.boasts);
        Box::pin(async move {
            let version = answer.await?;
            Ok(ServerVersion { read_only: version.read_only || boasts, ..version })
        })
    }
}

impl Handler<ListShares> for Ears {
    type Result = ResponseFuture<Result<Vec<ShareNum>, RemoteError>>;
    fn handle(&mut self, message: ListShares, _: &mut Self::Context) -> Self::Result {
        match self.boasts {
            true => Box::pin(std::future::ready(Ok((0..10).map(ShareNum).collect()))),
            false => self.pass(message),
        }
    }
}

/// A server has no use for the list.
struct Deaf;

impl Listener for Deaf {
    fn announced(&mut self, _: &Announcement) {}
    fn gone(&mut self, _: TubId) {}
    fn parameters(&mut self, _: GridParameters) {}
    fn introducer(&mut self, _: bool) {}
    fn settled(&mut self, _: &Book) {}
}
