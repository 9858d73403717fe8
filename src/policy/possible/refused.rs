//! Who is kept out by one layer alone.

use std::sync::Arc;

use super::settled::settled;
use super::{BEST, IsOpen, assuming, changed, emptied, possible};
use crate::policy::compile::{Policy, PolicySet};
use crate::policy::decision::{Decision, Verdict};
use crate::policy::document::{Effect, Kind, parse};
use crate::policy::evaluate;
use crate::policy::layers::{LayerKind, Layers, Request, ResourceKind};
use crate::policy::principal::Principal;

/// The one layer without which it could be allowed, though it cannot be with it. An identity-based, resource-based or
/// trust policy is asked for less its Denies: its Allows are what others rest on. Where such a layer is silent, it is the
/// one if all others agree: the resource's policy names someone whose own say nothing, or someone's own allow what the
/// policy of another account's resource, or of a role, says nothing of. That nothing at all speaks for somebody is told
/// of nobody.
pub fn refused_by(
    request: &Request<'_>,
    layers: &Layers<'_>,
    is_open: IsOpen<'_>,
) -> Option<LayerKind> {
    settled(layers, request.context, is_open, |layers| {
        undecided(request, layers, is_open)
    })
}

fn undecided(request: &Request<'_>, layers: &Layers<'_>, is_open: IsOpen<'_>) -> Option<LayerKind> {
    let allowed =
        |layers: &Layers<'_>| possible(request, layers, is_open).verdict == Verdict::Allowed;
    let (verdict, layer) = assuming(layers, is_open, BEST, |layers| {
        let Decision { verdict, layer, .. } = evaluate(request, layers);
        (verdict, layer)
    });
    if verdict != Verdict::Allowed {
        return layer.filter(|layer| is_alone(request, layers, *layer, &allowed));
    }
    // Nobody refuses in the best case: what several layers ask for contradicts itself.
    let kinds = [
        LayerKind::Scp,
        LayerKind::Rcp,
        LayerKind::Boundary,
        LayerKind::Session,
        LayerKind::Identity,
        match layers.resource_kind {
            ResourceKind::Trust => LayerKind::Trust,
            ResourceKind::Resource | ResourceKind::Mandatory => LayerKind::Resource,
        },
    ];
    kinds
        .into_iter()
        .find(|layer| is_alone(request, layers, *layer, &allowed))
}

/// Whether it could be allowed without that layer, or, of those that others rest on, without its Denies or with one more
/// Allow in it.
fn is_alone(
    request: &Request<'_>,
    layers: &Layers<'_>,
    layer: LayerKind,
    allowed: &dyn Fn(&Layers<'_>) -> bool,
) -> bool {
    let mut less = *layers;
    match layer {
        LayerKind::Scp => {
            less.scps = &[];
            allowed(&less)
        }
        LayerKind::Rcp => {
            less.rcps = &[];
            allowed(&less)
        }
        LayerKind::Boundary => {
            less.boundary = None;
            allowed(&less)
        }
        LayerKind::Session => {
            less.session = None;
            allowed(&less)
        }
        LayerKind::Identity => {
            let mild: Vec<PolicySet> = layers.identity.iter().map(|set| allows_of(set)).collect();
            let mild: Vec<&PolicySet> = mild.iter().collect();
            less.identity = &mild;
            allowed(&less) || is_missed(request, layers, LayerKind::Identity, allowed)
        }
        LayerKind::Resource | LayerKind::Trust => {
            let mild: Vec<PolicySet> = layers.resource.iter().map(|set| allows_of(set)).collect();
            let mild: Vec<&PolicySet> = mild.iter().collect();
            less.resource = &mild;
            allowed(&less) || is_missed(request, layers, layer, allowed)
        }
    }
}

/// Whether a silent layer is all that is missing: with an Allow in it the others would do, and they would not be enough
/// without what they say themselves.
fn is_missed(
    request: &Request<'_>,
    layers: &Layers<'_>,
    layer: LayerKind,
    allowed: &dyn Fn(&Layers<'_>) -> bool,
) -> bool {
    let set = |kind, element: &str| -> PolicySet {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*"{element}}}}}"#
        );
        let policy = parse(&text, kind, "").map(|document| Policy::compile(&document, "all"));
        PolicySet::new(policy.into_iter().map(Arc::new).collect())
    };
    let resource = r#","Resource":"*""#;
    let mut given = *layers;
    if layer == LayerKind::Identity {
        let mut own = layers.identity.to_vec();
        let all = set(Kind::Identity, resource);
        own.push(&all);
        given.identity = &own;
        let mut unasked = given;
        unasked.resource = &[];
        return allowed(&given) && !allowed(&unasked);
    }
    // A root user has no policies of its own that would speak for it.
    let is_root = matches!(request.principal, Principal::Root { .. });
    let Some(account) = request.principal.account().filter(|_| !is_root) else {
        return false;
    };
    let principal = format!(r#","Principal":{{"AWS":"{account}"}}"#);
    let named = if layer == LayerKind::Trust {
        set(Kind::Trust, &principal)
    } else {
        set(Kind::Resource, &(principal + resource))
    };
    let mut all = layers.resource.to_vec();
    all.push(&named);
    given.resource = &all;
    allowed(&given)
}

/// The Allows of a set.
fn allows_of(set: &PolicySet) -> PolicySet {
    changed(set, |statement| {
        (statement.effect == Effect::Deny).then(|| emptied(statement))
    })
}
