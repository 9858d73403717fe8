//! Opening and reading files that hold secrets, keys or certificates, and are followed.
//!
//! Uses the file system; knows nothing of what is in them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Opens one. A pipe in its place would be waited for, and whoever follows the file would follow it no more.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    File::open(path)
}

/// Reads one of `most` bytes at most.
///
/// # Errors
/// When it cannot be read, is no regular file, or is larger.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut limited = open(path)?.take(most.saturating_add(1));
    let length = limited.read_to_end(&mut bytes)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_whole_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"abc");
        let larger = read(&path, 2).unwrap_err().to_string();
        assert_eq!(larger, "it is larger than 2 bytes");
        let folder = read(folder.path(), 3).unwrap_err().to_string();
        assert_eq!(folder, "it is no regular file");
    }
}
