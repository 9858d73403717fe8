//! One connection from a client: TLS, the choice of protocol, and its requests given to a [`Handler`].
//!
//! HTTP/2 is chosen by ALPN, or in clear by its preface (prior knowledge); `Upgrade: h2c` is never taken.

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::net::cidr::Cidr;
use crate::net::counted::{Counted, UnderWay};
use crate::net::framing::Fault;
use crate::net::http2;
use crate::net::in_place::boxed;
use crate::net::limits::Limits;
use crate::net::proxy_header;
use crate::net::pulse::{Line, Order};
use crate::net::stream::{Plain, Still, Stream};
use crate::net::tls;
use crate::net::unread::Unread;
use crate::net::wire::Wire;

/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Takes complete request heads with bodies still to come, and answers them.
pub trait Handler: 'static {
    /// The answer's body.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + 'static;

    /// Answers a request. `reading` says whether its head has a fault that the parser does not show: such a request
    /// must be refused, and an HTTP/1 connection closed. The head goes from hand to hand: a pointer is quicker passed.
    fn handle(
        self: Rc<Self>,
        connection: Rc<Connection>,
        head: Box<Parts>,
        body: Incoming,
        reading: Result<(), Fault>,
    ) -> impl Future<Output = Response<Self::Body>> + 'static;

    /// The whole answer, as bytes, to what came of a head that never became a request. The connection closes after it.
    fn unread(&self, connection: &Connection, head: &[u8], why: Unread) -> Vec<u8>;
}

/// Which HTTP the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What goes on with a connection after its last HTTP message.
type Tunnel = Box<dyn FnOnce(Wire<Stream>) -> Pin<Box<dyn Future<Output = ()>>>>;

/// What is known of a connection.
pub struct Connection {
    /// Who is at the other end of the socket.
    pub peer: IpAddr,
    /// The listener's name.
    pub listener: Arc<str>,
    /// Whether it has TLS.
    pub secure: bool,
    /// The client's certificate, if it has shown one.
    pub certificate: Option<tls::ClientCertificate>,
    /// Which HTTP it speaks.
    pub protocol: Protocol,
    /// The worker's wish that clients go elsewhere soon.
    pub(super) leaving: Rc<Cell<bool>>,
    line: Rc<Line>,
    tunnel: RefCell<Option<Tunnel>>,
    peer_text: OnceCell<HeaderValue>,
    lines: OnceCell<Box<[u8]>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("peer", &self.peer)
            .field("listener", &self.listener)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// The peer's address as a header value.
    pub fn peer_text(&self) -> &HeaderValue {
        self.peer_text.get_or_init(|| {
            HeaderValue::from_str(&self.peer.to_string())
                .unwrap_or(HeaderValue::from_static("unknown"))
        })
    }

    /// What is written for each request in the same way, made for the first.
    pub fn lines(&self, write: impl FnOnce() -> Vec<u8>) -> &[u8] {
        self.lines.get_or_init(|| write().into())
    }

    /// Has the connection count as busy until what is returned is dropped.
    pub fn hold(&self) -> UnderWay {
        self.line.hold();
        UnderWay(Rc::clone(&self.line))
    }

    /// Hands the socket to `tunnel` once the answer now being made (101) is written: what follows on it is another
    /// protocol.
    pub fn upgrade<F: Future<Output = ()> + 'static>(
        &self,
        tunnel: impl FnOnce(Wire<Stream>) -> F + 'static,
    ) {
        self.line.stop_reading_messages();
        *self.tunnel.borrow_mut() = Some(Box::new(|wire| Box::pin(tunnel(wire))));
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) socket: Plain,
    pub(super) peer: IpAddr,
    pub(super) listener: Arc<str>,
    pub(super) tls: Option<tls::Server>,
    pub(super) proxied: Arc<[Cidr]>,
    pub(super) leaving: Rc<Cell<bool>>,
    pub(super) line: Rc<Line>,
}

