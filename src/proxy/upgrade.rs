//! Another protocol after a request, where the route allows it: WebSocket and the like over HTTP/1.1.
//!
//! The request goes out on a connection of its own. Once the upstream has agreed (101) and the client was told, bytes
//! pass both ways unread until either side ends.

use std::rc::Rc;

use http::header::{CONNECTION, HeaderValue, TE, UPGRADE};
use http::{Response, StatusCode, Version};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::net::Connection;
use crate::proxy::body::{Relay, RequestBody};
use crate::proxy::forward::{ForwardError, Outgoing};
use crate::proxy::headers;
use crate::proxy::load::Places;
use crate::proxy::upstream::{Lease, Upstream};

/// Whether an Upgrade field asks only for HTTP/2, which a server may ignore and this one does.
pub fn only_http2(wanted: &HeaderValue) -> bool {
    wanted
        .as_bytes()
        .split(|&byte| byte == b',')
        .all(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
}

/// Sends the request and, when the upstream agrees, joins the two sockets.
pub async fn send(
    upstream: &Rc<Upstream>,
    connection: &Connection,
    outgoing: Outgoing,
    wanted: HeaderValue,
    places: Places,
) -> Result<Response<Relay>, ForwardError> {
    let mut request = outgoing.with(RequestBody::empty());
    let fields = request.headers_mut();
    // `Connection: TE` makes way, as some upstreams want to read nothing but `upgrade` there.
    fields.remove(TE);
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, wanted);
    let stream = upstream.connect().await?;
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
        let mut lease = Lease::none(upstream);
        lease.hold(places);
        let body = Relay::upstream(incoming, lease);
        return Ok(Response::from_parts(parts, body));
    }
    let upgraded = hyper::upgrade::on(&mut response);
    let mut parts = response.into_parts().0;
    let agreed = parts.headers.get(UPGRADE).cloned();
    headers::take_answer_hop(&mut parts.headers);
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(agreed) = agreed {
        parts.headers.insert(UPGRADE, agreed);
    }
    connection.upgrade(move |mut client| async move {
        let _places = places;
        let Ok(upstream) = upgraded.await else {
            return;
        };
        let mut upstream = TokioIo::new(upstream);
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut upstream).await {
            tracing::debug!(%error, "an upgraded connection ended");
        }
    });
    Ok(Response::from_parts(parts, Relay::empty()))
}
