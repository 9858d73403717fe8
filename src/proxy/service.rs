//! The way of a request, top to bottom.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::clock::monotonic;
use crate::gate::{Facts, Head, Lasts, Permit, Said, only_http2};
use crate::net::cidr::Cidr;
use crate::net::in_place::boxed;
use crate::net::tls::ClientCertificate;
use crate::net::{Connection, Fault, Handler, Unread};
use crate::outcome::Reason;
use crate::proxy::body::Relay;
use crate::proxy::forward;
use crate::proxy::forwarded::{self, Origin};
use crate::proxy::headers::{self, Cleaning, Hop, Strip};
use crate::proxy::identifier::Identifiers;
use crate::proxy::inbound::{Budget, Inbound};
use crate::proxy::load::{self, Load, Places};
use crate::proxy::reply::{self, Form};
use crate::proxy::streamed::Streamed;
use crate::proxy::streams::{self, Kept, Streams, Watch};
use crate::proxy::upload::{Progress, RequestBody};
use crate::proxy::upstream::{SettingsError, Target, Upstream};
use crate::proxy::written::{Sources, Written};
use crate::proxy::{Control, Settings, Unjudged, strict, unread};

use record::Record;
use refused::{Refused, panicked};
use whole::{Whole, unless_ended};

mod record;
mod refused;
mod whole;

/// What every worker's proxy is made from.
#[derive(Debug, Clone)]
pub struct Plan(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    targets: Vec<Target>,
    budget: Arc<Budget>,
    load: load::Shared,
}

impl Plan {
    /// Reads the settings; every upstream must make sense.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let targets = settings
            .upstreams
            .iter()
            .map(Target::new)
            .collect::<Result<_, _>>()?;
        let budget = Arc::new(Budget::new(settings.signed_bodies));
        let load = load::Shared::new(settings.requests);
        Ok(Self(Arc::new(Shared {
            settings,
            targets,
            budget,
            load,
        })))
    }
}

/// One worker's proxy.
#[derive(Debug)]
pub struct Proxy<C> {
    control: Rc<C>,
    streams: Rc<Streams>,
    upgrade_idle: Duration,
    upstreams: Vec<Rc<Upstream>>,
    strip: Rc<Strip>,
    identifiers: Identifiers,
    forward_credential: bool,
    token_cookie: Option<Box<str>>,
    token_headers: Vec<HeaderName>,
    trusted: Vec<Cidr>,
    body_idle: Duration,
    fields: usize,
    signed_body: usize,
    budget: Arc<Budget>,
    load: Load,
}

impl<C: Control> Proxy<C> {
    /// Made on the worker's own thread, inside its runtime.
    pub fn new(plan: &Plan, control: C) -> Self {
        let settings = &plan.0.settings;
        Self {
            control: Rc::new(control),
            streams: Streams::new(settings.stream_grace),
            upgrade_idle: settings.upgrade_idle,
            upstreams: plan.0.targets.iter().cloned().map(Upstream::new).collect(),
            strip: Rc::new(Strip::new(settings.strip.iter().map(String::as_str))),
            identifiers: Identifiers::default(),
            forward_credential: settings.forward_credential,
            token_cookie: settings.token_cookie.clone(),
            token_headers: settings.token_headers.clone(),
            trusted: settings.trusted.clone(),
            body_idle: settings.body_idle,
            fields: settings.fields,
            signed_body: settings.signed_body,
            budget: Arc::clone(&plan.0.budget),
            load: Load::new(plan.0.load.clone()),
        }
    }

    /// The way of a request: read strictly → judge → refuse, or forward → relay.
    async fn answer(
        &self,
        connection: &Rc<Connection>,
        (head, body): (Box<Parts>, Incoming),
        reading: Result<(), Fault>,
        form: Form,
        record: &mut Record<'_, C>,
    ) -> Result<Response<Relay>, Refused> {
        // What is needed to judge a request is large, and gone when its upstream is waited for: with hundreds of
        // requests under way, that is what fits into the processor's caches or does not.
        // What comes of it is put where it stays: it is large, too.
        let mut judged = None;
        boxed(|| self.judged(connection, head, body, reading, record, &mut judged)).await?;
        let Some(judged) = &mut judged else {
            return Err(Reason::Internal.into());
        };
        let (upstream, places) = (judged.upstream, &mut judged.places);
        let nothing = Progress::default();
        let asked = monotonic();
        let forwarded = match (&mut judged.way, &judged.watch) {
            (Way::Plain(request), None) => {
                forward::send_written(upstream, request, &nothing, places).await
            }
            (Way::Plain(request), watch) => {
                let sending = forward::send_written(upstream, request, &nothing, places);
                // Rare: kept out of every request's own memory, as what follows.
                unless_ended(watch.as_ref(), Box::pin(sending)).await
            }
            (Way::Whole(whole), watch) => {
                let whole = whole.take().ok_or(Reason::Internal)?;
                let with = (watch, places);
                Box::pin(self.forward(connection, upstream, whole, with, &record.id)).await
            }
        };
        record.answered(asked);
        let mut response = forwarded?;
        let watch = judged.watch.take();
        self.keep_watch(&mut response, watch, judged.lasts, form, record);
        Ok(response)
    }

