//! The folder of the audit log: `audit.jsonl`, which is written, and the rotated `sidegate-audit-TIME-NUMBER.jsonl`.
//!
//! Used by the writer's thread alone. A file that was moved, deleted or cut by somebody else is noticed before the
//! next write; half a line that a killed process left is ended, so that the next record stands on its own line. One
//! process writes a folder: it holds a lock on it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::append::{append, line_start};
use crate::clock::{Clock, monotonic};

const CURRENT: &str = "audit.jsonl";
const ROTATED: &str = "sidegate-audit-";
const SUFFIX: &str = ".jsonl";

/// After a rotation that failed, the file grows on for so long.
const ROTATE_AGAIN: Duration = Duration::from_secs(10);

/// The folder, and the file in it that is written.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    rotate_size: u64,
    keep: usize,
    clock: Clock,
    open: Option<Open>,
    not_before: Option<Instant>,
    /// Time and number in the name of the last rotated file.
    last: (String, u32),
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Device and inode of `file`.
    id: (u64, u64),
    /// Holds the folder's lock as long as it is open.
    _folder: File,
}

/// What [`Folder::check`] found.
#[derive(Debug)]
pub(super) struct Checked {
    /// The file's length.
    length: u64,
    /// Whether it had to be opened.
    anew: bool,
}

impl Folder {
    /// Opens the folder, which is made if need be.
    pub(super) fn open(
        path: &Path,
        rotate_size: u64,
        keep: usize,
        clock: Clock,
    ) -> io::Result<Self> {
        let mut folder = Self {
            path: path.to_owned(),
            rotate_size,
            keep,
            clock,
            open: None,
            not_before: None,
            last: (String::new(), 0),
        };
        folder.open_file()?;
        Ok(folder)
    }

    fn current(&self) -> PathBuf {
        self.path.join(CURRENT)
    }

    fn open_file(&mut self) -> io::Result<&mut Open> {
        // The old lock goes first: the folder may be the same.
        self.open = None;
        fs::create_dir_all(&self.path)?;
        let lock = File::open(&self.path)?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(io::Error::new(
                ErrorKind::ResourceBusy,
                "another process writes its audit log into this folder",
            ));
        }
        let current = self.current();
        if fs::metadata(&current).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "audit.jsonl is no regular file",
            ));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .open(&current)?;
        end_half_line(&mut file)?;
        let metadata = file.metadata()?;
        Ok(self.open.insert(Open {
            file,
            id: (metadata.dev(), metadata.ino()),
            _folder: lock,
        }))
    }

    /// Closes the file, so that the next write opens it anew.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Sees that the file that is written is the one in the folder, and opens it if not.
    pub(super) fn check(&mut self) -> io::Result<Checked> {
        let here = fs::metadata(self.current()).ok();
        let same = |open: &Open| {
            here.as_ref()
                .filter(|here| open.id == (here.dev(), here.ino()))
                .map(MetadataExt::size)
        };
        if let Some(length) = self.open.as_ref().and_then(same) {
            return Ok(Checked {
                length,
                anew: false,
            });
        }
        let length = self.open_file()?.file.metadata()?.len();
        Ok(Checked { length, anew: true })
    }

    /// Appends what follows `written` in `batch`.
    pub(super) fn write(&mut self, batch: &[u8], written: &mut usize) -> io::Result<()> {
        let Checked { length, anew } = self.check()?;
        if anew {
            // Another file: the line that was begun in the old one is written here in full.
            *written = line_start(batch, *written);
        }
        let growth = batch.len().saturating_sub(*written) as u64;
        if length > 0 && length.saturating_add(growth) > self.rotate_size && *written == 0 {
            self.rotate()?;
        }
        let Some(open) = &mut self.open else {
            return Err(ErrorKind::NotFound.into());
        };
        append(&mut open.file, batch, written)
    }

    /// Sees that what was written survives the machine's failure.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.open
            .as_ref()
            .map_or(Ok(()), |open| open.file.sync_data())
    }

    /// Moves the file away and begins a new one. A file that cannot be moved grows on.
    fn rotate(&mut self) -> io::Result<()> {
        if self.not_before.is_some_and(|time| monotonic() < time) {
            return Ok(());
        }
        self.sync()?;
        if let Err(error) = self.rename() {
            tracing::warn!(%error, folder = %self.path.display(), "the audit log cannot be rotated and grows on");
            self.not_before = monotonic().checked_add(ROTATE_AGAIN);
            return Ok(());
        }
        self.open_file()?;
        if let Err(error) = self.remove_oldest() {
            tracing::warn!(%error, folder = %self.path.display(), "old audit logs cannot be removed");
        }
        Ok(())
    }

    fn rename(&mut self) -> io::Result<()> {
        let time: String = self
            .clock
            .now()
            .rfc3339()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        // Sorted by name is sorted by time, also within one second.
        let first = if self.last.0 == time {
            self.last.1.saturating_add(1)
        } else {
            0
        };
        let (number, free) = (first..first.saturating_add(1000))
            .map(|number| (number, format!("{ROTATED}{time}-{number:03}{SUFFIX}")))
            .map(|(number, name)| (number, self.path.join(name)))
            .find(|(_, path)| !path.exists())
            .ok_or(ErrorKind::AlreadyExists)?;
        fs::rename(self.current(), free)?;
        self.last = (time, number);
        Ok(())
    }

    fn remove_oldest(&self) -> io::Result<()> {
        if self.keep == 0 {
            return Ok(());
        }
        let mut rotated = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let ours = name
                .to_str()
                .is_some_and(|name| name.starts_with(ROTATED) && name.ends_with(SUFFIX));
            if ours {
                rotated.push(name);
            }
        }
        rotated.sort();
        let surplus = rotated.len().saturating_sub(self.keep);
        for name in rotated.iter().take(surplus) {
            fs::remove_file(self.path.join(name))?;
        }
        Ok(())
    }
}

/// Ends the line that a killed process left half written.
fn end_half_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
