//! TLS for a gateway that others can reach: rustls with ring.

use super::webport::TlsFiles;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("finds no PEM certificate in {}: {source}", path.display())]
    Certificate { path: PathBuf, source: pem::Error },
    #[error("finds no PEM private key in {}: {source}", path.display())]
    Key { path: PathBuf, source: pem::Error },
    #[error("cannot use certificate and private key together: {0}")]
    Unfit(rustls::Error),
}

/// Reads both files, relative to `folder`.
pub fn server_config(folder: &Path, files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let certificate = folder.join(&files.certificate);
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(|source| TlsError::Certificate { path: certificate, source })?;
    let key = folder.join(&files.private_key);
    let key = PrivateKeyDer::from_pem_file(&key)
        .map_err(|source| TlsError::Key { path: key.clone(), source })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unfit)
}
