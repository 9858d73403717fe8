//! A client's socket as the HTTP parser gets it: bytes that were read ahead come first, what comes in is watched by
//! the framing reader, or by that of HTTP/2, and a client that takes nothing is noticed.

use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;

use crate::net::http2::Http2;
use crate::net::pulse::Line;
use crate::net::stream::Still;
use crate::net::unread::parsers_own;

/// The error that ends a body in which the framing reader found a fault.
const FAULT: &str = "malformed message framing";

/// How long, and for how many bytes, a client is listened to after the last answer. A socket closed with unread bytes in
/// it is reset, and a reset can overtake the answer: the client would never see why it was refused.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 1024 * 1024;

/// The socket with its watchers.
#[derive(Debug)]
pub struct Wire<S> {
    socket: S,
    ahead: Bytes,
    line: Rc<Line>,
    http2: Option<Box<Http2>>,
    /// Whom the socket wakes when something comes, if it does: the parser asks several times for each request.
    waiting: Option<Waker>,
    waits: bool,
    faulty: bool,
    last_word: bool,
    goodbye: Option<Goodbye>,
}

/// What remains to be done after our side of the connection was closed.
#[derive(Debug)]
struct Goodbye {
    deadline: Pin<Box<Sleep>>,
    left: usize,
}

impl<S> Wire<S> {
    /// `ahead` was read from the socket already.
    pub fn new(socket: S, ahead: Bytes, line: Rc<Line>) -> Self {
        Self {
            socket,
            ahead,
            line,
            http2: None,
            waiting: None,
            waits: false,
            faulty: false,
            last_word: false,
            goodbye: None,
        }
    }

    /// What comes and goes is HTTP/2.
    pub(super) fn speaking_http2(self) -> Self {
        let http2 = Some(Box::new(Http2::new(self.line.head_size())));
        Self { http2, ..self }
    }

    /// Writes an answer after which nothing comes, and closes.
    pub(super) async fn end_with(mut self, answer: &[u8]) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Still + Unpin,
    {
        self.last_word = true;
        self.write_all(answer).await?;
        self.shutdown().await
    }

    /// Bytes that were taken and not used: they come first again.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        self.waits = false;
        if self.ahead.is_empty() {
            self.ahead = bytes;
        } else if !bytes.is_empty() {
            self.ahead = Bytes::from([bytes, std::mem::take(&mut self.ahead)].concat());
        }
    }
}

/// A socket of which something was read before.
struct Ahead<'w, S>(&'w mut Bytes, &'w mut S);

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self(ahead, socket) = self.get_mut();
        if !ahead.has_remaining() {
            return Pin::new(socket).poll_read(context, buffer);
        }
        let here = ahead.len().min(buffer.remaining());
        buffer.put_slice(&ahead.split_to(here));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads what there is, and knows then whether the socket will wake who asked.
    fn poll_socket(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = pin!(Ahead(&mut self.ahead, &mut self.socket)).poll_read(context, buffer);
        self.waits = read.is_pending();
        if self.waits {
            match &mut self.waiting {
                Some(waiting) => waiting.clone_from(context.waker()),
                nobody => *nobody = Some(context.waker().clone()),
            }
        }
        read
    }
}

impl<S: AsyncRead + Still + Unpin> Wire<S> {
    /// Whether it was asked before for more, by the same task, and nothing has come since.
    fn still_waits(&self, context: &Context<'_>) -> bool {
        let same = |waiting: &Waker| waiting.will_wake(context.waker());
        self.waits && self.waiting.as_ref().is_some_and(same) && self.socket.has_nothing()
    }
}

