//! Who comes by SSH: with which name and secret or key, and for SFTP alone.

use super::super::book::PublicKey;
use super::super::opened::Opened;
use super::super::serve::Doors;
use super::room::Room;
use super::serve::{gone, serve};
use crate::base::limits::{
    DOOR_REFUSAL_TIME, SFTP_DATA_MAX, SSH_ASK_TIME, SSH_CHANNELS_MAX, SSH_CONNECTIONS_MAX,
    SSH_GOODBYE_TIME, SSH_LINE_SIZE, SSH_LOGIN_TIME, SSH_STRANGERS_MAX, SSH_TRIES_MAX,
};
use crate::base::system::random;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
    run_stream,
};
use russh::{Channel, ChannelId, ChannelMsg, MethodKind, MethodSet, SshId};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Messages of a channel that wait to be read, and bytes that may be on their way.
const CHANNEL_MESSAGES: usize = 16;
const WINDOW: u32 = 1 << 20;
const PACKET: u32 = 32 << 10;
const _: () = assert!(WINDOW as usize > 2 * SFTP_DATA_MAX);

/// The key by which clients know this node again.
pub struct HostKey(PrivateKey);

/// The file with it is no key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no private key of SSH, of Ed25519 or ECDSA and without a passphrase")]
pub struct NotAHostKey;

impl HostKey {
    pub fn new() -> Self {
        Self(Ed25519Keypair::from_seed(&random()).into())
    }

    /// Of a file as OpenSSH writes it.
    pub fn parse(text: &str) -> Result<Self, NotAHostKey> {
        let key = PrivateKey::from_openssh(text).map_err(|_| NotAHostKey)?;
        let is_known = matches!(key.algorithm(), Algorithm::Ed25519 | Algorithm::Ecdsa { .. });
        if is_known && !key.is_encrypted() { Ok(Self(key)) } else { Err(NotAHostKey) }
    }

    /// The file.
    pub fn reveal(&self) -> Result<String, NotAHostKey> {
        Ok(self.0.to_openssh(LineEnding::LF).map_err(|_| NotAHostKey)?.to_string())
    }

    /// What clients show of it when they see it first.
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }
}

impl Default for HostKey {
    fn default() -> Self {
        Self::new()
    }
}

/// All that SSH needs to serve whoever connects. Clones share it.
#[derive(Clone)]
pub struct SshDoors {
    doors: Doors,
    config: Arc<Config>,
    /// What all sessions have together.
    room: Room,
    /// Places of who has not logged in yet,
    strangers: Arc<Semaphore>,
    /// and of who has.
    places: Arc<Semaphore>,
}

impl SshDoors {
    pub fn new(doors: Doors, key: HostKey) -> Self {
        let config = Config {
            server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-tahoe")),
            methods: methods(),
            auth_rejection_time: DOOR_REFUSAL_TIME,
            // Clients ask first which ways there are.
            auth_rejection_time_initial: Some(Duration::ZERO),
            max_auth_attempts: SSH_TRIES_MAX,
            keys: vec![key.0],
            window_size: WINDOW,
            maximum_packet_size: PACKET,
            channel_buffer_size: CHANNEL_MESSAGES,
            // What answers when it is asked is there.
            inactivity_timeout: Some(SSH_ASK_TIME * 5),
            keepalive_interval: Some(SSH_ASK_TIME),
            ..Config::default()
        };
        let [strangers, places] =
            [SSH_STRANGERS_MAX, SSH_CONNECTIONS_MAX].map(|most| Arc::new(Semaphore::new(most)));
        Self { doors, config: Arc::new(config), room: Room::default(), strangers, places }
    }

