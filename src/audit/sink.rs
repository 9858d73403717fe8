//! Where records go: a bounded queue of bytes, and a thread that writes them.
//!
//! A record that was accepted is written within about 20 ms and on the disk itself within a second; a process that is
//! killed loses no more than 100 ms, a machine that fails no more than a second. A queue that is full, or a folder
//! that cannot be written, accepts nothing: what happens then is the configuration's to say ([`OnFull`]). It heals by
//! itself as soon as the place can be written.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::folder::Folder;
use super::writer::{Place, Writer};
use crate::clock::{Clock, monotonic};

/// How the audit log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder.
    pub folder: PathBuf,
    /// Stdout in place of the folder, as containers have it.
    pub stdout: bool,
    /// What happens when no record can be taken.
    pub on_full: OnFull,
    /// How long [`OnFull::Block`] waits.
    pub on_full_timeout: Duration,
    /// A file that would grow larger is rotated.
    pub rotate_size: u64,
    /// How many rotated files are kept; 0: all.
    pub keep: usize,
    /// Bytes that may wait to be written.
    pub queue_size: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("./audit/"),
            stdout: false,
            on_full: OnFull::default(),
            on_full_timeout: Duration::from_secs(1),
            rotate_size: 100 * 1024 * 1024,
            keep: 10,
            queue_size: 8 * 1024 * 1024,
        }
    }
}

/// What happens to a request whose record cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// It waits a while, then it is refused.
    #[default]
    Block,
    /// It is refused.
    Deny,
    /// It goes on, and the lost record is counted.
    Drop,
}

/// The record cannot be taken, so the request must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log takes no record")]
pub struct Full;

/// What became of the records since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Written.
    pub written: u64,
    /// Dropped, under [`OnFull::Drop`] or by a close that could not write them.
    pub dropped: u64,
    /// Not taken; their requests were refused.
    pub refused: u64,
}

/// The audit log. Dropping it writes what is left, for a second at most.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    on_full: OnFull,
    on_full_timeout: Duration,
    capacity: usize,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Mutex<Queue>,
    /// Bytes from which on the writer does not wait for more.
    pub(super) enough: usize,
    /// Wakes the writer.
    pub(super) work: Condvar,
    /// Wakes [`Sink::flush`].
    done: Condvar,
    /// Wakes those who wait for room.
    room: Notify,
    written: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Whole lines.
    pub(super) pending: Vec<u8>,
    /// How many.
    pub(super) records: u64,
    /// Bytes that the writer has taken and not yet written.
    pub(super) in_flight: usize,
    /// The writer waits for the first record.
    pub(super) asleep: bool,
    /// How the writer fares.
    pub(super) state: State,
    /// The file is to be opened anew.
    pub(super) reopen: bool,
    /// Somebody waits for everything to be written.
    flushing: usize,
    /// The sink is being closed, and has so long to write.
    pub(super) close_by: Option<Instant>,
}

/// How the writer fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// The last write went well.
    #[default]
    Writing,
    /// The last write failed; it goes on trying.
    Failing,
    /// It is no more.
    Ended,
}

impl Queue {
    /// Whether all is written.
    fn is_written(&self) -> bool {
        self.pending.is_empty() && self.in_flight == 0
    }

    /// Whether the writer must not wait for more.
    pub(super) fn urgent(&self) -> bool {
        self.flushing > 0 || self.close_by.is_some()
    }
}

