//! `sidegate sessions`: revokes credentials, and lists what is revoked.
//!
//! Asks the process that runs with the configuration, through its admin listener; if none runs, the state's own file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::api::REVOCATIONS;
use crate::cli::output::{self, Failed, Format, Outcome};
use crate::cli::process::{ask, left, running};
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::state::{Asked, Revocation};

/// Arguments of `sessions`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration of the process that is meant.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        default_value = "sidegate.yaml"
    )]
    config: PathBuf,
    /// How to print.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Refuse a session, a long-lived access key, or whatever a principal (or everyone) was issued before a time. It cannot be
    /// taken back.
    Revoke(Revoke),
    /// List the revocations in force.
    List,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Revoke {
    /// A session, by its access key id (ASIA…).
    #[arg(long, value_name = "ID", conflicts_with_all = ["access_key", "principal", "issued_before"])]
    session: Option<String>,
    /// A long-lived access key, by its id (AKIA…).
    #[arg(long, value_name = "ID", conflicts_with_all = ["principal", "issued_before"])]
    access_key: Option<String>,
    /// Sessions and tokens of a user, role or session, by its ARN, that were issued until now. Long-lived keys have no
    /// issue time and stay good.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// Only what was issued before this time (like 2026-11-23T09:30:00Z, or `now`); without --principal, everyone's.
    #[arg(long, value_name = "TIME")]
    issued_before: Option<String>,
}

/// Runs `sessions`.
pub fn run(arguments: &Arguments) -> Outcome {
    let settings = config::load(&arguments.config, config::environment()).map_err(|faults| {
        let count = output::count(faults.faults());
        Failed(format!(
            "the configuration is not valid\n\n{faults}\n{count}"
        ))
    })?;
    match &arguments.command {
        Command::Revoke(revoke) => {
            let told = revoke_it(&settings, revoke)?;
            print(&[told], arguments.format)?;
        }
        Command::List => print(&list(&settings)?, arguments.format)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn revoke_it(settings: &Settings, revoke: &Revoke) -> Result<Value, Failed> {
    let asked = Asked {
        session: revoke.session.clone(),
        access_key: revoke.access_key.clone(),
        principal: revoke.principal.clone(),
        issued_before: revoke.issued_before.clone(),
    };
    if let Some(admin) = running(settings) {
        let body = serde_json::to_string(&asked).map_err(|error| Failed(error.to_string()))?;
        let told = ask(admin, "POST", REVOCATIONS, body)?;
        let reach = told
            .get("reach")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if reach.ends_with("back") {
            output::complain("Redis is out of reach: other replicas learn of it when it is back");
        }
        return Ok(told);
    }
    let clock = Clock::machine();
    let revocation = asked
        .read(clock.now())
        .map_err(|error| Failed(error.to_string()))?;
    let ledger = left(settings, clock)?;
    ledger
        .revoke(&revocation)
        .map_err(|error| Failed(error.to_string()))?;
    output::complain("no process runs with this configuration: it counts from its next start on");
    Ok(revocation.told())
}

fn list(settings: &Settings) -> Result<Vec<Value>, Failed> {
    if let Some(admin) = running(settings) {
        let mut answer = ask(admin, "GET", REVOCATIONS, String::new())?;
        let all = answer.get_mut("revocations").map(Value::take);
        return match all {
            Some(Value::Array(all)) => Ok(all),
            _ => Err(Failed::new("the process's answer cannot be read")),
        };
    }
    let ledger = left(settings, Clock::machine())?;
    Ok(ledger.in_force().iter().map(Revocation::told).collect())
}

fn print(all: &[Value], format: Format) -> Result<(), Failed> {
    if format == Format::Json {
        let all = Value::from(all.to_vec());
        return output::print(&format!("{all:#}\n"));
    }
    let mut text = format!(
        "{:<11} {:<21} {:<21} {:<21} ID\n",
        "TARGET", "ISSUED BEFORE", "REVOKED", "UNTIL"
    );
    for one in all {
        let of = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or("-");
        text.push_str(&format!(
            "{:<11} {:<21} {:<21} {:<21} {}\n",
            of("target"),
            of("issued_before"),
            of("revoked_at"),
            of("until"),
            of("id")
        ));
    }
    output::print(&text)
}
