//! An answer's body on its way to the client, frame by frame, and why bodies end before their end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::outcome::Reason;
use crate::proxy::aws_chunked::CodingError;
use crate::proxy::reply;
use crate::proxy::streamed::{StreamError, Streamed};
use crate::proxy::streams::Watch;
use crate::proxy::upstream::answer::Framing;
use crate::proxy::upstream::{ExchangeError, Lease};

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client's body has a fault, or the client is gone.
    #[error("the request body cannot be read")]
    Client(#[source] StreamError),
    /// It is not what was signed.
    #[error("the request body is not what was signed")]
    Coding(#[source] CodingError),
    /// The client sent nothing for too long.
    #[error("the request body did not come in time")]
    Idle,
    /// It is longer or shorter than its head says.
    #[error("the request body is not as long as its head says")]
    Length,
    /// The upstream's body has a fault, or the upstream is gone.
    #[error("the upstream's answer broke off")]
    Upstream(#[source] StreamError),
    /// The same.
    #[error("the upstream's answer broke off")]
    Answer(#[source] ExchangeError),
    /// The stream is no longer allowed.
    #[error("the stream is no longer allowed")]
    Ended,
}

/// An answer's body, as the client's connection takes it.
#[derive(Debug)]
pub struct Relay(Answer);

#[derive(Debug)]
enum Answer {
    Whole(Bytes),
    Upstream {
        source: Source,
        lease: Lease,
        obeys: Option<Box<Obeys>>,
    },
    /// It broke off, and whoever takes it has yet to learn that.
    Broken(BodyError),
}

/// Who reads an answer's body.
#[derive(Debug)]
enum Source {
    Hyper(Streamed),
    Ourselves(Framing),
}

impl Source {
    fn poll_frame(
        &mut self,
        lease: &mut Lease,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Hyper(incoming) => Pin::new(incoming)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BodyError::Upstream))),
            Self::Ourselves(body) => lease
                .poll_piece(context, body)
                .map(|frame| frame.map(|frame| frame.map_err(BodyError::Answer))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hyper(incoming) => incoming.is_end_stream(),
            Self::Ourselves(body) => body.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(incoming) => incoming.size_hint(),
            Self::Ourselves(body) => body.size_hint(),
        }
    }
}

/// What an answer that lasts is ended by, and how.
#[derive(Debug)]
struct Obeys {
    watch: Watch,
    trailers: bool,
}

impl Relay {
    /// No body.
    pub fn empty() -> Self {
        Self(Answer::Whole(Bytes::new()))
    }

    /// Our own text.
    pub fn full(bytes: Bytes) -> Self {
        Self(Answer::Whole(bytes))
    }

    /// Our own text, if it is that.
    pub fn text(&self) -> &[u8] {
        match &self.0 {
            Answer::Whole(bytes) => bytes,
            Answer::Upstream { .. } | Answer::Broken(_) => &[],
        }
    }

    /// The upstream's body. Its connection goes back to the pool when it has ended.
    pub fn upstream(incoming: Streamed, lease: Lease) -> Self {
        if incoming.is_end_stream() {
            lease.give_back();
            return Self::empty();
        }
        Self(Answer::Upstream {
            source: Source::Hyper(incoming),
            lease,
            obeys: None,
        })
    }

    /// The same, of an exchange without hyper.
    pub fn direct(mut body: Framing, mut lease: Lease) -> Self {
        if body.is_done() {
            lease.give_back();
            return Self::empty();
        }
        if let Some(whole) = lease.whole(&mut body) {
            lease.give_back();
            return Self::full(whole);
        }
        Self(Answer::Upstream {
            source: Source::Ourselves(body),
            lease,
            obeys: None,
        })
    }

    /// Ends the body when `watch` says so: with the trailers that a gRPC client understands, or in its middle.
    pub fn obey(&mut self, watch: Watch, trailers: bool) {
        if let Answer::Upstream { obeys, .. } = &mut self.0 {
            *obeys = Some(Box::new(Obeys { watch, trailers }));
        }
    }

    /// The last frame of a body that may not go on.
    fn ended(&mut self, trailers: bool, reason: Reason) -> Result<Frame<Bytes>, BodyError> {
        tracing::info!(reason = reason.label(), "an open stream was ended");
        self.0 = Answer::Whole(Bytes::new());
        if trailers {
            Ok(Frame::trailers(reply::ended_trailers()))
        } else {
            Err(BodyError::Ended)
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.0 {
            Answer::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Answer::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Answer::Upstream {
                source,
                lease,
                obeys,
            } => {
                if let Some(obeys) = obeys
                    && let Poll::Ready(reason) = obeys.watch.poll_ended(context)
                {
                    let trailers = obeys.trailers;
                    return Poll::Ready(Some(self.ended(trailers, reason)));
                }
                source.poll_frame(lease, context)
            }
            Answer::Broken(_) => {
                let broken = std::mem::replace(&mut self.0, Answer::Whole(Bytes::new()));
                return Poll::Ready(match broken {
                    Answer::Broken(error) => Some(Err(error)),
                    Answer::Whole(_) | Answer::Upstream { .. } => None,
                });
            }
        };
        if let Poll::Ready(Some(Err(error))) = polled {
            // What came before has a chance to be sent on first: with the error in hand the client's connection would
            // drop it.
            self.0 = Answer::Broken(error);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let ended = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.is_end_stream(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if ended
            && let Answer::Upstream { lease, .. } =
                std::mem::replace(&mut self.0, Answer::Whole(Bytes::new()))
        {
            lease.give_back();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Answer::Whole(bytes) => bytes.is_empty(),
            Answer::Upstream { source, .. } => source.is_end_stream(),
            Answer::Broken(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Answer::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Answer::Upstream { source, .. } => source.size_hint(),
            Answer::Broken(_) => SizeHint::default(),
        }
    }
}
