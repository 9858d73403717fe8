//! Who may assume a role: tokens of which issuer, which other accounts, and by which of the actions of sts.

use super::security::warn;
use super::{Surroundings, limits};
use crate::policy::condition::Condition;
use crate::policy::document::{Kind, Statement};
use crate::policy::principal::element::{Element, Name, is_account};
use crate::source::{Report, Severity, Span};

/// Who may assume the role.
pub(super) fn statement(
    statement: &Statement,
    element: &Element,
    surroundings: &Surroundings<'_>,
    report: &mut Report,
) {
    let tested = |suffix: &str| {
        (statement.conditions.iter())
            .any(|condition| condition.key.ends_with(suffix) && limits::narrows(condition))
    };
    let names = |wanted: fn(&Name) -> bool| element.names.iter().any(wanted);
    let is_federated = |name: &Name| matches!(name, Name::Federated(_) | Name::Everyone);
    let issuers: Vec<String> = element.names.iter().filter_map(issuer).collect();
    // A claim of another issuer is in no token of this one.
    let claimed = |suffix: &str| {
        (statement.conditions.iter()).any(|condition| {
            let of = condition.key.strip_suffix(suffix);
            of.is_some_and(|of| issuers.is_empty() || issuers.iter().any(|issuer| issuer == of))
                && limits::narrows(condition)
        })
    };
    foreign_claims(statement, &issuers, report);
    let web = statement.actions.cover("sts:assumerolewithwebidentity");
    let vouched = names(is_federated);
    let saml =
        |name: &Name| matches!(name, Name::Federated(text) if text.contains(":saml-provider/"));
    let untested: Vec<&str> = if names(saml) {
        let asserted = statement.actions.cover("sts:assumerolewithsaml");
        let aud = asserted && !tested("saml:aud");
        aud.then_some("aud").into_iter().collect()
    } else if web && vouched {
        // Certificates are for no audience; `oaud` is a token's own audience where `azp` stands for `aud`.
        let certificate = |name: &Name| {
            matches!(name, Name::Federated(text)
                if text.contains(":spiffe-provider/") || text.contains(":x509-provider/"))
        };
        let claims = [
            ("sub", claimed(":sub")),
            (
                "aud",
                claimed(":aud") || claimed(":oaud") || names(certificate),
            ),
        ];
        let open = claims.into_iter().filter(|(_, tested)| !tested);
        open.map(|(claim, _)| claim).collect()
    } else {
        Vec::new()
    };
    if !untested.is_empty() {
        warn(
            report,
            "open-federation",
            element
                .find(is_federated)
                .map_or(element.span, |(_, span)| span),
            &format!(
                "any token of that issuer may assume the role: {} not tested",
                match untested.as_slice() {
                    ["sub"] => "its subject (sub) is",
                    ["aud"] => "its audience (aud) is",
                    _ => "its subject (sub) and audience (aud) are",
                }
            ),
            "add StringEquals conditions on the issuer's :sub and :aud",
        );
    }
    // What a variable of the requester stands for is no secret of both sides.
    let agreed = statement.conditions.iter().any(|condition| {
        &*condition.key == "sts:externalid"
            && limits::narrows(condition)
            && !(condition.values.keys()).any(|key| key.starts_with("aws:"))
    });
    if let Some((foreign, span)) = foreigner(statement, element, surroundings)
        && statement.actions.cover("sts:assumerole")
        && !agreed
        && !(statement.conditions.iter()).any(|one| is_of_ours(one, surroundings.organization))
    {
        warn(
            report,
            "missing-external-id",
            span,
            &format!(
                "{foreign} is of no account of ours and may assume the role without an external id"
            ),
            "add StringEquals on sts:ExternalId, so that the other side cannot be made a confused deputy",
        );
    }
}

/// Whether a condition lets in our own organization alone; where ours is not known, one organization.
fn is_of_ours(condition: &Condition, own: Option<&str>) -> bool {
    let of_ours = |text: &str| {
        own.is_none_or(|own| {
            let rest = text.strip_prefix(own);
            rest.is_some_and(|rest| match &*condition.key {
                "aws:principalorgid" => rest.is_empty(),
                _ => rest.starts_with('/'),
            })
        })
    };
    ["aws:principalorgid", "aws:principalorgpaths"].contains(&&*condition.key)
        && limits::narrows(condition)
        && condition.texts.iter().all(|text| of_ours(text))
}

/// A principal of an account that is none of ours, and where it stands: a name, or, among everyone, what a condition
/// asks for.
fn foreigner<'s>(
    statement: &'s Statement,
    element: &'s Element,
    surroundings: &Surroundings<'_>,
) -> Option<(&'s str, Span)> {
    let is_foreign = |account: &str| !(surroundings.is_own_account)(account);
    let named = element.find(|name| {
        let account = match name {
            Name::Account(account) => Some(&**account),
            Name::Entity(arn) => arn.split(':').nth(4),
            Name::Everyone | Name::Service(_) | Name::Federated(_) | Name::Canonical(_) => None,
        };
        account.is_some_and(is_foreign)
    });
    if let Some((named, span)) = named {
        return Some((named.text(), span));
    }
    if !element.names.contains(&Name::Everyone) {
        return None;
    }
    let asked = |condition: &'s Condition| {
        let texts = condition.texts.iter().map(|text| &**text);
        let mut texts = texts
            .enumerate()
            .map(|(at, text)| (text, condition.value_span(at)));
        texts.find(|(text, _)| {
            let account = match &*condition.key {
                "aws:principalaccount" => Some(*text),
                "aws:principalarn" => text.split(':').nth(4),
                _ => None,
            };
            account.is_some_and(|account| is_account(account) && is_foreign(account))
        })
    };
    // What several conditions ask for must all be of others.
    let mut who = (statement.conditions.iter())
        .filter(|condition| {
            matches!(&*condition.key, "aws:principalaccount" | "aws:principalarn")
                && limits::narrows(condition)
        })
        .map(asked);
    let first = who.next()??;
    who.all(|other| other.is_some()).then_some(first)
}

