//! `GET /credentials/ROLE`: credentials for the application in the pod, as AWS's container credential provider asks for
//! them (`AWS_CONTAINER_CREDENTIALS_FULL_URI`, `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`).
//!
//! Who may have them is the pod's service account, whose token is exchanged by AssumeRoleWithWebIdentity: here, or at
//! another STS by a sidecar that cannot issue (`source`). Guarded by a token that whoever shares the pod's files knows,
//! and by a peer and a Host that are loopback, so that no page in a browser and no other machine gets any. A role's
//! credentials are kept and renewed in the background once somebody has asked for them; one exchange at a time a role.
//! What is kept is handed out as long as a client could use it and would get it again: a revoked session is not, and
//! another bundle or keyring asks for another exchange.

mod source;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use http::request::Parts as Head;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::sync::{Notify, watch};

use crate::clock::Timestamp;
use crate::directory::provider::Url;
use crate::net::{Connection, Fault};
use crate::outcome::Reason;
use crate::secret::Secret;

use super::Log;
use super::error::Error;
use super::server::{Origin, Service};

use source::Made;

/// Where they are.
const PATH: &str = "/credentials/";
/// How long a request waits for the first exchange: SDKs give up after two seconds, and ask again.
const WAIT: Duration = Duration::from_millis(1500);
/// Between two exchanges of a role, at least.
const REST: Duration = Duration::from_secs(1);
/// And after many that failed.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// What is handed out, to whom, and where it comes from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The roles, by ARN; asked for by their names, which differ.
    pub roles: Vec<Box<str>>,
    /// What the Authorization header must be.
    pub guard: Secret<Box<str>>,
    /// The file with the pod's own token.
    pub token_file: PathBuf,
    /// Another STS; `None`: this one.
    pub remote: Option<Remote>,
}

/// Another STS.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Where it is: https, or this machine.
    pub url: Url,
    /// The only certificate authorities to trust; `None`: the public ones.
    pub ca_file: Option<PathBuf>,
}

/// The roles, and what is known of their credentials.
#[derive(Debug)]
pub(super) struct Container {
    settings: Settings,
    roles: Vec<Rc<Role>>,
}

#[derive(Debug)]
struct Role {
    arn: Box<str>,
    state: watch::Sender<State>,
    /// Somebody waits for credentials.
    asked: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Somebody renews them.
    kept: bool,
    made: Option<(Grounds, Rc<Made>)>,
    /// How the last exchange failed, and when.
    failed: Option<(Timestamp, Refusal)>,
}

/// What an exchange rests on: what came of it under another keyring or bundle is to be asked for anew.
#[derive(Debug, PartialEq, Eq)]
struct Grounds {
    keyring: u64,
    /// The digest; none where another STS decides.
    bundle: Option<Box<str>>,
}

impl Grounds {
    fn of<L: Log + 'static>(service: &Service<L>) -> Self {
        let parts = service.parts();
        let bundle = || parts.store.load_full().digest.clone();
        Self {
            keyring: parts.keys.generation(),
            bundle: (!service.fetches()).then(bundle),
        }
    }
}

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    status: u16,
    code: Box<str>,
    message: Box<str>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into().into(),
        }
    }
}

impl Container {
    pub(super) fn new(settings: Settings) -> Self {
        let roles = settings.roles.iter().map(|arn| {
            Rc::new(Role {
                arn: arn.clone(),
                state: watch::Sender::default(),
                asked: Notify::new(),
            })
        });
        let roles = roles.collect();
        Self { settings, roles }
    }

    /// Whether another STS issues.
    pub(super) fn is_remote(&self) -> bool {
        self.settings.remote.is_some()
    }

    /// Whether a request is not for the API: none is where another STS issues.
    fn takes(&self, head: &Head) -> bool {
        self.is_remote() || head.uri.path().starts_with(PATH)
    }

