//! The phases of a graceful stop.
//!
//! First still accepting, so that balancers notice the failing readiness before they are refused; then open requests
//! get their time: HTTP/1 connections close after their answer, HTTP/2 ones get GOAWAY; what is left is cut.

use std::future::Future;
use std::time::Duration;

/// Where the data plane is between start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Serve,
    /// Still accepting, but asking clients to go elsewhere.
    Leave,
    /// Accepting no more; finishing what is under way.
    Finish,
    /// Ending at once.
    Cut,
}

/// How long each phase of a stop may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Still accepting.
    pub leave: Duration,
    /// For what is under way then.
    pub grace: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            leave: Duration::from_secs(5),
            grace: Duration::from_secs(20),
        }
    }
}

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Connections that had to be cut.
    pub cut: usize,
}

/// What a stop acts on.
pub trait Stoppable {
    /// Enters a phase.
    fn enter(&self, phase: Phase);
    /// Connections open now.
    fn open(&self) -> usize;
    /// Ends when no connection is open.
    fn emptied(&self) -> impl Future<Output = ()>;
}

/// Stops in phases. `hurry` ends the stop at once when it completes.
pub async fn stop<S: Stoppable>(what: &S, times: Times, hurry: impl Future<Output = ()>) -> Report {
    let orderly = async {
        what.enter(Phase::Leave);
        tokio::time::sleep(times.leave).await;
        what.enter(Phase::Finish);
        // Whether it emptied or the time is over, what is left is counted below.
        let _ = tokio::time::timeout(times.grace, what.emptied()).await;
    };
    tokio::select! {
        () = orderly => {}
        () = hurry => {}
    }
    let cut = what.open();
    what.enter(Phase::Cut);
    Report { cut }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    struct Pretended {
        entered: RefCell<Vec<Phase>>,
        open: Cell<usize>,
        empties: bool,
    }

    impl Stoppable for Pretended {
        fn enter(&self, phase: Phase) {
            self.entered.borrow_mut().push(phase);
        }

        fn open(&self) -> usize {
            self.open.get()
        }

        async fn emptied(&self) {
            if !self.empties {
                std::future::pending::<()>().await;
            }
            self.open.set(0);
        }
    }

    async fn stopped(empties: bool, hurry: impl Future<Output = ()>) -> (Vec<Phase>, usize) {
        let what = Pretended {
            entered: RefCell::default(),
            open: Cell::new(3),
            empties,
        };
        let times = Times {
            leave: Duration::from_millis(10),
            grace: Duration::from_millis(10),
        };
        let report = stop(&what, times, hurry).await;
        (what.entered.into_inner(), report.cut)
    }

    #[tokio::test]
    async fn phases_follow_each_other_and_what_is_cut_is_counted() {
        let all = vec![Phase::Leave, Phase::Finish, Phase::Cut];
        assert_eq!(
            stopped(true, std::future::pending()).await,
            (all.clone(), 0)
        );
        assert_eq!(stopped(false, std::future::pending()).await, (all, 3));
        let hurried = stopped(false, tokio::time::sleep(Duration::from_millis(1))).await;
        assert_eq!(hurried, (vec![Phase::Leave, Phase::Cut], 3));
    }
}
