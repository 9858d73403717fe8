//! The break-glass user's access key and second factor, and the sessions that they make: what an on-call engineer does
//! at night, with `aws sts get-session-token` and a code of an authenticator app.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::authn::{KeyOwner, credentials};
use crate::cli::demo::private;
use crate::cli::demo::sessions::{self, Own};
use crate::clock::{Clock, Timestamp};
use crate::sts::enrolment::Seed;

/// Who it is.
pub const USER: &str = "arn:aws:iam::555566667777:user/break-glass/break-glass-ana";
/// What proves it.
pub const DEVICE: &str = "arn:aws:iam::555566667777:mfa/break-glass-ana";
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const STEP: i64 = 30;

/// What lies in the safe.
#[derive(Debug)]
pub struct Emergency {
    /// The long-lived key.
    pub key: Own,
    /// What the codes are computed from.
    pub seed: Seed,
}

/// What is in the folder's `credentials.yaml`, made where it is missing; what a reader added stays.
///
/// # Errors
/// When it cannot be read or written.
pub fn prepare(folder: &Path) -> Result<Emergency> {
    let path = folder.join("credentials.yaml");
    if let Ok(text) = fs::read_to_string(&path)
        && let Some(known) = read(&text)
    {
        return Ok(known);
    }
    let mut letters = [0; 16];
    let mut secret = [0; 30];
    let random = rand::fill(&mut letters).and_then(|()| rand::fill(&mut secret));
    random.ok().context("the system gives no random bytes")?;
    let letters = letters.iter().map(|byte| {
        let letter = LETTERS.get(usize::from(byte & 31)).copied();
        char::from(letter.unwrap_or(b'A'))
    });
    let id = format!("AKIA{}", letters.collect::<String>());
    let secret = STANDARD.encode(secret);
    let seed = Seed::new()
        .ok()
        .context("the system gives no random bytes")?;
    let text = format!(
        "# Made by `sidegate demo`. `sidegate credentials --credentials {}` changes it.\n\
         access_keys:\n  - id: {id}\n    secret: \"{secret}\"\n    user: \"{USER}\"\n\
         sts_secrets:\n  totp:\n    - device: \"{DEVICE}\"\n      seed: {}\n",
        path.display(),
        seed.text().expose()
    );
    private::write(&path, &text)?;
    let key = Own {
        access_key: id,
        secret,
        token: None,
    };
    Ok(Emergency { key, seed })
}

fn read(text: &str) -> Option<Emergency> {
    let files = [("credentials.yaml".to_owned(), text.to_owned())];
    let known = credentials::parse(&files).ok()?;
    let mut keys = known.access_keys();
    let (id, key) = keys.find(|(_, key)| {
        key.active && matches!(&key.owner, KeyOwner::User(user) if **user == *USER)
    })?;
    let seed = known.sts().totp.get(DEVICE)?;
    Some(Emergency {
        key: Own {
            access_key: id.to_owned(),
            secret: key.secret.expose().to_string(),
            token: None,
        },
        seed: Seed::parse(seed.expose())?,
    })
}

/// A session of the user's own: with a code of the second factor, or without.
///
/// # Errors
/// When the STS refuses.
pub async fn session(sts: SocketAddr, emergency: &Emergency, mfa: bool) -> Result<Own> {
    if !mfa {
        return sessions::own(sts, &emergency.key, &[]).await;
    }
    let now = Clock::machine().now().seconds();
    let mut last = None;
    // A code is good once: a demo before this one may just have used the one of now, and the next is good already.
    for at in [now, now.saturating_add(STEP)] {
        let code = emergency.seed.code(Timestamp::from_seconds(at));
        let code = code.context("the seed is none")?;
        let factor = [("SerialNumber", DEVICE), ("TokenCode", &*code)];
        match sessions::own(sts, &emergency.key, &factor).await {
            Ok(session) => return Ok(session),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("there is no code")?)
}
