//! A file of secrets, as an editor holds it.
//!
//! It is replaced whole or not at all (written beside it, synced, renamed), keeps its owner and mode without what that gave
//! to others, and is new with mode 0600. Two editors at once wait for each other by a lock on the folder; whoever writes without asking for it (a text
//! editor) is noticed before anything of theirs is lost.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::output::{self, Failed};
use crate::secret_file;

/// How long another editor is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// The most that a file of secrets allows: a group may be meant (`fsGroup` in Kubernetes), others never are.
const MODE: u32 = 0o640;

/// A file and what it is to say.
pub(super) struct Text {
    pub(super) path: PathBuf,
    pub(super) said: String,
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

/// Holds other editors off.
pub(super) fn lock(folder: &Path) -> Result<File, Failed> {
    let fault = |error: std::io::Error| Failed(format!("{}: {error}", folder.display()));
    let opened = File::open(folder).map_err(fault)?;
    let mut waited = Duration::ZERO;
    loop {
        match opened.try_lock() {
            Ok(()) => return Ok(opened),
            Err(TryLockError::Error(error)) => return Err(fault(error)),
            Err(TryLockError::WouldBlock) if waited >= PATIENCE => {
                return Err(Failed(format!(
                    "another `sidegate` edits what is in {}; try again when it has ended",
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
    /// One that is not there yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            said: String::new(),
            found: None,
        }
    }

    /// Reads it; what is missing counts as empty, what is longer than `most` is refused.
    pub(super) fn read(path: PathBuf, most: u64) -> Result<Self, Failed> {
        let fault = |error: std::io::Error| Failed(format!("{}: {error}", path.display()));
        let file = match secret_file::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::new(path));
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
        let mut said = String::new();
        let mut limited = file.take(most.saturating_add(1));
        let read = limited.read_to_string(&mut said).map_err(fault)?;
        if u64::try_from(read).unwrap_or(u64::MAX) > most {
            return Err(Failed(format!("{}: larger than it may be", path.display())));
        }
        let found = Some(found);
        Ok(Self { path, said, found })
    }

    /// Whether there was such a file.
    pub(super) fn is_there(&self) -> bool {
        self.found.is_some()
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        u64::try_from(self.said.len()).unwrap_or(u64::MAX)
    }

    /// Writes what it says now.
    pub(super) fn write(&mut self) -> Result<(), Failed> {
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
        let before = self.found.map_or(found.mode, |found| found.mode);
        if before != found.mode {
            output::complain(&format!(
                "{name} has the mode {:04o} now, no longer {before:04o}; who could read it may know what it held",
                found.mode
            ));
        }
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
            file.set_permissions(fs::Permissions::from_mode(found.mode & MODE))?;
        }
        file.sync_all()?;
        Ok(Found::of(&file.metadata()?))
    }
}
