//! A request's body until it is known where it goes: left alone, unless a signature is over it. Then it is read whole,
//! within limits, and kept for the upstream, which gets no byte of it before it was verified.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http_body::Body as _;

use crate::gate::{Body, Hashing};
use crate::outcome::Reason;
use crate::proxy::aws_chunked::Coding;
use crate::proxy::headers::Strip;
use crate::proxy::streamed::Streamed;
use crate::proxy::upload::{Progress, RequestBody};

/// How many bytes of bodies the whole process may hold.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    most: usize,
}

impl Budget {
    /// Nothing is held yet.
    pub fn new(most: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            most,
        }
    }
}

/// A share of the budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    size: usize,
}

impl Share {
    fn of(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            size: 0,
        }
    }

    fn grow(&mut self, more: usize) -> Result<(), Reason> {
        let most = self.budget.most;
        let add = |used: usize| used.checked_add(more).filter(|sum| *sum <= most);
        let used = &self.budget.used;
        used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .map_err(|_| Reason::Throttled)?;
        self.size = self.size.saturating_add(more);
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// A request's body.
#[derive(Debug)]
pub struct Inbound<'p> {
    state: RefCell<State>,
    idle: Duration,
    most: usize,
    budget: &'p Arc<Budget>,
}

#[derive(Debug)]
enum State {
    Unread(Streamed),
    Whole(Whole),
    /// Reading it failed, or goes on.
    Gone,
}

#[derive(Debug)]
struct Whole {
    bytes: Bytes,
    hash: [u8; 32],
    share: Share,
}

impl<'p> Inbound<'p> {
    /// A body that was not read yet. If it must be, then within these limits: `idle` between two pieces, `most` bytes.
    pub fn new(incoming: Streamed, idle: Duration, most: usize, budget: &'p Arc<Budget>) -> Self {
        Self {
            state: RefCell::new(State::Unread(incoming)),
            idle,
            most,
            budget,
        }
    }

    /// Whether it was read whole.
    pub fn was_read(&self) -> bool {
        matches!(&*self.state.borrow(), State::Whole(_))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(&*self.state.borrow(), State::Unread(incoming) if incoming.is_end_stream())
    }

    /// As it goes upstream, and how far it has got.
    ///
    /// # Errors
    /// When it could not be read.
    pub fn into_body(
        self,
        strip: &Rc<Strip>,
        coding: Option<Coding>,
    ) -> Result<(RequestBody, Progress), Reason> {
        match (self.state.into_inner(), coding) {
            (State::Unread(incoming), None) => Ok(RequestBody::new(incoming, strip, self.idle)),
            (State::Unread(incoming), Some(coding)) => {
                Ok(RequestBody::coded(incoming, strip, self.idle, coding))
            }
            (State::Whole(whole), None) => Ok((
                RequestBody::whole(whole.bytes, whole.share),
                Progress::default(),
            )),
            (State::Whole(_) | State::Gone, _) => Err(Reason::Internal),
        }
    }

    async fn read(&self) -> Result<[u8; 32], Reason> {
        let incoming = match self.state.replace(State::Gone) {
            State::Unread(incoming) => incoming,
            State::Whole(whole) => {
                let hash = whole.hash;
                self.state.replace(State::Whole(whole));
                return Ok(hash);
            }
            State::Gone => return Err(Reason::Internal),
        };
        let whole = self.whole(incoming).await?;
        let hash = whole.hash;
        self.state.replace(State::Whole(whole));
        Ok(hash)
    }

    async fn whole(&self, mut incoming: Streamed) -> Result<Whole, Reason> {
        let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.most {
            return Err(Reason::BodyTooLarge);
        }
        let mut share = Share::of(self.budget);
        let mut bytes = Vec::new();
        while !incoming.is_end_stream() {
            let frame = poll_fn(|context| Pin::new(&mut incoming).poll_frame(context));
            let frame = tokio::time::timeout(self.idle, frame)
                .await
                .map_err(|_| Reason::BodyTimeout)?;
            let Some(frame) = frame else { break };
            // Trailers are not signed, and go no further.
            if let Ok(data) = frame.map_err(|_| Reason::MalformedRequest)?.into_data() {
                if data.len() > self.most.saturating_sub(bytes.len()) {
                    return Err(Reason::BodyTooLarge);
                }
                share.grow(data.len())?;
                bytes.extend_from_slice(&data);
            }
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &bytes).as_ref());
        Ok(Whole {
            bytes: Bytes::from(bytes),
            hash,
            share,
        })
    }
}

impl Body for Inbound<'_> {
    fn hash(&self) -> Hashing<'_> {
        Box::pin(self.read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_together_and_given_back() {
        let budget = Arc::new(Budget::new(10));
        let mut one = Share::of(&budget);
        let mut other = Share::of(&budget);
        assert_eq!(one.grow(6), Ok(()));
        assert_eq!(other.grow(5), Err(Reason::Throttled));
        assert_eq!(other.grow(4), Ok(()));
        assert_eq!(one.grow(usize::MAX), Err(Reason::Throttled));
        drop(one);
        assert_eq!(other.grow(6), Ok(()));
        drop(other);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
