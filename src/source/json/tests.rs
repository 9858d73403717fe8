//! JSON texts, sound and broken.

use super::*;

fn parse(text: &str) -> Result<Node, String> {
    let mut report = Report::on("t.json");
    let node = read(text, &mut report);
    match (node, report.faults().first()) {
        (Some(node), None) => Ok(node),
        (_, fault) => Err(fault.map(crate::source::Fault::line).unwrap_or_default()),
    }
}

#[test]
fn values_and_places() {
    let node =
        parse("{\n  \"a\": [1, -2.5e3, \"\\u00e9\\ud83d\\ude00\"],\n  \"b\": null\n}").unwrap();
    let list = node.get("a").unwrap().as_list().unwrap();
    assert_eq!(list[1].value, Value::Number("-2.5e3".into()));
    assert_eq!(list[2].as_str(), Some("é😀"));
    assert_eq!(
        node.as_map().unwrap()[1].key_span.start,
        Position { line: 3, column: 3 }
    );
}

#[test]
fn what_is_no_json() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "+1",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "'a'",
        "nul",
        "1 2",
        "{a:1}",
        "-",
        "1e",
        "\u{feff}1",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(parse(&"[".repeat(100_000)).is_err());
}

#[test]
fn every_duplicate_key_is_reported() {
    let mut report = Report::on("t.json");
    read("{\"a\":1,\n\"a\":2,\"b\":{\"c\":1,\"c\":2}}", &mut report);
    let places: Vec<_> = report
        .faults()
        .iter()
        .map(|fault| (fault.id, fault.span.start.line, fault.span.start.column))
        .collect();
    assert_eq!(places, [("duplicate-key", 2, 1), ("duplicate-key", 2, 18)]);

    let many: Vec<String> = (0..40).map(|n| format!("\"k{}\":{n}", n % 30)).collect();
    let mut report = Report::on("t.json");
    read(&format!("{{{}}}", many.join(",\n")), &mut report);
    assert_eq!(report.faults().len(), 10);
    assert!(report.faults()[0].message.ends_with("first on line 1"));
    assert_eq!(report.faults()[9].span.start.line, 40);
}
