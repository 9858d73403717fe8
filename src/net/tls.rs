//! TLS for listeners (`server`) and towards upstreams: certificates and keys from files, read again on demand.

pub mod client_certificate;
mod server;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::net::stream::Plain;
use crate::secret_file;

pub use client_certificate::ClientCertificate;
pub use server::{ClientFiles, Server, ServerFiles};

/// Of any of its files; lists of revoked certificates are the longest.
const MOST_BYTES: u64 = 64 << 20;

/// Why TLS files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds no usable PEM section.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The certificate and key do not make a server.
    #[error("certificate and key cannot be used: {0}")]
    Pair(rustls::Error),
    /// The authorities and revocation lists make no check of client certificates.
    #[error("client certificates cannot be checked: {0}")]
    Clients(rustls::server::VerifierBuilderError),
}

/// TLS towards an upstream.
#[derive(Clone)]
pub struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// For the host `name`, whose certificate must come from a CA in `ca_file`, or from a public one without it.
    pub fn new(
        name: ServerName<'static>,
        ca_file: Option<&Path>,
        http2: bool,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => add_roots(&mut roots, path)?,
        }
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let protocol: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    }

    /// Shakes hands over `socket`.
    pub async fn connect(
        &self,
        socket: Plain,
    ) -> io::Result<tokio_rustls::client::TlsStream<Plain>> {
        self.connector.connect(self.name.clone(), socket).await
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Every certificate of a PEM file; one that is none is a fault, lest half a file pass for a whole one.
fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| fault(path, &error))?;
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fault(path, &error))?;
    if chain.is_empty() {
        return Err(fault(path, &"no certificate in it"));
    }
    Ok(chain)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    secret_file::read(path, MOST_BYTES).map_err(|error| fault(path, &error))
}

fn fault(path: &Path, cause: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}
