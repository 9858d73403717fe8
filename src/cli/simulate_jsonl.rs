//! `sidegate simulate --jsonl`: one case a line in, one decision a line out.
//!
//! Every policy travels in its case; no bundle is read. A case that cannot be judged answers with an error that says
//! what and where, and the next line is read. Knows nothing of files and terminals: takes any reader and writer.

mod case;
mod known;
mod strict;

use std::io::{self, BufRead, Write};

use serde::Serialize;

use crate::policy::{Decision, LayerKind, Request, evaluate};
use crate::source::{Node, Report, Value, json};
use case::Case;
use known::{Found, Known};

/// A longer line is an error; its rest is skipped unread.
const LONGEST_LINE: usize = 16 << 20;

/// Judges every line until the input ends.
///
/// # Errors
/// If reading or writing fails.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut known = Known::new();
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            break;
        }
        let end = memchr::memchr(b'\n', available);
        let piece = available.get(..end.unwrap_or(available.len()));
        let piece = piece.unwrap_or_default();
        if line.len().saturating_add(piece.len()) > LONGEST_LINE {
            too_long = true;
            line.clear();
        } else if !too_long {
            line.extend_from_slice(piece);
        }
        let used = piece.len().saturating_add(usize::from(end.is_some()));
        let drained = used == available.len();
        input.consume(used);
        if end.is_some() {
            answer(&line, too_long, &mut known, &mut output)?;
            line.clear();
            too_long = false;
        }
        if drained {
            // Reading on may wait for someone who waits for these answers.
            output.flush()?;
        }
    }
    answer(&line, too_long, &mut known, &mut output)?;
    output.flush()
}

fn answer(
    line: &[u8],
    too_long: bool,
    known: &mut Known,
    output: &mut impl Write,
) -> io::Result<()> {
    let reply = if too_long {
        failure(None, format!("a line is longer than {LONGEST_LINE} bytes"))
    } else if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    } else {
        match std::str::from_utf8(line) {
            Ok(text) => judge_knowing(text, known).unwrap_or_else(|| judge(text)),
            Err(_) => failure(None, "the line is no UTF-8".to_owned()),
        }
    };
    output.write_all(reply.as_bytes())?;
    output.write_all(b"\n")
}

#[derive(Serialize)]
struct Answer<'a> {
    decision: &'static str,
    reason: Reason<'a>,
}

#[derive(Serialize)]
struct Reason<'a> {
    layer: Option<LayerKind>,
    policy: Option<&'a str>,
    statement: Option<usize>,
    sid: Option<&'a str>,
    words: String,
}

#[derive(Serialize)]
struct Failure {
    error: String,
}

fn failure(id: Option<&Node>, error: String) -> String {
    answered(id, &Failure { error })
}

/// Judges one case, given as one line of JSON; answers with one line of JSON.
pub fn judge(line: &str) -> String {
    let mut report = Report::on("");
    let Some(node) = json::read(line, &mut report) else {
        return failure(None, case::faults(&report));
    };
    let id = node.get("id");
    if report.has_errors() {
        return failure(id, case::faults(&report));
    }
    match Case::read(&node, None) {
        Ok(case) => decide(&case, id),
        Err(error) => failure(id, error),
    }
}

/// The same, without reading documents that came before. `None`: the case must be read whole, or has a fault.
fn judge_knowing(line: &str, known: &mut Known) -> Option<String> {
    // Documents are found again by their place, which counts on there being one line.
    if memchr::memchr(b'\n', line.as_bytes()).is_some() {
        return None;
    }
    let mut report = Report::on("");
    let mut found = Found::default();
    let mut skip = |rest: &str, start| known.look(line, rest, start, &mut found);
    let node = json::read_skipping(line, &mut report, &mut skip)?;
    if report.has_errors() {
        return None;
    }
    let case = Case::read(&node, Some((known, &found))).ok()?;
    if !found.all_taken() {
        return None;
    }
    Some(decide(&case, node.get("id")))
}

fn decide(case: &Case, id: Option<&Node>) -> String {
    case.with_request(|request, layers| {
        let decision = evaluate(request, layers);
        let answer = Answer {
            decision: decision.verdict.as_str(),
            reason: reason(request, &decision),
        };
        answered(id, &answer)
    })
}

/// An answer with the id before it, as the case wrote it: a number keeps its digits.
fn answered(id: Option<&Node>, answer: &impl Serialize) -> String {
    let mut out = String::from("{\"id\":");
    match id {
        Some(id) => echo(id, &mut out),
        None => out.push_str("null"),
    }
    let rest = serde_json::to_string(answer).unwrap_or_default();
    out.push(',');
    out.push_str(rest.strip_prefix('{').unwrap_or("}"));
    out
}

fn reason<'a>(request: &Request<'_>, decision: &Decision<'a>) -> Reason<'a> {
    Reason {
        layer: decision.layer,
        policy: decision.policy,
        statement: decision.statement,
        sid: decision.sid,
        words: decision.words(request),
    }
}

/// Writes a value as JSON again.
fn echo(node: &Node, out: &mut String) {
    let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(digits) => out.push_str(digits),
        Value::String(value) => out.push_str(&text(value)),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                echo(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (at, entry) in entries.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&text(&entry.key));
                out.push(':');
                echo(&entry.value, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests;
