//! `sidegate simulate`: one decision explained layer by layer, or many cases as JSON lines.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::arn::AccountId;
use crate::authn::{Identity, named};
use crate::cli::asked;
use crate::cli::output::{self, Failed, Format, Outcome};
use crate::cli::simulate_jsonl;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::gate::simulation::{Question, explain};
use crate::policy::context::Map;
use crate::policy::{self, Kind, Policy, PolicySet, Principal, Verdict};
use crate::source::nearest;

/// As much as a pipe holds: each time that the input runs dry the answers are sent.
const JSONL_BUFFER: usize = 64 * 1024;

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Who: the ARN of a user, a role, a role session or a federated user, an account's root, a service's name, or
    /// `anonymous`.
    #[arg(long, value_name = "ARN", required_unless_present = "jsonl")]
    principal: Option<String>,
    /// Of a federated user: the ARN of the IAM user who made its session.
    #[arg(long, value_name = "ARN")]
    session_of: Option<String>,
    /// Of a user: a group that its token names besides those that it is a member of, by name. Several add up.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Of a session: the file of the session policy that was passed when it was made. Several add up.
    #[arg(long, value_name = "FILE")]
    session_policy: Vec<PathBuf>,
    /// What: an action like orders:GetOrder.
    #[arg(long, required_unless_present = "jsonl")]
    action: Option<String>,
    /// To which resource: its ARN, or *.
    #[arg(long, value_name = "ARN", required_unless_present = "jsonl")]
    resource: Option<String>,
    /// A context key, like aws:SourceIp=203.0.113.7. The same key several times makes it multivalued.
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// The account that owns the resource, where its ARN names none. Default: the principal's.
    #[arg(long, value_name = "ID")]
    resource_account: Option<String>,
    /// The bundle: a folder, a bundle.yaml or a .tar.gz.
    #[arg(short, long, value_name = "PATH", default_value = "policies")]
    bundle: PathBuf,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Judge self-contained cases: one JSON object a line on stdin, one decision a line on stdout; reads no bundle.
    #[arg(long, conflicts_with_all = ["principal", "session_of", "session_policy", "group", "action", "resource", "context", "resource_account", "bundle", "format"])]
    jsonl: bool,
}

/// Runs `simulate`: 0 when it is allowed, 1 when it is not.
pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.jsonl {
        let input = io::BufReader::with_capacity(JSONL_BUFFER, io::stdin().lock());
        let output = io::BufWriter::with_capacity(JSONL_BUFFER, io::stdout().lock());
        let ended = simulate_jsonl::run(input, output);
        return match ended {
            // Whoever read the answers has enough of them.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
            Err(error) => Err(Failed(format!(
                "the cases cannot be read, or their answers cannot be written: {error}"
            ))),
            Ok(()) => Ok(ExitCode::SUCCESS),
        };
    }
    let (Some(principal), Some(action), Some(resource)) =
        (&arguments.principal, &arguments.action, &arguments.resource)
    else {
        return Err(Failed::new(
            "--principal, --action and --resource are needed",
        ));
    };
    let context = context(&arguments.context)?;
    let resource_account = match &arguments.resource_account {
        None => None,
        Some(id) => Some(
            AccountId::parse(id)
                .ok_or_else(|| Failed(format!("`{id}` is no account id: twelve digits")))?,
        ),
    };
    asked::check(action, resource)?;
    let snapshot = output::load(&arguments.bundle)?;
    let maker = arguments.session_of.as_deref();
    let mut identity =
        named(principal, maker, &snapshot.directory).map_err(|error| Failed(error.to_string()))?;
    for group in &arguments.group {
        add_group(&mut identity, group, &snapshot.directory)?;
    }
    if !arguments.session_policy.is_empty() {
        identity.session_policies = Some(session_policies(&identity, &arguments.session_policy)?);
    }
    let question = Question {
        identity: &identity,
        action,
        resource,
        resource_account,
        context: &context,
        now: Clock::machine().now(),
    };
    let explanation = explain(&snapshot, &question);
    output::print(&match arguments.format {
        Format::Table => explanation.table(),
        Format::Json => {
            let data = serde_json::to_string_pretty(&explanation);
            format!("{}\n", data.map_err(|error| Failed(error.to_string()))?)
        }
    })?;
    Ok(match explanation.decision {
        Verdict::Allowed => ExitCode::SUCCESS,
        Verdict::ExplicitDeny | Verdict::ImplicitDeny => ExitCode::from(1),
    })
}

/// Adds a group to those that a user is a member of, as a token that names it does.
fn add_group(identity: &mut Identity, name: &str, directory: &Directory) -> Result<(), Failed> {
    let is_user = matches!(identity.principal, Principal::User { .. });
    let Some(user) = identity.user.as_ref().filter(|_| is_user) else {
        return Err(Failed(format!(
            "{} is no user, and only users are in groups",
            identity.principal.name()
        )));
    };
    let Some(group) = directory.group_named(user.account, name) else {
        let known = directory.groups_of(user.account).map(|group| &*group.name);
        let hint =
            nearest(name, known).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        return Err(Failed(format!(
            "the account {} has no group {name}{hint}",
            user.account
        )));
    };
    if !identity.groups.iter().any(|own| own.arn == group.arn) {
        identity.groups.push(Arc::clone(group));
    }
    Ok(())
}

/// Reads the policies that a session is limited by.
fn session_policies(identity: &Identity, files: &[PathBuf]) -> Result<Arc<PolicySet>, Failed> {
    let is_session = matches!(
        identity.principal,
        Principal::RoleSession { .. } | Principal::Role { .. } | Principal::FederatedUser { .. }
    );
    if !is_session {
        return Err(Failed(format!(
            "{} is no session, and only sessions have session policies",
            identity.principal.name()
        )));
    }
    let mut policies = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failed(format!("the session policy {name} cannot be read: {error}"))
        })?;
        let document = policy::parse(&text, Kind::Session, &name).map_err(|report| {
            let lines: Vec<String> = report.faults().iter().map(ToString::to_string).collect();
            Failed(lines.join("\n"))
        })?;
        policies.push(Arc::new(Policy::compile(&document, &name)));
    }
    Ok(Arc::new(PolicySet::new(policies)))
}

fn context(given: &[String]) -> Result<Map, Failed> {
    let mut keys: Vec<(&str, Vec<&str>)> = Vec::new();
    for pair in given {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| Failed(format!("`{pair}` is no context key: write KEY=VALUE")))?;
        match keys
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
        {
            Some((_, values)) => values.push(value),
            None => keys.push((key, vec![value])),
        }
    }
    let mut context = Map::new();
    for (key, values) in keys {
        match values.as_slice() {
            [value] => context.set(key, *value),
            values => context.set_many(key, values.iter().copied()),
        };
    }
    Ok(context)
}
