//! From an HTTP request to a call, and from its result to an answer.

mod record;

use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts as Head;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::clock::Timestamp;
use crate::gate::context::RequestFacts;
use crate::iam_api::{self, Operation};
use crate::net::{Connection, Fault, Handler, Unread};
use crate::outcome::Reason;
use crate::query_api::judge::Seen;
use crate::query_api::{self, caller::Verifier};
use crate::throttle::Rate;

use super::call::Call;
use super::container::{self, Container};
use super::error::Error;
use super::form::Form;
use super::reading::{Intake, malformed, text};
use super::xml::{self, Members};
use super::{Log, Parts, Recorded, assume_role, caller, fields, info, own, saml, web_identity};
use record::Court;

/// The API's version.
const VERSION: &str = "2011-06-15";
/// The XML namespace.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers calls.
#[derive(Debug)]
pub struct Service<L> {
    parts: Parts,
    log: L,
    intake: Intake,
    container: Option<Container>,
}

/// What the endpoint can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    AssumeRole,
    AssumeRoleWithSaml,
    AssumeRoleWithWebIdentity,
    DecodeAuthorizationMessage,
    GetAccessKeyInfo,
    GetCallerIdentity,
    GetFederationToken,
    GetSessionToken,
}

impl Action {
    const ALL: [(Self, &'static str); 8] = [
        (Self::AssumeRole, "sts:AssumeRole"),
        (Self::AssumeRoleWithSaml, "sts:AssumeRoleWithSAML"),
        (
            Self::AssumeRoleWithWebIdentity,
            "sts:AssumeRoleWithWebIdentity",
        ),
        (
            Self::DecodeAuthorizationMessage,
            "sts:DecodeAuthorizationMessage",
        ),
        (Self::GetAccessKeyInfo, "sts:GetAccessKeyInfo"),
        (Self::GetCallerIdentity, "sts:GetCallerIdentity"),
        (Self::GetFederationToken, "sts:GetFederationToken"),
        (Self::GetSessionToken, "sts:GetSessionToken"),
    ];

    fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        let (action, _) = all.find(|(_, known)| known.strip_prefix("sts:") == Some(name))?;
        Some(*action)
    }

    /// `sts:AssumeRole`
    fn text(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(action, _)| *action == self)
            .map_or("sts:", |(_, name)| name)
    }

    fn name(self) -> &'static str {
        self.text().split_at(4).1
    }
}

/// What is asked for, and of which API.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Sts(Action),
    Iam(&'static Operation),
}

impl Asked {
    fn text(self) -> &'static str {
        match self {
            Self::Sts(action) => action.text(),
            Self::Iam(operation) => operation.text(),
        }
    }

    fn name(self) -> &'static str {
        self.text().split_at(4).1
    }

    /// Whether it makes a session.
    fn issues(self) -> bool {
        match self {
            Self::Sts(action) => !matches!(
                action,
                Action::DecodeAuthorizationMessage
                    | Action::GetAccessKeyInfo
                    | Action::GetCallerIdentity
            ),
            Self::Iam(_) => false,
        }
    }
}

/// What is known of a request, however it ends.
pub(super) struct Origin<'a> {
    pub(super) peer: IpAddr,
    pub(super) secure: bool,
    pub(super) head: &'a Head,
    pub(super) request_id: &'a str,
}

