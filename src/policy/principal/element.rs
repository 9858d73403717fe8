//! The Principal and NotPrincipal elements, and whom they name.
//!
//! An Allow asks *how* a requester is named ([`Grants`]), because the four ways need different things besides; a Deny
//! asks only whether it is named at all, and is wider: an account names everyone in it, a role its sessions, a user
//! the federated sessions made from it. Comparison is exact; there are no partial wildcards. The engine knows no unique
//! ids, so it matches by name: a role that was deleted and made again is the same role. Decided here, where IAM's
//! documentation is silent: `"*"` includes services and federated callers; whatever spares a requester's role, user or
//! account from a NotPrincipal spares the requester.

use super::Principal;
use crate::source::Span;

/// What stands for the account, and before the id, of an origin access identity of CloudFront.
const ORIGIN_ACCOUNT: &str = "cloudfront";
const ORIGIN: &str = "user/CloudFront Origin Access Identity ";

/// In which ways a requester is named. Several statements add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Grants(u8);

impl Grants {
    /// Not at all.
    pub(crate) const NONE: Self = Self(0);
    /// The requester itself.
    pub(crate) const SELF: Self = Self(1);
    /// The role of a session, or the user behind a federated one.
    pub(crate) const PARENT: Self = Self(2);
    /// `*`
    pub(crate) const EVERYONE: Self = Self(4);
    /// The requester's account.
    pub(crate) const ACCOUNT: Self = Self(8);

    /// In any way.
    pub(crate) const ANY: Self = Self(15);

    /// Both together.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `other` is among these.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` are among these.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Principal or NotPrincipal.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    /// NotPrincipal.
    pub(crate) negated: bool,
    pub(crate) names: Box<[Name]>,
    pub(crate) span: Span,
    /// Of each name.
    pub(crate) name_spans: Box<[Span]>,
}

/// One principal in the element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// `*`
    Everyone,
    /// Twelve digits, also written as the account's root ARN.
    Account(Box<str>),
    /// A user, role or session by its ARN, or an entity by its unique id.
    Entity(Box<str>),
    /// A service.
    Service(Box<str>),
    /// An identity provider.
    Federated(Box<str>),
    /// A canonical user id of S3: kept, and nobody here has one.
    Canonical(Box<str>),
}

impl Name {
    /// Reads a value of the key `AWS`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn aws(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if text.contains(['*', '?']) {
            return Err("a principal takes no wildcards but a bare `*`: name it in full, or write `*` with a condition on aws:PrincipalArn"
                .to_owned());
        }
        if is_account(text) {
            return Ok(Self::Account(text.into()));
        }
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service, region, account, resource) =
            (next(), next(), next(), next(), next(), next());
        if arn == "arn" && !partition.is_empty() && region.is_empty() {
            // CloudFront's own users, which policies of buckets name. Nobody here is one.
            if service == "iam"
                && account == ORIGIN_ACCOUNT
                && (resource.strip_prefix(ORIGIN)).is_some_and(|id| !id.is_empty())
            {
                return Ok(Self::Entity(text.into()));
            }
            if !is_account(account) {
                return Err(
                    "the account of a principal's ARN is twelve digits: write them out".to_owned(),
                );
            }
            if service == "iam" && resource == "root" {
                return Ok(Self::Account(account.into()));
            }
            let named = |kind: &str| {
                resource
                    .strip_prefix(kind)
                    .is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
            };
            let known = match service {
                "iam" => named("user/") || named("role/"),
                "sts" => {
                    named("federated-user/")
                        || (named("assumed-role/") && resource.matches('/').count() == 2)
                }
                _ => false,
            };
            if known {
                return Ok(Self::Entity(text.into()));
            }
        }
        let is_id = text.len() >= 16
            && (text.starts_with("AIDA") || text.starts_with("AROA"))
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if is_id {
            return Ok(Self::Entity(text.into()));
        }
        Err(
            "write an account id, or the ARN of an account's root, a user, a role or a session, or `*`"
                .to_owned(),
        )
    }

    /// Reads a value of one of the other keys.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn other(key: &str, text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("name whom it is about, or remove it".to_owned());
        }
        if text.contains(['*', '?']) {
            return Err(format!(
                "a {key} principal takes no wildcards: name it in full"
            ));
        }
        Ok(match key {
            "Service" => Self::Service(text.into()),
            "Federated" => Self::Federated(text.into()),
            _ => Self::Canonical(text.into()),
        })
    }

    /// In which way it names the requester.
    fn grants(&self, principal: &Principal) -> Grants {
        let when = |same: bool, grants| if same { grants } else { Grants::NONE };
        match self {
            Self::Everyone => Grants::EVERYONE,
            Self::Account(account) => when(principal.account() == Some(account), Grants::ACCOUNT),
            Self::Entity(named) => match principal {
                Principal::User { arn, .. } => when(**named == **arn, Grants::SELF),
                Principal::RoleSession { arn, role_arn, .. } => {
                    when(**named == **arn, Grants::SELF)
                        .with(when(**named == **role_arn, Grants::PARENT))
                }
                Principal::Role { arn, .. } => when(**named == **arn, Grants::PARENT),
                Principal::FederatedUser { arn, user_arn, .. } => {
                    when(**named == **arn, Grants::SELF)
                        .with(when(**named == **user_arn, Grants::PARENT))
                }
                Principal::Root { .. }
                | Principal::Federated { .. }
                | Principal::Service { .. }
                | Principal::Anonymous => Grants::NONE,
            },
            Self::Service(named) => {
                let same = matches!(principal, Principal::Service { name } if **named == **name);
                when(same, Grants::SELF)
            }
            Self::Federated(named) => {
                let same =
                    matches!(principal, Principal::Federated { provider } if **named == **provider);
                when(same, Grants::SELF)
            }
            Self::Canonical(_) => Grants::NONE,
        }
    }

    /// The requester that it names; of everyone the anonymous one. `None`: nobody here goes by it.
    pub(crate) fn principal(&self, partition: &str) -> Option<Principal> {
        let root = |account: &str| format!("arn:{partition}:iam::{account}:root").into();
        let arn = match self {
            Self::Everyone => return Some(Principal::Anonymous),
            Self::Account(account) => {
                return Some(Principal::Root {
                    account: (**account).into(),
                    arn: root(account),
                });
            }
            Self::Service(name) => {
                return Some(Principal::Service {
                    name: (**name).into(),
                });
            }
            Self::Federated(provider) => {
                return Some(Principal::Federated {
                    provider: (**provider).into(),
                });
            }
            Self::Canonical(_) => return None,
            Self::Entity(arn) => arn,
        };
        let mut parts = arn.splitn(6, ':').skip(4);
        let (account, resource) = (parts.next()?, parts.next()?);
        if account == ORIGIN_ACCOUNT {
            return None;
        }
        let (kind, name) = resource.split_once('/')?;
        let (account, arn) = (account.into(), (**arn).into());
        Some(match kind {
            "user" => Principal::User { account, arn },
            "role" => Principal::Role { account, arn },
            "assumed-role" => Principal::RoleSession {
                role_arn: format!(
                    "arn:{partition}:iam::{account}:role/{}",
                    name.split('/').next().unwrap_or_default()
                )
                .into(),
                account,
                arn,
            },
            _ => Principal::FederatedUser {
                user_arn: root(&account),
                account,
                arn,
            },
        })
    }

    /// As it is written.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Everyone => "*",
            Self::Account(text)
            | Self::Entity(text)
            | Self::Service(text)
            | Self::Federated(text)
            | Self::Canonical(text) => text,
        }
    }
}

