//! Printing: data on stdout, everything else on stderr, colour only on a terminal.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::bundle::{self, Files, Options, Snapshot};
use crate::source::{self, Fault, Severity};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Unusable input: what, where and how to mend it. Ends the process with 2.
#[derive(Debug)]
pub struct Failed(pub String);

impl Failed {
    /// From anything that says what is wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// What a command comes to.
pub type Outcome = Result<ExitCode, Failed>;

/// Writes data, which never steers the terminal. A closed pipe (`sidegate … | head`) is no fault: whoever reads has enough
/// of it.
///
/// # Errors
/// When the data is lost otherwise, to a full device for one: that is no success, whatever the answer was.
pub fn print(text: &str) -> Result<(), Failed> {
    print_drawn(&source::lines(text))
}

/// The same of what is drawn with the terminal's colours, and holds no text of others.
///
/// # Errors
/// Those of [`print()`].
pub fn print_drawn(text: &str) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What became of data written to stdout; see [`print()`].
///
/// # Errors
/// When it is lost.
pub fn written(result: io::Result<()>) -> Result<(), Failed> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed(format!("the output cannot be written: {error}")))
        }
        Err(_) | Ok(()) => Ok(()),
    }
}

/// Writes to people.
pub fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{}", source::lines(text));
}

/// Whether people read stdout.
pub fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// `2 errors, 1 warning`.
pub fn count<'f>(faults: impl IntoIterator<Item = &'f Fault>) -> String {
    let faults: Vec<&Fault> = faults.into_iter().collect();
    let of = |wanted: Severity| {
        (faults.iter())
            .filter(|fault| fault.severity == wanted)
            .count()
    };
    let kinds = [
        (of(Severity::Error), "error"),
        (of(Severity::SecurityWarning), "security warning"),
        (of(Severity::Warning), "warning"),
        (of(Severity::Suggestion), "suggestion"),
    ];
    let words: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() {
        "no findings".to_owned()
    } else {
        words.join(", ")
    }
}

/// Loads a bundle for a command that reads one; its faults are drawn.
pub fn load(path: &Path) -> Result<Snapshot, Failed> {
    let files = Files::read(path);
    bundle::load(&files, &Options::default()).map_err(|faults| {
        let drawn: Vec<String> = faults.iter().map(|fault| files.render(fault)).collect();
        let path = path.display();
        Failed(format!(
            "the bundle {path} is not valid\n\n{}\n{}",
            drawn.join("\n"),
            count(&faults)
        ))
    })
}