impl<S: AsyncRead + Still + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let fault = || io::Error::new(io::ErrorKind::InvalidData, FAULT);
        if this.faulty {
            return Poll::Ready(Err(fault()));
        }
        if let Some(http2) = &mut this.http2 {
            if this.line.is_late() {
                http2.give_up();
            }
            let source = Ahead(&mut this.ahead, &mut this.socket);
            let read = http2.poll_read(source, context, buffer);
            if http2.found_faults() {
                this.line.found_faults();
            }
            this.line.head_is_under_way(http2.under_way());
            return read;
        }
        if this.still_waits(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(this.poll_socket(context, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        if let Err((good, _)) = this.line.received(came) {
            this.faulty = true;
            if good == 0 {
                return Poll::Ready(Err(fault()));
            }
            buffer.set_filled(before.saturating_add(good));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes one piece, but not what the parser says by itself.
    fn write_but_own(
        &mut self,
        context: &mut Context<'_>,
        piece: &[u8],
    ) -> Poll<io::Result<usize>> {
        let to_write = match parsers_own(piece) {
            Some((0, why)) => {
                self.line.give_up(why);
                return Poll::Ready(Ok(piece.len()));
            }
            Some((at, _)) => piece.get(..at).unwrap_or(piece),
            None => piece,
        };
        let outcome = Pin::new(&mut self.socket).poll_write(context, to_write);
        self.wrote(outcome)
    }

    fn wrote<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            self.line.stalled();
        } else {
            self.line.flowing();
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Still + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.line.parser_may_speak() {
            return this.write_but_own(context, bytes);
        }
        let outcome = match &mut this.http2 {
            Some(http2) => http2.poll_write(&mut this.socket, context, &[io::IoSlice::new(bytes)]),
            None => Pin::new(&mut this.socket).poll_write(context, bytes),
        };
        this.wrote(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.line.parser_may_speak() {
            let piece = pieces.iter().find(|piece| !piece.is_empty());
            return this.write_but_own(context, piece.map_or(&[], |piece| &**piece));
        }
        let outcome = match &mut this.http2 {
            Some(http2) => http2.poll_write(&mut this.socket, context, pieces),
            None => Pin::new(&mut this.socket).poll_write_vectored(context, pieces),
        };
        this.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // TLS keeps the tail of what was written to itself; parsers flush when they have written everything.
        let outcome = Pin::new(&mut this.socket).poll_flush(context);
        this.wrote(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.unread().is_some() && !this.last_word {
            // The parser is done; what it could not read is still to be answered.
            return Poll::Ready(Ok(()));
        }
        let goodbye = match &mut this.goodbye {
            Some(goodbye) => goodbye,
            none => {
                ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
                none.insert(Goodbye {
                    deadline: Box::pin(tokio::time::sleep(LINGER)),
                    left: LINGER_BYTES,
                })
            }
        };
        let mut space = [0; 4096];
        while goodbye.left > 0 && goodbye.deadline.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut this.socket).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            goodbye.left = goodbye.left.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::net::limits::Limits;
    use crate::net::pulse::Registry;
    use crate::net::stream::{Plain, Stream};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        async fn once(&self) {
            while self.0.swap(0, Ordering::Relaxed) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn read(wire: &mut Wire<Stream>, who: &Arc<Woken>) -> Poll<Vec<u8>> {
        let waker = Waker::from(Arc::clone(who));
        let mut space = [0; 64];
        let mut buffer = ReadBuf::new(&mut space);
        let read = Pin::new(wire).poll_read(&mut Context::from_waker(&waker), &mut buffer);
        read.map(|read| read.map(|()| buffer.filled().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn whoever_asks_again_in_vain_is_woken_all_the_same() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let socket = Stream::Plain(Plain::Tcp(listener.accept().await.unwrap().0));
        let line = Registry::default().open_line(&Limits::default());
        let mut wire = Wire::new(socket, Bytes::new(), line);
        let [one, other] = [(); 2].map(|()| Arc::<Woken>::default());

        for text in ["a", "b"] {
            assert!(read(&mut wire, &one).is_pending());
            assert!(read(&mut wire, &one).is_pending());
            client.write_all(text.as_bytes()).await.unwrap();
            one.once().await;
            assert_eq!(read(&mut wire, &one), Poll::Ready(text.into()));
        }
        // Another task takes over.
        assert!(read(&mut wire, &one).is_pending());
        assert!(read(&mut wire, &other).is_pending());
        client.write_all(b"c").await.unwrap();
        other.once().await;
        assert_eq!(read(&mut wire, &other), Poll::Ready("c".into()));
        // What is put back needs no socket.
        assert!(read(&mut wire, &other).is_pending());
        wire.put_back("d".into());
        assert_eq!(read(&mut wire, &other), Poll::Ready("d".into()));
        // The end comes, too.
        assert!(read(&mut wire, &other).is_pending());
        drop(client);
        other.once().await;
        assert_eq!(read(&mut wire, &other), Poll::Ready(Vec::new()));
    }

    /// Takes everything, and like TLS needs two flushes until the last of it is out.
    struct Behind(u32);

    impl AsyncWrite for Behind {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0 = self.0.saturating_sub(1);
            if self.0 > 0 {
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Behind {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl Still for Behind {
        fn has_nothing(&self) -> bool {
            false
        }
    }

    #[test]
    fn who_took_everything_is_not_stalled() {
        let line = Registry::default().open_line(&Limits::default());
        let mut wire = Wire::new(Behind(2), Bytes::new(), Rc::clone(&line));
        let mut context = Context::from_waker(Waker::noop());
        let mut flush = || Pin::new(&mut wire).poll_flush(&mut context);
        assert!(flush().is_pending());
        assert!(line.is_stalled());
        assert!(flush().is_ready());
        assert!(!line.is_stalled());
    }
}
