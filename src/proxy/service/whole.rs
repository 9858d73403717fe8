//! The way upstream of requests that are not plain: that have a body, want trailers or another protocol, or go out as
//! HTTP/2.

use std::future::Future;
use std::rc::Rc;

use http::header::TRAILER;
use http::request::Parts;
use http::{HeaderValue, Response};
use hyper::upgrade::OnUpgrade;

use super::Proxy;
use crate::authn::sigv4::chunked::Decoder;
use crate::gate::Permit;
use crate::net::{Connection, Protocol};
use crate::outcome::Reason;
use crate::proxy::Control;
use crate::proxy::aws_chunked::Coding;
use crate::proxy::body::{Progress, Relay, RequestBody};
use crate::proxy::forward::{self, ForwardError, Outgoing};
use crate::proxy::forwarded::Origin;
use crate::proxy::headers::{self, Hop};
use crate::proxy::inbound::Inbound;
use crate::proxy::load::Places;
use crate::proxy::streams::Watch;
use crate::proxy::upgrade::{self, Tunnel, Wanted};
use crate::proxy::upstream::Upstream;

/// A request that is not plain, with what is known of it.
pub(super) struct Whole<'p> {
    pub(super) parts: Parts,
    pub(super) permit: Permit,
    pub(super) hop: Hop,
    pub(super) inbound: Inbound<'p>,
    pub(super) chunks: Option<Box<Decoder>>,
    pub(super) origin: Origin,
    pub(super) wanted: Option<HeaderValue>,
    pub(super) stream: Option<OnUpgrade>,
}

/// Sends what ends when it ceases to be allowed. Rare and large: kept out of every request's own memory.
pub(super) async fn watched(
    watch: &Watch,
    sending: impl Future<Output = Result<Response<Relay>, ForwardError>>,
) -> Result<Response<Relay>, ForwardError> {
    let watched = Box::pin(watch.unless_ended(sending)).await;
    watched.unwrap_or_else(|reason| Err(ForwardError::Ended(reason)))
}

impl<C: Control> Proxy<C> {
    /// Forwards it.
    pub(super) async fn forward(
        &self,
        connection: &Connection,
        upstream: &Rc<Upstream>,
        whole: Whole<'_>,
        (watch, places): (&Option<Watch>, Places),
        id: &HeaderValue,
    ) -> Result<Response<Relay>, ForwardError> {
        let Whole {
            mut parts,
            permit,
            hop,
            inbound,
            chunks,
            origin,
            wanted,
            stream,
        } = whole;
        let version = parts.version;
        let fields = &mut parts.headers;
        let coding = chunks.map(|decoder| Coding::new(*decoder, fields, self.forward_credential));
        let coding = coding.transpose().map_err(ForwardError::Client)?;
        if inbound.was_read() {
            // Trailers are not signed.
            fields.remove(TRAILER);
        }
        self.clean(fields, connection, &origin, &permit);
        headers::add_hop(fields, &hop, version);
        let outgoing = Outgoing::new(parts, &permit, id, upstream)?;
        let (body, progress) = if permit.preflight() {
            (RequestBody::empty(), Progress::default())
        } else {
            let body = inbound.into_body(&self.strip, coding);
            body.map_err(ForwardError::Client)?
        };
        match (wanted, watch) {
            (None, None) => forward::send(upstream, outgoing, body, &progress, places).await,
            (None, Some(watch)) => {
                let sending = forward::send(upstream, outgoing, body, &progress, places);
                watched(watch, sending).await
            }
            (Some(protocol), watch) => {
                let http2 = connection.protocol == Protocol::Http2;
                let wanted = Wanted {
                    protocol,
                    stream: stream.filter(|_| http2),
                };
                let tunnel = Tunnel {
                    places,
                    watch: watch
                        .clone()
                        .ok_or(ForwardError::Client(Reason::Internal))?,
                    idle: self.upgrade_idle,
                };
                // Rare and large: kept out of every request's own memory.
                Box::pin(upgrade::send(
                    upstream, connection, outgoing, wanted, tunnel,
                ))
                .await
            }
        }
    }
}
