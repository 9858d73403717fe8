//! The answer, and the table that adds the layers up (rule book: same account, cross-account, special requesters).

use std::sync::Arc;

use serde::Serialize;

use super::layers::{LayerKind, Request, ResourceKind};
use super::principal::Principal;
use super::principal::element::Grants;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Granted.
    Allowed,
    /// A Deny statement applies.
    ExplicitDeny,
    /// Nothing grants it, or a layer that must allow does not.
    ImplicitDeny,
}

impl Verdict {
    /// `allowed`, `explicitDeny`, `implicitDeny`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ExplicitDeny => "explicitDeny",
            Self::ImplicitDeny => "implicitDeny",
        }
    }
}

/// The answer with the statement that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'a> {
    /// The answer.
    pub verdict: Verdict,
    /// The layer that decided; for an implicit deny the one whose allow is missing.
    pub layer: Option<LayerKind>,
    /// The policy that decided, by name.
    pub policy: Option<&'a str>,
    /// The same name, to keep.
    pub(crate) kept_name: Option<&'a Arc<str>>,
    /// Its statement, counted from 0.
    pub statement: Option<usize>,
    /// The statement's Sid.
    pub sid: Option<&'a str>,
}

impl Decision<'_> {
    /// Whether it is allowed.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    /// The decision in a sentence.
    pub fn words(&self, request: &Request<'_>) -> String {
        let may = if self.is_allowed() { "may" } else { "may not" };
        let mut words = format!(
            "{} {may} {} on {}: ",
            request.principal.name(),
            request.action,
            request.resource
        );
        let layer = self.layer.unwrap_or(LayerKind::Identity);
        match (self.verdict, self.policy) {
            (Verdict::ImplicitDeny, _) => {
                words.push_str(&format!("no {} allows it", layer.noun()));
            }
            (Verdict::Allowed, None) if needs_no_permission(request) => {
                words.push_str("no permission is needed for it");
            }
            (Verdict::Allowed, None) => words.push_str("the account's root user may"),
            (Verdict::Allowed, Some(policy)) => {
                words.push_str(&format!("{} allows it, {policy}", layer.words()));
            }
            (Verdict::ExplicitDeny, policy) => words.push_str(&format!(
                "explicit deny in {}, {}",
                layer.words(),
                policy.unwrap_or_default()
            )),
        }
        if let (Some(_), Some(statement)) = (self.policy, self.statement) {
            words.push_str(&format!(", statement {statement}"));
        }
        if let Some(sid) = self.sid {
            words.push_str(&format!(" ({sid})"));
        }
        words
    }
}

/// GetCallerIdentity and GetSessionToken are open to whoever is known, and no policy can stop them (rule book, section 1;
/// AWS STS API reference).
pub(crate) fn needs_no_permission(request: &Request<'_>) -> bool {
    let open = ["sts:GetCallerIdentity", "sts:GetSessionToken"];
    open.iter()
        .any(|action| action.eq_ignore_ascii_case(request.action))
        && *request.principal != Principal::Anonymous
}

/// What the layers said, none of them with a Deny.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each term of the rule book's table"
)]
pub(crate) struct Findings {
    pub(crate) identity: bool,
    /// Also true where there is no boundary.
    pub(crate) boundary: bool,
    /// Also true where there is no session policy.
    pub(crate) session: bool,
    /// Every level of SCPs allows, or none act.
    pub(crate) scps: bool,
    pub(crate) grants: Grants,
}

/// One row of the table: what, SCPs apart, is enough for an allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// An Allow in the resource's policies that names the requester in one of these ways.
    pub(crate) grant: Option<Grants>,
    pub(crate) identity: bool,
    pub(crate) boundary: bool,
    pub(crate) session: bool,
}

/// The rows that are open to a request, as alternatives; [`conclude`] decides by the same, and a test holds the two
/// together. First comes what is told first where two rows lack as much.
pub(crate) fn ways(request: &Request<'_>, kind: ResourceKind) -> Vec<Way> {
    let strong = Grants::SELF.with(Grants::EVERYONE);
    let any = strong.with(Grants::PARENT).with(Grants::ACCOUNT);
    let by_resource = Way {
        grant: Some(strong),
        identity: false,
        boundary: false,
        session: false,
    };
    if request.principal.account().is_none() {
        return vec![by_resource];
    }
    let is_root = matches!(request.principal, Principal::Root { .. });
    let same = request.is_same_account();
    let by_identity = Way {
        grant: (!same || kind != ResourceKind::Resource).then_some(any),
        identity: !is_root,
        boundary: !is_root,
        session: true,
    };
    if !same {
        return vec![by_identity];
    }
    let by_parent = Way {
        grant: Some(Grants::PARENT),
        identity: false,
        boundary: !is_root,
        session: true,
    };
    vec![by_identity, by_resource, by_parent]
}

