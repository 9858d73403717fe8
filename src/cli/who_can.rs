//! `sidegate who-can ACTION RESOURCE`: everyone who may, and everyone whom one layer alone keeps out.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::analyze::{self, Answer, Who};
use crate::cli::output::{self, Format, Outcome};

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
    let found = analyze::who_can(&snapshot.directory, &arguments.action, &arguments.resource);
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
            for lack in &who.conditions {
                let _ = writeln!(
                    out,
                    "    {}: wants {}, and there is {}",
                    lack.element, lack.expected, lack.actual
                );
            }
        }
    }
    if out.is_empty() {
        out.push_str("nobody may\n");
    }
    out
}
