//! Last-good keys on disk, so that a start while the issuer is down knows them.
//!
//! One file per issuer and key source below `STATE/keys/`, replaced atomically. What is read back is judged like a
//! fresh answer; a file that is torn, foreign or of another source counts as absent.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::provider::{KeySource, Provider};

use crate::authn::fetch::read_file;
use crate::authn::jwks::{KeySet, MAX_BYTES};
use crate::authn::{hex, sha256};

/// A set is text inside JSON text: escapes may double it.
const MAX_FILE: u64 = 4 * MAX_BYTES as u64;

/// How far the clock may have been set back since.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Where the keys of one provider are kept.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    issuer: Box<str>,
    source: Box<str>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    issuer: Box<str>,
    source: Box<str>,
    /// Milliseconds since the epoch.
    fetched_at: i64,
    keys: String,
}

impl File {
    pub(super) fn of(folder: &Path, provider: &Provider) -> Self {
        let source = match &provider.keys.source {
            KeySource::Discovery => "discovery".into(),
            KeySource::Url(url) => format!("url {url}"),
            KeySource::File { path, .. } => format!("file {path}"),
            KeySource::Certificates { .. } => "certificates".into(),
            KeySource::Metadata { .. } => "metadata".into(),
        };
        let identity = format!("{}\n{source}", provider.issuer);
        let mut name = hex(&sha256(identity.as_bytes()));
        name.truncate(32);
        Self {
            path: folder.join("keys").join(format!("{name}.json")),
            issuer: provider.issuer.clone(),
            source: source.into(),
        }
    }

    /// The keys that an earlier run kept. Such from the future would never be too old.
    pub(super) async fn read(&self, now: Timestamp) -> Option<(KeySet, Timestamp)> {
        let bytes = read_file(self.path.to_str()?, MAX_FILE).await.ok()?;
        let kept: Kept = serde_json::from_slice(&bytes).ok()?;
        if kept.issuer != self.issuer || kept.source != self.source {
            return None;
        }
        let fetched_at = Timestamp::from_milliseconds(kept.fetched_at);
        if fetched_at > now.plus(AHEAD) {
            return None;
        }
        let set = KeySet::read(kept.keys.as_bytes()).ok()?;
        Some((set, fetched_at))
    }

    /// Keeps a set that was found usable.
    pub(super) async fn write(&self, keys: &[u8], now: Timestamp) -> std::io::Result<()> {
        let kept = Kept {
            issuer: self.issuer.clone(),
            source: self.source.clone(),
            fetched_at: now.milliseconds(),
            keys: String::from_utf8_lossy(keys).into_owned(),
        };
        let text = serde_json::to_vec(&kept).map_err(std::io::Error::other)?;
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || replace(&path, &text))
            .await
            .map_err(std::io::Error::other)?
    }
}

/// Writes beside the file, then renames over it: a reader sees the old or the new, never half of one.
fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| std::io::Error::other("no folder"))?;
    std::fs::create_dir_all(folder)?;
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = std::fs::File::create(&beside)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    drop(file);
    let done = written.and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        // The error that matters is the one above.
        let _ = std::fs::remove_file(&beside);
    }
    done
}
