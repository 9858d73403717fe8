//! The decision: denies from every layer that acts, then the allows added up.

use super::action::Folded;
use super::compile::{Hit, PolicySet};
use super::decision::{Conclusion, Decision, Findings, Verdict, conclude, needs_no_permission};
use super::document::Effect;
use super::layers::{Acting, LayerKind, Layers, Request};
use super::principal::element::Grants;
use super::statement::Ask;

/// Decides. Never allocates on the heap, except for policy variables and for very long or non-ASCII names.
///
/// ```
/// use std::sync::Arc;
/// use sidegate::policy::{self, Kind, Layers, Policy, PolicySet, Principal, Request, Verdict, context::Map};
///
/// let text = r#"{"Version": "2012-10-17", "Statement": {
///     "Effect": "Allow", "Action": "orders:Get*", "Resource": "arn:aws:orders::555566667777:order/*"}}"#;
/// let document = policy::parse(text, Kind::Identity, "orders.json").unwrap();
/// let policies = PolicySet::new(vec![Arc::new(Policy::compile(&document, "inline:orders"))]);
///
/// let principal = Principal::User {
///     account: "555566667777".into(),
///     arn: "arn:aws:iam::555566667777:user/ann".into(),
/// };
/// let request = Request {
///     principal: &principal,
///     action: "orders:GetOrder",
///     resource: "arn:aws:orders::555566667777:order/7",
///     resource_account: None,
///     context: &Map::new(),
/// };
/// let layers = Layers { identity: &[&policies], ..Layers::default() };
/// let decision = policy::evaluate(&request, &layers);
/// assert_eq!(decision.verdict, Verdict::Allowed);
/// assert_eq!(decision.policy, Some("inline:orders"));
/// ```
pub fn evaluate<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Decision<'a> {
    if needs_no_permission(request) {
        return decision(Verdict::Allowed, LayerKind::Identity, None);
    }
    let action = Folded::new(request.action);
    let acting = Acting::on(request.principal, layers);
    let ask = Ask {
        principal: request.principal,
        action: action.as_str(),
        resource: request.resource,
        context: request.context,
        bounded: acting.boundary.is_some(),
    };
    match weigh(&ask, &acting) {
        Err((layer, hit)) => decision(Verdict::ExplicitDeny, layer, Some(hit)),
        Ok(weighed) => {
            let conclusion = conclude(
                request,
                layers.resource_kind,
                weighed.findings(),
                acting.session.is_some(),
            );
            match conclusion {
                Conclusion::ByIdentity => {
                    decision(Verdict::Allowed, LayerKind::Identity, weighed.identity)
                }
                Conclusion::ByResource(grants) => decision(
                    Verdict::Allowed,
                    acting.resource_layer,
                    weighed.resource.of(grants),
                ),
                Conclusion::Missing(layer) => decision(Verdict::ImplicitDeny, layer, None),
            }
        }
    }
}

fn decision(verdict: Verdict, layer: LayerKind, hit: Option<Hit<'_>>) -> Decision<'_> {
    Decision {
        verdict,
        layer: Some(layer),
        policy: hit.map(|hit| hit.policy.name()),
        kept_name: hit.map(|hit| hit.policy.kept_name()),
        statement: hit.map(|hit| hit.number),
        sid: hit.and_then(|hit| hit.statement.sid.as_deref()),
    }
}

/// What the layers say, none of them with a Deny.
struct Weighed<'a> {
    identity: Option<Hit<'a>>,
    boundary: bool,
    session: bool,
    scps: bool,
    resource: Granted<'a>,
}

impl Weighed<'_> {
    fn findings(&self) -> Findings {
        Findings {
            identity: self.identity.is_some(),
            boundary: self.boundary,
            session: self.session,
            scps: self.scps,
            grants: self.resource.grants,
        }
    }
}

type Denied<'a> = (LayerKind, Hit<'a>);

