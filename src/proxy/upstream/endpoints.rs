//! All endpoints of an upstream: those that are given by address, and those that names stand for, asked for again and
//! again.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::clock::monotonic;
use crate::net::stream::Stream;
use crate::proxy::forward::ForwardError;
use crate::proxy::upstream::endpoint::{Address, Endpoint, choose};
use crate::proxy::upstream::target::{Place, Site};

/// How often names are asked for while the upstream is in use.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);
/// Addresses of one name that are used.
const ADDRESSES: usize = 64;
/// Endpoints that are tried for one connection.
const TRIES: usize = 3;

pub(super) struct Endpoints {
    sites: Vec<Site>,
    all: RefCell<Rc<[Rc<Endpoint>]>>,
    /// Whether there is a name among the sites.
    named: bool,
    resolved: Cell<Option<Instant>>,
    resolving: Cell<bool>,
    turn: Cell<usize>,
}

impl Endpoints {
    pub(super) fn new(sites: Vec<Site>) -> Self {
        let known: Vec<_> = sites
            .iter()
            .filter_map(|site| Some(Endpoint::new(address(&site.place)?, site.tls.clone())))
            .collect();
        Self {
            named: known.len() < sites.len(),
            sites,
            all: RefCell::new(known.into()),
            resolved: Cell::new(None),
            resolving: Cell::new(false),
            turn: Cell::new(0),
        }
    }

    /// The endpoints that are known now.
    pub(super) fn all(&self) -> Rc<[Rc<Endpoint>]> {
        Rc::clone(&self.all.borrow())
    }

    /// The endpoint for one request, if no name has to be resolved for that.
    pub(super) fn known(&self) -> Option<Rc<Endpoint>> {
        if self.named && self.resolved.get().is_none() {
            return None;
        }
        self.next(None)
    }

    /// The endpoint for one request.
    pub(super) async fn choose(&self, timeout: Duration) -> Result<Rc<Endpoint>, ForwardError> {
        if self.named && self.resolved.get().is_none() {
            let resolving = tokio::time::timeout(timeout, self.resolve());
            resolving
                .await
                .map_err(|_| ForwardError::ConnectTimeout)?
                .map_err(ForwardError::Connect)?;
        }
        self.next(None).ok_or_else(|| {
            ForwardError::Connect(io::Error::new(io::ErrorKind::NotFound, "no endpoint"))
        })
    }

    fn next(&self, but: Option<&Rc<Endpoint>>) -> Option<Rc<Endpoint>> {
        let all = self.all.borrow();
        if let [only] = &**all {
            return Some(Rc::clone(only));
        }
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        choose(&all, turn, monotonic(), but)
    }

    /// A new connection, to `first` or, if that cannot be had, to another: nothing was sent, so nothing is sent twice.
    pub(super) async fn connect(
        &self,
        first: Rc<Endpoint>,
        timeout: Duration,
    ) -> Result<(Stream, Rc<Endpoint>), ForwardError> {
        let most = TRIES.min(self.all.borrow().len()).max(1);
        let mut endpoint = first;
        let mut tried = 1;
        loop {
            let error = match tokio::time::timeout(timeout, endpoint.connect()).await {
                Ok(Ok(stream)) => return Ok((stream, endpoint)),
                Ok(Err(error)) => ForwardError::Connect(error),
                Err(_) => ForwardError::ConnectTimeout,
            };
            endpoint.failed(monotonic());
            if tried >= most {
                return Err(error);
            }
            tried = tried.saturating_add(1);
            match self.next(Some(&endpoint)) {
                Some(next) => endpoint = next,
                None => return Err(error),
            }
        }
    }

    /// Whether names are to be asked for again.
    pub(super) fn are_due(&self, now: Instant) -> bool {
        let old = |at: Instant| now.saturating_duration_since(at) >= RESOLVE_EVERY;
        self.named && !self.resolving.get() && self.resolved.get().is_some_and(old)
    }

    /// Asks for every name. Endpoints whose address stays are kept with their connections; when a name has no answer, its
    /// site keeps what it had.
    pub(super) async fn resolve(&self) -> io::Result<()> {
        self.resolving.set(true);
        let found = self.look_up().await;
        self.resolving.set(false);
        self.resolved.set(Some(monotonic()));
        match found {
            Ok(all) => {
                *self.all.borrow_mut() = all.into();
                Ok(())
            }
            Err(error) if self.all.borrow().is_empty() => {
                // Nobody knows an address: the next request asks again.
                self.resolved.set(None);
                Err(error)
            }
            Err(error) => {
                tracing::warn!(%error, "an upstream's name cannot be resolved; its last addresses stay");
                Ok(())
            }
        }
    }

    async fn look_up(&self) -> io::Result<Vec<Rc<Endpoint>>> {
        let before = self.all();
        let mut all: Vec<Rc<Endpoint>> = Vec::new();
        for site in &self.sites {
            let addresses: Vec<Address> = match (address(&site.place), &site.place) {
                (Some(address), _) => vec![address],
                (None, Place::Tcp(host, port)) => {
                    let found = tokio::net::lookup_host((host.as_str(), *port)).await?;
                    found.take(ADDRESSES).map(Address::Tcp).collect()
                }
                (None, Place::Unix(_)) => Vec::new(),
            };
            for address in addresses {
                if all.iter().any(|known| known.address == address) {
                    continue;
                }
                let kept = before.iter().find(|known| known.address == address);
                all.push(match kept {
                    Some(kept) => Rc::clone(kept),
                    None => Endpoint::new(address, site.tls.clone()),
                });
            }
        }
        if all.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no address"));
        }
        Ok(all)
    }
}

/// The address of a place that needs no resolving.
fn address(place: &Place) -> Option<Address> {
    match place {
        Place::Unix(path) => Some(Address::Unix(path.clone())),
        Place::Tcp(host, port) => {
            let address: IpAddr = host.parse().ok()?;
            Some(Address::Tcp(SocketAddr::new(address, *port)))
        }
    }
}