impl Accepted {
    /// Serves the connection to its end.
    pub(super) async fn serve<H: Handler>(self, handler: Rc<H>, limits: Rc<Limits>) {
        let Self {
            mut socket,
            mut peer,
            listener,
            tls,
            proxied,
            leaving,
            line,
        } = self;
        let mut told = Ok(());
        if proxied.iter().any(|range| range.contains(peer)) {
            let reading = Box::pin(proxy_header::read(&mut socket));
            let reading = tokio::time::timeout(limits.head_timeout, reading);
            match or_cut(&line, reading).await {
                Ok(Ok(whose)) => peer = whose.unwrap_or(peer),
                Ok(Err(error)) => told = Err(error),
                Err(()) => return,
            }
        }
        let secure = tls.is_some();
        let connection = |protocol, certificate| {
            Rc::new(Connection {
                peer,
                listener,
                secure,
                certificate,
                protocol,
                leaving,
                line: Rc::clone(&line),
                tunnel: RefCell::new(None),
                peer_text: OnceCell::new(),
                lines: OnceCell::new(),
            })
        };
        if let Err(error) = told {
            if error.kind() == io::ErrorKind::InvalidData && !secure {
                let connection = connection(Protocol::Http1, None);
                let answer = handler.unread(&connection, b"", Unread::Malformed);
                let wire = Wire::new(socket, Bytes::new(), Rc::clone(&line));
                Box::pin(say_last(&line, wire, answer)).await;
            }
            return;
        }
        // Gone before the first request: kept out of every connection's own memory.
        let opening = tokio::time::timeout(limits.head_timeout, Box::pin(open(socket, tls)));
        let Ok(Ok(opened)) = or_cut(&line, opening).await else {
            return;
        };
        let connection = connection(opened.protocol, opened.certificate);
        let mut wire = Wire::new(opened.stream, opened.ahead, Rc::clone(&line));
        if opened.protocol == Protocol::Http2 {
            line.stop_reading_messages();
            wire = wire.speaking_http2();
        }
        let io = TokioIo::new(wire);
        let service = service_fn({
            let (handler, connection) = (Rc::clone(&handler), Rc::clone(&connection));
            move |request| answer(Rc::clone(&handler), Rc::clone(&connection), request)
        });
        match opened.protocol {
            Protocol::Http1 => {
                let mut serving = http1(&limits).serve_connection(io, service);
                let done = drive(
                    &line,
                    &mut serving,
                    |serving| Pin::new(serving).graceful_shutdown(),
                    |serving, context| Pin::new(serving).poll(context),
                );
                let end = done.await;
                let unread = match end {
                    End::Late => Some(Unread::TooSlow),
                    End::Broken => line.unread(),
                    End::Well | End::Cut => None,
                };
                let tunnel = connection.tunnel.take().filter(|_| end == End::Well);
                if let Some(why) = unread {
                    let parts = serving.into_parts();
                    let answer = handler.unread(&connection, &parts.read_buf, why);
                    Box::pin(say_last(&line, parts.io.into_inner(), answer)).await;
                } else if let Some(tunnel) = tunnel {
                    let parts = serving.into_parts();
                    let mut wire = parts.io.into_inner();
                    wire.put_back(parts.read_buf);
                    pass_through(&line, tunnel(wire)).await;
                }
            }
            Protocol::Http2 => {
                // Much larger than the other.
                let mut serving = Box::pin(http2(&limits, &line).serve_connection(io, service));
                drive(
                    &line,
                    &mut serving,
                    |serving| serving.as_mut().graceful_shutdown(),
                    |serving, context| serving.as_mut().poll(context),
                )
                .await;
            }
        }
    }
}

/// Writes an answer after which nothing comes, and closes.
async fn say_last<S>(line: &Line, wire: Wire<S>, answer: Vec<u8>)
where
    S: AsyncRead + AsyncWrite + Still + Unpin + 'static,
{
    let ending = async move {
        // Whether the client takes it is its own affair.
        let _ = wire.end_with(&answer).await;
    };
    pass_through(line, Box::pin(ending)).await;
}

/// Drives what follows the HTTP messages of a connection until it ends or is cut.
async fn pass_through(line: &Line, mut tunnel: Pin<Box<dyn Future<Output = ()>>>) {
    poll_fn(|context| match line.order(context) {
        Order::Serve | Order::Finish | Order::Late => tunnel.as_mut().poll(context),
        Order::Cut => Poll::Ready(()),
    })
    .await;
}

fn http1(limits: &Limits) -> hyper::server::conn::http1::Builder {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .max_header_size(limits.head_size)
        .max_buf_size(limits.head_size.max(8192))
        // Heads are timed by the sweep: hyper's own timer would also end idle connections.
        .header_read_timeout(None);
    builder
}

fn http2(limits: &Limits, line: &Rc<Line>) -> hyper::server::conn::http2::Builder<OfLine> {
    let mut builder = hyper::server::conn::http2::Builder::new(OfLine(Rc::clone(line)));
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(limits.streams)
        // Twice what is taken: what is larger is replaced before the library sees it, and its own refusal, which has no
        // body and no record, never comes.
        .max_header_list_size(u32::try_from(limits.head_size.saturating_mul(2)).unwrap_or(u32::MAX))
        .max_send_buf_size(64 * 1024)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_local_error_reset_streams(128)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// How driving a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// In order.
    Well,
    /// By a fault.
    Broken,
    /// By an order.
    Cut,
    /// By a head that took too long.
    Late,
}

