//! The command line: one file a command.
//!
//! Data goes to stdout, all else to stderr. Exit codes: 0 fine, 1 the answer is no (denied, findings), 2 unusable
//! input. Knows no HTTP: commands put the parts together and print.

pub mod asked;
pub mod check;
pub mod credentials;
pub mod decode;
pub mod demo;
mod edited;
pub mod findings;
pub mod import;
pub mod keyring;
pub mod output;
mod process;
pub mod routes;
pub mod run;
pub mod sessions;
pub mod simulate;
pub mod simulate_jsonl;
pub mod token;
pub mod who_can;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::Failed;

/// AWS-IAM-style authorization for your own services, as a sidecar.
///
/// Start with `sidegate demo`: an example company with APIs, an identity provider and policies, in one process.
#[derive(Debug, Parser)]
#[command(
    name = "sidegate",
    version,
    max_term_width = 110,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the sidecar: authenticate, decide, forward or refuse.
    Run(run::Arguments),
    /// Try it: SecureCart's APIs, an OIDC issuer and the proxy on free loopback ports, with requests to paste.
    Demo(demo::Arguments),
    /// Validate a bundle (and a configuration): every fault with file, line, column and how to mend it.
    Check(check::Arguments),
    /// Explain one decision layer by layer, or judge many cases as JSON lines.
    Simulate(simulate::Arguments),
    /// Show which route, action and resource an HTTP request becomes.
    Routes(routes::Arguments),
    /// List who may do an action to a resource, and whom one layer alone keeps out.
    WhoCan(who_can::Arguments),
    /// Make, rotate, list and export the keys that session tokens are sealed with.
    Keyring(keyring::Arguments),
    /// Make a bundle from what `aws iam get-account-authorization-details` prints.
    Import(import::Arguments),
    /// Revoke sessions, access keys and what principals were issued before a time; list what is revoked.
    Sessions(sessions::Arguments),
    /// Make, switch, delete and list access keys, API keys, second factors and passwords.
    Credentials(credentials::Arguments),
    /// Open the encodedAuthorizationMessage of a refusal: which statements matched, and what was missing.
    Decode(decode::Arguments),
    /// Mint a test JWT of the demo's issuer.
    Token(token::Arguments),
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are data that was asked for; everything else is unusable input.
            let printed = error.print();
            if error.use_stderr() {
                return ExitCode::from(2);
            }
            let flushed = printed.and_then(|()| std::io::stdout().flush());
            return ended(output::written(flushed).map(|()| ExitCode::SUCCESS));
        }
    };
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Routes(arguments) => routes::run(&arguments),
        Command::WhoCan(arguments) => who_can::run(&arguments),
        Command::Keyring(arguments) => keyring::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Sessions(arguments) => sessions::run(&arguments),
        Command::Credentials(arguments) => credentials::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
    };
    ended(result)
}

fn ended(result: output::Outcome) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(Failed(message)) => {
            output::complain(&format!("sidegate: {message}"));
            ExitCode::from(2)
        }
    }
}
