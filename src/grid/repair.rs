//! Repair: the shares that a file has lost are made again, by who holds no more than its verify cap.
//!
//! ```text
//! verify → enough good shares? → their ciphertext, through the encoder again → missing shares, placed
//! ```
//! Promises: nothing is taken away and nothing replaced before it is durable, so that a file is never
//! worse off than before; what is stored are the bytes of the first upload, or nothing; and what is called
//! good afterwards was read to its end, or was made here and acknowledged as durable. A damaged share gives
//! way where its server allows that; else its successor stands among the proven shares beside it, or on
//! another server.

use super::check::{CheckError, Checked, Subject};
use super::client::Client;
use super::download::DownloadError;
use super::upload::restore::Lacking;
use super::upload::{Trouble, Troubles, UploadError};
use super::verify::{Part, Verified};
use crate::cap::Cap;
use crate::codec::encode::Plan;
use std::fmt;

/// What was found of a file, and what was done about it.
#[derive(Debug, Clone)]
pub struct Repaired {
    pub before: Checked,
    pub after: Checked,
    /// None if nothing had to be done.
    pub outcome: Option<Result<(), Unrepaired>>,
}

/// Why a file does not have all its shares although it was repaired.
#[derive(Debug, Clone)]
pub enum Unrepaired {
    /// Too few good shares are left to make others of them.
    TooFew { good: usize, needed: usize, expected: usize, corrupt: usize, silent: usize },
    /// Some shares are made, and have no place.
    Homeless { stored: usize, expected: usize, servers: usize, troubles: Vec<Trouble> },
    /// What its ciphertext makes is not what the cap names.
    Otherwise,
    /// The ciphertext could not be read, or nothing be stored.
    Failed(UploadError),
}

impl std::error::Error for Unrepaired {}

impl fmt::Display for Unrepaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { good, needed, expected, corrupt, silent } => {
                let more = needed.saturating_sub(*good);
                write!(
                    f,
                    "{good} of {expected} shares are left and {needed} are needed, so {more} more must \
                     come back before the others can be made again"
                )?;
                if *corrupt > 0 {
                    write!(f, "; {corrupt} damaged")?;
                }
                if *silent > 0 {
                    write!(f, "; {silent} server(s) that may have more did not answer")?;
                }
                Ok(())
            }
            Self::Homeless { stored, expected, servers, troubles } => write!(
                f,
                "{stored} of {expected} shares are stored now, on {servers} server(s), {} more wanted and \
                 no place found for them{}",
                expected.saturating_sub(*stored),
                Troubles(troubles)
            ),
            Self::Otherwise => f.write_str(
                "the shares that its ciphertext makes are not those that the capability names; a program \
                 that encodes otherwise made it",
            ),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl Repaired {
    fn nothing(found: Checked) -> Self {
        Self { before: found.clone(), after: found, outcome: None }
    }
}

impl Client {
    /// Checks the file, or immutable directory, that `cap` names, and makes again what it has lost. With
    /// `verify` all shares are read first; without it only if some are missing.
    pub async fn check_and_repair(
        &self,
        cap: &Cap,
        verify: bool,
        add_lease: bool,
    ) -> Result<Repaired, CheckError> {
        self.permit(cap)?;
        let subject = Subject::of(cap)?;
        // After a start, servers that are being dialled have not lost anything.
        self.pool.gathered(subject.facts.params.total()).await;
        if !verify {
            let counted = self.check(cap, add_lease).await?;
            if counted.is_healthy() {
                return Ok(Repaired::nothing(counted));
            }
        }
        // Who was counted has got the leases.
        let verified = self.verify_all(subject, Part::ALL, add_lease && verify).await;
        if verified.checked.is_healthy() {
            return Ok(Repaired::nothing(verified.checked));
        }
        // Nobody closes it.
        let _turn = self.repairs.acquire().await.ok();
        Ok(self.repair(subject, verified).await)
    }

    /// Gives shares that stand beside others to servers that hold nothing of the file, so that as many as
    /// possible hold one that is no other's. What is missing is made again; nothing is taken away.
    pub async fn spread(&self, cap: &Cap) -> Result<Repaired, CheckError> {
        self.permit(cap)?;
        let subject = Subject::of(cap)?;
        let verified = self.verify_all(subject, Part::ALL, false).await;
        let _turn = self.repairs.acquire().await.ok();
        Ok(self.repair(subject, verified).await)
    }

    async fn repair(&self, subject: Subject, verified: Verified) -> Repaired {
        let before = verified.checked.clone();
        let (after, outcome) = match self.make_again(subject, verified).await {
            Ok((after, troubles)) => {
                let whole = homeless(&after, troubles).map_or(Ok(()), Err);
                (after, whole)
            }
            Err(error) => (before.clone(), Err(error)),
        };
        tracing::info!(si = %subject.si, before = before.good(), after = after.good(), "repaired");
        Repaired { before, after, outcome: Some(outcome) }
    }

    async fn make_again(
        &self,
        Subject { si, facts, .. }: Subject,
        verified: Verified,
    ) -> Result<(Checked, Vec<Trouble>), Unrepaired> {
        let Verified { checked, stock, layout } = verified;
        let layout =
            layout.filter(|_| checked.is_recoverable()).ok_or_else(|| too_few(&checked))?;
        let plan = Plan::again(layout.geometry, layout.version).map_err(UploadError::from)?;
        let file = self.open_crypttext(si, facts).await?;
        let restored = self.restore(Lacking { si, facts, plan, file, stock }).await?;
        Ok((checked.with(&restored.held, &restored.replaced), restored.troubles))
    }
}

fn too_few(checked: &Checked) -> Unrepaired {
    Unrepaired::TooFew {
        good: checked.good(),
        needed: checked.needed,
        expected: checked.expected,
        corrupt: checked.corrupt().count(),
        silent: checked.silent.len(),
    }
}

fn homeless(after: &Checked, troubles: Vec<Trouble>) -> Option<Unrepaired> {
    let (stored, expected, servers) = (after.good(), after.expected, after.hosts());
    (stored < expected).then_some(Unrepaired::Homeless { stored, expected, servers, troubles })
}

impl From<UploadError> for Unrepaired {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Changed => Self::Otherwise,
            error => Self::Failed(error),
        }
    }
}

impl From<DownloadError> for Unrepaired {
    fn from(error: DownloadError) -> Self {
        Self::Failed(UploadError::Unread(error))
    }
}
