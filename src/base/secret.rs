//! What the secrets of a grid are for.

pub use tahoe_objects::base::secret::{IdentitySeed, Secret};

/// Purposes, as uninhabited types.
pub mod purpose {
    /// Lets its holder renew one lease.
    pub enum Renew {}
    /// Lets its holder cancel one lease.
    pub enum Cancel {}
    /// From which all lease secrets of a node derive.
    pub enum LeaseMaster {}
}

pub type RenewSecret = Secret<purpose::Renew>;
pub type CancelSecret = Secret<purpose::Cancel>;
pub type LeaseMasterSecret = Secret<purpose::LeaseMaster>;