/// What they add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// The identity policies grant it (with the resource's consent, if that is in another account).
    ByIdentity,
    /// A statement of the resource's policy with one of these grants does.
    ByResource(Grants),
    /// The first layer whose allow is missing.
    Missing(LayerKind),
}

/// Adds up. RCPs need no row: RCPFullAWSAccess allows on every level, so they matter through their Denies alone.
pub(crate) fn conclude(
    request: &Request<'_>,
    kind: ResourceKind,
    mut found: Findings,
    session_passed: bool,
) -> Conclusion {
    let resource_layer = if kind == ResourceKind::Trust {
        LayerKind::Trust
    } else {
        LayerKind::Resource
    };
    let strong = Grants::SELF.with(Grants::EVERYONE);
    match request.principal {
        // Only the resource's policy speaks for those who belong to no account.
        Principal::Federated { .. } | Principal::Service { .. } | Principal::Anonymous => {
            return if found.grants.has(strong) {
                Conclusion::ByResource(strong)
            } else {
                Conclusion::Missing(resource_layer)
            };
        }
        Principal::Root { .. } => {
            found.identity = true;
            found.boundary = true;
        }
        Principal::FederatedUser { .. } => {
            // Without a session policy the session has none of the user's permissions.
            found.session = found.session && session_passed;
        }
        Principal::User { .. } | Principal::RoleSession { .. } | Principal::Role { .. } => {}
    }
    if !found.scps {
        return Conclusion::Missing(LayerKind::Scp);
    }
    let same = request.is_same_account();
    if same {
        if found.grants.has(strong) {
            return Conclusion::ByResource(strong);
        }
        if found.grants.has(Grants::PARENT) && found.boundary && found.session {
            return Conclusion::ByResource(Grants::PARENT);
        }
    }
    let needs_grant = !same || kind != ResourceKind::Resource;
    if needs_grant && found.grants.is_empty() {
        return Conclusion::Missing(resource_layer);
    }
    // A parent's grant makes up for a silent identity policy in the same account; what is missing then is another layer.
    let identity = found.identity || (same && found.grants.has(Grants::PARENT));
    if !identity {
        Conclusion::Missing(LayerKind::Identity)
    } else if !found.boundary {
        Conclusion::Missing(LayerKind::Boundary)
    } else if !found.session {
        Conclusion::Missing(LayerKind::Session)
    } else {
        Conclusion::ByIdentity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::context::Map;

    fn requesters() -> Vec<Principal> {
        let (account, arn) = ("111111111111", "arn:aws:x::111111111111:y");
        vec![
            Principal::Root {
                account: account.into(),
                arn: arn.into(),
            },
            Principal::User {
                account: account.into(),
                arn: arn.into(),
            },
            Principal::RoleSession {
                account: account.into(),
                arn: arn.into(),
                role_arn: arn.into(),
            },
            Principal::FederatedUser {
                account: account.into(),
                arn: arn.into(),
                user_arn: arn.into(),
            },
            Principal::Service { name: "s".into() },
            Principal::Anonymous,
        ]
    }

    #[test]
    fn the_ways_are_the_rows_that_decide() {
        use ResourceKind::{Mandatory, Resource, Trust};
        let kinds = [Resource, Trust, Mandatory];
        let ways_of = [
            Grants::SELF,
            Grants::PARENT,
            Grants::EVERYONE,
            Grants::ACCOUNT,
        ];
        let mut allowed = 0;
        for (principal, bits) in requesters()
            .iter()
            .flat_map(|principal| (0u16..1024).map(move |bits| (principal, bits)))
        {
            let bit = |at: u16| bits & (1 << at) != 0;
            let given = ways_of.iter().zip(0u16..).filter(|(_, at)| bit(*at));
            let found = Findings {
                grants: given.fold(Grants::NONE, |all, (one, _)| all.with(*one)),
                identity: bit(4),
                boundary: bit(5),
                session: bit(6),
                scps: bit(7),
            };
            let (session_passed, same) = (bit(8), bit(9));
            let account = if same { "111111111111" } else { "222222222222" };
            let request = Request {
                principal,
                action: "x:Y",
                resource: "*",
                resource_account: Some(account),
                context: &Map::new(),
            };
            for kind in kinds {
                let enough = |way: &Way| {
                    let needs_one = matches!(principal, Principal::FederatedUser { .. });
                    let session = found.session && (session_passed || !needs_one);
                    way.grant.is_none_or(|grant| found.grants.has(grant))
                        && (!way.identity || found.identity)
                        && (!way.boundary || found.boundary)
                        && (!way.session || session)
                };
                let has_scps = principal.account().is_none() || found.scps;
                let by_ways = has_scps && ways(&request, kind).iter().any(enough);
                let decided = conclude(&request, kind, found, session_passed);
                let by_rows = !matches!(decided, Conclusion::Missing(_));
                assert_eq!(by_ways, by_rows, "{principal:?} {kind:?} {found:?} {same}");
                allowed += usize::from(by_rows);
            }
        }
        assert!(allowed > 1_000);
    }
}
