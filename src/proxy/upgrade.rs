//! Another protocol after a request, where the route allows it: WebSocket and the like over HTTP/1.1.
//!
//! The request goes out on a connection of its own. Once the upstream has agreed (101) and the client was told, bytes
//! pass both ways unread until either side ends.

use std::rc::Rc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue, TE, UPGRADE};
use http::{Response, StatusCode, Version};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::net::Connection;
use crate::proxy::body::{Relay, RequestBody};
use crate::proxy::forward::{ForwardError, Outgoing};
use crate::proxy::headers;
use crate::proxy::load::Places;
use crate::proxy::streams::Watch;
use crate::proxy::tunnel::{self, Manner};
use crate::proxy::upstream::Upstream;

/// Whether an Upgrade field asks only for HTTP/2, which a server may ignore and this one does.
pub fn only_http2(wanted: &HeaderValue) -> bool {
    wanted
        .as_bytes()
        .split(|&byte| byte == b',')
        .all(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
}

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

/// Sends the request and, when the upstream agrees, joins the two sockets.
pub async fn send(
    upstream: &Rc<Upstream>,
    connection: &Connection,
    outgoing: Outgoing,
    wanted: HeaderValue,
    tunnel: Tunnel,
) -> Result<Response<Relay>, ForwardError> {
    let mut request = outgoing.with(RequestBody::empty());
    let fields = request.headers_mut();
    // `Connection: TE` makes way, as some upstreams want to read nothing but `upgrade` there.
    fields.remove(TE);
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, wanted);
    let (stream, mut lease) = upstream.connect().await?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(ForwardError::Exchange)?;
    tokio::task::spawn_local(driver.with_upgrades());
    let answering = tokio::time::timeout(upstream.response_timeout(), sender.send_request(request));
    let mut response = answering
        .await
        .map_err(|_| ForwardError::ResponseTimeout)?
        .map_err(ForwardError::Exchange)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let (mut parts, incoming) = response.into_parts();
        parts.version = Version::HTTP_11;
        headers::take_answer_hop(&mut parts.headers);
        lease.hold(tunnel.places);
        let body = Relay::upstream(incoming, lease);
        return Ok(Response::from_parts(parts, body));
    }
    let upgraded = hyper::upgrade::on(&mut response);
    let mut parts = response.into_parts().0;
    let agreed = parts.headers.get(UPGRADE).cloned();
    let manner = match &agreed {
        Some(name) if name.as_bytes().eq_ignore_ascii_case(b"websocket") => Manner::WebSocket,
        _ => Manner::Unknown,
    };
    headers::take_answer_hop(&mut parts.headers);
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(agreed) = agreed {
        parts.headers.insert(UPGRADE, agreed);
    }
    connection.upgrade(move |client| async move {
        let Tunnel {
            places,
            watch,
            idle,
        } = tunnel;
        let Ok(upstream) = upgraded.await else {
            return;
        };
        tunnel::join(client, TokioIo::new(upstream), manner, watch, idle).await;
        drop((places, lease));
    });
    Ok(Response::from_parts(parts, Relay::empty()))
}
