//! When a key was used last: asked of the process that runs, of what it left, and by the AWS way.

use super::*;

fn last_used(site: &Site, admin: &str, id: &str) -> Option<Value> {
    let output = command()
        .args(["credentials", "list", "--format", "json"])
        .env("SIDEGATE_ADMIN__ADDRESS", admin)
        .current_dir(site.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut rows = listed["credentials"].as_array().unwrap().iter();
    let row = rows.find(|row| row["id"] == *id).unwrap();
    Some(row["last_used"].clone()).filter(|used| !used.is_null())
}

#[test]
fn when_a_key_was_used_last() {
    let site = site();
    let (used, idle) = (Key::make(&site), Key::make(&site));
    let config = text(&site, "sidegate.yaml");
    site.write(
        "sidegate.yaml",
        &format!(
            "{config}credentials: ./credentials.yaml\nkeyring: ./keyring.yaml\nsts: {{ address: \"127.0.0.1:0\" }}\n\
             state: {{ path: ./state/ }}\nadmin: {{ address: \"127.0.0.1:0\", token_file: ./admin-token }}\n"
        ),
    );
    let (code, _, said) = run(&["keyring", "new"], &site.path("."));
    assert_eq!(code, 0, "{said}");
    // Nobody runs, and nothing is left; to look leaves nothing either.
    assert_eq!(last_used(&site, "127.0.0.1:1", &used.id), None);
    assert!(!site.path("state").exists());
    let mut sidegate = Sidegate::start(&site);
    let admin = sidegate.listener("admin").to_string();
    assert_eq!(used.status(&sidegate), 200);
    let last = last_used(&site, &admin, &used.id).unwrap();
    assert_eq!(
        (&last["service"], &last["region"]),
        (&"app".into(), &"us-east-1".into())
    );
    assert_eq!(last_used(&site, &admin, &idle.id), None);
    // A call to the STS is a use too, and one that is refused is none.
    assert_eq!(used.who(&sidegate), 200);
    let wrong = Key {
        id: idle.id.clone(),
        secret: "wrong".to_owned(),
    };
    assert_eq!(wrong.who(&sidegate), 403);
    let last = last_used(&site, &admin, &used.id).unwrap();
    assert_eq!(last["service"], "sts");
    assert_eq!(last_used(&site, &admin, &idle.id), None);
    sidegate.signal("TERM");
    sidegate.wait();
    assert_eq!(last_used(&site, &admin, &used.id).unwrap(), last);
    let table = done(&site, &["list"]);
    assert!(
        table.contains("LAST USED") && table.contains("Z sts"),
        "{table}"
    );
}

impl Key {
    /// The status of GetCallerIdentity with it.
    fn who(&self, sidegate: &Sidegate) -> u16 {
        let sts = sidegate.listener("sts");
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let now = Clock::machine().now();
        let scope = ("sts", "us-east-1");
        signed::call(sts, &self.credentials(), scope, body, now).status
    }
}
