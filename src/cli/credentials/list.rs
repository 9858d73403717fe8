//! What credentials there are, without any of their secrets.

use std::path::Path;

use serde_json::{Value, json};

use crate::authn::KeyOwner;
use crate::authn::credentials::Credentials;
use crate::cli::output::{self, Failed, Format};
use crate::clock::Timestamp;

use super::store::Files;

const DAY: u64 = 24 * 60 * 60;

/// A row.
struct Row {
    kind: &'static str,
    id: String,
    of: String,
    status: &'static str,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
}

pub(super) fn print(path: &Path, now: Timestamp, format: Format) -> Result<(), Failed> {
    if !path.exists() {
        return Err(Failed(format!(
            "{} is not there; `sidegate credentials create-access-key` makes it",
            path.display()
        )));
    }
    let mut rows = rows(&Files::open(path)?.credentials, now);
    rows.sort_by(|a, b| (a.kind, &a.of, &a.id).cmp(&(b.kind, &b.of, &b.id)));
    match format {
        Format::Json => {
            let rows: Vec<Value> = rows.iter().map(|row| row.json(now)).collect();
            output::print(&format!("{:#}\n", json!({ "credentials": rows })))
        }
        Format::Table => output::print(&table(&rows, now)),
    }
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
            kind: "access key",
            id: id.to_owned(),
            of,
            status: word(key.active),
            created: key.created,
            expires: None,
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
        })
    }
}

fn table(rows: &[Row], now: Timestamp) -> String {
    let head = ["KIND", "ID", "STATUS", "AGE", "EXPIRES", "OF"].map(str::to_owned);
    let dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let lines = rows.iter().map(|row| {
        let age = row.age(now).map(|days| format!("{days} d"));
        [
            row.kind.to_owned(),
            dash(row.id.clone()),
            row.status.to_owned(),
            dash(age.unwrap_or_default()),
            dash(row.expires.map(Timestamp::rfc3339).unwrap_or_default()),
            dash(row.of.clone()),
        ]
    });
    let lines: Vec<[String; 6]> = std::iter::once(head).chain(lines).collect();
    let mut widths = [0_usize; 6];
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
