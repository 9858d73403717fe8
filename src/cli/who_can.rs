//! `sidegate who-can ACTION RESOURCE`: everyone who may, and everyone whom one layer alone keeps out.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::analyze::{self, Answer, Asked, Claimed, Who};
use crate::bundle::Snapshot;
use crate::cli::asked;
use crate::cli::output::{self, Format, Outcome};
use crate::policy::possible::{Clause, Way};

/// Arguments of `who-can`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The action: orders:GetOrder
    action: String,
    /// The resource's ARN, or *. A role's ARN is asked of its trust policy when the action is one of sts.
    resource: String,
    /// The bundle: a folder, a bundle.yaml or a .tar.gz.
    #[arg(short, long, value_name = "PATH", default_value = "policies")]
    bundle: PathBuf,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `who-can`: 0 when anyone may, be it under conditions; 1 when nobody may.
pub fn run(arguments: &Arguments) -> Outcome {
    asked::check(&arguments.action, &arguments.resource)?;
    let snapshot = output::load(&arguments.bundle)?;
    let asked = Asked {
        action: &arguments.action,
        resource: &arguments.resource,
        region: region(&snapshot, &arguments.action),
    };
    let found = analyze::who_can(&snapshot.directory, &asked);
    output::print(&match arguments.format {
        Format::Table => table(&found),
        Format::Json => format!(
            "{:#}\n",
            json!({ "action": arguments.action, "resource": arguments.resource, "principals": found })
        ),
    })?;
    let anyone = (found.iter()).any(|who| who.answer != Answer::RefusedByOneLayer);
    Ok(if anyone {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn table(found: &[Who]) -> String {
    let mut out = String::new();
    for (answer, title) in [
        (Answer::Allowed, "may"),
        (Answer::UnderConditions, "may under conditions"),
        (Answer::RefusedByOneLayer, "may not, by one layer alone"),
    ] {
        let mut of = found.iter().filter(|who| who.answer == answer).peekable();
        if of.peek().is_none() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{title}");
        for who in of {
            let _ = writeln!(out, "  {}", who.words);
            if who.is_outside {
                out.push_str("    as far as the policies of its own account allow\n");
            }
            if who.principal == "*" {
                out.push_str("    that is anyone of an account that is not in the bundle\n");
            }
            if let Some(user) = &who.made_by {
                let _ = writeln!(
                    out,
                    "    as a session that {user} makes by GetFederationToken, as far as its session policies allow"
                );
            }
            if let Some(claimed) = &who.claimed {
                let and = if who.needs.is_empty() { "" } else { ", and" };
                let _ = writeln!(
                    out,
                    "    if a token of {} names the group {}{and}",
                    claimed.provider, claimed.group
                );
            }
            ways(&who.needs, &mut out);
            for clause in &who.unless {
                let _ = writeln!(out, "    unless {}", words(clause));
            }
            for refusing in &who.unless_claimed {
                let Claimed { group, provider } = &refusing.claimed;
                let named = format!("    unless a token of {provider} names the group {group} too");
                if refusing.unless.is_empty() {
                    let _ = writeln!(out, "{named}, which denies it");
                }
                for clause in &refusing.unless {
                    let _ = writeln!(out, "{named}, which denies it if {}", words(clause));
                }
            }
        }
    }
    if out.is_empty() {
        out.push_str("nobody may\n");
    }
    out
}

/// Ways are alternatives, and so are the statements of one layer; what stands behind an `and` is needed besides.
fn ways(ways: &[Way], out: &mut String) {
    for (number, way) in ways.iter().enumerate() {
        for (at, need) in way.all.iter().enumerate() {
            for (other, clause) in need.any.iter().enumerate() {
                let word = match (number, at, other) {
                    (0, 0, 0) => "if",
                    (_, 0, 0) => "or if",
                    (_, _, 0) => "  and",
                    (_, 0, _) => "  or",
                    (_, _, _) => "    or",
                };
                let _ = writeln!(out, "    {word} {}", words(clause));
            }
        }
    }
}

fn words(clause: &Clause) -> String {
    let sid = clause.sid.as_ref();
    let sid = sid.map_or_else(String::new, |sid| format!(" ({sid})"));
    format!(
        "{} ({} {}, statement {}{sid})",
        clause.conditions.join(" and "),
        clause.layer.noun(),
        clause.policy,
        clause.statement,
    )
}

/// The region of the service that the action is of, if there is one.
fn region<'s>(snapshot: &'s Snapshot, action: &str) -> Option<&'s str> {
    let (service, _) = action.split_once(':')?;
    let services = snapshot.routes.services();
    let found = services
        .iter()
        .find(|found| found.name().eq_ignore_ascii_case(service))?;
    Some(found.region())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::Refusing;
    use crate::policy::LayerKind;
    use crate::policy::possible::Need;

    #[test]
    fn what_a_token_may_add_is_told_with_its_conditions() {
        let clause = |condition: &str| Clause {
            layer: LayerKind::Identity,
            policy: "p".to_owned(),
            statement: 1,
            sid: None,
            conditions: vec![condition.to_owned()],
        };
        let need = Need {
            layer: LayerKind::Identity,
            level: None,
            any: vec![clause("Bool x:a: true")],
        };
        let group = |name: &str| Claimed {
            group: name.into(),
            provider: "staff".into(),
        };
        let refusing = |name: &str, unless| Refusing {
            claimed: group(name),
            unless,
        };
        let mut who = Who {
            principal: "ann".to_owned(),
            answer: Answer::UnderConditions,
            words: "ann may x:Get on * under conditions".to_owned(),
            needs: vec![Way { all: vec![need] }],
            unless: Vec::new(),
            refused_by: None,
            is_outside: false,
            made_by: None,
            claimed: Some(group("ops")),
            unless_claimed: vec![
                refusing("barred", Vec::new()),
                refusing("night", vec![clause("Bool x:night: true")]),
            ],
        };
        let expected = "\
may under conditions
  ann may x:Get on * under conditions
    if a token of staff names the group ops, and
    if Bool x:a: true (identity-based policy p, statement 1)
    unless a token of staff names the group barred too, which denies it
    unless a token of staff names the group night too, which denies it if Bool x:night: true (identity-based policy p, statement 1)
";
        assert_eq!(table(std::slice::from_ref(&who)), expected);
        who.needs.clear();
        assert!(table(&[who]).contains("names the group ops\n    unless"));
    }
}
