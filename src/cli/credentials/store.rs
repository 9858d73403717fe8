//! The files of credentials, as an editor holds them: locked, read, checked, and one of them replaced.
//!
//! A file is replaced whole or not at all (written beside it, synced, renamed), keeps its owner and mode, and is new with
//! mode 0600. Two editors at once wait for each other by a lock on the folder; whoever writes without asking for it (a
//! text editor) is noticed before anything of theirs is lost.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::authn::credentials::{self, Credentials, MAX_SIZE};
use crate::cli::output::{self, Failed};
use crate::secret;
use crate::source::yaml::edit::{self, EditError, Fields, Item};
use crate::source::{Fault, Report, yaml};

/// How long another editor is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
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

struct Text {
    path: PathBuf,
    said: String,
    /// What the file was when it was read; `None`: there was none.
    found: Option<Found>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    file: [u64; 3],
    time: [i64; 2],
    mode: u32,
    owner: [u32; 2],
}

impl Found {
    fn of(data: &fs::Metadata) -> Self {
        Self {
            file: [data.dev(), data.ino(), data.size()],
            time: [data.mtime(), data.mtime_nsec()],
            mode: data.mode() & 0o7777,
            owner: [data.uid(), data.gid()],
        }
    }
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
            let text = read(path, &mut left)?;
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
        self.texts.push(Text {
            path,
            said: String::new(),
            found: None,
        });
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

fn read(path: PathBuf, left: &mut u64) -> Result<Text, Failed> {
    let fault = |error: std::io::Error| Failed(format!("{}: {error}", path.display()));
    let file = match secret::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let said = String::new();
            let found = None;
            return Ok(Text { path, said, found });
        }
        Err(error) => return Err(fault(error)),
    };
    let found = Found::of(&file.metadata().map_err(fault)?);
    if found.mode & 0o037 != 0 {
        output::complain(&format!(
            "{} has the mode {:04o}: others can read or change it; `chmod 600` it",
            path.display(),
            found.mode
        ));
    }
    let mut text = String::new();
    let mut limited = file.take(left.saturating_add(1));
    let read = limited.read_to_string(&mut text).map_err(fault)?;
    *left = left
        .checked_sub(u64::try_from(read).unwrap_or(u64::MAX))
        .ok_or_else(|| Failed(format!("{}: larger than 8 MiB", path.display())))?;
    let found = Some(found);
    let said = text;
    Ok(Text { path, said, found })
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

/// Holds other editors off.
fn lock(folder: &Path) -> Result<File, Failed> {
    let fault = |error: std::io::Error| Failed(format!("{}: {error}", folder.display()));
    let opened = File::open(folder).map_err(fault)?;
    let mut waited = Duration::ZERO;
    loop {
        match opened.try_lock() {
            Ok(()) => return Ok(opened),
            Err(TryLockError::Error(error)) => return Err(fault(error)),
            Err(TryLockError::WouldBlock) if waited >= PATIENCE => {
                return Err(Failed(format!(
                    "another `sidegate credentials` holds {}; try again when it has ended",
                    folder.display()
                )));
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(LOOK);
                waited = waited.saturating_add(LOOK);
            }
        }
    }
}

impl Text {
    fn write(&mut self) -> Result<(), Failed> {
        let name = self.path.display().to_string();
        let now = fs::metadata(&self.path).ok().map(|data| Found::of(&data));
        if now != self.found {
            return Err(Failed(format!(
                "{name} was changed meanwhile by somebody else; nothing was written, try again"
            )));
        }
        let found = self.replace().map_err(|error| {
            Failed(format!(
                "{name} cannot be written: {error}; it is unchanged"
            ))
        })?;
        self.found = Some(found);
        Ok(())
    }

    fn replace(&self) -> std::io::Result<Found> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        // It begins with a dot and does not end in .yaml, so that no reader takes it.
        let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
        let written = self.write_beside(&beside);
        let renamed = written.and_then(|found| fs::rename(&beside, &self.path).map(|()| found));
        if renamed.is_err() {
            let _ = fs::remove_file(&beside);
        }
        let found = renamed?;
        File::open(folder)?.sync_all()?;
        Ok(found)
    }

    fn write_beside(&self, beside: &Path) -> std::io::Result<Found> {
        // One that a crash left behind may have another mode.
        let _ = fs::remove_file(beside);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(beside)?;
        file.write_all(self.said.as_bytes())?;
        if let Some(found) = self.found {
            let data = file.metadata()?;
            let [user, group] = found.owner;
            if [data.uid(), data.gid()] != found.owner {
                fchown(&file, Some(user), Some(group))?;
            }
            file.set_permissions(fs::Permissions::from_mode(found.mode))?;
        }
        file.sync_all()?;
        Ok(Found::of(&file.metadata()?))
    }
}
