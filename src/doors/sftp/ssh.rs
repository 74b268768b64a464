//! Who comes by SSH: with which name and secret or key, and for SFTP alone.

use super::super::book::PublicKey;
use super::super::opened::Opened;
use super::super::serve::Doors;
use super::serve::{Room, serve};
use crate::base::limits::{
    DOOR_REFUSAL_TIME, SFTP_DATA_MAX, SSH_ASK_TIME, SSH_CHANNELS_MAX, SSH_CONNECTIONS_MAX,
    SSH_LOGIN_TIME, SSH_TRIES_MAX,
};
use crate::base::system::random;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
    run_stream,
};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet, SshId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};

/// Messages of a channel that wait to be read, and bytes that may be on their way.
const CHANNEL_MESSAGES: usize = 16;
const WINDOW: u32 = 1 << 20;
const PACKET: u32 = 32 << 10;
const _: () = assert!(WINDOW as usize > 2 * SFTP_DATA_MAX);

/// The key by which clients know this node again.
pub struct HostKey(PrivateKey);

/// The file with it is no key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no private key of SSH without a passphrase")]
pub struct NotAHostKey;

impl HostKey {
    pub fn new() -> Self {
        Self(Ed25519Keypair::from_seed(&random()).into())
    }

    /// Of a file as OpenSSH writes it.
    pub fn parse(text: &str) -> Result<Self, NotAHostKey> {
        let key = PrivateKey::from_openssh(text).map_err(|_| NotAHostKey)?;
        if key.is_encrypted() { Err(NotAHostKey) } else { Ok(Self(key)) }
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
    /// The memory of all sessions.
    room: Room,
    places: Arc<Semaphore>,
}

impl SshDoors {
    pub fn new(doors: Doors, key: HostKey) -> Self {
        let config = Config {
            server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-tahoe")),
            methods: MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..]),
            auth_rejection_time: DOOR_REFUSAL_TIME,
            // Clients ask first which ways there are.
            auth_rejection_time_initial: Some(Duration::ZERO),
            max_auth_attempts: SSH_TRIES_MAX,
            keys: vec![key.0],
            window_size: WINDOW,
            maximum_packet_size: PACKET,
            channel_buffer_size: CHANNEL_MESSAGES,
            inactivity_timeout: None,
            keepalive_interval: Some(SSH_ASK_TIME),
            ..Config::default()
        };
        let (config, room) = (Arc::new(config), Room::default());
        Self { doors, config, room, places: Arc::new(Semaphore::new(SSH_CONNECTIONS_MAX)) }
    }

    /// Serves one connection to its end, if there is a place for it.
    pub async fn serve(self, socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Ok(_place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let (arrivals, mut arrived) = mpsc::channel(SSH_CHANNELS_MAX);
        let visitor =
            Visitor { doors: self.doors.clone(), door: None, channels: HashMap::new(), arrivals };
        let begun = run_stream(Arc::clone(&self.config), socket, visitor);
        let Ok(Ok(mut running)) = tokio::time::timeout(SSH_LOGIN_TIME, begun).await else { return };
        let handle = running.handle();
        let login = tokio::time::sleep(SSH_LOGIN_TIME);
        let mut login = std::pin::pin!(login);
        let mut has_come = false;
        loop {
            tokio::select! {
                biased;
                ended = &mut running => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "an SSH connection ended");
                    }
                    return;
                }
                Some(arrival) = arrived.recv() => {
                    has_come = true;
                    actix_rt::spawn(self.clone().sftp(arrival));
                }
                () = &mut login, if !has_come => {
                    has_come = true;
                    let why = "nobody logged in, or asked for files";
                    let told =
                        handle.disconnect(Disconnect::ByApplication, why.to_owned(), String::new());
                    let _ = told.await;
                }
            }
        }
    }

    async fn sftp(self, Arrival { channel, door }: Arrival) {
        let (mut input, output) = channel.split();
        let clock = self.doors.clock.clone();
        let served =
            serve(input.make_reader(), output.make_writer(), (door, clock), self.room).await;
        if let Err(error) = &served {
            tracing::debug!(%error, "an SFTP session broke off");
        }
        // Whoever is gone hears none of it.
        let _ = output.exit_status(u32::from(served.is_err())).await;
        let _ = output.eof().await;
        let _ = output.close().await;
    }
}

/// Somebody who wants to speak SFTP.
struct Arrival {
    channel: Channel<Msg>,
    door: Opened,
}

/// One connection.
struct Visitor {
    doors: Doors,
    /// What they opened.
    door: Option<Opened>,
    /// Channels that are not used for anything yet.
    channels: HashMap<ChannelId, Channel<Msg>>,
    arrivals: mpsc::Sender<Arrival>,
}

impl Visitor {
    fn enter(&mut self, door: Option<Opened>) -> Auth {
        self.door = door;
        match self.door {
            Some(_) => Auth::Accept,
            None => Auth::reject(),
        }
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
            None => Auth::reject(),
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
        if self.channels.len() < SSH_CHANNELS_MAX {
            self.channels.insert(channel.id(), channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let wanted = if name == "sftp" { self.channels.remove(&channel) } else { None };
        let sent = match (wanted, &self.door) {
            (Some(channel), Some(door)) => {
                let arrival = Arrival { channel, door: door.clone() };
                self.arrivals.try_send(arrival).is_ok()
            }
            _ => false,
        };
        match sent {
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
