//! The state of each open connection that time and drain act on, and the sweep that does it.
//!
//! A timer a connection would cost a system call's worth of work a request; instead connections note when they began
//! to wait, and one sweep a worker, twice a second, ends those that waited too long. A deadline is met half a
//! second late at most; how long a connection was idle is measured from the last sweep, to spare every request a look at
//! the clock.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::clock::monotonic;
use crate::net::framing::{Fault, Scanner};
use crate::net::limits::Limits;
use crate::net::stall::Paces;
use crate::net::unread::Unread;

/// How often deadlines are looked at.
pub const SWEEP: Duration = Duration::from_millis(500);

/// What a connection is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// Go on.
    Serve,
    /// Finish what is under way, take nothing new.
    Finish,
    /// A head was begun and did not come in time: say so and end.
    Late,
    /// End at once.
    Cut,
}

/// One connection's state, shared by its socket, its requests and the sweep.
#[derive(Debug)]
pub struct Line {
    scanner: RefCell<Scanner>,
    /// Whether the bytes are HTTP/1 messages.
    messages: Cell<bool>,
    /// What the parser would have answered to a head that it could not read.
    unread: Cell<Option<Unread>>,
    /// Requests handed to the handler so far.
    requests: Cell<u64>,
    /// Requests whose answers are not complete.
    active: Cell<u32>,
    /// Since when a head has been under way (or awaited, on a new connection).
    head_since: Cell<Option<Instant>>,
    /// Which one, over HTTP/2.
    head: Cell<u64>,
    /// Since when there has been nothing to do.
    idle_since: Cell<Option<Instant>>,
    /// Since when the client has taken no byte of what waits for it.
    stalled_since: Cell<Option<Instant>>,
    /// Since when it has been told to finish.
    finishing_since: Cell<Option<Instant>>,
    /// The answers of HTTP/2 streams.
    paces: Paces,
    /// Whether one of its HTTP/2 heads may be marked as faulty.
    faults: Cell<bool>,
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
    clock: Rc<Cell<Instant>>,
}

impl Line {
    /// A connection that was just opened: its first head is awaited.
    fn new(limits: &Limits, clock: &Rc<Cell<Instant>>) -> Self {
        Self {
            scanner: RefCell::new(Scanner::new(limits.head_size)),
            messages: Cell::new(true),
            unread: Cell::new(None),
            requests: Cell::new(0),
            active: Cell::new(0),
            head_since: Cell::new(Some(monotonic())),
            head: Cell::new(0),
            idle_since: Cell::new(None),
            stalled_since: Cell::new(None),
            finishing_since: Cell::new(None),
            paces: Paces::default(),
            faults: Cell::new(false),
            order: Cell::new(Order::Serve),
            waker: RefCell::new(None),
            clock: Rc::clone(clock),
        }
    }

    /// Bytes came in: how many may be passed on.
    pub(super) fn received(&self, bytes: &[u8]) -> Result<(), (usize, Fault)> {
        let mut scanner = self.scanner.borrow_mut();
        let outcome = scanner.read(bytes);
        match (scanner.mid_head(), self.head_since.get()) {
            (true, None) => self.head_since.set(Some(monotonic())),
            (false, Some(_)) => self.head_since.set(None),
            (true, Some(_)) | (false, None) => {}
        }
        outcome
    }

    /// The HTTP/2 head of that number has begun and not ended, or none has.
    pub(super) fn head_is_under_way(&self, head: Option<u64>) {
        match (head, self.head_since.get()) {
            (None, None) => {}
            (None, Some(_)) => self.head_since.set(None),
            (Some(head), Some(_)) if self.head.get() == head => {}
            (Some(head), _) => {
                self.head.set(head);
                self.head_since.set(Some(monotonic()));
            }
        }
    }

    /// Whether the bytes are HTTP/1 messages.
    pub(super) fn reads_messages(&self) -> bool {
        self.messages.get()
    }

    /// Whether a head took too long.
    pub(super) fn is_late(&self) -> bool {
        self.order.get() == Order::Late
    }

    /// How large a head may be.
    pub(super) fn head_size(&self) -> usize {
        self.scanner.borrow().limit()
    }

