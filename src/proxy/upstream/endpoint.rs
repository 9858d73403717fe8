//! One of the addresses that an upstream has: its connections, how busy it is, and whether it has failed lately.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::client::conn::http2;
use tokio::net::{TcpStream, UnixStream};

use crate::net::stream::{Plain, Stream};
use crate::net::tls;
use crate::proxy::upload::RequestBody;
use crate::proxy::upstream::Idle;

/// So many failures in a row put an endpoint out.
const FAILURES: u32 = 3;
/// For how long, the first time; twice as long each time after that.
const OUT: Duration = Duration::from_secs(1);
/// And never longer.
const OUT_MOST: Duration = Duration::from_secs(30);
/// For this long after a failure, each of the failures in a row counts as so many requests under way.
const WEIGHS: Duration = Duration::from_secs(1);
const WEIGHT: u32 = 8;
/// Endpoints that are looked at for one request.
const LOOKED_AT: usize = 8;

/// Where an endpoint's sockets are connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// An address that a name was resolved to, or that was given.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A worker's view of an endpoint.
pub(super) struct Endpoint {
    pub(super) address: Address,
    /// Which of the upstream's URLs it is of.
    site: usize,
    tls: Option<tls::Client>,
    /// HTTP/1 connections without an exchange.
    pub(super) idle: RefCell<Vec<Idle>>,
    /// The HTTP/2 connection.
    pub(super) shared: RefCell<Option<http2::SendRequest<RequestBody>>>,
    /// Requests under way.
    busy: Cell<u32>,
    failures: Cell<u32>,
    failed_at: Cell<Option<Instant>>,
    /// How often it was put out since it last did well.
    times_out: Cell<u32>,
    out_until: Cell<Option<Instant>>,
}

impl Endpoint {
    pub(super) fn new(address: Address, site: usize, tls: Option<tls::Client>) -> Rc<Self> {
        Rc::new(Self {
            address,
            site,
            tls,
            idle: RefCell::default(),
            shared: RefCell::default(),
            busy: Cell::new(0),
            failures: Cell::new(0),
            failed_at: Cell::new(None),
            times_out: Cell::new(0),
            out_until: Cell::new(None),
        })
    }

    /// Whether it is that one.
    pub(super) fn is(&self, address: &Address, site: usize) -> bool {
        self.address == *address && self.site == site
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let plain = match &self.address {
            Address::Unix(path) => Plain::Unix(UnixStream::connect(path).await?),
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Plain::Tcp(stream)
            }
        };
        match &self.tls {
            None => Ok(Stream::Plain(plain)),
            Some(tls) => Ok(Stream::TlsClient(Box::new(tls.connect(plain).await?))),
        }
    }

    pub(super) fn begin(&self) {
        self.busy.set(self.busy.get().saturating_add(1));
    }

    pub(super) fn end(&self) {
        self.busy.set(self.busy.get().saturating_sub(1));
    }

    /// It answered.
    pub(super) fn did_well(&self) {
        if self.failures.get() > 0 || self.times_out.get() > 0 {
            self.failures.set(0);
            self.times_out.set(0);
            self.out_until.set(None);
        }
    }

    /// It refused a connection, broke one off, or did not answer in time.
    pub(super) fn failed(&self, now: Instant) {
        let failures = self.failures.get().saturating_add(1);
        self.failures.set(failures);
        self.failed_at.set(Some(now));
        if failures < FAILURES {
            return;
        }
        let times = self.times_out.get();
        self.times_out.set(times.saturating_add(1));
        // One more failure puts it out again, once it was let in.
        self.failures.set(FAILURES.saturating_sub(1));
        let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
        let out = OUT.saturating_mul(factor).min(OUT_MOST);
        self.out_until.set(now.checked_add(out));
    }

    /// How busy it is. One that has just failed gets less to do even before it is put out, unless the others have much
    /// more; a while later it is as good as any.
    fn weight(&self, now: Instant) -> u32 {
        let lately = |at| now.saturating_duration_since(at) < WEIGHS;
        let failures = match self.failures.get() {
            0 => 0,
            some if self.failed_at.get().is_some_and(lately) => some,
            _ => 0,
        };
        let busy = self.busy.get();
        busy.saturating_add(failures.saturating_mul(WEIGHT))
    }

    fn is_out(&self, now: Instant) -> bool {
        self.out_until.get().is_some_and(|until| now < until)
    }
}