/// Whether a text is twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Element {
    /// Where a name stands.
    pub(crate) fn name_span(&self, at: usize) -> Span {
        self.name_spans.get(at).copied().unwrap_or(self.span)
    }

    /// The first name of a kind, and where it stands.
    pub(crate) fn find(&self, wanted: impl Fn(&Name) -> bool) -> Option<(&Name, Span)> {
        let at = self.names.iter().position(wanted)?;
        Some((self.names.get(at)?, self.name_span(at)))
    }

    /// In which ways the element names the requester. Of a NotPrincipal: in which ways it spares it.
    pub(crate) fn grants(&self, principal: &Principal) -> Grants {
        self.names.iter().fold(Grants::NONE, |grants, name| {
            grants.with(name.grants(principal))
        })
    }

    /// Whether a Deny with this element hits the requester. `bounded`: a permissions boundary acts on it, and then
    /// no NotPrincipal spares it.
    pub(crate) fn hits(&self, principal: &Principal, bounded: bool) -> bool {
        let named = !self.grants(principal).is_empty();
        if self.negated {
            !named || bounded
        } else {
            named
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_principal() {
        for text in [
            "*",
            "111111111111",
            "arn:aws:iam::111111111111:root",
            "arn:aws:iam::111111111111:user/team/ann",
            "arn:aws-cn:iam::111111111111:role/app",
            "arn:aws:sts::111111111111:assumed-role/app/session",
            "arn:aws:sts::111111111111:federated-user/bob",
            "AROAEXAMPLEEXAMPLE123",
            "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2QWRUHEXAMPLE",
        ] {
            assert!(Name::aws(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "11111111111",
            "ann",
            "arn:aws:iam::111111111111:role/*",
            "arn:aws:iam::*:root",
            "arn:aws:iam::111111111111:group/g",
            "arn:aws:iam::111111111111:user/",
            "arn:aws:sts::111111111111:assumed-role/app",
            "arn:aws:s3:::bucket",
            "lambda.amazonaws.com",
            "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity ",
            "arn:aws:iam::cloudfront:user/ann",
            "arn:aws:iam::cloudfront:root",
            "arn:aws:iam::cloudfront:role/CloudFront Origin Access Identity E2QWRUHEXAMPLE",
        ] {
            assert!(Name::aws(text).is_err(), "{text}");
        }
        assert!(Name::other("Service", "*").is_err());
    }
}
