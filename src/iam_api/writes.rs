//! Writes: the bundle is the truth, so each answers with the file to edit. Only to who may do it: others are refused as
//! ever, and learn nothing. What is not there is told as IAM tells it.

use crate::arn::{AccountId, Arn};
use crate::directory::provider::Kind as Of;
use crate::directory::{Role, Tags};
use crate::outcome::Reason;
use crate::query_api::error::Error;
use crate::query_api::form::Form;

use super::entity::{Entity, Kind};
use super::parameters::{
    DEVICE_NAME, GROUP_NAME, POLICY_ARN, POLICY_NAME, PROVIDER_ARN, PROVIDER_URL,
    SAML_PROVIDER_ARN, SAML_PROVIDER_NAME, SERIAL_NUMBER, USER_NAME,
};
use super::{Answer, Call, view};

/// What an operation would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    User,
    Group,
    /// A user's groups, which IAM counts as the group's.
    Member,
    Role,
    Policy,
    /// What is said about a policy beside its text.
    PolicyTags,
    Account,
    Credential,
    /// A second factor by itself.
    Device,
    Oidc,
    Saml,
    /// What Sidegate does not have.
    Nothing,
}

/// What a write is about.
struct Target<'a> {
    resource: String,
    tags: Option<&'a Tags>,
    /// What is to be edited, or that there is no such thing.
    edit: Result<String, Error>,
}

/// Where credentials are.
const CREDENTIALS: &str = "credentials are kept in the file that `credentials` of sidegate.yaml names; edit that, or use \
                           `sidegate credentials`";

pub(super) fn refuse(call: &mut Call<'_>, subject: Subject) -> Answer {
    let target = target(call, subject)?;
    call.authorize(&target.resource, target.tags)?;
    let name = call.operation.name();
    let message = format!("{name}: {}", target.edit?);
    let code = "UnmodifiableEntity";
    Err(Error::new(code, 400, Reason::MalformedRequest, message))
}

fn target<'a>(call: &Call<'a>, subject: Subject) -> Result<Target<'a>, Error> {
    match subject {
        Subject::User => entity(call, Kind::User),
        Subject::Group => entity(call, Kind::Group),
        Subject::Role => entity(call, Kind::Role),
        Subject::Member => member(call),
        Subject::Policy => policy(call, "json"),
        Subject::PolicyTags => policy(call, "yaml"),
        Subject::Oidc => provider(call, Of::Oidc),
        Subject::Saml => provider(call, Of::Saml),
        Subject::Credential => credential(call),
        Subject::Device => device(call),
        Subject::Account => {
            let file = call.file("account", "")?;
            Ok(plain("*".to_owned(), edit(&file)))
        }
        Subject::Nothing => {
            let message = "Sidegate has nothing of this kind".to_owned();
            Ok(plain("*".to_owned(), message))
        }
    }
}

/// About what has no tags and needs not be there.
fn plain<'a>(resource: String, edit: String) -> Target<'a> {
    Target {
        resource,
        tags: None,
        edit: Ok(edit),
    }
}

fn edit(file: &str) -> String {
    format!("the bundle is the truth here; edit {file}")
}

/// A name as a file has it: those that begin with a dot would be passed over.
fn stem(name: &str) -> String {
    let mark = if name.starts_with('.') { "%" } else { "" };
    format!("{mark}{name}")
}

impl Call<'_> {
    /// A file of the caller's account: `accounts/ID-NAME/KIND/NAME`.
    fn file(&self, kind: &str, name: &str) -> Result<String, Error> {
        let account = self.account()?;
        let folder = self.snapshot.files.account_folder(account);
        let folder = folder.map_or_else(|| format!("accounts/{account}-NAME"), str::to_owned);
        Ok(match name {
            "" => format!("{folder}/{kind}.yaml"),
            name => format!("{folder}/{kind}/{name}"),
        })
    }

    /// Whether the operation makes a `what`.
    fn makes(&self, what: &str) -> bool {
        self.operation.name().strip_prefix("Create") == Some(what)
    }
}