    /// The first half of the way: what may be forwarded, and where to.
    async fn judged<'p>(
        &'p self,
        connection: &Rc<Connection>,
        mut parts: Box<Parts>,
        body: Incoming,
        reading: Result<(), Fault>,
        record: &mut Record<'_, C>,
        judged: &mut Option<Judged<'p>>,
    ) -> Result<(), Refused> {
        let stream = parts.extensions.remove::<OnUpgrade>();
        let read = read(&mut parts, reading, self.fields, &self.token_headers);
        let (hop, announced) =
            match read.and_then(|(hop, announced)| Ok((without_body(hop, &body)?, announced))) {
                Ok(read) => read,
                Err(reason) => {
                    self.control.refused(&unjudged(&parts, reason, record));
                    return Err(reason.into());
                }
            };
        let origin = forwarded::origin(
            connection.peer,
            connection.secure,
            &parts.headers,
            &self.trusted,
        );
        record.peer = origin.client;
        let inbound = self.inbound(body, parts.version);

        let lasting = hop.upgrade.is_some() || announced;
        let kept = lasting.then(|| keep(&parts, &origin, connection, &record.id));
        let head = Head {
            parts: &parts,
            said: Said::of(&parts.headers),
            peer: origin.client,
            secure: origin.secure,
            certificate: connection.certificate.as_ref().map(ClientCertificate::get),
            began: record.began,
            again: false,
            listener: &connection.listener,
            request_id: std::str::from_utf8(record.id.as_bytes()).unwrap_or_default(),
            body: &inbound,
        };
        let facts = record.facts.insert(Facts::default());
        let mut permit = self.control.judge(&head, facts).await?;
        let lasts = permit.lasts();
        let watch = kept.map(|kept| self.streams.add(&self.control, Some(kept), lasts, facts));
        record.reason = if permit.preflight() {
            Reason::Preflight
        } else {
            Reason::Allowed
        };
        let upstream = self
            .upstreams
            .iter()
            .find(|upstream| upstream.name() == permit.upstream())
            .ok_or(Reason::Internal)?;
        let wanted = wanted_upgrade(&hop, permit.upgrade())?;
        let places = Places {
            process: Some(self.load.admit().ok_or(Reason::Overloaded)?),
            upstream: upstream.admit()?,
        };

        self.take_token(&mut parts.headers);
        let chunks = permit.take_chunks();
        let plain = wanted.is_none() && chunks.is_none() && !upstream.http2() && inbound.is_empty();
        let way = if plain {
            let sources = Sources {
                parts: &parts,
                cleaning: self.cleaning(&origin, &permit),
                origin: &origin,
                connection,
                permit: &permit,
                id: &record.id,
                upstream,
                trailers: hop.trailers,
            };
            Way::Plain(Written::of(&sources, RequestBody::empty())?)
        } else {
            Way::Whole(Some(Box::new(Whole {
                parts,
                permit,
                hop,
                inbound,
                chunks,
                origin,
                wanted,
                stream,
            })))
        };
        *judged = Some(Judged {
            way,
            upstream,
            watch,
            lasts,
            places,
        });
        Ok(())
    }

    fn inbound(&self, body: Incoming, version: Version) -> Inbound<'_> {
        let body = Streamed::new(body, version);
        Inbound::new(body, self.body_idle, self.signed_body, &self.budget)
    }

    /// A token in a cookie goes no further, where credentials do not.
    fn take_token(&self, fields: &mut HeaderMap) {
        if let Some(cookie) = &self.token_cookie {
            headers::take_cookie(fields, cookie);
        }
    }

    fn cleaning(&self, origin: &Origin, permit: &Permit) -> Cleaning<'_> {
        Cleaning {
            strip: &self.strip,
            believed: origin.believed,
            credential: self.forward_credential,
            preflight: permit.preflight(),
        }
    }

    /// Leaves of a head's fields those that may go on, and says where the request came from.
    fn clean(
        &self,
        fields: &mut HeaderMap,
        connection: &Connection,
        origin: &Origin,
        permit: &Permit,
    ) {
        self.cleaning(origin, permit).remove(fields);
        forwarded::write(fields, origin, connection.peer_text(), connection.secure);
        headers::announce_trailers(fields, &self.strip);
    }

    /// Has an answer that lasts obey policy as long as it does.
    fn keep_watch(
        &self,
        response: &mut Response<Relay>,
        watch: Option<Watch>,
        lasts: Lasts,
        form: Form,
        record: &Record<'_, C>,
    ) {
        let watch = watch.or_else(|| {
            let events = streams::is_events(response.headers());
            let facts = record.facts.as_ref().filter(|_| events)?;
            Some(self.streams.add(&self.control, None, lasts, facts))
        });
        if let Some(watch) = watch {
            response.body_mut().obey(watch, form.takes_grpc_trailers());
        }
    }
}

