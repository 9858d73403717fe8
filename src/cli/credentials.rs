//! `sidegate credentials`: makes and changes long-lived keys, second factors and passwords in `credentials.yaml`.
//!
//! Changes one entry of the text and leaves the rest as it was written (`store`). A secret is printed once, when it is
//! made, on stdout; nothing prints one again, and no command takes one as an argument. A running sidecar follows the
//! file by itself.

mod keys;
mod list;
mod mfa;
mod password;
mod store;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::arn::AccountId;
use crate::bundle::Snapshot;
use crate::cli::output::{self, Failed, Format, Outcome};
use crate::clock::{Clock, Timestamp};
use crate::directory::User;

/// Arguments of `credentials`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The file, or the folder whose *.yaml files count together; what is missing is made.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "credentials.yaml"
    )]
    credentials: PathBuf,
    /// The bundle that has the users: a folder, a bundle.yaml or a .tar.gz.
    #[arg(
        short,
        long,
        global = true,
        value_name = "PATH",
        default_value = "policies"
    )]
    bundle: PathBuf,
    /// Do not look in a bundle whether the user exists.
    #[arg(long, global = true)]
    unchecked: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an access key that signs requests (AWS Signature Version 4); its secret is shown this once.
    ///
    /// A user has two at most, so that one can be replaced by the other: create, roll out, deactivate, delete.
    CreateAccessKey {
        #[command(flatten)]
        owner: Owner,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Make an API key (X-Api-Key) for a machine that can do nothing better; the key is shown this once.
    CreateApiKey {
        /// The ARN of the user whose it is.
        #[arg(long, value_name = "ARN")]
        user: String,
        /// Its id: 4 to 32 letters and digits. Default: drawn.
        #[arg(long)]
        id: Option<String>,
        /// How long it lives.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Switch an access key or API key off: requests with it are refused within a second.
    Deactivate {
        /// Its id.
        id: String,
    },
    /// Switch it on again.
    Activate {
        /// Its id.
        id: String,
    },
    /// Delete an access key, an API key, a second factor or a password.
    Delete {
        /// The key's id, the device's ARN (…:mfa/NAME) or, for a password, the user's ARN.
        id: String,
    },
    /// Give a user a second factor (TOTP): draws a QR code for the authenticator app and asks for two codes of it.
    ///
    /// The user's file in the bundle names the device under `mfa_devices`. Codes are read from the terminal or stdin, or
    /// given by --codes for a seed that is known already.
    EnableMfa {
        #[command(flatten)]
        owner: Owner,
        /// The device's ARN. Default: …:mfa/ and the user's name; a root user's is …:mfa/root-account-mfa-device.
        #[arg(long, value_name = "ARN")]
        device: Option<String>,
        /// A file with the seed in base32 (- for stdin), in place of a new seed. Shown nowhere.
        #[arg(long, value_name = "FILE")]
        seed_file: Option<PathBuf>,
        /// Two codes that follow each other.
        #[arg(long, num_args = 2, value_names = ["CODE", "NEXT"], requires = "seed_file")]
        codes: Option<Vec<String>>,
        /// How to print a new seed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Set a user's password, as the account's password policy has it; read without echo, or from stdin.
    SetPassword {
        /// The user's ARN.
        #[arg(long, value_name = "ARN")]
        user: String,
    },
    /// List keys, second factors and passwords: whose they are, their status, age and last use, never a secret.
    List {
        /// The configuration of the process that uses them, which knows when access keys were used last.
        #[arg(short, long, value_name = "FILE", default_value = "sidegate.yaml")]
        config: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Whose an access key or second factor is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Owner {
    /// The ARN of the user whose it is.
    #[arg(long, value_name = "ARN")]
    user: Option<String>,
    /// The account whose root user it is for: for calls to the STS alone.
    #[arg(long, value_name = "ACCOUNT")]
    root: Option<String>,
}

/// Runs `credentials`: 1 when the answer is no (wrong codes, a password that the policy does not allow).
pub fn run(arguments: &Arguments) -> Outcome {
    let now = Timestamp::from_seconds(Clock::machine().now().seconds());
    let path = &arguments.credentials;
    match &arguments.command {
        Command::CreateAccessKey { owner, format } => {
            let owner = match (&owner.user, &owner.root) {
                (Some(user), _) => ("user", user_arn(arguments, user)?),
                (None, root) => (
                    "root",
                    account(arguments, root.as_deref().unwrap_or_default())?,
                ),
            };
            keys::create_access_key(path, owner, now, *format)
        }
        Command::CreateApiKey {
            user,
            id,
            days,
            format,
        } => {
            let user = user_arn(arguments, user)?;
            keys::create_api_key(path, &user, id.as_deref(), *days, now, *format)
        }
        Command::Deactivate { id } => keys::switch(path, id, "Inactive"),
        Command::Activate { id } => keys::switch(path, id, "Active"),
        Command::Delete { id } => keys::delete(path, id),
        Command::EnableMfa {
            owner,
            device,
            seed_file,
            codes,
            format,
        } => mfa::enable(&mfa::Asked {
            path,
            user: &match &owner.user {
                Some(user) => user_arn(arguments, user)?,
                None => root_arn(arguments, owner.root.as_deref().unwrap_or_default())?,
            },
            known: match &owner.user {
                Some(user) => known_user(arguments, user)?,
                None => None,
            }
            .as_deref(),
            device: device.as_deref(),
            seed_file: seed_file.as_deref(),
            codes: codes.as_deref(),
            format: *format,
        }),
        Command::SetPassword { user } => {
            let snapshot = output::load(&arguments.bundle)?;
            let user = find(arguments, &snapshot, user)?;
            let account = snapshot.directory.account(user.account);
            let account =
                account.ok_or_else(|| Failed::new("the user's account is not in the bundle"))?;
            password::set(path, &user, account, now)
        }
        Command::List { config, format } => {
            list::print(path, config, now, *format)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The ARN of a user of the bundle, or, unchecked, one that has the form of it.
fn user_arn(arguments: &Arguments, arn: &str) -> Result<String, Failed> {
    known_user(arguments, arn).map(|_| arn.to_owned())
}

fn known_user(arguments: &Arguments, arn: &str) -> Result<Option<Arc<User>>, Failed> {
    if arguments.unchecked {
        return Ok(None);
    }
    let snapshot = output::load(&arguments.bundle)?;
    find(arguments, &snapshot, arn).map(Some)
}

fn find(arguments: &Arguments, snapshot: &Snapshot, arn: &str) -> Result<Arc<User>, Failed> {
    snapshot.directory.user(arn).map(Arc::clone).ok_or_else(|| {
        let known = snapshot.directory.users().map(|user| &*user.arn);
        let nearest = crate::source::nearest(arn, known);
        let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
        Failed(format!(
            "the bundle {} has no user {arn}{hint} (users are named by their ARNs, path included)",
            arguments.bundle.display()
        ))
    })
}

fn account(arguments: &Arguments, id: &str) -> Result<String, Failed> {
    let known = AccountId::parse(id)
        .ok_or_else(|| Failed(format!("`{id}` is no account id: it has 12 digits")))?;
    if !arguments.unchecked {
        let snapshot = output::load(&arguments.bundle)?;
        if snapshot.directory.account(known).is_none() {
            let bundle = arguments.bundle.display();
            return Err(Failed(format!("the bundle {bundle} has no account {id}")));
        }
    }
    Ok(id.to_owned())
}

/// The ARN of an account's root user.
fn root_arn(arguments: &Arguments, id: &str) -> Result<String, Failed> {
    let id = account(arguments, id)?;
    let partition = if arguments.unchecked {
        "aws".to_owned()
    } else {
        let snapshot = output::load(&arguments.bundle)?;
        snapshot.directory.partition().to_owned()
    };
    Ok(format!("arn:{partition}:iam::{id}:root"))
}

/// Random bytes.
fn random<const N: usize>() -> Result<[u8; N], Failed> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failed::new("the system gives no random bytes"))?;
    Ok(bytes)
}
