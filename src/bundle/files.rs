//! The files of a bundle, in memory: read from a folder, or handed over.
//!
//! What could not be read (no permission, a directory where a file should be, too large, not UTF-8) is a fault that
//! stays with the files, so that it is reported together with all others, and stops the bundle.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::origin::Origin;
use crate::source::{Fault, Position, Severity, Span};

/// Bytes of one file.
pub(super) const MAX_FILE: u64 = 16 * 1024 * 1024;
/// Bytes of all files.
pub(super) const MAX_TOTAL: u64 = 256 * 1024 * 1024;
/// Number of files.
pub(super) const MAX_FILES: usize = 500_000;

/// The files of a bundle by their paths, which are relative and have `/` between their parts.
#[derive(Debug, Clone, Default)]
pub struct Files {
    by_path: BTreeMap<Arc<str>, File>,
    total: u64,
    faults: Vec<Fault>,
    /// What is there and could not be read, with as much of its text as there is. Folders end with a slash.
    unread: BTreeMap<Arc<str>, Box<str>>,
    /// Nobody knows what else there is.
    lost_some: bool,
    origin: Origin,
}

/// A file's text, and what it is compared by.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) text: Box<str>,
    pub(super) hash: [u8; 32],
}

impl Files {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// No files yet, of a bundle that lies somewhere.
    pub(super) fn of(origin: Origin) -> Self {
        Self {
            origin,
            ..Self::default()
        }
    }

    /// Adds a file; what is wrong with it as a file becomes a fault.
    pub fn insert(&mut self, path: &str, content: Vec<u8>) {
        if !acceptable(path) {
            self.fault(
                path,
                "bad-path",
                "a path is relative, without `..` and control characters",
                "rename the file",
            );
            return;
        }
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if size > MAX_FILE {
            self.too_large(path, MAX_FILE);
            return;
        }
        self.total = self.total.saturating_add(size);
        if self.total > MAX_TOTAL || self.by_path.len() >= MAX_FILES {
            self.crowded(path);
            return;
        }
        match String::from_utf8(content) {
            Ok(text) => {
                let hash = super::id::hash(&text);
                let text = text.into_boxed_str();
                self.by_path.insert(path.into(), File { text, hash });
            }
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                // Up to there the lossy text is the file's own, so its length is the same.
                let span = one_character(text.get(..good).unwrap_or_default());
                self.unread.insert(path.into(), text.into_boxed_str());
                self.faults.push(Fault {
                    span,
                    ..unplaced(
                        path,
                        "not-utf8",
                        "this is no UTF-8 text",
                        "save the file as UTF-8",
                    )
                });
            }
        }
    }

    /// Adds a fault of a file that could not be read.
    pub(super) fn fault(&mut self, path: &str, id: &'static str, message: &str, help: &str) {
        self.unread.entry(path.into()).or_default();
        self.faults.push(unplaced(path, id, message, help));
    }

    /// Adds a fault of what lies beside a bundle in one file.
    pub(super) fn beside(&mut self, name: &str, id: &'static str, message: &str, help: &str) {
        self.origin.beside.insert(name.into());
        self.faults.push(unplaced(name, id, message, help));
    }

    /// Says that files may be missing of which nobody knows.
    pub(super) fn lost_some(&mut self, lost: bool) {
        self.lost_some |= lost;
    }

    /// Whether a file may be there though it could not be read, so that it is no dangling reference to name it.
    pub(super) fn may_hold(&self, path: &str) -> bool {
        self.lost_some
            || self.unread.contains_key(path)
            || path.match_indices('/').any(|(at, _)| {
                let folder = path.get(..at).unwrap_or_default();
                let inside = path.get(..=at).unwrap_or_default();
                self.unread.contains_key(folder) || self.unread.contains_key(inside)
            })
            || self.unread.contains_key("")
    }

    /// The same for a folder whose name begins so.
    pub(super) fn may_hold_folder(&self, beginning: &str) -> bool {
        self.may_hold(beginning) || self.unread.keys().any(|path| path.starts_with(beginning))
    }

    /// What is there and could not be read, with as much of its text as there is.
    pub(super) fn unread(&self) -> impl Iterator<Item = (&Arc<str>, &str)> {
        self.unread.iter().map(|(path, text)| (path, &**text))
    }

    /// Whether files may be missing of which nobody knows.
    pub(super) fn has_lost_some(&self) -> bool {
        self.lost_some
    }

    /// Where a fault's file lies, as seen from the current folder.
    pub fn located(&self, fault: &Fault) -> String {
        self.origin.located(&fault.file)
    }

    /// The file on the disk that holds a fault's file: itself, or the archive.
    pub fn on_disk(&self, fault: &Fault) -> (String, bool) {
        self.origin.on_disk(&fault.file)
    }

    fn fault_only(&mut self, path: &str, id: &'static str, message: &str, help: &str) {
        self.faults.push(unplaced(path, id, message, help));
    }

    /// Adds a fault that has its place.
    pub(super) fn keep(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn too_large(&mut self, path: &str, most: u64) {
        let message = format!("larger than {} MiB", most / (1024 * 1024));
        self.fault(
            path,
            "too-large",
            &message,
            "split it, or take it out of the bundle",
        );
    }

    /// One fault for all that goes beyond the bounds of a whole bundle.
    pub(super) fn crowded(&mut self, path: &str) {
        if self
            .faults
            .iter()
            .any(|fault| fault.id == "bundle-too-large")
        {
            return;
        }
        let message = format!(
            "the bundle holds more than {MAX_FILES} files or {} MiB",
            MAX_TOTAL / (1024 * 1024)
        );
        self.lost_some = true;
        let help = "take out what is no part of it, or split it into two bundles";
        self.fault_only(path, "bundle-too-large", &message, help);
    }

    /// Whether no file more fits.
    pub(super) fn is_full(&self) -> bool {
        self.total > MAX_TOTAL || self.by_path.len() >= MAX_FILES
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.by_path.get(path).map(|file| &*file.text)
    }

    /// All files in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &str)> {
        self.by_path.iter().map(|(path, file)| (path, &*file.text))
    }

    /// The hashes of all files, in the order of their paths.
    pub(super) fn hashes(&self) -> impl Iterator<Item = (&Arc<str>, &[u8; 32])> {
        self.by_path.iter().map(|(path, file)| (path, &file.hash))
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.by_path.get(path)
    }

    pub(super) fn get_key(&self, path: &str) -> Option<(&Arc<str>, &File)> {
        self.by_path.get_key_value(path)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// What was wrong when the files were read.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// A fault, drawn with the line that it is on.
    pub fn render(&self, fault: &Fault) -> String {
        let unread = || self.unread.get(&fault.file).map(|text| &**text);
        // An empty file has one line, which is empty.
        let read = self.text(&fault.file);
        let read = read.map(|text| if text.is_empty() { "\n" } else { text });
        let text = read.or_else(unread).unwrap_or_default();
        let mut shown = fault.clone();
        shown.file = self.located(fault).into();
        shown.render(text)
    }

    /// SHA-256 over the SHA-256 of each path and content, in lower-case hex: the same for a folder and for an archive of it.
    pub fn digest(&self) -> Box<str> {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for (path, file) in &self.by_path {
            context.update(&super::id::hash(path));
            context.update(&file.hash);
        }
        super::id::hex(context.finish().as_ref()).into()
    }
}