    /// Serves one connection to its end, if there is a place for it. What is between the socket and the
    /// protocol is cut through here when its time is over, whatever either waits for.
    pub async fn serve(self, mut socket: impl AsyncRead + AsyncWrite + Unpin) {
        let Ok(place) = Arc::clone(&self.strangers).try_acquire_owned() else { return };
        let (mut line, other) = tokio::io::duplex(SSH_LINE_SIZE);
        let (arrivals, mut arrived) = mpsc::channel(SSH_CHANNELS_MAX);
        let (come, came) = oneshot::channel();
        let visitor = Visitor {
            doors: self.doors.clone(),
            door: None,
            come: Some(come),
            using: HashSet::new(),
            turns: Arc::new(Semaphore::new(SSH_CHANNELS_MAX)),
            arrivals,
        };
        let running = run_stream(Arc::clone(&self.config), other, visitor);
        let running = async {
            if let Err(error) = async { running.await?.await }.await {
                tracing::debug!(%error, "an SSH connection ended");
            }
            // What was said last is on its way still.
            tokio::time::sleep(SSH_GOODBYE_TIME).await;
        };
        let sessions = async {
            while let Some(arrival) = arrived.recv().await {
                actix_rt::spawn(self.clone().sftp(arrival));
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = self.may_stay(came, place) => {}
            _ = tokio::io::copy_bidirectional(&mut socket, &mut line) => {}
            () = running => {}
            () = sessions => {}
        }
    }

    /// Waits until a connection is to end: nobody logs in, there is no place for one more, or the door is shut.
    async fn may_stay(&self, came: oneshot::Receiver<Opened>, stranger: OwnedSemaphorePermit) {
        let Ok(Ok(door)) = tokio::time::timeout(SSH_LOGIN_TIME, came).await else { return };
        let Ok(_place) = self.places.try_acquire() else { return };
        drop(stranger);
        gone(&door).await;
    }

    async fn sftp(self, Arrival { channel, door, turn: _turn }: Arrival) {
        let (mut input, output) = channel.split();
        // A channel that nobody reads would hold up all others.
        loop {
            match tokio::time::timeout(SSH_LOGIN_TIME, input.wait()).await {
                Ok(Some(ChannelMsg::RequestSubsystem { name, .. })) if name == SFTP => break,
                Ok(Some(message)) if !matches!(message, ChannelMsg::Eof | ChannelMsg::Close) => {}
                _ => {
                    drop(input);
                    return drop(output.close().await);
                }
            }
        }
        let clock = self.doors.clock.clone();
        let served =
            serve(input.make_reader(), output.make_writer(), (door, clock), self.room).await;
        drop(input);
        if let Err(error) = &served {
            tracing::debug!(%error, "an SFTP session broke off");
        }
        // Whoever is gone hears none of it.
        let _ = output.exit_status(u32::from(served.is_err())).await;
        let _ = output.eof().await;
        let _ = output.close().await;
    }
}

/// The one subsystem that there is.
const SFTP: &str = "sftp";

/// A channel of somebody who has logged in, and the right to have one more.
struct Arrival {
    channel: Channel<Msg>,
    door: Opened,
    turn: OwnedSemaphorePermit,
}

/// One connection.
struct Visitor {
    doors: Doors,
    /// What they opened.
    door: Option<Opened>,
    /// Tells that they did.
    come: Option<oneshot::Sender<Opened>>,
    /// Channels by which SFTP is spoken.
    using: HashSet<ChannelId>,
    turns: Arc<Semaphore>,
    arrivals: mpsc::Sender<Arrival>,
}

impl Visitor {
    fn enter(&mut self, door: Option<Opened>) -> Auth {
        let Some(door) = door else { return refused() };
        if let Some(come) = self.come.take() {
            // Nobody waits any more where time is over.
            let _ = come.send(door.clone());
        }
        self.door = Some(door);
        Auth::Accept
    }

    fn by_key(&self, name: &str, key: &russh::keys::PublicKey) -> Option<Opened> {
        let key = PublicKey(key.to_bytes().ok()?);
        self.doors.enter(name, |door| door.by_key(&key))
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_password(&mut self, name: &str, password: &str) -> Result<Auth, Self::Error> {
        let door = self.doors.enter(name, |door| door.by_password(password));
        Ok(self.enter(door))
    }

    async fn auth_publickey_offered(
        &mut self,
        name: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(match self.by_key(name, offer.public_key) {
            Some(_) => Auth::Accept,
            None => refused(),
        })
    }

    async fn auth_publickey(
        &mut self,
        name: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let door = self.by_key(name, key.public_key);
        Ok(self.enter(door))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok();
        if let (Some(turn), Some(door)) = (turn, self.door.clone())
            && self.arrivals.try_send(Arrival { channel, door, turn }).is_ok()
        {
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.using.remove(&channel);
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match name == SFTP && self.using.insert(channel) {
            true => session.channel_success(channel),
            false => session.channel_failure(channel),
        }
    }

    /// No program runs here.
    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    /// As no program.
    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}

/// Whoever was refused may try again, as often as anybody.
fn refused() -> Auth {
    Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false }
}

fn methods() -> MethodSet {
    MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..])
}
