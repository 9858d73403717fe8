//! What `sidegate check` found, as people and programs read it. Knows nothing of how it was found.

use serde_json::{Value, json};

use super::Format;
use crate::cli::findings;
use crate::cli::output::{self, Failed};
use crate::source::{Fault, Severity};

/// A fault, and where an editor finds it.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) fault: Fault,
    /// The fault with its line.
    pub(super) drawn: String,
    /// The file as seen from the current folder; of one in an archive, `ARCHIVE!/PATH`.
    pub(super) path: String,
    /// The file on the disk: this one or the archive that holds it.
    pub(super) disk: Option<String>,
    /// Whether that is an archive.
    pub(super) is_packed: bool,
}

/// All that there is to tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) findings: Vec<Finding>,
    /// What was checked, and what came of it.
    pub(super) summary: Vec<String>,
    /// What was to be checked and is not there.
    pub(super) missing: Vec<String>,
    /// Whether what was checked may not be used.
    pub(super) refused: bool,
}

impl Told {
    /// Prints it, unless nothing was checked.
    pub(super) fn print(&self, format: Format) -> Result<(), Failed> {
        if self.summary.is_empty() {
            return Ok(());
        }
        output::print(&match format {
            Format::Text => self.text(),
            Format::Json => format!("{:#}\n", self.json()),
            Format::Sarif => format!("{:#}\n", sarif(&self.findings)),
        })
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let drawn = self.findings.iter().map(|finding| &finding.drawn);
        for text in drawn.chain(&self.summary) {
            out.push_str(text);
            out.push('\n');
        }
        let count = output::count(self.findings.iter().map(|finding| &finding.fault));
        out.push_str(&count);
        out.push('\n');
        out
    }

    fn json(&self) -> Value {
        let with_path = |finding: &Finding| {
            let mut value = json!(finding.fault);
            if let Some(object) = value.as_object_mut() {
                object.insert("path".to_owned(), json!(finding.path));
            }
            value
        };
        let findings: Vec<_> = self.findings.iter().map(with_path).collect();
        json!({ "summary": self.summary.join("\n"), "findings": findings })
    }
}

fn sarif(findings: &[Finding]) -> Value {
    let mut ids: Vec<&str> = findings.iter().map(|finding| finding.fault.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let rules: Vec<_> = ids.iter().map(|id| rule(id)).collect();
    let results: Vec<_> = findings.iter().map(sarif_result).collect();
    let driver =
        json!({ "name": "sidegate", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

/// What code-scanning services show of a kind of finding.
fn rule(id: &str) -> Value {
    let Some(known) = findings::all().find(|known| known.id == id) else {
        return json!({ "id": id });
    };
    let help = format!("{} To mend it: {}", known.about, known.mend);
    let (level, tags, security) = match known.severity {
        "security warning" => ("warning", json!(["policy", "security"]), Some("7.0")),
        "suggestion" => ("note", json!(["policy", "maintainability"]), None),
        warning if warning.starts_with("warning") => {
            ("warning", json!(["policy", "correctness"]), None)
        }
        _ => ("error", json!(["policy", "correctness"]), None),
    };
    let mut properties = json!({ "tags": tags, "problem.severity": level });
    // Services that know it rank by it: 7.0 is where high begins.
    if let (Some(score), Some(object)) = (security, properties.as_object_mut()) {
        object.insert("security-severity".to_owned(), json!(score));
    }
    json!({
        "id": id,
        "name": id,
        "shortDescription": { "text": known.about },
        "fullDescription": { "text": help },
        "help": { "text": format!("To mend it: {}", known.mend) },
        "defaultConfiguration": { "level": level },
        "properties": properties,
    })
}

fn sarif_result(finding: &Finding) -> Value {
    let fault = &finding.fault;
    let level = match fault.severity {
        Severity::Error => "error",
        Severity::SecurityWarning | Severity::Warning => "warning",
        Severity::Suggestion => "note",
    };
    let help = if fault.help.is_empty() {
        String::new()
    } else {
        format!(" ({})", fault.help)
    };
    // A place in an archive is no place on the disk.
    let inside = if finding.is_packed {
        format!("{}: ", fault.place())
    } else {
        String::new()
    };
    json!({
        "ruleId": fault.id,
        "level": level,
        "message": { "text": format!("{inside}{}{help}", fault.message) },
        "locations": [sarif_location(finding)],
        "properties": { "severity": fault.severity },
    })
}

fn sarif_location(finding: &Finding) -> Value {
    let Some(disk) = &finding.disk else {
        return json!({ "logicalLocations": [{ "fullyQualifiedName": finding.path }] });
    };
    let mut location = json!({ "artifactLocation": { "uri": uri(disk) } });
    let (start, end) = (finding.fault.span.start, finding.fault.span.end);
    if start.line > 0
        && !finding.is_packed
        && let Some(location) = location.as_object_mut()
    {
        let mut region = json!({ "startLine": start.line, "startColumn": start.column.max(1) });
        if let Some(region) = region.as_object_mut()
            && end > start
        {
            region.insert("endLine".to_owned(), json!(end.line));
            region.insert("endColumn".to_owned(), json!(end.column));
        }
        location.insert("region".to_owned(), region);
    }
    json!({ "physicalLocation": location })
}

/// A path as a URI: relative to the current folder, or of the scheme `file`.
fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("policies/a b.yaml"), "policies/a%20b.yaml");
        assert_eq!(uri("/etc/p/a:b%.yaml"), "file:///etc/p/a%3Ab%25.yaml");
        assert_eq!(uri("../p/é.yaml"), "../p/%C3%A9.yaml");
    }
}
