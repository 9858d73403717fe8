//! One entry changes and nothing else, in every layout that people write.

use proptest::prelude::*;

use super::{EditError, Item, append, entries, read, remove, set};

const LIST: [&str; 1] = ["keys"];
const DEEP: [&str; 2] = ["secrets", "totp"];

fn entry(id: &str) -> [(&'static str, Item); 2] {
    [("id", id.into()), ("status", "Active".into())]
}

#[test]
fn comments_and_everything_else_stay() {
    let text = "# a head\nkeys: # mine\n  # the first\n  - id: a # note\n    status: Active   # on\n\n  # the second\n  - id: \"b\"\n    more: [ 1,\n      2 ]\n\n# others\nother:\n  x: 1\n";
    let added = append(text, &LIST, &entry("c")).unwrap();
    assert_eq!(
        added,
        text.replace(
            "      2 ]\n",
            "      2 ]\n  - id: \"c\"\n    status: \"Active\"\n"
        )
    );
    let off = set(&added, &LIST, 0, "status", &"Inactive".into()).unwrap();
    assert_eq!(off, added.replace("Active   # on", "\"Inactive\"   # on"));
    let off = set(&off, &LIST, 1, "status", &"Inactive".into()).unwrap();
    assert!(
        off.contains("  - id: \"b\"\n    status: \"Inactive\"\n    more:"),
        "{off}"
    );
    assert_eq!(remove(&added, &LIST, 2).unwrap(), text);
    let without = remove(text, &LIST, 1).unwrap();
    assert_eq!(
        without,
        text.replace("  - id: \"b\"\n    more: [ 1,\n      2 ]\n", "")
    );
    let none = remove(&without, &LIST, 0).unwrap();
    assert!(none.contains("keys: # mine\n  # the first\n\n  # the second\n"));
    assert_eq!(
        read(&append(&none, &LIST, &entry("z")).unwrap())
            .unwrap()
            .get("keys")
            .unwrap()
            .as_list()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn every_layout_takes_an_entry() {
    for text in [
        "",
        "# nothing\n",
        "{}",
        "keys:\n",
        "keys:",
        "keys: []\n",
        "keys: [] # none\nother: 1\n",
        "keys:\n- id: a\n  status: Active\n",
        "keys:\n- { id: a }\n- { id: b }",
        "keys: [ { id: a } ]",
        "keys: [\n  { id: a }, # one\n  { id: b },\n]\nother: 1\n",
        "{ \"keys\": [ { \"id\": \"a\" } ], \"other\": [] }",
        "{\"other\": 1}",
        "other: 1",
        "other:\n  deep: |\n    a text\n    of lines\n",
        "\u{feff}keys:\r\n  - id: a\r\n",
        "---\nkeys:\n  - id: a\n",
        "keys:\n  - id: größe\n    b: 'it''s'\n",
        "keys:\n    - id: a\n      b: >-\n        folded\n        text\n    # end\nother: 1\n",
    ] {
        for path in [&LIST[..], &DEEP] {
            let before = read(text).unwrap();
            let count = entries(&before, path).len();
            let added = append(text, path, &entry("new"))
                .unwrap_or_else(|error| panic!("{text:?}: {error}"));
            let node = read(&added).unwrap();
            let now = entries(&node, path);
            assert_eq!(now.len(), count + 1, "{added}");
            let at = now
                .iter()
                .position(|node| node.get("id").and_then(|id| id.as_str()) == Some("new"))
                .unwrap();
            for line in text.lines().filter(|line| line.contains('#')) {
                let comment = line.split_once('#').unwrap().1;
                assert!(added.contains(comment), "{added}");
            }
            let list = Item::Texts(vec!["x".into(), "y: \"#\n".into()]);
            let more = set(&added, path, at, "list", &list).unwrap();
            let more = set(&more, path, at, "list", &Item::Texts(vec![])).unwrap();
            let off = set(&more, path, at, "status", &"Inactive".into()).unwrap();
            assert!(off.contains("Inactive"));
            let gone = remove(&off, path, at).unwrap();
            assert!(
                super::same(&read(&gone).unwrap(), &before),
                "{text:?}\n{gone}"
            );
        }
    }
}

#[test]
fn what_is_not_understood_is_refused_and_not_damaged() {
    for (text, error) in [
        ("a: [", EditError::Unreadable),
        ("a: 1\na: 2\n", EditError::Unreadable),
        ("keys: text\n", EditError::Layout),
        ("- a\n", EditError::Layout),
        ("keys: ~\n", EditError::Layout),
        ("a: 1\n...\n", EditError::Layout),
        ("keys:\n  -\n    id: a\n", EditError::Layout),
    ] {
        assert_eq!(append(text, &LIST, &entry("x")), Err(error), "{text}");
    }
    let text = "keys:\n  - id: a\n";
    assert_eq!(remove(text, &LIST, 1), Err(EditError::Layout));
    assert_eq!(
        set(text, &DEEP, 0, "a", &"b".into()),
        Err(EditError::NoEntry)
    );
}

proptest! {
    #[test]
    fn values_cannot_leave_their_place(id in "\\PC{0,40}", status in "[\\x20-\\x7e\\n\\t]{0,40}") {
        let text = "keys:\n  - id: a\nother: 1\n";
        let fields = [("id", id.as_str().into()), ("status", status.as_str().into())];
        if let Ok(added) = append(text, &LIST, &fields) {
            let node = read(&added).unwrap();
            let found = &entries(&node, &LIST)[1];
            prop_assert_eq!(found.get("id").unwrap().as_str(), Some(&*id));
            prop_assert_eq!(found.get("status").unwrap().as_str(), Some(&*status));
            prop_assert_eq!(remove(&added, &LIST, 1).unwrap(), text);
        }
    }
}