/// What the keys of a provider's claims begin with, in lower case.
fn issuer(name: &Name) -> Option<String> {
    let Name::Federated(text) = name else {
        return None;
    };
    let of = text.split_once("-provider/").map_or(&**text, |(_, of)| of);
    Some(of.to_lowercase())
}

/// Conditions on claims of an issuer that is none of those whose tokens are let in.
fn foreign_claims(statement: &Statement, issuers: &[String], report: &mut Report) {
    const CLAIMS: [&str; 6] = ["sub", "aud", "oaud", "azp", "amr", "email"];
    if issuers.is_empty() {
        return;
    }
    for condition in &statement.conditions {
        let Some((of, claim)) = condition.key.rsplit_once(':') else {
            continue;
        };
        let is_claim = CLAIMS.contains(&claim) && (of.contains('.') || of.contains('/'));
        if is_claim && !issuers.iter().any(|issuer| issuer == of) {
            report.add(
                Severity::Warning,
                "foreign-issuer-key",
                condition.span,
                format!(
                    "no token of {} has `{}`",
                    issuers.join(" or "),
                    condition.name
                ),
                format!(
                    "write {}:{claim}",
                    issuers.first().map_or("", |issuer| issuer)
                ),
            );
        }
    }
}

/// The actions that make a session of a role, in lower case and as they are written.
const ASSUMING: [(&str, &str); 3] = [
    ("sts:assumerole", "sts:AssumeRole"),
    (
        "sts:assumerolewithwebidentity",
        "sts:AssumeRoleWithWebIdentity",
    ),
    ("sts:assumerolewithsaml", "sts:AssumeRoleWithSAML"),
];

/// Whether such a requester may ask for the action at all; what is not known may.
fn may_ask(name: &Name, action: &str) -> bool {
    match name {
        Name::Account(_) | Name::Entity(_) | Name::Service(_) => action == "sts:assumerole",
        Name::Federated(text) if text.contains(":saml-provider/") => {
            action == "sts:assumerolewithsaml"
        }
        Name::Federated(text) if text.contains(":oidc-provider/") || !text.contains(':') => {
            action == "sts:assumerolewithwebidentity"
        }
        Name::Federated(_) | Name::Everyone | Name::Canonical(_) => true,
    }
}

/// Names of services that are none; in a trust policy, actions that none of the principals asks for, and principals that
/// ask for none of the actions.
pub(super) fn fit(kind: Kind, statement: &Statement, report: &mut Report) {
    let Some(element) = &statement.principal else {
        return;
    };
    for (at, name) in element.names.iter().enumerate() {
        if let Name::Service(text) = name
            && (!text.contains('.') || text.contains([':', '/', ' ']))
        {
            report.add(
                Severity::Warning,
                "service-principal-format",
                element.name_span(at),
                format!("no service is called `{text}`"),
                "write its name with its domain, like backup.amazonaws.com",
            );
        }
    }
    let is_plain = !element.negated && !statement.actions.negated;
    if kind != Kind::Trust || !is_plain || element.names.is_empty() {
        return;
    }
    let mut told = false;
    for (at, pattern) in statement.actions.patterns.iter().enumerate() {
        let Some((action, written)) =
            (ASSUMING.iter()).find(|(action, _)| pattern.source.eq_ignore_ascii_case(action))
        else {
            continue;
        };
        if !element.names.iter().any(|name| may_ask(name, action)) {
            told = true;
            report.add(
                Severity::Warning,
                "action-principal-mismatch",
                statement.action_span(at),
                format!("none of these principals can ask for {written}"),
                "AWS and Service principals ask for sts:AssumeRole, OIDC providers' tokens for sts:AssumeRoleWithWebIdentity, SAML providers' for sts:AssumeRoleWithSAML",
            );
        }
    }
    let is_assuming =
        |source: &str| (ASSUMING.iter()).any(|(action, _)| source.eq_ignore_ascii_case(action));
    let only = (statement.actions.patterns.iter()).all(|pattern| is_assuming(&pattern.source));
    if told || !only {
        return;
    }
    for (at, name) in element.names.iter().enumerate() {
        let asks = |action: &str| may_ask(name, action) && statement.actions.cover(action);
        if !ASSUMING.iter().any(|(action, _)| asks(action)) {
            report.add(
                Severity::Warning,
                "action-principal-mismatch",
                element.name_span(at),
                format!("`{}` can ask for none of these actions", name.text()),
                "give it a statement of its own, with the action of its kind",
            );
        }
    }
}
