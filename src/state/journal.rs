//! The facts on disk: a file that is only appended to, one fact a line, each behind a check of its own bytes.
//!
//! A process that dies in the middle of a line loses that line, which nobody was told to be kept. A damaged line with a
//! good one behind it is another matter: a revocation may be lost, so nobody starts with it unless told to. When most lines
//! are of no use any more, the file is written anew and renamed over the old one. `lock` beside it says whose it is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::fact::Fact;

/// The file's name in its folder.
const NAME: &str = "ledger.jsonl";
/// More than the most facts that are kept take, several times over.
const MAX_SIZE: u64 = 256 << 20;
/// Lines that may be of no use before the file is written anew.
const SLACK: usize = 10_000;
/// Digits of the check, and the space behind them.
const CHECK: usize = 9;

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0}: another process uses this folder; stop it, or give each its own `state.path`")]
    InUse(PathBuf),
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Somebody wrote into it, or the disk lost something.
    #[error(
        "{path}: line {line} is damaged, and what it revoked may be lost; remove the line to go on without it, and revoke again what you are not sure of"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// The file, open to be appended to.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    open: Mutex<Open>,
    /// Held as long as the process lives.
    _lock: File,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Up to where the file is whole.
    length: u64,
    lines: usize,
    /// Something was written that is not synced.
    dirty: bool,
}

impl Journal {
    /// Opens the journal of a folder, or begins one; what it says goes to `take`, in the order it was written.
    pub(super) fn open(folder: &Path, take: impl FnMut(Fact)) -> Result<Self, OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::Io { path, error }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock_path = folder.join("lock");
        let lock = options().open(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(&lock_path)(error)),
        }
        let path = folder.join(NAME);
        let mut file = options().open(&path).map_err(failed(&path))?;
        let mut bytes = Vec::new();
        (&mut file)
            .take(MAX_SIZE)
            .read_to_end(&mut bytes)
            .map_err(failed(&path))?;
        let (lines, whole) = read(&bytes, take).map_err(|line| OpenError::Damaged {
            path: path.clone(),
            line,
        })?;
        let length = u64::try_from(whole).unwrap_or(u64::MAX);
        // What a crash left half written is not to be read as the beginning of the next line.
        file.set_len(length)
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_folder(folder))
            .map_err(failed(&path))?;
        Ok(Self {
            path,
            open: Mutex::new(Open {
                file,
                length,
                lines,
                dirty: false,
            }),
            _lock: lock,
        })
    }

    /// Writes facts down; they outlive the process. With `sync` they outlive the machine's power too.
    pub(super) fn append(&self, facts: &[Fact], sync: bool) -> std::io::Result<()> {
        let mut text = Vec::new();
        for fact in facts {
            write(fact, &mut text)?;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let written = open.file.write_all(&text).and_then(|()| {
            if sync {
                return open.file.sync_data();
            }
            Ok(())
        });
        if let Err(error) = written {
            // Half a line must not stay; should that fail as well, the next line's check tells.
            let length = open.length;
            let _ = open.file.set_len(length);
            return Err(error);
        }
        let added = u64::try_from(text.len()).unwrap_or(u64::MAX);
        open.length = open.length.saturating_add(added);
        open.lines = open.lines.saturating_add(facts.len());
        open.dirty = !sync;
        Ok(())
    }

    /// Syncs what was appended.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.dirty {
            open.file.sync_data()?;
            open.dirty = false;
        }
        Ok(())
    }

    /// Whether most of its lines are of no use when so many facts count.
    pub(super) fn is_wasteful(&self, facts: usize) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.lines > facts.saturating_mul(2).saturating_add(SLACK)
    }

    /// Writes the file anew, with what `facts` says meanwhile: nothing is appended while it is asked.
    pub(super) fn rewrite(&self, facts: impl FnOnce() -> Vec<Fact>) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = facts();
        let mut text = Vec::new();
        for fact in &facts {
            write(fact, &mut text)?;
        }
        let beside = self.path.with_extension("new");
        let _ = std::fs::remove_file(&beside);
        let mut file = options().open(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        if let Some(folder) = self.path.parent() {
            sync_folder(folder)?;
        }
        *open = Open {
            file,
            length: u64::try_from(text.len()).unwrap_or(u64::MAX),
            lines: facts.len(),
            dirty: false,
        };
        Ok(())
    }
}

/// It tells whose sessions are revoked, and which codes were used.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write(fact: &Fact, text: &mut Vec<u8>) -> std::io::Result<()> {
    let json = serde_json::to_vec(fact).map_err(std::io::Error::other)?;
    text.extend_from_slice(check(&json).as_bytes());
    text.push(b' ');
    text.extend_from_slice(&json);
    text.push(b'\n');
    Ok(())
}

