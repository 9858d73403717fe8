//! All faults of a text, or of many: bounded, an error always among them.

use std::sync::Arc;

use super::{Fault, Position, Severity, Span};

/// Who has so many faults in one text needs no more to mend it, and a text of millions of them shall not fill the memory.
const MAX_FAULTS: usize = 10_000;

/// The faults of one or many files, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    file: Arc<str>,
    faults: Vec<Fault>,
    broken: bool,
    /// Where values stand that were not read, which is reported.
    unread: Vec<Position>,
}

impl Report {
    /// An empty report on one file.
    pub fn on(file: &str) -> Self {
        Self {
            file: file.into(),
            faults: Vec::new(),
            broken: false,
            unread: Vec::new(),
        }
    }

    /// The file that new faults are of.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Adds an error.
    pub fn error(
        &mut self,
        id: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Severity::Error, id, span, message, help);
    }

    /// Reports a value that is not read: what it then seems to be is no second fault. YAML alone has such.
    #[cfg(feature = "server")]
    pub(super) fn unread(&mut self, id: &'static str, span: Span, message: String, help: &str) {
        self.error(id, span, message, help);
        if self.unread.len() < MAX_FAULTS {
            self.unread.push(span.start);
        }
    }

    /// Adds a fault of any severity. Of very many only the first are kept, an error always among them.
    pub fn add(
        &mut self,
        severity: Severity,
        id: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = help.into();
        #[cfg(test)]
        is_helpful(id, &help);
        if self.unread.contains(&span.start) {
            return;
        }
        let is_error = severity == Severity::Error;
        if self.faults.len() >= MAX_FAULTS && (self.broken || !is_error) {
            return;
        }
        self.broken |= is_error;
        self.faults.push(Fault {
            severity,
            id,
            file: Arc::clone(&self.file),
            span,
            message: message.into(),
            help,
        });
    }

    /// Takes over the faults of another report.
    pub fn append(&mut self, other: Self) {
        self.broken |= other.broken;
        self.faults.extend(other.faults);
    }

    /// All faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The faults, by value.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Whether any fault is an error.
    pub fn has_errors(&self) -> bool {
        self.broken
    }
}

/// Each fault says how it is mended; every unit test sees to it.
#[cfg(test)]
fn is_helpful(id: &str, help: &str) {
    assert!(!help.is_empty(), "{id}: how is it to be mended?");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_faults_an_error_is_kept() {
        let mut report = Report::on("a.yaml");
        for _ in 0..MAX_FAULTS + 5 {
            report.add(Severity::Warning, "w", Span::default(), "", "mend");
        }
        assert_eq!(report.faults().len(), MAX_FAULTS);
        assert!(!report.has_errors());
        report.error("e", Span::default(), "", "mend");
        report.error("e", Span::default(), "", "mend");
        assert!(report.has_errors());
        assert_eq!(report.into_faults().len(), MAX_FAULTS + 1);
    }
}