/// A request that may be forwarded.
struct Judged<'p> {
    way: Way<'p>,
    upstream: &'p Rc<Upstream>,
    watch: Option<Watch>,
    lasts: Lasts,
    places: Places,
}

/// How it is.
enum Way<'p> {
    /// As bytes, without a body.
    Plain(Written),
    Whole(Option<Box<Whole<'p>>>),
}

impl<C: Control> Handler for Proxy<C> {
    type Body = Relay;

    async fn handle(
        self: Rc<Self>,
        connection: Rc<Connection>,
        head: Box<Parts>,
        body: Incoming,
        reading: Result<(), Fault>,
    ) -> Response<Relay> {
        let form = Form::of(&head.method, &head.headers, connection.protocol);
        let mut record = Record::new(&*self.control, self.identifiers.next(), connection.peer);
        let answered = {
            // Pinned where it is made: each time it were moved, some kilobytes would be copied.
            let request = (head, body);
            let mut answering = pin!(self.answer(&connection, request, reading, form, &mut record));
            poll_fn(|context| {
                let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
                polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
            })
            .await
        };
        let response = match answered {
            Ok(mut response) => {
                let id = record.id.clone();
                response.headers_mut().insert(reply::REQUEST_ID, id);
                response
            }
            Err(refused) => {
                record.reason = refused.reason;
                refused.answer(&record.id, form, reading.is_err())
            }
        };
        record.status = Some(response.status().as_u16());
        response
    }

    fn unread(&self, connection: &Connection, head: &[u8], why: Unread) -> Vec<u8> {
        let id = self.identifiers.next();
        unread::refuse(&*self.control, &id, connection, head, why)
    }
}

/// The head of a request that will last, to decide it by again.
#[inline(never)]
fn keep(
    parts: &Parts,
    origin: &Origin,
    connection: &Rc<Connection>,
    id: &HeaderValue,
) -> Box<Kept> {
    Box::new(Kept {
        parts: parts.clone(),
        peer: origin.client,
        secure: origin.secure,
        listener: Arc::clone(&connection.listener),
        connection: connection
            .certificate
            .is_some()
            .then(|| Rc::clone(connection)),
        request_id: id.clone(),
    })
}

/// Reads a head strictly, and takes out of it what is for this hop. Also says whether what is left announces that the
/// request will last.
fn read(
    parts: &mut Parts,
    reading: Result<(), Fault>,
    fields: usize,
    credentials: &[HeaderName],
) -> Result<(Hop, bool), Reason> {
    let extended = strict::extended_connect(parts)?;
    let seen = strict::check(parts, reading, fields)?;
    if !seen.hop && extended.is_none() {
        return Ok((Hop::default(), seen.lasting));
    }
    let mut hop = headers::take_hop(&mut parts.headers, parts.version, credentials)?;
    if let Some(protocol) = extended {
        parts.headers.insert(UPGRADE, protocol.clone());
        hop.upgrade = Some(protocol);
    }
    Ok((hop, streams::announced(&parts.headers)))
}

/// What is on record of a request that is refused before anybody judges it.
#[cold]
fn unjudged<'a, C: Control>(
    parts: &'a Parts,
    reason: Reason,
    record: &'a Record<'_, C>,
) -> Unjudged<'a> {
    let text = |name| parts.headers.get(name).map(HeaderValue::as_bytes);
    Unjudged {
        reason,
        method: parts.method.as_str(),
        path: parts.uri.path(),
        user_agent: text("user-agent"),
        client_request_id: text("x-request-id"),
        request_id: record.id.to_str().unwrap_or_default(),
        peer: record.peer,
    }
}

/// Refuses a request for another protocol that has a body: nobody knows in which of the two that would be.
fn without_body(hop: Hop, body: &Incoming) -> Result<Hop, Reason> {
    let wanted = hop.upgrade.as_ref().filter(|wanted| !only_http2(wanted));
    if wanted.is_some() && !http_body::Body::is_end_stream(body) {
        return Err(Reason::MethodNotSupported);
    }
    Ok(hop)
}

/// Another protocol that the client wants and may have. The gate permits no request for one that it may not.
fn wanted_upgrade(hop: &Hop, allowed: bool) -> Result<Option<HeaderValue>, Reason> {
    match &hop.upgrade {
        None => Ok(None),
        Some(wanted) if only_http2(wanted) => Ok(None),
        Some(wanted) if allowed => Ok(Some(wanted.clone())),
        Some(_) => Err(Reason::MethodNotSupported),
    }
}
