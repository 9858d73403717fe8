//! TLS of a listener: its own certificate, and which client certificates it takes.
//!
//! A listener's settings sit behind one atomic pointer: connections accepted after a reload use the new files, open
//! ones keep their keys. Files that cannot be used (half written, key and certificate that do not fit) change nothing.
//! A client's certificate is judged again, once, by each newer set of authorities and revocation lists, so that a
//! revocation reaches connections that are open already, and when one of its chain ends.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::{ClientCertificate, TlsError, add_roots, certificates, fault, provider, read};
use crate::clock::Timestamp;
use crate::net::stream::Plain;

/// Handshakes in which a client asks for HTTP/2 or HTTP/1.1 get it.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where a listener's certificate chain and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
    /// Which client certificates are taken; `None`: clients are not asked for one.
    pub clients: Option<ClientFiles>,
}

/// What client certificates are judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// A client without a certificate is not let in.
    pub required: bool,
    /// The authorities in PEM, any number a file.
    pub authorities: Vec<PathBuf>,
    /// Revocation lists, in PEM (any number a file) or DER. With any, each authority of a chain needs one.
    pub revocations: Vec<PathBuf>,
}

impl ServerFiles {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let clients = self.clients.iter();
        let clients =
            clients.flat_map(|clients| clients.authorities.iter().chain(&clients.revocations));
        [&self.certificate, &self.key]
            .into_iter()
            .chain(clients)
            .map(PathBuf::as_path)
    }

    /// What tells that a file is another one than before. Links are followed, so a swapped Kubernetes mount is seen.
    fn stamps(&self) -> Vec<Option<Stamp>> {
        let stamp = |path| {
            let data = fs::metadata(path).ok()?;
            Some((
                data.dev(),
                data.ino(),
                data.size(),
                data.mtime(),
                data.mtime_nsec(),
            ))
        };
        self.paths().map(stamp).collect()
    }
}

/// Device, inode, size and time of the last change.
type Stamp = (u64, u64, u64, i64, i64);

/// A listener's TLS. Clones share one set of certificates.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: ServerFiles,
    current: ArcSwap<Current>,
    /// The files as they were when they were last read well; one reload at a time.
    stamps: Mutex<Vec<Option<Stamp>>>,
}

/// What one reading of the files made.
#[derive(Debug)]
pub(super) struct Current {
    config: Arc<ServerConfig>,
    pub(super) clients: Arc<dyn ClientCertVerifier>,
    /// When the first of the revocation lists should have been followed by another.
    lists_until: Option<Timestamp>,
}

impl Server {
    /// Reads the files.
    pub fn load(files: ServerFiles) -> Result<Self, TlsError> {
        let stamps = files.stamps();
        let current = ArcSwap::from_pointee(Current::read(&files)?);
        Ok(Self(Arc::new(Shared {
            files,
            current,
            stamps: Mutex::new(stamps),
        })))
    }

    /// Reads the files again. When they cannot be used, those in use stay.
    pub fn reload(&self) -> Result<(), TlsError> {
        let mut known = self.lock();
        // Taken before reading: what is written in between is another change.
        let stamps = self.0.files.stamps();
        self.0
            .current
            .store(Arc::new(Current::read(&self.0.files)?));
        *known = stamps;
        Ok(())
    }

    /// Reads the files again if one of them has changed since they were last read well; whether they were.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        if *self.lock() == self.0.files.stamps() {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    /// When the first of the revocation lists in use should have been followed by another (`nextUpdate`).
    pub fn lists_until(&self) -> Option<Timestamp> {
        self.0.current.load().lists_until
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Option<Stamp>>> {
        self.0.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What judges client certificates now.
    pub(super) fn current(&self) -> Arc<Current> {
        self.0.current.load_full()
    }

    /// Whether `seen` still judges client certificates.
    pub(super) fn is_current(&self, seen: &Arc<Current>) -> bool {
        Arc::ptr_eq(&self.0.current.load(), seen)
    }

    /// Shakes hands; with the certificate that the client has proven to be its own.
    pub(in crate::net) async fn accept(
        &self,
        socket: Plain,
    ) -> io::Result<(
        tokio_rustls::server::TlsStream<Plain>,
        Option<ClientCertificate>,
    )> {
        let current = self.current();
        let began = UnixTime::now();
        let stream = TlsAcceptor::from(Arc::clone(&current.config))
            .accept(socket)
            .await?;
        let session = stream.get_ref().1;
        // A session that is resumed brings the certificate along, and nobody verifies it.
        let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        let judged = (!is_resumed).then_some(began);
        let chain = session.peer_certificates();
        let certificate =
            chain.map(|chain| ClientCertificate::new(self.clone(), current, judged, chain));
        Ok((stream, certificate))
    }
}

impl Current {
    fn read(files: &ServerFiles) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
            .map_err(|error| fault(&files.key, &error))?;
        let (clients, lists_until) = match &files.clients {
            None => (WebPkiClientVerifier::no_client_auth(), None),
            Some(clients) => client_verifier(clients)?,
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .with_client_cert_verifier(Arc::clone(&clients))
            .with_single_cert(chain, key)
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        Ok(Self {
            config: Arc::new(config),
            clients,
            lists_until,
        })
    }
}

type Clients = (Arc<dyn ClientCertVerifier>, Option<Timestamp>);

fn client_verifier(files: &ClientFiles) -> Result<Clients, TlsError> {
    let mut roots = RootCertStore::empty();
    for path in &files.authorities {
        add_roots(&mut roots, path)?;
    }
    let mut lists = Vec::new();
    for path in &files.revocations {
        lists.append(&mut revocation_lists(path)?);
    }
    // Without a list of its issuer a certificate's state is unknown, and it is refused; a list past its `nextUpdate`
    // still says what it says, and whoever looks after the files is told.
    let until = lists.iter().filter_map(next_update).min();
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).with_crls(lists);
    let builder = if files.required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    let clients = builder.build().map_err(TlsError::Clients)?;
    Ok((clients, until))
}

fn next_update(list: &CertificateRevocationListDer<'_>) -> Option<Timestamp> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    let time = list.next_update()?;
    Some(Timestamp::from_seconds(time.timestamp()))
}

/// Authorities publish lists in DER, administrators keep them in PEM.
fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let bytes = read(path)?;
    // An ASN.1 SEQUENCE of a long length; no PEM text begins so.
    if bytes.starts_with(&[0x30]) {
        return Ok(vec![bytes.into()]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fault(path, &error))?;
    if lists.is_empty() {
        return Err(fault(path, &"no revocation list in it"));
    }
    Ok(lists)
}
