//! The texts of credentials files, read strictly: unknown keys, duplicates and weak values are faults.

use std::collections::HashMap;
use std::sync::Arc;

use crate::arn::{AccountId, Arn};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::source::mapping::Mapping;
use crate::source::{Fault, Node, Report, Span, yaml};

use super::{
    AccessKey, ApiKeyEntry, Credentials, KeyOwner, PasswordEntry, StsSecrets, is_api_key_id,
};
use crate::authn::sigv4;

/// Fault codes whose texts hold names of the format only. Texts of all others may quote what stands in the file.
const PLAIN: [&str; 8] = [
    "missing-key",
    "wrong-type",
    "bad-access-key",
    "bad-api-key",
    "bad-owner",
    "bad-time",
    "bad-secret",
    "duplicate-credential",
];

/// Reads files of these names and texts as one.
///
/// # Errors
/// Every fault; none shows a value.
pub fn read(files: &[(String, String)]) -> Result<Credentials, Vec<Fault>> {
    let mut credentials = Credentials::default();
    let mut faults = Vec::new();
    for (name, text) in files {
        let mut report = Report::on(name);
        if let Some(node) = yaml::read(text, &mut report) {
            file(&node, &mut credentials, &mut report);
        }
        faults.extend(report.into_faults().into_iter().map(without_values));
    }
    if faults.is_empty() {
        Ok(credentials)
    } else {
        Err(faults)
    }
}

/// A line of a credentials file is never quoted: it may hold a secret.
fn without_values(mut fault: Fault) -> Fault {
    if !PLAIN.contains(&fault.id) {
        let (message, help) = match fault.id {
            "unknown-key" => (
                "a key that is not known here",
                "deploy/credentials.example.yaml shows every key",
            ),
            "duplicate-key" => ("a key that stands here twice", "keep one of them"),
            _ => (
                "this is no YAML that can be read here",
                "put secrets into quotes; tags, anchors and aliases are not read",
            ),
        };
        fault.message = message.into();
        fault.help = help.into();
    }
    fault
}

fn file(node: &Node, credentials: &mut Credentials, report: &mut Report) {
    let Some(mut keys) = Mapping::of(node, "a credentials file", report) else {
        return;
    };
    for entry in keys.list("access_keys", report) {
        access_key(entry, credentials, report);
    }
    for entry in keys.list("api_keys", report) {
        api_key(entry, credentials, report);
    }
    if let Some(secrets) = keys.take("sts_secrets")
        && let Some(mut keys) = Mapping::of(secrets, "sts_secrets", report)
    {
        let sts = &mut credentials.sts;
        for entry in keys.list("totp", report) {
            totp(entry, sts, report);
        }
        for entry in keys.list("passwords", report) {
            password(entry, sts, report);
        }
        keys.finish(report);
    }
    keys.finish(report);
}

fn access_key(node: &Node, credentials: &mut Credentials, report: &mut Report) {
    let Some(mut keys) = Mapping::of(node, "an access key", report) else {
        return;
    };
    let id = keys.required_string("id", report);
    let secret = keys.required_string("secret", report);
    let user = keys.string("user", report);
    let root = keys.string("root", report);
    let active = status(&mut keys, report);
    let created = time(&mut keys, "created", report);
    keys.finish(report);
    let id = id.filter(|(id, span)| {
        let good = sigv4::is_long_lived(id);
        if !good {
            report.error(
                "bad-access-key",
                *span,
                "an access key's id is AKIA and 12 to 124 capitals and digits more",
                "keys that begin with ASIA belong to sessions, which are not listed",
            );
        }
        good
    });
    let secret = secret.filter(|(secret, span)| {
        let good = (16..=128).contains(&secret.len())
            && secret.bytes().all(|byte| byte.is_ascii_graphic());
        if !good {
            report.error(
                "bad-secret",
                *span,
                "a secret access key is 16 to 128 visible characters without spaces",
                "copy it as it was given, in quotes",
            );
        }
        good
    });
    let owner = match (user, root) {
        (Some((arn, span)), None) => user_arn(arn, span, report).map(KeyOwner::User),
        (None, Some((account, span))) => {
            let account = AccountId::parse(account);
            if account.is_none() {
                let help = "write the account's 12 digits in quotes";
                report.error("bad-owner", span, "`root` is no account id", help);
            }
            account.map(KeyOwner::Root)
        }
        _ => {
            let help = "add `user: arn:…:user/NAME`, or `root: \"ACCOUNT\"`";
            let message = "an access key has either a user or a root user";
            report.error("bad-owner", node.span, message, help);
            None
        }
    };
    let (Some((id, span)), Some((secret, _)), Some(owner)) = (id, secret, owner) else {
        return;
    };
    let key = AccessKey {
        secret: Secret::new(secret.into()),
        owner,
        active,
        created,
    };
    once(&mut credentials.access_keys, id, key, span, report);
}

