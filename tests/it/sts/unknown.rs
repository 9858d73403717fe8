//! While nobody knows what is revoked, no session is accepted and none is made.

use std::net::TcpListener;

use super::*;

#[test]
fn sessions_wait_until_revocations_are_known() {
    let mut world = world();
    let deploy = world.deploy(&[]);
    assert_eq!(world.statuses(&deploy, &["/a"]), [200]);
    world.sidegate.signal("KILL");
    world.sidegate.wait();
    // Nobody ever answers there.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let redis = silent.local_addr().unwrap();
    let settings = std::fs::read_to_string(world.site.path("sidegate.yaml")).unwrap();
    let more = format!("state: {{ redis: {{ url: \"redis://{redis}/\" }} }}\n");
    world
        .site
        .write("sidegate.yaml", &format!("{settings}{more}"));
    world.sidegate = Sidegate::start(&world.site);
    world.sts = world.sidegate.listener("sts");
    let answer = world.get("/a", &deploy.token);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("\"ProviderUnavailable\""));
    let unavailable = |answer: &Answer| {
        let text = answer.text();
        let code = element(&text, "Code");
        assert_eq!(
            (answer.status, code.as_deref()),
            (503, Some("ServiceUnavailable")),
            "{text}"
        );
    };
    // By whatever way it is shown, and nothing is made by which it could come back.
    unavailable(&world.signed(&deploy, &[("Action", "GetCallerIdentity")]));
    unavailable(&world.assume(&deploy, NEXT, &[("ExternalId", "")]));
    let token = world.jwt(json!({}));
    unavailable(&world.unsigned(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", PIPELINE),
        ("RoleSessionName", "run-1"),
        ("WebIdentityToken", &token),
    ]));
    // What is no session's is judged as ever.
    assert_eq!(
        request(world.sidegate.ingress, "GET", "app", "/a", &[]).status,
        401
    );
    let reasons: Vec<Value> = eventually("the records", || {
        let all = world.site.audit();
        let reasons = all
            .iter()
            .map(|record| &record["additionalEventData"]["reason"]);
        let unknown = reasons
            .filter(|reason| *reason == "revocations_unknown")
            .cloned();
        let unknown: Vec<Value> = unknown.collect();
        (unknown.len() >= 4).then_some(unknown)
    });
    assert_eq!(reasons.len(), 4);
}
