//! One layer, policy and statement at a time, with every element that failed.

use std::borrow::Cow;

use super::{Detail, LayerReport, Mismatch, PolicyReport, Says, StatementReport};
use crate::policy::compile::PolicySet;
use crate::policy::condition::{Condition, Outcome, Values};
use crate::policy::context::{Context, Value};
use crate::policy::document::{Effect, Statement};
use crate::policy::layers::{LayerKind, Request};
use crate::policy::principal::element::{Grants, Name};
use crate::policy::statement::Ask;
use crate::policy::variable::{Syntax, Template};

const WAYS: [(&str, Grants); 4] = [
    ("self", Grants::SELF),
    ("parent", Grants::PARENT),
    ("everyone", Grants::EVERYONE),
    ("account", Grants::ACCOUNT),
];

/// A request, what each statement is asked of it, and how much is told.
pub(super) type Asked<'a> = (&'a Request<'a>, &'a Ask<'a>, Detail);

/// The elements of a statement that failed.
struct Failed {
    detail: Detail,
    any: bool,
    told: Vec<Mismatch>,
}

impl Failed {
    fn push(&mut self, tell: impl FnOnce() -> Mismatch) {
        self.any = true;
        if self.detail == Detail::Whole {
            self.told.push(tell());
        }
    }
}

/// Judges all policies of a layer or level.
pub(super) fn layer(
    asked: Asked<'_>,
    layer: LayerKind,
    level: Option<usize>,
    sets: &[&PolicySet],
) -> LayerReport {
    let policies: Vec<PolicyReport> = sets
        .iter()
        .flat_map(|set| set.policies())
        .map(|policy| PolicyReport {
            policy: policy.name().to_owned(),
            statements: policy
                .statements()
                .iter()
                .enumerate()
                .map(|(number, found)| statement(asked, layer, number, found))
                .collect(),
        })
        .collect();
    let applies = |effect| {
        policies
            .iter()
            .flat_map(|policy| &policy.statements)
            .any(|statement| statement.applies && statement.effect == effect)
    };
    let says = if applies(Effect::Deny) {
        Says::Deny
    } else if applies(Effect::Allow) {
        Says::Allow
    } else {
        Says::Silent
    };
    LayerReport {
        layer,
        level,
        says,
        policies,
    }
}

/// Whether some statement allows, whatever else is said.
pub(super) fn allows(report: &LayerReport) -> bool {
    report
        .policies
        .iter()
        .flat_map(|policy| &policy.statements)
        .any(|statement| statement.applies && statement.effect == Effect::Allow)
}

/// The grants of a layer's allows that apply.
pub(super) fn grants(report: &LayerReport) -> impl Iterator<Item = Grants> {
    report
        .policies
        .iter()
        .flat_map(|policy| &policy.statements)
        .filter(|statement| statement.applies && statement.effect == Effect::Allow)
        .map(grants_of)
}

/// The grants of one statement.
pub(super) fn grants_of(statement: &StatementReport) -> Grants {
    let named = statement.grants.as_deref().unwrap_or_default();
    WAYS.iter()
        .filter(|(word, _)| named.contains(word))
        .fold(Grants::NONE, |grants, (_, way)| grants.with(*way))
}

