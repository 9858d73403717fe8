//! The vectors in tests/vectors/saml were signed by signxml and xmlsec1, and forged, by tests/interop/saml/idp.py.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::source::{Report, json};

fn vectors() -> &'static BTreeMap<String, String> {
    static READ: LazyLock<BTreeMap<String, String>> = LazyLock::new(read_vectors);
    &READ
}

fn read_vectors() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/saml");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    });
    files.collect()
}

fn provider() -> Provider {
    let text = r#"{"type": "saml", "account": "555566667777", "metadata": "login.xml",
        "audiences": ["urn:sidegate:example"], "recipients": ["https://signin.sidegate.example/saml"]}"#;
    let mut report = Report::on("login.yaml");
    let node = json::read(text, &mut report).unwrap();
    let provider = Provider::read(&node, "login", &mut report);
    provider.unwrap_or_else(|| panic!("{report:?}"))
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

fn metadata() -> Metadata {
    Metadata::read(vectors().get("metadata").unwrap()).unwrap()
}

fn verified(text: &str, at: Timestamp) -> Result<Assertion, Fault> {
    verify(&STANDARD.encode(text), &metadata(), &provider(), at)
}

#[test]
fn what_independent_programs_signed_verifies_and_reads() {
    let mut count = 0;
    for (name, text) in vectors() {
        if name.starts_with("good") {
            let assertion = verified(text, now()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(&*assertion.subject, "dana@login.example", "{name}");
            assert_eq!(&*assertion.subject_type, "persistent");
            assert_eq!(&*assertion.issuer, "https://login.example/saml/metadata");
            assert_eq!(
                &*assertion.recipient,
                "https://signin.sidegate.example/saml"
            );
            assert_eq!(assertion.issued_at, now());
            assert_eq!(
                assertion.session_ends,
                Some(now().plus(Duration::from_secs(7200)))
            );
            let affiliation = assertion.values("urn:oid:1.3.6.1.4.1.5923.1.1.1.1");
            assert_eq!(affiliation, ["staff".into(), "member".into()]);
            count += 1;
        }
    }
    assert_eq!(count, 9);
}

#[test]
fn whatever_is_wrong_is_refused() {
    let mut counts = [0; 3];
    for (name, text) in vectors() {
        let fault = || verified(text, now()).expect_err(name);
        if name.starts_with("bad") {
            assert!(
                matches!(fault(), Fault::Invalid(_)),
                "{name}: {:?}",
                fault()
            );
            counts[0] += 1;
        } else if name.starts_with("expired") {
            assert!(
                matches!(fault(), Fault::Expired(_)),
                "{name}: {:?}",
                fault()
            );
            counts[1] += 1;
        } else if name.starts_with("rejected") {
            assert!(
                matches!(fault(), Fault::Rejected(_)),
                "{name}: {:?}",
                fault()
            );
            counts[2] += 1;
        }
    }
    assert_eq!(counts, [42, 3, 1]);
}

#[test]
fn times_have_the_providers_leeway_and_no_more() {
    let vectors = vectors();
    let text = vectors.get("good-the-assertion-is-signed").unwrap();
    let after = |seconds: u64| now().plus(Duration::from_secs(seconds));
    assert!(verified(text, after(329)).is_ok());
    assert!(matches!(verified(text, after(330)), Err(Fault::Expired(_))));
    let before = Timestamp::from_seconds(now().seconds() - 30);
    assert!(verified(text, before).is_ok());
    let before = Timestamp::from_seconds(now().seconds() - 31);
    assert!(matches!(verified(text, before), Err(Fault::Invalid(_))));
}

#[test]
fn keys_and_names_are_those_of_the_metadata() {
    let vectors = vectors();
    let text = vectors.get("good-the-assertion-is-signed").unwrap();
    let known = vectors.get("metadata").unwrap();
    let with = |metadata: &str| {
        let metadata = Metadata::read(metadata)?;
        verify(&STANDARD.encode(text), &metadata, &provider(), now())
    };
    assert!(with(known).is_ok());
    assert!(with(&known.replacen("entityID=\"https", "entityID=\"http", 1)).is_err());
    let until =
        |time: &str| known.replacen(" entityID", &format!(" validUntil=\"{time}\" entityID"), 1);
    assert!(with(&until("2027-01-15T08:00:01Z")).is_ok());
    assert!(with(&until("2027-01-15T08:00:00Z")).is_err());
    assert!(with(&until("tomorrow")).is_err());
    for (from, to) in [
        ("use=\"signing\"", "use=\"encryption\""),
        ("EntityDescriptor", "EntitiesDescriptor"),
        ("MII", "MI"),
        ("<?xml version=\"1.0\"?>", "<!DOCTYPE x>"),
    ] {
        assert!(Metadata::read(&known.replace(from, to)).is_err(), "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a byte of a signed response is changed to: refused, or nothing that was read changed with it.
    #[test]
    fn no_changed_byte_changes_what_is_said(at in 0_usize..6000, byte in 0_u8..128) {
        let vectors = vectors();
        let text = vectors.get("good-the-assertion-is-signed").unwrap();
        let mut bytes = text.clone().into_bytes();
        prop_assume!(at < bytes.len());
        bytes[at] = byte;
        if let Ok(changed) = String::from_utf8(bytes)
            && let Ok(read) = verified(&changed, now())
        {
            prop_assert_eq!(read, verified(text, now()).unwrap());
        }
    }

    /// Pieces of signed responses cut, doubled, moved and mixed, some of them forged: nothing panics, and whatever still
    /// verifies says of whom it was signed.
    #[test]
    fn no_patchwork_of_signed_pieces_says_anything_else(
        steps in prop::collection::vec((0_usize..400, 0_usize..400, 0_usize..400, 0_u8..5), 1..5),
        which in 0_usize..9,
    ) {
        let vectors = vectors();
        let good: Vec<&String> = vectors
            .iter()
            .filter(|(name, _)| name.starts_with("good"))
            .map(|(_, text)| text)
            .collect();
        let text = good[which % 9];
        // Whole elements and tags, so that much of what comes out is still XML.
        let mut pieces: Vec<String> = text.split_inclusive('>').map(str::to_owned).collect();
        for (from, to, at, kind) in steps {
            let within = |place: usize| place.checked_rem(pieces.len()).unwrap_or_default();
            let (from, to, at) = (within(from), within(to), within(at));
            let range = from.min(to)..from.max(to);
            let taken: Vec<String> = pieces[range.clone()].to_vec();
            match kind {
                0 => drop(pieces.drain(range)),
                1 => drop(pieces.splice(at..at, taken)),
                2 => {
                    let forged = taken.iter().map(|piece| {
                        piece.replace("dana@", "admin@").replace("_good", "_evil")
                    });
                    drop(pieces.splice(at..at, forged.collect::<Vec<_>>()));
                }
                3 => {
                    let forged = pieces[at].replace("dana@", "admin@").replace("staff", "root");
                    pieces[at] = forged;
                }
                _ => pieces.swap(from, at),
            }
            if pieces.is_empty() {
                break;
            }
        }
        if let Ok(read) = verified(&pieces.concat(), now()) {
            prop_assert_eq!(&*read.subject, "dana@login.example");
            prop_assert!(!read.values("urn:oid:1.3.6.1.4.1.5923.1.1.1.1").contains(&"root".into()));
        }
    }
}
