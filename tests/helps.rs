//! Each fault says how it is mended. What a call writes as its help can be seen in the source, so it is looked for
//! there; what a run makes of it is asserted where a fault is added, in every unit test.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test of our own sources, cut where a match was found"
)]

use std::fs;
use std::path::Path;

/// Functions whose last argument says how to mend a fault.
const REPORTERS: [&str; 5] = ["error", "add", "warn", "fail", "fault"];

#[test]
fn no_fault_is_reported_without_help() {
    let mut calls = 0;
    let mut bare = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut |path, text| {
            for (line, help) in helps(text) {
                calls += 1;
                if help == "\"\"" || help.contains("String::new") {
                    bare.push(format!("{}:{line}: {help}", path.display()));
                }
            }
        },
    );
    assert!(
        calls > 150,
        "only {calls} calls were found: how is a fault reported now?"
    );
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn a_bare_call_is_seen() {
    let text =
        "report.error(\n \"id\",\n span(a, b),\n format!(\"(\"),\n \"\",\n);\nmap.add(1, \"x\");";
    let found = helps(text);
    assert_eq!(found, [(1, "\"\"".to_owned()), (7, "\"x\"".to_owned())]);
}

fn sources(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, look);
        } else {
            let tests = path.components().any(|part| part.as_os_str() == "tests")
                || path.file_name().is_some_and(|name| name == "tests.rs");
            if !tests {
                look(&path, &fs::read_to_string(&path).unwrap());
            }
        }
    }
}

/// The last argument of each call, with the line that the call begins on.
fn helps(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for name in REPORTERS {
        let call = format!("{name}(");
        for (at, _) in text.match_indices(&call) {
            let before = text[..at].chars().next_back().unwrap_or(' ');
            let is_definition = text[..at].ends_with("fn ");
            if before.is_alphanumeric() || before == '_' || is_definition {
                continue;
            }
            let arguments = arguments(&text[at + call.len()..]);
            // One argument is something else: `set.add(x)`.
            if let [_, .., help] = &arguments[..] {
                found.push((text[..at].matches('\n').count() + 1, help.clone()));
            }
        }
    }
    found.sort();
    found
}

/// The arguments of a call, whose opening bracket is behind us.
fn arguments(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut depth = 0;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        let last = all.last_mut().unwrap();
        last.push(letter);
        if letter == '"' {
            while let Some(inside) = letters.next() {
                last.push(inside);
                match inside {
                    '\\' => last.extend(letters.next()),
                    '"' => break,
                    _ => {}
                }
            }
        }
    }
    all.iter()
        .map(|argument| argument.trim().to_owned())
        .filter(|argument| !argument.is_empty())
        .collect()
}
