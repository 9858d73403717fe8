//! An HTTP/1 connection to an upstream that we speak ourselves: a request without a body, which most are, goes out in
//! one piece, and the answer is read as it comes.
//!
//! hyper's client does the same by way of a channel, a task's worth of state and a map of fields for every message;
//! that costs more than all that is decided about a request. Requests with bodies still go that way.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::net::stream::Stream;
use crate::proxy::upstream::READ_AHEAD;
use crate::proxy::upstream::answer::{self, AnswerError, Framing, Head};

/// Room for one read at least.
const ROOM: usize = 8 * 1024;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Not a byte of the request was written.
    #[error("the connection was closed before anything was sent")]
    Unsent,
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[source] io::Error),
    /// The answer cannot be relayed.
    #[error("the answer is not valid")]
    Answer(#[from] AnswerError),
}

/// The connection.
#[derive(Debug)]
pub(super) struct Direct {
    stream: Stream,
    buffer: BytesMut,
    /// How much of the request was written.
    written: usize,
    flushed: bool,
    scanned: usize,
    /// Whether it may serve another exchange after this one.
    keep: bool,
}

impl Direct {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            written: 0,
            flushed: false,
            scanned: 0,
            keep: false,
        }
    }

    /// Whether an idle connection takes another request now: nothing came, not even its end.
    pub(super) fn usable(&mut self) -> bool {
        let mut space = [0; 1];
        let mut space = ReadBuf::new(&mut space);
        let mut context = Context::from_waker(Waker::noop());
        self.buffer.is_empty()
            && Pin::new(&mut self.stream)
                .poll_read(&mut context, &mut space)
                .is_pending()
    }

    /// Makes it ready for another exchange; whether it may have one.
    pub(super) fn rest(&mut self) -> bool {
        if !self.keep || !self.buffer.is_empty() {
            return false;
        }
        self.written = 0;
        self.flushed = false;
        self.scanned = 0;
        self.keep = false;
        if self.buffer.capacity() > ROOM {
            self.buffer = BytesMut::new();
        }
        true
    }

    /// Sends `request` and reads the head of its answer.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        request: &[u8],
        bodiless: bool,
    ) -> Poll<Result<Head, ExchangeError>> {
        let sent = match self.poll_send(context, request) {
            Poll::Ready(Err(_)) if self.written == 0 => {
                return Poll::Ready(Err(ExchangeError::Unsent));
            }
            // It may have answered before it closed.
            Poll::Ready(Err(_)) | Poll::Pending => false,
            Poll::Ready(Ok(())) => true,
        };
        loop {
            if ready!(self.poll_more(context)).map_err(ExchangeError::Io)? == 0 {
                return Poll::Ready(Err(AnswerError::Truncated.into()));
            }
            let head = answer::head(&mut self.buffer, &mut self.scanned, bodiless)?;
            if let Some(head) = head {
                self.keep = sent && head.keep;
                return Poll::Ready(Ok(head));
            }
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>, request: &[u8]) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = request.get(self.written..) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written = self.written.saturating_add(count),
            }
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what there is, behind what was not used yet.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let free = self.buffer.capacity().saturating_sub(self.buffer.len());
        if free < ROOM / 4 {
            // The more has come at once, the more may come.
            let more = self.buffer.capacity().saturating_mul(2);
            self.buffer.reserve(more.clamp(ROOM, READ_AHEAD));
        }
        pin!(self.stream.read_buf(&mut self.buffer)).poll(context)
    }

    /// The whole of a body of known length, if it has come already.
    pub(super) fn whole(&mut self, body: &mut Framing) -> Option<Bytes> {
        let Framing::Length(left) = body else {
            return None;
        };
        let count = usize::try_from(*left).ok();
        let count = count.filter(|count| *count <= self.buffer.len())?;
        *left = 0;
        Some(answer::take(&mut self.buffer, count))
    }

    /// The next piece of the answer's body; `None` at its end.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
        body: &mut Framing,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        loop {
            if let Some(piece) = body.piece(&mut self.buffer)? {
                return Poll::Ready(Some(Ok(piece)));
            }
            if body.is_done() {
                return Poll::Ready(None);
            }
            if ready!(self.poll_more(context)).map_err(ExchangeError::Io)? == 0 {
                body.closed()?;
                return Poll::Ready(None);
            }
        }
    }
}
