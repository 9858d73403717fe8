//! Container credentials: what the configuration says of them, and the token that guards them, made at each start.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::StartError;
use crate::config::Container;
use crate::secret::Secret;
use crate::sts_api::container::{Remote, Settings};

/// What is served; `None`: no role is listed. Writes the token's file.
pub(super) fn settings(wanted: &Container) -> Result<Option<Settings>, StartError> {
    let (Some(guard_file), Some(token_file)) =
        (&wanted.token_file, &wanted.web_identity_token_file)
    else {
        return Ok(None);
    };
    if wanted.roles.is_empty() {
        return Ok(None);
    }
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| StartError::cannot("container credentials", "no random bytes"))?;
    let guard = URL_SAFE_NO_PAD.encode(bytes);
    write(guard_file, &guard).map_err(|error| {
        StartError::cannot(
            format!("sts.container_token_file {}", guard_file.display()),
            error,
        )
    })?;
    Ok(Some(Settings {
        roles: wanted.roles.iter().map(|role| role.0.clone()).collect(),
        guard: Secret::new(guard.into()),
        token_file: token_file.clone(),
        remote: wanted.remote.as_ref().map(|url| Remote {
            url: url.clone(),
            ca_file: wanted.remote_ca_file.clone(),
        }),
    }))
}

/// Whole or not at all, with mode 0600, and without a line's end: SDKs send what stands there as it is.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    // One that a crash left behind may have another mode.
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&beside, path)
}
