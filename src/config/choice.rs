//! Values that are one of a few words.

use super::section::Reading;
use super::settings::{ClientCertificates, Level, LogFormat, Mode, Protocol, RefusalDetail};
use super::value::{Setting, Shape};
use crate::audit::sink::OnFull;
use crate::source::mapping::string;
use crate::source::{Node, nearest};

/// One of a few words.
pub(super) trait Choice: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Choice> Setting for T {
    const SHAPE: Shape = Shape::Text;

    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let (text, span) = string(node, key, reading.report)?;
        let words = || T::WORDS.iter().map(|(word, _)| *word);
        if let Some((_, value)) = T::WORDS.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let help = nearest(text, words())
            .map_or_else(String::new, |word| format!("did you mean `{word}`?"));
        let all: Vec<_> = words().collect();
        let message = format!("`{key}` is one of {}", all.join(", "));
        reading.report.error("wrong-value", span, message, help);
        None
    }

    fn text(&self) -> String {
        let word = T::WORDS.iter().find(|(_, value)| value == self);
        word.map_or_else(String::new, |(word, _)| (*word).to_owned())
    }
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[("proxy", Self::Proxy)];
}

impl Choice for ClientCertificates {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("optional", Self::Optional),
        ("required", Self::Required),
    ];
}

impl Choice for Protocol {
    const WORDS: &'static [(&'static str, Self)] =
        &[("http1", Self::Http1), ("http2", Self::Http2)];
}

impl Choice for RefusalDetail {
    const WORDS: &'static [(&'static str, Self)] =
        &[("id", Self::Id), ("policy_type", Self::PolicyType)];
}

impl Choice for OnFull {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("block", Self::Block),
        ("deny", Self::Deny),
        ("drop", Self::Drop),
    ];
}

impl Choice for Level {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}
