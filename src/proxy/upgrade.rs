//! Another protocol after a request, where the route allows it: WebSocket and the like over HTTP/1.1, WebSocket over HTTP/2
//! (RFC 8441), on either side.
//!
//! To an HTTP/1.1 upstream the request goes out on a connection of its own. Once the upstream has agreed and the client
//! was told, bytes pass both ways until either side ends, or policy says so.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT as ACCEPT, SEC_WEBSOCKET_KEY as KEY, TE, UPGRADE,
};
use http::{Method, Response, StatusCode, Version};
use hyper::client::conn::http1;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::net::Connection;
use crate::proxy::body::Relay;
use crate::proxy::forward::{ForwardError, Outgoing};
use crate::proxy::handshake::Handshake;
use crate::proxy::headers;
use crate::proxy::load::Places;
use crate::proxy::streamed::Streamed;
use crate::proxy::streams::Watch;
use crate::proxy::tunnel::{self, Manner};
use crate::proxy::upload::RequestBody;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::answer::AnswerError;

/// What an upgraded connection holds and obeys.
#[derive(Debug)]
pub struct Tunnel {
    /// It is a request that is under way.
    pub places: Places,
    /// What ends it.
    pub watch: Watch,
    /// How long nothing may pass.
    pub idle: Duration,
}

/// What a client wants, and how it gets it.
#[derive(Debug)]
pub struct Wanted {
    /// The protocol.
    pub protocol: HeaderValue,
    /// Over HTTP/2 (RFC 8441): what becomes of the stream. Over HTTP/1.1 the whole connection changes.
    pub stream: Option<OnUpgrade>,
}

/// Sends the request and, when the upstream agrees, joins both sides.
pub async fn send(
    upstream: &Rc<Upstream>,
    connection: &Connection,
    outgoing: Outgoing,
    wanted: Wanted,
    tunnel: Tunnel,
) -> Result<Response<Relay>, ForwardError> {
    let websocket = wanted
        .protocol
        .as_bytes()
        .eq_ignore_ascii_case(b"websocket");
    let mut request = outgoing.with(RequestBody::empty());
    let shaken = Handshake::of(
        request.headers(),
        wanted.stream.is_some() && !upstream.http2(),
    );
    let (mut response, mut lease) = if upstream.http2() {
        if !websocket {
            return Err(ForwardError::Handshake);
        }
        *request.method_mut() = Method::CONNECT;
        request.headers_mut().remove(KEY);
        request.headers_mut().remove(UPGRADE);
        let extensions = request.extensions_mut();
        extensions.insert(Protocol::from_static("websocket"));
        let (mut sender, lease) = upstream.shared(false).await?;
        (
            in_time(upstream, sender.send_request(request)).await?,
            lease,
        )
    } else {
        let fields = request.headers_mut();
        // `Connection: TE` makes way, as some upstreams want to read nothing but `upgrade` there.
        fields.remove(TE);
        fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(UPGRADE, wanted.protocol.clone());
        shaken.ask(fields);
        let (stream, lease) = upstream.connect().await?;
        let (mut sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(ForwardError::Exchange)?;
        tokio::task::spawn_local(driver.with_upgrades());
        (
            in_time(upstream, sender.send_request(request)).await?,
            lease,
        )
    };
    let agreed = if upstream.http2() {
        response.status().is_success()
    } else {
        response.status() == StatusCode::SWITCHING_PROTOCOLS
    };
    if !agreed {
        let (mut parts, incoming) = response.into_parts();
        let body = Streamed::new(incoming, parts.version);
        parts.version = Version::HTTP_11;
        if !headers::one_framing(&mut parts.headers) {
            return Err(ForwardError::Direct(AnswerError::Framing.into()));
        }
        headers::take_answer_hop(&mut parts.headers);
        lease.hold(tunnel.places);
        let body = Relay::upstream(body, lease);
        return Ok(Response::from_parts(parts, body));
    }
    if !upstream.http2() && !shaken.is_answered_by(response.headers()) {
        return Err(ForwardError::Handshake);
    }
    let upgraded = hyper::upgrade::on(&mut response);
    let mut parts = response.into_parts().0;
    let chosen = parts.headers.get(UPGRADE).cloned();
    headers::take_answer_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    let manner = if websocket {
        Manner::WebSocket
    } else {
        Manner::Unknown
    };
    if let Some(stream) = wanted.stream {
        parts.status = StatusCode::OK;
        parts.headers.remove(ACCEPT);
        let held = connection.hold();
        tokio::task::spawn_local(async move {
            if let Ok(client) = stream.await {
                tunnel.join(TokioIo::new(client), upgraded, manner).await;
            }
            drop((held, lease));
        });
    } else {
        parts.status = StatusCode::SWITCHING_PROTOCOLS;
        let fields = &mut parts.headers;
        fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(UPGRADE, chosen.unwrap_or(wanted.protocol));
        if upstream.http2() {
            shaken.answer(fields)?;
        }
        connection.upgrade(move |client| async move {
            tunnel.join(client, upgraded, manner).await;
            drop(lease);
        });
    }
    Ok(Response::from_parts(parts, Relay::empty()))
}

async fn in_time<T>(
    upstream: &Upstream,
    answering: impl Future<Output = hyper::Result<T>>,
) -> Result<T, ForwardError> {
    let answering = tokio::time::timeout(upstream.response_timeout(), answering);
    let answered = answering.await.map_err(|_| ForwardError::ResponseTimeout)?;
    answered.map_err(ForwardError::Exchange)
}

impl Tunnel {
    /// Joins the client with what the upstream's side becomes.
    async fn join<C>(self, client: C, upgraded: OnUpgrade, manner: Manner)
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let Self {
            places,
            watch,
            idle,
        } = self;
        if let Ok(upstream) = upgraded.await {
            tunnel::join(client, TokioIo::new(upstream), manner, watch, idle).await;
        }
        drop(places);
    }
}
