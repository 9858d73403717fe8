//! One decision as a CloudTrail event.
//!
//! A [`Record`] borrows what the request already has and writes itself into a byte buffer, one line, without building
//! anything in between. It has no field for a token, a header or a query value: none can get in by mistake.

use std::cell::Cell;
use std::net::IpAddr;

use super::json::{Object, key};
use crate::clock::Timestamp;
use crate::outcome::{Blame, Reason};
use crate::policy::principal::Principal;

/// CloudTrail cuts a user agent too; it is the client's text and may be as long as a head.
const MAX_USER_AGENT: usize = 512;
/// A client's request id is recorded up to here.
const MAX_CLIENT_REQUEST_ID: usize = 128;

/// A decision and what is to be remembered of its request.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// When it was judged.
    pub time: Timestamp,
    /// Sidegate's id of the request.
    pub request_id: &'a str,
    /// Id of this record: letters, digits and hyphens.
    pub event_id: &'a str,
    /// Who asked, as [`UserIdentity::json`] has it.
    pub identity: &'a [u8],
    /// From where, as `aws:SourceIp` has it.
    pub source_ip: IpAddr,
    /// With which program, as it says.
    pub user_agent: Option<&'a [u8]>,
    /// The action, `orders:GetOrder`; none when no route matched.
    pub action: Option<&'a str>,
    /// The region of the service.
    pub region: Option<&'a str>,
    /// What it was asked for.
    pub resources: &'a [Resource<'a>],
    /// The account that owns the resources.
    pub recipient_account: Option<&'a str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The canonical path, without the query; none when the request's has no canonical form.
    pub path: Option<&'a str>,
    /// The client's `X-Request-Id`, recorded only when it is visible ASCII.
    pub client_request_id: Option<&'a [u8]>,
    /// Digest of the snapshot that judged it.
    pub snapshot: Option<&'a str>,
    /// The service, as the bundle names it.
    pub service: Option<&'a str>,
    /// The route, as the bundle writes it.
    pub route: Option<&'a str>,
    /// The status of a refusal; none when it was forwarded: the upstream's answer comes later.
    pub status: Option<u16>,
    /// What a refused client was told.
    pub error_message: Option<&'a str>,
    /// The decision itself.
    pub decision: Decision<'a>,
}

/// A resource that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The account that owns it.
    pub account: Option<&'a str>,
}

/// What decided.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// Why it ended so.
    pub reason: Reason,
    /// The kind of policy that decided.
    pub layer: Option<&'a str>,
    /// The policy.
    pub policy: Option<&'a str>,
    /// The statement in it, from 0.
    pub statement: Option<usize>,
    /// The statement's Sid.
    pub sid: Option<&'a str>,
    /// The identity provider that vouched for the requester, or whose trouble it was.
    pub provider: Option<&'a str>,
}

/// Who asked, in CloudTrail's words.
#[derive(Debug, Clone, Copy)]
pub struct UserIdentity<'a> {
    /// `IAMUser`, `AssumedRole`, …
    pub kind: &'static str,
    /// The unique id, for a session with `:` and its name behind.
    pub principal_id: Option<&'a str>,
    /// The ARN.
    pub arn: Option<&'a str>,
    /// The account.
    pub account: Option<&'a str>,
    /// The access key that signed, or a session's.
    pub access_key: Option<&'a str>,
    /// The user's or the session's name.
    pub user_name: Option<&'a str>,
    /// Of a session, what made it.
    pub session: Option<Session<'a>>,
}

/// What made a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Session<'a> {
    /// The role: its ARN, with its path.
    pub issuer_arn: Option<&'a str>,
    /// The role's id.
    pub issuer_id: Option<&'a str>,
    /// The role's account.
    pub issuer_account: Option<&'a str>,
    /// When its credential was issued.
    pub created: Option<Timestamp>,
    /// Whether MFA was used; none when nobody said.
    pub mfa: Option<bool>,
    /// The provider of a web identity.
    pub federated_provider: Option<&'a str>,
    /// The source identity.
    pub source_identity: Option<&'a str>,
}

