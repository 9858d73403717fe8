//! The process that runs with a configuration, asked through its admin listener; if none runs, the state that it left.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::cli::demo::client;
use crate::cli::output::Failed;
use crate::cli::run::control_runtime;
use crate::clock::Clock;
use crate::config::{Admin, Settings};
use crate::state::{self, Ledger, OpenError, RevokeError};

/// How long a process on this machine may take to accept.
const CONNECT: Duration = Duration::from_secs(2);

/// The admin listener, if something accepts there.
pub(super) fn running(settings: &Settings) -> Option<&Admin> {
    let admin = settings.admin.as_ref()?;
    TcpStream::connect_timeout(&admin.address, CONNECT).ok()?;
    Some(admin)
}

/// Asks it.
pub(super) fn ask(
    admin: &Admin,
    method: &str,
    target: &str,
    body: String,
) -> Result<Value, Failed> {
    let file = admin.token_file.display();
    let token = std::fs::read_to_string(&admin.token_file)
        .map_err(|error| Failed(format!("{file}: {error}")))?;
    let address: SocketAddr = admin.address;
    let headers = [
        ("host", address.to_string()),
        ("authorization", format!("Bearer {}", token.trim())),
        ("content-type", "application/json".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    let answer = control_runtime()?
        .block_on(client::send(address, method, target, &headers, body))
        .map_err(|error| Failed(format!("the process at {address}: {error:#}")))?;
    match answer.status {
        200 | 201 => Ok(answer.body),
        401 => Err(Failed(format!(
            "the process at {address} does not know the token in {file}: another one listens there, or it was started anew"
        ))),
        status => {
            let message = answer.body.get("message").and_then(Value::as_str);
            let message = message.map_or_else(|| format!("HTTP {status}"), str::to_owned);
            Err(Failed(message))
        }
    }
}

/// What it left.
pub(super) fn left(settings: &Settings, clock: Clock) -> Result<Ledger, Failed> {
    if settings.state.path.is_none() && settings.state.redis.is_some() {
        return Err(Failed::new(
            "no process that could pass it on answers at the admin listener, and there is no `state.path`",
        ));
    }
    if settings.state.path.is_none() {
        return Err(Failed(RevokeError::Nowhere.to_string()));
    }
    let known = state::Settings {
        path: settings.state.path.clone(),
        // The process that comes passes it on.
        redis: None,
    };
    Ledger::open(&known, clock).map_err(|error| match error {
        OpenError::InUse(folder) => Failed(format!(
            "a process uses {} and cannot be asked: set `admin: {{ address: 127.0.0.1:9903, token_file: ./state/admin-token }}` in its configuration",
            folder.display()
        )),
        error @ (OpenError::Io { .. } | OpenError::Damaged { .. }) => Failed(error.to_string()),
    })
}
