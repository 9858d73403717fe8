use super::*;
use crate::outcome::Reason;

fn publish(metrics: &Metrics, routes: &[(&str, &str)], providers: &[&str]) -> Series {
    metrics.publish("d1", Timestamp::from_milliseconds(1_500), routes, providers)
}

/// The series of one metric, with their values.
fn series(metrics: &Metrics, name: &str) -> Vec<String> {
    metrics
        .render()
        .unwrap()
        .lines()
        .filter(|line| line.starts_with(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_names_are_those_that_are_promised() {
    let metrics = Metrics::new().unwrap();
    let all = publish(&metrics, &[("orders", "GET /a")], &["corp"]);
    all.routes[0].decided(Reason::Allowed);
    all.routes[0].answered(200, Duration::from_millis(1));
    all.providers[0].authenticated(Method::Jwt, Ok(()));
    metrics.reloaded(true);
    metrics.bundle_changed(1, 0, 2, 3);
    metrics.connections("ingress").inc();
    metrics.observe_cache("tokens", CacheCounts::default());
    metrics.observe_audit(AuditCounts::default());
    metrics.observe_credentials(1, 0, false);
    metrics.observe_keys([("corp", Some(Duration::from_secs(1)))]);
    let text = metrics.render().unwrap();
    let mut names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE sidegate_"))
        .map(|line| line.split_once(' ').unwrap().0)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "audit_records_total",
            "authentications_total",
            "cache_events_total",
            "connections",
            "credentials_reload_failed",
            "credentials_reloads_total",
            "decision_seconds",
            "decisions_total",
            "jwks_age_seconds",
            "reload_failed",
            "reload_files_total",
            "reloads_total",
            "request_seconds",
            "revocations",
            "revocations_behind",
            "snapshot_deny_statements",
            "snapshot_info",
            "snapshot_loaded_timestamp_seconds",
            "upstream_seconds",
        ]
    );
    assert!(text.contains("process_resident_memory_bytes "));
    assert!(text.contains("sidegate_snapshot_info{digest=\"d1\"} 1\n"));
    assert!(text.contains("sidegate_snapshot_loaded_timestamp_seconds 1.5\n"));
}

#[test]
fn a_request_is_counted_by_route_and_reason() {
    let metrics = Metrics::new().unwrap();
    let all = publish(&metrics, &[("orders", "GET /a"), ("orders", "GET /b")], &[]);
    for reason in Reason::ALL {
        all.routes[1].decided(reason);
    }
    all.routes[1].decided(Reason::ImplicitDeny);
    all.unmatched.decided(Reason::NoRoute);
    let lines = series(&metrics, "sidegate_decisions_total");
    assert_eq!(lines.len(), Reason::ALL.len() + 1);
    for (reason, count) in [("allowed", 1), ("implicit_deny", 2), ("internal", 1)] {
        let end = format!("reason=\"{reason}\",route=\"GET /b\",service=\"orders\"}} {count}");
        assert!(lines.iter().any(|line| line.ends_with(&end)), "{lines:?}");
    }
    for status in [0, 99, 101, 204, 302, 418, 599, 600] {
        all.routes[0].answered(status, Duration::from_millis(3));
    }
    let lines = series(&metrics, "sidegate_request_seconds_count");
    assert_eq!(
        lines,
        [
            "sidegate_request_seconds_count{code_class=\"1xx\",route=\"GET /a\"} 1",
            "sidegate_request_seconds_count{code_class=\"2xx\",route=\"GET /a\"} 1",
            "sidegate_request_seconds_count{code_class=\"3xx\",route=\"GET /a\"} 1",
            "sidegate_request_seconds_count{code_class=\"4xx\",route=\"GET /a\"} 1",
            "sidegate_request_seconds_count{code_class=\"5xx\",route=\"GET /a\"} 4",
        ]
    );
}

#[test]
fn what_a_new_snapshot_lacks_loses_its_series() {
    let metrics = Metrics::new().unwrap();
    let first = publish(
        &metrics,
        &[("a", "GET /x"), ("b", "GET /x"), ("b", "GET /y")],
        &["corp", "cluster"],
    );
    for route in &first.routes {
        route.decided(Reason::Allowed);
        route.answered(200, Duration::ZERO);
    }
    for provider in &first.providers {
        provider.authenticated(Method::Jwt, Err(Reason::BadSignature));
    }
    let second = metrics.publish(
        "d2",
        Timestamp::from_seconds(2),
        &[("a", "GET /x")],
        &["corp"],
    );
    // A request that began on the old snapshot ends now.
    first.routes[2].decided(Reason::ExplicitDeny);
    first.routes[2].decided(Reason::Allowed);
    first.routes[2].answered(403, Duration::ZERO);
    first.providers[1].authenticated(Method::Jwt, Ok(()));
    second.routes[0].decided(Reason::Allowed);

    assert_eq!(
        series(&metrics, "sidegate_decisions_total"),
        [
            "sidegate_decisions_total{decision=\"allowed\",reason=\"allowed\",route=\"GET /x\",service=\"a\"} 2"
        ]
    );
    assert_eq!(
        series(&metrics, "sidegate_request_seconds_count"),
        ["sidegate_request_seconds_count{code_class=\"2xx\",route=\"GET /x\"} 2"]
    );
    assert_eq!(
        series(&metrics, "sidegate_authentications_total"),
        [
            "sidegate_authentications_total{method=\"jwt\",provider=\"corp\",result=\"bad_signature\"} 1"
        ]
    );
    assert_eq!(
        series(&metrics, "sidegate_snapshot_info"),
        ["sidegate_snapshot_info{digest=\"d2\"} 1"]
    );
}

#[test]
fn one_route_twice_is_one_series() {
    let metrics = Metrics::new().unwrap();
    let all = publish(
        &metrics,
        &[("a", "GET /x"), ("a", "GET /x")],
        &["corp", "corp"],
    );
    for route in &all.routes {
        route.decided(Reason::Allowed);
    }
    assert_eq!(series(&metrics, "sidegate_decisions_total").len(), 1);
    assert!(series(&metrics, "sidegate_decisions_total")[0].ends_with(" 2"));
}

#[test]
fn providers_are_found_by_name() {
    let metrics = Metrics::new().unwrap();
    let all = publish(&metrics, &[], &["corp"]);
    all.provider(Some("corp"))
        .authenticated(Method::Jwt, Ok(()));
    for name in [None, Some("made up by a client")] {
        all.provider(name)
            .authenticated(Method::Jwt, Err(Reason::UnknownIssuer));
    }
    assert_eq!(
        series(&metrics, "sidegate_authentications_total"),
        [
            "sidegate_authentications_total{method=\"jwt\",provider=\"-\",result=\"unknown_issuer\"} 2",
            "sidegate_authentications_total{method=\"jwt\",provider=\"corp\",result=\"success\"} 1",
        ]
    );
}

#[test]
fn counts_kept_elsewhere_are_brought_over() {
    let metrics = Metrics::new().unwrap();
    for written in [5, 5, 9] {
        metrics.observe_audit(AuditCounts {
            written,
            ..AuditCounts::default()
        });
    }
    assert!(
        series(&metrics, "sidegate_audit_records_total")
            .contains(&"sidegate_audit_records_total{result=\"written\"} 9".to_owned())
    );
    metrics.observe_keys([("a", Some(Duration::from_secs(5))), ("b", None)]);
    metrics.observe_keys([("c", Some(Duration::from_secs(7)))]);
    assert_eq!(
        series(&metrics, "sidegate_jwks_age_seconds"),
        ["sidegate_jwks_age_seconds{provider=\"c\"} 7"]
    );
    metrics.reloaded(false);
    assert_eq!(
        series(&metrics, "sidegate_reload_failed"),
        ["sidegate_reload_failed 1"]
    );
    metrics.reloaded(true);
    assert_eq!(
        series(&metrics, "sidegate_reload_failed"),
        ["sidegate_reload_failed 0"]
    );
}

#[test]
fn every_reason_has_its_own_place() {
    for (index, reason) in Reason::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, index);
    }
}
