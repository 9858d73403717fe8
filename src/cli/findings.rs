//! What there is to know of each finding of `sidegate check`, by its id.

use std::fmt::Write as _;

use crate::cli::output::Failed;
use crate::source::nearest;

/// The list: one finding a line, under headings.
const TEXT: &str = include_str!("findings.txt");

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The stable id.
    pub id: &'static str,
    /// How bad it is.
    pub severity: &'static str,
    /// What it says.
    pub about: &'static str,
    /// How to mend it.
    pub mend: &'static str,
}

/// All of them.
pub fn all() -> impl Iterator<Item = Finding> {
    TEXT.lines().filter_map(read)
}

fn read(line: &'static str) -> Option<Finding> {
    let mut parts = line.split(" | ");
    let finding = Finding {
        id: parts.next()?,
        severity: parts.next()?,
        about: parts.next()?,
        mend: parts.next()?,
    };
    (!finding.id.starts_with('#')).then_some(finding)
}

/// The list for people: id, severity and what it says, under headings.
pub fn list() -> String {
    let mut out = String::new();
    for line in TEXT.lines() {
        // Writing to a String cannot fail.
        if let Some(heading) = line.strip_prefix("## ") {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}{heading}");
        } else if let Some(finding) = read(line) {
            let Finding {
                id,
                severity,
                about,
                ..
            } = finding;
            let _ = writeln!(out, "  {id:<26} {severity:<17} {about}");
        }
    }
    out
}

/// One finding for people.
///
/// # Errors
/// When there is none of this id.
pub fn explain(id: &str) -> Result<String, Failed> {
    let Some(finding) = all().find(|finding| finding.id == id) else {
        let near = nearest(id, all().map(|finding| finding.id));
        let hint = near.map_or_else(
            || "`sidegate check --list` has all".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Failed(format!("there is no finding `{id}`: {hint}")));
    };
    let Finding {
        id,
        severity,
        about,
        mend,
    } = finding;
    Ok(format!(
        "{id} ({severity})\n\n{about}\n\nTo mend it: {mend}\n"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Texts of the same form as ids in the modules below that are none.
    const NO_IDS: [&str; 15] = [
        "access-control-request-method",
        "assumed-role",
        "built-in",
        "content-length",
        "identity-providers",
        "kebab-case",
        "keep-alive",
        "permission-sets",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "us-east-1",
        "x-amz-security-token",
        "x-api-key",
    ];

    /// All strings in kebab case in the sources that report findings, less their tests.
    fn ids(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                ids(&entry.unwrap().path(), found);
            }
            return;
        }
        let name = path.to_str().unwrap();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || name.ends_with("/tests.rs") || name.contains("/tests/") {
            return;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let is_kebab = |text: &str| {
            text.contains('-')
                && text.starts_with(|first: char| first.is_ascii_lowercase())
                && text.split('-').all(|word| {
                    !word.is_empty()
                        && word
                            .bytes()
                            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                })
        };
        found.extend(
            code.split('"')
                .filter(|text| is_kebab(text))
                .map(str::to_owned),
        );
    }

    #[test]
    fn every_id_in_the_code_is_told_and_no_other() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = BTreeSet::new();
        for module in ["arn", "bundle", "source", "policy", "directory", "route"] {
            for path in [source.join(module), source.join(format!("{module}.rs"))] {
                if path.exists() {
                    ids(&path, &mut found);
                }
            }
        }
        found.retain(|id| !NO_IDS.contains(&&**id) && !id.starts_with("x-sidegate-"));
        let told: BTreeSet<String> = all().map(|finding| finding.id.to_owned()).collect();
        let untold: Vec<_> = found.difference(&told).collect();
        assert!(
            untold.is_empty(),
            "tell of these in src/cli/findings.txt: {untold:?}"
        );
        let gone: Vec<_> = told.difference(&found).collect();
        assert!(
            gone.is_empty(),
            "no code reports these of src/cli/findings.txt: {gone:?}"
        );
        assert_eq!(told.len(), all().count(), "an id is told twice");
    }

    #[test]
    fn every_line_is_whole() {
        for line in TEXT
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            assert_eq!(line.split(" | ").count(), 4, "{line}");
        }
        for finding in all() {
            assert!(list().contains(finding.id));
            let told = explain(finding.id).unwrap();
            assert!(told.contains(finding.about) && told.contains(finding.mend));
        }
    }

    #[test]
    fn an_unknown_id_is_told_with_the_nearest() {
        let Failed(message) = explain("open-fedration").unwrap_err();
        assert!(
            message.contains("did you mean `open-federation`?"),
            "{message}"
        );
    }
}