impl<L: Log + 'static> Service<L> {
    /// A service that hands each call to `log`.
    pub fn new(parts: Parts, log: L) -> Self {
        Self {
            parts,
            log,
            intake: Intake::new(None),
            container: None,
        }
    }

    /// With a limit to how often each address may call.
    #[must_use]
    pub fn with_rate(mut self, rate: Option<Rate>) -> Self {
        self.intake = Intake::new(rate);
        self
    }

    /// With credentials for the application in the pod.
    #[must_use]
    pub fn with_container(mut self, settings: Option<container::Settings>) -> Self {
        self.container = settings.map(Container::new);
        self
    }

    pub(super) fn container(&self) -> Option<&Container> {
        self.container.as_ref()
    }

    /// Whether sessions for the pod come from another STS.
    pub(super) fn fetches(&self) -> bool {
        self.container.as_ref().is_some_and(Container::is_remote)
    }

    /// Whether this address may ask for something now.
    pub(super) fn may_ask(&self, peer: IpAddr) -> bool {
        self.intake.admit(peer).is_ok()
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    #[cfg(test)]
    pub(super) fn log(&self) -> &L {
        &self.log
    }

    async fn answer(
        self: &Rc<Self>,
        connection: &Connection,
        request: Request<Incoming>,
        reading: Result<(), Fault>,
    ) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if let Some(answer) = container::answer(self, connection, &head, reading).await {
            return answer;
        }
        let id = uuid::Uuid::new_v4().to_string();
        let origin = Origin {
            peer: connection.peer,
            secure: connection.secure,
            head: &head,
            request_id: &id,
        };
        let read = match (reading, self.intake.admit(connection.peer)) {
            (Ok(()), Ok(())) => self.intake.read(&head, body).await,
            (Ok(()), Err(error)) => Err(error),
            (Err(_), _) => Err(malformed("the request cannot be read in one way only")),
        };
        let broken = read.is_err();
        let mut namespace = NAMESPACE;
        let result = match read {
            Ok((form, sha256, _room)) => {
                if form.get("Version") == Some(iam_api::VERSION) {
                    namespace = iam_api::NAMESPACE;
                }
                self.call(&origin, &form, &sha256).await
            }
            Err(error) => Err(self.refuse(&origin, error).await),
        };
        let mut response = match result {
            Ok((action, members)) => {
                let body = xml::response(namespace, action, &members, &id);
                reply(StatusCode::OK, body)
            }
            Err(error) => {
                let status = StatusCode::from_u16(error.status);
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                reply(status, xml::error(namespace, &error, &id))
            }
        };
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
        }
        if broken && head.version <= http::Version::HTTP_11 {
            // What is left of it would be read as the next request.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Runs one call, and puts it on record.
    pub(super) async fn call(
        &self,
        origin: &Origin<'_>,
        form: &Form,
        sha256: &[u8; 32],
    ) -> Result<(&'static str, Members), Error> {
        let snapshot = self.parts.store.load_full();
        let request = RequestFacts {
            now: self.parts.clock.now(),
            source: origin.peer,
            secure: origin.secure,
            user_agent: text(&origin.head.headers, &header::USER_AGENT),
            referer: text(&origin.head.headers, &header::REFERER),
            region: &self.parts.region,
        };
        let mut call = Call {
            parts: &self.parts,
            snapshot: &snapshot,
            request,
            form,
            seen: Seen::default(),
        };
        let action = action(form);
        let result = match &action {
            Ok(action) => perform(*action, &mut call, origin.head, sha256).await,
            Err(error) => Err(error.clone()),
        };
        let Seen {
            identity,
            provider,
            resource,
            account,
            decision,
        } = call.seen;
        let court = Court {
            now: request.now,
            snapshot: &snapshot,
            region: &self.parts.region,
        };
        let recorded = Recorded {
            identity: identity.as_deref(),
            provider: provider.as_deref(),
            action: action.as_ref().ok().map(|action| action.text()),
            resource: resource.as_deref(),
            account: account.as_ref().map(crate::arn::AccountId::as_str),
            decision: decision.as_ref(),
            ..court.of(origin)
        };
        self.put(&recorded.ended(result.as_ref().err())).await?;
        let members = result?;
        Ok((action?.name(), members))
    }
}

