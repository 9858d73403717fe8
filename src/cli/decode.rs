//! `sidegate decode`: opens what a refusal kept from its client (`encodedAuthorizationMessage`).

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::keyring;
use crate::cli::output::{self, Failed, Outcome};
use crate::sts::Keys;
use crate::sts::message::MAX_TEXT;

/// Arguments of `decode`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The message; `-` reads it from stdin.
    #[arg(value_name = "MESSAGE")]
    message: String,
    /// The keyring of the STS: a verify-only one opens no message.
    #[arg(long, value_name = "FILE", default_value = "keyring.yaml")]
    keyring: PathBuf,
}

/// Runs `decode`: prints the message as JSON.
pub fn run(arguments: &Arguments) -> Outcome {
    let keys = Keys::new(keyring::read(&arguments.keyring)?);
    let mut message = arguments.message.clone();
    if message == "-" {
        message.clear();
        let limit = u64::try_from(MAX_TEXT)
            .unwrap_or(u64::MAX)
            .saturating_add(2);
        let read = std::io::stdin()
            .lock()
            .take(limit)
            .read_to_string(&mut message);
        read.map_err(|error| Failed(format!("stdin cannot be read: {error}")))?;
    }
    let text = keys
        .open_message(message.trim())
        .map_err(|error| Failed(error.to_string()))?;
    let text = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(value) => format!("{value:#}"),
        Err(_) => text,
    };
    output::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
