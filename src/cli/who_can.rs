//! `sidegate who-can ACTION RESOURCE`: everyone who may, and everyone whom one layer alone keeps out.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::analyze::{self, Answer, Asked, Who};
use crate::bundle::Snapshot;
use crate::cli::output::{self, Format, Outcome};
use crate::policy::possible::Clause;

/// Arguments of `who-can`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The action: orders:GetOrder
    action: String,
    /// The resource's ARN. A role's ARN is asked of its trust policy when the action is one of sts.
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
            for (word, clauses) in [("if", &who.needs), ("unless", &who.unless)] {
                for clause in clauses {
                    let _ = writeln!(out, "    {word} {}", words(clause));
                }
            }
        }
    }
    if out.is_empty() {
        out.push_str("nobody may\n");
    }
    out
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
