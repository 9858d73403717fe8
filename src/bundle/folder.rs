//! Reads a bundle from a folder, as a person or a ConfigMap lays it out, or from an archive.
//!
//! A mounted ConfigMap shows each key as a link through `..data` to a folder that is swapped as a whole; names that
//! begin with a dot are passed over, so the keys are read once, through the links. So are the names that editors give
//! to backups: what ends with `~`, and what stands between `#`s. Links that lead out of the folder
//! are faults: what is judged must be what was delivered.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::archive;
use super::files::{Files, MAX_FILE, MAX_FILES, passed_over};
use super::origin::Origin;

/// How deep folders may be nested: an honest bundle needs four.
const MAX_DEPTH: usize = 16;
/// How often a folder that was swapped meanwhile is read again.
const MAX_ATTEMPTS: usize = 5;
/// A bundle in one file.
pub(super) const YAML: &str = "bundle.yaml";
/// A bundle in one archive.
pub(super) const TAR: &str = "bundle.tar.gz";

impl Files {
    /// Reads a folder, a folder that holds `bundle.yaml` or `bundle.tar.gz`, or an archive (`….tar.gz`, `….tgz`).
    /// What cannot be read is a fault of the files.
    pub fn read(path: &Path) -> Self {
        // A folder that is swapped as a whole while it is read would give some files of each version.
        for _ in 0..MAX_ATTEMPTS {
            let before = version(path);
            let files = Self::read_once(path);
            if version(path) == before {
                return files;
            }
        }
        let mut files = Self::of(Origin::packed(path, &shown(path)));
        let message = "the folder changes faster than it can be read";
        files.fault(&shown(path), "unreadable", message, "swap it less often");
        files
    }

    fn read_once(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => folder(path),
            Ok(_) if is_archive(path) => single(path, archive::tar),
            Ok(_) if path.file_name().is_some_and(|name| name == YAML) => {
                single(path, archive::yaml)
            }
            Ok(_) => {
                let mut files = Self::of(Origin::packed(path, &shown(path)));
                let help = "give a folder, a .tar.gz archive, or a bundle.yaml";
                files.fault(&shown(path), "no-bundle", "this is no bundle", help);
                files
            }
            Err(error) => {
                let mut files = Self::of(Origin::packed(path, &shown(path)));
                files.unreadable(&shown(path), &error);
                files
            }
        }
    }

    fn unreadable(&mut self, path: &str, error: &io::Error) {
        if is_circle(error) {
            let help = "remove the link, or let it lead to the bundle";
            let message = "this link leads in a circle, back to itself";
            self.fault(path, "bad-link", message, help);
            return;
        }
        let help = if error.kind() == io::ErrorKind::NotFound {
            "is the path right, and is it mounted?"
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            "let the user that Sidegate runs as read it"
        } else {
            "remove it, or mend the file system or the mount that it is on"
        };
        self.fault(
            path,
            "unreadable",
            &format!("this cannot be read: {error}"),
            help,
        );
    }
}

/// Where the path and the links that ConfigMaps are swapped by lead.
fn version(path: &Path) -> (Option<PathBuf>, Option<PathBuf>) {
    (
        path.canonicalize().ok(),
        fs::read_link(path.join("..data")).ok(),
    )
}

/// Whether links lead to each other in a circle: "too many levels of symbolic links".
fn is_circle(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

fn shown(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".tar.gz") || name.ends_with(".tgz")
}

/// A bundle in one file.
fn single(path: &Path, open: impl FnOnce(&str, &[u8], &mut Files)) -> Files {
    let name = shown(path);
    let mut files = Files::of(Origin::packed(path, &name));
    match bounded(path, archive::MAX_PACKED) {
        Ok(Some(bytes)) => open(&name, &bytes, &mut files),
        Ok(None) => files.too_large(&name, archive::MAX_PACKED),
        Err(error) => files.unreadable(&name, &error),
    }
    files
}

fn folder(path: &Path) -> Files {
    let mut entries = Vec::new();
    for (name, open) in [
        (YAML, archive::yaml as fn(&str, &[u8], &mut Files)),
        (TAR, archive::tar),
    ] {
        let inside = path.join(name);
        if inside.is_file() {
            entries.push((inside, open));
        }
    }
    match &entries[..] {
        [] => {}
        [(inside, open)] => {
            let mut files = single(inside, open);
            beside(path, &mut files);
            return files;
        }
        _ => {
            let mut files = Files::of(Origin::folder(path));
            let message =
                format!("both {YAML} and {TAR} are here, and which counts is anyone's guess");
            files.fault(YAML, "two-bundles", &message, "keep one of them");
            return files;
        }
    }
    let mut files = Files::of(Origin::folder(path));
    match path.canonicalize() {
        Ok(root) => {
            let mut walk = Walk {
                root,
                files: &mut files,
                seen: 0,
            };
            walk.folder(path, "", 0);
        }
        Err(error) => files.unreadable("", &error),
    }
    files
}

