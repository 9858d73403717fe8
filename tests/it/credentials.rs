//! `sidegate credentials`: what it makes works within a second and is refused within a second, what people wrote stays,
//! and no secret is told twice.

mod last_use;
mod second_factor;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use sidegate::cli::demo::signer;
use sidegate::clock::{Clock, Timestamp};
use sidegate::sts::enrolment::Seed;

use crate::signed;
use crate::support::{Sidegate, Site, Upstream, answered, command, eventually, request, run};

const ALICE: &str = "arn:aws:iam::555566667777:user/alice";
const DEVICE: &str = "arn:aws:iam::555566667777:mfa/alice";

/// A bundle with the user alice, who may do everything.
fn site() -> Site {
    let site = Site::with_bundle(&Upstream::start(), "nothing");
    site.write(
        "policies/accounts/555566667777-app/users/alice.yaml",
        "inline_policies:\n  use: { Version: \"2012-10-17\", Statement: [ { Effect: Allow, Action: \"app:Use\", Resource: \"*\" } ] }\n",
    );
    site
}

/// Runs the command; what it printed on stdout.
fn done(site: &Site, arguments: &[&str]) -> String {
    let (code, out, err) = ended(site, arguments);
    assert_eq!(code, 0, "{arguments:?}: {err}");
    out
}

fn ended(site: &Site, arguments: &[&str]) -> (i32, String, String) {
    run(&[&["credentials"], arguments].concat(), &site.path("."))
}

/// Runs it with something on stdin.
fn told(site: &Site, arguments: &[&str], input: &str) -> (i32, String) {
    let arguments = [&["credentials"], arguments].concat();
    let (code, out, err) = answered(&arguments, &site.path("."), input);
    (code, out + &err)
}

/// The value behind a word of a table.
fn value(table: &str, name: &str) -> String {
    let line = table.lines().find(|line| line.starts_with(name)).unwrap();
    line[name.len()..].trim().to_owned()
}

fn text(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path(name)).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

struct Key {
    id: String,
    secret: String,
}

impl Key {
    fn make(site: &Site) -> Self {
        let made = done(site, &["create-access-key", "--user", ALICE]);
        Self {
            id: value(&made, "AccessKeyId"),
            secret: value(&made, "SecretAccessKey"),
        }
    }

    fn credentials(&self) -> signer::Credentials<'_> {
        signer::Credentials {
            access_key: &self.id,
            secret: &self.secret,
            token: None,
        }
    }

    /// The status of a request that it signs.
    fn status(&self, sidegate: &Sidegate) -> u16 {
        let now = Clock::machine().now();
        signed::get(sidegate.ingress, &self.credentials(), now).status
    }
}

fn becomes(what: &str, wanted: u16, mut status: impl FnMut() -> u16) {
    eventually(what, || (status() == wanted).then_some(()));
}

#[test]
fn keys_work_and_stop_working_while_the_sidecar_runs() {
    let site = site();
    let first = Key::make(&site);
    let config = text(&site, "sidegate.yaml");
    site.write(
        "sidegate.yaml",
        &format!("{config}credentials: ./credentials.yaml\n"),
    );
    let sidegate = Sidegate::start(&site);
    assert_eq!(first.status(&sidegate), 200);
    let second = Key::make(&site);
    becomes("the new key counts", 200, || second.status(&sidegate));
    done(&site, &["deactivate", &first.id]);
    becomes("it is refused", 401, || first.status(&sidegate));
    assert_eq!(second.status(&sidegate), 200);
    eventually("the record names the key", || {
        let records = site.audit();
        let mut records = records.iter();
        let id = |record: &Value| record["userIdentity"]["accessKeyId"] == *second.id;
        records.any(id).then_some(())
    });
    done(&site, &["activate", &first.id]);
    becomes("it counts again", 200, || first.status(&sidegate));
    done(&site, &["delete", &first.id]);
    becomes("it is gone", 401, || first.status(&sidegate));

    let made = done(&site, &["create-api-key", "--user", ALICE, "--id", "robot"]);
    let key = value(&made, "ApiKey");
    let api = || {
        let headers = [("x-api-key", &*key)];
        request(sidegate.ingress, "GET", "app.test", "/a", &headers).status
    };
    becomes("the API key counts", 200, api);
    done(&site, &["deactivate", "robot"]);
    becomes("the API key is refused", 401, api);
    assert_eq!(
        sidegate.metric("sidegate_credentials_reload_failed"),
        Some(0.0)
    );
}

