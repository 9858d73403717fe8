//! `sidegate check`: validates a bundle, and a configuration beside it.

mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::bundle::{self, Files, Options, Snapshot};
use crate::cli::findings;
use crate::cli::output::{self, Failed, Outcome};
use crate::config;
use report::{Finding, Told};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The bundle: a folder, a bundle.yaml or a .tar.gz. Default: the configuration's, or ./policies.
    bundle: Option<PathBuf>,
    /// A configuration to check as well: its upstreams are those that routes may name.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Warnings (quotas, policies that can never match) and security warnings (policies that grant more than is wise)
    /// count as errors; suggestions do not.
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
    let mut told = Told::default();
    let configuration = arguments
        .config
        .as_deref()
        .map(|file| configuration(file, &mut told))
        .unwrap_or_default();
    let path = arguments.bundle.clone().or(configuration.bundle);
    let default = || {
        arguments
            .config
            .is_none()
            .then(|| PathBuf::from("policies"))
    };
    if let Some(path) = path.or_else(default) {
        let options = Options {
            known_upstreams: configuration.upstreams,
            strict: arguments.strict,
        };
        check_bundle(&path, &options, &mut told);
    } else if told.missing.is_empty() {
        told.summary
            .push("the bundle was not checked: no path of one can be read here".to_owned());
    }
    told.print(arguments.format)?;
    if !told.missing.is_empty() {
        return Err(Failed(told.missing.join("\n")));
    }
    Ok(if told.refused {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// What a configuration says of the bundle; one with faults says it too, as far as it can be read.
#[derive(Debug, Default)]
struct Configuration {
    bundle: Option<PathBuf>,
    upstreams: Option<Vec<String>>,
}

fn configuration(file: &Path, told: &mut Told) -> Configuration {
    let name = file.display();
    if !file.is_file() {
        told.missing.push(format!(
            "there is no configuration at {name}: give its path"
        ));
        return Configuration::default();
    }
    match config::load(file, config::environment()) {
        Ok(settings) => Configuration {
            bundle: Some(settings.bundle.path),
            upstreams: Some(
                (settings.upstreams.iter())
                    .map(|upstream| upstream.name.to_string())
                    .collect(),
            ),
        },
        Err(faults) => {
            let all = faults.faults().iter();
            told.findings.extend(all.map(|fault| Finding {
                drawn: faults.render(fault),
                path: fault.file.to_string(),
                // A variable is in no file.
                disk: (*fault.file == *file.display().to_string()).then(|| fault.file.to_string()),
                is_packed: false,
                fault: fault.clone(),
            }));
            told.summary.push(format!("{name} is not valid"));
            told.refused = true;
            let known = faults.known();
            Configuration {
                bundle: known.bundle.clone(),
                upstreams: known.upstreams.clone(),
            }
        }
    }
}

fn check_bundle(path: &Path, options: &Options, told: &mut Told) {
    let shown = path.display();
    if !path.exists() {
        let is_link = path
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink());
        told.missing.push(if is_link {
            format!(
                "{shown} is a link that leads nowhere, or in a circle: let it lead to the bundle"
            )
        } else {
            format!("there is no bundle at {shown}: give its path")
        });
        return;
    }
    let files = Files::read(path);
    let (faults, summary) = match bundle::load(&files, options) {
        Ok(snapshot) => {
            let summary = format!("{shown} is valid: {}", contents(&snapshot));
            (snapshot.faults, summary)
        }
        Err(faults) => {
            told.refused = true;
            // Without it, would it be?
            let lenient = Options {
                strict: false,
                ..options.clone()
            };
            let how = if options.strict && bundle::load(&files, &lenient).is_ok() {
                " under --strict, which counts warnings as errors"
            } else {
                ""
            };
            (faults, format!("{shown} is not valid{how}"))
        }
    };
    told.summary.push(summary);
    told.findings.extend(faults.into_iter().map(|fault| {
        let (disk, is_itself) = files.on_disk(&fault);
        Finding {
            drawn: files.render(&fault),
            path: files.located(&fault),
            disk: Some(disk),
            is_packed: !is_itself,
            fault,
        }
    }));
}

fn contents(snapshot: &Snapshot) -> String {
    let directory = &snapshot.directory;
    format!(
        "{} accounts, {} users, {} groups, {} roles, {} policies, {} identity providers, {} routes; digest {}",
        directory.accounts().count(),
        directory.users().count(),
        directory.groups().count(),
        directory.roles().count(),
        directory.policies().count(),
        directory.providers().len(),
        snapshot.routes.routes().count(),
        snapshot.digest,
    )
}
