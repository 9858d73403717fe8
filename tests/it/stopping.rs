//! SIGTERM: readiness fails at once, nothing under way is lost, exit 0.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::{Client, Sidegate, Site, Upstream, eventually, get};

#[test]
fn a_stop_under_load_loses_no_request() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let mut sidegate = Sidegate::start(&site);
    let stopping = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stopping, answered, ingress) = (
                Arc::clone(&stopping),
                Arc::clone(&answered),
                sidegate.ingress,
            );
            std::thread::spawn(move || {
                while !stopping.load(Ordering::Relaxed) {
                    let mut client = Client::connect(ingress);
                    loop {
                        let answer = client.request("GET", "app.test", "/a", &[]);
                        assert_eq!(answer.status, 200);
                        answered.fetch_add(1, Ordering::Relaxed);
                        // Told to leave, a client leaves; it never finds its connection cut.
                        let leave = answer
                            .header("connection")
                            .is_some_and(|value| value.contains("close"));
                        if leave || stopping.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    if stopping.load(Ordering::Relaxed) {
                        break;
                    }
                }
            })
        })
        .collect();
    eventually("some load", || {
        (answered.load(Ordering::Relaxed) > 100).then_some(())
    });
    sidegate.signal("TERM");
    eventually("readiness to fail", || {
        (get(sidegate.health, "/readyz").status == 503).then_some(())
    });
    let before = answered.load(Ordering::Relaxed);
    eventually("requests while it is leaving", || {
        (answered.load(Ordering::Relaxed) > before).then_some(())
    });
    stopping.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    assert!(sidegate.wait().success());
    assert_eq!(site.audit().len(), answered.load(Ordering::Relaxed));
}
