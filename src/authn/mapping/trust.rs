//! Asks a role's trust policy whether a token's bearer may have a session of it.
//!
//! As in AWS the caller is nobody yet: its principal is the provider in the role's account, and the trust policy (with
//! the resource control policies over it) alone decides, with the token's claims as context.

use crate::authn::identity::{claim, find_tag};
use crate::authn::jwt::VerifiedToken;
use crate::directory::{Directory, Role};
use crate::policy::context::{Context, Value};
use crate::policy::{Layers, PolicySet, Principal, Request, ResourceKind, evaluate};

use super::session::{self, Session};

/// Keys that the request itself answers. All others would be about the resource that the request is for, or about who
/// asks, and neither is known to a trust policy.
const OF_THE_REQUEST: [&str; 11] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:referer",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:useragent",
    "aws:vpcsourceip",
    "aws:viaawsservice",
];

/// [`PermissionSetOf::GROUPS_KEY`](crate::directory::PermissionSetOf::GROUPS_KEY), as conditions ask for it.
const GROUPS_KEY: &str = "sidegate:mappedgroups";

/// What a trust policy is asked with.
pub(super) struct Trust<'a> {
    pub(super) token: &'a VerifiedToken,
    pub(super) directory: &'a Directory,
    pub(super) session: &'a Session,
    pub(super) request: &'a dyn Context,
}

/// The answer; `lasting` when it rests on nothing of the request.
pub(super) enum Trusted {
    Yes { lasting: bool },
    No { why: String, lasting: bool },
}

impl Trust<'_> {
    pub(super) fn judge(&self, role: &Role) -> Trusted {
        let directory = self.directory;
        let arn = self
            .token
            .provider()
            .arn(directory.partition(), role.account);
        let provider = Principal::Federated {
            provider: arn.as_str().into(),
        };
        let rcps: Vec<&PolicySet> = directory.rcps(role.account).iter().collect();
        let lasting = [&role.trust]
            .into_iter()
            .chain(rcps.iter().copied())
            .flat_map(PolicySet::context_keys)
            .all(|key| !OF_THE_REQUEST.contains(&&**key));
        let layers = Layers {
            rcps: &rcps,
            resource: &[&role.trust],
            resource_kind: ResourceKind::Trust,
            ..Layers::default()
        };
        let context = TrustContext {
            trust: self,
            role,
            provider: &arn,
        };
        let wanted = [
            ("sts:AssumeRoleWithWebIdentity", true),
            ("sts:TagSession", !self.session.tags.is_empty()),
            (
                "sts:SetSourceIdentity",
                self.session.source_identity.is_some(),
            ),
        ];
        for (action, needed) in wanted {
            if !needed {
                continue;
            }
            let request = Request {
                principal: &provider,
                action,
                resource: &role.arn,
                resource_account: Some(role.account.as_str()),
                context: &context,
            };
            if !evaluate(&request, &layers).is_allowed() {
                let why = format!("the trust policy of {} does not allow {action}", role.arn);
                return Trusted::No { why, lasting };
            }
        }
        Trusted::Yes { lasting }
    }
}

struct TrustContext<'a> {
    trust: &'a Trust<'a>,
    role: &'a Role,
    provider: &'a str,
}

impl Context for TrustContext<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        let Trust {
            token,
            directory,
            session,
            request,
        } = self.trust;
        if let Some(tag) = key.strip_prefix("aws:requesttag/") {
            return find_tag(&session.tags, tag).map(Value::Text);
        }
        if let Some(tag) = key.strip_prefix("aws:resourcetag/") {
            return find_tag(&self.role.tags, tag).map(Value::Text);
        }
        match key {
            "aws:federatedprovider" => Some(Value::Text(self.provider)),
            "aws:tagkeys" => {
                (!session.tag_keys.is_empty()).then_some(Value::List(&session.tag_keys))
            }
            "aws:multifactorauthpresent" => session::mfa(token).0.map(Value::Bool),
            "aws:resourceaccount" => Some(Value::Text(self.role.account.as_str())),
            "aws:resourceorgid" => directory
                .organization_path(self.role.account)
                .and(directory.organization_id())
                .map(Value::Text),
            // Of a call to the STS that asks for one.
            "sts:durationseconds" => request.get(key),
            "sts:rolesessionname" => Some(Value::Text(&session.name)),
            "sts:sourceidentity" => session.source_identity.as_deref().map(Value::Text),
            GROUPS_KEY => (!session.groups.is_empty()).then_some(Value::List(&session.groups)),
            _ if OF_THE_REQUEST.contains(&key) => request.get(key),
            _ => claim(token, key),
        }
    }
}
