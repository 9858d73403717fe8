//! What is wrong, and where the fault is then said to be.

use super::{Files, Options, faults, files, load, sound, with};

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table: one row for each way to be wrong"
)]
fn each_fault_has_its_place() {
    let user = "accounts/555566667777-production/users/alice.yaml";
    let role = "accounts/555566667777-production/roles/app.yaml";
    let cases: &[(&'static str, &'static str, &[&str])] = &[
        (
            user,
            "groups: [raeders, readers, readers]\npath: people\n",
            &[
                "dangling-reference USER:1:10",
                "duplicate-reference USER:1:28",
                "bad-path USER:2:7",
            ],
        ),
        (
            user,
            "managed_polices: []\ntags: { A: x, a: y, \"aws:x\": z }\n",
            &[
                "unknown-key USER:1:1",
                "duplicate-tag USER:2:15",
                "bad-tag USER:2:21",
            ],
        ),
        (
            user,
            "permissions_boundary: limit\nmanaged_policies: [\"arn:aws:iam::111111111111:policy/x\", \"arn:aws:iam::x\"]\nid: AROA1\n",
            &[
                "dangling-reference USER:1:23",
                "foreign-reference USER:2:20",
                "malformed-arn USER:2:58",
                "bad-id USER:3:5",
            ],
        ),
        (
            user,
            "inline_policies:\n  x:\n    Version: \"2012-10-17\"\n    Statement: { Effect: Allow, Acton: \"*\", Resource: \"*\" }\n",
            &["unknown-member USER:4:33"],
        ),
        (
            user,
            "inline_policies: { x: { file: ../../../../x.json }, y: { file: y.json }, z: { file: /etc/passwd } }\n",
            &[
                "dangling-reference USER:1:31",
                "dangling-reference USER:1:64",
                "dangling-reference USER:1:85",
            ],
        ),
        (
            role,
            "trust_policy: { file: t.json }\nmax_session_duration: 60\n",
            &[
                "dangling-reference ROLE:1:23",
                "wrong-type ROLE:2:23",
                "unknown-file accounts/555566667777-production/roles/app-logs.json:1:1",
            ],
        ),
        (
            role,
            "inline_policies: { logs: { file: app-logs.json } }\n",
            &["missing-key ROLE:1:1"],
        ),
        (
            "scps/guard.json",
            "{\"Version\":\"2012-10-17\",\n \"Statement\":[{\"Effect\":\"Deny\",\"Effect\":\"Allow\",\"Action\":\"x:*\",\"Resource\":\"*\"}]}",
            &["duplicate-key scps/guard.json:2:32"],
        ),
        (
            "scps/guard.json",
            "{\"Version\":\"2012-10-17\",\n \"Statement\":[",
            &["invalid-json scps/guard.json:2:15"],
        ),
        (
            "accounts/555566667777-production/account.yaml",
            "id: \"555566667778\"\nname: prod\n",
            &["wrong-folder accounts/555566667777-production/account.yaml:1:5"],
        ),
        (
            "accounts/55-x/account.yaml",
            "id: \"55\"\nname: x\n",
            &["bad-folder accounts/55-x/account.yaml:1:1"],
        ),
        (
            "accounts/222222222222-other/account.yaml",
            "id: \"222222222222\"\nname: other\n",
            &["missing-account organization.yaml:1:1"],
        ),
        (
            "accounts/555566667777-production/users/Alice.yaml",
            "",
            &[
                "wrong-type accounts/555566667777-production/users/Alice.yaml:1:1",
                "duplicate-name USER:1:1",
            ],
        ),
        (
            "accounts/555566667777-production/users/a b.yaml",
            "path: /\n",
            &["bad-name accounts/555566667777-production/users/a b.yaml:1:1"],
        ),
        (
            "accounts/555566667777-production/user/x.yaml",
            "",
            &["unknown-file accounts/555566667777-production/user/x.yaml:1:1"],
        ),
        ("routes/x.yml", "", &["unknown-file routes/x.yml:1:1"]),
        (
            "accounts/555566667777-production/policies/lonely.yaml",
            "path: /\n",
            &["dangling-reference accounts/555566667777-production/policies/lonely.yaml:1:1"],
        ),
        (
            "accounts/555566667777-production/policies/ReadOnlyAccess.json",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"x:y","Resource":"*"}]}"#,
            &[
                "ambiguous-reference accounts/555566667777-production/groups/readers.yaml:1:20",
                "ambiguous-reference ROLE:8:20",
                "ambiguous-reference permission-sets/Readers.yaml:2:20",
            ],
        ),
        (
            "accounts/555566667777-production/resources/x.yaml",
            "resource: arn:aws:catalog::555566667777:image/x*\ntags: { Classification: secret }\n",
            &["conflicting-tags accounts/555566667777-production/resources/x.yaml:2:7"],
        ),
        (
            "accounts/555566667777-production/resources/x.yaml",
            "resource: arn:aws:catalog::111111111111:image/x\n",
            &["wrong-folder accounts/555566667777-production/resources/x.yaml:1:11"],
        ),
        (
            "accounts/555566667777-production/resources/x.yaml",
            "resource: arn:aws:iam::555566667777:role/x\n",
            &["malformed-arn accounts/555566667777-production/resources/x.yaml:1:11"],
        ),
        (
            "accounts/555566667777-production/resources/x.yaml",
            "resource: arn:aws:db::555566667777:x\npolicy:\n  Version: \"2012-10-17\"\n  Statement:\n    Effect: Deny\n    Principal: { AWS: [\"arn:aws:iam::555566667777:user/alice\", \"arn:aws:iam::555566667777:role/app\", \"arn:aws:iam::999999999999:role/x\"] }\n    Action: \"*\"\n    Resource: \"*\"\n",
            &["dangling-reference accounts/555566667777-production/resources/x.yaml:6:24"],
        ),
        (
            "permission-sets/Readers.yaml",
            "provider: crop\nassignments: [{ group: eng, account: \"555566667778\" }]\n",
            &[
                "dangling-reference permission-sets/Readers.yaml:1:11",
                "dangling-reference permission-sets/Readers.yaml:2:38",
            ],
        ),
        (
            "permission-sets/Readers.yaml",
            "provider: corp\nassignments: [{ group: eng, account: \"111111111111\" }]\n",
            &["dangling-reference permission-sets/Readers.yaml:2:38"],
        ),
        (
            "identity-providers/corp.yaml",
            "type: oidc\naccount: \"555566667770\"\ntrusted_in: [\"555566667777\"]\nissuer: https://idp.example\naudiences: [shop]\nkeys: { file: keys.json }\nmap: { role: \"{claim:role}\", groups: \"{claim:groups}\" }\n",
            &[
                "dangling-reference identity-providers/corp.yaml:2:10",
                "dangling-reference identity-providers/corp.yaml:6:15",
            ],
        ),
        (
            "routes/catalog.yaml",
            "service: catalog\naccount: \"555566667770\"\nregion: us-east-1\nupstream: catlog\nproviders: [crop]\naudiences: [shup]\nroutes:\n  - match: GET /x\n    action: catalog:X\n    resource: arn:{partition}:catalog::{account}:x\n",
            &[
                "dangling-reference routes/catalog.yaml:2:10",
                "dangling-reference routes/catalog.yaml:5:13",
                "dangling-reference routes/catalog.yaml:6:13",
            ],
        ),
    ];
    for (path, text, expected) in cases {
        let expected: Vec<String> = expected
            .iter()
            .map(|line| line.replace("USER", user).replace("ROLE", role))
            .collect();
        let mut found = faults(&with(&[(path, text)]));
        let mut expected = expected;
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{path}:\n{text}");
    }
}

