//! The certificate that a client has shown in its handshake, for as long as its connection lasts.
//!
//! It was verified then, or, where the session was resumed, in an earlier handshake. It is verified again when the
//! listener's authorities or revocation lists have changed since, and when a certificate of its chain has come to its end:
//! once a change and not once a request.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};

use super::server::{Current, Server};
use crate::authn::certificate::{Certificate, Distrust};
use crate::clock::Timestamp;

/// A client's certificate, with what its listener thinks of it.
#[derive(Debug)]
pub struct ClientCertificate {
    server: Server,
    chain: Arc<[CertificateDer<'static>]>,
    /// What judged it last.
    judge: RefCell<Arc<Current>>,
    /// When.
    judged: Cell<UnixTime>,
    distrust: Cell<Option<Distrust>>,
    /// Read when first asked for.
    read: OnceCell<Result<Certificate, Distrust>>,
}

impl ClientCertificate {
    /// One that was judged at that time, or is to be judged before it is used.
    pub(super) fn new(
        server: Server,
        judge: Arc<Current>,
        judged: Option<UnixTime>,
        chain: &[CertificateDer<'_>],
    ) -> Self {
        let never = UnixTime::since_unix_epoch(Duration::ZERO);
        Self {
            server,
            chain: chain
                .iter()
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
            judge: RefCell::new(judge),
            judged: Cell::new(judged.unwrap_or(never)),
            distrust: Cell::new(None),
            read: OnceCell::new(),
        }
    }

    /// What it says, if it may still be relied on.
    ///
    /// # Errors
    /// Why not.
    pub fn get(&self) -> Result<&Certificate, Distrust> {
        let now = UnixTime::now();
        let read = self.read.get_or_init(|| Certificate::read(&self.chain));
        let has_turned = read
            .as_ref()
            .is_ok_and(|read| read.has_turned_since(timestamp(self.judged.get()), timestamp(now)));
        if has_turned || !self.server.is_current(&self.judge.borrow()) {
            let judge = self.server.current();
            self.distrust.set(judged(&judge, &self.chain, now).err());
            self.judge.replace(judge);
            self.judged.set(now);
        }
        if let Some(distrust) = self.distrust.get() {
            return Err(distrust);
        }
        read.as_ref().map_err(|distrust| *distrust)
    }
}

fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

fn judged(judge: &Current, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Distrust> {
    let (own, others) = chain.split_first().ok_or(Distrust::Unreadable)?;
    let verdict = judge.clients.verify_client_cert(own, others, now);
    match verdict {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(CertificateError::Revoked)) => Err(Distrust::Revoked),
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Err(Distrust::Expired),
        Err(_) => Err(Distrust::Authority),
    }
}
