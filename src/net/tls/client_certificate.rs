//! The certificate that a client has shown in its handshake, for as long as its connection lasts.
//!
//! It was verified then. It is verified again when the listener's authorities or revocation lists have changed since,
//! once a change and not once a request: between changes this costs one comparison of pointers.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};

use super::server::{Current, Server};
use crate::authn::certificate::{Certificate, Distrust};

/// A client's certificate, with what its listener thinks of it.
#[derive(Debug)]
pub struct ClientCertificate {
    server: Server,
    chain: Arc<[CertificateDer<'static>]>,
    /// What judged it last.
    judge: RefCell<Arc<Current>>,
    distrust: Cell<Option<Distrust>>,
    /// Read when first asked for.
    read: OnceCell<Result<Certificate, Distrust>>,
}

impl ClientCertificate {
    pub(super) fn new(server: Server, judge: Arc<Current>, chain: &[CertificateDer<'_>]) -> Self {
        Self {
            server,
            chain: chain
                .iter()
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
            judge: RefCell::new(judge),
            distrust: Cell::new(None),
            read: OnceCell::new(),
        }
    }

    /// What it says, if it may still be relied on.
    ///
    /// # Errors
    /// Why not.
    pub fn get(&self) -> Result<&Certificate, Distrust> {
        if !self.server.is_current(&self.judge.borrow()) {
            let judge = self.server.current();
            self.distrust.set(judged(&judge, &self.chain).err());
            self.judge.replace(judge);
        }
        if let Some(distrust) = self.distrust.get() {
            return Err(distrust);
        }
        let read = self.read.get_or_init(|| Certificate::read(&self.chain));
        read.as_ref().map_err(|distrust| *distrust)
    }
}

fn judged(judge: &Current, chain: &[CertificateDer<'_>]) -> Result<(), Distrust> {
    let (own, others) = chain.split_first().ok_or(Distrust::Unreadable)?;
    let verdict = judge
        .clients
        .verify_client_cert(own, others, UnixTime::now());
    match verdict {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(CertificateError::Revoked)) => Err(Distrust::Revoked),
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Err(Distrust::Expired),
        Err(_) => Err(Distrust::Authority),
    }
}