/// `Path`, which matters for the ARN of what is to be made.
fn path(form: &Form) -> Result<&str, Error> {
    let path = form.get("Path").unwrap_or("/");
    let good = path.len() <= 512
        && path.starts_with('/')
        && path.ends_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    if good {
        return Ok(path);
    }
    let constraint =
        "Member must begin and end with a slash and have 512 printable characters at most";
    Err(Error::constraint("path", constraint))
}

fn entity<'a>(call: &Call<'a>, kind: Kind) -> Result<Target<'a>, Error> {
    let form = call.form;
    let name = kind.name().required(form)?;
    let found = call.find(kind, name)?;
    let (word, path) = (kind.word(), path(form)?);
    let what = match kind {
        Kind::User => "User",
        Kind::Group => "Group",
        Kind::Role => "Role",
    };
    let edit = match found {
        Some(Entity::Role(role)) if role.permission_set.is_some() => Ok(of_permission_set(role)),
        None if !call.makes(what) => Err(Error::no_such_entity(format!(
            "The {word} with name {name} cannot be found."
        ))),
        None if kind == Kind::Role && name.starts_with("AWSReservedSSO_") => Ok(
            "roles of this name are made of permission sets; write permission-sets/NAME.yaml"
                .to_owned(),
        ),
        found => {
            let name = found.map_or(name, Entity::name);
            let name = format!("{}.yaml", stem(name));
            Ok(edit(&call.file(&format!("{word}s"), &name)?))
        }
    };
    Ok(Target {
        resource: match found {
            Some(found) => found.arn().to_owned(),
            None => call.arn(&format!("{word}{path}{name}"))?,
        },
        tags: found.and_then(Entity::tags),
        edit,
    })
}

fn of_permission_set(role: &Role) -> String {
    let set = role.permission_set.as_ref().map_or("", |set| &*set.name);
    format!(
        "the bundle is the truth here; this role is made of a permission set: edit permission-sets/{}.yaml",
        stem(set)
    )
}

fn member<'a>(call: &Call<'a>) -> Result<Target<'a>, Error> {
    let (group, user) = (
        GROUP_NAME.required(call.form)?,
        USER_NAME.required(call.form)?,
    );
    let group_found = call.find(Kind::Group, group)?;
    let missing = |word: &str, name: &str| format!("The {word} with name {name} cannot be found.");
    let edit = match (group_found, call.find(Kind::User, user)?) {
        (None, _) => Err(Error::no_such_entity(missing("group", group))),
        (_, None) => Err(Error::no_such_entity(missing("user", user))),
        (Some(_), Some(user)) => {
            let file = call.file("users", &format!("{}.yaml", stem(user.name())))?;
            Ok(format!("{}, its `groups`", edit(&file)))
        }
    };
    Ok(Target {
        resource: match group_found {
            Some(found) => found.arn().to_owned(),
            None => call.arn(&format!("group/{group}"))?,
        },
        tags: None,
        edit,
    })
}

