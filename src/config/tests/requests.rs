//! What would keep requests from being read: addresses that are taken, headers that mean something else.

use super::{SMALL, faults, read};

#[test]
fn no_two_listeners_have_one_address() {
    let with = |more: &str| {
        format!(
            "listeners: [{{ name: a, address: 127.0.0.1:8080 }}]\nbundle: {{ path: p }}\n{more}"
        )
    };
    let admin = "token_file: t";
    for (more, place) in [
        ("health: { address: 0.0.0.0:8080 }\n", "3:20"),
        (
            &*format!("admin: {{ address: 127.0.0.1:8080, {admin} }}\n"),
            "3:19",
        ),
        ("sts: { address: 127.0.0.1:8080 }\n", "3:17"),
        (
            &*format!("admin: {{ {admin}, address: 127.0.0.1:9900 }}\n"),
            "3:34",
        ),
        ("sts: { address: 127.0.0.1:9900 }\n", "3:17"),
    ] {
        assert_eq!(
            faults(&with(more), &[]),
            [format!("sidegate.yaml:{place} duplicate-address")],
            "{more}"
        );
    }
    // The default of health is not written: the other address is.
    let default = "listeners: [{ name: a, address: 127.0.0.1:9900 }]\nbundle: { path: p }\n";
    assert_eq!(
        faults(default, &[]),
        ["sidegate.yaml:1:33 duplicate-address"]
    );
    let two = "listeners: [{ name: a, address: 127.0.0.1:1 }, { name: b, address: 0.0.0.0:1 }]\nbundle: { path: p }\n";
    assert_eq!(faults(two, &[]), ["sidegate.yaml:1:68 duplicate-address"]);
    let variable = [("SIDEGATE_HEALTH__ADDRESS", "127.0.0.1:8080")];
    assert_eq!(
        faults(&with(""), &variable),
        ["SIDEGATE_HEALTH__ADDRESS:1:1 duplicate-address"]
    );
    let drawn = read(&with("health: { address: 0.0.0.0:8080 }\n"), &[]).unwrap_err();
    assert_eq!(
        drawn.to_string(),
        "error[duplicate-address]: the listener `a` and the health listener: 0.0.0.0:8080 takes in what 127.0.0.1:8080 listens on\n  --> sidegate.yaml:3:20\n   |\n 3 | health: { address: 0.0.0.0:8080 }\n   |                    ^^^^^^^^^^^^\n  = help: give each a port of its own\n"
    );
    for fine in [
        "",
        "health: { address: 127.0.0.1:8081 }\n",
        "health: { address: 127.0.0.2:8080 }\n",
    ] {
        assert!(read(&with(fine), &[]).is_ok(), "{fine}");
    }
    let free = "listeners: [{ name: a, address: 127.0.0.1:0 }, { name: b, address: 127.0.0.1:0 }]\nbundle: { path: p }\nhealth: { address: 127.0.0.1:0 }\n";
    assert!(read(free, &[]).is_ok());
}

#[test]
fn headers_that_mean_something_else_hold_no_token() {
    for name in [
        "Authorization",
        "host",
        "Content-Length",
        "Content-Type",
        "COOKIE",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Keep-Alive",
        "X-Forwarded-For",
        "Forwarded",
        "Accept",
        "Accept-Encoding",
        "User-Agent",
        "Origin",
        "X-Sidegate-Role",
        "x-amz-security-token",
        "X-Api-Key",
        "DPoP",
    ] {
        let text = format!("{SMALL}tokens: {{ header: {name} }}\n");
        assert_eq!(
            faults(&text, &[]),
            ["sidegate.yaml:3:19 wrong-value"],
            "{name}"
        );
    }
    let drawn = read(&format!("{SMALL}tokens: {{ header: Cookie }}\n"), &[]).unwrap_err();
    assert!(
        drawn.to_string().contains("write `cookie: NAME`"),
        "{drawn}"
    );
    for name in ["X-Token", "Proxy-Authorization", "Cf-Access-Jwt-Assertion"] {
        let settings = read(&format!("{SMALL}tokens: {{ header: {name} }}\n"), &[]).unwrap();
        assert_eq!(
            settings.tokens.header.as_deref(),
            Some(&*name.to_ascii_lowercase())
        );
    }
    for pattern in ["Host", "transfer-encoding", "Content-*", "h*", "connection"] {
        let text = format!("{SMALL}strip_headers: [X-User, {pattern}]\n");
        assert_eq!(
            faults(&text, &[]),
            ["sidegate.yaml:3:25 wrong-value"],
            "{pattern}"
        );
    }
}
