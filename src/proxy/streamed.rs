//! A body as hyper reads it, that ends only where its sender said so.
//!
//! hyper takes RST_STREAM with NO_ERROR, and the like GOAWAY, for the end of an HTTP/2 body, as a server may send them
//! behind a whole answer (RFC 9113, section 8.1). Without END_STREAM they are no end: what came is a part, and must not
//! look like the whole to whoever gets it. Nor is a body whole whose trailers were found to be malformed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::net::http2;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It has a fault, or its sender is gone.
    #[error(transparent)]
    Hyper(#[from] hyper::Error),
    /// Its stream ended, and the body did not.
    #[error("its stream was closed before its end")]
    CutOff,
    /// Its trailers are none (RFC 9113, 8.1).
    #[error("its trailers are malformed")]
    Trailers,
}

/// The body.
#[derive(Debug)]
pub struct Streamed {
    incoming: Incoming,
    http2: bool,
}

impl Streamed {
    /// That of a message of this version.
    pub fn new(incoming: Incoming, version: Version) -> Self {
        Self {
            incoming,
            http2: version == Version::HTTP_2,
        }
    }

    /// Whether its end came: all that was announced is not enough.
    fn is_whole(&self) -> bool {
        !self.http2 || self.incoming.is_end_stream()
    }
}

/// Whether `net` has put them in the place of others.
fn are_faulty(trailers: &HeaderMap) -> bool {
    http2::fault(trailers).is_some()
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.trailers_ref().is_some_and(are_faulty) => {
                Some(Err(StreamError::Trailers))
            }
            Some(frame) => Some(frame.map_err(StreamError::Hyper)),
            None if self.is_whole() => None,
            None => Some(Err(StreamError::CutOff)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