    /// The role that may be handed out to whoever asks so.
    fn admit(&self, peer: IpAddr, head: &Head) -> Result<&Rc<Role>, (Reason, Refusal)> {
        let denied =
            |reason, message: &str| Err((reason, Refusal::new(403, "AccessDenied", message)));
        if !peer.to_canonical().is_loopback() {
            // As no policy could allow it.
            return denied(
                Reason::ImplicitDeny,
                "credentials are for this machine alone",
            );
        }
        if !host(head).is_some_and(is_loopback) {
            return denied(
                Reason::InvalidHost,
                "the Host is not this machine: use http://127.0.0.1:PORT/credentials/ROLE",
            );
        }
        let mut given = head.headers.get_all(AUTHORIZATION).iter();
        let (guard, more) = (given.next(), given.next().is_some());
        let right = self.settings.guard.expose().as_bytes();
        let fits =
            guard.is_some_and(|guard| verify_slices_are_equal(guard.as_bytes(), right).is_ok());
        if !fits || more {
            let message = "the Authorization header is not what sts.container_token_file holds";
            let reason = match (guard, more) {
                (None, _) => Reason::MissingCredential,
                (Some(_), false) => Reason::MalformedCredential,
                (Some(_), true) => Reason::SeveralCredentials,
            };
            return Err((reason, Refusal::new(401, "Unauthorized", message)));
        }
        let not_found = |message: String| (Reason::NoRoute, Refusal::new(404, "NotFound", message));
        let name = head.uri.path().strip_prefix(PATH);
        let name = name.ok_or_else(|| {
            not_found(
                "this endpoint serves /credentials/ROLE alone: its keyring issues no sessions"
                    .into(),
            )
        })?;
        let mut roles = self.roles.iter();
        let role = roles.find(|role| role_name(&role.arn) == name);
        let role = role.ok_or_else(|| {
            not_found("no role of this name stands in sts.container_roles".into())
        })?;
        if head.method == Method::GET {
            Ok(role)
        } else {
            let message = "credentials are for GET";
            let refusal = Refusal::new(405, "MethodNotAllowed", message);
            Err((Reason::MethodNotSupported, refusal))
        }
    }
}

/// The answer to a request that is for this endpoint.
pub(super) async fn answer<L: Log + 'static>(
    service: &Rc<Service<L>>,
    connection: &Connection,
    head: &Head,
    reading: Result<(), Fault>,
) -> Option<Response<Full<Bytes>>> {
    let container = service.container()?;
    if !container.takes(head) {
        return None;
    }
    let readable = reading.is_ok();
    let admitted = if !service.may_ask(connection.peer) {
        // Each refusal is a record: whoever guesses must not fill the disk.
        let refusal = Refusal::new(429, "Throttling", "Rate exceeded");
        Err((Reason::Throttled, refusal))
    } else if readable {
        container.admit(connection.peer, head)
    } else {
        let message = "the request cannot be read in one way only";
        let refusal = Refusal::new(400, "InvalidRequest", message);
        Err((Reason::MalformedRequest, refusal))
    };
    let made = match admitted {
        Ok(role) => Rc::clone(role).credentials(service).await,
        Err((reason, refusal)) => {
            let (peer, status) = (connection.peer, refusal.status);
            let why = &*refusal.message;
            tracing::warn!(%peer, status, why, "a request for container credentials is refused");
            put_on_record(service, connection, head, (reason, &refusal)).await;
            Err(refusal)
        }
    };
    let mut answer = match made {
        Ok(made) => reply(StatusCode::OK, made.json()),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status);
            let body = json!({ "code": refusal.code, "message": refusal.message });
            reply(status.unwrap_or(StatusCode::BAD_GATEWAY), body.to_string())
        }
    };
    if !readable && head.version <= http::Version::HTTP_11 {
        // What is left of it would be read as the next request.
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
    }
    Some(answer)
}

/// Whoever asks for credentials and may not have them is told so even where it cannot be put on record.
async fn put_on_record<L: Log + 'static>(
    service: &Rc<Service<L>>,
    connection: &Connection,
    head: &Head,
    (reason, refusal): (Reason, &Refusal),
) {
    let id = uuid::Uuid::new_v4().to_string();
    let origin = Origin {
        peer: connection.peer,
        secure: connection.secure,
        head,
        request_id: &id,
    };
    let message = format!("container credentials: {}", refusal.message);
    let error = Error::new("AccessDenied", refusal.status, reason, message);
    service.refuse(&origin, error).await;
}

