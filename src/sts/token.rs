//! What a session is: everything that a session token holds, and its bytes.

use crate::arn::{AccountId, Arn};
use crate::clock::Timestamp;
use crate::secret::Secret;

use super::access_key::{self, Id};
use super::pack::Packed;
use super::random;
use super::wire::{Malformed, Reader, Writer};

/// Temporary credentials and what they stand for.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose it is.
    pub who: Who,
    /// The access key, unless the session is only asked for yet.
    key: Option<(Id, Secret<[u8; 30]>)>,
    /// When it was made, in whole seconds.
    pub issued_at: Timestamp,
    /// When it ends, in whole seconds.
    pub expires_at: Timestamp,
    /// Whether several factors were used.
    pub mfa: Mfa,
    /// May its token alone be used as a bearer credential.
    pub bearer: bool,
    /// Whether it was made with the credentials of another role session.
    pub chained: bool,
    /// The source identity, which never changes down a chain.
    pub source_identity: Option<Box<str>>,
    /// Session tags.
    pub tags: Vec<Tag>,
    /// The session policy, as it was passed.
    pub policy: Option<Box<str>>,
    /// Managed policies that are session policies too.
    pub policy_arns: Vec<Box<str>>,
    /// Who vouched for it.
    pub federation: Option<Federation>,
}

/// Whose a session is. The ids tell a role or user that was deleted and made again from the one that it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A role's (AssumeRole and its kin).
    Role {
        /// The role's ARN.
        role: Box<str>,
        /// The role's id.
        id: Box<str>,
        /// The session's name.
        name: Box<str>,
    },
    /// A user's or root's own (GetSessionToken).
    User {
        /// The user's or root's ARN.
        user: Box<str>,
        /// The user's id, root's account.
        id: Box<str>,
    },
    /// One that a user or root made for somebody (GetFederationToken).
    Federated {
        /// The ARN of who made it.
        user: Box<str>,
        /// The maker's id.
        id: Box<str>,
        /// The session's name.
        name: Box<str>,
    },
}

/// Whether several factors were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mfa {
    /// Nobody can say: the context keys are absent.
    #[default]
    Unknown,
    /// They were not.
    No,
    /// They were, then, if that is known.
    Yes(Option<Timestamp>),
}

/// A session tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its key.
    pub key: Box<str>,
    /// Its value.
    pub value: Box<str>,
    /// Whether sessions made with this one get it too.
    pub transitive: bool,
}

/// Who vouched for a session, and what its policies may ask of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Federation {
    /// The provider's ARN.
    pub provider: Box<str>,
    /// The issuer's `HOST/PATH`, before which condition keys stand.
    pub issuer: Box<str>,
    /// Claims by the names that conditions have for them.
    pub claims: Vec<(Box<str>, Vec<Box<str>>)>,
}

/// Policies and tags do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packed policies and tags take {percent} % of what a session token can hold")]
pub struct TooLarge {
    /// Of a hundred.
    pub percent: u32,
}

const BEARER: u8 = 1;
const CHAINED: u8 = 2;
const MFA_KNOWN: u8 = 4;
const MFA_USED: u8 = 8;
const MFA_TIME: u8 = 16;
const SOURCE_IDENTITY: u8 = 32;
const FEDERATION: u8 = 64;
/// Zeros come behind it: it was asked to be longer than it is.
const PADDED: u8 = 128;