impl<'a> UserIdentity<'a> {
    /// What a principal tells of itself; ids, names and times are added by whoever knows them.
    pub fn of(principal: &'a Principal) -> Self {
        let arn = Some(principal.name());
        let session = Session::default();
        let (kind, arn, session) = match principal {
            Principal::Root { .. } => ("Root", arn, None),
            Principal::User { .. } => ("IAMUser", arn, None),
            Principal::RoleSession {
                account, role_arn, ..
            } => {
                let issuer = Session {
                    issuer_arn: Some(role_arn),
                    issuer_account: Some(account),
                    ..session
                };
                ("AssumedRole", arn, Some(issuer))
            }
            Principal::Role { .. } => ("Role", arn, None),
            Principal::FederatedUser { user_arn, .. } => {
                let issuer = Session {
                    issuer_arn: Some(user_arn),
                    ..session
                };
                ("FederatedUser", arn, Some(issuer))
            }
            Principal::Federated { provider } => {
                let issuer = Session {
                    federated_provider: Some(provider),
                    ..session
                };
                ("WebIdentityUser", None, Some(issuer))
            }
            Principal::Service { .. } => ("AWSService", arn, None),
            Principal::Anonymous => ("Anonymous", None, None),
        };
        Self {
            kind,
            principal_id: None,
            arn,
            account: principal.account(),
            access_key: None,
            user_name: None,
            session,
        }
    }

    /// Nobody could be identified.
    pub fn unknown() -> Self {
        Self {
            kind: "Unknown",
            principal_id: None,
            arn: None,
            account: None,
            access_key: None,
            user_name: None,
            session: None,
        }
    }

    /// As it stands in records: the same for each request of a session, so it need not be made each time.
    pub fn json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        Object::write(&mut out, |object| self.write(object));
        out
    }

    fn write(&self, object: &mut Object<'_>) {
        object.text(key!("type"), self.kind);
        object.maybe(key!("principalId"), self.principal_id);
        object.maybe(key!("arn"), self.arn);
        object.maybe(key!("accountId"), self.account);
        object.maybe(key!("accessKeyId"), self.access_key);
        object.maybe(key!("userName"), self.user_name);
        if let Some(session) = &self.session {
            object.object(key!("sessionContext"), |object| session.write(object));
        }
    }
}

impl Session<'_> {
    fn write(&self, object: &mut Object<'_>) {
        if let Some(arn) = self.issuer_arn {
            object.object(key!("sessionIssuer"), |object| {
                let kind = if arn.contains(":role/") {
                    "Role"
                } else {
                    "IAMUser"
                };
                object.text(key!("type"), kind);
                object.maybe(key!("principalId"), self.issuer_id);
                object.text(key!("arn"), arn);
                object.maybe(key!("accountId"), self.issuer_account);
                object.maybe(key!("userName"), arn.rsplit('/').next());
            });
        }
        object.object(key!("attributes"), |object| {
            if let Some(created) = self.created {
                object.ascii(key!("creationDate"), &utc(created));
            }
            if let Some(mfa) = self.mfa {
                object.text(key!("mfaAuthenticated"), if mfa { "true" } else { "false" });
            }
        });
        if let Some(provider) = self.federated_provider {
            object.object(key!("webIdFederationData"), |object| {
                object.text(key!("federatedProvider"), provider);
            });
        }
        object.maybe(key!("sourceIdentity"), self.source_identity);
    }
}