#[test]
fn a_tree_is_checked() {
    let tree = "id: o-EXAMPLE\nmanagement_account: \"111111111112\"\nroot:\n  scps: [FullAWSAccess, gard]\n  accounts: [\"555566667777\", 111111111111]\n  organizational_units:\n    - name: a\n      id: ou-1\n      scps: []\n      accounts: [\"555566667777\"]\n    - name: A\n      acounts: []\n";
    let found = faults(&with(&[("organization.yaml", tree)]));
    let expected = [
        "bad-id organization.yaml:1:5",
        "missing-account organization.yaml:2:21",
        "dangling-reference organization.yaml:4:25",
        "wrong-type organization.yaml:5:30",
        "bad-id organization.yaml:8:11",
        "duplicate-account organization.yaml:10:18",
        "duplicate-name organization.yaml:11:7",
        "unknown-key organization.yaml:12:7",
    ];
    for fault in expected {
        assert!(found.contains(&fault.to_owned()), "{fault} in {found:#?}");
    }
    // What names an account, and is written wrongly, hides no account.
    assert!(
        !found.contains(&"missing-account organization.yaml:1:1".to_owned()),
        "{found:#?}"
    );
}

/// Roles name a provider by its issuer's host and path, so those are what may not be shared, whatever the scheme.
#[test]
fn an_issuer_has_one_file() {
    for issuer in [
        "https://idp.example",
        "http://idp.example",
        "https://IdP.example",
    ] {
        let mut all = sound();
        let second = format!(
            "type: oidc\naccount: \"555566667777\"\nissuer: {issuer}\nallow_http: true\naudiences: [other]\nkeys: {{ discovery: true }}\nmap: {{ role: \"{{claim:role}}\" }}\n"
        );
        all.push(("identity-providers/second.yaml", &second));
        let found = load(&files(&all), &Options::default()).unwrap_err();
        let [fault] = &found[..] else {
            panic!("{found:#?}");
        };
        assert_eq!(fault.id, "duplicate-issuer");
        assert_eq!(&*fault.file, "identity-providers/second.yaml");
        assert_eq!((fault.span.start.line, fault.span.start.column), (3, 9));
        assert!(
            fault.message.contains("identity-providers/corp.yaml:3:9"),
            "{}",
            fault.message
        );
    }
}

