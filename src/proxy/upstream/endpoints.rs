//! All endpoints of an upstream: those that are given by address, and those that names stand for, asked for again and
//! again.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::monotonic;
use crate::net::stream::Stream;
use crate::proxy::forward::ForwardError;
use crate::proxy::upstream::endpoint::{Address, Endpoint, choose};
use crate::proxy::upstream::names::Names;
use crate::proxy::upstream::target::{Place, Site};

/// How often names are asked for while the upstream is in use.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);
/// How soon after an answer a request that finds no endpoint asks again.
const RESOLVE_SOON: Duration = Duration::from_millis(500);
/// Endpoints that are tried for one connection.
pub(super) const TRIES: usize = 3;

pub(super) struct Endpoints {
    sites: Vec<Site>,
    names: Arc<Names>,
    all: RefCell<Rc<[Rc<Endpoint>]>>,
    /// Which answers of the names those are of.
    version: Cell<u64>,
    /// There is one, and names are being asked for.
    ready: Cell<bool>,
    turn: Cell<usize>,
}

impl Endpoints {
    pub(super) fn new(sites: Vec<Site>, names: Arc<Names>) -> Self {
        let endpoints = Self {
            ready: Cell::new(names.is_empty()),
            sites,
            version: Cell::new(0),
            all: RefCell::new(Rc::new([])),
            names,
            turn: Cell::new(0),
        };
        endpoints.gather();
        endpoints
    }

    /// The endpoints that are known now.
    pub(super) fn all(&self) -> Rc<[Rc<Endpoint>]> {
        Rc::clone(&self.all.borrow())
    }

    /// The endpoint for one request, if no name has to be resolved for that; not `but`, unless there is no other.
    pub(super) fn known(&self, but: Option<&Rc<Endpoint>>) -> Option<Rc<Endpoint>> {
        if !self.ready.get() {
            return None;
        }
        self.next(but)
    }

    /// The endpoint for one request.
    pub(super) async fn choose(&self, timeout: Duration) -> Result<Rc<Endpoint>, ForwardError> {
        if !self.ready.get() {
            let resolving = tokio::time::timeout(timeout, self.first());
            resolving
                .await
                .map_err(|_| ForwardError::ConnectTimeout)?
                .map_err(ForwardError::Connect)?;
        }
        self.next(None).ok_or_else(|| {
            ForwardError::Connect(io::Error::new(io::ErrorKind::NotFound, "no endpoint"))
        })
    }