impl Record<'_> {
    /// Appends the record to `out`, as one line with its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            self.own(object);
            self.tail(object);
        });
        out.push(b'\n');
    }

    /// The members that a request shares with others of its route, for [`Record::write_with`].
    pub fn write_tail(&self, out: &mut Vec<u8>) {
        Object::go_on(out, |object| self.tail(object));
    }

    /// The same as [`Record::write`], with a tail that was written before for a record with the same one.
    pub fn write_with(&self, tail: &[u8], out: &mut Vec<u8>) {
        Object::write(out, |object| {
            self.own(object);
            object.members(tail);
        });
        out.push(b'\n');
    }

    fn own(&self, object: &mut Object<'_>) {
        object.text(key!("eventVersion"), "1.11");
        object.written(key!("userIdentity"), self.identity);
        object.ascii(key!("eventTime"), &utc(self.time));
        object.address(key!("sourceIPAddress"), self.source_ip);
        if let Some(agent) = self.user_agent {
            object.lossy(
                key!("userAgent"),
                agent.get(..MAX_USER_AGENT).unwrap_or(agent),
            );
        }
        let reason = self.decision.reason;
        if reason.blame() != Blame::Nobody {
            object.text(key!("errorCode"), reason.code());
            object.maybe(key!("errorMessage"), self.error_message);
        }
        object.text(key!("requestID"), self.request_id);
        object.ascii(key!("eventID"), self.event_id.as_bytes());
        object.objects(key!("resources"), self.resources, |resource, object| {
            object.text(key!("ARN"), resource.arn);
            object.maybe(key!("accountId"), resource.account);
        });
        object.maybe(key!("path"), self.path);
        let visible =
            |id: &&[u8]| id.len() <= MAX_CLIENT_REQUEST_ID && id.iter().all(u8::is_ascii_graphic);
        if let Some(id) = self.client_request_id.filter(visible) {
            object.lossy(key!("clientRequestId"), id);
        }
    }

    fn tail(&self, object: &mut Object<'_>) {
        let (source, name) = match self.action {
            Some(action) => action.split_once(':').unwrap_or(("", action)),
            None => ("sidegate", "-"),
        };
        object.text(key!("eventSource"), source);
        object.text(key!("eventName"), name);
        object.maybe(key!("awsRegion"), self.region);
        object.maybe(key!("recipientAccountId"), self.recipient_account);
        object.text(key!("method"), self.method);
        object.maybe(key!("snapshot"), self.snapshot);
        object.maybe(key!("service"), self.service);
        object.maybe(key!("route"), self.route);
        if let Some(status) = self.status {
            object.number(key!("status"), status.into());
        }
        object.object(key!("additionalEventData"), |object| {
            self.decision.write(object);
        });
    }
}

impl Decision<'_> {
    fn write(&self, object: &mut Object<'_>) {
        object.text(key!("decision"), self.reason.decision());
        object.text(key!("reason"), self.reason.label());
        object.maybe(key!("layer"), self.layer);
        object.maybe(key!("policy"), self.policy);
        if let Some(statement) = self.statement {
            object.number(key!("statement"), statement as u64);
        }
        object.maybe(key!("sid"), self.sid);
        object.maybe(key!("provider"), self.provider);
    }
}

/// `2026-11-23T09:30:00Z`. Each thread remembers its last second, of which a busy one has thousands of records.
fn utc(time: Timestamp) -> [u8; 20] {
    thread_local! {
        static LAST: Cell<Option<(i64, [u8; 20])>> = const { Cell::new(None) };
    }
    let second = time.seconds();
    match LAST.get() {
        Some((last, text)) if last == second => text,
        _ => {
            let text = written(second);
            LAST.set(Some((second, text)));
            text
        }
    }
}

/// A second since the epoch, written so.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "seconds that fit a date are clamped first; every step below stays far inside i64"
)]
fn written(seconds: i64) -> [u8; 20] {
    // Years 0000 to 9999, all that the format can hold.
    let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Howard Hinnant's civil_from_days: years that begin in March, so that the leap day comes last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or_default();
    let tens = |number: i64| digit(number / 10);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    [
        digit(year / 1000),
        digit(year / 100),
        tens(year),
        digit(year),
        b'-',
        tens(month),
        digit(month),
        b'-',
        tens(day),
        digit(day),
        b'T',
        tens(hour),
        digit(hour),
        b':',
        tens(minute),
        digit(minute),
        b':',
        tens(second),
        digit(second),
        b'Z',
    ]
}

#[cfg(test)]
mod tests;
