//! Statements that grant more than is wise.

use super::{Surroundings, allows, keys};
use crate::policy::condition::operator::Test;
use crate::policy::condition::{Condition, Quantifier};
use crate::policy::document::{Kind, Statement};
use crate::policy::principal::element::{Element, Name};
use crate::policy::variable::Template;
use crate::source::{Report, Severity, Span};

/// Looks at one statement.
pub(super) fn statement(
    kind: Kind,
    statement: &Statement,
    surroundings: &Surroundings<'_>,
    report: &mut Report,
) {
    if !allows(statement) {
        return;
    }
    let grants = matches!(
        kind,
        Kind::Identity | Kind::Session | Kind::Resource | Kind::Trust
    );
    if !grants {
        return;
    }
    elements(statement, report);
    pass_role(statement, report);
    principals(kind, statement, surroundings, report);
}

fn warn(report: &mut Report, id: &'static str, span: Span, message: &str, help: &str) {
    report.add(Severity::SecurityWarning, id, span, message, help);
}

fn elements(statement: &Statement, report: &mut Report) {
    if statement.actions.negated {
        warn(
            report,
            "allow-not-action",
            statement.actions_span,
            "Allow with NotAction grants every action that is not listed, future ones too",
            "list what is allowed in Action",
        );
    }
    if statement
        .resources
        .as_ref()
        .is_some_and(|resources| resources.negated)
    {
        warn(
            report,
            "allow-not-resource",
            statement.resources_span,
            "Allow with NotResource grants on every resource that is not listed, future ones too",
            "list what is allowed in Resource",
        );
    }
}

/// `arn:…:iam::ACCOUNT:` and then `*`, `role*` or `role/*`, with as many `?` as one likes.
fn is_every_role(arn: &str) -> bool {
    let rest = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let named = rest.trim_end_matches(['*', '?']);
    rest.contains('*') && matches!(named, "" | "role" | "role/")
}

fn pass_role(statement: &Statement, report: &mut Report) {
    let every_resource = statement.resources.as_ref().is_some_and(|resources| {
        resources.negated
            || resources
                .patterns
                .iter()
                .any(|pattern| Template::is_everything(pattern) || is_every_role(pattern.source()))
    });
    let limited = statement.conditions.iter().any(|condition| {
        matches!(
            &*condition.key,
            "iam:passedtoservice" | "iam:associatedresourcearn"
        )
    });
    if every_resource && !limited && statement.actions.cover("iam:passrole") {
        warn(
            report,
            "pass-role-wildcard",
            statement.actions_span,
            "iam:PassRole on every role hands any role's permissions to any service",
            "name the roles, or add a condition on iam:PassedToService",
        );
    }
}

fn principals(
    kind: Kind,
    statement: &Statement,
    surroundings: &Surroundings<'_>,
    report: &mut Report,
) {
    let Some(element) = &statement.principal else {
        return;
    };
    let names = |wanted: fn(&Name) -> bool| element.names.iter().any(wanted);
    let limited =
        |condition: &Condition| narrows(condition) && !OF_NOBODY.contains(&&*condition.key);
    if names(|name| *name == Name::Everyone) && !statement.conditions.iter().any(limited) {
        let message = if statement.conditions.is_empty() {
            "Principal \"*\" without a condition lets anybody in, without credentials too"
        } else {
            "Principal \"*\" lets anybody in: no condition says who"
        };
        warn(
            report,
            "public-principal",
            element.span,
            message,
            "name the principals, or add a condition such as aws:PrincipalOrgID",
        );
    }
    if kind == Kind::Trust {
        trust(statement, element, surroundings, report);
    }
}

/// Who may assume the role.
fn trust(
    statement: &Statement,
    element: &Element,
    surroundings: &Surroundings<'_>,
    report: &mut Report,
) {
    let tested = |suffix: &str| {
        (statement.conditions.iter())
            .any(|condition| condition.key.ends_with(suffix) && narrows(condition))
    };
    let names = |wanted: fn(&Name) -> bool| element.names.iter().any(wanted);
    let issuers: Vec<String> = element.names.iter().filter_map(issuer).collect();
    // A claim of another issuer is in no token of this one.
    let claimed = |suffix: &str| {
        (statement.conditions.iter()).any(|condition| {
            let of = condition.key.strip_suffix(suffix);
            of.is_some_and(|of| issuers.is_empty() || issuers.iter().any(|issuer| issuer == of))
                && narrows(condition)
        })
    };
    foreign_claims(statement, &issuers, report);
    let web = statement.actions.cover("sts:assumerolewithwebidentity");
    let vouched = names(|name| matches!(name, Name::Federated(_) | Name::Everyone));
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
            element.span,
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
    let foreign = element.names.iter().find(|name| {
        let account = match name {
            Name::Account(account) => Some(&**account),
            Name::Entity(arn) => arn.split(':').nth(4),
            Name::Everyone | Name::Service(_) | Name::Federated(_) | Name::Canonical(_) => None,
        };
        account.is_some_and(|account| !(surroundings.is_own_account)(account))
    });
    if let Some(foreign) = foreign
        && statement.actions.cover("sts:assumerole")
        && !tested("sts:externalid")
        && !tested("aws:principalorgid")
    {
        warn(
            report,
            "missing-external-id",
            element.span,
            &format!(
                "{} is of no account of ours and may assume the role without an external id",
                foreign.text()
            ),
            "add StringEquals on sts:ExternalId, so that the other side cannot be made a confused deputy",
        );
    }
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

/// Keys that say nothing of who asks.
const OF_NOBODY: [&str; 7] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:referer",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:tokenissuetime",
    "aws:useragent",
];

/// Whether a condition asks for particular values of its key: it does not hold where the key is absent, is no
/// negation, and has nothing like a bare star among its values.
fn narrows(condition: &Condition) -> bool {
    let operator = &condition.operator;
    if operator.negated
        || operator.if_exists
        || operator.quantifier == Some(Quantifier::ForAll)
        || operator.test == Test::Null
    {
        return false;
    }
    let only_wildcards =
        |text: &str| text.contains('*') && text.bytes().all(|byte| b"*?".contains(&byte));
    let is_open = |text: &str| match operator.test {
        Test::Ip => text.ends_with("/0"),
        Test::StringLike | Test::Arn => only_wildcards(text),
        Test::StringEquals
        | Test::StringEqualsIgnoreCase
        | Test::Numeric(_)
        | Test::Date(_)
        | Test::Bool
        | Test::Binary
        | Test::Null => false,
    };
    !(condition.texts.iter()).any(|text| is_open(text) || keys::is_own_variable(condition, text))
}