impl State {
    /// What may be handed out: asked each time, for a revocation is younger than what is kept.
    fn good<L: Log + 'static>(&self, service: &Service<L>) -> Option<Rc<Made>> {
        let (grounds, made) = self.made.as_ref()?;
        let sessions = &*service.parts().sessions;
        let ended = made.has_ended(sessions, service.now(), service.fetches());
        (!ended && *grounds == Grounds::of(service)).then(|| Rc::clone(made))
    }
}

impl Role {
    /// Credentials that are good, waited for where there are none.
    async fn credentials<L: Log + 'static>(
        self: Rc<Self>,
        service: &Rc<Service<L>>,
    ) -> Result<Rc<Made>, Refusal> {
        let mut changes = self.state.subscribe();
        let started = self
            .state
            .send_if_modified(|state| !std::mem::replace(&mut state.kept, true));
        if started {
            let (service, role) = (Rc::clone(service), Rc::clone(&self));
            tokio::task::spawn_local(async move { keep(&service, &role).await });
        }
        let asked_at = service.now();
        let known = |state: &State| {
            if let Some(made) = state.good(service) {
                return Some(Ok(made));
            }
            // An exchange that failed just now would fail again.
            let recent = state
                .failed
                .as_ref()
                .filter(|(at, _)| asked_at.since(*at) < REST);
            recent.map(|(_, refusal)| Err(refusal.clone()))
        };
        let waited = tokio::time::timeout(WAIT, async {
            loop {
                let found = known(&changes.borrow_and_update());
                if let Some(found) = found {
                    return found;
                }
                self.asked.notify_one();
                if changes.changed().await.is_err() {
                    return Err(Refusal::new(503, "Unavailable", "the endpoint is stopping"));
                }
            }
        });
        waited.await.unwrap_or_else(|_| {
            let message = "the credentials are still being fetched; ask again";
            Err(Refusal::new(503, "Unavailable", message))
        })
    }
}

/// Renews a role's credentials at half of their life, and as soon as somebody asks while there are none; never ends.
async fn keep<L: Log + 'static>(service: &Rc<Service<L>>, role: &Rc<Role>) {
    let mut failures = 0_u32;
    loop {
        // Before it is asked: what changes meanwhile asks for another.
        let grounds = Grounds::of(service);
        let result = source::exchange(service, &role.arn).await;
        let now = service.now();
        failures = match &result {
            Ok(_) => 0,
            Err(refusal) => {
                let (role, code, message) = (&*role.arn, &*refusal.code, &*refusal.message);
                tracing::warn!(
                    role,
                    code,
                    message,
                    "container credentials cannot be fetched"
                );
                failures.saturating_add(1)
            }
        };
        let rest = rest(result.as_ref().ok(), now, failures);
        let good = result.is_ok();
        role.state.send_modify(|state| match result {
            Ok(made) => {
                state.made = Some((grounds, Rc::new(made)));
                state.failed = None;
            }
            Err(refusal) => {
                if refusal.status == 403 {
                    // Whoever may not have it any more does not keep what there was.
                    state.made = None;
                }
                state.failed = Some((now, refusal));
            }
        });
        if good {
            // Whoever has asked so far is served.
            let _ = role.asked.notified().now_or_never();
        }
        tokio::time::sleep(REST).await;
        tokio::select! {
            () = tokio::time::sleep(rest.saturating_sub(REST)) => {}
            () = role.asked.notified() => {}
        }
    }
}

/// How long until the next exchange: to the middle of what credentials have left, and longer with each failure.
fn rest(made: Option<&Made>, now: Timestamp, failures: u32) -> Duration {
    if let Some(made) = made {
        let half = made.expires_at.since(now).checked_div(2);
        return half.unwrap_or(REST).max(REST);
    }
    let longer = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    REST.saturating_mul(longer).min(LONGEST_REST)
}

/// The last part of a role's ARN.
fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// The host that a request names, without its port, if it names one, and one only.
fn host(head: &Head) -> Option<&str> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let field = hosts.next().map(HeaderValue::to_str).transpose().ok()?;
    if hosts.next().is_some() {
        return None;
    }
    let target = head.uri.authority().map(http::uri::Authority::as_str);
    let authority = match (target, field) {
        (Some(target), Some(field)) if target != field => return None,
        (target, field) => target.or(field)?,
    };
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map(|(host, _)| host);
    }
    authority.split(':').next()
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
