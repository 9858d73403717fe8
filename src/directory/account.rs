//! An account: its names and what `account.yaml` says of it.

use super::Tags;
use crate::arn::AccountId;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: AccountId,
    /// Its name.
    pub name: Box<str>,
    /// A second name, for sign-in.
    pub alias: Option<Box<str>>,
    /// Its tags.
    pub tags: Tags,
    /// What passwords of its users must be like.
    pub password_policy: PasswordPolicy,
}

/// IAM's account password policy (IAM User Guide, "Set an account password policy"); the default is IAM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "IAM's own six switches, each independent of the others"
)]
pub struct PasswordPolicy {
    /// At least this long.
    pub minimum_length: u8,
    /// An upper-case letter is required.
    pub require_uppercase: bool,
    /// A lower-case letter is required.
    pub require_lowercase: bool,
    /// A digit is required.
    pub require_numbers: bool,
    /// A character that is neither letter nor digit is required.
    pub require_symbols: bool,
    /// Users may change their own passwords.
    pub allow_users_to_change: bool,
    /// An expired password is changed by an administrator alone.
    pub hard_expiry: bool,
    /// Days until a password expires; `None`: never.
    pub max_age_days: Option<u16>,
    /// How many former passwords may not be used again.
    pub reuse_prevention: Option<u8>,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_length: 8,
            require_uppercase: false,
            require_lowercase: false,
            require_numbers: false,
            require_symbols: false,
            allow_users_to_change: false,
            hard_expiry: false,
            max_age_days: None,
            reuse_prevention: None,
        }
    }
}
