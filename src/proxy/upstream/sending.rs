//! A request on its way to an HTTP/1 upstream: its head as it was written, and its body in the one framing that the head
//! announces.
//!
//! What is to go out next is put together first, so that a head and a short body take one call to the system; no more of
//! a body is asked for than the upstream takes. Whatever goes wrong with a body leaves it without its end.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http_body::{Body, Frame};
use tokio::io::AsyncWrite;

use crate::net::stream::Stream;
use crate::proxy::body::BodyError;
use crate::proxy::headers;
use crate::proxy::inbound::Share;
use crate::proxy::upload::RequestBody;

/// Pieces up to here are copied behind what goes out before them.
const SHORT: usize = 2048;
/// With so much to go out, no more is put together.
const FULL: usize = 16 * 1024;

/// How a head says where its body ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Measure {
    /// There is none.
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks, with trailers of these names behind them.
    Chunks(Vec<HeaderName>),
}

impl Measure {
    /// The one of a body.
    pub fn of(body: &RequestBody) -> Self {
        if body.is_end_stream() {
            return Self::Nothing;
        }
        match body.size_hint().exact() {
            Some(length) => Self::Length(length),
            None => Self::Chunks(Vec::new()),
        }
    }
}

/// Why a request does not go on.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection takes nothing more.
    Upstream(io::Error),
    /// The body broke off.
    Client(BodyError),
}

/// The request.
#[derive(Debug)]
pub struct Sending {
    /// What goes out next: these three, one behind the other.
    front: Vec<u8>,
    data: Bytes,
    back: Vec<u8>,
    /// How much of them was written.
    at: usize,
    flushed: bool,
    /// How many bytes of the request were.
    written: u64,
    /// Whether all of the request stays in the three, whatever was written.
    kept: bool,
    rest: Option<Box<Rest>>,
    /// Of what all bodies may hold.
    _share: Option<Share>,
}

/// What of a body is still to come.
#[derive(Debug)]
struct Rest {
    body: RequestBody,
    measure: Measure,
}

impl Sending {
    /// A head, which announces `measure`, and its body.
    pub fn new(head: Vec<u8>, body: RequestBody, measure: Measure) -> Self {
        let (data, share, rest) = match body.known() {
            Ok((bytes, share)) => (bytes, share, None),
            // Nothing that could come would belong to it.
            Err(_) if matches!(measure, Measure::Nothing) => (Bytes::new(), None, None),
            Err(body) => (Bytes::new(), None, Some(Box::new(Rest { body, measure }))),
        };
        Self {
            front: head,
            data,
            back: Vec::new(),
            at: 0,
            flushed: false,
            written: 0,
            kept: rest.is_none(),
            rest,
            _share: share,
        }
    }

    /// What is left of it goes elsewhere.
    pub(super) fn hand_over(&mut self) -> Self {
        let nothing = Self::new(Vec::new(), RequestBody::empty(), Measure::Nothing);
        std::mem::replace(self, nothing)
    }

    /// Whether any byte of it was written.
    pub(super) fn has_begun(&self) -> bool {
        self.written > 0
    }

