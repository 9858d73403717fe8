//! The way upstream of requests that are not plain: that have a body, want another protocol, or go out as HTTP/2.

use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::rc::Rc;

use http::header::TRAILER;
use http::request::Parts;
use http::{HeaderValue, Response};
use http_body::Body;
use hyper::upgrade::OnUpgrade;

use super::Proxy;
use crate::authn::sigv4::chunked::Decoder;
use crate::gate::Permit;
use crate::net::{Connection, Protocol};
use crate::outcome::Reason;
use crate::proxy::Control;
use crate::proxy::aws_chunked::Coding;
use crate::proxy::body::Relay;
use crate::proxy::forward::{self, ForwardError, Outgoing};
use crate::proxy::forwarded::Origin;
use crate::proxy::headers::{self, Hop};
use crate::proxy::inbound::Inbound;
use crate::proxy::load::Places;
use crate::proxy::streams::Watch;
use crate::proxy::upgrade::{self, Tunnel, Wanted};
use crate::proxy::upload::{Progress, RequestBody};
use crate::proxy::upstream::Upstream;
use crate::proxy::written::{Sources, Written};

/// A request that is not plain, with what is known of it.
pub(super) struct Whole<'p> {
    pub(super) parts: Box<Parts>,
    pub(super) permit: Permit,
    pub(super) hop: Hop,
    pub(super) inbound: Inbound<'p>,
    pub(super) chunks: Option<Box<Decoder>>,
    pub(super) origin: Origin,
    pub(super) wanted: Option<HeaderValue>,
    pub(super) stream: Option<OnUpgrade>,
}

/// Sends what ends when it ceases to be allowed, where anything can end it. It comes on the heap: it is large.
pub(super) async fn unless_ended(
    watch: Option<&Watch>,
    sending: Pin<Box<impl Future<Output = Result<Response<Relay>, ForwardError>>>>,
) -> Result<Response<Relay>, ForwardError> {
    let Some(watch) = watch else {
        return sending.await;
    };
    let watched = watch.unless_ended(sending).await;
    watched.unwrap_or_else(|reason| Err(ForwardError::Ended(reason)))
}

impl<C: Control> Proxy<C> {
    /// Forwards it.
    pub(super) async fn forward(
        &self,
        connection: &Connection,
        upstream: &Rc<Upstream>,
        whole: Box<Whole<'_>>,
        (watch, places): (&Option<Watch>, &mut Places),
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
        } = *whole;
        let version = parts.version;
        let fields = &mut parts.headers;
        let coding = chunks.map(|decoder| Coding::new(*decoder, fields, self.forward_credential));
        let coding = coding.transpose().map_err(ForwardError::Client)?;
        if inbound.was_read() {
            // Trailers are not signed.
            fields.remove(TRAILER);
        }
        let (body, progress) = if permit.preflight() {
            (RequestBody::empty(), Progress::default())
        } else {
            let body = inbound.into_body(&self.strip, coding);
            body.map_err(ForwardError::Client)?
        };
        if body.is_end_stream() {
            // Nothing comes behind what does not come.
            parts.headers.remove(TRAILER);
        }
        if wanted.is_none() && !upstream.http2() {
            let sources = Sources {
                parts: &parts,
                cleaning: self.cleaning(&origin, &permit),
                origin: &origin,
                connection,
                permit: &permit,
                id,
                upstream,
                trailers: hop.trailers,
            };
            let mut request = Written::of(&sources, body)?;
            // Not kept while an upload waits, perhaps with many others, for its client.
            drop((parts, permit, origin));
            let sending = forward::send_written(upstream, &mut request, &progress, places);
            return unless_ended(watch.as_ref(), Box::pin(sending)).await;
        }
        let fields = &mut parts.headers;
        self.clean(fields, connection, &origin, &permit);
        headers::add_hop(fields, &hop, version);
        let outgoing = Outgoing::new(*parts, &permit, id, upstream)?;
        let Some(protocol) = wanted else {
            let sending = forward::send_http2(upstream, outgoing, body, &progress, take(places));
            return unless_ended(watch.as_ref(), Box::pin(sending)).await;
        };
        let http2 = connection.protocol == Protocol::Http2;
        let wanted = Wanted {
            protocol,
            stream: stream.filter(|_| http2),
        };
        let tunnel = Tunnel {
            places: take(places),
            watch: watch
                .clone()
                .ok_or(ForwardError::Client(Reason::Internal))?,
            idle: self.upgrade_idle,
        };
        Box::pin(upgrade::send(
            upstream, connection, outgoing, wanted, tunnel,
        ))
        .await
    }
}