async fn perform(
    asked: Asked,
    call: &mut Call<'_>,
    head: &Head,
    sha256: &[u8; 32],
) -> Result<Members, Error> {
    if asked.issues() && !call.parts.authenticator.knows_revocations() {
        return Err(Error::revocations_unknown());
    }
    if asked.issues() {
        // Before a second factor or an assertion is used up.
        fields::least_token(call.form)?;
    }
    let service = match asked {
        Asked::Sts(Action::AssumeRoleWithWebIdentity) => return web_identity::run(call).await,
        Asked::Sts(Action::AssumeRoleWithSaml) => return saml::run(call).await,
        Asked::Sts(_) => "sts",
        Asked::Iam(_) => "iam",
    };
    let verifier = Verifier {
        sessions: &*call.parts.sessions,
        access_keys: &*call.parts.access_keys,
        signing: &call.parts.signing,
        region: &call.parts.region,
        global_region: (service == "iam").then_some(iam_api::REGION),
        service,
    };
    let caller = query_api::caller::signed(&verifier, call.snapshot, head, sha256, call.now())?;
    call.seen.identity = Some(std::sync::Arc::clone(&caller.identity));
    let action = match asked {
        Asked::Sts(action) => action,
        Asked::Iam(operation) => {
            let mut iam = iam_api::Call {
                snapshot: call.snapshot,
                request: call.request,
                form: call.form,
                access_keys: &*call.parts.access_keys,
                caller: &caller,
                operation,
                seen: &mut call.seen,
            };
            return operation.run(&mut iam).await;
        }
    };
    caller::may_call(&caller, action.name())?;
    match action {
        Action::AssumeRole | Action::AssumeRoleWithSaml | Action::AssumeRoleWithWebIdentity => {
            assume_role::run(call, &caller).await
        }
        Action::DecodeAuthorizationMessage => info::decode(call, &caller),
        Action::GetAccessKeyInfo => info::access_key_info(call, &caller),
        Action::GetCallerIdentity => info::caller_identity(call, &caller),
        Action::GetFederationToken => own::federation_token(call, &caller),
        Action::GetSessionToken => own::session_token(call, &caller).await,
    }
}

/// What is asked for. Names that exist are told and put on record, no others: people put secrets where something else
/// belongs.
fn action(form: &Form) -> Result<Asked, Error> {
    let invalid = |message: String| Error::new("InvalidAction", 400, Reason::NoRoute, message);
    let Some(name) = form.get("Action") else {
        let message = "The request must contain the parameter Action";
        return Err(Error::new("MissingAction", 400, Reason::NoRoute, message));
    };
    let name: String = name.chars().take(64).collect();
    let (of_sts, of_iam) = (Action::named(&name), iam_api::find(&name));
    let known = of_sts.is_some() || of_iam.is_some();
    let why = match form.get("Version") {
        Some(iam_api::VERSION) => match of_iam {
            Some(operation) => return Ok(Asked::Iam(operation)),
            None => "is not an operation of this endpoint".to_owned(),
        },
        Some(VERSION) => match of_sts {
            Some(action) => return Ok(Asked::Sts(action)),
            None => format!(
                "is not an action of this endpoint: it has {}",
                Action::ALL.map(|(action, _)| action.name()).join(", ")
            ),
        },
        _ => format!(
            "is known in version {VERSION} (STS) or {} (IAM) only",
            iam_api::VERSION
        ),
    };
    let shown = if known { &*name } else { "What Action names" };
    Err(invalid(format!("{shown} {why}")))
}

fn reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl<L: Log + 'static> Handler for Service<L> {
    type Body = Full<Bytes>;

    async fn handle(
        self: Rc<Self>,
        connection: Rc<Connection>,
        head: Box<Head>,
        body: Incoming,
        reading: Result<(), Fault>,
    ) -> Response<Self::Body> {
        let request = Request::from_parts(*head, body);
        self.answer(&connection, request, reading).await
    }

    fn unread(&self, connection: &Connection, head: &[u8], why: Unread) -> Vec<u8> {
        let (status, reason) = match why {
            Unread::Malformed => ("400 Bad Request", Reason::MalformedRequest),
            Unread::TargetTooLong => ("414 URI Too Long", Reason::TargetTooLong),
            Unread::TooLarge => ("431 Request Header Fields Too Large", Reason::HeadTooLarge),
            Unread::TooSlow => ("408 Request Timeout", Reason::HeadTimeout),
        };
        let id = uuid::Uuid::new_v4().to_string();
        let error = Error::new("MalformedInput", reason.status(), reason, reason.label());
        self.note(connection.peer, head, &id, &error);
        let body = xml::error(NAMESPACE, &error, &id);
        format!(
            "HTTP/1.1 {status}\r\nx-amzn-requestid: {id}\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}