impl Session {
    /// A session that is asked for: it has no access key yet.
    pub fn asked(who: Who, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            who,
            key: None,
            issued_at: Timestamp::from_seconds(issued_at.seconds()),
            expires_at: Timestamp::from_seconds(expires_at.seconds()),
            mfa: Mfa::Unknown,
            bearer: false,
            chained: false,
            source_identity: None,
            tags: Vec::new(),
            policy: None,
            policy_arns: Vec::new(),
            federation: None,
        }
    }

    /// Draws an access key. `None`: the system has no random bytes, or the ARN no account.
    #[must_use]
    pub fn with_key(mut self) -> Option<Self> {
        let id = Id::new(self.account()?)?;
        self.key = Some((id, Secret::new(random().ok()?)));
        Some(self)
    }

    /// The account it belongs to.
    pub fn account(&self) -> Option<AccountId> {
        Arn::parse(self.who.arn()).ok()?.account_id()
    }

    /// `ASIA…`; empty for one that is only asked for.
    pub fn access_key(&self) -> Box<str> {
        let text = self.key.as_ref().map(|(id, _)| id.text());
        text.unwrap_or_default()
    }

    /// The secret access key.
    pub fn secret(&self) -> Option<Secret<Box<str>>> {
        let (_, secret) = self.key.as_ref()?;
        Some(access_key::secret(secret.expose()))
    }

    /// Whether it is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    fn packed(&self) -> Packed {
        Packed {
            policy: self.policy.clone(),
            policy_arns: self.policy_arns.clone(),
            tags: self.tags.clone(),
        }
    }

    /// Its bytes, `least` of them at least, and how many of a hundred parts of what a token can hold its policies and tags
    /// take.
    pub(super) fn encode(&self, least: usize) -> Result<(Vec<u8>, u32), TooLarge> {
        let mut out = Writer::default();
        let (kind, arn, id, name) = self.who.parts();
        out.byte(kind);
        out.text(arn);
        out.text(id);
        out.text(name);
        let (id, secret) = match &self.key {
            Some((id, secret)) => (id.0, *secret.expose()),
            None => ([0; 10], [0; 30]),
        };
        out.raw(&id);
        out.raw(&secret);
        out.number(seconds(self.issued_at));
        out.number(seconds(self.expires_at));
        let flags_at = out.0.len();
        out.byte(self.flags());
        if let Mfa::Yes(Some(time)) = self.mfa {
            out.number(seconds(time));
        }
        if let Some(text) = &self.source_identity {
            out.text(text);
        }
        if let Some(federation) = &self.federation {
            federation.encode(&mut out);
        }
        let packed = self.packed().write(&mut out)?;
        let mut bytes = out.0;
        if bytes.len() < least {
            if let Some(flags) = bytes.get_mut(flags_at) {
                *flags |= PADDED;
            }
            bytes.resize(least, 0);
        }
        Ok((bytes, packed))
    }

    fn flags(&self) -> u8 {
        let mfa = match self.mfa {
            Mfa::Unknown => 0,
            Mfa::No => MFA_KNOWN,
            Mfa::Yes(None) => MFA_KNOWN | MFA_USED,
            Mfa::Yes(Some(_)) => MFA_KNOWN | MFA_USED | MFA_TIME,
        };
        let set = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
        mfa | set(BEARER, self.bearer)
            | set(CHAINED, self.chained)
            | set(SOURCE_IDENTITY, self.source_identity.is_some())
            | set(FEDERATION, self.federation.is_some())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader(bytes);
        let kind = from.byte()?;
        let who = Who::of(kind, from.text()?, from.text()?, from.text()?)?;
        let key = (Id(from.array()?), Secret::new(from.array()?));
        let issued_at = time(from.number()?)?;
        let expires_at = time(from.number()?)?;
        let flags = from.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let mfa = match (has(MFA_KNOWN), has(MFA_USED), has(MFA_TIME)) {
            (false, false, false) => Mfa::Unknown,
            (true, false, false) => Mfa::No,
            (true, true, false) => Mfa::Yes(None),
            (true, true, true) => Mfa::Yes(Some(time(from.number()?)?)),
            _ => return Err(Malformed),
        };
        let source_identity = has(SOURCE_IDENTITY).then(|| from.text()).transpose()?;
        let federation = has(FEDERATION)
            .then(|| Federation::decode(&mut from))
            .transpose()?;
        let packed = Packed::read(&mut from)?;
        if has(PADDED) {
            from.padding()?;
        } else {
            from.end()?;
        }
        Ok(Self {
            who,
            key: Some(key),
            issued_at,
            expires_at,
            mfa,
            bearer: has(BEARER),
            chained: has(CHAINED),
            source_identity,
            tags: packed.tags,
            policy: packed.policy,
            policy_arns: packed.policy_arns,
            federation,
        })
    }
}

impl Who {
    /// The role's or user's ARN.
    pub fn arn(&self) -> &str {
        match self {
            Self::Role { role: arn, .. }
            | Self::User { user: arn, .. }
            | Self::Federated { user: arn, .. } => arn,
        }
    }

    fn parts(&self) -> (u8, &str, &str, &str) {
        match self {
            Self::Role { role, id, name } => (1, role, id, name),
            Self::User { user, id } => (2, user, id, ""),
            Self::Federated { user, id, name } => (3, user, id, name),
        }
    }

    fn of(kind: u8, arn: Box<str>, id: Box<str>, name: Box<str>) -> Result<Self, Malformed> {
        Ok(match (kind, name.is_empty()) {
            (1, false) => Self::Role {
                role: arn,
                id,
                name,
            },
            (2, true) => Self::User { user: arn, id },
            (3, false) => Self::Federated {
                user: arn,
                id,
                name,
            },
            _ => return Err(Malformed),
        })
    }
}

impl Federation {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.provider);
        out.text(&self.issuer);
        out.number(self.claims.len() as u64);
        for (name, values) in &self.claims {
            out.text(name);
            out.number(values.len() as u64);
            for value in values {
                out.text(value);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let provider = from.text()?;
        let issuer = from.text()?;
        let mut claims = Vec::new();
        for _ in 0..from.count()? {
            let name = from.text()?;
            let count = from.count()?;
            let values: Result<_, _> = (0..count).map(|_| from.text()).collect();
            claims.push((name, values?));
        }
        Ok(Self {
            provider,
            issuer,
            claims,
        })
    }
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.seconds()).unwrap_or_default()
}

fn time(seconds: u64) -> Result<Timestamp, Malformed> {
    // What milliseconds can count.
    let seconds = i64::try_from(seconds).map_err(|_| Malformed)?;
    if seconds > i64::MAX / 1000 {
        return Err(Malformed);
    }
    Ok(Timestamp::from_seconds(seconds))
}

#[cfg(test)]
pub(super) mod tests;
