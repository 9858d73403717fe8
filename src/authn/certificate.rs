//! Client certificates as credentials: what a verified one says, and whose word that is.
//!
//! The listener has verified the chain before ([`crate::net::tls`] does, and does again when its authorities or lists
//! change, or a certificate's time is over); here its names are read, once a connection, and its provider is found: by the trust domain of the SPIFFE
//! id, or the one provider of type `x509` for certificates without. A provider may name authorities of its own; a
//! certificate that they did not issue is none of its. What comes out is a [`VerifiedToken`] whose claims are the
//! certificate's names, so that mappings, trust policies and conditions work on both alike.

mod name;
mod turns;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::clock::Timestamp;
use crate::directory::provider::{Kind, Provider, SpiffeId};
use crate::outcome::Reason;

use super::claims::Claims;
use super::json::{Json, List};
use super::jwt::VerifiedToken;
use super::{hex, sha256};
use turns::Turns;

/// Why a certificate that was shown in a handshake is not to be relied on (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// A revocation list names it.
    #[error("the client's certificate was revoked")]
    Revoked,
    /// Its time is over.
    #[error("the client's certificate has expired")]
    Expired,
    /// Its authority is no longer trusted, or there is no revocation list of it.
    #[error("the client's certificate comes from no authority that is trusted now")]
    Authority,
    /// It holds what cannot be read in one way only.
    #[error("the client's certificate cannot be read")]
    Unreadable,
    /// It is not as its kind must be.
    #[error("the client's certificate is no X.509-SVID: {0}")]
    NoSvid(&'static str),
    /// It is of no provider that is accepted here.
    #[error("no identity provider that is accepted here vouches for the client's certificate")]
    NoProvider,
}

impl Distrust {
    /// The reason for reply, metrics and audit.
    pub fn reason(self) -> Reason {
        match self {
            Self::Revoked => Reason::RevokedCredential,
            Self::Expired => Reason::ExpiredCredential,
            Self::Authority => Reason::BadSignature,
            Self::Unreadable => Reason::MalformedCredential,
            Self::NoSvid(_) => Reason::InvalidClaims,
            Self::NoProvider => Reason::UnknownIssuer,
        }
    }
}

/// A certificate that its owner has proven to have and its listener's authorities vouch for.
#[derive(Debug)]
pub struct Certificate {
    chain: Arc<[CertificateDer<'static>]>,
    /// SHA-256 of the DER: RFC 8705's `x5t#S256`.
    fingerprint: [u8; 32],
    not_before: Timestamp,
    not_after: Timestamp,
    /// Of the whole chain.
    turns: Turns,
    /// The SPIFFE id; `None`: it claims none.
    spiffe: Result<Option<Box<str>>, Distrust>,
    /// The names of certificates without a SPIFFE id, as claims.
    names: Vec<(Box<str>, Json)>,
    /// What was made of it last, for whom, and when.
    made: Mutex<Option<Made>>,
}

type Made = (
    Arc<Provider>,
    Timestamp,
    Result<Arc<VerifiedToken>, Distrust>,
);

impl Certificate {
    /// Reads a client's certificate, the first of its chain.
    ///
    /// # Errors
    /// When it cannot be read. That it is no proper SVID is told only where one is asked for.
    pub fn read(chain: &Arc<[CertificateDer<'static>]>) -> Result<Self, Distrust> {
        let der = chain.first().ok_or(Distrust::Unreadable)?;
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| Distrust::Unreadable)?;
        if !rest.is_empty() {
            return Err(Distrust::Unreadable);
        }
        let alternatives = Alternatives::of(&certificate)?;
        let time = |seconds| Timestamp::from_seconds(seconds);
        let validity = certificate.validity();
        Ok(Self {
            chain: Arc::clone(chain),
            fingerprint: sha256(der),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
            turns: Turns::of(chain)?,
            spiffe: spiffe_id(&certificate, &alternatives.uris),
            names: names(&certificate, &alternatives, der),
            made: Mutex::new(None),
        })
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// When its time is over.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether its time is over, or has not come.
    ///
    /// # Errors
    /// [`Distrust::Expired`].
    pub fn in_time(&self, now: Timestamp) -> Result<(), Distrust> {
        if now > self.not_after || now < self.not_before {
            return Err(Distrust::Expired);
        }
        Ok(())
    }

    /// Whether a verdict on its chain may be another now, because the time of one of the chain's certificates has begun or
    /// is over since.
    pub fn has_turned_since(&self, verdict: Timestamp, now: Timestamp) -> bool {
        self.turns.passed(verdict, now)
    }

    /// What it says, as the word of the one provider among `providers` that it belongs to; `None` when none of them
    /// takes certificates: it is not meant to say who somebody is.
    ///
    /// # Errors
    /// When it belongs to none, or is not as it must be.
    pub fn vouched(
        &self,
        providers: &[Arc<Provider>],
        now: Timestamp,
    ) -> Result<Option<Arc<VerifiedToken>>, Distrust> {
        self.in_time(now)?;
        let takes = |kind: Kind| providers.iter().filter(move |found| found.kind == kind);
        if takes(Kind::Spiffe)
            .chain(takes(Kind::X509))
            .next()
            .is_none()
        {
            return Ok(None);
        }
        let id = match &self.spiffe {
            Ok(id) => id.as_deref(),
            Err(distrust) => return Err(*distrust),
        };
        let Some(id) = id else {
            let mut last = Err(Distrust::NoProvider);
            for provider in takes(Kind::X509) {
                last = self.of(provider, now);
                if last.is_ok() {
                    break;
                }
            }
            return last.map(Some);
        };
        let domain = SpiffeId::parse(id)
            .map_err(Distrust::NoSvid)?
            .trust_domain();
        let provider = takes(Kind::Spiffe).find(|found| found.host_and_path() == domain);
        let provider = provider.ok_or(Distrust::NoProvider)?;
        self.of(provider, now).map(Some)
    }

    /// The same for one provider; remembered until the chain turns, because most connections serve one.
    fn of(&self, provider: &Arc<Provider>, now: Timestamp) -> Result<Arc<VerifiedToken>, Distrust> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, at, result)) = &*made
            && Arc::ptr_eq(known, provider)
            && !self.turns.passed(*at, now)
        {
            return result.clone();
        }
        let result = self.make(provider, now).map(Arc::new);
        *made = Some((Arc::clone(provider), now, result.clone()));
        result
    }

    fn make(&self, provider: &Arc<Provider>, now: Timestamp) -> Result<VerifiedToken, Distrust> {
        if let Some(authorities) = provider.authorities() {
            self.issued_by(authorities, now)?;
        }
        let claims = match &self.spiffe {
            Ok(Some(id)) => {
                let id = SpiffeId::parse(id).map_err(Distrust::NoSvid)?;
                vec![
                    ("sub".into(), Json::Text(id.text().into())),
                    ("trust_domain".into(), Json::Text(id.trust_domain().into())),
                    ("path".into(), Json::Text(id.path().into())),
                ]
            }
            Ok(None) | Err(_) => self.names.clone(),
        };
        let claims =
            Claims::of_certificate(&provider.issuer, self.not_before, self.not_after, claims);
        // Another provider may make somebody else of the same certificate, so what is remembered of it is told apart.
        let mut digest = Context::new(&SHA256);
        for part in ["certificate", &provider.name] {
            digest.update(part.as_bytes());
            digest.update(&[0]);
        }
        digest.update(&self.fingerprint);
        let mut id = [0; 32];
        id.copy_from_slice(digest.finish().as_ref());
        Ok(VerifiedToken::of_certificate(
            Arc::clone(provider),
            claims,
            id,
        ))
    }

    /// Whether the chain leads to one of these authorities (PEM).
    fn issued_by(&self, authorities: &str, now: Timestamp) -> Result<(), Distrust> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            let certificate = certificate.map_err(|_| Distrust::NoProvider)?;
            roots.add(certificate).map_err(|_| Distrust::NoProvider)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| Distrust::NoProvider)?;
        let (own, others) = self.chain.split_first().ok_or(Distrust::Unreadable)?;
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verifier
            .verify_client_cert(own, others, now)
            .map(drop)
            .map_err(|_| Distrust::NoProvider)
    }
}

