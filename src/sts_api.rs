//! The Security Token Service, as the AWS CLI and SDKs speak to it: the query protocol over HTTP.
//!
//! One call at a time: `server` reads it, `caller` finds out who signed it, one module an action says what it means,
//! `call` asks the engine whether it may be, and [`crate::sts`] makes the session. Codes, statuses, limits and XML are
//! AWS's. Everything else is AWS's too where its documentation speaks: who may call what, what a chain may not change.
//! Records nothing itself: each call is handed to a [`Log`]. Uses `gate` for the parts of a decision that it shares.

mod asked;
mod assume_role;
mod call;
mod caller;
pub mod container;
mod context;
mod fields;
mod info;
mod own;
mod reading;
mod saml;
mod server;
mod web_identity;

use std::fmt::Debug;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::authn::sigv4::SigningKeys;
use crate::authn::{Authenticator, Identity, Sessions};
use crate::bundle::{Snapshot, Store};
use crate::clock::{Clock, Timestamp};
use crate::gate::facts::DecidedBy;
use crate::outcome::Reason;
use crate::query_api::{error, form, xml};
use crate::saml::Assertion;
use crate::sts::Keys;

pub use crate::query_api::{AboutKey, AccessKeys};
pub use server::Service;

/// What every call needs.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Whose snapshot each call reads, once.
    pub store: Arc<Store>,
    /// Verifies web identities.
    pub authenticator: Arc<Authenticator>,
    /// Opens session tokens.
    pub sessions: Arc<dyn Sessions>,
    /// Users' and root users' own keys.
    pub access_keys: Arc<dyn AccessKeys>,
    /// What signatures are computed with.
    pub signing: Arc<SigningKeys>,
    /// Issues sessions.
    pub keys: Arc<Keys>,
    /// Checks second factors.
    pub factors: Arc<dyn Factors>,
    /// Knows which SAML assertions were used.
    pub assertions: Arc<dyn Assertions>,
    /// What time it is.
    pub clock: Clock,
    /// The only region that a signature may be for.
    pub region: Arc<str>,
}

/// Checks second factors.
pub trait Factors: Debug + Send + Sync {
    /// Whether `code` is now that of the device `serial`. A code is good once.
    fn check<'a>(&'a self, serial: &'a str, code: &'a str, now: Timestamp) -> Checking<'a>;
}

/// The answer of [`Factors`] and [`Assertions`]: other replicas may have to be asked.
pub type Checking<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

/// Knows which SAML assertions were used.
pub trait Assertions: Debug + Send + Sync {
    /// Uses an assertion up; whether nobody can have used it before.
    fn first<'a>(&'a self, assertion: &'a Assertion) -> Checking<'a>;
}

/// Takes what is to be remembered of each call, before it is answered.
pub trait Log {
    /// Whether it is on record: a call that is not is refused.
    fn put(&self, call: &Recorded<'_>) -> impl Future<Output = bool>;

    /// Takes what was refused before it could be read, and what nobody can wait for.
    fn note(&self, call: &Recorded<'_>);
}

/// What is to be remembered of a call.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// When.
    pub now: Timestamp,
    /// Our id of it.
    pub request_id: &'a str,
    /// Who called, as far as known.
    pub identity: Option<&'a Identity>,
    /// Who vouched for an unsigned call.
    pub provider: Option<&'a str>,
    /// From where.
    pub source: IpAddr,
    /// With which program, as it says.
    pub user_agent: Option<&'a [u8]>,
    /// The HTTP method.
    pub method: &'a str,
    /// The path, where it is the endpoint's.
    pub path: Option<&'a str>,
    /// `sts:AssumeRole`; none when it is none that exists.
    pub action: Option<&'a str>,
    /// The service's region.
    pub region: &'a str,
    /// What it was asked for.
    pub resource: Option<&'a str>,
    /// Whose that is.
    pub account: Option<&'a str>,
    /// How it ended.
    pub reason: Reason,
    /// The HTTP status of a refusal.
    pub status: Option<u16>,
    /// Why it was refused; for the log and the record.
    pub detail: Option<&'a str>,
    /// What decided.
    pub decision: Option<&'a DecidedBy>,
    /// What it was judged by.
    pub snapshot: &'a Snapshot,
}

#[cfg(test)]
mod tests;