/// Asks every layer that acts; a Deny in any of them ends it.
fn weigh<'a>(ask: &Ask<'_>, acting: &Acting<'a>) -> Result<Weighed<'a>, Denied<'a>> {
    let mut scps = true;
    for level in acting.scps {
        scps &= scan(level, ask, LayerKind::Scp)?.is_some();
    }
    for level in acting.rcps {
        scan_resource(level, ask, LayerKind::Rcp, &mut Granted::everything())?;
    }
    let mut resource = Granted::default();
    for set in acting.resource {
        scan_resource(set, ask, acting.resource_layer, &mut resource)?;
    }
    let mut identity = None;
    for set in acting.identity {
        let hit = scan(set, ask, LayerKind::Identity)?;
        identity = identity.or(hit);
    }
    let boundary = match acting.boundary {
        Some(set) => scan(set, ask, LayerKind::Boundary)?.is_some(),
        None => true,
    };
    let session = match acting.session {
        Some(set) => scan(set, ask, LayerKind::Session)?.is_some(),
        None => true,
    };
    Ok(Weighed {
        identity,
        boundary,
        session,
        scps,
        resource,
    })
}

/// Asks policies without principals: the first Allow that applies, unless a Deny does.
fn scan<'a>(
    set: &'a PolicySet,
    ask: &Ask<'_>,
    layer: LayerKind,
) -> Result<Option<Hit<'a>>, Denied<'a>> {
    let mut allowed = None;
    let mut denied = None;
    set.index().visit(ask, &mut |place| {
        let Some(hit) = set.hit(place) else {
            return true;
        };
        match hit.statement.effect {
            Effect::Allow => {
                if allowed.is_none() && hit.statement.fits(ask) {
                    allowed = Some(hit);
                }
            }
            Effect::Deny => {
                if hit.statement.fits(ask) {
                    denied = Some(hit);
                }
            }
        }
        denied.is_none()
    });
    match denied {
        Some(hit) => Err((layer, hit)),
        None => Ok(allowed),
    }
}

/// What the policies of a resource grant, and by which statement.
#[derive(Default)]
struct Granted<'a> {
    grants: Grants,
    /// The first statement with a grant to the requester itself or to everyone, to its parent, to its account.
    strong: Option<Hit<'a>>,
    parent: Option<Hit<'a>>,
    account: Option<Hit<'a>>,
}

impl<'a> Granted<'a> {
    /// So much that no Allow need be looked at.
    fn everything() -> Self {
        Self {
            grants: Grants::SELF
                .with(Grants::PARENT)
                .with(Grants::EVERYONE)
                .with(Grants::ACCOUNT),
            ..Self::default()
        }
    }

    fn add(&mut self, grants: Grants, hit: Hit<'a>) {
        self.grants = self.grants.with(grants);
        if grants.has(Grants::SELF.with(Grants::EVERYONE)) {
            self.strong = self.strong.or(Some(hit));
        }
        if grants.has(Grants::PARENT) {
            self.parent = self.parent.or(Some(hit));
        }
        if grants.has(Grants::ACCOUNT) {
            self.account = self.account.or(Some(hit));
        }
    }

    fn of(&self, grants: Grants) -> Option<Hit<'a>> {
        if grants.has(Grants::SELF.with(Grants::EVERYONE)) {
            self.strong
        } else if grants.has(Grants::PARENT) {
            self.parent
        } else {
            self.account
        }
    }
}

/// Asks policies with principals.
fn scan_resource<'a>(
    set: &'a PolicySet,
    ask: &Ask<'_>,
    layer: LayerKind,
    granted: &mut Granted<'a>,
) -> Result<(), Denied<'a>> {
    let mut denied = None;
    set.index().visit(ask, &mut |place| {
        let Some(hit) = set.hit(place) else {
            return true;
        };
        let Some(element) = &hit.statement.principal else {
            return true;
        };
        match hit.statement.effect {
            Effect::Allow => {
                let grants = element.grants(ask.principal);
                if !granted.grants.covers(grants) && hit.statement.fits(ask) {
                    granted.add(grants, hit);
                }
            }
            Effect::Deny => {
                if element.hits(ask.principal, ask.bounded) && hit.statement.fits(ask) {
                    denied = Some(hit);
                }
            }
        }
        denied.is_none()
    });
    match denied {
        Some(hit) => Err((layer, hit)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
