//! What records of one route say alike: written once for a route and what decided, and copied from then on.

use std::cell::RefCell;

use crate::audit::record::Record;
use crate::outcome::Reason;

/// Routes that a worker keeps the words for; others with the same remainder take turns.
const PLACES: usize = 256;

/// What one worker has written last, by route.
#[derive(Debug, Default)]
pub(super) struct Tails(RefCell<Vec<Option<Kept>>>);

/// A record's tail, and all that it rests on: the route's service, region and account follow from snapshot and number.
#[derive(Debug)]
struct Kept {
    snapshot: Box<str>,
    route: usize,
    method: Box<str>,
    action: Box<str>,
    reason: Reason,
    layer: Option<Box<str>>,
    policy: Option<Box<str>>,
    statement: Option<usize>,
    sid: Option<Box<str>>,
    provider: Option<Box<str>>,
    tail: Vec<u8>,
}

impl Kept {
    fn of(record: &Record<'_>, snapshot: &str, route: usize) -> Self {
        let decision = &record.decision;
        let own = |text: Option<&str>| text.map(Into::into);
        let mut tail = Vec::with_capacity(512);
        record.write_tail(&mut tail);
        Self {
            snapshot: snapshot.into(),
            route,
            method: record.method.into(),
            action: record.action.unwrap_or_default().into(),
            reason: decision.reason,
            layer: own(decision.layer),
            policy: own(decision.policy),
            statement: decision.statement,
            sid: own(decision.sid),
            provider: own(decision.provider),
            tail,
        }
    }

    fn fits(&self, record: &Record<'_>, snapshot: &str, route: usize) -> bool {
        let decision = &record.decision;
        self.route == route
            && self.reason == decision.reason
            && self.statement == decision.statement
            && *self.method == *record.method
            && *self.action == *record.action.unwrap_or_default()
            && self.layer.as_deref() == decision.layer
            && self.policy.as_deref() == decision.policy
            && self.sid.as_deref() == decision.sid
            && self.provider.as_deref() == decision.provider
            && *self.snapshot == *snapshot
    }
}

impl Tails {
    /// Writes a record of a request that matched the route of this number.
    pub(super) fn write(&self, record: &Record<'_>, route: Option<usize>, out: &mut Vec<u8>) {
        let (Some(snapshot), Some(route), None) = (record.snapshot, route, record.status) else {
            record.write(out);
            return;
        };
        let mut places = self.0.borrow_mut();
        if places.is_empty() {
            places.resize_with(PLACES, || None);
        }
        let Some(place) = places.get_mut(route % PLACES) else {
            record.write(out);
            return;
        };
        let kept = match place {
            Some(kept) if kept.fits(record, snapshot, route) => kept,
            other => other.insert(Kept::of(record, snapshot, route)),
        };
        record.write_with(&kept.tail, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::record::Decision;
    use crate::clock::Timestamp;

    fn record<'a>(snapshot: &'a str, method: &'a str, policy: &'a str) -> Record<'a> {
        Record {
            time: Timestamp::from_seconds(1_795_426_200),
            request_id: "id",
            event_id: "event",
            identity: b"{}",
            source_ip: std::net::IpAddr::from([10, 0, 0, 7]),
            user_agent: None,
            action: Some("orders:GetOrder"),
            region: Some("us-east-1"),
            resources: &[],
            recipient_account: Some("555566667777"),
            method,
            path: Some("/orders/7"),
            client_request_id: None,
            snapshot: Some(snapshot),
            service: Some("orders"),
            route: Some("GET /orders/{id}"),
            status: None,
            error_message: None,
            decision: Decision {
                reason: Reason::Allowed,
                layer: Some("identity-based policy"),
                policy: Some(policy),
                statement: Some(1),
                sid: None,
                provider: Some("corp"),
            },
        }
    }

    #[test]
    fn a_record_says_its_own_whatever_was_written_before() {
        let tails = Tails::default();
        let variants: Vec<_> = ["s1", "s2"]
            .into_iter()
            .flat_map(|snapshot| ["GET", "HEAD"].map(|method| (snapshot, method)))
            .flat_map(|(snapshot, method)| ["p", "q"].map(|policy| (snapshot, method, policy)))
            .collect();
        for _ in 0..2 {
            for (snapshot, method, policy) in &variants {
                for route in [None, Some(0), Some(PLACES)] {
                    for _ in 0..2 {
                        let record = record(snapshot, method, policy);
                        let (mut whole, mut out) = (Vec::new(), Vec::new());
                        record.write(&mut whole);
                        tails.write(&record, route, &mut out);
                        assert_eq!(out, whole);
                    }
                }
            }
        }
        let mut refused = record("s1", "GET", "p");
        refused.status = Some(403);
        let (mut whole, mut out) = (Vec::new(), Vec::new());
        refused.write(&mut whole);
        tails.write(&refused, Some(0), &mut out);
        assert_eq!(out, whole);
    }
}
