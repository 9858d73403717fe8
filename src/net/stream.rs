//! A connected socket of whichever kind, with or without TLS; what clients and upstreams are reached over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A socket without TLS.
#[derive(Debug)]
pub enum Plain {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

/// A socket, perhaps with TLS.
#[derive(Debug)]
pub enum Stream {
    /// In clear.
    Plain(Plain),
    /// We are the server.
    TlsServer(Box<tokio_rustls::server::TlsStream<Plain>>),
    /// We are the client.
    TlsClient(Box<tokio_rustls::client::TlsStream<Plain>>),
}

macro_rules! each {
    ($value:expr, $($variant:path)|+, $inner:ident => $call:expr) => {
        match $value { $($variant($inner) => $call,)+ }
    };
}

macro_rules! delegate {
    ($kind:ty, $($variant:path)|+) => {
        impl AsyncRead for $kind {
            fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                each!(self.get_mut(), $($variant)|+, inner => Pin::new(inner).poll_read(context, buffer))
            }
        }

        impl AsyncWrite for $kind {
            fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                each!(self.get_mut(), $($variant)|+, inner => Pin::new(inner).poll_write(context, bytes))
            }

            fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, pieces: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
                each!(self.get_mut(), $($variant)|+, inner => write_pieces(Pin::new(inner), context, pieces))
            }

            fn is_write_vectored(&self) -> bool {
                each!(self, $($variant)|+, inner => inner.is_write_vectored())
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self.get_mut(), $($variant)|+, inner => Pin::new(inner).poll_flush(context))
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self.get_mut(), $($variant)|+, inner => Pin::new(inner).poll_shutdown(context))
            }
        }
    };
}

/// What knows without a call to the system that nothing has come.
pub trait Still {
    /// Whether it is certain that a look for more would find nothing, not even the end.
    fn has_nothing(&self) -> bool;
}

impl Still for Plain {
    fn has_nothing(&self) -> bool {
        let outcome = match self {
            Self::Tcp(socket) => socket.try_io(Interest::READABLE, || Ok(())),
            Self::Unix(socket) => socket.try_io(Interest::READABLE, || Ok(())),
        };
        outcome.is_err()
    }
}

impl Still for Stream {
    fn has_nothing(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.has_nothing(),
            // What is below may have nothing, and TLS something.
            Self::TlsServer(_) | Self::TlsClient(_) => false,
        }
    }
}

impl Stream {
    /// Looks whether nothing came, not even the end; what came is lost.
    pub fn is_silent(&mut self) -> bool {
        if self.has_nothing() {
            return true;
        }
        let mut space = [0; 1];
        let mut space = ReadBuf::new(&mut space);
        let mut context = Context::from_waker(Waker::noop());
        let read = Pin::new(self).poll_read(&mut context, &mut space);
        read.is_pending()
    }
}

/// Pieces of so many bytes are copied together: a head and a short body. The system takes longer over two pieces than
/// it takes to copy them.
const SHORT: usize = 1024;

fn write_pieces(
    socket: Pin<&mut impl AsyncWrite>,
    context: &mut Context<'_>,
    pieces: &[io::IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let mut filled = pieces.iter().filter(|piece| !piece.is_empty());
    if let (Some(only), None) = (filled.next(), filled.next()) {
        return socket.poll_write(context, only);
    }
    let length = pieces
        .iter()
        .fold(0_usize, |sum, piece| sum.saturating_add(piece.len()));
    if length > SHORT {
        return socket.poll_write_vectored(context, pieces);
    }
    let mut together = SmallVec::<[u8; SHORT]>::new();
    for piece in pieces {
        together.extend_from_slice(piece);
    }
    socket.poll_write(context, &together)
}

delegate!(Plain, Self::Tcp | Self::Unix);
delegate!(Stream, Self::Plain | Self::TlsServer | Self::TlsClient);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes a few bytes at a time, and remembers whether it was given pieces.
    #[derive(Default)]
    struct Slow {
        taken: Vec<u8>,
        vectored: bool,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(700);
            self.taken.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            pieces: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.vectored = true;
            let first = pieces.iter().find(|piece| !piece.is_empty());
            self.poll_write(context, first.map_or(&[], |piece| piece))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn pieces_arrive_whole_and_in_order_however_they_are_written() {
        for (lengths, vectored) in [
            (&[3, 2][..], false),
            (&[0, 5000, 0], false),
            (&[300, 0, 724], false),
            (&[300, 725], true),
            (&[], false),
        ] {
            let whole: Vec<u8> = (0..=250).cycle().take(lengths.iter().sum()).collect();
            let mut socket = Slow::default();
            while socket.taken.len() < whole.len() {
                let mut skip = socket.taken.len();
                let mut rest = &whole[..];
                let mut pieces = Vec::new();
                for length in lengths {
                    let (piece, after) = rest.split_at(*length);
                    rest = after;
                    let gone = skip.min(piece.len());
                    skip -= gone;
                    pieces.push(io::IoSlice::new(&piece[gone..]));
                }
                let mut context = Context::from_waker(Waker::noop());
                let wrote = write_pieces(Pin::new(&mut socket), &mut context, &pieces);
                assert!(matches!(wrote, Poll::Ready(Ok(1..))));
            }
            assert_eq!(socket.taken, whole);
            assert_eq!(socket.vectored, vectored, "{lengths:?}");
        }
    }
}
