//! The key of identity tokens: read at the start, and again when asked to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::StartError;
use crate::gate::assertion::{Assertions, SigningKey};

/// No key is larger, in bytes.
const LARGEST: u64 = 16 * 1024;

/// Reads the key again.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) file: Option<PathBuf>,
    pub(super) assertions: Arc<Assertions>,
}

impl Renewal {
    /// Takes over the file's key; one that cannot be used changes nothing.
    pub(super) fn renew(&self) {
        let Some(file) = &self.file else {
            return;
        };
        match read(file) {
            Ok(key) => self.assertions.replace(key),
            Err(error) => tracing::error!(%error, "the identity key in use stays"),
        }
    }
}

/// The key of this file, or a new one without any.
pub(super) fn key(file: Option<&Path>) -> Result<SigningKey, StartError> {
    match file {
        Some(file) => read(file),
        None => SigningKey::generate().map_err(|error| StartError::cannot("identity", error)),
    }
}

fn read(file: &Path) -> Result<SigningKey, StartError> {
    let what = || format!("identity.key_file {}", file.display());
    let size = std::fs::metadata(file).map_err(|error| StartError::cannot(what(), error))?;
    if size.len() > LARGEST {
        return Err(StartError::cannot(what(), "it is too large to be a key"));
    }
    let pem = std::fs::read(file).map_err(|error| StartError::cannot(what(), error))?;
    SigningKey::from_pem(&pem).map_err(|error| StartError::cannot(what(), error))
}