fn policy<'a>(call: &Call<'a>, ending: &str) -> Result<Target<'a>, Error> {
    let form = call.form;
    if call.makes("Policy") {
        let (name, path) = (POLICY_NAME.required(form)?, path(form)?);
        let file = call.file("policies", &format!("{}.json", stem(name)))?;
        return Ok(plain(
            call.arn(&format!("policy{path}{name}"))?,
            edit(&file),
        ));
    }
    let text = POLICY_ARN.required(form)?;
    let invalid = || Error::invalid_input(format!("ARN {} is not valid.", text.escape_debug()));
    let arn = Arn::parse(text).map_err(|_| invalid())?;
    let found = call.directory().policy(text);
    let file = format!("{}.{ending}", stem(view::name_of(text)));
    let missing = || Error::no_such_entity(format!("Policy {text} was not found."));
    let own = call.account()?;
    let edit = match (arn.account_id(), found) {
        // Whether another account has it is none of the caller's business.
        (Some(other), _) if other != own => Ok(format!(
            "the policy is not of account {own}, whose files alone this caller may be told of: whoever edits the \
             bundle finds it in the folder of account {other}, accounts/{other}-NAME/policies/{file}"
        )),
        (_, None) => Err(missing()),
        (Some(_), Some(_)) => Ok(edit(&call.file("policies", &file)?)),
        (None, Some(_)) => Ok(format!(
            "this is a predefined policy, the same for all accounts; the bundle is the truth here: edit managed/{file}, \
             or write a policy of your own beside it and attach that"
        )),
    };
    let found = found.filter(|found| found.account.is_none_or(|owner| owner == own));
    Ok(Target {
        resource: text.to_owned(),
        tags: found.map(|policy| &policy.tags),
        edit,
    })
}

fn provider<'a>(call: &Call<'a>, of: Of) -> Result<Target<'a>, Error> {
    let form = call.form;
    let account = call.account()?;
    let trusted =
        |account: AccountId| format!("its `trusted_in` says whether account {account} has it");
    if call.makes("OpenIDConnectProvider") {
        let url = PROVIDER_URL.required(form)?;
        let place = url.split_once("://").map_or(url, |(_, place)| place);
        let resource = call.arn(&format!("oidc-provider/{}", place.trim_end_matches('/')))?;
        let file = "a new identity-providers/NAME.yaml whose `issuer` is the URL";
        return Ok(plain(
            resource,
            format!("{}; {}", edit(file), trusted(account)),
        ));
    }
    if call.makes("SAMLProvider") {
        let name = SAML_PROVIDER_NAME.required(form)?;
        let resource = call.arn(&format!("saml-provider/{name}"))?;
        let file = format!("identity-providers/{}.yaml", stem(name));
        return Ok(plain(
            resource,
            format!("{}; {}", edit(&file), trusted(account)),
        ));
    }
    let arn = match of {
        Of::Saml => SAML_PROVIDER_ARN.required(form)?,
        Of::Oidc | Of::Spiffe | Of::X509 => PROVIDER_ARN.required(form)?,
    };
    let all = call.providers(of)?;
    let found = all.iter().find(|(known, _)| known == arn);
    let edit = match found {
        Some((_, provider)) => {
            let file = format!("identity-providers/{}.yaml", stem(&provider.name));
            Ok(format!("{}; {}", edit(&file), trusted(account)))
        }
        None => Err(Error::no_such_entity(format!(
            "There is no identity provider {} in account {account}",
            arn.escape_debug()
        ))),
    };
    Ok(Target {
        resource: arn.to_owned(),
        tags: None,
        edit,
    })
}

fn credential<'a>(call: &Call<'a>) -> Result<Target<'a>, Error> {
    let Some(name) = USER_NAME.optional(call.form)? else {
        let own = call.caller.identity.principal.name();
        return Ok(plain(own.to_owned(), CREDENTIALS.to_owned()));
    };
    let found = call.find(Kind::User, name)?;
    let missing = || Error::no_such_entity(format!("The user with name {name} cannot be found."));
    Ok(Target {
        resource: match found {
            Some(user) => user.arn().to_owned(),
            None => call.arn(&format!("user/{name}"))?,
        },
        tags: found.and_then(Entity::tags),
        edit: found.map(|_| CREDENTIALS.to_owned()).ok_or_else(missing),
    })
}

fn device<'a>(call: &Call<'a>) -> Result<Target<'a>, Error> {
    let resource = if call.makes("VirtualMFADevice") {
        let (name, path) = (DEVICE_NAME.required(call.form)?, path(call.form)?);
        call.arn(&format!("mfa{path}{name}"))?
    } else {
        SERIAL_NUMBER.required(call.form)?.to_owned()
    };
    Ok(plain(resource, CREDENTIALS.to_owned()))
}
