//! An address of the node's, told in a file.

use super::basedir::{Basedir, BasedirError};

/// The address, told as long as this lives: a start that is given up takes it away too.
pub struct Address {
    pub url: String,
    file: &'static str,
    basedir: Basedir,
}

impl Address {
    pub fn publish(basedir: &Basedir, file: &'static str, url: &str) -> Result<Self, BasedirError> {
        basedir.write(file, url)?;
        Ok(Self { url: url.to_owned(), file, basedir: basedir.clone() })
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        if let Err(error) = self.basedir.remove(self.file) {
            tracing::warn!(%error, file = self.file, "an address could not be removed");
        }
    }
}
