//! Access keys and API keys: made, switched and deleted.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::authn::KeyOwner;
use crate::cli::output::{self, Failed, Format, Outcome};
use crate::clock::Timestamp;
use crate::source::yaml::edit::Item;

use super::random;
use super::store::{ACCESS_KEYS, API_KEYS, Files, PASSWORDS, TOTP};

/// IAM's own quota.
const KEYS_OF_ONE: usize = 2;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `owner`: the key that names it in the file, and its ARN or account.
pub(super) fn create_access_key(
    path: &Path,
    (kind, owner): (&'static str, String),
    now: Timestamp,
    format: Format,
) -> Outcome {
    let mut files = Files::open(path)?;
    let mine = files.credentials.access_keys().filter(|(_, key)| {
        let found = match (&key.owner, kind) {
            (KeyOwner::User(user), "user") => &**user,
            (KeyOwner::Root(account), "root") => account.as_str(),
            _ => return false,
        };
        found == owner
    });
    let mut mine: Vec<&str> = mine.map(|(id, _)| id).collect();
    if mine.len() >= KEYS_OF_ONE {
        mine.sort_unstable();
        return Err(Failed(format!(
            "{owner} has {} access keys already ({}): delete one first",
            mine.len(),
            mine.join(", ")
        )));
    }
    let id = loop {
        let id = format!("AKIA{}", letters(random()?));
        if files.find(ACCESS_KEYS, &id).is_none() {
            break id;
        }
    };
    let secret = STANDARD.encode(random::<30>()?);
    files.append(
        ACCESS_KEYS,
        &[
            ("id", id.as_str().into()),
            ("secret", secret.as_str().into()),
            (kind, owner.as_str().into()),
            ("status", "Active".into()),
            ("created", now.rfc3339().as_str().into()),
        ],
    )?;
    let text = match format {
        Format::Table => format!("AccessKeyId      {id}\nSecretAccessKey  {secret}\n"),
        Format::Json => {
            let key = json!({
                kind: owner,
                "AccessKeyId": id,
                "SecretAccessKey": secret,
                "Status": "Active",
                "CreateDate": now.rfc3339(),
            });
            format!("{:#}\n", json!({ "AccessKey": key }))
        }
    };
    output::print(&text)?;
    output::complain(
        "The secret is shown this once. If it is lost, delete the key and make another.",
    );
    Ok(ExitCode::SUCCESS)
}

pub(super) fn create_api_key(
    path: &Path,
    user: &str,
    id: Option<&str>,
    days: u16,
    now: Timestamp,
    format: Format,
) -> Outcome {
    let mut files = Files::open(path)?;
    let id = match id {
        Some(id) => id.to_owned(),
        None => letters(random()?).to_ascii_lowercase(),
    };
    if files.find(API_KEYS, &id).is_some() {
        return Err(Failed(format!(
            "there is an API key {id} already: take another id, or delete that one first"
        )));
    }
    let secret = URL_SAFE_NO_PAD.encode(random::<33>()?);
    let hash = digest(&SHA256, secret.as_bytes());
    let hash = hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let expires = now.plus(DAY.saturating_mul(u32::from(days))).rfc3339();
    files.append(
        API_KEYS,
        &[
            ("id", id.as_str().into()),
            ("hash", Item::Text(format!("sha256:{hash}"))),
            ("user", user.into()),
            ("status", "Active".into()),
            ("created", now.rfc3339().as_str().into()),
            ("expires", expires.as_str().into()),
        ],
    )?;
    let key = format!("sgk_{id}_{secret}");
    output::print(&match format {
        Format::Table => format!("Id       {id}\nApiKey   {key}\nExpires  {expires}\n"),
        Format::Json => {
            let made = json!({ "id": id, "user": user, "key": key, "expires": expires });
            format!("{made:#}\n")
        }
    })?;
    output::complain("The key is shown this once. Clients send it as X-Api-Key.");
    Ok(ExitCode::SUCCESS)
}

/// Switches a key on or off.
pub(super) fn switch(path: &Path, id: &str, status: &str) -> Outcome {
    let mut files = Files::open(path)?;
    let place = files
        .find(ACCESS_KEYS, id)
        .or_else(|| files.find(API_KEYS, id))
        .ok_or_else(|| unknown(path, id, "access key or API key"))?;
    files.set_one(place, "status", status)?;
    output::complain(&format!("{id} is {status}"));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn delete(path: &Path, id: &str) -> Outcome {
    let mut files = Files::open(path)?;
    let lists = [
        (ACCESS_KEYS, "access key"),
        (API_KEYS, "API key"),
        (TOTP, "second factor"),
        (PASSWORDS, "password of"),
    ];
    let found = lists
        .iter()
        .find_map(|(list, what)| Some((files.find(*list, id)?, *what)));
    let (place, what) = found.ok_or_else(|| unknown(path, id, "key, device or password"))?;
    files.remove(place)?;
    output::complain(&format!("the {what} {id} is deleted"));
    Ok(ExitCode::SUCCESS)
}

fn unknown(path: &Path, id: &str, what: &str) -> Failed {
    let path = path.display();
    Failed(format!(
        "{path} has no {what} {id}; `sidegate credentials list` shows what there is"
    ))
}

/// Sixteen letters and digits.
fn letters(bytes: [u8; 16]) -> String {
    let letter = |byte: u8| LETTERS.get(usize::from(byte & 31)).copied();
    bytes
        .into_iter()
        .map(|byte| char::from(letter(byte).unwrap_or(b'A')))
        .collect()
}
