//! The demo's folder: SecureCart's bundle out of the program itself, made to trust the demo's issuer, with a
//! configuration, an `env` file for shells, and the issuer's keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use include_dir::{Dir, include_dir};

use crate::cli::demo::edits;
use crate::cli::demo::issuer::Provider;
use crate::cli::demo::private;
use crate::clock::Clock;
use crate::source::{Node, Report, yaml};
use crate::sts::Keyring;

/// The example bundle, as it was when the program was built.
static POLICIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/policies");

/// A bundle's files: path to text.
pub type Files = BTreeMap<String, String>;

/// The files of the example bundle.
pub fn example() -> Files {
    let mut files = Files::new();
    collect(&POLICIES, &mut files);
    files
}

fn collect(folder: &Dir<'_>, files: &mut Files) {
    for file in folder.files() {
        let text = file.contents_utf8().unwrap_or_default();
        files.insert(file.path().to_string_lossy().into_owned(), text.to_owned());
    }
    for inner in folder.dirs() {
        collect(inner, files);
    }
}

/// The providers of a bundle, by name, as its files name them.
pub fn providers(files: &Files) -> BTreeMap<String, Provider> {
    let mut providers = BTreeMap::new();
    for (path, text) in files {
        let name = path.strip_prefix("identity-providers/");
        let Some(name) = name.and_then(|name| name.strip_suffix(".yaml")) else {
            continue;
        };
        let Some(node) = yaml::read(text, &mut Report::on(path)) else {
            continue;
        };
        let Some(issuer) = node.get("issuer").and_then(Node::as_str) else {
            continue;
        };
        let texts = |key: &str| {
            let list = node.get(key).and_then(Node::as_list).unwrap_or_default();
            let texts = list.iter().filter_map(Node::as_str);
            texts.map(str::to_owned).collect()
        };
        let provider = Provider {
            issuer: issuer.to_owned(),
            audiences: texts("audiences"),
            algorithms: texts("algorithms"),
        };
        providers.insert(name.to_owned(), provider);
    }
    providers
}

/// The names of the upstreams that a bundle's routes lead to.
pub fn upstreams(files: &Files) -> BTreeSet<String> {
    files
        .iter()
        .filter(|(path, _)| path.starts_with("routes/"))
        .filter_map(|(path, text)| {
            let node = yaml::read(text, &mut Report::on(path))?;
            Some(node.get("upstream")?.as_str()?.to_owned())
        })
        .collect()
}

/// Puts issuers at `base` (`http://127.0.0.1:PORT`) in place of the bundle's, everywhere: in the providers' files, in
/// trust policies' principals and in condition keys, which all name a provider by its issuer's host and path.
pub fn rewrite(files: &mut Files, base: &str) -> BTreeMap<String, Provider> {
    let mut providers = providers(files);
    let mut changes: Vec<(String, String)> = Vec::new();
    for (name, provider) in &mut providers {
        let issuer = format!("{base}/{name}");
        changes.push((provider.issuer.clone(), issuer.clone()));
        let place = without_scheme(&provider.issuer);
        changes.push((place.to_owned(), without_scheme(&issuer).to_owned()));
        provider.issuer = issuer;
    }
    // A longer name may hold a shorter one.
    changes.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    for text in files.values_mut() {
        for (from, to) in &changes {
            if text.contains(from) {
                *text = text.replace(from, to);
            }
        }
    }
    providers
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, place)| place)
}

/// Makes the folder ready, and takes it for this process; what an earlier demo left stays.
///
/// # Errors
/// When it holds something that no demo wrote, or cannot be written.
pub fn prepare(folder: &Path) -> Result<fs::File> {
    let mark = folder.join(MARK);
    let shown = folder.display();
    if folder.exists() && !mark.exists() {
        let mut entries = fs::read_dir(folder).with_context(|| {
            format!("{shown} cannot be read as a folder: name another with --folder")
        })?;
        if entries.next().is_some() {
            bail!("{shown} is not empty and no demo made it: name another folder with --folder");
        }
    }
    fs::create_dir_all(folder)
        .with_context(|| format!("{shown} cannot be made: name another folder with --folder"))?;
    // Taken before anything is written: a demo that runs here would take up what another one writes.
    let lock = fs::File::create(folder.join(LOCK)).with_context(|| {
        format!("{shown} cannot be written to: name another folder with --folder")
    })?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another demo runs in {shown}: stop it, or name another folder with --folder")
        }
        Err(fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| {
                format!("{shown} cannot be locked: name another folder with --folder")
            });
        }
    }
    let made = || -> std::io::Result<()> {
        // Its keys and tokens are nothing to commit.
        fs::write(&mark, "*\n")?;
        let (policies, old) = (folder.join("policies"), folder.join(OLD));
        if old.exists() && !policies.exists() {
            // A demo ended while it exchanged them.
            fs::rename(old, policies)?;
        }
        Ok(())
    };
    made().with_context(|| format!("{} cannot be prepared", folder.display()))?;
    Ok(lock)
}

