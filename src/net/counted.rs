//! An answer's body on its way to the client: its end ends the request, and an HTTP/2 stream's pace is noted.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::net::pulse::Line;
use crate::net::stall::{Pace, SMALL};

/// Counts a request as under way until dropped.
#[derive(Debug)]
pub struct UnderWay(pub(super) Rc<Line>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

pin_project_lite::pin_project! {
    /// An answer's body, whose end ends the request.
    pub(super) struct Counted<B> {
        #[pin]
        body: B,
        pace: Option<Rc<Pace>>,
        handed_over: usize,
        ended: bool,
        under_way: UnderWay,
    }
}

impl<B> Counted<B> {
    /// `pace`: of the HTTP/2 stream that the answer goes out on.
    pub(super) fn new(body: B, pace: Option<Rc<Pace>>, under_way: UnderWay) -> Self {
        Self {
            body,
            pace,
            handed_over: 0,
            ended: false,
            under_way,
        }
    }

    /// Whether the end of the body is told by itself, behind its last piece: it is asked for only when that piece is on
    /// its way, and until then the stream is followed.
    fn ends_apart(&self) -> bool {
        self.pace.is_some() && self.handed_over > SMALL && !self.ended
    }
}

impl<B: Body<Data = Bytes>> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let Some(pace) = this.pace else {
            return this.body.poll_frame(context);
        };
        pace.asked();
        let polled = this.body.poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                *this.handed_over = this.handed_over.saturating_add(length);
                pace.handed_over(this.under_way.0.now());
            }
            Poll::Ready(None | Some(Err(_))) => *this.ended = true,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.ends_apart()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
