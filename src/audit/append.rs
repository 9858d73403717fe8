//! Appends whole lines: what a full disk cut short is taken back, so that nobody reads half a record.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// Something that grows at its end.
pub(super) trait Append {
    /// Writes some of `bytes` at the end, and says how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Takes back the last `bytes`.
    fn take_back(&mut self, bytes: u64) -> io::Result<()>;
}

impl Append for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn take_back(&mut self, bytes: u64) -> io::Result<()> {
        // The length is asked for anew: somebody may have truncated the file meanwhile.
        let length = self.metadata()?.len();
        self.set_len(length.saturating_sub(bytes))
    }
}

/// Writes what follows `written` in `batch`, which consists of whole lines, and moves `written` behind it.
///
/// After an error `written` is where to go on, in this same place; when that is inside a line, the line's beginning
/// could not be taken back.
pub(super) fn append(place: &mut impl Append, batch: &[u8], written: &mut usize) -> io::Result<()> {
    while let Some(rest) = batch.get(*written..).filter(|rest| !rest.is_empty()) {
        let error = match place.write(rest) {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(count) => {
                *written = written.saturating_add(count);
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        let line = line_start(batch, *written);
        let torn = written.saturating_sub(line);
        if torn > 0 && place.take_back(torn as u64).is_ok() {
            *written = line;
        }
        return Err(error);
    }
    Ok(())
}

/// Where the line begins that `offset` is in.
pub(super) fn line_start(batch: &[u8], offset: usize) -> usize {
    batch
        .get(..offset)
        .and_then(|before| before.iter().rposition(|byte| *byte == b'\n'))
        .map_or(0, |end| end.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A disk with room for a few bytes.
    struct Disk {
        content: Vec<u8>,
        room: usize,
        /// Whether it can take back what it holds.
        file: bool,
    }

    impl Append for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes
                .len()
                .min(self.room.saturating_sub(self.content.len()))
                .min(7);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn take_back(&mut self, bytes: u64) -> io::Result<()> {
            if !self.file {
                return Err(ErrorKind::Unsupported.into());
            }
            let length = self
                .content
                .len()
                .saturating_sub(usize::try_from(bytes).unwrap());
            self.content.truncate(length);
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn a_full_disk_holds_whole_lines_and_gets_the_rest_later(
            lines in proptest::collection::vec("[a-z]{0,20}", 1..20),
            room in 0_usize..200,
            file in any::<bool>(),
        ) {
            let batch = lines.join("\n") + "\n";
            let mut disk = Disk { content: Vec::new(), room, file };
            let mut written = 0;
            let full = append(&mut disk, batch.as_bytes(), &mut written).is_err();
            prop_assert_eq!(full, batch.len() > room);
            if file {
                prop_assert!(disk.content.is_empty() || disk.content.ends_with(b"\n"));
            }
            disk.room = usize::MAX;
            append(&mut disk, batch.as_bytes(), &mut written).unwrap();
            prop_assert_eq!(String::from_utf8(disk.content).unwrap(), batch);
        }
    }
}
