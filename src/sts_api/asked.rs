//! What a call asks for: names, tags, policies and times, checked before anybody decides about them.

use crate::arn::AccountId;
use crate::directory::Directory;
use crate::policy::{self, Kind};
use crate::sts::token::Tag;

use super::error::Error;
use super::fields::{self, POLICY, tag_letter};
use super::form::Form;

const MAX_TAGS: usize = 50;
const MAX_POLICY_ARNS: usize = 10;

/// What is asked for; conditions read it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) session_name: Option<Box<str>>,
    pub(super) external_id: Option<Box<str>>,
    pub(super) source_identity: Option<Box<str>>,
    /// The tags of the session to be, those included that a chain hands down.
    pub(super) tags: Vec<Tag>,
    pub(super) tag_keys: Vec<Box<str>>,
    /// Keys of tags that the next session gets too.
    pub(super) transitive: Vec<Box<str>>,
    pub(super) duration: Option<u32>,
    pub(super) policies: Policies,
    /// A second factor was checked in this call.
    pub(super) mfa: bool,
}

/// Session policies.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) document: Option<Box<str>>,
    pub(super) arns: Vec<Box<str>>,
}

impl Asked {
    /// `Tags` and `TransitiveTagKeys`, beside the tags that are handed down by a chain.
    pub(super) fn read_tags(&mut self, form: &Form, handed_down: Vec<Tag>) -> Result<(), Error> {
        let mut tags = Vec::new();
        let given = form.structures("Tags", ["Key", "Value"]);
        at_most(given.len(), "tags", MAX_TAGS)?;
        for [key, value] in given {
            let field = "tags";
            let absent = || Error::constraint(field, "Member must not be null");
            tags.push(Tag {
                key: key.ok_or_else(absent)?.into(),
                value: value.ok_or_else(absent)?.into(),
                transitive: false,
            });
        }
        let mut transitive = form.list("TransitiveTagKeys");
        at_most(transitive.len(), "transitiveTagKeys", MAX_TAGS)?;
        for tag in &mut tags {
            let before = transitive.len();
            transitive.retain(|key| !same(key, &tag.key));
            tag.transitive = transitive.len() < before;
        }
        // A key that the caller's session hands down already may be named again.
        transitive.retain(|key| !handed_down.iter().any(|tag| same(&tag.key, key)));
        if let Some(key) = transitive.first() {
            return Err(Error::validation(format!(
                "the transitive tag key {} is not among the session tags",
                key.escape_debug()
            )));
        }
        self.set_tags(tags, handed_down)
    }

    /// Tags that were passed or claimed, beside those that are handed down by a chain, which nobody overrides.
    pub(super) fn set_tags(
        &mut self,
        mut tags: Vec<Tag>,
        handed_down: Vec<Tag>,
    ) -> Result<(), Error> {
        // Each is compared with each.
        at_most(
            tags.len().saturating_add(handed_down.len()),
            "tags",
            MAX_TAGS,
        )?;
        for (at, tag) in tags.iter().enumerate() {
            check_tag(tag)?;
            if tags.iter().take(at).any(|other| same(&other.key, &tag.key)) {
                return Err(Error::validation(format!(
                    "the session tag key {} stands twice: keys differ in more than case",
                    tag.key
                )));
            }
            if handed_down.iter().any(|other| same(&other.key, &tag.key)) {
                return Err(Error::validation(format!(
                    "the session tag {} cannot be passed: it is transitive in the calling session",
                    tag.key
                )));
            }
        }
        tags.extend(handed_down);
        self.tag_keys = tags.iter().map(|tag| tag.key.clone()).collect();
        let transitive = tags.iter().filter(|tag| tag.transitive);
        self.transitive = transitive.map(|tag| tag.key.clone()).collect();
        self.tags = tags;
        Ok(())
    }

    /// `Policy`. Read before anybody is asked: what it lacks says nothing of who exists.
    pub(super) fn read_policy(&mut self, form: &Form) -> Result<(), Error> {
        if let Some(text) = POLICY.optional(form)? {
            policy::parse(text, Kind::Session, "Policy").map_err(|report| {
                let faults = report.faults().iter();
                let first = faults.map(crate::source::Fault::line).next();
                Error::malformed_policy(first.unwrap_or_else(|| "it cannot be read".to_owned()))
            })?;
            self.policies.document = Some(text.into());
        }
        Ok(())
    }

    /// `PolicyArns`: policies of the account, or predefined ones. For callers who may: it tells which there are.
    pub(super) fn read_policy_arns(
        &mut self,
        form: &Form,
        directory: &Directory,
        account: AccountId,
    ) -> Result<(), Error> {
        let arns: Vec<&str> = form
            .structures("PolicyArns", ["arn"])
            .into_iter()
            .filter_map(|[arn]| arn)
            .collect();
        at_most(arns.len(), "policyArns", MAX_POLICY_ARNS)?;
        for arn in arns {
            let found = directory
                .policy(arn)
                .filter(|found| found.account.is_none_or(|owner| owner == account));
            if found.is_none() {
                return Err(Error::malformed_policy(format!(
                    "PolicyArns: no policy {} of account {account}",
                    arn.escape_debug()
                )));
            }
            self.policies.arns.push(arn.into());
        }
        Ok(())
    }
}

/// Members of a list.
pub(super) fn at_most(count: usize, field: &str, most: usize) -> Result<(), Error> {
    if count <= most {
        return Ok(());
    }
    let constraint = format!("Member must have length less than or equal to {most}");
    Err(Error::constraint(field, &constraint))
}

/// AWS's limits, and its reserved prefix.
fn check_tag(tag: &Tag) -> Result<(), Error> {
    let fits =
        |text: &str, most: usize| text.chars().count() <= most && text.chars().all(tag_letter);
    if tag.key.is_empty() || !fits(&tag.key, 128) {
        let constraint = "a tag's key is 1 to 128 of letters, digits, spaces and _.:/=+-@";
        return Err(Error::constraint("tags", constraint));
    }
    if !fits(&tag.value, 256) {
        let constraint = "a tag's value is up to 256 of letters, digits, spaces and _.:/=+-@";
        return Err(Error::constraint("tags", constraint));
    }
    let head = tag.key.get(..4);
    if head.is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
        return Err(Error::validation("a tag's key may not begin with aws:"));
    }
    Ok(())
}

/// Tag keys are compared without case.
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// The serial number and the code of a second factor: both or none.
pub(super) fn factor(form: &Form) -> Result<Option<(&str, &str)>, Error> {
    let serial = fields::SERIAL_NUMBER.optional(form)?;
    let code = fields::TOKEN_CODE.optional(form)?;
    match (serial, code) {
        (None, None) => Ok(None),
        (Some(serial), Some(code)) => Ok(Some((serial, code))),
        _ => Err(Error::validation(
            "SerialNumber and TokenCode are given together",
        )),
    }
}
