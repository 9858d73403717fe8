//! A decision drawn for people: the answer, a table layer by layer, and the nearest allow with what it lacks.

use std::fmt::Write as _;

use crate::policy::Verdict;
use crate::policy::explain::{
    Explanation, LayerReport, Mismatch, PolicyReport, Says, StatementReport,
};

/// The whole explanation as text.
pub fn table(explanation: &Explanation) -> String {
    let mut out = String::new();
    let answer = match explanation.decision {
        Verdict::Allowed => "ALLOWED",
        Verdict::ExplicitDeny => "DENIED (explicitly)",
        Verdict::ImplicitDeny => "DENIED (implicitly)",
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{answer}: {}\n", explanation.reason.words);
    let _ = writeln!(out, "  principal  {}", explanation.principal);
    let _ = writeln!(out, "  action     {}", explanation.action);
    let _ = writeln!(out, "  resource   {}\n", explanation.resource);
    for layer in &explanation.layers {
        draw_layer(&mut out, layer);
    }
    if let Some(nearest) = &explanation.nearest {
        let _ = writeln!(
            out,
            "\nnearest allow: {} {} of {}, which lacks",
            nearest.layer.noun(),
            statement_name(nearest.statement, nearest.sid.as_deref()),
            nearest.policy
        );
        for mismatch in &nearest.lacks {
            draw_mismatch(&mut out, mismatch);
        }
    }
    out
}

fn draw_layer(out: &mut String, layer: &LayerReport) {
    let says = match layer.says {
        Says::Allow => "allows",
        Says::Deny => "DENIES",
        Says::Silent => "silent",
    };
    let level = layer
        .level
        .map(|level| format!(", level {level}"))
        .unwrap_or_default();
    let _ = writeln!(out, "{says:<8} {}{level}", layer.layer.noun());
    if layer.policies.is_empty() {
        let _ = writeln!(out, "           (no policy)");
    }
    for policy in &layer.policies {
        draw_policy(out, policy);
    }
}

fn draw_policy(out: &mut String, policy: &PolicyReport) {
    let _ = writeln!(out, "           {}", policy.policy);
    for statement in &policy.statements {
        draw_statement(out, statement);
    }
}

fn draw_statement(out: &mut String, statement: &StatementReport) {
    let name = statement_name(statement.statement, statement.sid.as_deref());
    let effect = format!("{:?}", statement.effect);
    if statement.applies {
        let grants = statement
            .grants
            .as_ref()
            .map(|grants| format!(", names the requester as {}", grants.join(", ")))
            .unwrap_or_default();
        let _ = writeln!(out, "             {effect:<5} {name}: matches{grants}");
    } else {
        let _ = writeln!(out, "             {effect:<5} {name}: does not match");
        if let Some(first) = statement.failed.first() {
            draw_mismatch(out, first);
        }
    }
    for key in &statement.unreadable {
        let _ = writeln!(
            out,
            "                   the request's value does not parse: {key}"
        );
    }
}

fn draw_mismatch(out: &mut String, mismatch: &Mismatch) {
    let Mismatch {
        element,
        expected,
        actual,
    } = mismatch;
    let _ = writeln!(
        out,
        "                   {element}: expected {expected}, actual {actual}"
    );
}

fn statement_name(index: usize, sid: Option<&str>) -> String {
    match sid {
        Some(sid) => format!("statement {index} ({sid})"),
        None => format!("statement {index}"),
    }
}