/// A pipe in place of the file is not waited for: what is switched off after it is refused.
#[test]
fn a_pipe_in_place_of_the_file_holds_nothing_up() {
    let site = site();
    let key = Key::make(&site);
    let settings = text(&site, "sidegate.yaml");
    site.write(
        "sidegate.yaml",
        &format!("{settings}credentials: ./credentials.yaml\n"),
    );
    let sidegate = Sidegate::start(&site);
    assert_eq!(key.status(&sidegate), 200);
    let file = site.path("credentials.yaml");
    let good = text(&site, "credentials.yaml");
    fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    eventually("the pipe is told", || {
        sidegate
            .log()
            .contains("it is no regular file")
            .then_some(())
    });
    assert_eq!(ended(&site, &["list"]).0, 2);
    fs::remove_file(&file).unwrap();
    site.write("credentials.yaml", &good);
    done(&site, &["deactivate", &key.id]);
    becomes("refused", 401, || key.status(&sidegate));
}

#[test]
fn what_others_could_read_they_cannot_any_more() {
    for (before, after) in [
        (0o644, 0o640),
        (0o666, 0o640),
        (0o604, 0o600),
        (0o600, 0o600),
        (0o640, 0o640),
    ] {
        let site = site();
        Key::make(&site);
        let file = site.path("credentials.yaml");
        fs::set_permissions(&file, fs::Permissions::from_mode(before)).unwrap();
        let made = ["create-access-key", "--user", ALICE];
        let (code, _, said) = ended(&site, &made);
        assert_eq!(code, 0, "{said}");
        assert_eq!(mode(&file), after, "{before:o}");
        let tells = said.contains(&format!("mode {after:04o} now, no longer {before:04o}"));
        assert_eq!(tells, before != after, "{said}");
    }
}

#[test]
fn what_people_wrote_stays_and_so_do_mode_and_links() {
    let site = site();
    let written = "# ours\naccess_keys:\n  # the old one\n  - id: AKIAIOSFODNN7EXAMPLE   # rotate me\n    secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'\n    user: \"arn:aws:iam::555566667777:user/bob\"\n\n# none yet\napi_keys: []\n";
    site.write("real.yaml", written);
    fs::set_permissions(site.path("real.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.yaml", site.path("credentials.yaml")).unwrap();
    done(&site, &["deactivate", "AKIAIOSFODNN7EXAMPLE"]);
    assert_eq!(
        text(&site, "real.yaml"),
        written.replace("# rotate me\n", "# rotate me\n    status: \"Inactive\"\n")
    );
    done(&site, &["activate", "AKIAIOSFODNN7EXAMPLE"]);
    let key = Key::make(&site);
    let now = text(&site, "real.yaml");
    for line in written.lines().filter(|line| line.contains('#')) {
        assert!(now.contains(line), "{now}");
    }
    done(&site, &["delete", &key.id]);
    assert_eq!(
        text(&site, "real.yaml"),
        written.replace("# rotate me\n", "# rotate me\n    status: \"Active\"\n")
    );
    assert_eq!(mode(&site.path("real.yaml")), 0o640);
    assert!(site.path("credentials.yaml").is_symlink());
    let left = fs::read_dir(site.path(".")).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".new")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn two_halves_in_two_files_and_none_yet() {
    let site = site();
    fs::create_dir(site.path("secrets")).unwrap();
    let at = ["--credentials", "secrets"];
    let made = done(
        &site,
        &[&["create-access-key", "--user", ALICE][..], &at].concat(),
    );
    let id = value(&made, "AccessKeyId");
    let (code, said) = told(
        &site,
        &[&["set-password", "--user", ALICE][..], &at].concat(),
        "Correct-horse-7\n",
    );
    assert_eq!(code, 0, "{said}");
    let keys = text(&site, "secrets/access-keys.yaml");
    let rest = text(&site, "secrets/sts-secrets.yaml");
    assert!(keys.contains(&id) && !keys.contains("argon2id"));
    assert!(rest.contains("$argon2id$") && !rest.contains(&id));
    for name in ["secrets/access-keys.yaml", "secrets/sts-secrets.yaml"] {
        assert_eq!(mode(&site.path(name)), 0o600);
    }
    // The other half is read too: an id that stands there is not taken again.
    let api = ["create-api-key", "--user", ALICE, "--id", "robot"];
    done(&site, &[&api[..], &at].concat());
    assert!(text(&site, "secrets/access-keys.yaml").contains("robot"));
    assert_eq!(ended(&site, &[&api[..], &at].concat()).0, 2);
    done(&site, &[&["delete", ALICE][..], &at].concat());
    assert!(!text(&site, "secrets/sts-secrets.yaml").contains("argon2id"));
}

#[test]
fn editors_at_once_lose_nothing() {
    let site = site();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let site = &site;
            scope.spawn(move || {
                let id = format!("robot{number}");
                done(
                    site,
                    &[
                        "create-api-key",
                        "--unchecked",
                        "--user",
                        ALICE,
                        "--id",
                        &id,
                    ],
                );
            });
        }
    });
    let listed = done(&site, &["list", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["credentials"].as_array().unwrap().len(), 8);
}