/// Of bytes that were written, not of ones that somebody forges: whoever writes here can revoke and forget at will.
fn check(json: &[u8]) -> String {
    let digest = digest(&SHA256, json);
    let first = digest.as_ref().iter().take(4);
    let number = first.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    format!("{number:08x}")
}

fn fact(line: &[u8]) -> Option<Fact> {
    let (head, json) = line.split_at_checked(CHECK)?;
    let sum = head.strip_suffix(b" ")?;
    if sum != check(json).as_bytes() {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// How many lines there are, and how many bytes of them are whole; or the number of one that is damaged though others
/// follow it.
fn read(bytes: &[u8], mut take: impl FnMut(Fact)) -> Result<(usize, usize), usize> {
    let (mut lines, mut whole, mut at) = (0_usize, 0_usize, 0_usize);
    let mut damaged = None;
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        at = at.saturating_add(line.len());
        let found = line.strip_suffix(b"\n").and_then(fact);
        match (found, damaged) {
            (Some(_), Some(number)) => return Err(number),
            (Some(found), None) => {
                take(found);
                lines = lines.saturating_add(1);
                whole = at;
            }
            (None, None) => damaged = Some(number.saturating_add(1)),
            (None, Some(_)) => {}
        }
    }
    Ok((lines, whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::state::{Revocation, Target};

    fn one(name: &str) -> Fact {
        let now = Timestamp::from_seconds(1_000);
        Fact::Revoked(Revocation::new(Target::Principal(name.into()), now, now))
    }

    fn reopened(folder: &Path) -> Result<(Journal, Vec<Fact>), OpenError> {
        let mut facts = Vec::new();
        let journal = Journal::open(folder, |fact| facts.push(fact))?;
        Ok((journal, facts))
    }

    #[test]
    fn what_is_appended_is_there_again_in_spite_of_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let (journal, facts) = reopened(folder.path()).unwrap();
        assert!(facts.is_empty());
        journal.append(&[one("a"), one("b")], true).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        // A crash at any byte loses only what was being written.
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (journal, facts) = reopened(folder.path()).unwrap();
            let lines = whole[..cut].split(|byte| *byte == b'\n').count() - 1;
            assert_eq!(facts.len(), lines, "{cut}");
            journal.append(&[one("c")], false).unwrap();
            drop(journal);
            let (_, facts) = reopened(folder.path()).unwrap();
            assert_eq!(facts.last(), Some(&one("c")), "{cut}");
            assert_eq!(facts.len(), lines + 1);
        }
        // A machine that lost its power may leave zeros.
        let mut zeros = whole.clone();
        zeros.extend([0; 300]);
        std::fs::write(&path, &zeros).unwrap();
        assert_eq!(reopened(folder.path()).unwrap().1.len(), 2);
    }

    #[test]
    fn a_line_that_was_changed_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let (journal, _) = reopened(folder.path()).unwrap();
        journal.append(&[one("a"), one("b")], true).unwrap();
        drop(journal);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, whole.replacen("\"a\"", "\"x\"", 1)).unwrap();
        let error = reopened(folder.path()).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged { line: 1, .. }),
            "{error}"
        );
        let without = whole.lines().nth(1).unwrap();
        std::fs::write(&path, format!("{without}\n")).unwrap();
        assert_eq!(reopened(folder.path()).unwrap().1, [one("b")]);
    }

    #[test]
    fn a_folder_has_one_writer_and_the_file_is_its_own() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = reopened(folder.path()).unwrap();
        assert!(matches!(reopened(folder.path()), Err(OpenError::InUse(_))));
        let mode = std::fs::metadata(&journal.path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn it_is_written_anew_when_most_of_it_is_of_no_use() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = reopened(folder.path()).unwrap();
        let many: Vec<Fact> = (0..=SLACK).map(|_| one("a")).collect();
        journal.append(&many, false).unwrap();
        journal.sync().unwrap();
        assert!(!journal.is_wasteful(1));
        journal.append(&[one("a"), one("a")], false).unwrap();
        assert!(journal.is_wasteful(1));
        journal.rewrite(|| vec![one("a")]).unwrap();
        journal.append(&[one("b")], false).unwrap();
        assert!(!journal.is_wasteful(1));
        drop(journal);
        assert_eq!(reopened(folder.path()).unwrap().1, [one("a"), one("b")]);
    }
}
