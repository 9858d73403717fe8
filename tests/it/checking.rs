//! What `sidegate check` says of what is broken: all of it at once, by paths that an editor opens.

use std::path::Path;

use serde_json::Value;

use crate::support;

const BROKEN: &str = "routes/broken.yaml";

/// A site with the example's bundle, which has one broken file.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    super::findings::copy(&example, &site.path().join("policies"));
    write(&site, &format!("policies/{BROKEN}"), "servce: x\n");
    site
}

fn write(site: &tempfile::TempDir, path: &str, text: &str) {
    std::fs::write(site.path().join(path), text).unwrap();
}

fn check(arguments: &[&str], site: &tempfile::TempDir) -> (i32, String, String) {
    let mut all = vec!["check"];
    all.extend(arguments);
    support::run(&all, site.path())
}

fn archive(site: &tempfile::TempDir) {
    let file = std::fs::File::create(site.path().join("g.tar.gz")).unwrap();
    let packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    archive
        .append_dir_all(".", site.path().join("policies"))
        .unwrap();
    archive.into_inner().unwrap().finish().unwrap();
}

#[test]
fn faults_have_paths_that_an_editor_opens() {
    let site = site();
    archive(&site);
    for (bundle, path, uri) in [
        (
            "policies",
            "policies/routes/broken.yaml",
            "policies/routes/broken.yaml",
        ),
        (
            "./policies/",
            "policies/routes/broken.yaml",
            "policies/routes/broken.yaml",
        ),
        ("g.tar.gz", "g.tar.gz!/routes/broken.yaml", "g.tar.gz"),
    ] {
        let (code, text, _) = check(&[bundle], &site);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(&format!("--> {path}:1:1\n")), "{text}");

        let (_, json, _) = check(&[bundle, "--format", "json"], &site);
        let json: Value = serde_json::from_str(&json).unwrap();
        let found = &json["findings"][0];
        assert_eq!(
            (&found["file"], &found["path"]),
            (&BROKEN.into(), &path.into())
        );

        let (_, sarif, _) = check(&[bundle, "--format", "sarif"], &site);
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        let result = &sarif["runs"][0]["results"][0];
        let rules = sarif["runs"][0]["tool"]["driver"]["rules"]
            .as_array()
            .unwrap();
        assert!(!rules.is_empty());
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(
                    rule[text]["text"]
                        .as_str()
                        .is_some_and(|text| text.len() > 5),
                    "{rule}"
                );
            }
            assert!(rule["defaultConfiguration"]["level"].is_string(), "{rule}");
        }
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], uri);
        // A line of a file in an archive is none of the archive.
        assert_eq!(place.get("region").is_none(), bundle == "g.tar.gz");
        let told = result["message"]["text"].as_str().unwrap();
        assert_eq!(told.contains(BROKEN), bundle == "g.tar.gz", "{told}");
    }
}

#[test]
fn a_faulty_configuration_does_not_hide_the_bundle() {
    let site = site();
    for (config, fault) in [
        ("bundle: { path: policies }\nlisten: x\n", "unknown-key"),
        ("bundle:\n  path: policies\nlisteners: [\n", "invalid-yaml"),
    ] {
        write(&site, "sidegate.yaml", config);
        let (code, text, err) = check(&["-c", "sidegate.yaml"], &site);
        assert_eq!(code, 1, "{text}{err}");
        assert!(text.contains(&format!("error[{fault}]")), "{text}");
        assert!(text.contains("--> sidegate.yaml:"), "{text}");
        assert!(
            text.contains("--> policies/routes/broken.yaml:1:1"),
            "{text}"
        );
        assert!(
            text.contains("sidegate.yaml is not valid\npolicies is not valid\n"),
            "{text}"
        );
    }
    // Its upstreams are known by their names, though one of them has a fault.
    let text = "bundle: { path: policies }\nlisteners: [{ name: a, address: 127.0.0.1:0 }]\nupstreams: { x: { url: 7 } }\n";
    write(&site, "sidegate.yaml", text);
    let (_, text, _) = check(&["-c", "sidegate.yaml"], &site);
    assert!(text.contains("there is no upstream"), "{text}");
    assert!(!text.contains("there is no upstream `x`"), "{text}");
}

