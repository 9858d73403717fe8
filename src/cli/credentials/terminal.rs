//! What people type: lines, and passwords without echo.

use std::io::{BufRead, IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::cli::output::{self, Failed};

/// No honest line is longer.
const MAX_LINE: u64 = 1024;

/// One line of stdin, without its end.
pub(super) fn line() -> Result<String, Failed> {
    let mut text = String::new();
    let mut limited = std::io::stdin().lock().take(MAX_LINE);
    let read = limited.read_line(&mut text);
    read.map_err(|error| Failed(format!("stdin cannot be read: {error}")))?;
    let ended = text.ends_with('\n');
    let line = text.trim_end_matches(['\n', '\r']);
    if line.is_empty() && !ended {
        return Err(Failed::new("stdin has ended, and a line was waited for"));
    }
    if !ended && limited.limit() == 0 {
        return Err(Failed::new("a line on stdin is too long"));
    }
    Ok(line.to_owned())
}

/// A new password: typed twice at a terminal, or one line of stdin.
pub(super) fn new_password(user: &str) -> Result<String, Failed> {
    if !std::io::stdin().is_terminal() {
        return line();
    }
    output::complain(&format!("New password of {user}:"));
    let first = hidden()?;
    output::complain("Once more:");
    if hidden()? != first {
        return Err(Failed::new("the two are not the same; nothing was changed"));
    }
    Ok(first)
}

/// A line that is not shown while it is typed.
fn hidden() -> Result<String, Failed> {
    let _quiet = Quiet::new().map_err(|error| {
        Failed(format!(
            "the terminal cannot be told to show nothing: {error}"
        ))
    })?;
    let text = line()?;
    // Interrupt is a letter like others meanwhile, so that the terminal never stays without echo.
    if text.contains('\u{3}') {
        return Err(Failed::new("given up; nothing was changed"));
    }
    Ok(text)
}

/// The terminal without echo, until it is dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // There is nothing that could be done about it.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}