    /// Whether all of it was written.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none() && self.left() == 0 && self.flushed
    }

    /// The buffer that the head was in, once nobody needs it any more: the next request's head will find it in the
    /// processor's caches.
    pub(in crate::proxy) fn spare(&mut self) -> Option<Vec<u8>> {
        let spent = !self.kept && self.front.capacity() > 0 && self.is_whole();
        spent.then(|| std::mem::take(&mut self.front))
    }

    /// How many bytes of it were written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Nobody will ask for it again: what was written need not be kept.
    pub fn is_sent_once(&mut self) {
        self.kept = false;
    }

    /// Begins anew, if nothing of it is gone.
    pub fn rewind(&mut self) -> bool {
        if self.has_begun() && !self.kept {
            return false;
        }
        self.at = 0;
        self.written = 0;
        self.flushed = false;
        true
    }

    fn left(&self) -> usize {
        let all = self.front.len().saturating_add(self.data.len());
        all.saturating_add(self.back.len()).saturating_sub(self.at)
    }

    /// Writes what there is; ready when all of the request was written.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<Result<(), Failure>> {
        loop {
            let filled = if self.at == 0 {
                self.poll_fill(context).map_err(Failure::Client)?
            } else {
                Poll::Ready(())
            };
            if self.waits_for_end() {
                return Poll::Pending;
            }
            if self.left() > 0 {
                let Poll::Ready(wrote) = self.poll_write(context, stream) else {
                    if let Some(rest) = &self.rest {
                        rest.body.pause();
                    }
                    return Poll::Pending;
                };
                self.wrote(wrote.map_err(Failure::Upstream)?)
                    .map_err(Failure::Upstream)?;
                continue;
            }
            if !self.flushed {
                ready!(Pin::new(&mut *stream).poll_flush(context)).map_err(Failure::Upstream)?;
                self.flushed = true;
            }
            if self.rest.is_none() {
                return Poll::Ready(Ok(()));
            }
            ready!(filled);
        }
    }

    fn poll_write(
        &self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(stream);
        if self.data.is_empty() {
            let front = self.front.get(self.at..).unwrap_or_default();
            return stream.poll_write(context, front);
        }
        let mut gone = self.at;
        let pieces = [&*self.front, &*self.data, &*self.back].map(|piece| {
            let here = gone.min(piece.len());
            gone = gone.saturating_sub(here);
            IoSlice::new(piece.get(here..).unwrap_or_default())
        });
        stream.poll_write_vectored(context, &pieces)
    }

    fn wrote(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.at = self.at.saturating_add(count);
        let more = u64::try_from(count).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(more);
        self.flushed = false;
        if self.left() == 0 && !self.kept {
            // Many wait long for what comes next of their clients, or of their upstreams: of these the buffer is taken
            // back as a whole.
            self.front.clear();
            if self.rest.is_some() || self.front.capacity() > FULL {
                self.front = Vec::new();
            }
            self.data = Bytes::new();
            self.back.clear();
            self.at = 0;
        }
        Ok(())
    }

    /// Whether all bytes that were announced are here, and not yet that nothing comes behind them: over HTTP/2 that is
    /// told apart. The last of them stay here until then, or what is broken would look complete to the upstream.
    fn waits_for_end(&self) -> bool {
        let measure = self.rest.as_ref().map(|rest| &rest.measure);
        matches!(measure, Some(Measure::Length(0)))
    }

    /// Takes of the body what there is and has room.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while (self.data.is_empty() && self.front.len() < FULL || self.waits_for_end())
            && let Some(rest) = &mut self.rest
        {
            match ready!(Pin::new(&mut rest.body).poll_frame(context)) {
                Some(frame) => self.take(frame?)?,
                None => self.end(None)?,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<(), BodyError> {
        let data = match frame.into_data() {
            // An empty chunk would be the last one.
            Ok(data) if data.is_empty() => return Ok(()),
            Ok(data) => data,
            Err(frame) => return self.end(frame.into_trailers().ok()),
        };
        let Some(rest) = &mut self.rest else {
            return Ok(());
        };
        match &mut rest.measure {
            Measure::Nothing => Err(BodyError::Length),
            Measure::Length(left) => {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                *left = left.checked_sub(length).ok_or(BodyError::Length)?;
                if *left == 0 && rest.body.is_end_stream() {
                    self.rest = None;
                }
                self.put(data);
                Ok(())
            }
            Measure::Chunks(_) => {
                // Writing to memory does not fail.
                let _ = write!(self.front, "{:x}\r\n", data.len());
                self.put(data);
                self.behind().extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    fn put(&mut self, data: Bytes) {
        if data.len() <= SHORT {
            self.front.extend_from_slice(&data);
        } else {
            self.data = data;
        }
    }

    /// Where what comes behind the data goes.
    fn behind(&mut self) -> &mut Vec<u8> {
        if self.data.is_empty() {
            &mut self.front
        } else {
            &mut self.back
        }
    }

    /// The body has ended.
    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), BodyError> {
        let Some(rest) = self.rest.take() else {
            return Ok(());
        };
        match rest.measure {
            Measure::Nothing | Measure::Length(0) => Ok(()),
            Measure::Length(_) => Err(BodyError::Length),
            Measure::Chunks(announced) => {
                let end = self.behind();
                end.extend_from_slice(b"0\r\n");
                for (name, value) in &trailers.unwrap_or_default() {
                    if announced.contains(name) {
                        headers::line(end, name.as_str(), value);
                    }
                }
                end.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    /// Takes what still comes of the body, and drops it.
    pub(super) fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(rest) = &mut self.rest {
            if !matches!(
                ready!(Pin::new(&mut rest.body).poll_frame(context)),
                Some(Ok(_))
            ) {
                self.rest = None;
            }
        }
        Poll::Ready(())
    }
}
