//! The credential report: one line a user, with AWS's columns.
//!
//! It is made when it is asked for, of what is known now, so that every replica has it: GenerateCredentialReport is
//! always complete. Secrets are not in it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::authn::KeyOwner;
use crate::clock::Timestamp;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::{Answer, Call, view};

/// AWS's columns.
const HEAD: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// AWS's word for what is not there.
const NONE: &str = "N/A";

pub(super) fn generate(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[])?;
    call.authorize("*", None)?;
    let mut members = Members::default();
    members.text("State", "COMPLETE");
    Ok(members)
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[])?;
    call.authorize("*", None)?;
    let (directory, account) = (call.directory(), call.account()?);
    let mut report = HEAD.to_owned();
    let root = KeyOwner::Root(account);
    let not = "not_supported";
    let unknown = view::date(None);
    let root_arn = call.arn("root")?;
    let policy = directory.account(account);
    let days = policy.and_then(|account| account.password_policy.max_age_days);
    let life = days.map(|days| DAY.saturating_mul(u32::from(days)));
    line(
        &mut report,
        &[
            "<root_account>",
            &root_arn,
            &unknown,
            not,
            NONE,
            not,
            not,
            truth(call.root_device()?.is_some()),
        ],
        &keys(call, &root),
    );
    for user in directory.users_of(account) {
        let created = view::date(user.created.as_deref());
        let password = call.access_keys.password(&user.arn);
        let used = password.map_or(NONE, |_| "no_information");
        let changed = password.flatten();
        let next = changed.zip(life).map(|(at, life)| at.plus(life).rfc3339());
        let changed = changed.map(Timestamp::rfc3339);
        let mfa = call.devices_of(user).next().is_some();
        line(
            &mut report,
            &[
                &user.name,
                &user.arn,
                &created,
                truth(password.is_some()),
                used,
                changed.as_deref().unwrap_or(NONE),
                next.as_deref().unwrap_or(NONE),
                truth(mfa),
            ],
            &keys(call, &KeyOwner::User((&*user.arn).into())),
        );
    }
    let mut members = Members::default();
    members
        .text("Content", &STANDARD.encode(report))
        .text("ReportFormat", "text/csv")
        .text("GeneratedTime", &call.request.now.rfc3339());
    Ok(members)
}

/// The columns of two access keys: active ones first.
fn keys(call: &Call<'_>, owner: &KeyOwner) -> Vec<String> {
    let mut found = call.access_keys.of(owner);
    found.sort_by_key(|key| !key.active);
    let mut columns = Vec::with_capacity(10);
    for at in 0..2 {
        let key = found.get(at);
        let created = key.and_then(|key| key.created);
        columns.push(truth(key.is_some_and(|key| key.active)).to_owned());
        columns.push(created.map_or_else(|| NONE.to_owned(), Timestamp::rfc3339));
        let last = key.and_then(|key| call.access_keys.last_used(&key.id));
        columns.extend(match last {
            Some(last) => [last.at.rfc3339(), last.region.into(), last.service.into()],
            None => [NONE, NONE, NONE].map(str::to_owned),
        });
    }
    columns
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn line(report: &mut String, first: &[&str], keys: &[String]) {
    report.push('\n');
    let certificates = ["false", NONE, "false", NONE];
    let columns = first
        .iter()
        .copied()
        .chain(keys.iter().map(String::as_str))
        .chain(certificates);
    for (at, column) in columns.enumerate() {
        if at > 0 {
            report.push(',');
        }
        // Names may hold commas, and no quotes.
        if column.contains(',') {
            report.push('"');
            report.push_str(column);
            report.push('"');
        } else {
            report.push_str(column);
        }
    }
}