#[test]
fn what_is_refused_changes_nothing() {
    let site = site();
    let first = Key::make(&site);
    Key::make(&site);
    let before = text(&site, "credentials.yaml");
    assert_eq!(mode(&site.path("credentials.yaml")), 0o600);
    for (arguments, words) in [
        (&["create-access-key", "--user", ALICE][..], "2 access keys"),
        (
            &[
                "create-access-key",
                "--user",
                "arn:aws:iam::555566667777:user/alise",
            ],
            "did you mean arn:aws:iam::555566667777:user/alice?",
        ),
        (
            &["create-access-key", "--root", "999999999999"],
            "no account",
        ),
        (&["create-access-key"], "--user"),
        (
            &["create-api-key", "--user", ALICE, "--id", "a b"],
            "4 to 32",
        ),
        (&["deactivate", "AKIANOBODY0000000000"], "list"),
        (&["delete", DEVICE], "list"),
        (&["set-password", "--user", "bob"], "no user"),
    ] {
        let (code, out, err) = ended(&site, arguments);
        assert_eq!((code, &*out), (2, ""), "{arguments:?}");
        assert!(err.contains(words), "{err}");
        assert_eq!(text(&site, "credentials.yaml"), before);
    }
    site.write(
        "credentials.yaml",
        &before.replace("status: \"Active\"", "status: Aktive"),
    );
    let broken = text(&site, "credentials.yaml");
    let (code, _, err) = ended(&site, &["delete", &first.id]);
    assert_eq!(code, 2);
    assert!(
        err.contains("credentials.yaml:") && !err.contains("Aktive"),
        "{err}"
    );
    assert_eq!(text(&site, "credentials.yaml"), broken);
}

#[test]
fn passwords_are_as_the_account_has_it() {
    let site = site();
    site.write(
        "policies/accounts/555566667777-app/account.yaml",
        "id: \"555566667777\"\nname: app\npassword_policy: { minimum_password_length: 12, require_numbers: true, password_reuse_prevention: 2 }\n",
    );
    let set = |password: &str| {
        told(
            &site,
            &["set-password", "--user", ALICE],
            &format!("{password}\n"),
        )
    };
    for (password, word) in [
        ("short", "at least 12 characters"),
        ("long enough though", "a digit"),
        ("", "at least 12"),
    ] {
        let (code, said) = set(password);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!site.path("credentials.yaml").exists());
    }
    for (password, code) in [
        ("correct horse 1", 0),
        ("correct horse 1", 1),
        ("correct horse 2", 0),
        ("correct horse 1", 1),
        ("correct horse 3", 0),
        ("correct horse 1", 0),
    ] {
        let (found, said) = set(password);
        assert_eq!(found, code, "{password}: {said}");
        assert!(!said.contains("horse"), "{said}");
        assert!(!text(&site, "credentials.yaml").contains("horse"));
    }
    let (code, said) = told(&site, &["set-password", "--user", ALICE], "");
    assert_eq!(code, 2, "{said}");
}

#[test]
fn a_list_tells_age_and_status_and_no_secret() {
    let site = site();
    let key = Key::make(&site);
    let made = done(
        &site,
        &["create-api-key", "--user", ALICE, "--format", "json"],
    );
    let api: Value = serde_json::from_str(&made).unwrap();
    told(
        &site,
        &["set-password", "--user", ALICE],
        "Correct-horse-7\n",
    );
    done(&site, &["deactivate", &key.id]);
    let file = text(&site, "credentials.yaml");
    let table = done(&site, &["list"]);
    let json = done(&site, &["list", "--format", "json"]);
    for said in [&table, &json] {
        assert!(said.contains(&key.id) && said.contains("Inactive") && said.contains("password"));
        assert!(said.contains(api["id"].as_str().unwrap()));
        let secret = api["key"].as_str().unwrap().splitn(3, '_').nth(2).unwrap();
        assert!(!said.contains(&key.secret) && !said.contains(secret));
        for line in file.lines().filter(|line| line.contains("hash:")) {
            assert!(!said.contains(line.split('"').nth(1).unwrap()), "{said}");
        }
    }
    let json: Value = serde_json::from_str(&json).unwrap();
    let row = &json["credentials"][0];
    assert_eq!(
        (&row["kind"], &row["age_days"]),
        (&"access key".into(), &0.into())
    );
    assert_eq!(row["of"], ALICE);
}