/// Beside a whole bundle in one file nothing else is read, so nothing else may be there.
fn beside(path: &Path, files: &mut Files) {
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !passed_over(&name)
            && name != YAML
            && name != TAR
            && super::layout::extension(&name) != Some("md")
        {
            let message = format!("nothing reads this: the folder's bundle is in {YAML} or {TAR}");
            files.beside(
                &name,
                "unknown-file",
                &message,
                "put it into the bundle, or remove it",
            );
        }
    }
}

struct Walk<'f> {
    /// Without links.
    root: PathBuf,
    files: &'f mut Files,
    seen: usize,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, prefix: &str, depth: usize) {
        if depth > MAX_DEPTH {
            let message = format!("folders are nested deeper than {MAX_DEPTH}");
            let help = "no bundle needs as many: move the files up, or remove them";
            self.files.fault(prefix, "bad-path", &message, help);
            return;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.files.unreadable(prefix, &error);
                return;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let shown = format!("{prefix}{}", name.to_string_lossy());
                self.files.fault(
                    &shown,
                    "bad-path",
                    "the name is no UTF-8 text",
                    "rename the file",
                );
                continue;
            };
            if passed_over(name) {
                continue;
            }
            self.seen = self.seen.saturating_add(1);
            let shown = format!("{prefix}{name}");
            if self.seen > MAX_FILES || self.files.is_full() {
                self.files.crowded(&shown);
                return;
            }
            self.entry(&entry, &shown, depth);
        }
    }

    /// What is wrong with a link, and how it is mended.
    fn bad_link(&self, path: &Path) -> Option<(&'static str, &'static str)> {
        const REMOVE: &str = "remove the link, or put the file that is meant in its place";
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) if is_circle(&error) => {
                return Some(("this link leads in a circle, back to itself", REMOVE));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some((
                    "this link leads nowhere: what it names is not there",
                    REMOVE,
                ));
            }
            Err(_) => {
                let help =
                    "let the user that Sidegate runs as follow it, or put a copy in its place";
                return Some(("this link leads to what cannot be read", help));
            }
        };
        if !real.starts_with(&self.root) {
            return Some((
                "this link leads out of the bundle",
                "put a copy in its place",
            ));
        }
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        if folder.is_some_and(|folder| folder.starts_with(&real)) {
            let message =
                "this link leads back to a folder that it stands in: whoever follows it never ends";
            return Some((message, REMOVE));
        }
        None
    }

    fn entry(&mut self, entry: &fs::DirEntry, shown: &str, depth: usize) {
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link && let Some((message, help)) = self.bad_link(&path) {
            self.files.fault(shown, "bad-link", message, help);
            return;
        }
        let kind = match fs::metadata(&path) {
            Ok(found) => found.file_type(),
            Err(error) => {
                self.files.unreadable(shown, &error);
                return;
            }
        };
        if kind.is_dir() {
            if Path::new(shown)
                .extension()
                .is_some_and(|kind| kind == "yaml" || kind == "json")
            {
                let message = "a folder stands where a file is expected";
                self.files
                    .fault(shown, "not-a-file", message, "remove it, or rename it");
                return;
            }
            self.folder(&path, &format!("{shown}/"), depth.saturating_add(1));
        } else if kind.is_file() {
            match bounded(&path, MAX_FILE) {
                Ok(Some(bytes)) => self.files.insert(shown, bytes),
                Ok(None) => self.files.too_large(shown, MAX_FILE),
                Err(error) => self.files.unreadable(shown, &error),
            }
        } else {
            // A pipe or a device would block or never end.
            let message = "this is no plain file";
            self.files.fault(shown, "not-a-file", message, "remove it");
        }
    }
}

/// The content of a file; `None` when it is larger than `most`, whatever its length was said to be.
fn bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = fs::File::open(path)?;
    let said = file.metadata()?.len();
    if said > most {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(said).unwrap_or_default());
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok((read <= most).then_some(bytes))
}

#[cfg(test)]
mod tests;
