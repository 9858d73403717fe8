//! TLS for listeners and towards upstreams: certificates and keys from files, read again on demand.
//!
//! A listener's settings sit behind one atomic pointer: connections accepted after a reload use the new certificate,
//! open ones keep theirs. Files that cannot be used (half written, key and certificate that do not fit) change nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::net::stream::Plain;

/// Handshakes in which a client asks for HTTP/2 or HTTP/1.1 get it.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

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
}

/// Where a listener's certificate chain and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// A listener's TLS. Clones share one set of certificates.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: ServerFiles,
    current: ArcSwap<ServerConfig>,
}

impl Server {
    /// Reads the files.
    pub fn load(files: ServerFiles) -> Result<Self, TlsError> {
        let current = ArcSwap::new(server_config(&files)?);
        Ok(Self(Arc::new(Shared { files, current })))
    }

    /// Reads the files again. When they cannot be used, the certificate in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.0.current.store(server_config(&self.0.files)?);
        Ok(())
    }

    pub(super) async fn accept(
        &self,
        socket: Plain,
    ) -> io::Result<tokio_rustls::server::TlsStream<Plain>> {
        TlsAcceptor::from(self.0.current.load_full())
            .accept(socket)
            .await
    }
}

fn server_config(files: &ServerFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|error| fault(&files.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
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
            Some(path) => {
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| fault(path, &error))?;
                }
            }
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
    fs::read(path).map_err(|error| fault(path, &error))
}

fn fault(path: &Path, cause: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}
