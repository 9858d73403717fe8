//! A connected socket of whichever kind, with or without TLS; what clients and upstreams are reached over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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
                each!(self.get_mut(), $($variant)|+, inner => Pin::new(inner).poll_write_vectored(context, pieces))
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

delegate!(Plain, Self::Tcp | Self::Unix);
delegate!(Stream, Self::Plain | Self::TlsServer | Self::TlsClient);
