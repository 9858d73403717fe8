//! Streams under a control that changes its mind.

#![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use http::Request;
use tokio::runtime::{Builder, LocalOptions};

use super::*;
use crate::gate::{Refusal, Verdict};
use crate::proxy::Outcome;

#[derive(Default)]
struct Minds {
    generation: AtomicU64,
    stale: AtomicBool,
    denies: AtomicBool,
    seconds: AtomicI64,
    recorded: AtomicUsize,
    asked: AtomicUsize,
}

impl Control for Minds {
    async fn judge(&self, _: &Head<'_>, _: &mut Facts) -> Verdict {
        Err(Refusal::from(Reason::Internal))
    }

    async fn again(&self, head: &Head<'_>) -> Result<Lasts, Reason> {
        assert_eq!(head.parts.uri.path(), "/kept");
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.denies.load(Ordering::Relaxed) {
            Err(Reason::ExplicitDeny)
        } else {
            Ok(until(100))
        }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn is_current(&self, _: &Facts) -> bool {
        !self.stale.load(Ordering::Relaxed)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.seconds.load(Ordering::Relaxed))
    }

    fn refused(&self, unjudged: &Unjudged<'_>) {
        assert_eq!(unjudged.reason, Reason::ExpiredCredential);
        assert_eq!(unjudged.path, "/kept");
        self.recorded.fetch_add(1, Ordering::Relaxed);
    }

    fn finish(&self, _: Option<&Facts>, _: &Outcome<'_>) {}
}

fn until(seconds: i64) -> Lasts {
    Lasts {
        until: Some(Timestamp::from_seconds(seconds)),
        again_at: None,
    }
}

fn kept() -> Box<Kept> {
    Box::new(Kept {
        parts: Request::get("/kept").body(()).unwrap().into_parts().0,
        peer: "127.0.0.1".parse().unwrap(),
        secure: false,
        listener: "test".into(),
        connection: None,
        request_id: HeaderValue::from_static("id"),
    })
}

fn inside(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(test());
}

/// What ends a stream within a few ticks.
async fn end_of(watch: &Watch) -> Option<Reason> {
    let ended = watch.unless_ended(tokio::time::sleep(4 * TICK));
    ended.await.err()
}

/// What ends a stream that is to end, on a machine however busy.
async fn ends(watch: &Watch) -> Option<Reason> {
    let ended = watch.unless_ended(tokio::time::sleep(100 * TICK));
    ended.await.err()
}

#[test]
fn a_stream_is_decided_again_when_the_snapshot_changes() {
    inside(async || {
        let control = Rc::new(Minds::default());
        let streams = Streams::new(Duration::ZERO);
        let stream = streams.add(&control, Some(kept()), Lasts::default(), &Facts::default());
        assert_eq!(end_of(&stream).await, None);
        assert_eq!(control.asked.load(Ordering::Relaxed), 0);
        control.generation.store(1, Ordering::Relaxed);
        assert_eq!(end_of(&stream).await, None);
        assert_eq!(control.asked.load(Ordering::Relaxed), 1);
        control.denies.store(true, Ordering::Relaxed);
        control.generation.store(2, Ordering::Relaxed);
        assert_eq!(ends(&stream).await, Some(Reason::ExplicitDeny));
        assert_eq!(control.asked.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_stream_ends_with_its_credential_even_one_that_was_prolonged() {
    inside(async || {
        let control = Rc::new(Minds::default());
        let streams = Streams::new(Duration::ZERO);
        let stream = streams.add(&control, Some(kept()), until(10), &Facts::default());
        control.seconds.store(9, Ordering::Relaxed);
        assert_eq!(end_of(&stream).await, None);
        control.generation.store(1, Ordering::Relaxed);
        assert_eq!(end_of(&stream).await, None);
        control.seconds.store(99, Ordering::Relaxed);
        assert_eq!(end_of(&stream).await, None);
        control.seconds.store(100, Ordering::Relaxed);
        assert_eq!(ends(&stream).await, Some(Reason::ExpiredCredential));
        assert_eq!(control.recorded.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_stream_is_decided_again_when_somebody_elses_word_is_old() {
    inside(async || {
        let control = Rc::new(Minds::default());
        let streams = Streams::new(Duration::ZERO);
        let lasts = Lasts {
            until: None,
            again_at: Some(Timestamp::from_seconds(10)),
        };
        let stream = streams.add(&control, Some(kept()), lasts, &Facts::default());
        control.seconds.store(9, Ordering::Relaxed);
        assert_eq!(end_of(&stream).await, None);
        assert_eq!(control.asked.load(Ordering::Relaxed), 0);
        control.seconds.store(10, Ordering::Relaxed);
        assert_eq!(end_of(&stream).await, None);
        // Once: the second decision says how long it counts.
        assert_eq!(control.asked.load(Ordering::Relaxed), 1);
        let stream = streams.add(&control, Some(kept()), lasts, &Facts::default());
        control.denies.store(true, Ordering::Relaxed);
        assert_eq!(ends(&stream).await, Some(Reason::ExplicitDeny));
    });
}

#[test]
fn what_changed_while_it_was_decided_is_noticed_and_what_was_not_kept_ends() {
    inside(async || {
        let control = Rc::new(Minds::default());
        let streams = Streams::new(Duration::ZERO);
        control.stale.store(true, Ordering::Relaxed);
        let stream = streams.add(&control, Some(kept()), Lasts::default(), &Facts::default());
        let unkept = streams.add(&control, None, Lasts::default(), &Facts::default());
        assert_eq!(ends(&unkept).await, Some(Reason::ImplicitDeny));
        assert_eq!(end_of(&stream).await, None);
        assert_eq!(control.asked.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn grace_is_given_and_the_list_forgets_what_is_gone() {
    inside(async || {
        let control = Rc::new(Minds::default());
        let streams = Streams::new(6 * TICK);
        control.denies.store(true, Ordering::Relaxed);
        let stream = streams.add(&control, Some(kept()), Lasts::default(), &Facts::default());
        control.generation.store(1, Ordering::Relaxed);
        assert_eq!(end_of(&stream).await, None);
        assert_eq!(ends(&stream).await, Some(Reason::ExplicitDeny));
        drop(stream);
        while streams.watching.get() {
            tokio::time::sleep(TICK).await;
        }
        assert_eq!(streams.open.borrow().len(), 0);
    });
}