#[test]
fn what_is_missing_does_not_hide_what_is_faulty() {
    let site = site();
    write(
        &site,
        "sidegate.yaml",
        "bundle: { path: nowhere }\nlisten: x\n",
    );
    let (code, text, err) = check(&["-c", "sidegate.yaml"], &site);
    assert_eq!(code, 2, "{text}{err}");
    assert!(text.contains("error[unknown-key]"), "{text}");
    assert!(err.contains("there is no bundle at nowhere"), "{err}");

    let (code, text, err) = check(&["-c", "none.yaml", "policies"], &site);
    assert_eq!(code, 2, "{text}{err}");
    assert!(text.contains("policies is not valid"), "{text}");
    assert!(
        err.contains("there is no configuration at none.yaml"),
        "{err}"
    );

    let (code, text, err) = check(&["-c", "none.yaml", "nowhere"], &site);
    assert_eq!((code, &*text), (2, ""));
    assert!(
        err.contains("no configuration at") && err.contains("no bundle at"),
        "{err}"
    );

    write(&site, "sidegate.yaml", "listeners: []\n");
    let (code, text, err) = check(&["-c", "sidegate.yaml"], &site);
    assert_eq!(code, 1, "{text}{err}");
    assert!(text.contains("the bundle was not checked"), "{text}");
}

#[test]
fn strict_refuses_arns_that_never_match() {
    let site = site();
    std::fs::remove_file(site.path().join("policies").join(BROKEN)).unwrap();
    let policy = "policies/accounts/555566667777-production/policies/planted.json";
    let text = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "orders:*", "Resource": "arn:aws:orders:*:55556666777:order/*" } }"#;
    write(&site, policy, text);
    let (code, text, _) = check(&[], &site);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("warning[arn-never-matches]"), "{text}");
    let (code, text, said) = check(&["--strict"], &site);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("error[arn-never-matches]"), "{text}");
    let why = "is not valid under --strict, which counts warnings as errors";
    assert!(format!("{text}{said}").contains(why), "{text}{said}");
    // What is broken anyway is not for that reason.
    write(&site, policy, "{}");
    let (code, text, said) = check(&["--strict"], &site);
    assert_eq!(code, 1, "{text}");
    assert!(!format!("{text}{said}").contains(why), "{text}{said}");
}