/// Locked by the demo that runs in the folder.
const LOCK: &str = "lock";

/// The bundle of the demo before, while its successor is put in its place.
const OLD: &str = "policies.old";

/// The file by which a folder is known as a demo's.
const MARK: &str = ".gitignore";

/// Writes the bundle into the folder, whole or not at all, in place of one that may be there.
///
/// # Errors
/// When a file cannot be written.
pub fn write_bundle(folder: &Path, files: &Files, record: &str) -> Result<PathBuf> {
    let root = folder.join("policies");
    let (new, old) = (folder.join("policies.new"), folder.join(OLD));
    let write = |path: &str, text: &str| -> Result<()> {
        let path = new.join(path);
        let written = || -> std::io::Result<()> {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, text)
        };
        written().with_context(|| format!("{} cannot be written", path.display()))
    };
    remove(&new)?;
    for (path, text) in files {
        write(path, text)?;
    }
    write(edits::RECORD, record)?;
    let exchange = || -> std::io::Result<()> {
        if root.exists() {
            remove(&old)?;
            fs::rename(&root, &old)?;
        }
        fs::rename(&new, &root)?;
        remove(&old)
    };
    exchange().with_context(|| format!("{} cannot be written", root.display()))?;
    Ok(root)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Err(_) | Ok(()) => Ok(()),
    }
}

/// The text of `sidegate.yaml`.
pub fn configuration(upstreams: &[(String, String)]) -> String {
    let mut text = String::from(
        "# Made by `sidegate demo`. Port 0 means a free one; `env` says which were taken.\n\
         listeners:\n  - { name: ingress, address: \"127.0.0.1:0\" }\nupstreams:\n",
    );
    for (name, url) in upstreams {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name}: {{ url: \"{url}\" }}");
    }
    text.push_str(
        "bundle: { path: ./policies }\nhealth: { address: \"127.0.0.1:0\" }\n\
         audit: { file: ./audit/ }\nlog: { level: warn }\n",
    );
    text.push_str(
        "keyring: ./keyring.yaml\nsts: { address: \"127.0.0.1:0\" }\ncredentials: ./credentials.yaml\n",
    );
    text
}

/// Writes the keyring, unless an earlier demo did: sessions outlive it.
///
/// # Errors
/// When it cannot be made or written.
pub fn write_keyring(folder: &Path) -> Result<()> {
    let path = folder.join("keyring.yaml");
    if path.exists() {
        return Ok(());
    }
    let keyring = Keyring::new(Clock::machine().now())?;
    private::write(&path, keyring.text().expose())
}

/// Writes `sidegate.yaml`.
///
/// # Errors
/// When it cannot be written.
pub fn write_configuration(folder: &Path, text: &str) -> Result<PathBuf> {
    let path = folder.join("sidegate.yaml");
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

/// Writes the shell variables, tokens among them.
///
/// # Errors
/// When the file cannot be written.
pub fn write_env(folder: &Path, variables: &[(String, String)]) -> Result<PathBuf> {
    let mut text = String::new();
    for (name, value) in variables {
        // Ports, URLs and tokens hold no quotes.
        let _ = writeln!(text, "export {name}='{value}'");
    }
    // The commands of the stories name the program as it is named where it is installed.
    if let Some(program) = std::env::current_exe()
        .ok()
        .as_deref()
        .and_then(Path::to_str)
        && !program.contains('\'')
    {
        let _ = writeln!(
            text,
            "command -v sidegate >/dev/null || sidegate() {{ '{program}' \"$@\"; }}"
        );
    }
    let path = folder.join("env");
    private::write(&path, &text)?;
    Ok(path)
}
