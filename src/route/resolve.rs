//! From a request to what it asks for: the one way through the table, for the proxy, the tools and the tests.

use std::borrow::Cow;
use std::fmt;

use smallvec::{SmallVec, smallvec};

use crate::outcome::Reason;
use crate::route::host;
use crate::route::path::{CanonicalPath, PathError, decode};
use crate::route::request::{self, Headers};
use crate::route::rule::{Allow, Route};
use crate::route::service::{Fallback, Service};
use crate::route::table::{Host, RouteRef, Table};
use crate::route::template::is_method;
use crate::route::tree::{Captured, Method};
use crate::route::value::Part;

/// A request, as far as routes look at it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The method, as it came.
    pub method: &'a str,
    /// Host or `:authority`, as it came; `None` where there is none.
    pub host: Option<&'a str>,
    /// The path, as it came.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
    /// The header lines.
    pub headers: &'a dyn Headers,
    /// Whether it is a gRPC call ([`crate::route::is_grpc`]).
    pub grpc: bool,
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Query and headers may hold credentials.
        f.debug_struct("Asked")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// How a request was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchKind {
    /// By a route: policy decides.
    Route,
    /// By `fallback: generic`: policy decides.
    Generic,
    /// A preflight of a route whose service forwards preflights: no decision, and no credential goes along.
    Preflight,
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub struct Match<'t> {
    /// How it was matched.
    pub kind: MatchKind,
    /// The service.
    pub service: &'t Service,
    /// The route; `None` for a generic fallback.
    pub route: Option<&'t Route>,
    /// The number of the route in its table.
    pub route_id: usize,
    /// The path that was matched, and that goes upstream.
    pub path: CanonicalPath,
    /// `orders:GetOrder`; for a preflight the action of the request that it announces.
    pub action: Cow<'t, str>,
    /// The resource ARNs, all of which must be allowed.
    pub resources: SmallVec<[String; 1]>,
    /// Tags of the resource; keys in lower case.
    pub tags: SmallVec<[(&'t str, String); 2]>,
    /// Context values; keys in lower case.
    pub context: SmallVec<[(&'t str, String); 2]>,
}

/// Why a request asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused<'t> {
    /// The path has no canonical form that its route allows.
    #[error("{0}")]
    Path(#[from] PathError),
    /// A raw byte outside 0x21 to 0x7E in the query.
    #[error("the query holds a byte that is no visible ASCII character")]
    Query,
    /// What stands in Host is no name.
    #[error("the host is no host name")]
    Host,
    /// No service serves this host.
    #[error("no service serves this host")]
    UnknownHost,
    /// No route matches.
    #[error("no route matches")]
    NoRoute,
    /// No route matches, and the host's fallback is to deny.
    #[error("no route matches, and what no route matches is denied here")]
    Denied,
    /// A query parameter or header that the route reads cannot be read in one way only.
    #[error("`{0}` occurs twice, or cannot be read in one way only")]
    Ambiguous(&'t str),
}

impl Refused<'_> {
    /// The reason that this refusal is recorded and answered as.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Path(_) => Reason::MalformedPath,
            Self::Query => Reason::MalformedRequest,
            Self::Host => Reason::InvalidHost,
            Self::UnknownHost => Reason::UnknownHost,
            Self::NoRoute => Reason::NoRoute,
            Self::Denied => Reason::RouteFallbackDenied,
            Self::Ambiguous(_) => Reason::AmbiguousParameter,
        }
    }
}

impl Table {
    /// What a request asks for.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn resolve<'t>(&'t self, asked: &Asked<'_>) -> Result<Match<'t>, Refused<'t>> {
        let path = CanonicalPath::relaxed(asked.path)?;
        let query = asked.query.unwrap_or_default();
        if !query.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
            return Err(Refused::Query);
        }
        let name = match asked.host {
            Some(given) => Some(host::normalise(given).ok_or(Refused::Host)?),
            None => None,
        };
        let host = self.host(name.as_deref()).ok_or(Refused::UnknownHost)?;
        let (kind, method) = match self.preflight(host, asked, &path) {
            Some(announced) => (MatchKind::Preflight, announced),
            None => (
                MatchKind::Route,
                Method {
                    name: asked.method,
                    grpc: asked.grpc,
                },
            ),
        };
        if let Some(found) = self.by_route(kind, host, method, asked, &path)? {
            return Ok(Match {
                kind,
                service: found.row.service,
                route: Some(found.route),
                route_id: found.row.id,
                action: Cow::Borrowed(&found.route.action),
                resources: found.resources,
                tags: found.tags,
                context: found.context,
                path,
            });
        }
        if path.encoded_slash() {
            return Err(PathError::EncodedSlash.into());
        }
        if path.parameters() {
            return Err(PathError::Parameters.into());
        }
        match host.fallback {
            Fallback::NotFound => Err(Refused::NoRoute),
            Fallback::Deny => Err(Refused::Denied),
            Fallback::Generic => {
                let name = name.as_deref().unwrap_or_default();
                self.generic(host, asked.method, name, path)
            }
        }
    }

    /// A preflight is OPTIONS with one Origin and one Access-Control-Request-Method, for a path that a route matches
    /// with the method it asks for, where the route's service forwards preflights.
    fn preflight<'a>(
        &self,
        host: &Host,
        asked: &Asked<'a>,
        path: &CanonicalPath,
    ) -> Option<Method<'a>> {
        if asked.method != "OPTIONS" || !host.forwards_preflight {
            return None;
        }
        request::single(asked.headers, "origin")?;
        let name = request::single(asked.headers, "access-control-request-method")
            .filter(|name| request::is_forwarded_method(name))?;
        // A preflight does not tell the content type, so a POST may be a gRPC call.
        let grpc = name == "POST";
        let method = Method { name, grpc };
        let (id, _) = host.tree.find(method, path.as_str())?;
        let forwards = self.entry(id)?.service.forward_preflight;
        forwards.then_some(method)
    }

    /// The route that matches, with what it makes of the request.
    fn by_route<'t>(
        &'t self,
        kind: MatchKind,
        host: &Host,
        method: Method<'_>,
        asked: &Asked<'_>,
        path: &CanonicalPath,
    ) -> Result<Option<Found<'t>>, Refused<'t>> {
        let Some((id, captured)) = host.tree.find(method, path.as_str()) else {
            return Ok(None);
        };
        let Some(row) = self.entry(id) else {
            return Ok(None);
        };
        let Some(route) = row.route else {
            return Ok(None);
        };
        check_allowed(route, id, host, method, path, &captured)?;
        let context = match kind {
            MatchKind::Preflight => SmallVec::new(),
            MatchKind::Route | MatchKind::Generic => read_context(route, &captured, asked)?,
        };
        let resources = route.resources.iter();
        let tags = route.tags.iter();
        Ok(Some(Found {
            row,
            route,
            resources: resources.map(|value| value.fill_arn(&captured)).collect(),
            tags: tags
                .filter_map(|(key, value)| Some((&**key, value.fill(&captured, &mut |_| None)?)))
                .collect(),
            context,
        }))
    }

    fn generic<'t>(
        &'t self,
        host: &Host,
        method: &str,
        name: &str,
        path: CanonicalPath,
    ) -> Result<Match<'t>, Refused<'t>> {
        // Actions are compared without case and methods with it: what is not in capitals has no action.
        let row = host
            .generic
            .filter(|_| is_method(method))
            .and_then(|id| self.entry(id))
            .ok_or(Refused::NoRoute)?;
        let Service { partition, .. } = row.service;
        let account = row.service.account();
        let decoded = decode(path.as_str());
        Ok(Match {
            kind: MatchKind::Generic,
            service: row.service,
            route: None,
            route_id: row.id,
            action: Cow::Owned(format!("http:{method}")),
            resources: smallvec![format!("arn:{partition}:http::{account}:{name}{decoded}")],
            tags: SmallVec::new(),
            context: SmallVec::new(),
            path,
        })
    }
}