/// A fault of what has no lines that could be shown: a folder, a link, an archive, a file that cannot be read.
fn unplaced(path: &str, id: &'static str, message: &str, help: &str) -> Fault {
    Fault {
        severity: Severity::Error,
        id,
        file: path.into(),
        span: Span::default(),
        message: message.to_owned(),
        help: help.to_owned(),
    }
}

/// The character behind `before`.
fn one_character(before: &str) -> Span {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    let last = before.rsplit('\n').next().unwrap_or_default();
    let start = Position {
        line: number(before.bytes().filter(|byte| *byte == b'\n').count()),
        column: number(last.chars().count()),
    };
    let column = start.column.saturating_add(1);
    Span {
        start,
        end: Position { column, ..start },
    }
}

/// Whether a file or folder of that name is no part of a bundle: what begins with a dot, and what editors leave beside
/// the file that is edited (`x.yaml~`, `#x.yaml#`).
pub(super) fn passed_over(name: &str) -> bool {
    name.starts_with('.')
        || name.ends_with('~')
        || (name.len() > 1 && name.starts_with('#') && name.ends_with('#'))
}

/// A path that cannot leave the bundle.
pub(super) fn acceptable(path: &str) -> bool {
    path.len() <= 1024
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_paths_and_contents_alone() {
        let files = |all: &[(&str, &str)]| {
            let mut files = Files::new();
            for (path, text) in all {
                files.insert(path, text.as_bytes().to_vec());
            }
            files.digest()
        };
        let one = files(&[("a", "x"), ("b", "y")]);
        assert_eq!(one, files(&[("b", "y"), ("a", "x")]));
        assert_ne!(one, files(&[("a", "xb"), ("b", "y")]));
        assert_ne!(one, files(&[("ax", ""), ("b", "y")]));
        assert_eq!(one.len(), 64);
    }

    #[test]
    fn what_is_no_file_of_a_bundle_is_a_fault() {
        let mut files = Files::new();
        files.insert("../x", Vec::new());
        files.insert("a//b", Vec::new());
        files.insert("big.json", vec![b' '; 16 * 1024 * 1024 + 1]);
        files.insert("latin1.yaml", b"a: 1\nb: \xe9\n".to_vec());
        let ids: Vec<_> = files.faults().iter().map(|fault| fault.id).collect();
        assert_eq!(ids, ["bad-path", "bad-path", "too-large", "not-utf8"]);
        assert_eq!(files.faults()[3].span.start.line, 2);
        assert!(files.is_empty());
    }
}