    /// From here on the bytes are no HTTP/1 messages.
    pub fn stop_reading_messages(&self) {
        self.messages.set(false);
        self.scanner.borrow_mut().stop();
        self.head_since.set(None);
        if self.active.get() == 0 {
            self.idle_since.set(Some(self.clock.get()));
        }
    }

    /// A request begins. The error: what is wrong with its head.
    pub(super) fn begin(&self) -> Result<(), Fault> {
        let number = self.requests.get().saturating_add(1);
        self.requests.set(number);
        self.active.set(self.active.get().saturating_add(1));
        self.idle_since.set(None);
        self.scanner.borrow().head_fault(number)
    }

    /// A request's answer is complete, or given up.
    pub(super) fn end(&self) {
        let active = self.active.get().saturating_sub(1);
        self.active.set(active);
        if active == 0 {
            let now = self.clock.get();
            self.idle_since.set(Some(now));
            if self.messages.get() && self.head_since.get().is_some() {
                self.head_since.set(Some(now));
            }
        }
    }

    /// Whether what is being written may be the parser's own: no answer of the handler is under way, and there is more
    /// of heads than requests were made of.
    pub(super) fn parser_may_speak(&self) -> bool {
        self.messages.get()
            && self.active.get() == 0
            && self.scanner.borrow().ahead_of(self.requests.get())
    }

    /// The parser gave a head up.
    pub(super) fn give_up(&self, why: Unread) {
        self.unread.set(Some(why));
    }

    /// Why the parser gave a head up, if it did.
    pub(super) fn unread(&self) -> Option<Unread> {
        self.unread.get()
    }

    pub(super) fn stalled(&self) {
        if self.stalled_since.get().is_none() {
            self.stalled_since.set(Some(monotonic()));
        }
    }

    pub(super) fn flowing(&self) {
        self.stalled_since.set(None);
    }

    #[cfg(test)]
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_since.get().is_some()
    }

    /// Something goes on that is no request any more, and yet is not idle.
    pub(super) fn hold(&self) {
        self.active.set(self.active.get().saturating_add(1));
        self.idle_since.set(None);
    }

    /// The answers of HTTP/2 streams.
    pub(super) fn paces(&self) -> &Paces {
        &self.paces
    }

    /// An HTTP/2 head was marked as faulty.
    pub(super) fn found_faults(&self) {
        self.faults.set(true);
    }

    /// Whether one was.
    pub(super) fn has_faults(&self) -> bool {
        self.faults.get()
    }

    /// The time as of the last sweep.
    pub(super) fn now(&self) -> Instant {
        self.clock.get()
    }

    /// Requests whose answers are not complete.
    pub fn active(&self) -> u32 {
        self.active.get()
    }

    /// Tells the connection what to do; a milder order than it has changes nothing.
    pub fn tell(&self, order: Order) {
        if order > self.order.get() {
            self.order.set(order);
            if order == Order::Finish {
                self.finishing_since.set(Some(self.clock.get()));
            }
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }

    /// What the connection was told; it is woken when that changes.
    pub(super) fn order(&self, context: &Context<'_>) -> Order {
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            other => *other = Some(context.waker().clone()),
        }
        self.order.get()
    }

    /// What time demands of the connection.
    fn overdue(&self, now: Instant, limits: &Limits) -> Order {
        let past = |since: &Cell<Option<Instant>>, limit: Duration| {
            since
                .get()
                .is_some_and(|since| now.saturating_duration_since(since) >= limit)
        };
        self.paces.sweep(now, limits.write_stall);
        if past(&self.stalled_since, limits.write_stall) {
            return Order::Cut;
        }
        if !self.messages.get() && past(&self.head_since, limits.head_timeout) {
            // Whatever else goes on: nothing can come on the connection before the end of that head. Who takes nothing
            // cannot be told so.
            return match self.stalled_since.get() {
                None => Order::Late,
                Some(_) => Order::Cut,
            };
        }
        if self.active.get() > 0 {
            return Order::Serve;
        }
        if past(&self.finishing_since, limits.write_stall) {
            // Nothing is under way, and yet it does not end: the client takes no byte of what is left.
            return Order::Cut;
        }
        if past(&self.head_since, limits.head_timeout) {
            // Who sent nothing at all is not answered either.
            return if self.scanner.borrow().mid_head() {
                Order::Late
            } else {
                Order::Cut
            };
        }
        if past(
            &self.idle_since,
            limits.keep_alive_idle.saturating_add(SWEEP),
        ) {
            return Order::Finish;
        }
        Order::Serve
    }
}

