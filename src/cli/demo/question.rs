//! Stories that ask `simulate`: the command that the script shows, run as a reader would run it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cli::demo::story::Question;

/// Asks; the text says in short what was answered.
///
/// # Errors
/// What was answered otherwise than it was to be.
pub fn ask(question: &Question, bundle: &Path) -> Result<String> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    let mut command = Command::new(program);
    command
        .arg("simulate")
        .args(["--principal", question.principal])
        .args(["--action", question.action])
        .args(["--resource", question.resource])
        .arg("--bundle")
        .arg(bundle);
    for (key, value) in question.context {
        command.arg("--context").arg(format!("{key}={value}"));
    }
    let answer = command.output().context("simulate does not run")?;
    let said = String::from_utf8_lossy(&answer.stdout);
    let verdict = said.lines().next().unwrap_or_default();
    ensure!(
        answer.status.code() == Some(i32::from(!question.allowed)),
        "simulate ended with {}: {verdict}{}",
        answer.status,
        String::from_utf8_lossy(&answer.stderr)
    );
    ensure!(
        said.contains(question.word),
        "simulate does not say `{}`: {verdict}",
        question.word
    );
    Ok(verdict.to_owned())
}