    /// Waits until there is an endpoint, or nothing to wait for.
    async fn first(&self) -> io::Result<()> {
        let mut changes = self.names.changes();
        self.names.ask(RESOLVE_SOON);
        loop {
            self.refresh();
            if !self.all.borrow().is_empty() {
                self.ready.set(true);
                return Ok(());
            }
            if let Some(failure) = self.names.failure() {
                return Err(failure);
            }
            if changes.changed().await.is_err() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no address"));
            }
        }
    }

    pub(super) fn next(&self, but: Option<&Rc<Endpoint>>) -> Option<Rc<Endpoint>> {
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

    /// Has the names asked for again, when it is time, and takes what was told meanwhile.
    pub(super) fn renew(&self) {
        if self.ready.get() && !self.names.is_empty() {
            self.names.ask(RESOLVE_EVERY);
            self.refresh();
        }
    }

    /// Takes what the names have told.
    fn refresh(&self) {
        let version = self.names.version();
        if self.version.replace(version) != version {
            self.gather();
        }
    }

    /// Endpoints whose address stays are kept with their connections.
    fn gather(&self) {
        let before = self.all();
        let mut all: Vec<Rc<Endpoint>> = Vec::new();
        for (index, site) in self.sites.iter().enumerate() {
            let addresses: Vec<Address> = match &site.place {
                Place::Known(address) => vec![address.clone()],
                Place::Named(name) => {
                    let told = self.names.addresses(*name);
                    told.iter().copied().map(Address::Tcp).collect()
                }
            };
            for address in addresses {
                if all.iter().any(|known| known.address == address) {
                    continue;
                }
                let kept = before.iter().find(|known| known.is(&address, index));
                all.push(match kept {
                    Some(kept) => Rc::clone(kept),
                    None => Endpoint::new(address, index, site.tls.clone()),
                });
            }
        }
        *self.all.borrow_mut() = all.into();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::*;
    use crate::proxy::upstream::names::tests::{address, names};

    fn sites(count: usize) -> Vec<Site> {
        let site = |name| Site {
            place: Place::Named(name),
            tls: None,
        };
        (0..count).map(site).collect()
    }

    fn addresses(endpoints: &Endpoints) -> Vec<SocketAddr> {
        let all = endpoints.all();
        let tcp = all.iter().map(|endpoint| match &endpoint.address {
            Address::Tcp(address) => *address,
            Address::Unix(path) => panic!("{path:?}"),
        });
        tcp.collect()
    }

    /// A resolver that says nothing until it may.
    #[derive(Default)]
    struct Silent {
        may: Mutex<bool>,
        told: Condvar,
        asked: AtomicUsize,
        at_once: AtomicUsize,
        most: AtomicUsize,
    }

    impl Silent {
        fn ask(&self) -> Vec<SocketAddr> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let before = self.at_once.fetch_add(1, Ordering::SeqCst);
            self.most
                .fetch_max(before.saturating_add(1), Ordering::SeqCst);
            let waited = self.may.lock().unwrap();
            let waited = self.told.wait_while(waited, |may| !*may).unwrap();
            drop(waited);
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            vec![address(1)]
        }

        fn let_go(&self) {
            *self.may.lock().unwrap() = true;
            self.told.notify_all();
        }
    }

    #[tokio::test]
    async fn a_silent_resolver_is_asked_once_for_all_who_wait() {
        let silent = Arc::new(Silent::default());
        let asked = Arc::clone(&silent);
        let names = names(&["silent"], move |_| Ok(asked.ask()));
        // Two workers, and 1,200 requests one after the other and at once.
        let workers: Vec<_> = (0..2)
            .map(|_| Endpoints::new(sites(1), Arc::clone(&names)))
            .collect();
        let soon = Duration::from_millis(30);
        for _ in 0..4 {
            let waiting = workers
                .iter()
                .flat_map(|worker| (0..150).map(move |_| worker.choose(soon)));
            for answer in futures_util::future::join_all(waiting).await {
                assert!(matches!(answer, Err(ForwardError::ConnectTimeout)));
            }
        }
        assert_eq!(silent.asked.load(Ordering::SeqCst), 1);
        let late = workers
            .iter()
            .map(|one| one.choose(Duration::from_secs(20)));
        let (found, ()) = tokio::join!(futures_util::future::join_all(late), async {
            silent.let_go();
        });
        for endpoint in found {
            assert_eq!(endpoint.unwrap().address, Address::Tcp(address(1)));
        }
        assert_eq!(silent.most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn one_silent_or_missing_name_of_several_holds_up_nobody() {
        let silent = Arc::new(Silent::default());
        let asked = Arc::clone(&silent);
        let moves = Arc::new(AtomicU8::new(2));
        let now = Arc::clone(&moves);
        let names = names(&["silent", "missing", "good"], move |host| match host {
            "silent" => Ok(asked.ask()),
            "missing" => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(vec![address(now.load(Ordering::SeqCst))]),
        });
        let endpoints = Endpoints::new(sites(3), Arc::clone(&names));
        assert!(endpoints.known(None).is_none());
        let limit = Duration::from_secs(20);
        let chosen = endpoints.choose(limit).await.unwrap();
        assert_eq!(addresses(&endpoints), [address(2)]);
        // The good one moves, and is followed; what stays is kept.
        let mut changes = names.changes();
        moves.store(3, Ordering::SeqCst);
        names.ask(Duration::ZERO);
        while addresses(&endpoints) != [address(3)] {
            changes.changed().await.unwrap();
            endpoints.refresh();
        }
        assert_ne!(chosen.address, endpoints.known(None).unwrap().address);
        silent.let_go();
        while addresses(&endpoints).len() < 2 {
            changes.changed().await.unwrap();
            endpoints.refresh();
        }
        assert_eq!(addresses(&endpoints), [address(1), address(3)]);
    }

    #[tokio::test]
    async fn without_any_address_requests_fail_soon_and_are_not_asked_for_each() {
        let count = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&count);
        let names = names(&["missing"], move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Err(io::ErrorKind::NotFound.into())
        });
        let endpoints = Endpoints::new(sites(1), names);
        for _ in 0..200 {
            let answer = endpoints.choose(Duration::from_secs(20)).await;
            assert!(matches!(answer, Err(ForwardError::Connect(_))));
        }
        // Twice a second at most; a busy machine may need some.
        assert!(count.load(Ordering::SeqCst) < 20);
    }
}
