//! Bodies on their way, frame by frame: the client's towards the upstream, and the answer's towards the client.
//!
//! A fault in the client's body ends it with an error, never with its end, so that the upstream cannot take what came
//! before for the whole.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::outcome::Reason;
use crate::proxy::aws_chunked::{Coding, CodingError};
use crate::proxy::headers::Strip;
use crate::proxy::inbound::Share;
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

/// How far a request's body has got, as whoever waits for the answer needs to know it. Without a body there is
/// nothing to share.
#[derive(Debug, Default)]
pub struct Progress(Option<Rc<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    done: Cell<bool>,
    /// When the last frame went upstream.
    taken: Cell<Option<Instant>>,
    waiting: Cell<bool>,
    failed: Cell<Option<Reason>>,
}

impl Progress {
    /// Whether the whole body went upstream.
    pub fn done(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.done.get())
    }

    /// How long ago a frame went upstream, if one did.
    pub fn since_taken(&self) -> Option<Duration> {
        let taken = self.0.as_ref()?.taken.get()?;
        Some(taken.elapsed())
    }

    /// Whether the upstream would take more than the client has sent.
    pub fn waiting(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.waiting.get())
    }

    /// Why it broke off, if it did.
    pub fn failed(&self) -> Option<Reason> {
        self.0.as_ref().and_then(|shared| shared.failed.get())
    }
}

/// A request's body, as the upstream's connection takes it.
#[derive(Debug)]
pub struct RequestBody(Kind);

#[derive(Debug)]
enum Kind {
    None,
    /// Read whole before; its share of what all may hold goes with it.
    Whole(
        Bytes,
        #[expect(dead_code, reason = "held until the body is gone")] Share,
    ),
    Upload(Upload),
    /// What must be verified and undone on the way.
    Coded(Box<Coded>),
}

#[derive(Debug)]
struct Coded {
    upload: Upload,
    coding: Coding,
    ended: bool,
}

#[derive(Debug)]
struct Upload {
    incoming: Streamed,
    progress: Rc<Shared>,
    strip: Rc<Strip>,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// No body.
    pub fn empty() -> Self {
        Self(Kind::None)
    }

    /// A body that was read before.
    pub fn whole(bytes: Bytes, share: Share) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        Self(Kind::Whole(bytes, share))
    }

    /// The client's body, which may pause for `idle` at most, and how far it has got.
    pub fn new(incoming: Streamed, strip: &Rc<Strip>, idle: Duration) -> (Self, Progress) {
        if incoming.is_end_stream() {
            return (Self::empty(), Progress(None));
        }
        let (upload, progress) = Upload::new(incoming, strip, idle);
        (Self(Kind::Upload(upload)), progress)
    }

    /// The same, of which only what `coding` has verified and undone goes on.
    pub fn coded(
        incoming: Streamed,
        strip: &Rc<Strip>,
        idle: Duration,
        coding: Coding,
    ) -> (Self, Progress) {
        let (upload, progress) = Upload::new(incoming, strip, idle);
        let coded = Coded {
            upload,
            coding,
            ended: false,
        };
        (Self(Kind::Coded(Box::new(coded))), progress)
    }
}

impl Upload {
    fn new(incoming: Streamed, strip: &Rc<Strip>, idle: Duration) -> (Self, Progress) {
        let progress = Rc::new(Shared::default());
        let upload = Self {
            incoming,
            progress: Rc::clone(&progress),
            strip: Rc::clone(strip),
            idle,
            timer: None,
        };
        (upload, Progress(Some(progress)))
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(mut frame))) => {
                self.progress.waiting.set(false);
                if let Some(trailers) = frame.trailers_mut() {
                    self.strip.remove(trailers);
                }
                self.progress.taken.set(Some(Instant::now()));
                self.progress.done.set(self.incoming.is_end_stream());
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.progress.failed.set(Some(Reason::MalformedRequest));
                Poll::Ready(Some(Err(BodyError::Client(error))))
            }
            Poll::Ready(None) => {
                self.progress.taken.set(Some(Instant::now()));
                self.progress.done.set(true);
                Poll::Ready(None)
            }
            Poll::Pending => self.wait(context),
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let timer = match &mut self.timer {
            Some(timer) => {
                if !self.progress.waiting.get()
                    && let Some(deadline) = Instant::now().checked_add(self.idle)
                {
                    timer.as_mut().reset(deadline);
                }
                timer
            }
            none => none.insert(Box::pin(tokio::time::sleep(self.idle))),
        };
        self.progress.waiting.set(true);
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.progress.failed.set(Some(Reason::BodyTimeout));
        Poll::Ready(Some(Err(BodyError::Idle)))
    }
}

impl Coded {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while !self.ended {
            let verified = match std::task::ready!(self.upload.poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.coding.push(&data),
                    // Nobody signed these; the signed ones are inside the body.
                    Err(_) => continue,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.ended = true;
                    self.coding.finish()
                }
            };
            let progress = &self.upload.progress;
            progress.done.set(self.ended);
            match verified {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Err(error) => {
                    self.ended = true;
                    tracing::info!(%error, "a signed body was given up");
                    progress.done.set(false);
                    progress.failed.set(Some(error.reason()));
                    return Poll::Ready(Some(Err(BodyError::Coding(error))));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Kind::None => Poll::Ready(None),
            Kind::Whole(bytes, _) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes, _) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Upload(upload) => upload.poll_frame(context),
            Kind::Coded(coded) => coded.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::None => true,
            Kind::Whole(bytes, _) => bytes.is_empty(),
            Kind::Upload(upload) => upload.incoming.is_end_stream(),
            Kind::Coded(coded) => coded.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::None => SizeHint::with_exact(0),
            Kind::Whole(bytes, _) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Kind::Upload(upload) => upload.incoming.size_hint(),
            Kind::Coded(coded) => match coded.coding.length() {
                Some(length) => SizeHint::with_exact(length),
                None => SizeHint::default(),
            },
        }
    }
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
            Self::Hyper(incoming) => lease
                .drive(context, |context| {
                    Pin::new(&mut *incoming).poll_frame(context)
                })
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
            Answer::Upstream { .. } => &[],
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
        };
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
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Answer::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Answer::Upstream { source, .. } => source.size_hint(),
        }
    }
}
