use proptest::prelude::*;

use super::*;
use crate::source::Fault;

fn parse(text: &str) -> Result<Node, String> {
    let mut report = Report::on("t.yaml");
    let node = read(text, &mut report);
    match (node, report.faults().first()) {
        (Some(node), None) => Ok(node),
        (_, fault) => Err(fault.map(Fault::line).unwrap_or_default()),
    }
}

fn value(text: &str) -> Value {
    parse(text).unwrap().get("a").unwrap().value.clone()
}

#[test]
fn the_core_schema() {
    for text in ["~", "", "null", "NULL"] {
        assert_eq!(value(&format!("a: {text}")), Value::Null, "{text}");
    }
    for text in ["true", "True", "TRUE"] {
        assert_eq!(value(&format!("a: {text}")), Value::Bool(true), "{text}");
    }
    for text in [
        "1",
        "-1",
        "+1",
        "012",
        "0o17",
        "0x1F",
        "1.5",
        "1.",
        ".5",
        "1e3",
        "1.5E-3",
        "-.inf",
        ".nan",
        "555566667777",
    ] {
        assert_eq!(
            value(&format!("a: {text}")),
            Value::Number(text.into()),
            "{text}"
        );
    }
    for text in [
        "yes",
        "no",
        "on",
        "off",
        "nUll",
        "tRUE",
        "2012-10-17",
        "1_000",
        "0b1",
        "0o8",
        "0xg",
        "1e",
        "e1",
        ".",
        "1.2.3",
        "10:30",
        "+",
        "arn:aws:iam::1:root",
    ] {
        assert_eq!(
            value(&format!("a: {text}")),
            Value::String(text.into()),
            "{text}"
        );
    }
    assert_eq!(
        value("a: \"555566667777\""),
        Value::String("555566667777".into())
    );
    assert_eq!(value("a: 'true'"), Value::String("true".into()));
    assert_eq!(value("a: |\n  x\n  y\n"), Value::String("x\ny\n".into()));
}

#[test]
fn places_are_those_of_the_text() {
    let text = "é: {b: [x, \"y z\"]}\nlong:\n  key: value # why\n";
    let node = parse(text).unwrap();
    let at = |line, column| Position { line, column };
    let list = node.get("é").unwrap().get("b").unwrap();
    assert_eq!(
        list.span,
        Span {
            start: at(1, 8),
            end: at(1, 18)
        }
    );
    assert_eq!(
        list.as_list().unwrap()[1].span,
        Span {
            start: at(1, 12),
            end: at(1, 17)
        }
    );
    let entry = &node.get("long").unwrap().as_map().unwrap()[0];
    assert_eq!(
        entry.key_span,
        Span {
            start: at(3, 3),
            end: at(3, 6)
        }
    );
    assert_eq!(
        entry.value.span,
        Span {
            start: at(3, 8),
            end: at(3, 13)
        }
    );
}

#[test]
fn every_duplicate_key_is_reported() {
    let mut report = Report::on("t.yaml");
    read("a: 1\nb: {c: 1, 'c': 2}\na: 2\n", &mut report);
    let places: Vec<_> = report
        .faults()
        .iter()
        .map(|fault| (fault.id, fault.span.start.line, fault.span.start.column))
        .collect();
    assert_eq!(places, [("duplicate-key", 2, 11), ("duplicate-key", 3, 1)]);
}

#[test]
fn what_two_readers_might_read_differently_is_refused() {
    for text in [
        "a: !!str 1",
        "a: !x {b: 1}",
        "a: &x 1\nb: *x",
        "a: &x [1]",
        "*x : 1",
        "? [a]\n: 1",
        "{a: 1}: 1",
        "a: 1\n---\nb: 2",
        "a: 1\u{0}\nb: 2",
        "a: \u{1b}",
        "a: [1",
        "a: 'x",
        "a:\n\tb: 1",
        "a: b: c",
        "a: 1\n  b: 2",
        "- 1\na: 2",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_empty_text_is_nothing() {
    for text in ["", "\n", "# only a comment\n", "---\n", "\u{feff}"] {
        assert_eq!(parse(text).unwrap().value, Value::Null, "{text:?}");
    }
}

#[test]
fn depth_and_breadth_are_bounded() {
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&"[".repeat(100)).unwrap_err().contains("deeper"));
    assert!(parse(&"- ".repeat(100_000)).unwrap_err().contains("deeper"));
    assert!(parse(&"{a: ".repeat(100)).unwrap_err().contains("deeper"));
    assert!(
        parse(&format!("[{}]", "1,".repeat(1_000_001)))
            .unwrap_err()
            .contains("more than")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn reading_is_total(text in "[-a:\\[\\]{},?!&*|>'\"%@#~ \n\t0-9é.]{0,60}") {
        let mut report = Report::on("t.yaml");
        let node = read(&text, &mut report);
        prop_assert!(node.is_some() || report.has_errors());
    }

    #[test]
    fn json_means_the_same(
        keys in proptest::collection::btree_set("[a-z\u{e0}-\u{ff} :#]{1,8}", 0..5),
        text in "\\PC{0,12}",
    ) {
        let map: serde_json::Map<String, serde_json::Value> = keys
            .into_iter()
            .map(|key| (key, serde_json::json!([text, 1, true, null, {"x": []}])))
            .collect();
        let json = serde_json::Value::Object(map).to_string();
        let mut report = Report::on("t");
        let yaml = read(&json, &mut report);
        let json = crate::source::json::read(&json, &mut report);
        prop_assert!(!report.has_errors());
        prop_assert_eq!(yaml.map(|node| strip(&node)), json.map(|node| strip(&node)));
    }
}

/// The tree without its places.
fn strip(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(text) => format!("number {text}").into(),
        Value::String(text) => (&**text).into(),
        Value::List(items) => items.iter().map(strip).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.to_string(), strip(&entry.value)))
            .collect(),
    }
}

/// What an alias stands for is not read, so nothing more is said about it.
#[test]
fn an_alias_is_one_fault() {
    let mut report = Report::on("x.yaml");
    let node = read("a: &n [x]\nb: *n\n*n : c\n", &mut report).unwrap();
    let at = |report: &Report| -> Vec<_> {
        let faults = report.faults().iter();
        faults
            .map(|fault| (fault.id, fault.span.start.line, fault.span.start.column))
            .collect()
    };
    let expected = [
        ("yaml-feature", 1, 4),
        ("yaml-feature", 2, 4),
        ("yaml-feature", 3, 1),
    ];
    assert_eq!(at(&report), expected);
    let Value::Map(entries) = &node.value else {
        panic!("{node:?}");
    };
    let [_, alias, _] = &entries[..] else {
        panic!("{entries:?}");
    };
    report.error(
        "wrong-type",
        alias.value.span,
        "a list is expected",
        "write a list",
    );
    assert_eq!(at(&report), expected);
}
