//! When what a chain of certificates is worth may become another: where the time of one of them begins, and behind its
//! end.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::clock::Timestamp;

use super::Distrust;

/// These moments of a chain, of every certificate that was shown.
#[derive(Debug)]
pub(super) struct Turns(Box<[Timestamp]>);

impl Turns {
    /// # Errors
    /// When a certificate cannot be read: nobody would know when it ends.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Result<Self, Distrust> {
        let mut turns = Vec::new();
        for der in chain {
            let (_, certificate) =
                X509Certificate::from_der(der).map_err(|_| Distrust::Unreadable)?;
            let validity = certificate.validity();
            let behind = validity.not_after.timestamp().saturating_add(1);
            turns.push(Timestamp::from_seconds(validity.not_before.timestamp()));
            turns.push(Timestamp::from_seconds(behind));
        }
        Ok(Self(turns.into()))
    }

    /// Whether what was found at one time may be another now.
    pub(super) fn passed(&self, found: Timestamp, now: Timestamp) -> bool {
        let between = |turn: &Timestamp| found < *turn && *turn <= now;
        // A clock that was set back may have come before a turn again.
        now < found || self.0.iter().any(between)
    }
}
