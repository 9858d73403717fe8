//! An HTTP/1 connection to an upstream that we speak ourselves: a request goes out in as few pieces as can be, and its
//! answer is read as it comes.
//!
//! hyper's client does the same by way of a channel, a task's worth of state and a map of fields for every message;
//! that costs more than all that is decided about a request.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::net::stream::Stream;
use crate::proxy::body::BodyError;
use crate::proxy::upstream::READ_AHEAD;
use crate::proxy::upstream::answer::{self, AnswerError, Framing, Head, Seen};
use crate::proxy::upstream::sending::{Failure, Sending};

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
    /// The request's body broke off.
    #[error("the request body broke off")]
    Request(#[source] Box<BodyError>),
    /// The request broke off while its answer came.
    #[error("the request broke off while its answer came")]
    Aborted,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Direct {
    stream: Stream,
    buffer: BytesMut,
    /// What of an answer came before its head.
    seen: Seen,
    /// It takes nothing more of a request.
    deaf: bool,
    /// Whether it may serve another exchange after this one.
    keep: bool,
}

impl Direct {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            seen: Seen::default(),
            deaf: false,
            keep: false,
        }
    }

    /// Whether an idle connection takes another request now: nothing came, not even its end.
    pub(super) fn usable(&mut self) -> bool {
        self.buffer.is_empty() && self.stream.is_silent()
    }

    /// Makes it ready for another exchange; whether it may have one.
    pub(super) fn rest(&mut self) -> bool {
        if !self.keep || !self.buffer.is_empty() {
            return false;
        }
        self.seen = Seen::default();
        self.keep = false;
        if self.buffer.capacity() > ROOM {
            self.buffer = BytesMut::new();
        }
        true
    }

    /// Whether the upstream means to go on with it after this exchange, and takes what is sent.
    pub(super) fn stays(&self) -> bool {
        self.keep && !self.deaf
    }

    /// Whether nothing came over it in this exchange.
    pub(super) fn is_silent(&self) -> bool {
        self.buffer.is_empty() && self.seen.is_nothing()
    }

    /// Sends a request and reads the head of its answer.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        request: &mut Sending,
        bodiless: bool,
    ) -> Poll<Result<Head, ExchangeError>> {
        if let Poll::Ready(Err(failure)) = self.poll_send(context, request) {
            match failure {
                Failure::Client(error) => {
                    return Poll::Ready(Err(ExchangeError::Request(Box::new(error))));
                }
                Failure::Upstream(_) if !request.has_begun() => {
                    return Poll::Ready(Err(ExchangeError::Unsent));
                }
                // It may have answered before it closed.
                Failure::Upstream(error) => {
                    tracing::debug!(%error, "no more of a request is taken");
                }
            }
        }
        loop {
            let read = ready!(self.poll_more(context));
            if !request.has_begun() {
                // Nobody was asked yet: whatever this is, it is no answer, and the connection is of no use.
                return Poll::Ready(Err(ExchangeError::Unsent));
            }
            if read.map_err(ExchangeError::Io)? == 0 {
                return Poll::Ready(Err(AnswerError::Truncated.into()));
            }
            if let Some(head) = answer::head(&mut self.buffer, &mut self.seen, bodiless)? {
                self.keep = head.keep;
                return Poll::Ready(self.begin(context, head));
            }
        }
    }

    /// The head of an answer is there. If nothing of its body is, and the connection has ended, nothing will be: then
    /// there is no answer yet that a client would have to be told of.
    fn begin(&mut self, context: &mut Context<'_>, mut head: Head) -> Result<Head, ExchangeError> {
        if self.buffer.is_empty()
            && !head.body.is_done()
            && let Poll::Ready(read) = self.poll_more(context)
            && read.map_err(ExchangeError::Io)? == 0
        {
            head.body.closed()?;
        }
        Ok(head)
    }

    /// Sends what there is of a request.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        request: &mut Sending,
    ) -> Poll<Result<(), Failure>> {
        if self.deaf {
            let error = io::ErrorKind::BrokenPipe.into();
            return Poll::Ready(Err(Failure::Upstream(error)));
        }
        let sent = request.poll_send(context, &mut self.stream);
        if matches!(sent, Poll::Ready(Err(Failure::Upstream(_)))) {
            self.deaf = true;
        }
        sent
    }

    /// Reads what there is, behind what was not used yet.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.capacity() == 0 {
            return self.poll_first(context);
        }
        let free = self.buffer.capacity().saturating_sub(self.buffer.len());
        if free < ROOM / 4 {
            // The more has come at once, the more may come.
            let more = self.buffer.capacity().saturating_mul(2);
            self.buffer.reserve(more.clamp(ROOM, READ_AHEAD));
        }
        pin!(self.stream.read_buf(&mut self.buffer)).poll(context)
    }

    /// The same while there is no room: it is made when something has come, as many may wait long for an answer.
    fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [const { MaybeUninit::uninit() }; ROOM / 2];
        let mut space = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
        let came = space.filled();
        if !came.is_empty() {
            self.buffer.reserve(ROOM);
            self.buffer.extend_from_slice(came);
        }
        Poll::Ready(Ok(came.len()))
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};

    use super::*;
    use crate::net::stream::Plain;
    use crate::proxy::upload::RequestBody;
    use crate::proxy::upstream::sending::Measure;

    /// An exchange with an upstream that has said this, and ended, before it is looked at.
    async fn exchange(said: &str) -> Result<Head, ExchangeError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut upstream, _) = listener.accept().unwrap();
        upstream.write_all(said.as_bytes()).unwrap();
        upstream.shutdown(Shutdown::Write).unwrap();
        // Its end is here when ours is there.
        let mut direct = Direct::new(Stream::Plain(Plain::Tcp(stream)));
        let mut request = Sending::new(b"GET".to_vec(), RequestBody::empty(), Measure::Nothing);
        poll_fn(|context| direct.poll_send(context, &mut request))
            .await
            .unwrap();
        upstream.read_exact(&mut [0; 3]).unwrap();
        poll_fn(|context| direct.poll_exchange(context, &mut request, false)).await
    }

    #[tokio::test]
    async fn a_head_alone_is_no_answer_unless_it_is_all_of_one() {
        for said in ["Content-Length: 9", "Transfer-Encoding: chunked"] {
            let answer = exchange(&format!("HTTP/1.1 200 OK\r\n{said}\r\n\r\n")).await;
            let why = answer.unwrap_err();
            assert!(
                matches!(why, ExchangeError::Answer(AnswerError::Truncated)),
                "{why}"
            );
        }
        for said in [
            "Content-Length: 0\r\n\r\n",
            "\r\n",
            "Content-Length: 9\r\n\r\nabc",
        ] {
            let answer = exchange(&format!("HTTP/1.1 200 OK\r\n{said}"))
                .await
                .unwrap();
            assert_eq!(answer.body.is_done(), !said.ends_with("abc"), "{said}");
        }
    }
}
