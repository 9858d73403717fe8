//! A client's body on its way upstream, frame by frame.
//!
//! A fault in it ends it with an error, never with its end, so that the upstream cannot take what came before for the
//! whole.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::outcome::Reason;
use crate::proxy::aws_chunked::Coding;
use crate::proxy::body::BodyError;
use crate::proxy::headers::{self, Strip};
use crate::proxy::inbound::Share;
use crate::proxy::streamed::Streamed;

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
    Whole(Bytes, Share),
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

    /// What was read before, if it was; else the body itself.
    pub(super) fn known(self) -> Result<(Bytes, Option<Share>), Self> {
        match self.0 {
            Kind::None => Ok((Bytes::new(), None)),
            Kind::Whole(bytes, share) => Ok((bytes, Some(share))),
            kind @ (Kind::Upload(_) | Kind::Coded(_)) => Err(Self(kind)),
        }
    }

    /// The upstream takes nothing for now: until it does, the client is not waited for.
    pub(super) fn pause(&self) {
        match &self.0 {
            Kind::None | Kind::Whole(..) => {}
            Kind::Upload(upload) => upload.progress.waiting.set(false),
            Kind::Coded(coded) => coded.upload.progress.waiting.set(false),
        }
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
                    headers::clean_trailers(trailers, &self.strip);
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
