//! Where a bundle lies, so that its faults are shown by paths that an editor opens from the current folder.

use std::collections::BTreeSet;
use std::path::Path;

/// The place that files were read from; by default none, and paths are shown as they are in the bundle.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The folder, or the one file that holds all.
    path: Option<Box<Path>>,
    /// The name of that one file.
    packed: Option<Box<str>>,
    /// Names of what lies in the same folder as that one file.
    pub(super) beside: BTreeSet<Box<str>>,
}

impl Origin {
    /// A folder.
    pub(super) fn folder(path: &Path) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    /// One file that holds all, and is called `name` in faults about itself.
    pub(super) fn packed(path: &Path, name: &str) -> Self {
        Self {
            path: Some(path.into()),
            packed: Some(name.into()),
            ..Self::default()
        }
    }

    /// The path of a file as seen from the current folder; of one in an archive, `ARCHIVE!/PATH`.
    pub(super) fn located(&self, file: &str) -> String {
        let (disk, is_itself) = self.on_disk(file);
        if is_itself {
            disk
        } else {
            format!("{disk}!/{file}")
        }
    }

    /// The file on the disk, and whether it is the very one and not an archive that holds it.
    pub(super) fn on_disk(&self, file: &str) -> (String, bool) {
        let Some(path) = &self.path else {
            return (file.to_owned(), true);
        };
        let shown = |path: &Path| {
            let text = path.to_string_lossy();
            text.strip_prefix("./").unwrap_or(&text).to_owned()
        };
        match &self.packed {
            _ if file.is_empty() => (shown(path), true),
            None => (shown(&path.join(file)), true),
            Some(name) if **name == *file => (shown(path), true),
            Some(_) if self.beside.contains(file) => (shown(&path.with_file_name(file)), true),
            Some(_) => (shown(path), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_current_folder() {
        let folder = |path: &str| Origin::folder(Path::new(path));
        assert_eq!(Origin::default().located("a/b.yaml"), "a/b.yaml");
        assert_eq!(folder("policies").located("a/b.yaml"), "policies/a/b.yaml");
        assert_eq!(folder("policies/").located("a.yaml"), "policies/a.yaml");
        assert_eq!(folder(".").located("a.yaml"), "a.yaml");
        assert_eq!(folder("../p").located("a.yaml"), "../p/a.yaml");
        assert_eq!(folder("/etc/p").located(""), "/etc/p");
        let mut packed = Origin::packed(Path::new("out/g.tar.gz"), "g.tar.gz");
        packed.beside.insert("x.yaml".into());
        assert_eq!(packed.located("g.tar.gz"), "out/g.tar.gz");
        assert_eq!(packed.located("a/b.yaml"), "out/g.tar.gz!/a/b.yaml");
        assert_eq!(packed.located("x.yaml"), "out/x.yaml");
    }
}
