//! `sidegate check`: validates a bundle, and a configuration beside it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::bundle::{self, Files, Options};
use crate::cli::findings;
use crate::cli::output::{self, Failed, Outcome};
use crate::config;
use crate::source::{Fault, Severity};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The bundle: a folder, a bundle.yaml or a .tar.gz. Default: the configuration's, or ./policies.
    bundle: Option<PathBuf>,
    /// A configuration to check as well: its upstreams are those that routes may name.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Warnings (quotas, policies that can never match) count as errors.
    #[arg(long)]
    strict: bool,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// List every finding there is, by id, and check nothing.
    #[arg(long)]
    list: bool,
    /// Tell what a finding says and how to mend it, and check nothing.
    #[arg(long, value_name = "ID", conflicts_with = "list")]
    explain: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Drawn, with carets.
    #[default]
    Text,
    /// One object.
    Json,
    /// For code-scanning services (SARIF 2.1.0).
    Sarif,
}

/// Runs `check`: 0 when there is nothing to mend, 1 with findings that refuse the bundle, 2 when there is nothing to check.
pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.list {
        output::print(&findings::list())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(id) = &arguments.explain {
        output::print(&findings::explain(id)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = match &arguments.config {
        None => None,
        Some(file) if !file.is_file() => {
            let file = file.display();
            return Err(Failed(format!(
                "there is no configuration at {file}: give its path"
            )));
        }
        Some(file) => match config::load(file, config::environment()) {
            Ok(settings) => Some(settings),
            Err(faults) => {
                let text = faults.to_string();
                report(arguments.format, faults.faults(), &text, "")?;
                return Ok(ExitCode::from(1));
            }
        },
    };
    let path = arguments
        .bundle
        .clone()
        .or_else(|| {
            settings
                .as_ref()
                .map(|settings| settings.bundle.path.clone())
        })
        .unwrap_or_else(|| PathBuf::from("policies"));
    if !Path::new(&path).exists() {
        return Err(Failed(format!(
            "there is no bundle at {}: give its path",
            path.display()
        )));
    }
    let known_upstreams = settings.map(|settings| {
        settings
            .upstreams
            .iter()
            .map(|upstream| upstream.name.to_string())
            .collect()
    });
    let options = Options {
        known_upstreams,
        strict: arguments.strict,
    };
    let files = Files::read(&path);
    let (faults, summary, refused) = match bundle::load(&files, &options) {
        Ok(snapshot) => {
            let directory = &snapshot.directory;
            let summary = format!(
                "{} is valid: {} accounts, {} users, {} groups, {} roles, {} policies, {} identity providers, {} routes; digest {}",
                path.display(),
                directory.accounts().count(),
                directory.users().count(),
                directory.groups().count(),
                directory.roles().count(),
                directory.policies().count(),
                directory.providers().len(),
                snapshot.routes.routes().count(),
                snapshot.digest,
            );
            (snapshot.faults, summary, false)
        }
        Err(faults) => (faults, format!("{} is not valid", path.display()), true),
    };
    let drawn: Vec<String> = faults.iter().map(|fault| files.render(fault)).collect();
    report(arguments.format, &faults, &drawn.join("\n"), &summary)?;
    Ok(if refused {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

fn report(format: Format, faults: &[Fault], drawn: &str, summary: &str) -> Result<(), Failed> {
    let text = match format {
        Format::Text => {
            let space = if faults.is_empty() { "" } else { "\n" };
            format!("{drawn}{space}{summary}\n{}\n", output::count(faults))
        }
        Format::Json => format!("{:#}\n", json!({ "summary": summary, "findings": faults })),
        Format::Sarif => format!("{:#}\n", sarif(faults)),
    };
    output::print(&text)
}

fn sarif(faults: &[Fault]) -> serde_json::Value {
    let mut ids: Vec<&str> = faults.iter().map(|fault| fault.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let rules: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    let results: Vec<_> = faults.iter().map(sarif_result).collect();
    let driver =
        json!({ "name": "sidegate", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

fn sarif_result(fault: &Fault) -> serde_json::Value {
    let level = match fault.severity {
        Severity::Error => "error",
        Severity::SecurityWarning | Severity::Warning => "warning",
        Severity::Suggestion => "note",
    };
    let help = if fault.help.is_empty() {
        String::new()
    } else {
        format!(" ({})", fault.help)
    };
    let (start, end) = (fault.span.start, fault.span.end);
    let mut region = json!({ "startLine": start.line.max(1), "startColumn": start.column.max(1) });
    if let Some(region) = region.as_object_mut()
        && end > start
    {
        region.insert("endLine".to_owned(), json!(end.line));
        region.insert("endColumn".to_owned(), json!(end.column));
    }
    json!({
        "ruleId": fault.id,
        "level": level,
        "message": { "text": format!("{}{help}", fault.message) },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": &*fault.file }, "region": region } }],
    })
}
