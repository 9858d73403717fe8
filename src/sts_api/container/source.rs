//! One exchange: the pod's token for a role's session, here or at another STS.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use http::header::USER_AGENT;
use serde_json::{Value, json};

use crate::authn::Sessions;
use crate::authn::fetch::{self, Access, Post};
use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::query_api::form::Form;
use crate::query_api::xml;
use crate::secret::Secret;
use crate::sts_api::Log;
use crate::sts_api::server::{NAMESPACE, Origin, Service};

use super::{Refusal, Remote};

/// For a whole exchange with another STS.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 64 * 1024;
/// AWS takes no longer ones.
const MAX_TOKEN: u64 = 20_000;
const AGENT: &str = concat!("sidegate/", env!("CARGO_PKG_VERSION"));

/// A role's credentials.
pub(super) struct Made {
    access_key: Box<str>,
    secret: Secret<Box<str>>,
    token: Secret<Box<str>>,
    expiration: Box<str>,
    pub(super) expires_at: Timestamp,
    role: Box<str>,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made")
            .field("access_key", &self.access_key)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

impl Made {
    /// As the container provider has it.
    pub(super) fn json(&self) -> String {
        json!({
            "AccessKeyId": self.access_key,
            "SecretAccessKey": self.secret.expose(),
            "Token": self.token.expose(),
            "Expiration": self.expiration,
            "RoleArn": self.role,
            "AccountId": self.role.split(':').nth(4),
        })
        .to_string()
    }

    /// Whether a client can use it no more. Of what another STS made this keyring may have no key yet: then only a
    /// revocation and the time count.
    pub(super) fn has_ended(&self, sessions: &dyn Sessions, now: Timestamp, foreign: bool) -> bool {
        if self.expires_at <= now {
            return true;
        }
        sessions
            .open(self.token.expose(), now)
            .err()
            .is_some_and(|failure| {
                let known = matches!(
                    failure.reason,
                    Reason::RevokedCredential
                        | Reason::RevocationsUnknown
                        | Reason::ExpiredCredential
                );
                known || !foreign
            })
    }

    pub(super) fn read(xml: &str, role: &str) -> Option<Self> {
        let one = |name: &str| element(xml, name);
        let expiration = one("Expiration")?;
        let expires_at: jiff::Timestamp = expiration.parse().ok()?;
        Some(Self {
            access_key: one("AccessKeyId")?.into(),
            secret: Secret::new(one("SecretAccessKey")?.into()),
            token: Secret::new(one("SessionToken")?.into()),
            expires_at: Timestamp::from_seconds(expires_at.as_second()),
            expiration: expiration.into(),
            role: role.into(),
        })
    }
}

/// Fetches a role's credentials.
pub(super) async fn exchange<L: Log + 'static>(
    service: &Rc<Service<L>>,
    role: &str,
) -> Result<Made, Refusal> {
    let Some(container) = service.container() else {
        return Err(Refusal::new(404, "NotFound", "no container credentials"));
    };
    let settings = &container.settings;
    let path = settings.token_file.display().to_string();
    let token = fetch::read_file(&path, MAX_TOKEN).await.map_err(|error| {
        let message = format!("the pod's own token cannot be read: {error}");
        Refusal::new(503, "TokenUnavailable", message)
    })?;
    let token = String::from_utf8_lossy(&token).trim().to_owned();
    let parameters = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", &session_name(&token)),
        ("WebIdentityToken", &token),
    ];
    let answer = match &settings.remote {
        Some(remote) => there(remote, &parameters).await?,
        None => here(service, &parameters).await?,
    };
    Made::read(&answer, role).ok_or_else(|| {
        let message = "the STS answers without credentials";
        Refusal::new(502, "BadGateway", message)
    })
}

/// The call as it comes from a client of this STS: judged and put on record like any other.
async fn here<L: Log + 'static>(
    service: &Rc<Service<L>>,
    parameters: &[(&str, &str)],
) -> Result<String, Refusal> {
    let internal = || Refusal::new(500, "InternalFailure", "the call cannot be made");
    let request = Request::post("/").header(USER_AGENT, AGENT).body(());
    let (head, ()) = request.map_err(|_| internal())?.into_parts();
    let id = uuid::Uuid::new_v4().to_string();
    let origin = Origin {
        peer: [127, 0, 0, 1].into(),
        secure: true,
        head: &head,
        request_id: &id,
    };
    let form = Form::of(parameters);
    let (action, members) = service
        .call(&origin, &form, &[0; 32])
        .await
        .map_err(|error| Refusal::new(error.status, error.code, error.message))?;
    Ok(xml::response(NAMESPACE, action, &members, &id))
}

async fn there(remote: &Remote, parameters: &[(&str, &str)]) -> Result<String, Refusal> {
    let body: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    let ca_file = remote
        .ca_file
        .as_ref()
        .map(|path| path.display().to_string());
    let access = Access {
        ca_file: ca_file.as_deref(),
        bearer_file: None,
        allow_http: false,
        timeout: TIMEOUT,
    };
    let post = Post {
        body: Bytes::from(body.join("&")),
        authorization: None,
        accept: "text/xml",
        limit: MAX_ANSWER,
    };
    let (status, answer) = fetch::post(&remote.url, access, post)
        .await
        .map_err(|error| {
            let message = format!("{} cannot be asked: {error}", remote.url);
            Refusal::new(502, "BadGateway", message)
        })?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    if status == 200 {
        return Ok(answer);
    }
    let code = element(&answer, "Code").unwrap_or("BadGateway");
    let message = element(&answer, "Message").unwrap_or("the STS refuses");
    // Its redirects are not followed: whoever answers so is not the STS.
    let status = if (400..600).contains(&status) {
        status
    } else {
        502
    };
    Err(Refusal::new(status, code, message))
}

/// The text of an element whose text holds no escapes, as no part of a credential does.
pub(super) fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = !text.is_empty() && !text.contains('<');
    plain.then_some(text)
}

/// What the session is called: the pod, as its token names it. Nothing rests on it: whoever writes the name asks for
/// the session with the very token that it stands in.
pub(super) fn session_name(token: &str) -> String {
    let claims = || -> Option<Value> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    };
    let claims = claims().unwrap_or_default();
    let name = claims.pointer("/kubernetes.io/pod/name");
    let name = name.and_then(Value::as_str).unwrap_or("sidegate");
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name: String = name.chars().filter(|c| fits(*c)).take(64).collect();
    if name.len() < 2 {
        "sidegate".to_owned()
    } else {
        name
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
