//! The writer's thread: takes what was queued, writes it, and goes on trying while the place cannot be written.

use std::fs::File;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::append::append;
use super::folder::Folder;
use super::sink::{Queue, Shared, State};
use crate::clock::monotonic;

/// How long records are gathered before they are written together: far inside the 100 ms that a killed process may
/// lose, and few enough writes that a busy process does not notice them.
const GATHER: Duration = Duration::from_millis(20);
/// How often a place that cannot be written is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// How often an idle place is looked after.
const IDLE: Duration = Duration::from_millis(500);
/// How often what was written is put on the disk itself.
const SYNC: Duration = Duration::from_secs(1);
/// How often a lasting failure is logged.
const REMIND: Duration = Duration::from_secs(30);
/// A buffer that had to grow beyond this is given back.
const KEEP_BUFFER: usize = 2 * 1024 * 1024;

/// Where the records go.
#[derive(Debug)]
pub(super) enum Place {
    Folder(Folder),
    Stdout(File),
}

impl Place {
    fn write(&mut self, batch: &[u8], written: &mut usize) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.write(batch, written),
            Self::Stdout(file) => append(file, batch, written),
        }
    }

    fn check(&mut self) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.check().map(|_| ()),
            Self::Stdout(_) => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.sync(),
            // A pipe has no disk.
            Self::Stdout(_) => Ok(()),
        }
    }

    fn reopen(&mut self) {
        match self {
            Self::Folder(folder) => folder.close(),
            Self::Stdout(_) => {}
        }
    }
}

pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) shared: Arc<Shared>,
    batch: Vec<u8>,
    /// How many records the batch holds.
    records: u64,
    written: usize,
    /// Something was written since the last sync.
    dirty: bool,
    synced: Instant,
    reminded: Option<Instant>,
}

/// Tells everybody when the thread ends, even by a panic: a queue that nobody empties accepts nothing.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.state = State::Ended;
        drop(queue);
        self.0.progress();
    }
}

impl Writer {
    pub(super) fn new(place: Place, shared: Arc<Shared>) -> Self {
        Self {
            place,
            shared,
            batch: Vec::new(),
            records: 0,
            written: 0,
            dirty: false,
            synced: monotonic(),
            reminded: None,
        }
    }

    /// Runs until the sink is closed and all is written, or the time for that is over.
    pub(super) fn run(mut self) {
        let _farewell = Farewell(Arc::clone(&self.shared));
        loop {
            let closing = self.fetch();
            let result = self.write();
            let failed = result.is_err();
            self.report(result);
            if let Some(until) = closing {
                let nothing_left = self.batch.is_empty() && self.shared.lock().pending.is_empty();
                if (nothing_left && !failed) || monotonic() >= until {
                    self.end();
                    return;
                }
            }
            if failed {
                self.pause();
            }
        }
    }

    /// Waits for work and takes it. Says until when a sink that is being closed may still write.
    fn fetch(&mut self) -> Option<Instant> {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        if self.batch.is_empty() {
            let idle =
                |queue: &mut Queue| queue.pending.is_empty() && !queue.reopen && !queue.urgent();
            queue.asleep = true;
            (queue, _) = shared
                .work
                .wait_timeout_while(queue, IDLE, idle)
                .unwrap_or_else(PoisonError::into_inner);
            queue.asleep = false;
            let gathering = |queue: &mut Queue| {
                (1..shared.enough).contains(&queue.pending.len()) && !queue.urgent()
            };
            (queue, _) = shared
                .work
                .wait_timeout_while(queue, GATHER, gathering)
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut queue.pending, &mut self.batch);
            self.records = std::mem::take(&mut queue.records);
            self.written = 0;
            queue.in_flight = self.batch.len();
        }
        if std::mem::take(&mut queue.reopen) {
            self.place.reopen();
        }
        queue.close_by
    }

    fn write(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            self.place.check()?;
        } else {
            self.place.write(&self.batch, &mut self.written)?;
            self.dirty = true;
        }
        let now = monotonic();
        if self.dirty && now.saturating_duration_since(self.synced) >= SYNC {
            self.place.sync()?;
            self.synced = now;
            self.dirty = false;
        }
        Ok(())
    }

    /// Tells the queue how it went.
    fn report(&mut self, result: io::Result<()>) {
        let done = self.written >= self.batch.len();
        let mut queue = self.shared.lock();
        let now = if result.is_err() {
            State::Failing
        } else {
            State::Writing
        };
        let before = std::mem::replace(&mut queue.state, now);
        if done {
            queue.in_flight = 0;
        }
        drop(queue);
        if done {
            self.shared.written(std::mem::take(&mut self.records));
            self.batch.clear();
            self.batch.shrink_to(KEEP_BUFFER);
            self.written = 0;
        }
        match result {
            Ok(()) if before == State::Failing => {
                self.reminded = None;
                tracing::warn!("the audit log can be written again");
            }
            Ok(()) => {}
            Err(error) => {
                let now = monotonic();
                let due = self
                    .reminded
                    .is_none_or(|last| now.saturating_duration_since(last) >= REMIND);
                if due {
                    self.reminded = Some(now);
                    tracing::error!(%error, "the audit log cannot be written");
                }
            }
        }
        self.shared.progress();
    }

    /// The last act: what is left is lost, and counted.
    fn end(&mut self) {
        if let Err(error) = self.place.sync() {
            tracing::error!(%error, "the audit log cannot be put on the disk");
        }
        let rest = self.batch.get(self.written..).unwrap_or_default();
        let lost = lines(rest).saturating_add(lines(&self.shared.lock().pending));
        if lost > 0 {
            tracing::error!(records = lost, "audit records were lost at the end");
            self.shared.dropped(lost);
        }
    }

    /// Lets some time go by before the next try.
    fn pause(&self) {
        let queue = self.shared.lock();
        let still = |queue: &mut Queue| queue.close_by.is_none() && !queue.reopen;
        drop(
            self.shared
                .work
                .wait_timeout_while(queue, RETRY, still)
                .unwrap_or_else(PoisonError::into_inner),
        );
        // A sink that is being closed must not spin.
        if self.shared.lock().close_by.is_some() {
            std::thread::sleep(GATHER);
        }
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
