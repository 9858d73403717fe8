//! Reads the text of a keyring, with every fault at its place.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::source::mapping::Mapping;
use crate::source::{Fault, Node, Report, Span, yaml};
use crate::sts::message;

use super::{Entry, Id, Keyring, MAX_KEYS, Parts};

const MEND: &str = "take the file that `sidegate keyring` wrote";

/// Fault codes whose texts hold names of the format only. Texts of all others may quote what stands in the file.
const PLAIN: [&str; 8] = [
    "missing-key",
    "wrong-type",
    "too-many-keys",
    "no-keys",
    "malformed-id",
    "malformed-time",
    "malformed-key",
    "mismatched-keys",
];

pub(super) fn read(text: &str, file: &str) -> Result<Keyring, Vec<Fault>> {
    let mut report = Report::on(file);
    let keyring = yaml::read(text, &mut report).and_then(|node| whole(&node, &mut report));
    match keyring {
        Some(keyring) if !report.has_errors() => Ok(keyring),
        _ => Err(report
            .into_faults()
            .into_iter()
            .map(without_values)
            .collect()),
    }
}

/// A line of a keyring is never quoted: it may hold a key.
fn without_values(mut fault: Fault) -> Fault {
    if !PLAIN.contains(&fault.id) {
        fault.message = match fault.id {
            "unknown-key" => "something stands here that is not known",
            "duplicate-key" => "a key or an id stands here twice",
            _ => "this is no YAML that can be read here",
        }
        .into();
        fault.help = MEND.into();
    }
    fault
}

fn whole(node: &Node, report: &mut Report) -> Option<Keyring> {
    let mut mapping = Mapping::of(node, "a keyring", report)?;
    let version = mapping.integer("version", 1..=1, report);
    if version.is_none() && !report.has_errors() {
        let message = "`version` is missing: only version 1 is known";
        report.error("missing-key", mapping.span(), message, MEND);
    }
    let entries: Vec<Entry> = mapping
        .list("keys", report)
        .iter()
        .filter_map(|node| entry(node, report))
        .collect();
    let span = mapping.span();
    mapping.finish(report);
    let mut ids: Vec<Id> = entries.iter().map(|entry| entry.id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        report.error("duplicate-key", span, "two keys have the same id", MEND);
    }
    if entries.len() > MAX_KEYS {
        let message = format!("more than {MAX_KEYS} keys");
        report.error("too-many-keys", span, message, "remove retired ones");
    }
    if !entries.iter().any(|entry| entry.parts.is_some()) {
        let help = "make one with `sidegate keyring new`";
        report.error("no-keys", span, "the keyring has no key that opens", help);
    }
    Some(Keyring { entries })
}

fn entry(node: &Node, report: &mut Report) -> Option<Entry> {
    let mut mapping = Mapping::of(node, "a key", report)?;
    let id = mapping
        .required_string("id", report)
        .and_then(|(text, span)| {
            let id = Id::parse(text);
            if id.is_none() {
                let message = "an id is eight lower-case letters or digits";
                report.error("malformed-id", span, message, MEND);
            }
            id
        });
    let created = mapping
        .required_string("created", report)
        .and_then(|found| time(found, report));
    let seals_from = mapping
        .required_string("seals_from", report)
        .and_then(|found| time(found, report));
    let retired = mapping
        .string("retired", report)
        .and_then(|found| time(found, report));
    let token_key = secret(&mut mapping, "token_key", report);
    let verifying_key = part(&mut mapping, "verifying_key", report);
    let signing_key = secret(&mut mapping, "signing_key", report);
    let message_key = part(&mut mapping, "message_key", report);
    let message_secret = secret(&mut mapping, "message_secret", report);
    let span = mapping.span();
    mapping.finish(report);
    let parts = match (token_key, verifying_key, message_key) {
        (Some(token_key), Some((verifying_key, _)), Some((message_key, _))) => Some(Parts {
            token_key,
            verifying_key,
            signing_key,
            message_key,
            message_secret,
        }),
        (None, None, None) if signing_key.is_none() && message_secret.is_none() => None,
        _ => {
            let message = "a key has token_key, verifying_key and message_key, or is retired";
            report.error("missing-key", span, message, MEND);
            None
        }
    };
    if let Some(parts) = &parts {
        check(parts, span, report);
    }
    if parts.is_none() && retired.is_none() {
        report.error("missing-key", span, "a key without its parts is none", MEND);
    }
    Some(Entry {
        id: id?,
        created: created?,
        seals_from: seals_from?,
        retired,
        // What is retired opens nothing, even if somebody left its parts in the file.
        parts: parts.filter(|_| retired.is_none()),
    })
}

/// The halves of each pair must belong together: a mix-up would issue tokens that nobody accepts.
fn check(parts: &Parts, span: Span, report: &mut Report) {
    if let Some(seed) = &parts.signing_key
        && Ed25519KeyPair::from_seed_and_public_key(seed.expose(), &parts.verifying_key).is_err()
    {
        let message = "signing_key and verifying_key do not belong together";
        report.error("mismatched-keys", span, message, MEND);
    }
    if let Some(secret) = &parts.message_secret
        && !message::belong_together(secret, &parts.message_key)
    {
        let message = "message_secret and message_key do not belong together";
        report.error("mismatched-keys", span, message, MEND);
    }
}

fn time((text, span): (&str, Span), report: &mut Report) -> Option<Timestamp> {
    let time = text.parse::<jiff::Timestamp>().ok();
    if time.is_none() {
        report.error(
            "malformed-time",
            span,
            "this is no time",
            "write it like 2026-11-23T09:30:00Z",
        );
    }
    time.map(|time| Timestamp::from_seconds(time.as_second()))
}

fn secret(
    mapping: &mut Mapping<'_>,
    key: &'static str,
    report: &mut Report,
) -> Option<Secret<[u8; 32]>> {
    part(mapping, key, report).map(|(bytes, _)| Secret::new(bytes))
}

/// 32 bytes in base64. The fault never shows what stands there.
fn part(
    mapping: &mut Mapping<'_>,
    key: &'static str,
    report: &mut Report,
) -> Option<([u8; 32], Span)> {
    let (text, span) = mapping.string(key, report)?;
    let bytes = STANDARD.decode(text).ok();
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    if bytes.is_none() {
        let message = format!("`{key}` is not 32 bytes in base64");
        report.error("malformed-key", span, message, MEND);
    }
    bytes.map(|bytes| (bytes, span))
}
