//! The current credentials, and the files that they come from: a file, or a folder whose `*.yaml` files count together.
//!
//! Looked at four times a second: two looks that find the same, and another state than the one in use, make it load, so that
//! a file that is just being written is not taken. Files that have a fault change nothing.

use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::source::Fault;

use super::{Credentials, read};

/// Two looks and the reading together take less than the second that is promised.
const POLL: Duration = Duration::from_millis(250);
/// No honest files are larger, all together.
pub const MAX_SIZE: u64 = 8 << 20;
/// Nor are there more.
const MAX_FILES: usize = 100;

/// Why there is nothing to start with: one line a fault, without any value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

/// How loading went so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Times that new credentials were taken.
    pub succeeded: u64,
    /// Times that they were not.
    pub failed: u64,
    /// Whether what is there now was not taken, and older ones are in use.
    pub stale: bool,
}

/// The current credentials.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    current: ArcSwap<Credentials>,
    state: Mutex<State>,
    asked: Notify,
}

#[derive(Debug, Default)]
struct State {
    status: Status,
    /// What was loaded last, with or without success.
    loaded: Stamp,
    /// What the last look found.
    seen: Stamp,
}

/// What tells one state of the files from another; `None`: they could not be looked at.
type Stamp = Option<Vec<(PathBuf, [u64; 2], [i64; 4], u64)>>;

impl Store {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Every fault.
    pub fn open(path: &Path) -> Result<Arc<Self>, OpenError> {
        let stamp = stamp(path);
        let credentials = load(path).map_err(OpenError)?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            current: ArcSwap::from_pointee(credentials),
            state: Mutex::new(State {
                loaded: stamp.clone(),
                seen: stamp,
                ..State::default()
            }),
            asked: Notify::new(),
        }))
    }

    /// What counts now.
    pub fn current(&self) -> Arc<Credentials> {
        self.current.load_full()
    }

    /// How loading went so far.
    pub fn status(&self) -> Status {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .status
    }

    /// Asks whoever follows to load now, changed or not.
    pub fn request(&self) {
        self.asked.notify_one();
    }

    /// Follows the files; never ends.
    pub async fn follow(self: Arc<Self>) {
        let mut tick = tokio::time::interval(POLL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                () = self.asked.notified() => true,
                _ = tick.tick() => false,
            };
            let store = Arc::clone(&self);
            // Reading may block, on a slow disk.
            let _ = tokio::task::spawn_blocking(move || store.look(asked)).await;
        }
    }

    /// Looks at the files, and loads them if they have come to rest in another state, or if `asked` to.
    pub(super) fn look(&self, asked: bool) {
        let found = stamp(&self.path);
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let rests = state.seen == found;
            state.seen.clone_from(&found);
            if !asked && (!rests || state.loaded == found) {
                return;
            }
            state.loaded = found;
        }
        let loaded = load(&self.path);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(credentials) => {
                let (access_keys, api_keys) = credentials.count();
                self.current.store(Arc::new(credentials));
                state.status.succeeded = state.status.succeeded.saturating_add(1);
                state.status.stale = false;
                tracing::info!(access_keys, api_keys, "new credentials count");
            }
            Err(faults) => {
                state.status.failed = state.status.failed.saturating_add(1);
                state.status.stale = true;
                tracing::error!(
                    faults,
                    "credentials are not valid; the last good ones count on"
                );
            }
        }
    }
}

/// The files' texts, by their names; the texts are secret.
struct Texts(Vec<(String, String)>);

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Loads the files; what is wrong with them as lines, without any value.
fn load(path: &Path) -> Result<Credentials, String> {
    let texts = texts(path).map_err(|error| format!("{}: {error}", path.display()))?;
    read::read(&texts.0).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(Fault::line).collect();
        lines.join("\n")
    })
}

fn texts(path: &Path) -> std::io::Result<Texts> {
    let mut texts = Vec::new();
    let mut left = MAX_SIZE;
    for file in files(path)? {
        let opened = crate::secret::open(&file)?;
        warn_of_mode(&file, opened.metadata()?.mode());
        let mut text = String::new();
        let read = opened
            .take(left.saturating_add(1))
            .read_to_string(&mut text)
            .map_err(|error| std::io::Error::other(format!("{}: {error}", file.display())))?;
        left = left
            .checked_sub(u64::try_from(read).unwrap_or(u64::MAX))
            .ok_or_else(|| std::io::Error::other("the files are larger than 8 MiB"))?;
        texts.push((file.display().to_string(), text));
    }
    Ok(Texts(texts))
}

/// The file itself, or those in the folder that end in `.yaml` and do not begin with a dot, in the order of their names.
///
/// # Errors
/// When they cannot be listed, or there is none.
pub fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.')
            && Path::new(&*name)
                .extension()
                .is_some_and(|end| end == "yaml")
        {
            files.push(entry.path());
        }
        if files.len() > MAX_FILES {
            return Err(std::io::Error::other("more than 100 files"));
        }
    }
    if files.is_empty() {
        return Err(std::io::Error::other("no .yaml file in this folder"));
    }
    files.sort();
    Ok(files)
}

fn stamp(path: &Path) -> Stamp {
    let mut stamp = Vec::new();
    for file in files(path).ok()? {
        let data = fs::metadata(&file).ok()?;
        let times = [
            data.mtime(),
            data.mtime_nsec(),
            data.ctime(),
            data.ctime_nsec(),
        ];
        stamp.push((file, [data.dev(), data.ino()], times, data.size()));
    }
    Some(stamp)
}

/// Secrets are for their owner and, read-only, for its group.
fn warn_of_mode(file: &Path, mode: u32) {
    if mode & 0o037 != 0 {
        tracing::warn!(
            file = %file.display(),
            mode = %format_args!("{:04o}", mode & 0o7777),
            "others can read the credentials: make it 0600 (in Kubernetes, defaultMode: 0440 of the volume)"
        );
    }
}
