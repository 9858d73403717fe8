//! What credentials there are and when access keys were used last, without any of their secrets.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::admin::api::ACCESS_KEYS;
use crate::authn::KeyOwner;
use crate::authn::credentials::Credentials;
use crate::cli::output::{self, Failed, Format};
use crate::cli::process::{ask, left, running};
use crate::clock::{Clock, Timestamp};
use crate::config;

use super::store::Files;

const DAY: u64 = 24 * 60 * 60;
const ACCESS_KEY: &str = "access key";

/// A row.
struct Row {
    kind: &'static str,
    id: String,
    of: String,
    status: &'static str,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    last_used: Option<LastUsed>,
}

/// The last use of an access key.
struct LastUsed {
    at: String,
    service: String,
    region: String,
}

pub(super) fn print(
    path: &Path,
    config: &Path,
    now: Timestamp,
    format: Format,
) -> Result<(), Failed> {
    if !path.exists() {
        return Err(Failed(format!(
            "{} is not there; `sidegate credentials create-access-key` makes it",
            path.display()
        )));
    }
    let mut rows = rows(&Files::open(path)?.credentials, now);
    let mut used = last_uses(config).unwrap_or_else(|Failed(why)| {
        output::complain(&format!("when keys were used last is not known: {why}"));
        HashMap::new()
    });
    for row in rows.iter_mut().filter(|row| row.kind == ACCESS_KEY) {
        row.last_used = used.remove(&row.id);
    }
    rows.sort_by(|a, b| (a.kind, &a.of, &a.id).cmp(&(b.kind, &b.of, &b.id)));
    match format {
        Format::Json => {
            let rows: Vec<Value> = rows.iter().map(|row| row.json(now)).collect();
            output::print(&format!("{:#}\n", json!({ "credentials": rows })))
        }
        Format::Table => output::print(&table(&rows, now)),
    }
}

/// What the process knows that runs with this configuration, or left; without one nothing.
fn last_uses(config: &Path) -> Result<HashMap<String, LastUsed>, Failed> {
    if !config.exists() {
        return Ok(HashMap::new());
    }
    let settings = config::load(config, config::environment())
        .map_err(|_| Failed(format!("{} is not valid", config.display())))?;
    if let Some(admin) = running(&settings) {
        let told = ask(admin, "GET", ACCESS_KEYS, String::new())?;
        let all = told.get("access_keys").and_then(Value::as_array);
        let all = all.into_iter().flatten().filter_map(|one| {
            let of = |name| one.get(name).and_then(Value::as_str).map(str::to_owned);
            let last = LastUsed {
                at: of("last_used")?,
                service: of("service")?,
                region: of("region")?,
            };
            Some((of("id")?, last))
        });
        return Ok(all.collect());
    }
    // To look is not to begin one.
    if !settings
        .state
        .path
        .as_ref()
        .is_some_and(|path| path.exists())
    {
        return Ok(HashMap::new());
    }
    let ledger = left(&settings, Clock::machine())?;
    let all = ledger.last_uses().into_iter().map(|(id, last)| {
        let last = LastUsed {
            at: last.at.rfc3339(),
            service: last.service.into(),
            region: last.region.into(),
        };
        (id.into(), last)
    });
    Ok(all.collect())
}

fn rows(credentials: &Credentials, now: Timestamp) -> Vec<Row> {
    let word = |active: bool| if active { "Active" } else { "Inactive" };
    let mut rows = Vec::new();
    for (id, key) in credentials.access_keys() {
        let of = match &key.owner {
            KeyOwner::User(user) => user.to_string(),
            KeyOwner::Root(account) => format!("root of {account}"),
            KeyOwner::Session(_) => continue,
        };
        rows.push(Row {
            kind: ACCESS_KEY,
            id: id.to_owned(),
            of,
            status: word(key.active),
            created: key.created,
            expires: None,
            last_used: None,
        });
    }
    for (id, key) in credentials.api_keys() {
        let expired = now >= key.expires;
        rows.push(Row {
            kind: "api key",
            id: id.to_owned(),
            of: key.user.to_string(),
            status: if expired { "Expired" } else { word(key.active) },
            created: key.created,
            expires: Some(key.expires),
            last_used: None,
        });
    }
    for device in credentials.sts().totp.keys() {
        rows.push(Row {
            kind: "mfa",
            id: device.to_string(),
            of: String::new(),
            status: "Active",
            created: None,
            expires: None,
            last_used: None,
        });
    }
    for (user, password) in &credentials.sts().passwords {
        rows.push(Row {
            kind: "password",
            id: String::new(),
            of: user.to_string(),
            status: "Active",
            created: password.changed,
            expires: None,
            last_used: None,
        });
    }
    rows
}

impl Row {
    fn age(&self, now: Timestamp) -> Option<u64> {
        let seconds = now.since(self.created?).as_secs();
        seconds.checked_div(DAY)
    }

    fn json(&self, now: Timestamp) -> Value {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        json!({
            "kind": self.kind,
            "id": some(&self.id),
            "of": some(&self.of),
            "status": self.status,
            "created": self.created.map(Timestamp::rfc3339),
            "age_days": self.age(now),
            "expires": self.expires.map(Timestamp::rfc3339),
            "last_used": self.last_used.as_ref().map(|last| json!({
                "at": last.at, "service": last.service, "region": last.region,
            })),
        })
    }
}

fn table(rows: &[Row], now: Timestamp) -> String {
    let head = ["KIND", "ID", "STATUS", "AGE", "LAST USED", "EXPIRES", "OF"].map(str::to_owned);
    let dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let lines = rows.iter().map(|row| {
        let age = row.age(now).map(|days| format!("{days} d"));
        let last = row.last_used.as_ref();
        let last = last.map(|last| format!("{} {}", last.at, last.service));
        [
            row.kind.to_owned(),
            dash(row.id.clone()),
            row.status.to_owned(),
            dash(age.unwrap_or_default()),
            dash(last.unwrap_or_default()),
            dash(row.expires.map(Timestamp::rfc3339).unwrap_or_default()),
            dash(row.of.clone()),
        ]
    });
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(lines).collect();
    let mut widths = [0_usize; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
