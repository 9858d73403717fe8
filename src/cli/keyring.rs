//! `sidegate keyring`: makes and changes the file of keys that session tokens are sealed with.
//!
//! Writes whole files with mode 0600 or nothing, and prints ids and times, never a key.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::edited::{Text, lock};
use crate::cli::output::{self, Failed, Format, Outcome};
use crate::clock::{Clock, Timestamp};
use crate::sts::Keyring;
use crate::sts::keyring::MAX_BYTES;

/// Arguments of `keyring`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The keyring's file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "keyring.yaml"
    )]
    keyring: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a keyring with one key.
    New,
    /// Add a key that seals new tokens; tokens of the others stay good until those are retired.
    Rotate {
        /// Seal with it only after so many seconds, so that every replica has the new file by then.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        after: u32,
    },
    /// List the keys: sealing, opening, coming or retired.
    List {
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Throw a key away: tokens that it sealed are refused from then on.
    Retire {
        /// Its id.
        id: String,
    },
    /// Write a keyring for sidecars, which opens and verifies session tokens and cannot issue them.
    Export {
        /// Leave out what issues tokens and opens messages (nothing else is exported).
        #[arg(long, required = true)]
        verify_only: bool,
        /// Where to.
        #[arg(value_name = "OUT")]
        out: PathBuf,
    },
}

/// Runs `keyring`.
pub fn run(arguments: &Arguments) -> Outcome {
    let now = Timestamp::from_seconds(Clock::machine().now().seconds());
    let file = &arguments.keyring;
    match &arguments.command {
        Command::New => {
            let keyring = Keyring::new(now).map_err(|error| Failed::new(error.to_string()))?;
            create(file, &keyring)?;
            output::complain(&format!("{} has one key, which seals", file.display()));
        }
        Command::Rotate { after } => {
            let mut edited = Edited::open(file)?;
            let from = now.plus(Duration::from_secs(u64::from(*after)));
            let id = changed(file, edited.keyring.rotate(now, from))?;
            edited.write()?;
            let from = from.rfc3339();
            output::complain(&format!("the key {id} seals new tokens from {from} on"));
        }
        Command::List { format } => list(&read(file)?, now, *format)?,
        Command::Retire { id } => {
            let mut edited = Edited::open(file)?;
            let id = changed(file, edited.keyring.retire(id, now))?;
            edited.write()?;
            output::complain(&format!("tokens of the key {id} are refused from now on"));
        }
        Command::Export { out, .. } => {
            create(out, &read(file)?.verify_only())?;
            output::complain(&format!(
                "{} opens session tokens and issues none; it is a secret all the same",
                out.display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn changed<T>(
    file: &Path,
    result: Result<T, crate::sts::keyring::ChangeError>,
) -> Result<T, Failed> {
    result.map_err(|error| Failed(format!("{}: {error}", file.display())))
}

/// Reads a keyring for a command; its faults are told without what stands in the file.
pub fn read(file: &Path) -> Result<Keyring, Failed> {
    parse(&Text::read(file.to_owned(), MAX_BYTES)?)
}

fn parse(text: &Text) -> Result<Keyring, Failed> {
    let name = text.path.display().to_string();
    if !text.is_there() {
        return Err(Failed(format!(
            "{name} is not there; `sidegate keyring new` makes a keyring"
        )));
    }
    Keyring::read(&text.said, &name).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(crate::source::Fault::line).collect();
        Failed(lines.join("\n"))
    })
}

/// A keyring that is being changed, with its file locked until this is dropped.
struct Edited {
    keyring: Keyring,
    text: Text,
    _lock: File,
}

impl Edited {
    fn open(file: &Path) -> Result<Self, Failed> {
        // What a link leads to is changed, and not the link.
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let lock = lock(folder(&file))?;
        let text = Text::read(file, MAX_BYTES)?;
        Ok(Self {
            keyring: parse(&text)?,
            text,
            _lock: lock,
        })
    }

    fn write(&mut self) -> Result<(), Failed> {
        self.text.said.clone_from(self.keyring.text().expose());
        self.text.write()
    }
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes a file that must not be there yet: nothing brings a lost keyring back.
fn create(file: &Path, keyring: &Keyring) -> Result<(), Failed> {
    let _lock = lock(folder(file))?;
    let reserved = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    reserved.map_err(|error| Failed(format!("{}: {error}", file.display())))?;
    let mut text = Text::read(file.to_owned(), MAX_BYTES)?;
    text.said.clone_from(keyring.text().expose());
    text.write()
}

fn list(keyring: &Keyring, now: Timestamp, format: Format) -> Result<(), Failed> {
    let rows = keyring.entries.iter().map(|entry| {
        let state = keyring.state(entry, now).word();
        let retired = entry.retired.map(Timestamp::rfc3339);
        (entry, state, retired)
    });
    match format {
        Format::Json => {
            let keys: Vec<_> = rows
                .map(|(entry, state, retired)| {
                    json!({
                        "id": entry.id.as_str(),
                        "state": state,
                        "created": entry.created.rfc3339(),
                        "seals_from": entry.seals_from.rfc3339(),
                        "retired": retired,
                    })
                })
                .collect();
            let verify_only = keyring.is_verify_only();
            output::print(&format!(
                "{:#}\n",
                json!({ "verify_only": verify_only, "keys": keys })
            ))
        }
        Format::Table => {
            let mut text = format!("{:<10} {:<8} {:<21} SEALS FROM\n", "ID", "STATE", "CREATED");
            for (entry, state, retired) in rows {
                let until = retired.map(|time| format!("  retired {time}"));
                text.push_str(&format!(
                    "{:<10} {state:<8} {:<21} {}{}\n",
                    entry.id.as_str(),
                    entry.created.rfc3339(),
                    entry.seals_from.rfc3339(),
                    until.unwrap_or_default()
                ));
            }
            output::print(&text)
        }
    }
}