/// A worker's open connections, and the time as of the last sweep: near enough for what is measured here.
#[derive(Debug)]
pub struct Registry {
    lines: RefCell<Vec<Weak<Line>>>,
    clock: Rc<Cell<Instant>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            lines: RefCell::default(),
            clock: Rc::new(Cell::new(monotonic())),
        }
    }
}

impl Registry {
    /// Adds a connection that was just opened; it leaves by being dropped.
    pub fn open_line(&self, limits: &Limits) -> Rc<Line> {
        let line = Rc::new(Line::new(limits, &self.clock));
        self.lines.borrow_mut().push(Rc::downgrade(&line));
        line
    }

    /// Ends what is overdue and forgets what is gone.
    pub fn sweep(&self, limits: &Limits) {
        let now = monotonic();
        self.clock.set(now);
        self.lines.borrow_mut().retain(|line| match line.upgrade() {
            Some(line) => {
                line.tell(line.overdue(now, limits));
                true
            }
            None => false,
        });
    }

    /// Tells every connection.
    pub fn tell_all(&self, order: Order) {
        for line in self.lines.borrow().iter().filter_map(Weak::upgrade) {
            line.tell(order);
        }
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.lines
            .borrow()
            .iter()
            .filter(|line| line.strong_count() > 0)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_too_long_has_its_order() {
        let limits = Limits::default();
        let line = Registry::default().open_line(&limits);
        let later = |seconds| monotonic() + Duration::from_secs(seconds);
        assert_eq!(line.overdue(later(9), &limits), Order::Serve);
        assert_eq!(line.overdue(later(11), &limits), Order::Cut);

        line.received(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        line.begin().unwrap();
        assert_eq!(line.overdue(later(1000), &limits), Order::Serve);
        line.end();
        assert_eq!(line.overdue(later(59), &limits), Order::Serve);
        assert_eq!(line.overdue(later(61), &limits), Order::Finish);

        line.received(b"GET").unwrap();
        assert_eq!(line.overdue(later(11), &limits), Order::Late);

        line.received(b" / HTTP/1.1\r\n\r\n").unwrap();
        line.begin().unwrap();
        line.stalled();
        assert_eq!(line.overdue(later(31), &limits), Order::Cut);
        line.flowing();
        assert_eq!(line.overdue(later(31), &limits), Order::Serve);
    }

    #[test]
    fn an_http2_head_has_its_time_whatever_else_goes_on() {
        let limits = Limits::default();
        let line = Registry::default().open_line(&limits);
        line.stop_reading_messages();
        line.begin().unwrap();
        let later = |seconds| monotonic() + Duration::from_secs(seconds);
        assert_eq!(line.overdue(later(11), &limits), Order::Serve);
        line.head_is_under_way(Some(0));
        let since = line.head_since.get();
        assert_eq!(line.overdue(later(11), &limits), Order::Late);
        line.stalled();
        assert_eq!(line.overdue(later(11), &limits), Order::Cut);
        line.flowing();
        // The same one goes on; another one has its own time.
        std::thread::sleep(Duration::from_millis(2));
        line.head_is_under_way(Some(0));
        assert_eq!(line.head_since.get(), since);
        line.head_is_under_way(Some(1));
        assert!(line.head_since.get() > since);
        line.head_is_under_way(None);
        assert_eq!(line.overdue(later(11), &limits), Order::Serve);
        line.tell(Order::Late);
        assert!(line.is_late());
    }

    #[test]
    fn orders_only_grow_stricter_and_the_gone_are_forgotten() {
        let limits = Limits::default();
        let registry = Registry::default();
        let line = registry.open_line(&limits);
        registry.tell_all(Order::Cut);
        registry.tell_all(Order::Finish);
        assert_eq!(line.order.get(), Order::Cut);
        assert_eq!(registry.open(), 1);
        drop(line);
        registry.sweep(&limits);
        assert_eq!(registry.lines.borrow().len(), 0);
    }
}
