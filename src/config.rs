//! `sidegate.yaml` and the environment, read into plain [`Settings`].
//!
//! Every fault is reported at once, with its place and how to mend it; nothing is taken from a configuration that has
//! one. The file is the one source: environment variables override single values of it ([`env`]). Components take
//! their own settings from `app`; none imports this module. Opens no socket and none of the files it names.

mod address;
mod choice;
mod env;
mod guess;
mod header;
mod read;
mod section;
mod settings;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::source::{Fault, Position, Report, Span, json, yaml};
pub use section::Key;
use section::{Reading, Section};
pub use settings::{
    Admin, Bundle, ClientCertificates, Container, Drain, Headers, Health, Identity, Level, Limits,
    Listener, ListenerTls, Log, LogFormat, Mode, Protocol, RateLimits, Redis, RedisUrl,
    RefusalDetail, RoleArn, Settings, State, Sts, Tokens, Upstream, UpstreamTimes, Url, Urls,
};
pub use value::Shape;

/// No honest configuration is larger.
const MAX_SIZE: u64 = 1 << 20;

/// Why a configuration is not taken: every fault, with the texts to draw them on.
#[derive(Debug)]
pub struct Faults {
    all: Vec<Fault>,
    text: String,
    variables: Vec<(String, String)>,
    known: Known,
}

/// What a configuration with faults still says about the bundle, which can so be checked as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Where it is.
    pub bundle: Option<PathBuf>,
    /// The names of all upstreams, those with faults too.
    pub upstreams: Option<Vec<String>>,
}

impl Faults {
    /// What can be known in spite of them.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// A fault, drawn with the line that it is on.
    pub fn render(&self, fault: &Fault) -> String {
        let variable = self
            .variables
            .iter()
            .find(|(name, _)| **name == *fault.file);
        fault.render(variable.map_or(&self.text, |(_, value)| value))
    }

    /// All of them, in the order of their places.
    pub fn faults(&self) -> &[Fault] {
        &self.all
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.all {
            f.write_str(&self.render(fault))?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Reads the configuration file and the variables that override it.
///
/// # Errors
/// Every fault of both.
pub fn load(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Faults> {
    let name = file.display().to_string();
    match read_file(file) {
        Ok(text) => {
            let base = file.parent().unwrap_or(Path::new(""));
            parse(&text, &name, base, environment)
        }
        Err(message) => {
            let mut report = Report::on(&name);
            let start = Position { line: 1, column: 1 };
            let help = "give the path of a configuration file with -c";
            report.error("unreadable-file", Span { start, end: start }, message, help);
            Err(Faults {
                all: report.into_faults(),
                text: String::new(),
                variables: Vec::new(),
                known: Known::default(),
            })
        }
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_SIZE.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err("is larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// Reads a configuration's text. `base` is what its relative paths are relative to; `file` names it in faults, and one
/// that ends in `.json` is read as JSON.
///
/// # Errors
/// Every fault of the text and of the variables.
pub fn parse(
    text: &str,
    file: &str,
    base: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Faults> {
    let variables = env::ours(environment);
    let mut report = Report::on(file);
    let is_json = Path::new(file)
        .extension()
        .is_some_and(|extension| extension == "json");
    let node = if is_json {
        json::read(text, &mut report)
    } else {
        yaml::read(text, &mut report)
    };
    let mut settings = None;
    let mut known = guess::from_text(text, base, &variables);
    if let Some(mut node) = node {
        env::apply(&mut node, &variables, &keys(), &mut report);
        known = guess::from_node(&node, base);
        let mut reading = Reading::new(&mut report, base);
        settings = Section::of(&node, "a configuration", "", &mut reading, read::settings);
    }
    let failed = report.has_errors();
    let mut faults = report.into_faults();
    faults.sort_by_key(|fault| fault.span.start);
    env::place(&mut faults, &variables);
    match settings {
        Some(settings) if !failed => Ok(settings),
        _ => Err(Faults {
            all: faults,
            text: text.to_owned(),
            variables,
            known,
        }),
    }
}

/// The process's variables, as [`load`] takes them. One that is no Unicode is taken as far as it is (a name or a value
/// of ours then fits nothing and is reported).
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
        (text(name), text(value))
    })
}

/// Every key that the configuration knows, with its default.
pub fn keys() -> Vec<Key> {
    // What may occur once, several times or not at all is shown once, so that its keys are asked for.
    const ONE_OF_EACH: &str = r#"{ "listeners": [{ "tls": {} }], "admin": {}, "state": { "redis": {} }, "sts": { "tls": {} }, "upstreams": { "NAME": {} } }"#;
    let mut report = Report::default();
    let node = json::read(ONE_OF_EACH, &mut report);
    let mut reading = Reading::new(&mut report, Path::new(""));
    if let Some(node) = &node {
        Section::of(node, "a configuration", "", &mut reading, read::settings);
    }
    reading.keys
}
