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

/// The symbols that IAM counts.
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";
/// Whether a kind of characters is required, how to tell one, and its name.
type Kind = (bool, fn(char) -> bool, &'static str);
/// IAM takes no longer ones.
const MAX_PASSWORD: usize = 128;

impl PasswordPolicy {
    /// What a new password lacks, each in a few words; empty when it is good. `names` are those that a password may not
    /// be: the account's and the user's. An account without a policy of its own has IAM's: three kinds of characters.
    pub fn lacks(&self, password: &str, names: &[&str]) -> Vec<String> {
        let mut lacks = Vec::new();
        let length = password.chars().count();
        let least = usize::from(self.minimum_length);
        if length < least {
            lacks.push(format!("at least {least} characters"));
        }
        if length > MAX_PASSWORD {
            lacks.push(format!("at most {MAX_PASSWORD} characters"));
        }
        if password.chars().any(char::is_control) {
            lacks.push("no control characters".to_owned());
        }
        let kinds: [Kind; 4] = [
            (
                self.require_uppercase,
                |c| c.is_ascii_uppercase(),
                "a capital letter (A-Z)",
            ),
            (
                self.require_lowercase,
                |c| c.is_ascii_lowercase(),
                "a small letter (a-z)",
            ),
            (self.require_numbers, |c| c.is_ascii_digit(), "a digit"),
            (
                self.require_symbols,
                |c| SYMBOLS.contains(c),
                "a symbol (one of ! @ # $ % ^ & * ( ) _ + - = [ ] { } | ')",
            ),
        ];
        let mut has = 0_usize;
        for (required, is, name) in kinds {
            if password.chars().any(is) {
                has = has.saturating_add(1);
            } else if required {
                lacks.push(name.to_owned());
            }
        }
        if *self == Self::default() && has < 3 {
            let kinds = "three of: capital letters, small letters, digits, symbols";
            lacks.push(kinds.to_owned());
        }
        if names.iter().any(|name| name.eq_ignore_ascii_case(password)) {
            lacks.push("to be another than the name of the account or user".to_owned());
        }
        lacks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(policy: PasswordPolicy, password: &str) -> usize {
        policy.lacks(password, &["production", "Ana-Maria1"]).len()
    }

    #[test]
    fn without_a_policy_three_kinds_of_characters() {
        let policy = PasswordPolicy::default();
        for (password, lacks) in [
            ("Secret12", 0),
            ("secret-1", 0),
            ("SECRET_1", 0),
            ("Secret1", 1),
            ("secret12", 1),
            ("short", 2),
            ("ana-maria1", 1),
            ("Secret12\u{7}", 1),
        ] {
            assert_eq!(count(policy, password), lacks, "{password}");
        }
        assert_eq!(count(policy, &format!("A1b{}", "x".repeat(125))), 0);
        assert_eq!(count(policy, &format!("A1b{}", "x".repeat(126))), 1);
    }

    #[test]
    fn a_policy_asks_for_what_it_says() {
        let policy = PasswordPolicy {
            minimum_length: 14,
            require_symbols: true,
            require_numbers: true,
            ..PasswordPolicy::default()
        };
        assert_eq!(count(policy, "correct horse 7!"), 0);
        assert_eq!(count(policy, "correct horse 7"), 1);
        assert_eq!(count(policy, "correct horse"), 3);
        let policy = PasswordPolicy {
            require_uppercase: true,
            require_lowercase: true,
            ..policy
        };
        assert_eq!(count(policy, "12345678901234!"), 2);
    }
}