/// The subject alternative names that are read.
#[derive(Debug, Default)]
struct Alternatives {
    uris: Vec<String>,
    dns: Vec<String>,
    email: Vec<String>,
}

impl Alternatives {
    fn of(certificate: &X509Certificate<'_>) -> Result<Self, Distrust> {
        let extension = certificate
            .subject_alternative_name()
            .map_err(|_| Distrust::Unreadable)?;
        let mut found = Self::default();
        for name in extension
            .iter()
            .flat_map(|found| &found.value.general_names)
        {
            match name {
                GeneralName::URI(uri) => found.uris.push((*uri).to_owned()),
                GeneralName::DNSName(name) => found.dns.push(name.to_ascii_lowercase()),
                GeneralName::RFC822Name(address) => found.email.push((*address).to_owned()),
                GeneralName::Invalid(..) => return Err(Distrust::Unreadable),
                GeneralName::OtherName(..)
                | GeneralName::X400Address(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EDIPartyName(_)
                | GeneralName::IPAddress(_)
                | GeneralName::RegisteredID(_) => {}
            }
        }
        Ok(found)
    }
}

/// X509-SVID, sections 2 to 5: exactly one URI, which is a workload's SPIFFE id, in a certificate that signs no others.
fn spiffe_id(
    certificate: &X509Certificate<'_>,
    uris: &[String],
) -> Result<Option<Box<str>>, Distrust> {
    let claims = |uri: &String| {
        uri.get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
    };
    if !uris.iter().any(claims) {
        return Ok(None);
    }
    let [uri] = uris else {
        return Err(Distrust::NoSvid("it has several URIs"));
    };
    SpiffeId::parse(uri).map_err(Distrust::NoSvid)?;
    let usage = certificate.key_usage().map_err(|_| Distrust::Unreadable)?;
    if certificate.is_ca()
        || usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign())
    {
        return Err(Distrust::NoSvid(
            "it may sign certificates or revocation lists",
        ));
    }
    Ok(Some(uri.as_str().into()))
}

/// The names as claims: a text where there is one value, a list where there are several.
fn names(
    certificate: &X509Certificate<'_>,
    alternatives: &Alternatives,
    der: &[u8],
) -> Vec<(Box<str>, Json)> {
    let subject = certificate.subject();
    let mut claims: Vec<(Box<str>, Json)> = Vec::new();
    let mut one = |name: &str, text: String| claims.push((name.into(), Json::Text(text.into())));
    one("sub", name::text(subject));
    one("issuer", name::text(certificate.issuer()));
    one("serial", hex(certificate.raw_serial()));
    one("fingerprint", hex(&sha256(der)));
    let mut several = name::values(subject);
    several.push(("dns", alternatives.dns.clone()));
    several.push(("uri", alternatives.uris.clone()));
    several.push(("email", alternatives.email.clone()));
    for (name, mut values) in several {
        let json = match (values.pop(), values.is_empty()) {
            (None, _) => continue,
            (Some(value), true) => Json::Text(value.into()),
            (Some(last), false) => Json::List(List {
                texts: values.into_iter().chain([last]).map(Into::into).collect(),
                only_texts: true,
            }),
        };
        claims.push((name.into(), json));
    }
    claims
}

#[cfg(test)]
mod tests;