/// What cannot be read is there all the same: nobody is told that it does not exist.
#[test]
fn an_unreadable_file_is_one_fault() {
    for path in [
        "organization.yaml",
        "scps/guard.json",
        "rcps/inside.json",
        "managed/ReadOnlyAccess.json",
        "accounts/111111111111-management/account.yaml",
        "accounts/555566667777-production/account.yaml",
        "accounts/555566667777-production/policies/limits.json",
        "accounts/555566667777-production/policies/limits.yaml",
        "accounts/555566667777-production/groups/readers.yaml",
        "accounts/555566667777-production/users/alice.yaml",
        "accounts/555566667777-production/roles/app.yaml",
        "accounts/555566667777-production/roles/app-logs.json",
        "accounts/555566667777-production/resources/images.yaml",
        "identity-providers/corp.yaml",
        "permission-sets/Readers.yaml",
        "routes/catalog.yaml",
    ] {
        // Behind what it said before: a text that names no file leaves those that it named unread.
        for broken in [&b"\na: \xe9"[..], b"\n{\"a\": [", b"\na: [b"] {
            let mut changed = Files::new();
            for (other, text) in files(&sound()).iter() {
                let mut content = text.as_bytes().to_vec();
                if **other == *path {
                    content.extend(broken);
                }
                changed.insert(other, content);
            }
            let found = faults(&changed);
            assert_eq!(found.len(), 1, "{path}: {found:#?}");
            assert!(found[0].contains(path), "{found:?}");
        }
    }
}