/// How many findings of each severity there are, and the exit code, must be the same whatever the form.
#[test]
fn the_forms_agree_on_severities_and_exit_codes() {
    const ALLOW: &str = r#"{"Effect":"Allow","Action":"x:Get","Resource":"arn:aws:x:::a"}"#;
    let statement = |effect: &str, rest: &str| format!(r#"{{"Effect":"{effect}",{rest}}}"#);
    let document =
        |statements: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let rows = [
        ("no finding", ALLOW.to_owned(), None),
        (
            "suggestion",
            statement(
                "Allow",
                r#""Action":["x:Get","x:*"],"Resource":"arn:aws:x:::a""#,
            ),
            Some("note"),
        ),
        (
            "warning",
            statement("Deny", r#""Action":"x:Get","Resource":"arn:aws:x::1:a""#),
            Some("warning"),
        ),
        (
            "security warning",
            statement("Allow", r#""NotAction":"x:Get","Resource":"arn:aws:x:::a""#),
            Some("warning"),
        ),
        (
            "error",
            statement("Allow", r#""Action":"x","Resource":"*""#),
            Some("error"),
        ),
    ];
    for (severity, text, level) in rows {
        let site = tempfile::tempdir().unwrap();
        let policy = "accounts/111111111111-one/policies/p.json";
        for folder in [
            "policies/accounts/111111111111-one/policies",
            "policies/accounts/111111111111-one/users",
        ] {
            std::fs::create_dir_all(site.path().join(folder)).unwrap();
        }
        write(&site, &format!("policies/{policy}"), &document(&text));
        write(
            &site,
            "policies/accounts/111111111111-one/account.yaml",
            "id: \"111111111111\"\nname: one\n",
        );
        write(
            &site,
            "policies/accounts/111111111111-one/users/ann.yaml",
            "managed_policies: ['arn:aws:iam::111111111111:policy/p']\n",
        );
        for strict in [false, true] {
            let counts_as_error = severity == "error" || (strict && severity.ends_with("warning"));
            let shown = if counts_as_error { "error" } else { severity };
            let level = level.map(|level| if counts_as_error { "error" } else { level });
            let run = |format: &str| {
                let mut all = vec!["--format", format];
                all.extend(strict.then_some("--strict"));
                let (code, out, err) = check(&all, &site);
                assert_eq!(
                    code,
                    i32::from(counts_as_error),
                    "{severity} {strict}: {out}{err}"
                );
                out
            };
            let out = run("text");
            let last = out.lines().last().unwrap();
            let expected = level.map_or("no findings".to_owned(), |_| format!("1 {shown}"));
            assert_eq!(last, expected, "{out}");
            assert_eq!(out.contains("policies is valid"), !counts_as_error, "{out}");
            let json: Value = serde_json::from_str(&run("json")).unwrap();
            let found = json["findings"].as_array().unwrap().iter();
            let found: Vec<_> = found.map(|one| one["severity"].as_str().unwrap()).collect();
            let wanted = shown.replace(' ', "-");
            assert_eq!(
                found,
                level.map(|_| &*wanted).into_iter().collect::<Vec<_>>()
            );
            let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
            let found = sarif["runs"][0]["results"].as_array().unwrap().iter();
            let found: Vec<_> = found
                .map(|one| {
                    (
                        one["level"].as_str().unwrap(),
                        one["properties"]["severity"].as_str().unwrap(),
                    )
                })
                .collect();
            assert_eq!(
                found,
                level
                    .map(|level| (level, &*wanted))
                    .into_iter()
                    .collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn sarif_tells_security_warnings_from_others() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, out, err) = crate::support::run(&["check", "--format", "sarif"], root);
    assert_eq!(code, 0, "{err}");
    let sarif: Value = serde_json::from_str(&out).unwrap();
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let public = rules
        .iter()
        .find(|rule| rule["id"] == "public-principal")
        .unwrap();
    assert_eq!(public["properties"]["security-severity"], "7.0");
    assert!(
        public["properties"]["tags"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tag| tag == "security")
    );
    let known = ["suggestion", "warning", "security-warning", "error"];
    for result in run["results"].as_array().unwrap() {
        let severity = result["properties"]["severity"].as_str().unwrap();
        assert!(known.contains(&severity), "{result}");
        let of_security = result["ruleId"] == "public-principal";
        assert!(!of_security || severity == "security-warning", "{result}");
    }
    let (_, out, _) = crate::support::run(&["check", "--format", "json"], root);
    let report: Value = serde_json::from_str(&out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let public = findings
        .iter()
        .find(|finding| finding["id"] == "public-principal");
    assert_eq!(public.unwrap()["severity"], "security-warning");
}

/// Rows of the sweep in the unit tests, through the binary: where, what, how drawn, in all three forms.
#[test]
fn broken_bundles_are_drawn_at_their_very_place() {
    let production = "accounts/555566667777-production";
    for (file, old, new, id, place, drawn) in [
        (
            "scps/no-destructive-actions.json",
            "\"Effect\": \"Deny\"",
            "\"Effect\": \"deny\"",
            "bad-effect",
            Some((6, 17)),
            "      \"Effect\": \"deny\",\n   |                 ^^^^^^\n",
        ),
        (
            "organization.yaml",
            "management_account: \"111111111111\"",
            "management_account: 111111111111",
            "wrong-type",
            Some((4, 21)),
            "management_account: 111111111111\n   |                     ^^^^^^^^^^^^\n  = help: write \"111111111111\"\n",
        ),
        (
            "routes/orders.yaml",
            "match: GET /customers",
            "match: GET,,HEAD /customers",
            "bad-match",
            None,
            "= help: name one between each two commas",
        ),
        (
            &*format!("{production}/users/bea.yaml"),
            "groups: [Billing-ReadOnly]",
            "groups: [Billing-Readonly",
            "invalid-yaml",
            None,
            "^\n  = help: is the indentation the same as that of the keys beside it",
        ),
        (
            &*format!("{production}/account.yaml"),
            "name: ",
            "name: &n ",
            "yaml-feature",
            None,
            "tags, anchors and aliases are not read here",
        ),
    ] {
        let site = site();
        std::fs::remove_file(site.path().join("policies").join(BROKEN)).unwrap();
        let path = format!("policies/{file}");
        let text = std::fs::read_to_string(site.path().join(&path)).unwrap();
        assert!(text.contains(old), "{file} has no {old:?}");
        write(&site, &path, &text.replacen(old, new, 1));
        let (code, text, err) = check(&["policies"], &site);
        assert_eq!(code, 1, "{text}{err}");
        assert!(text.contains(&format!("error[{id}]: ")), "{text}");
        assert!(text.contains(drawn), "{text}");
        assert!(text.ends_with("policies is not valid\n1 error\n"), "{text}");
        let (code, json, _) = check(&["policies", "--format", "json"], &site);
        assert_eq!(code, 1);
        let json: Value = serde_json::from_str(&json).unwrap();
        let found = json["findings"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{json:#}");
        let start = &found[0]["span"]["start"];
        if let Some((line, column)) = place {
            assert_eq!(
                (&start["line"], &start["column"]),
                (&line.into(), &column.into())
            );
        }
        let at = format!("--> {path}:{}:{}\n", start["line"], start["column"]);
        assert!(text.contains(&at), "{text}");
        let (_, sarif, _) = check(&["policies", "--format", "sarif"], &site);
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        let region = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
        assert_eq!(region["startLine"], start["line"], "{sarif:#}");
        assert_eq!(region["startColumn"], start["column"], "{sarif:#}");
    }
}

/// What is wrong with a whole file, and what has no lines at all.
#[test]
fn a_fault_without_a_line_names_none() {
    let site = site();
    std::fs::remove_file(site.path().join("policies").join(BROKEN)).unwrap();
    write(&site, "policies/scps/stray.yml", "a: b\n");
    std::os::unix::fs::symlink("around.json", site.path().join("policies/scps/around.json"))
        .unwrap();
    let (code, text, _) = check(&["policies"], &site);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("error[unknown-file]: nothing reads this file\n  --> policies/scps/stray.yml:1:1\n  = help: name it .yaml\n"),
        "{text}"
    );
    assert!(
        text.contains("error[bad-link]: this link leads in a circle, back to itself\n  --> policies/scps/around.json\n  = help: remove the link"),
        "{text}"
    );
    assert!(!text.contains(":0"), "{text}");
    let (_, json, _) = check(&["policies", "--format", "json"], &site);
    let json: Value = serde_json::from_str(&json).unwrap();
    let (_, sarif, _) = check(&["policies", "--format", "sarif"], &site);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let of = |id: &str| {
        let found = json["findings"].as_array().unwrap();
        let found = found.iter().find(|found| found["id"] == id).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let result = results.iter().find(|result| result["ruleId"] == id);
        let place = result.unwrap()["locations"][0]["physicalLocation"].clone();
        (found.clone(), place)
    };
    let (found, place) = of("unknown-file");
    assert_eq!(found["span"]["start"]["line"], 1);
    assert_eq!(place["region"]["startLine"], 1);
    let (found, place) = of("bad-link");
    assert_eq!(found.get("span"), None, "{found:#}");
    assert_eq!(place.get("region"), None, "{place:#}");
    assert_eq!(
        place["artifactLocation"]["uri"],
        "policies/scps/around.json"
    );
}

#[test]
fn an_scp_that_nothing_attaches_is_told() {
    let site = site();
    std::fs::remove_file(site.path().join("policies").join(BROKEN)).unwrap();
    let deny = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "orders:*", "Resource": "*" } }"#;
    write(&site, "policies/scps/forgotten.json", deny);
    let (code, text, _) = check(&[], &site);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("warning[unattached-policy]: this SCP limits nobody: no level of the organization has it attached\n  --> policies/scps/forgotten.json:1:1\n  = help: add its name to `scps` of the root, a unit or an account in organization.yaml, or remove the file\n"),
        "{text}"
    );
    let (code, text, _) = check(&["--strict"], &site);
    assert_eq!(code, 1, "{text}");
    let (code, text, _) = check(&["--explain", "unattached-policy"], &site);
    assert!(
        code == 0 && text.contains("To mend it: Attach it"),
        "{text}"
    );
}

#[test]
fn a_configuration_that_would_break_requests_is_refused() {
    let site = site();
    std::fs::remove_file(site.path().join("policies").join(BROKEN)).unwrap();
    let upstreams = "upstreams: { orders: { url: http://a }, catalog: { url: http://a }, payments: { url: http://a }, deployments: { url: http://a }, secrets: { url: http://a }, databases: { url: http://a } }";
    write(
        &site,
        "sidegate.yaml",
        &format!(
            "bundle: {{ path: policies }}\nlisteners: [{{ name: in, address: 127.0.0.1:8080 }}]\n{upstreams}\nhealth: {{ address: 0.0.0.0:8080 }}\ntokens: {{ header: Host }}\n"
        ),
    );
    let (code, text, err) = check(&["-c", "sidegate.yaml"], &site);
    assert_eq!(code, 1, "{text}{err}");
    for told in [
        "error[duplicate-address]: the listener `in` and the health listener",
        "  --> sidegate.yaml:4:20\n",
        "error[wrong-value]: `header` is `Host`",
        "  --> sidegate.yaml:5:19\n",
        "name a header that nothing else uses, like X-Token",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}
