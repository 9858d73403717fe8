//! A wrapper for values that must never be printed.
//!
//! Has no `Display`, no `Serialize` and a redacting `Debug`; whoever needs the value says so with [`Secret::expose`].

use std::fmt;
#[cfg(feature = "server")]
use std::{fs, io, path::Path};

/// A secret value.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Never log, format or serialize what this returns.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Opens a file that holds secrets and is followed. A pipe in its place would be waited for, and whoever follows the
/// file would follow it no more.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
#[cfg(feature = "server")]
pub fn open(path: &Path) -> io::Result<fs::File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    fs::File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[redacted]");
    }
}
