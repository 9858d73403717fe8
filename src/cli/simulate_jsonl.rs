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
    id: serde_json::Value,
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
    id: serde_json::Value,
    error: String,
}

fn failure(id: Option<&Node>, error: String) -> String {
    let failure = Failure {
        id: id.map_or(serde_json::Value::Null, plain),
        error,
    };
    serde_json::to_string(&failure).unwrap_or_default()
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
    Some(decide(&case, node.get("id")))
}

fn decide(case: &Case, id: Option<&Node>) -> String {
    case.with_request(|request, layers| {
        let decision = evaluate(request, layers);
        let answer = Answer {
            id: id.map_or(serde_json::Value::Null, plain),
            decision: decision.verdict.as_str(),
            reason: reason(request, &decision),
        };
        serde_json::to_string(&answer).unwrap_or_default()
    })
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

/// The same value without places, so that an id comes back as it was.
fn plain(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(text) => {
            serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string()))
        }
        Value::String(text) => Json::String(text.to_string()),
        Value::List(items) => Json::Array(items.iter().map(plain).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|entry| (entry.key.to_string(), plain(&entry.value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests;
