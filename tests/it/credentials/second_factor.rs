//! Second factors: enrolled by two codes or by a known seed, of users and of an account itself.

use super::*;

/// The code of a seed, so many steps from now.
fn code(seed: &Seed, steps: i64) -> String {
    let now = Clock::machine().now().seconds();
    seed.code(Timestamp::from_seconds(now + 30 * steps))
        .unwrap()
}

#[test]
fn a_second_factor_is_enabled_by_two_codes() {
    let site = site();
    let mut child = command()
        .args(["credentials", "enable-mfa", "--user", ALICE])
        .current_dir(site.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !shown.contains("Link") {
        assert!(out.read_line(&mut shown).unwrap() > 0, "{shown}");
    }
    assert!(shown.contains('█') && shown.contains('▀'), "{shown}");
    let seed = value(&shown, "Seed");
    assert!(
        value(&shown, "Link").starts_with("otpauth://totp/Sidegate:alice@555566667777?secret=")
    );
    assert!(
        !site.path("credentials.yaml").exists(),
        "not before the codes"
    );
    let known = Seed::parse(&seed).unwrap();
    let codes = format!("{}\n{}\n", code(&known, -1), code(&known, 0));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(codes.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(
        said.contains(&format!("mfa_devices: [\"{DEVICE}\"]")),
        "{said}"
    );
    let before = text(&site, "credentials.yaml");
    assert!(before.contains(&seed) && before.contains(DEVICE));
    let (status, _, err) = ended(&site, &["enable-mfa", "--user", ALICE]);
    assert_eq!(status, 2);
    assert!(err.contains("has a seed already"), "{err}");
    assert_eq!(text(&site, "credentials.yaml"), before);
}

#[test]
fn a_known_seed_is_enabled_without_a_terminal() {
    let site = site();
    site.write("seed", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n");
    let seed = Seed::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let enable = |first: &str, second: &str| {
        let codes = ["--seed-file", "seed", "--codes", first, second];
        ended(
            &site,
            &[&["enable-mfa", "--user", ALICE][..], &codes].concat(),
        )
    };
    let now = code(&seed, 0);
    for (first, second) in [
        (&*now, &*now),
        ("000000", &*now),
        (&*code(&seed, 0), &*code(&seed, -1)),
    ] {
        assert_eq!(enable(first, second).0, 1);
        assert!(!site.path("credentials.yaml").exists());
    }
    let (code, out, err) = enable(&code(&seed, -1), &code(&seed, 0));
    assert_eq!((code, &*out), (0, ""), "{err}");
    assert!(!err.contains("GEZD"), "{err}");
    let (code, out, _) = ended(&site, &["delete", DEVICE]);
    assert_eq!((code, &*out), (0, ""));
    assert!(!text(&site, "credentials.yaml").contains("GEZD"));
}

#[test]
fn a_root_users_device_is_called_as_in_aws() {
    let site = site();
    site.write("seed", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
    let seed = Seed::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let enable = |account: &str, more: &[&str]| {
        let (first, second) = (code(&seed, -1), code(&seed, 0));
        let codes = ["--seed-file", "seed", "--codes", &first, &second];
        let who = ["enable-mfa", "--root", account];
        ended(&site, &[&who[..], &codes, more].concat())
    };
    let (status, _, err) = enable("555566667777", &["--device", DEVICE]);
    assert_eq!(status, 2, "{err}");
    assert_eq!(enable("000000000000", &[]).0, 2);
    assert!(!site.path("credentials.yaml").exists());
    let (status, _, err) = enable("555566667777", &[]);
    assert_eq!(status, 0, "{err}");
    assert!(!err.contains("mfa_devices"), "{err}");
    let device = "arn:aws:iam::555566667777:mfa/root-account-mfa-device";
    assert!(text(&site, "credentials.yaml").contains(device));
}
