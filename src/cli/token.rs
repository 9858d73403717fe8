//! `sidegate token`: mints a test JWT with the keys of a running demo's issuer.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::cli::demo::issuer::{Issuer, Wanted};
use crate::cli::output::{self, Failed, Outcome};
use crate::clock::Clock;

/// Arguments of `token`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, while `sidegate demo` runs in this folder:
  sidegate token --user alice --claim email=alice@securecart.example --claim groups='[\"security-auditors\"]'
  sidegate token --user alice --claim realm_access.roles='[\"admin\"]' --expires-in 5m
  sidegate token --provider shop --user customer-17 --claim customer='\"17\"'
The token comes on stdout: -H \"Authorization: Bearer $(sidegate token --user alice)\"")]
pub struct Arguments {
    /// Whom the token is about: its `sub`.
    #[arg(short, long, value_name = "NAME")]
    user: String,
    /// A further claim. A value that is JSON is taken as JSON; dots in the name make nested claims. May be given
    /// several times; `null` removes a claim.
    #[arg(short, long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// How long it is good: 90s, 5m, 12h, 7d. With a minus it has expired already.
    #[arg(short, long, value_name = "TIME", default_value = "1h", value_parser = seconds, allow_hyphen_values = true)]
    expires_in: i64,
    /// Which of the demo's identity providers vouches [default: corp].
    #[arg(short, long, value_name = "NAME")]
    provider: Option<String>,
    /// Whom the token is for [default: the provider's first audience].
    #[arg(short, long, value_name = "NAME")]
    audience: Option<String>,
    /// RS256, PS256, ES256, ES384 or EdDSA [default: the first that the provider accepts].
    #[arg(long, value_name = "NAME")]
    algorithm: Option<String>,
    /// The demo's folder.
    #[arg(long, value_name = "PATH", default_value = crate::cli::demo::FOLDER)]
    folder: PathBuf,
}

/// Runs `token`.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut claims = Map::new();
    for (name, value) in &arguments.claims {
        insert(&mut claims, name, value.clone()).map_err(|within| {
            Failed(format!(
                "--claim {name}: another --claim gives `{within}` a value already: give each once, and either it or what is inside"
            ))
        })?;
    }
    let wanted = Wanted {
        provider: arguments.provider.as_deref(),
        subject: &arguments.user,
        audience: arguments.audience.as_deref(),
        algorithm: arguments.algorithm.as_deref(),
        seconds: arguments.expires_in,
        claims,
    };
    let failed = |error: anyhow::Error| Failed(format!("{error:#}"));
    let issuer = Issuer::kept(&arguments.folder).map_err(failed)?;
    let token = issuer.token(&wanted, &Clock::machine()).map_err(failed)?;
    let provider = issuer.provider(wanted.provider).map_err(failed)?;
    if let Some(algorithm) = wanted.algorithm
        && !provider.accepts(algorithm)
    {
        let accepted = provider.algorithms.join(", ");
        output::complain(&format!(
            "sidegate: the provider accepts {accepted} alone: it refuses this token"
        ));
    }
    output::print(&format!("{token}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// `NAME=VALUE`; what is no JSON is a string.
fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name.split('.').any(str::is_empty) {
        return Err("a claim's name is not empty".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

/// Sets `a.b.c`, making the objects around it. A name that is a URL (`https://example.com/team`) is one name.
///
/// # Errors
/// The name, or the first part of it, that has a value already.
fn insert<'n>(claims: &mut Map<String, Value>, name: &'n str, value: Value) -> Result<(), &'n str> {
    let Some((outer, inner)) = name.split_once('.').filter(|_| !name.contains("://")) else {
        return match claims.entry(name) {
            Entry::Vacant(vacant) => {
                vacant.insert(value);
                Ok(())
            }
            Entry::Occupied(_) => Err(name),
        };
    };
    let within = claims.entry(outer);
    match within.or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(within) => insert(within, inner, value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(outer)
        }
    }
}

/// A number with a unit, in seconds.
fn seconds(text: &str) -> Result<i64, String> {
    let fault = || "write a number and a unit: 90s, 5m, 12h or 7d".to_owned();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let unit = digits.chars().next_back().ok_or_else(fault)?;
    let number = digits.strip_suffix(unit).ok_or_else(fault)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(fault()),
    };
    let number: u32 = number.parse().map_err(|_| fault())?;
    i64::from(number)
        .checked_mul(factor)
        .and_then(|seconds| seconds.checked_mul(sign))
        .ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, wanted) in [
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("12h", Some(43_200)),
            ("7d", Some(604_800)),
            ("-1m", Some(-60)),
            ("0s", Some(0)),
            ("5", None),
            ("m", None),
            ("", None),
            ("-", None),
            ("--5m", None),
            ("5w", None),
            ("5é", None),
            ("1.5h", None),
            ("99999999999d", None),
        ] {
            assert_eq!(seconds(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn claims_are_json_or_text_and_may_be_nested() {
        let mut claims = Map::new();
        for text in [
            "team=images",
            "groups=[\"a\",\"b\"]",
            "realm_access.roles=[\"admin\"]",
            "realm_access.level=3",
            "https://shop.example/team=x",
            "note=a=b",
        ] {
            let (name, value) = claim(text).unwrap();
            insert(&mut claims, &name, value).unwrap();
        }
        assert_eq!(
            Value::Object(claims.clone()),
            serde_json::json!({
                "team": "images",
                "groups": ["a", "b"],
                "realm_access": {"roles": ["admin"], "level": 3},
                "https://shop.example/team": "x",
                "note": "a=b",
            })
        );
        for (given, within) in [
            ("team=x", "team"),
            ("team.lead=ann", "team"),
            ("realm_access=x", "realm_access"),
            ("realm_access.level=4", "level"),
            ("realm_access.level.x=4", "level"),
        ] {
            let before = claims.clone();
            let (name, value) = claim(given).unwrap();
            assert_eq!(insert(&mut claims, &name, value), Err(within), "{given}");
            assert_eq!(claims, before, "{given}");
        }
        for bad in ["x", "=1", "a..b=1", ".a=1"] {
            assert!(claim(bad).is_err(), "{bad}");
        }
    }
}
