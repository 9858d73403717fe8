//! Replays the hand-written decisions of `tests/corpus/*.jsonl` through the real binary's `simulate --jsonl`.
//!
//! Each line holds an `id`, what it `expect`s (a decision or `error`), `why` (the rule), and either a `case` as
//! `simulate --jsonl` takes it or, where the text itself matters, the whole input `line`.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

struct Entry {
    id: String,
    /// The text that goes to standard input.
    line: String,
    expect: String,
    why: String,
}

fn text(object: &Value, member: &str) -> Option<String> {
    object
        .get(member)
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn entry(line: &str) -> Option<Entry> {
    let object: Value = serde_json::from_str(line).ok()?;
    let line = match object.get("case") {
        Some(case) => case.to_string(),
        None => text(&object, "line")?,
    };
    Some(Entry {
        id: text(&object, "id")?,
        line,
        expect: text(&object, "expect")?,
        why: text(&object, "why")?,
    })
}

fn corpus() -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut entries = Vec::new();
    for file in std::fs::read_dir(folder).expect("tests/corpus") {
        let path = file.expect("a folder entry").path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        let lines = std::fs::read_to_string(&path).expect("a text file");
        for (index, line) in lines.lines().enumerate() {
            let Some(entry) = entry(line) else {
                panic!(
                    "{}:{}: not a corpus entry",
                    path.display(),
                    index.saturating_add(1)
                );
            };
            entries.push(entry);
        }
    }
    entries
}

/// Feeds the lines to one `simulate --jsonl` and gives its answers by id; a line without an id answers under "".
fn simulate(entries: &[Entry]) -> HashMap<String, Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args(["simulate", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sidegate starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input: String = entries
        .iter()
        .flat_map(|entry| [entry.line.as_str(), "\n"])
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("sidegate ends");
    writer
        .join()
        .expect("the writer")
        .expect("sidegate reads all of its input");
    assert!(
        output.status.success(),
        "simulate --jsonl exits 0 at the end of its input: {}",
        output.status
    );

    let mut answers = HashMap::new();
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let answer: Value = serde_json::from_str(line).expect("one JSON object a line");
        let id = text(&answer, "id").unwrap_or_default();
        assert!(
            answers.insert(id, answer).is_none(),
            "one answer a case: {line}"
        );
    }
    answers
}

fn answered(answer: Option<&Value>) -> String {
    let Some(answer) = answer else {
        return "no answer".to_owned();
    };
    if answer.get("error").is_some() {
        return "error".to_owned();
    }
    text(answer, "decision").unwrap_or_else(|| "no decision".to_owned())
}

#[test]
fn every_case_is_decided_as_written() {
    let entries = corpus();
    assert!(
        entries.len() >= 700,
        "the corpus shrank to {} cases",
        entries.len()
    );
    let answers = simulate(&entries);
    let mut faults = Vec::new();
    for entry in &entries {
        let id = serde_json::from_str(&entry.line)
            .ok()
            .and_then(|input: Value| text(&input, "id"))
            .unwrap_or_default();
        let answer = answers.get(&id);
        let got = answered(answer);
        if got != entry.expect {
            let answer = answer.map(Value::to_string).unwrap_or_default();
            faults.push(format!(
                "{}: expected {}, got {got}\n    why: {}\n    answer: {answer}",
                entry.id, entry.expect, entry.why
            ));
        }
    }
    assert_eq!(answers.len(), entries.len(), "one answer a case");
    assert!(
        faults.is_empty(),
        "{} of {} cases:\n{}",
        faults.len(),
        entries.len(),
        faults.join("\n")
    );
}