fn api_key(node: &Node, credentials: &mut Credentials, report: &mut Report) {
    let Some(mut keys) = Mapping::of(node, "an API key", report) else {
        return;
    };
    let id = keys.required_string("id", report);
    let hash = keys.required_string("hash", report);
    let user = keys.required_string("user", report);
    let active = status(&mut keys, report);
    let created = time(&mut keys, "created", report);
    let has_end = keys.required("expires", report).is_some();
    let expires = time(&mut keys, "expires", report).filter(|_| has_end);
    keys.finish(report);
    let id = id.filter(|(id, span)| {
        let good = is_api_key_id(id);
        if !good {
            let message = "an API key's id is 4 to 32 letters and digits";
            report.error("bad-api-key", *span, message, "write it like billing1");
        }
        good
    });
    let hash = hash.and_then(|(text, span)| {
        let hash = text.strip_prefix("sha256:").and_then(sigv4::unhex);
        if hash.is_none() {
            report.error(
                "bad-api-key",
                span,
                "`hash` is not sha256: and 64 hexadecimal digits in lower case",
                "it is the SHA-256 of the key's SECRET alone: printf %s SECRET | sha256sum",
            );
        }
        hash
    });
    let user = user.and_then(|(arn, span)| user_arn(arn, span, report));
    let (Some((id, span)), Some(hash), Some(user), Some(expires)) = (id, hash, user, expires)
    else {
        return;
    };
    let key = ApiKeyEntry {
        hash,
        user,
        active,
        created,
        expires,
    };
    once(&mut credentials.api_keys, id, key, span, report);
}

fn totp(node: &Node, sts: &mut StsSecrets, report: &mut Report) {
    let Some(mut keys) = Mapping::of(node, "a TOTP device", report) else {
        return;
    };
    let device = arn(&mut keys, "device", report);
    let seed = keys.required_string("seed", report);
    keys.finish(report);
    let seed = seed.and_then(|(seed, span)| formed(seed, span, "seed", is_seed, report));
    if let (Some((device, span)), Some(seed)) = (device, seed) {
        once(&mut sts.totp, device, seed, span, report);
    }
}

fn password(node: &Node, sts: &mut StsSecrets, report: &mut Report) {
    let Some(mut keys) = Mapping::of(node, "a password", report) else {
        return;
    };
    let user = arn(&mut keys, "user", report);
    let hash = keys.required_string("hash", report);
    let changed = time(&mut keys, "changed", report);
    let former = keys.strings("former", report);
    keys.finish(report);
    let hash = hash.and_then(|(hash, span)| formed(hash, span, "hash", is_argon2id, report));
    let former = former
        .into_iter()
        .filter_map(|(hash, span)| formed(hash, span, "former", is_argon2id, report));
    let former = former.collect();
    if let (Some((user, span)), Some(hash)) = (user, hash) {
        let entry = PasswordEntry {
            hash,
            changed,
            former,
        };
        once(&mut sts.passwords, user, entry, span, report);
    }
}

fn arn<'n>(
    keys: &mut Mapping<'n>,
    name: &'static str,
    report: &mut Report,
) -> Option<(&'n str, Span)> {
    let (text, span) = keys.required_string(name, report)?;
    if Arn::parse(text).is_err() {
        let message = format!("`{name}` is no ARN");
        let help = "write arn:PARTITION:iam::ACCOUNT:mfa/NAME or …:user/NAME";
        report.error("bad-owner", span, message, help);
        return None;
    }
    Some((text, span))
}

/// A secret that `good` knows the form of.
fn formed(
    text: &str,
    span: Span,
    name: &str,
    good: fn(&str) -> bool,
    report: &mut Report,
) -> Option<Secret<Box<str>>> {
    if good(text) {
        return Some(Secret::new(text.into()));
    }
    report.error(
        "bad-secret",
        span,
        format!("`{name}` has not the form of one"),
        "a seed is 16 to 128 characters of base32, a password hash begins with $argon2id$",
    );
    None
}

fn once<T>(into: &mut HashMap<Box<str>, T>, id: &str, value: T, span: Span, report: &mut Report) {
    if into.insert(id.into(), value).is_some() {
        let message = "this one is listed twice, maybe in another file";
        report.error("duplicate-credential", span, message, "keep one of them");
    }
}

fn status(keys: &mut Mapping<'_>, report: &mut Report) -> bool {
    match keys.string("status", report) {
        None | Some(("Active", _)) => true,
        Some(("Inactive", _)) => false,
        Some((_, span)) => {
            let help = "write Active or Inactive";
            report.error("wrong-type", span, "`status` is nothing known", help);
            false
        }
    }
}

fn time(keys: &mut Mapping<'_>, key: &'static str, report: &mut Report) -> Option<Timestamp> {
    let (text, span) = keys.string(key, report)?;
    let time = text.parse::<jiff::Timestamp>().ok();
    if time.is_none() {
        let message = format!("`{key}` is no time");
        report.error("bad-time", span, message, "write 2027-01-31T00:00:00Z");
    }
    time.map(|time| Timestamp::from_seconds(time.as_second()))
}

fn user_arn(text: &str, span: Span, report: &mut Report) -> Option<Arc<str>> {
    let user = Arn::parse(text).ok().filter(|arn| {
        arn.service() == "iam"
            && arn.region().is_empty()
            && arn.account_id().is_some()
            && arn.resource().starts_with("user/")
    });
    if user.is_none() {
        let help = "write arn:aws:iam::ACCOUNT:user/PATH/NAME";
        report.error("bad-owner", span, "`user` is not the ARN of a user", help);
    }
    user.map(|arn| Arc::from(arn.as_str()))
}

/// RFC 4648 base32, of 10 bytes or more.
fn is_seed(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    (16..=128).contains(&body.len())
        && body
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}

fn is_argon2id(text: &str) -> bool {
    text.starts_with("$argon2id$")
        && text.len() <= 512
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}
