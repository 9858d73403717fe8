//! `sidegate import`: a bundle from what `aws iam get-account-authorization-details` prints.
//!
//! Everything is read and checked before anything is written; the folder is put together beside its place and moved
//! there whole. What is written is then read as a bundle, and what does not hold is told.

mod account;
mod details;
mod provider;
mod yaml;

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::bundle::{self, Files, Options};
use crate::cli::output::{self, Failed, Outcome};
use crate::source::Severity;
use account::Written;

/// No honest account's details are longer.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The JSON that `aws iam get-account-authorization-details` printed; - for stdin.
    file: PathBuf,
    /// The bundle's folder: a new one, or an empty one.
    #[arg(long, value_name = "FOLDER", default_value = "policies")]
    to: PathBuf,
    /// The account's name.
    #[arg(long, default_value = "imported")]
    name: String,
}

/// Runs `import`: 0 when the bundle is valid, 1 when it was written and something in it is to be mended.
pub fn run(arguments: &Arguments) -> Outcome {
    let to = &arguments.to;
    check_free(to)?;
    let name = arguments.file.display().to_string();
    let text = read(&arguments.file).map_err(|error| Failed(format!("{name}: {error}")))?;
    let written = account::bundle(&text, &name, &arguments.name)?;
    put(to, &written).map_err(|error| Failed(format!("{}: {error}", to.display())))?;
    let files = Files::read(to);
    let loaded = bundle::load(&files, &Options::default());
    let faults = loaded.err().unwrap_or_default();
    let errors = faults
        .iter()
        .filter(|fault| fault.severity == Severity::Error);
    for fault in errors {
        output::complain(&files.render(fault));
    }
    let folder = to.display();
    output::print(&format!("{} are in {folder}\n", written.summary))?;
    for path in &written.to_complete {
        output::complain(&format!(
            "{folder}/{path}: an identity provider that roles trust; nobody is let in by it until you complete it"
        ));
    }
    if faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output::complain(&format!(
        "{}: mend them, then `sidegate check {folder}`",
        output::count(&faults)
    ));
    Ok(ExitCode::from(1))
}

/// Nothing is ever written over.
fn check_free(to: &Path) -> Result<(), Failed> {
    let taken = |what: &str| {
        let name = to.display();
        Failed(format!(
            "{name} {what}: nothing is written over; name another folder with --to"
        ))
    };
    match fs::read_dir(to) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(taken("is not empty")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(taken(&format!("cannot be used ({error})"))),
    }
}

fn read(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let most = MAX_BYTES.saturating_add(1);
    let read = if file.as_os_str() == "-" {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    let length = read.map_err(|error| error.to_string())?;
    if u64::try_from(length).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())
}

/// Writes all files beside the folder, then moves them there.
fn put(to: &Path, written: &Written) -> io::Result<()> {
    let name = to.file_name().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "this names no folder of its own",
        )
    })?;
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    let made = tempfile(parent, name)?;
    let done = fill(&made, written).and_then(|()| fs::rename(&made, to));
    if done.is_err() {
        // What cannot be removed is told by what went wrong before.
        let _ = fs::remove_dir_all(&made);
    }
    done
}

/// A new folder of nobody else's.
fn tempfile(parent: &Path, name: &std::ffi::OsStr) -> io::Result<PathBuf> {
    let mut made = std::ffi::OsString::from(".");
    made.push(name);
    made.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let made = parent.join(made);
    fs::create_dir(&made)?;
    Ok(made)
}

fn fill(folder: &Path, written: &Written) -> io::Result<()> {
    for (path, text) in &written.files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::File::create_new(path)?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}