impl Shared {
    /// For a queue of so many bytes: a small one is emptied long before it is full.
    fn new(capacity: usize) -> Self {
        Self {
            queue: Mutex::default(),
            enough: ENOUGH.min(capacity / 4),
            work: Condvar::new(),
            done: Condvar::new(),
            room: Notify::new(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was written, or cannot be: who waits looks again.
    pub(super) fn progress(&self) {
        self.done.notify_all();
        self.room.notify_waiters();
    }

    pub(super) fn written(&self, records: u64) {
        self.written.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, records: u64) {
        self.dropped.fetch_add(records, Ordering::Relaxed);
    }
}

/// Bytes from which on the writer does not wait for more. Many, as each write costs two changes of threads and, where it
/// ends within a page, a page that is looked up again: half the processor time of 64 KiB.
const ENOUGH: usize = 1024 * 1024;
/// For the thread to end, beside the time that it has to write.
const ENDING: Duration = Duration::from_millis(500);

impl Sink {
    /// Opens the place and starts the writer's thread.
    ///
    /// # Errors
    /// When the folder cannot be made, locked or written: a process that cannot record does not start.
    pub fn start(settings: &Settings, clock: Clock) -> io::Result<Self> {
        let place = if settings.stdout {
            Place::Stdout(File::from(io::stdout().as_fd().try_clone_to_owned()?))
        } else {
            let Settings {
                folder,
                rotate_size,
                keep,
                ..
            } = settings;
            Place::Folder(Folder::open(folder, *rotate_size, *keep, clock)?)
        };
        let capacity = usize::try_from(settings.queue_size).unwrap_or(usize::MAX);
        let shared = Arc::new(Shared::new(capacity));
        let writer = Writer::new(place, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            on_full: settings.on_full,
            on_full_timeout: settings.on_full_timeout,
            capacity,
        })
    }

    /// Takes one record, which is one line, without waiting.
    ///
    /// # Errors
    /// [`Full`] when it cannot be taken, unless it may be dropped. Under [`OnFull::Block`] it is
    /// [`Sink::record_or_wait`] that waits.
    pub fn record(&self, line: &[u8]) -> Result<(), Full> {
        let result = self.offer(line);
        match self.on_full {
            _ if result.is_ok() => Ok(()),
            OnFull::Drop => {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            OnFull::Deny => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                result
            }
            OnFull::Block => result,
        }
    }

    /// Takes one record; waits under [`OnFull::Block`] until it can be taken, at most the configured time.
    ///
    /// # Errors
    /// [`Full`] when it could not be taken.
    pub async fn record_or_wait(&self, line: &[u8]) -> Result<(), Full> {
        let result = self.record(line);
        if result.is_ok() || self.on_full != OnFull::Block {
            return result;
        }
        // Rare: kept out of every request's own memory.
        Box::pin(self.wait_for_room(line)).await
    }

    async fn wait_for_room(&self, line: &[u8]) -> Result<(), Full> {
        let taken = async {
            loop {
                let mut room = std::pin::pin!(self.shared.room.notified());
                // Whatever happens from here on wakes us: nothing falls between the look and the wait.
                room.as_mut().enable();
                if self.offer(line).is_ok() {
                    return;
                }
                room.await;
            }
        };
        if tokio::time::timeout(self.on_full_timeout, taken)
            .await
            .is_err()
        {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Full);
        }
        Ok(())
    }

    fn offer(&self, line: &[u8]) -> Result<(), Full> {
        let mut queue = self.shared.lock();
        // Nothing is taken on trust while the place cannot be written, unless losing it is allowed.
        let closed = queue.close_by.is_some()
            || match queue.state {
                State::Writing => false,
                State::Failing => self.on_full != OnFull::Drop,
                State::Ended => true,
            };
        let before = queue.pending.len();
        let after = before
            .saturating_add(queue.in_flight)
            .saturating_add(line.len())
            .saturating_add(1);
        if closed || after > self.capacity {
            return Err(Full);
        }
        queue.pending.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            queue.pending.push(b'\n');
        }
        queue.records = queue.records.saturating_add(1);
        let enough = before < self.shared.enough && queue.pending.len() >= self.shared.enough;
        let wake = std::mem::take(&mut queue.asleep) || enough;
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
        Ok(())
    }

    /// Opens the file anew: after it was moved away, on SIGHUP. (Without that it is noticed before the next write.)
    pub fn reopen(&self) {
        self.shared.lock().reopen = true;
        self.shared.work.notify_one();
    }

    /// Waits until everything taken so far is written. Says whether it is. Blocks the thread.
    pub fn flush(&self, limit: Duration) -> bool {
        let mut queue = self.shared.lock();
        queue.flushing = queue.flushing.saturating_add(1);
        self.shared.work.notify_one();
        let busy = |queue: &mut Queue| queue.state != State::Ended && !queue.is_written();
        (queue, _) = self
            .shared
            .done
            .wait_timeout_while(queue, limit, busy)
            .unwrap_or_else(PoisonError::into_inner);
        queue.flushing = queue.flushing.saturating_sub(1);
        queue.is_written()
    }

    /// Takes no more records, writes what is left and ends the thread. Says whether all could be written in time.
    /// Blocks the thread.
    pub fn close(&self, limit: Duration) -> bool {
        let mut queue = self.shared.lock();
        if queue.close_by.is_none() {
            let now = monotonic();
            queue.close_by = Some(now.checked_add(limit).unwrap_or(now));
        }
        self.shared.work.notify_one();
        // The writer may hang in a write that nothing ends, as into a pipe that nobody reads.
        (queue, _) = self
            .shared
            .done
            .wait_timeout_while(queue, limit.saturating_add(ENDING), |queue| {
                queue.state != State::Ended
            })
            .unwrap_or_else(PoisonError::into_inner);
        let ended = queue.state == State::Ended;
        let written = ended && queue.is_written();
        drop(queue);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take_if(|_| ended);
        if let Some(thread) = thread {
            // A panic of the writer has been told by its farewell.
            let _ = thread.join();
        }
        written
    }

    /// Whether records cannot be written at the moment.
    pub fn is_failing(&self) -> bool {
        let queue = self.shared.lock();
        queue.state != State::Writing
    }

    /// What became of the records so far.
    pub fn counts(&self) -> Counts {
        Counts {
            written: self.shared.written.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.close(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests;
