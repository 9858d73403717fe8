//! The files of credentials, as an editor holds them: locked, read, checked, and one of them replaced.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::authn::credentials::{self, Credentials, MAX_SIZE};
use crate::cli::edited::{Text, lock};
use crate::cli::output::Failed;
use crate::source::yaml::edit::{self, EditError, Fields, Item};
use crate::source::{Fault, Report, yaml};

/// What stands above the first entry.
const HEAD: &str = "# Secrets: mode 0600, and never in a repository. `sidegate credentials` changes this file, and keeps what people write.\n";

/// A list of entries, by the keys that lead to it, and the key that names an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) path: &'static [&'static str],
    pub(super) id: &'static str,
    /// The file that a folder gets for it when none has such entries yet.
    home: &'static str,
}

pub(super) const ACCESS_KEYS: List = List {
    path: &["access_keys"],
    id: "id",
    home: "access-keys.yaml",
};
pub(super) const API_KEYS: List = List {
    path: &["api_keys"],
    id: "id",
    home: "access-keys.yaml",
};
pub(super) const TOTP: List = List {
    path: &["sts_secrets", "totp"],
    id: "device",
    home: "sts-secrets.yaml",
};
pub(super) const PASSWORDS: List = List {
    path: &["sts_secrets", "passwords"],
    id: "user",
    home: "sts-secrets.yaml",
};

/// The files, locked until this is dropped.
pub(super) struct Files {
    folder: PathBuf,
    is_folder: bool,
    texts: Vec<Text>,
    pub(super) credentials: Credentials,
    _lock: File,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    file: usize,
    index: usize,
    list: List,
}

impl Files {
    /// Locks and reads them; what is missing counts as empty.
    pub(super) fn open(path: &Path) -> Result<Self, Failed> {
        let fault = |error: std::io::Error| Failed(format!("{}: {error}", path.display()));
        // What a link leads to is changed, and not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_folder = path.is_dir();
        let folder = match path.parent() {
            _ if is_folder => path.clone(),
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => return Err(Failed(format!("{} is no file", path.display()))),
        };
        let lock = lock(&folder)?;
        let paths = match (is_folder, path.exists()) {
            (false, false) => vec![path],
            (true, _) if is_empty(&folder).map_err(fault)? => Vec::new(),
            _ => credentials::files(&path).map_err(fault)?,
        };
        let mut texts = Vec::new();
        let mut left = MAX_SIZE;
        for path in paths {
            let path = fs::canonicalize(&path).unwrap_or(path);
            let text = Text::read(path, left)?;
            left = left.saturating_sub(text.length());
            texts.push(text);
        }
        let credentials = check(&texts)?;
        Ok(Self {
            folder,
            is_folder,
            texts,
            credentials,
            _lock: lock,
        })
    }

    /// Where the entry `id` of a list stands.
    pub(super) fn find(&self, list: List, id: &str) -> Option<Place> {
        let mut files = self.texts.iter().enumerate();
        files.find_map(|(file, text)| {
            let root = yaml::read(&text.said, &mut Report::on(""))?;
            let mut entries = edit::entries(&root, list.path).iter();
            let index = entries.position(|node| {
                let found = node.get(list.id).and_then(crate::source::Node::as_str);
                found == Some(id)
            })?;
            Some(Place { file, index, list })
        })
    }

    /// Adds an entry.
    pub(super) fn append(&mut self, list: List, fields: &Fields<'_>) -> Result<(), Failed> {
        let file = self.home(list);
        self.change(file, |text| edit::append(text, list.path, fields))
    }

    /// Sets keys of an entry.
    pub(super) fn set(&mut self, place: Place, fields: &Fields<'_>) -> Result<(), Failed> {
        self.change(place.file, |text| {
            fields
                .iter()
                .try_fold(text.to_owned(), |text, (key, item)| {
                    edit::set(&text, place.list.path, place.index, key, item)
                })
        })
    }

    /// Sets one key of an entry.
    pub(super) fn set_one(&mut self, place: Place, key: &str, value: &str) -> Result<(), Failed> {
        self.set(place, &[(key, Item::from(value))])
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, place: Place) -> Result<(), Failed> {
        self.change(place.file, |text| {
            edit::remove(text, place.list.path, place.index)
        })
    }

    /// The file that a new entry of a list goes into: one that has such entries, or others of that half.
    fn home(&mut self, list: List) -> usize {
        let has = |text: &Text, path: &[&str]| {
            let root = yaml::read(&text.said, &mut Report::on(""));
            root.is_some_and(|root| {
                path.iter()
                    .try_fold(&root, |node, key| node.get(key))
                    .is_some()
            })
        };
        let of_half: &[&str] = match list.path {
            [half @ "sts_secrets", ..] => &[*half],
            _ if list.path == API_KEYS.path => ACCESS_KEYS.path,
            _ => API_KEYS.path,
        };
        let mut files = self.texts.iter();
        let found = files.position(|text| has(text, list.path));
        let found = found.or_else(|| self.texts.iter().position(|text| has(text, of_half)));
        if let Some(found) = found {
            return found;
        }
        if !self.is_folder && !self.texts.is_empty() {
            return 0;
        }
        let path = self.folder.join(list.home);
        if let Some(found) = self.texts.iter().position(|text| text.path == path) {
            return found;
        }
        self.texts.push(Text::new(path));
        self.texts.len().saturating_sub(1)
    }

    fn change(
        &mut self,
        file: usize,
        edit: impl FnOnce(&str) -> Result<String, EditError>,
    ) -> Result<(), Failed> {
        let Some(text) = self.texts.get_mut(file) else {
            return Err(Failed::new("there is no such file"));
        };
        let before = match &*text.said {
            "" => HEAD,
            written => written,
        };
        let changed =
            edit(before).map_err(|error| Failed(format!("{}: {error}", text.path.display())))?;
        text.said = changed;
        self.credentials = check(&self.texts)?;
        if let Some(text) = self.texts.get_mut(file) {
            text.write()?;
        }
        Ok(())
    }
}

/// Whether a folder has no files of credentials yet.
fn is_empty(folder: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.')
            && Path::new(&*name)
                .extension()
                .is_some_and(|end| end == "yaml")
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the texts say together; their faults, without any value.
fn check(files: &[Text]) -> Result<Credentials, Failed> {
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|text| {
            // A text without an entry is none that the reader takes.
            let empty = yaml::read(&text.said, &mut Report::on(""))
                .is_some_and(|root| root.value == crate::source::Value::Null);
            let said = if empty { "{}" } else { &text.said };
            (text.path.display().to_string(), said.to_owned())
        })
        .collect();
    credentials::parse(&texts).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(Fault::line).collect();
        Failed(lines.join("\n"))
    })
}
