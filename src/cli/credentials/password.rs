//! A user's password, as the account's password policy has it.

use std::path::Path;
use std::process::ExitCode;

use crate::authn::password;
use crate::cli::output::{self, Failed, Outcome};
use crate::clock::Timestamp;
use crate::directory::{Account, User};
use crate::source::yaml::edit::Item;

use super::store::{Files, PASSWORDS};
use super::terminal;

/// As many as IAM remembers at most.
const FORMER: usize = 24;

pub(super) fn set(path: &Path, user: &User, account: &Account, now: Timestamp) -> Outcome {
    let password = terminal::new_password(&user.arn)?;
    let policy = account.password_policy;
    let mut names = vec![&*account.name, &*user.name, account.id.as_str()];
    names.extend(account.alias.as_deref());
    let lacks = policy.lacks(&password, &names);
    if !lacks.is_empty() {
        output::complain(&format!(
            "The password is not changed. The password policy of account {} asks for:",
            account.id
        ));
        for lack in lacks {
            output::complain(&format!("  {lack}"));
        }
        return Ok(ExitCode::from(1));
    }
    let mut files = Files::open(path)?;
    let known = files.credentials.sts().passwords.get(&*user.arn);
    let former = known.map(|known| {
        let all = std::iter::once(&known.hash).chain(&known.former);
        all.cloned().collect::<Vec<_>>()
    });
    let former = former.unwrap_or_default();
    let remembered = usize::from(policy.reuse_prevention.unwrap_or_default()).min(FORMER);
    let mut last = former.iter().take(remembered);
    if last.any(|hash| password::verify(&password, hash)) {
        output::complain(&format!(
            "The password is not changed: it was one of the last {remembered}."
        ));
        return Ok(ExitCode::from(1));
    }
    let hash = password::hash(&password).map_err(|error| Failed(error.to_string()))?;
    let former = former.iter().take(remembered);
    let former = former.map(|hash| hash.expose().to_string());
    let fields = [
        ("user", Item::from(&*user.arn)),
        ("hash", Item::from(&**hash.expose())),
        ("changed", Item::from(&*now.rfc3339())),
        ("former", Item::Texts(former.collect())),
    ];
    match files.find(PASSWORDS, &user.arn) {
        Some(place) => files.set(place, &fields)?,
        None => files.append(PASSWORDS, &fields)?,
    }
    output::complain(&format!("{} has a new password", user.arn));
    Ok(ExitCode::SUCCESS)
}