/// Drives a connection, obeying orders.
async fn drive<C>(
    line: &Line,
    serving: &mut C,
    finish: impl Fn(&mut C),
    step: impl Fn(&mut C, &mut Context<'_>) -> Poll<hyper::Result<()>>,
) -> End {
    let mut finishing = false;
    poll_fn(|context| {
        match line.order(context) {
            Order::Late if line.reads_messages() => return Poll::Ready(End::Late),
            // A late HTTP/2 client is told so: whoever reads finds that it is late.
            Order::Serve | Order::Late => {}
            Order::Finish if finishing => {}
            Order::Finish => {
                finishing = true;
                finish(serving);
            }
            Order::Cut => return Poll::Ready(End::Cut),
        }
        step(serving, context).map(|outcome| match outcome {
            Ok(()) => End::Well,
            Err(error) => {
                tracing::debug!(%error, "a connection ended");
                End::Broken
            }
        })
    })
    .await
}

/// What `future` yields, or an error when the connection is to be cut (or finished: nothing has begun yet).
async fn or_cut<T>(
    line: &Line,
    future: impl Future<Output = Result<T, tokio::time::error::Elapsed>>,
) -> Result<T, ()> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if line.order(context) != Order::Serve {
            return Poll::Ready(Err(()));
        }
        future.as_mut().poll(context).map_err(|_| ())
    })
    .await
}

struct Opened {
    stream: Stream,
    certificate: Option<tls::ClientCertificate>,
    protocol: Protocol,
    ahead: Bytes,
}

async fn open(socket: Plain, tls: Option<tls::Server>) -> io::Result<Opened> {
    let Some(tls) = tls else {
        let mut stream = Stream::Plain(socket);
        let (protocol, ahead) = sniff(&mut stream).await?;
        return Ok(Opened {
            stream,
            certificate: None,
            protocol,
            ahead,
        });
    };
    let (stream, certificate) = tls.accept(socket).await?;
    let protocol = if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        Protocol::Http2
    } else {
        Protocol::Http1
    };
    Ok(Opened {
        stream: Stream::TlsServer(Box::new(stream)),
        certificate,
        protocol,
        ahead: Bytes::new(),
    })
}

/// Reads until it is clear whether the client speaks HTTP/2.
async fn sniff(stream: &mut Stream) -> io::Result<(Protocol, Bytes)> {
    let mut buffer = [0_u8; 1024];
    let mut length = 0;
    while let Some(free) = buffer.get_mut(length..) {
        let came = stream.read(free).await?;
        length = length.saturating_add(came);
        let seen = buffer.get(..length).unwrap_or_default();
        if seen.starts_with(PREFACE) {
            return Ok((Protocol::Http2, Bytes::copy_from_slice(seen)));
        }
        if came == 0 || !PREFACE.starts_with(seen) {
            break;
        }
    }
    let seen = buffer.get(..length).unwrap_or_default();
    Ok((Protocol::Http1, Bytes::copy_from_slice(seen)))
}

/// Answers one request and keeps the connection's count of those under way.
fn answer<H: Handler>(
    handler: Rc<H>,
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Counted<H::Body>>, Infallible>> {
    let mut reading = connection.line.begin();
    let is_http2 = connection.protocol == Protocol::Http2;
    if connection.line.has_faults()
        && let Some(fault) = http2::fault(request.headers())
    {
        reading = Err(fault);
    }
    let under_way = UnderWay(Rc::clone(&connection.line));
    let pace = is_http2.then(|| connection.line.paces().begin());
    let (head, body) = request.into_parts();
    let head = Box::new(head);
    // On the heap while it lasts: it is large, and a connection would else keep it while it is idle.
    let handling = boxed(|| handler.handle(Rc::clone(&connection), head, body, reading));
    async move {
        let mut response = handling.await;
        if connection.leaving.get() && connection.protocol == Protocol::Http1 {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Counted::new(body, pace, under_way)))
    }
}

/// Runs the tasks of one client's HTTP/2 connection.
#[derive(Debug, Clone)]
struct OfLine(Rc<Line>);

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for OfLine {
    fn execute(&self, future: F) {
        self.0.paces().spawn(future);
    }
}

/// Runs tasks on the worker's own thread.
#[derive(Debug, Clone, Copy)]
pub struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
