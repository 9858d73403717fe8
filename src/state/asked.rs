//! What somebody asks to have revoked: one of a session, an access key, a principal; or all that was issued before a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::clock::Timestamp;

use super::revocation::{Revocation, Target};

/// Issuers' clocks may be ahead, so a time a little later than ours makes sense.
const AHEAD: Duration = Duration::from_secs(300);

/// What is asked for, as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// `ASIA…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `AKIA…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// An ARN, or a service's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// A time: RFC 3339, or `now`. Alone it is meant for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_before: Option<String>,
}

/// Why it cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// None, or several.
    #[error(
        "say one of: a session (ASIA…), an access key (AKIA…), a principal's ARN, or a time alone for everyone's credentials"
    )]
    HowMany,
    /// A session or key is refused whenever it was issued.
    #[error("a time goes with a principal, or alone: a session or an access key is refused whole")]
    Time,
    /// It has another form.
    #[error("`{0}` is no session: give its access key id, ASIA and 16 letters or digits")]
    Session(String),
    /// It has another form.
    #[error("`{0}` is no long-lived access key: AKIA and 16 letters or digits or more")]
    AccessKey(String),
    /// It has another form.
    #[error(
        "`{0}` is no principal: give the ARN of a user, a role, a root user, a role session (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION) or a federated user, or a service's name; patterns are none"
    )]
    Principal(String),
    /// It has another form.
    #[error("`{0}` is no time: write it like 2026-11-23T09:30:00Z, or `now`")]
    Form(String),
    /// It would refuse credentials that nobody has yet.
    #[error(
        "`{0}` is more than 5 minutes ahead: to refuse what is issued later, write a Deny into the bundle"
    )]
    Future(String),
}

impl Asked {
    /// What is meant.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn read(&self, now: Timestamp) -> Result<Revocation, AskError> {
        // Whoever was issued a credential in this second, too: issue times are whole seconds.
        let this_second = Timestamp::from_seconds(now.seconds().saturating_add(1));
        let before = match self.issued_before.as_deref() {
            None | Some("now") => this_second,
            Some(text) => time(text, now)?,
        };
        let named = [&self.session, &self.access_key, &self.principal];
        let count = named.into_iter().flatten().count();
        if count > 1 || (count == 0 && self.issued_before.is_none()) {
            return Err(AskError::HowMany);
        }
        if self.issued_before.is_some() && (self.session.is_some() || self.access_key.is_some()) {
            return Err(AskError::Time);
        }
        let target = if let Some(id) = &self.session {
            if !is_key(id, "ASIA") {
                return Err(AskError::Session(shown(id)));
            }
            Target::Session(id.as_str().into())
        } else if let Some(id) = &self.access_key {
            if !is_key(id, "AKIA") {
                return Err(AskError::AccessKey(shown(id)));
            }
            Target::AccessKey(id.as_str().into())
        } else if let Some(name) = &self.principal {
            if !is_principal(name) {
                return Err(AskError::Principal(shown(name)));
            }
            Target::Principal(name.as_str().into())
        } else {
            Target::Everyone
        };
        Ok(Revocation::new(target, before, now))
    }
}

/// As an error may show it.
fn shown(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

fn time(text: &str, now: Timestamp) -> Result<Timestamp, AskError> {
    let parsed: jiff::Timestamp = text.parse().map_err(|_| AskError::Form(shown(text)))?;
    let time = Timestamp::from_milliseconds(parsed.as_millisecond());
    if time > now.plus(AHEAD) {
        return Err(AskError::Future(shown(text)));
    }
    Ok(time)
}

fn is_key(id: &str, prefix: &str) -> bool {
    (20..=128).contains(&id.len())
        && id.starts_with(prefix)
        && id
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_principal(name: &str) -> bool {
    if name.len() > 2048 || name.contains(['*', '?']) {
        return false;
    }
    let Ok(arn) = Arn::parse(name) else {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        return name.contains('.') && name.chars().all(letters);
    };
    let resource = arn.resource();
    let kinds: &[&str] = match arn.service() {
        "iam" if resource == "root" => return arn.account_id().is_some(),
        "iam" => &["user/", "role/"],
        "sts" => &["assumed-role/", "federated-user/"],
        _ => return false,
    };
    arn.account_id().is_some() && kinds.iter().any(|kind| resource.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn read(json: &str) -> Result<Revocation, AskError> {
        let asked: Asked = serde_json::from_str(json).unwrap();
        asked.read(Timestamp::from_seconds(NOW))
    }

    #[test]
    fn what_is_meant_is_read() {
        let one = read(r#"{"session": "ASIAIOSFODNN7EXAMPLE"}"#).unwrap();
        assert_eq!(one.target, Target::Session("ASIAIOSFODNN7EXAMPLE".into()));
        let role = "arn:aws:iam::555566667777:role/ci/deploy";
        let one = read(&format!(r#"{{"principal": "{role}"}}"#)).unwrap();
        assert_eq!(one.target, Target::Principal(role.into()));
        assert_eq!(one.entry.before.seconds(), NOW + 1);
        let one = read(r#"{"issued_before": "2026-11-23T09:30:00Z"}"#).unwrap();
        assert_eq!(one.target, Target::Everyone);
        assert_eq!(one.entry.before.rfc3339(), "2026-11-23T09:30:00Z");
        for name in [
            "arn:aws:iam::555566667777:root",
            "arn:aws:iam::555566667777:user/a",
            "arn:aws:sts::555566667777:assumed-role/deploy/release",
            "arn:aws:sts::555566667777:federated-user/bob",
            "images.securecart.internal",
        ] {
            assert!(read(&format!(r#"{{"principal": "{name}"}}"#)).is_ok());
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (json, part) in [
            ("{}", "say one of"),
            (
                r#"{"session": "ASIAIOSFODNN7EXAMPLE", "principal": "arn:aws:iam::555566667777:user/a"}"#,
                "say one of",
            ),
            (r#"{"session": "AKIAIOSFODNN7EXAMPLE"}"#, "no session"),
            (r#"{"session": "ASIA*"}"#, "no session"),
            (r#"{"access_key": "ASIAIOSFODNN7EXAMPLE"}"#, "no long-lived"),
            (
                r#"{"access_key": "AKIAIOSFODNN7EXAMPLE", "issued_before": "now"}"#,
                "refused whole",
            ),
            (
                r#"{"principal": "arn:aws:iam::555566667777:role/*"}"#,
                "no principal",
            ),
            (r#"{"principal": "alice"}"#, "no principal"),
            (r#"{"issued_before": "yesterday"}"#, "no time"),
            (r#"{"issued_before": "2030-01-01T00:00:00Z"}"#, "ahead"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(part), "{json}: {error}");
        }
        assert!(serde_json::from_str::<Asked>(r#"{"sesion": "x"}"#).is_err());
    }
}
