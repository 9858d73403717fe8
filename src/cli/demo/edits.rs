//! What somebody changed in a demo's folder: the next demo there keeps it.
//!
//! Each demo leaves a record of what it wrote beside the bundle. What differs from it is the reader's own, and is put
//! over the example again, with the ports of the earlier demo exchanged for those of this one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::cli::demo::folder::Files;

/// The record, which the bundle's reader passes over for its dot.
pub const RECORD: &str = ".made-by-demo.json";

/// Before a port, in everything that a demo writes.
const HOST: &str = "127.0.0.1:";

/// Where things of a demo listen: `HOST:PORT` by name.
pub type Addresses = BTreeMap<String, String>;

/// What a demo wrote: files by path, and the addresses in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// The addresses that the texts name.
    pub addresses: Addresses,
    /// The bundle's files.
    pub files: Files,
    /// The configuration.
    pub configuration: String,
}

/// What was changed since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    addresses: Addresses,
    /// Changed and new files of the bundle.
    pub files: Files,
    /// Files of the bundle that are gone.
    pub removed: BTreeSet<String>,
    /// The configuration, if it was changed.
    pub configuration: Option<String>,
}

impl Made {
    /// The record's text.
    pub fn write(&self) -> String {
        let texts = |files: &BTreeMap<String, String>| -> Map<String, Value> {
            let texts = files.iter();
            texts
                .map(|(name, text)| (name.clone(), Value::from(text.as_str())))
                .collect()
        };
        let record = json!({
            "addresses": texts(&self.addresses),
            "files": texts(&self.files),
            "configuration": self.configuration,
        });
        format!("{record:#}\n")
    }

    /// The record in a bundle's folder.
    fn read(policies: &Path) -> Option<Self> {
        let text = fs::read_to_string(policies.join(RECORD)).ok()?;
        let record: Value = serde_json::from_str(&text).ok()?;
        let texts = |name: &str| -> Option<BTreeMap<String, String>> {
            let members = record.get(name)?.as_object()?.iter();
            members
                .map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
                .collect()
        };
        Some(Self {
            addresses: texts("addresses")?,
            files: texts("files")?,
            configuration: record.get("configuration")?.as_str()?.to_owned(),
        })
    }
}

impl Edits {
    /// Compares a demo's folder with its record. Without a bundle in it there are no edits.
    ///
    /// # Errors
    /// When there is a bundle and no record, or a file cannot be read.
    pub fn of(folder: &Path) -> Result<Self> {
        let policies = folder.join("policies");
        if !policies.exists() {
            return Ok(Self::default());
        }
        let shown = policies.display();
        let Some(made) = Made::read(&policies) else {
            bail!(
                "{shown} is not as a demo of this version left it: --fresh drops it, --folder names another place"
            );
        };
        let mut found = Files::new();
        collect(&policies, "", &mut found)?;
        let removed = made.files.keys().filter(|path| !found.contains_key(*path));
        let removed = removed.cloned().collect();
        found.retain(|path, text| made.files.get(path) != Some(text));
        let configuration = fs::read_to_string(folder.join("sidegate.yaml")).ok();
        Ok(Self {
            addresses: made.addresses,
            files: found,
            removed,
            configuration: configuration.filter(|text| *text != made.configuration),
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.removed.is_empty() && self.configuration.is_none()
    }

    /// The edited files, as people name them.
    pub fn words(&self) -> String {
        let changed = self.files.keys().map(|path| format!("policies/{path}"));
        let removed = self.removed.iter();
        let removed = removed.map(|path| format!("policies/{path} (removed)"));
        let configuration = self.configuration.as_ref();
        let configuration = configuration.map(|_| "sidegate.yaml".to_owned());
        let all: Vec<_> = changed.chain(removed).chain(configuration).collect();
        all.join(", ")
    }

    /// Puts the edits of the bundle over the example's files. `now`: where things listen in this demo.
    pub fn apply(&self, files: &mut Files, now: &Addresses) {
        files.retain(|path, _| !self.removed.contains(path));
        for (path, text) in &self.files {
            files.insert(path.clone(), self.moved(text, now));
        }
    }

    /// A text with the addresses of this demo in place of the earlier one's.
    pub fn moved(&self, text: &str, now: &Addresses) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once(HOST) {
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            let (port, after) = behind.split_at_checked(digits).unwrap_or((behind, ""));
            let former = format!("{HOST}{port}");
            let name = self.addresses.iter().find(|(_, known)| **known == former);
            let address = name.and_then(|(name, _)| now.get(name));
            out.push_str(before);
            out.push_str(address.unwrap_or(&former));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// The texts of a folder, less what a bundle's reader passes over.
fn collect(folder: &Path, prefix: &str, files: &mut Files) -> Result<()> {
    let listed = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    for entry in listed {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            let text = fs::read_to_string(&path).with_context(|| {
                let path = path.display();
                format!(
                    "{path} cannot be kept for this demo: remove it, or start over with --fresh"
                )
            })?;
            files.insert(format!("{prefix}{name}"), text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demos_own_ports_move_and_others_stay() {
        let edits = Edits {
            addresses: Addresses::from([
                ("issuer".into(), "127.0.0.1:4500".into()),
                ("orders".into(), "127.0.0.1:45001".into()),
            ]),
            ..Edits::default()
        };
        // Each takes the place that the other had.
        let now = Addresses::from([
            ("issuer".into(), "127.0.0.1:45001".into()),
            ("orders".into(), "127.0.0.1:4500".into()),
        ]);
        assert_eq!(
            edits.moved(
                "http://127.0.0.1:4500/corp 127.0.0.1:45001 127.0.0.1:80 127.0.0.1:",
                &now
            ),
            "http://127.0.0.1:45001/corp 127.0.0.1:4500 127.0.0.1:80 127.0.0.1:"
        );
    }
}
