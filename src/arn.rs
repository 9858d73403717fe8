//! Amazon Resource Names and account ids, as values that are checked once.
//!
//! `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE` (IAM User Guide, "Identify AWS resources with ARNs"). The resource
//! part is everything after the fifth colon and may itself hold colons and slashes. Knows nothing of policies: an ARN
//! *pattern* is `policy::pattern`'s affair, and here `*` and `?` are literal characters.

use std::fmt;

use serde::Serialize;

/// A twelve-digit account id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// Reads exactly twelve ASCII digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 12] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_digit).then_some(Self(bytes))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What is wrong with a text that should be an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// It does not begin with `arn:`.
    #[error("an ARN begins with `arn:`")]
    Prefix,
    /// Fewer than six colon-separated parts.
    #[error("an ARN has six parts: arn:partition:service:region:account:resource")]
    Parts,
    /// An empty partition, service or resource.
    #[error("the {0} of an ARN is not empty")]
    Empty(&'static str),
    /// An account part that is neither empty, `aws` (predefined managed policies) nor twelve digits.
    #[error("the account of an ARN is empty or twelve digits")]
    Account,
    /// White space or a control character.
    #[error("an ARN holds no white space or control characters")]
    Character,
}

/// A well-formed ARN. Cheap to borrow from: the offsets of its parts are kept.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    text: Box<str>,
    /// Byte offsets of the five colons.
    colons: [u32; 5],
}

impl Arn {
    /// Checks the six parts.
    ///
    /// # Errors
    /// See [`ArnError`].
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let rest = text.strip_prefix("arn:").ok_or(ArnError::Prefix)?;
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ArnError::Character);
        }
        let mut colons = [3u32; 5];
        let mut found = 1;
        for (at, byte) in rest.bytes().enumerate() {
            if byte == b':' {
                let Some(slot) = colons.get_mut(found) else {
                    break;
                };
                *slot = u32::try_from(at.saturating_add(4)).map_err(|_| ArnError::Parts)?;
                found = found.saturating_add(1);
            }
        }
        if found < 5 {
            return Err(ArnError::Parts);
        }
        let arn = Self {
            text: text.into(),
            colons,
        };
        for (name, part) in [
            ("partition", arn.partition()),
            ("service", arn.service()),
            ("resource", arn.resource()),
        ] {
            if part.is_empty() {
                return Err(ArnError::Empty(name));
            }
        }
        if !matches!(arn.account(), "" | "aws") && arn.account_id().is_none() {
            return Err(ArnError::Account);
        }
        Ok(arn)
    }

    /// `arn:PARTITION:iam::ACCOUNT:user/PATH/NAME`; `path` begins and ends with a slash.
    pub fn user(partition: &str, account: AccountId, path: &str, name: &str) -> Self {
        Self::made(format!("arn:{partition}:iam::{account}:user{path}{name}"))
    }

    /// `arn:PARTITION:iam::ACCOUNT:group/PATH/NAME`.
    pub fn group(partition: &str, account: AccountId, path: &str, name: &str) -> Self {
        Self::made(format!("arn:{partition}:iam::{account}:group{path}{name}"))
    }

    /// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
    pub fn role(partition: &str, account: AccountId, path: &str, name: &str) -> Self {
        Self::made(format!("arn:{partition}:iam::{account}:role{path}{name}"))
    }

    /// `arn:PARTITION:iam::ACCOUNT:policy/PATH/NAME`; a managed policy that the partition itself owns has the account `aws`.
    pub fn policy(partition: &str, account: &str, path: &str, name: &str) -> Self {
        Self::made(format!("arn:{partition}:iam::{account}:policy{path}{name}"))
    }

    /// `arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION`; holds no path (IAM User Guide, "IAM identifiers").
    pub fn role_session(partition: &str, account: AccountId, role: &str, session: &str) -> Self {
        Self::made(format!(
            "arn:{partition}:sts::{account}:assumed-role/{role}/{session}"
        ))
    }

    /// `arn:PARTITION:sts::ACCOUNT:federated-user/NAME`.
    pub fn federated_user(partition: &str, account: AccountId, name: &str) -> Self {
        Self::made(format!(
            "arn:{partition}:sts::{account}:federated-user/{name}"
        ))
    }

    /// `arn:PARTITION:iam::ACCOUNT:root`.
    pub fn root(partition: &str, account: AccountId) -> Self {
        Self::made(format!("arn:{partition}:iam::{account}:root"))
    }

    /// `arn:PARTITION:iam::ACCOUNT:mfa/root-account-mfa-device`: the root user's second factor, called as in AWS.
    pub fn root_device(partition: &str, account: AccountId) -> Self {
        Self::made(format!(
            "arn:{partition}:iam::{account}:mfa/root-account-mfa-device"
        ))
    }

    /// For texts put together from parts that were checked before.
    fn made(text: String) -> Self {
        let mut colons = [0u32; 5];
        let at = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b':')
            .map(|(at, _)| at);
        for (slot, at) in colons.iter_mut().zip(at) {
            *slot = u32::try_from(at).unwrap_or(u32::MAX);
        }
        Self {
            text: text.into(),
            colons,
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn part(&self, index: usize) -> &str {
        let start = self
            .colons
            .get(index)
            .map_or(0, |at| (*at as usize).saturating_add(1));
        let end = self
            .colons
            .get(index.saturating_add(1))
            .map_or(self.text.len(), |at| *at as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    /// `aws`, `aws-cn`, …
    pub fn partition(&self) -> &str {
        self.part(0)
    }

    /// `iam`, `orders`, …
    pub fn service(&self) -> &str {
        self.part(1)
    }

    /// May be empty.
    pub fn region(&self) -> &str {
        self.part(2)
    }

    /// Twelve digits, `aws` for predefined managed policies, or empty.
    pub fn account(&self) -> &str {
        self.part(3)
    }

    /// The account, when there is one.
    pub fn account_id(&self) -> Option<AccountId> {
        AccountId::parse(self.account())
    }

    /// All after the fifth colon.
    pub fn resource(&self) -> &str {
        self.part(4)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Arn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_arn() {
        let arn = Arn::parse("arn:aws:orders:eu-west-1:555566667777:order/a:b/c").unwrap();
        assert_eq!(arn.partition(), "aws");
        assert_eq!(arn.service(), "orders");
        assert_eq!(arn.region(), "eu-west-1");
        assert_eq!(arn.account(), "555566667777");
        assert_eq!(arn.resource(), "order/a:b/c");
        assert_eq!(Arn::parse(arn.as_str()).unwrap(), arn);
        let made = Arn::role(
            "aws",
            AccountId::parse("555566667777").unwrap(),
            "/team/",
            "app",
        );
        assert_eq!(
            made,
            Arn::parse("arn:aws:iam::555566667777:role/team/app").unwrap()
        );
    }

    #[test]
    fn malformed_arns() {
        for (text, error) in [
            ("urn:aws:s3:::b", ArnError::Prefix),
            ("arn:aws:s3::b", ArnError::Parts),
            ("arn:aws:s3:::", ArnError::Empty("resource")),
            ("arn::s3:::b", ArnError::Empty("partition")),
            ("arn:aws:iam::12345:root", ArnError::Account),
            ("arn:aws:s3:::a b", ArnError::Character),
        ] {
            assert_eq!(Arn::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn account_ids_are_twelve_digits() {
        assert!(AccountId::parse("123456789012").is_some());
        for text in ["12345678901", "1234567890123", "12345678901a", "１２３４"] {
            assert!(AccountId::parse(text).is_none(), "{text}");
        }
    }
}
