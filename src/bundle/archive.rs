//! A whole bundle in one file: `bundle.yaml` (`files: {path: content}`) or a gzipped tar archive.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::files::{self, Files, MAX_FILE, MAX_FILES, MAX_TOTAL};
use crate::source::mapping::{Mapping, string};
use crate::source::{Report, yaml as yaml_reader};

/// Bytes of a bundle in one file.
pub(super) const MAX_PACKED: u64 = 64 * 1024 * 1024;

/// Reads `bundle.yaml`.
pub(super) fn yaml(name: &str, bytes: &[u8], files: &mut Files) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        files.fault(
            name,
            "not-utf8",
            "this is no UTF-8 text",
            "save the file as UTF-8",
        );
        return;
    };
    let mut report = Report::on(name);
    if let Some(node) = yaml_reader::read(text, &mut report)
        && let Some(mut map) = Mapping::of(&node, "a bundle", &mut report)
    {
        map.required("files", &mut report);
        for entry in map.map("files", &mut report) {
            if let Some((content, _)) = string(&entry.value, &entry.key, &mut report)
                && !passed_over(&entry.key)
            {
                files.insert(&entry.key, content.as_bytes().to_vec());
            }
        }
        map.finish(&mut report);
    }
    files.lost_some(report.has_errors());
    for fault in report.into_faults() {
        files.keep(fault);
    }
}

/// Reads a gzipped tar archive.
pub(super) fn tar(name: &str, bytes: &[u8], files: &mut Files) {
    // Headers and padding come on top of the contents; a bomb is cut off here, whatever its headers say.
    let most = MAX_TOTAL.saturating_mul(2);
    let mut archive = ::tar::Archive::new(MultiGzDecoder::new(bytes).take(most));
    let result = archive.entries().and_then(|entries| {
        for (count, entry) in entries.enumerate() {
            if count >= MAX_FILES || files.is_full() {
                files.crowded(name);
                return Ok(());
            }
            member(name, entry?, files)?;
        }
        Ok(())
    });
    // Read to the end, behind which stands the checksum of the whole.
    let mut rest = archive.into_inner();
    let result = result.and_then(|()| std::io::copy(&mut rest, &mut std::io::sink()));
    if rest.limit() == 0 {
        files.crowded(name);
    }
    if let Err(error) = result {
        let message = format!("the archive cannot be unpacked: {error}");
        let help = format!("make it anew: tar -czf {name} -C policies .");
        files.fault(name, "bad-archive", &message, &help);
        files.lost_some(true);
    }
}

fn member(
    archive: &str,
    mut entry: ::tar::Entry<'_, impl Read>,
    files: &mut Files,
) -> std::io::Result<()> {
    let raw = entry.path_bytes().into_owned();
    let Ok(name) = String::from_utf8(raw) else {
        files.fault(
            archive,
            "bad-path",
            "a name in the archive is no UTF-8 text",
            "rename the file",
        );
        return Ok(());
    };
    let path = name.trim_start_matches("./");
    let kind = entry.header().entry_type();
    if kind.is_dir() || kind.is_pax_global_extensions() {
        return Ok(());
    }
    if passed_over(path) {
        return Ok(());
    }
    if !kind.is_file() {
        let message = "an archive holds files and folders only: no links, no devices";
        files.fault(
            path,
            "bad-link",
            message,
            "put a copy in its place (tar --dereference)",
        );
        return Ok(());
    }
    if files.text(path).is_some() {
        files.fault(
            path,
            "duplicate-file",
            "the archive holds this file twice",
            "which one would count is anyone's guess: make the archive anew from a folder",
        );
        return Ok(());
    }
    if entry.size() > MAX_FILE {
        files.too_large(path, MAX_FILE);
        return Ok(());
    }
    let mut content = Vec::new();
    entry
        .by_ref()
        .take(MAX_FILE.saturating_add(1))
        .read_to_end(&mut content)?;
    files.insert(path, content);
    Ok(())
}

/// As in a folder, some names are passed over; `..` is not, it is a fault.
fn passed_over(path: &str) -> bool {
    path.is_empty()
        || path
            .split('/')
            .any(|part| part != "." && part != ".." && files::passed_over(part))
}