fn statement(
    (request, ask, detail): Asked<'_>,
    layer: LayerKind,
    number: usize,
    statement: &Statement,
) -> StatementReport {
    let mut failed = Failed {
        detail,
        any: false,
        told: Vec::new(),
    };
    let mut unreadable = Vec::new();
    let sided = matches!(
        layer,
        LayerKind::Resource | LayerKind::Trust | LayerKind::Rcp
    );
    let mut grants = None;
    if sided {
        let named = statement
            .principal
            .as_ref()
            .map_or(Grants::NONE, |element| element.grants(ask.principal));
        let hit = match (&statement.principal, statement.effect) {
            (None, _) => false,
            (Some(_), Effect::Allow) => !named.is_empty(),
            (Some(element), Effect::Deny) => element.hits(ask.principal, ask.bounded),
        };
        if !hit {
            failed.push(|| principal_mismatch(request, statement));
        } else if statement.effect == Effect::Allow {
            grants = Some(
                WAYS.iter()
                    .filter(|(_, way)| named.has(*way))
                    .map(|(word, _)| *word)
                    .collect(),
            );
        }
    }
    if !statement.actions.cover(ask.action) {
        let sources = statement
            .actions
            .patterns
            .iter()
            .map(|pattern| &*pattern.source);
        failed.push(|| Mismatch {
            element: if statement.actions.negated {
                "NotAction"
            } else {
                "Action"
            }
            .to_owned(),
            expected: listed(sources, statement.actions.negated),
            actual: request.action.to_owned(),
        });
    }
    if let Some(resources) = &statement.resources
        && !resources.cover(ask.resource, ask.context)
    {
        let patterns = resources.patterns.iter();
        let sources = patterns.map(|pattern| shown(pattern, ask.context));
        failed.push(|| Mismatch {
            element: if resources.negated {
                "NotResource"
            } else {
                "Resource"
            }
            .to_owned(),
            expected: listed(sources, resources.negated),
            actual: request.resource.to_owned(),
        });
    }
    for condition in &statement.conditions {
        if failed.any && detail == Detail::Outline {
            break;
        }
        let outcome = condition.judge(ask.context);
        if outcome == Outcome::Unreadable && detail == Detail::Whole {
            unreadable.push(label(condition));
        }
        if !outcome.counts(statement.effect) {
            failed.push(|| condition_mismatch(condition, ask.context));
        }
    }
    StatementReport {
        statement: number,
        sid: statement.sid.as_deref().map(str::to_owned),
        effect: statement.effect,
        applies: !failed.any,
        grants,
        failed: failed.told,
        unreadable,
    }
}

fn principal_mismatch(request: &Request<'_>, statement: &Statement) -> Mismatch {
    let negated = statement
        .principal
        .as_ref()
        .is_some_and(|element| element.negated);
    let names = statement
        .principal
        .iter()
        .flat_map(|element| &element.names)
        .map(Name::text);
    Mismatch {
        element: if negated { "NotPrincipal" } else { "Principal" }.to_owned(),
        expected: listed(names, negated),
        actual: request.principal.name().to_owned(),
    }
}

fn label(condition: &Condition) -> String {
    format!("Condition {} {}", condition.operator.name, condition.name)
}

fn condition_mismatch(condition: &Condition, context: &dyn Context) -> Mismatch {
    let has_variables = condition.values.keys().next().is_some();
    let texts = condition.texts.iter().map(|text| {
        let open = Syntax {
            variables: true,
            wildcards: true,
        };
        match Template::read(text, open) {
            Ok(template) if has_variables => shown(&template, context).into_owned(),
            Ok(_) | Err(_) => text.to_string(),
        }
    });
    let expected = if let Values::Null { absent: true, .. } = condition.values {
        "no such key".to_owned()
    } else if let Values::Null { present: true, .. } = condition.values {
        "a value".to_owned()
    } else {
        listed(texts, condition.operator.negated)
    };
    let actual = match context.get(&condition.key) {
        None => "no such key".to_owned(),
        Some(Value::List(values)) => format!(
            "[{}]{}",
            listed(values.iter().map(|value| &**value), false),
            if condition.operator.quantifier.is_none() && !values.is_empty() {
                " (a multivalued key needs ForAllValues or ForAnyValue)"
            } else {
                ""
            }
        ),
        Some(value) => value.with_text(|text| {
            if text.is_empty() {
                "an empty text".to_owned()
            } else {
                text.to_owned()
            }
        }),
    };
    let actual = if condition.judge(context) == Outcome::Unreadable {
        if has_variables {
            format!("{actual} (it, or what a variable stands for, does not parse)")
        } else {
            format!("{actual} (does not parse)")
        }
    } else {
        actual
    };
    Mismatch {
        element: label(condition),
        expected,
        actual,
    }
}

/// A text of a policy, with what its variables stand for in this request.
fn shown<'t>(template: &'t Template, context: &dyn Context) -> Cow<'t, str> {
    let source = template.source();
    match template.told(context) {
        None => source.into(),
        Some(Ok(here)) => format!("{source} (here {here})").into(),
        Some(Err(key)) => format!("{source} ({key} has no value here)").into(),
    }
}

/// Texts side by side; long lists are cut.
fn listed<T: AsRef<str>>(texts: impl Iterator<Item = T>, negated: bool) -> String {
    let mut out = String::new();
    for (number, text) in texts.enumerate() {
        if number > 0 {
            out.push_str(", ");
        }
        if number >= 20 {
            out.push('…');
            break;
        }
        out.push_str(text.as_ref());
    }
    if negated {
        format!("none of {out}")
    } else {
        out
    }
}
