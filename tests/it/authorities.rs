//! Certificate authorities for tests, and a client that speaks HTTP/1 over TLS with a certificate of theirs.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Answer, Client, PATIENCE};

/// An authority, and what stands between it and its root.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    /// Of one below a root: its certificate.
    above: Vec<CertificateDer<'static>>,
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        let (params, key) = authority(name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
            above: Vec::new(),
        }
    }

    /// One that this one vouches for.
    pub(crate) fn below(&self, name: &str) -> Self {
        self.below_that(name, |_| {})
    }

    /// The same with other parameters.
    pub(crate) fn below_that(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let (mut params, key) = authority(name);
        change(&mut params);
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            pem: made.pem(),
            above: vec![made.der().clone()],
        }
    }

    /// A certificate that is good for years, unless `change` changes that.
    pub(crate) fn issue(&self, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Holder {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let chain = [made.der().clone()].into_iter().chain(self.above.clone());
        Holder {
            chain: chain.collect(),
            key,
        }
    }

    /// One with these URIs.
    pub(crate) fn workload(&self, serial: u64, uris: &[&str]) -> Holder {
        self.issue(serial, |params| {
            let uri = |text: &&str| SanType::URI((*text).try_into().unwrap());
            params.subject_alt_names = uris.iter().map(uri).collect();
        })
    }

    /// A revocation list (PEM) with these serial numbers.
    pub(crate) fn revoked(&self, serials: &[u64]) -> String {
        self.revoked_until(serials, 2098)
    }

    /// The same, to be followed by another in this year.
    pub(crate) fn revoked_until(&self, serials: &[u64], year: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params, KeyPair::generate().unwrap())
}

/// A certificate with its key.
pub(crate) struct Holder {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Holder {
    /// Chain and key in PEM, for a server.
    pub(crate) fn pem(&self) -> (String, String) {
        let armour = |der: &CertificateDer<'_>| {
            use base64::Engine;
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        (
            self.chain.iter().map(armour).collect(),
            self.key.serialize_pem(),
        )
    }
}

/// A connection with TLS.
pub(crate) type Connection = Client<StreamOwned<ClientConnection, TcpStream>>;

/// Connects to a server whose certificate is from `root` (PEM); whether the server takes the client's certificate is
/// seen with the first request.
pub(crate) fn connect(address: SocketAddr, root: &str, client: Option<&Holder>) -> Connection {
    connect_as(address, &client_of(root, client))
}

/// A client that resumes its sessions.
pub(crate) fn client_of(root: &str, client: Option<&Holder>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(holder) => {
            let key = PrivateKeyDer::from_pem_slice(holder.key.serialize_pem().as_bytes());
            builder
                .with_client_auth_cert(holder.chain.clone(), key.unwrap())
                .unwrap()
        }
    };
    Arc::new(config)
}

/// One more connection of a client.
pub(crate) fn connect_as(address: SocketAddr, client: &Arc<ClientConfig>) -> Connection {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::clone(client), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Client::over(StreamOwned::new(session, socket))
}

/// GET on a connection; `None` when the server has ended it.
pub(crate) fn get(
    connection: &mut Connection,
    target: &str,
    headers: &[(&str, &str)],
) -> Option<Answer> {
    let mut text = format!("GET {target} HTTP/1.1\r\nHost: app.example\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    connection.try_send(text.as_bytes()).ok()?;
    connection.answer(false)
}
