//! Bytes that pass both ways after an upgrade, until either side ends, nothing has passed for too long, or policy says so.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::proxy::frames::{Frames, POLICY_VIOLATION};
use crate::proxy::streams::Watch;

/// What is read at once in each direction.
const PIECE: usize = 16 * 1024;
/// How long a frame that is under way may take to end before the connection is cut in its middle.
const FRAME_GRACE: Duration = Duration::from_millis(500);

/// One direction.
struct Pipe {
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
    ended: bool,
    closed: bool,
    frames: Frames,
    /// Whether anything has passed since this was last asked.
    moved: bool,
}

impl Pipe {
    fn new() -> Self {
        Self {
            buffer: vec![0; PIECE].into_boxed_slice(),
            from: 0,
            to: 0,
            ended: false,
            closed: false,
            frames: Frames::default(),
            moved: false,
        }
    }

    /// Passes on what there is. With `to_boundary`, no more than ends the open frame; ready when that is done.
    fn poll<R, W>(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
        to_boundary: bool,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if to_boundary && self.frames.at_boundary() {
                return Pin::new(&mut *writer).poll_flush(context);
            }
            let waiting = self.buffer.get(self.from..self.to).unwrap_or_default();
            if !waiting.is_empty() {
                let most = if to_boundary {
                    self.frames.to_boundary(waiting)
                } else {
                    waiting.len()
                };
                let piece = waiting.get(..most).unwrap_or(waiting);
                let written = ready!(Pin::new(&mut *writer).poll_write(context, piece))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.frames.pass(piece.get(..written).unwrap_or(piece));
                self.from = self.from.saturating_add(written);
                self.moved = true;
                continue;
            }
            if self.ended {
                if !self.closed {
                    ready!(Pin::new(&mut *writer).poll_shutdown(context))?;
                    self.closed = true;
                }
                return Poll::Ready(Ok(()));
            }
            (self.from, self.to) = (0, 0);
            let mut space = ReadBuf::new(&mut self.buffer);
            match Pin::new(&mut *reader).poll_read(context, &mut space) {
                Poll::Ready(read) => {
                    read?;
                    self.to = space.filled().len();
                    self.ended = self.to == 0;
                }
                Poll::Pending => {
                    // Nothing more for now: what was written must not wait for more.
                    ready!(Pin::new(&mut *writer).poll_flush(context))?;
                    return Poll::Pending;
                }
            }
        }
    }
}

/// How a tunnel is ended when policy no longer allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// By a close frame between two frames.
    WebSocket,
    /// By an end in the middle.
    Unknown,
}

/// Joins both sides.
pub async fn join<C, U>(
    mut client: C,
    mut upstream: U,
    manner: Manner,
    watch: Watch,
    idle: Duration,
) where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut up = Pipe::new();
    let mut down = Pipe::new();
    let mut timer = Box::pin(tokio::time::sleep(idle));
    let passing = watch.unless_ended(poll_fn(|context| {
        let sent = up.poll(context, &mut client, &mut upstream, false)?;
        let got = down.poll(context, &mut upstream, &mut client, false)?;
        if sent.is_ready() && got.is_ready() {
            return Poll::Ready(Ok(()));
        }
        is_idle(&mut up, &mut down, &mut timer, idle, context)
    }));
    match passing.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an upgraded connection ended"),
        Err(reason) => {
            tracing::info!(reason = reason.label(), "an open stream was ended");
            if manner == Manner::WebSocket {
                // Whether the client takes it is its own affair: it is cut in any case.
                let _ = tokio::time::timeout(FRAME_GRACE, async {
                    poll_fn(|context| down.poll(context, &mut upstream, &mut client, true)).await?;
                    client.write_all(&POLICY_VIOLATION).await?;
                    client.shutdown().await
                })
                .await;
            }
        }
    }
}

/// Ready with an error when nothing has passed for that long.
fn is_idle(
    up: &mut Pipe,
    down: &mut Pipe,
    timer: &mut Pin<Box<Sleep>>,
    idle: Duration,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while timer.as_mut().poll(context).is_ready() {
        let moved = std::mem::take(&mut up.moved) | std::mem::take(&mut down.moved);
        let next = Instant::now().checked_add(idle).filter(|_| moved);
        let Some(next) = next else {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        timer.as_mut().reset(next);
    }
    Poll::Pending
}
