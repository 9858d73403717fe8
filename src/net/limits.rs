//! How long, how large and how many: the bounds of the data plane, and the count of open connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The most that `Limits::streams` may be.
pub const MOST_STREAMS: u32 = 10_000;

/// Bounds on a client's connection. The defaults are the documented ones.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the first byte of a request head (or the opening of the connection) to its end.
    pub head_timeout: Duration,
    /// Bytes of a request head.
    pub head_size: usize,
    /// Header fields of a request.
    pub fields: usize,
    /// Between two pieces of a request body.
    pub body_idle: Duration,
    /// While a client takes nothing of an answer.
    pub write_stall: Duration,
    /// Between two requests of a connection.
    pub keep_alive_idle: Duration,
    /// Open connections, over all listeners.
    pub connections: usize,
    /// Open streams of one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            head_size: 64 * 1024,
            fields: 100,
            body_idle: Duration::from_secs(15),
            write_stall: Duration::from_secs(30),
            keep_alive_idle: Duration::from_secs(60),
            connections: 10_000,
            streams: 256,
        }
    }
}

impl Limits {
    /// As many connections as the process has file descriptors for: each may need one to the upstream too, and the
    /// audit log, key refresh and upstream connects keep a reserve.
    #[must_use]
    pub fn within_descriptors(mut self) -> Self {
        if let Some(descriptors) = descriptor_limit() {
            let spare = descriptors.saturating_sub(64) / 2;
            self.connections = self.connections.min(spare.max(16));
        }
        self
    }
}

fn descriptor_limit() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// The count of open connections, in all and by listener, shared by all workers.
#[derive(Debug, Clone)]
pub struct Capacity(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    limit: usize,
    open: AtomicUsize,
    refused: AtomicUsize,
    listeners: Vec<AtomicUsize>,
}

impl Capacity {
    /// No connections yet, at most `limit`, on `listeners` listeners.
    pub fn new(limit: usize, listeners: usize) -> Self {
        Self(Arc::new(Counts {
            limit,
            open: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            listeners: (0..listeners).map(|_| AtomicUsize::new(0)).collect(),
        }))
    }

    /// A place for one more connection on the listener of that index, unless all are taken.
    pub fn admit(&self, listener: usize) -> Option<Slot> {
        let taken = self
            .0
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < self.0.limit).then(|| open.saturating_add(1))
            });
        if taken.is_err() {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        if let Some(count) = self.0.listeners.get(listener) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Some(Slot {
            capacity: self.clone(),
            listener,
        })
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Connections open now on the listener of that index.
    pub fn open_on(&self, listener: usize) -> usize {
        self.0
            .listeners
            .get(listener)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Connections refused so far because the limit was reached.
    pub fn refused(&self) -> usize {
        self.0.refused.load(Ordering::Relaxed)
    }
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    capacity: Capacity,
    listener: usize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let counts = &self.capacity.0;
        counts.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = counts.listeners.get(self.listener) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
        let capacity = Capacity::new(2, 2);
        let first = capacity.admit(0);
        let second = capacity.admit(1);
        assert!(first.is_some() && second.is_some());
        assert!(capacity.admit(0).is_none());
        assert_eq!((capacity.open(), capacity.open_on(1)), (2, 1));
        drop(second);
        assert_eq!((capacity.open(), capacity.open_on(1)), (1, 0));
        assert!(capacity.admit(0).is_some());
        assert_eq!(capacity.refused(), 1);
    }
}
