//! Which file of a bundle says what: by its place in the folder alone.

use smallvec::SmallVec;

/// What a file is, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'p> {
    /// `organization.yaml`
    Organization,
    /// `scps/NAME.json`
    Scp(&'p str),
    /// `rcps/NAME.json`
    Rcp(&'p str),
    /// `managed/NAME.json`
    Managed(&'p str),
    /// `managed/NAME.yaml`
    ManagedAbout,
    /// `accounts/FOLDER/…`, what it is, and its name
    InAccount(&'p str, InAccount, &'p str),
    /// `permission-sets/NAME.yaml`
    PermissionSet(&'p str),
    /// `identity-providers/NAME.yaml`
    Provider(&'p str),
    /// `routes/NAME.yaml`
    Routes(&'p str),
    /// Notes for people.
    Notes,
    /// Nothing by itself; another file may refer to it.
    Other,
}

/// What a file of an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InAccount {
    /// `account.yaml`
    Account,
    /// `users/NAME.yaml`
    User,
    /// `groups/NAME.yaml`
    Group,
    /// `roles/NAME.yaml`
    Role,
    /// `policies/NAME.json`
    Policy,
    /// `policies/NAME.yaml`
    PolicyAbout,
    /// `resources/NAME.yaml`
    Resource,
}

/// Tells what the file at `path` is.
pub(super) fn place(path: &str) -> Place<'_> {
    let parts: SmallVec<[&str; 5]> = path.split('/').take(5).collect();
    let found = match *parts {
        ["organization.yaml"] => Some(Place::Organization),
        ["scps", file] => stem(file, ".json").map(Place::Scp),
        ["rcps", file] => stem(file, ".json").map(Place::Rcp),
        ["managed", file] => stem(file, ".json")
            .map(Place::Managed)
            .or_else(|| stem(file, ".yaml").map(|_| Place::ManagedAbout)),
        ["permission-sets", file] => stem(file, ".yaml").map(Place::PermissionSet),
        ["identity-providers", file] => stem(file, ".yaml").map(Place::Provider),
        // `orders.openapi.yaml` belongs to the `orders.yaml` that names it.
        ["routes", file] => stem(file, ".yaml")
            .filter(|name| !name.ends_with(".openapi"))
            .map(Place::Routes),
        ["accounts", folder, "account.yaml"] => {
            Some(Place::InAccount(folder, InAccount::Account, "account"))
        }
        ["accounts", folder, kind, file] => {
            in_account(kind, file).map(|(what, name)| Place::InAccount(folder, what, name))
        }
        _ => None,
    };
    let notes = parts
        .last()
        .is_some_and(|file| *file == "LICENSE" || extension(file) == Some("md"));
    match found {
        Some(found) => found,
        None if notes => Place::Notes,
        None => Place::Other,
    }
}

fn in_account<'p>(kind: &str, file: &'p str) -> Option<(InAccount, &'p str)> {
    let (what, extension) = match kind {
        "users" => (InAccount::User, ".yaml"),
        "groups" => (InAccount::Group, ".yaml"),
        "roles" => (InAccount::Role, ".yaml"),
        "resources" => (InAccount::Resource, ".yaml"),
        "policies" => match stem(file, ".json") {
            Some(_) => (InAccount::Policy, ".json"),
            None => (InAccount::PolicyAbout, ".yaml"),
        },
        _ => return None,
    };
    Some((what, stem(file, extension)?))
}

/// The name that a file is called by. Files that begin with a dot are passed over: before such a name stands a `%`,
/// which no name has (`users/%.ci.yaml` is the user `.ci`).
fn stem<'p>(file: &'p str, extension: &str) -> Option<&'p str> {
    let stem = file.strip_suffix(extension)?;
    let marked = stem.strip_prefix('%').filter(|name| name.starts_with('.'));
    Some(marked.unwrap_or(stem)).filter(|stem| !stem.is_empty())
}

/// What stands behind the last dot.
pub(super) fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}

/// How to mend a file whose place says nothing.
pub(super) fn help(path: &str) -> String {
    if extension(path) == Some("yml") {
        return "name it .yaml".to_owned();
    }
    let parts: Vec<&str> = path.split('/').collect();
    let (folder, known): (&str, &[&str]) = match *parts {
        ["accounts", _, folder, ..] => (
            folder,
            &[
                "users",
                "groups",
                "roles",
                "policies",
                "resources",
                "account.yaml",
            ],
        ),
        [folder, ..] => (
            folder,
            &[
                "organization.yaml",
                "scps",
                "rcps",
                "managed",
                "accounts",
                "permission-sets",
                "identity-providers",
                "routes",
            ],
        ),
        [] => ("", &[]),
    };
    if known.contains(&folder) {
        return format!(
            "files stand directly in {folder}: policies as NAME.json, all else as NAME.yaml; or refer to it from another file"
        );
    }
    match crate::source::nearest(folder, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}` in place of `{folder}`?"),
        None => format!(
            "known here: {}; or refer to it from another file",
            known.join(", ")
        ),
    }
}

/// The path that `reference`, written in the file `from`, leads to; `None` when it leaves the bundle.
pub(super) fn resolve(from: &str, reference: &str) -> Option<String> {
    if reference.starts_with('/') || reference.contains('\\') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in reference.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        assert_eq!(place("organization.yaml"), Place::Organization);
        assert_eq!(place("scps/a.b.json"), Place::Scp("a.b"));
        assert_eq!(place("managed/x.yaml"), Place::ManagedAbout);
        assert_eq!(
            place("accounts/1-a/users/bob@x.yaml"),
            Place::InAccount("1-a", InAccount::User, "bob@x")
        );
        assert_eq!(
            place("accounts/1-a/users/%.ci.yaml"),
            Place::InAccount("1-a", InAccount::User, ".ci")
        );
        for path in [
            "scps/a.yaml",
            "accounts/1/users/x/y.yaml",
            "scps/.json",
            "users/x.yaml",
            "routes/a.openapi.yaml",
        ] {
            assert_eq!(place(path), Place::Other, "{path}");
        }
        assert_eq!(place("docs/README.md"), Place::Notes);
    }

    #[test]
    fn a_reference_stays_inside() {
        let from = "accounts/1-a/roles/x.yaml";
        assert_eq!(
            resolve(from, "t.json").as_deref(),
            Some("accounts/1-a/roles/t.json")
        );
        assert_eq!(
            resolve(from, "../../../managed/./t.json").as_deref(),
            Some("managed/t.json")
        );
        for text in ["../../../../x", "/etc/passwd", "..\\x"] {
            assert_eq!(resolve(from, text), None, "{text}");
        }
        assert!(help("accounts/1-a/role/x.yaml").contains("`roles`"));
    }
}
