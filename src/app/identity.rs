//! The key of identity tokens: read at the start, and again when asked to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::StartError;
use crate::clock::Clock;
use crate::gate::assertion::{Assertions, SigningKey};
use crate::secret_file;

/// No key is larger, in bytes.
const LARGEST: u64 = 16 * 1024;
/// Between two attempts to make a key.
const RETRY: Duration = Duration::from_secs(1);

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

/// Signs with the key of this file, or without one with a new key, which is made beside the start.
pub(super) fn assertions(file: Option<&Path>, clock: Clock) -> Result<Arc<Assertions>, StartError> {
    if let Some(file) = file {
        return Ok(Arc::new(Assertions::new(read(file)?, clock)));
    }
    let assertions = Arc::new(Assertions::later(made, clock));
    let prepared = Arc::clone(&assertions);
    std::thread::Builder::new()
        .name("identity-key".to_owned())
        .spawn(move || prepared.prepare())
        .map_err(|error| StartError::cannot("identity", error))?;
    Ok(assertions)
}

/// A new key. Nothing goes upstream unsigned while there is none.
fn made() -> SigningKey {
    loop {
        match SigningKey::generate() {
            Ok(key) => return key,
            Err(error) => tracing::error!(%error, "identity tokens cannot be signed yet"),
        }
        std::thread::sleep(RETRY);
    }
}

fn read(file: &Path) -> Result<SigningKey, StartError> {
    let what = || format!("identity.key_file {}", file.display());
    let pem =
        secret_file::read(file, LARGEST).map_err(|error| StartError::cannot(what(), error))?;
    SigningKey::from_pem(&pem).map_err(|error| StartError::cannot(what(), error))
}