type Pairs<'t> = SmallVec<[(&'t str, String); 2]>;

struct Found<'t> {
    row: RouteRef<'t>,
    route: &'t Route,
    resources: SmallVec<[String; 1]>,
    tags: Pairs<'t>,
    context: Pairs<'t>,
}

/// Whether the route allows what its path holds, and whether everyone would read the path as this route's.
fn check_allowed(
    route: &Route,
    id: usize,
    host: &Host,
    method: Method<'_>,
    path: &CanonicalPath,
    captured: &Captured<'_>,
) -> Result<(), PathError> {
    let Allow {
        encoded_slash,
        params,
    } = route.allow;
    // In an ARN `%252F`, decoded, and `%2F`, kept, would name the same resource.
    let twin = |segment: &&str| segment.contains("%252F") || segment.contains("%252f");
    if path.encoded_slash() && !encoded_slash || encoded_slash && captured.iter().any(twin) {
        return Err(PathError::EncodedSlash);
    }
    if path.parameters() && !params {
        return Err(PathError::Parameters);
    }
    if path.encoded_slash() || path.parameters() {
        let same = |reading: &String| {
            host.tree
                .find(method, reading)
                .is_some_and(|(other, _)| other == id)
        };
        if !path.readings().iter().all(same) {
            return Err(if path.encoded_slash() {
                PathError::EncodedSlash
            } else {
                PathError::Parameters
            });
        }
    }
    Ok(())
}

/// The context values; a key whose query parameter or header is not there is absent.
fn read_context<'t>(
    route: &'t Route,
    captured: &Captured<'_>,
    asked: &Asked<'_>,
) -> Result<Pairs<'t>, Refused<'t>> {
    let mut values = SmallVec::new();
    for (key, value) in &route.context {
        // Every name is read, also behind an absent one: what is ambiguous is refused, whatever stands beside it.
        let mut read: SmallVec<[Option<String>; 2]> = SmallVec::new();
        for part in &value.parts {
            let (found, name) = match part {
                Part::Literal(_) | Part::Path(_) => continue,
                Part::Query(name) => (request::query(asked.query.unwrap_or(""), name), name),
                Part::Header(name) => (request::header(asked.headers, name), name),
            };
            read.push(found.map_err(|_| Refused::Ambiguous(name))?);
        }
        let mut read = read.into_iter();
        if let Some(text) = value.fill(captured, &mut |_| read.next().flatten()) {
            values.push((&**key, text));
        }
    }
    Ok(values)
}