/// Neither an OpenAPI document that could not be read nor a file that a broken one names is told to be missing or unread.
#[test]
fn what_a_broken_file_names_is_no_fault() {
    let routes = "service: catalog\naccount: \"555566667777\"\nregion: us-east-1\nupstream: catalog\nopenapi: api.yaml\n";
    let mut all = with(&[("routes/catalog.yaml", routes)]);
    all.insert("routes/api.yaml", b"openapi: \xe9".to_vec());
    assert_eq!(faults(&all), ["not-utf8 routes/api.yaml:1:10"]);

    let broken = "service: catalog\nopenapi: \"api.json\"\nx: [\n";
    let mut all = with(&[("routes/catalog.yaml", broken)]);
    all.insert("routes/api.json", b"{}".to_vec());
    all.insert("routes/other/stray.txt", b"nobody names this".to_vec());
    assert_eq!(
        faults(&all),
        [
            "invalid-yaml routes/catalog.yaml:3:5",
            "unknown-file routes/other/stray.txt:1:1"
        ]
    );
}

#[test]
fn two_with_one_id() {
    let alice = "accounts/555566667777-production/users/alice.yaml";
    let bob = "accounts/555566667777-production/users/bob.yaml";
    let text = "path: /\nid: AIDAEXAMPLEEXAMPLE12\n";
    let found = faults(&with(&[(alice, text), (bob, text)]));
    let expected = [alice, bob].map(|path| format!("duplicate-id {path}:2:5"));
    assert_eq!(found, expected);
}

/// A self-signed authority of P-256, good until 2099.
fn authority(name: &str) -> String {
    let mut params = rcgen::CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

#[test]
fn several_trust_domains_each_have_their_authorities() {
    let mesh = "type: spiffe\naccount: \"555566667777\"\ntrust_domain: prod.example\n";
    let test = mesh.replace("prod", "test");
    let named = |text: &str| format!("{text}authorities: ca.pem\n");
    let (named_mesh, named_test) = (named(mesh), named(&test));
    let one = authority("one");
    let half = one.split_at(one.len() / 2).0;
    for (mesh, test, pem, expected) in [
        (mesh, "", &*one, ""),
        (mesh, &*test, &*one, "missing-key"),
        (&*named_mesh, &*test, &*one, "missing-key"),
        (&*named_mesh, &*named_test, &*one, ""),
        (&*named_mesh, "", "", "malformed-keys"),
        (&*named_mesh, "", "x", "malformed-keys"),
        (&*named_mesh, "", half, "malformed-keys"),
        (&*named_mesh, mesh, &*one, "duplicate-issuer"),
    ] {
        let mut all = sound();
        all.push(("identity-providers/mesh.yaml", mesh));
        if !test.is_empty() {
            all.push(("identity-providers/test.yaml", test));
        }
        if mesh.contains("authorities") || test.contains("authorities") {
            all.push(("identity-providers/ca.pem", pem));
        }
        let found = faults(&files(&all));
        if expected.is_empty() {
            assert_eq!(found, Vec::<String>::new());
        } else {
            assert!(
                found.iter().any(|fault| fault.contains(expected)),
                "{expected}: {found:?}"
            );
        }
    }
}

/// An opaque token is shown to its own issuer alone.
#[test]
fn opaque_tokens_tell_whose_they_are() {
    let provider = |issuer: &str, prefix: &str| {
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!(", token_prefix: {prefix}"),
        };
        format!(
            "type: oidc\naccount: \"555566667777\"\nissuer: https://{issuer}.example\naudiences: [x]\nkeys: {{ discovery: true }}\n\
             introspection: {{ client_id: c, client_secret_file: /run/secret{prefix} }}\nmap: {{ role: \"{{claim:role}}\" }}\n"
        )
    };
    for (one, two, good) in [
        ("", "", false),
        ("", "two_", false),
        ("a_", "a_b_", false),
        ("a_b_", "a_", false),
        ("one_", "two_", true),
    ] {
        let (first, second) = (provider("one", one), provider("two", two));
        let mut all = sound();
        all.push(("identity-providers/one.yaml", &first));
        all.push(("identity-providers/two.yaml", &second));
        let found = faults(&files(&all));
        let expected = ["ambiguous-tokens identity-providers/two.yaml:0:0"];
        assert_eq!(found, if good { &[][..] } else { &expected }, "{one} {two}");
    }
}