/// The least busy of those that are not out, beginning at `start`; when all are out, the least busy of all. Not `but`,
/// unless there is no other.
pub(super) fn choose(
    endpoints: &[Rc<Endpoint>],
    start: usize,
    now: Instant,
    but: Option<&Rc<Endpoint>>,
) -> Option<Rc<Endpoint>> {
    if let [only] = endpoints {
        return Some(Rc::clone(only));
    }
    let start = start.checked_rem(endpoints.len())?;
    let order = |endpoint: &&Rc<Endpoint>| {
        let tried = but.is_some_and(|but| Rc::ptr_eq(but, endpoint));
        (tried, endpoint.is_out(now), endpoint.weight(now))
    };
    let candidates = endpoints.iter().cycle().skip(start);
    let best = candidates
        .clone()
        .take(LOOKED_AT.min(endpoints.len()))
        .min_by_key(order)?;
    if !best.is_out(now) {
        return Some(Rc::clone(best));
    }
    // Rare: it is worth a look at all of them.
    let best = candidates.take(endpoints.len()).min_by_key(order)?;
    Some(Rc::clone(best))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    fn endpoints(count: u16) -> Vec<Rc<Endpoint>> {
        (1..=count)
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
            .map(|address| Endpoint::new(Address::Tcp(address), 0, None))
            .collect()
    }

    #[test]
    fn the_least_busy_is_chosen_and_equals_take_turns() {
        let all = endpoints(3);
        let now = monotonic();
        let mut turns: Vec<_> = (0..3)
            .map(|start| choose(&all, start, now, None).unwrap().address.clone())
            .collect();
        turns.dedup();
        assert_eq!(turns.len(), 3);
        all[0].begin();
        all[2].begin();
        for start in 0..6 {
            let chosen = choose(&all, start, now, None).unwrap();
            assert!(Rc::ptr_eq(&chosen, &all[1]));
            let other = choose(&all, start, now, Some(&all[1])).unwrap();
            assert!(!Rc::ptr_eq(&other, &all[1]));
        }
        assert!(choose(&[], 0, now, None).is_none());
    }

    #[test]
    fn who_has_just_failed_gets_less_to_do_for_a_while() {
        let all = endpoints(2);
        let now = monotonic();
        all[0].failed(now);
        let chosen = |start, at| {
            let chosen = choose(&all, start, at, None).unwrap();
            all.iter().position(|one| Rc::ptr_eq(one, &chosen)).unwrap()
        };
        for _ in 0..8 {
            assert_eq!((chosen(0, now), chosen(1, now)), (1, 1));
            all[1].begin();
        }
        // Much more to do elsewhere, or time, weighs more.
        all[1].begin();
        assert_eq!((chosen(0, now), chosen(1, now)), (0, 0));
        for _ in 0..9 {
            all[1].end();
        }
        let later = now.checked_add(WEIGHS).unwrap();
        assert_eq!((chosen(0, later), chosen(1, later)), (0, 1));
        all[0].did_well();
        assert_eq!((chosen(0, now), chosen(1, now)), (0, 1));
    }

    #[test]
    fn failures_in_a_row_put_out_for_longer_and_longer() {
        let all = endpoints(2);
        let now = monotonic();
        let seconds = |count| now.checked_add(Duration::from_secs(count)).unwrap();
        for _ in 0..2 {
            all[0].failed(now);
        }
        all[0].did_well();
        for _ in 0..2 {
            all[0].failed(now);
        }
        assert!(!all[0].is_out(now));
        all[0].failed(now);
        assert!(all[0].is_out(now));
        all[1].begin();
        for start in 0..2 {
            assert!(Rc::ptr_eq(
                &choose(&all, start, now, None).unwrap(),
                &all[1]
            ));
        }
        // Let in again after a second; one failure more, and it is out for two.
        assert!(!all[0].is_out(seconds(1)));
        all[0].failed(seconds(1));
        assert!(all[0].is_out(seconds(2)));
        assert!(!all[0].is_out(seconds(3)));
        for _ in 0..40 {
            all[0].failed(now);
        }
        assert!(!all[0].is_out(seconds(30)));
        // When all are out, one must do.
        for _ in 0..3 {
            all[1].failed(now);
        }
        assert!(choose(&all, 0, now, None).is_some());
        all[0].did_well();
        assert!(!all[0].is_out(now));
    }
}
