//! An explanation as a table for people: one line a statement that has to do with the request.

use std::cmp::Reverse;
use std::fmt::Write;

use super::{Explanation, LayerReport, Mismatch, Missing, PolicyReport, Says, StatementReport};
use crate::policy::decision::Verdict;
use crate::policy::document::Effect;
use crate::policy::layers::LayerKind;
use crate::source::one_line;

/// Statements about the action that are shown of one policy; the rest is counted.
const SHOWN: usize = 12;
/// The same for statements about other actions.
const OTHERS: usize = 4;
/// Characters shown of a list of other actions.
const OTHER_ACTIONS: usize = 60;

impl Explanation {
    /// Draws the table: the decision, then layer by layer every statement, what matched and what failed first, and for
    /// a denial the nearest allow with what it lacks, and what is missing besides. Of long policies some
    /// statements are counted, not shown; the explanation as data has them all.
    pub fn table(&self) -> String {
        let mut rows: Vec<[String; 4]> = Vec::new();
        for report in &self.layers {
            self.layer_rows(report, &mut rows);
        }
        let reason = one_line(&self.reason.words);
        let mut out = format!("{}: {reason}\n", self.decision.as_str());
        if !rows.is_empty() {
            rows.insert(
                0,
                ["LAYER", "POLICY", "STATEMENT", "RESULT"].map(str::to_owned),
            );
            out.push('\n');
            draw(&rows, &mut out);
        }
        if self.decision == Verdict::ExplicitDeny && !self.missing.is_empty() {
            out.push_str(
                "\nEvery DENIES above stands against it. Without them it would be refused still:\n",
            );
        }
        if let Some(nearest) = &self.nearest {
            let level = nearest
                .level
                .map_or_else(String::new, |level| format!(" (level {level})"));
            let _ = writeln!(
                out,
                "\nNearest allow: {}{level} {}, statement {}{}. It lacks{}",
                nearest.layer.noun(),
                one_line(&nearest.policy),
                nearest.statement,
                named(nearest.sid.as_deref()),
                if nearest.lacks.is_empty() {
                    " nothing: every DENIES above stands against it."
                } else {
                    ":"
                }
            );
            for mismatch in &nearest.lacks {
                let _ = writeln!(out, "  {}", words(mismatch));
            }
        }
        if self.nearest.is_none()
            && self.missing.is_empty()
            && self.decision == Verdict::ExplicitDeny
        {
            out.push_str(
                "\nThe account's root user needs no allow: every DENIES above stands against it.\n",
            );
        }
        self.also(&mut out);
        out
    }

    /// What is missing besides the nearest allow.
    fn also(&self, out: &mut String) {
        let told = |missing: &&Missing| {
            missing.nearest.is_some() && missing.nearest.as_ref() == self.nearest.as_ref()
        };
        let besides: Vec<&Missing> = self
            .missing
            .iter()
            .filter(|missing| !told(missing))
            .collect();
        if besides.is_empty() {
            return;
        }
        let also = if self.nearest.is_some() {
            "Also missing"
        } else {
            "Missing"
        };
        let _ = writeln!(out, "\n{also}:");
        for missing in besides {
            let level = missing
                .level
                .map_or_else(String::new, |level| format!(", level {level}"));
            let layer = missing.layer.noun();
            match &missing.nearest {
                None => {
                    let _ = writeln!(out, "  {layer}{level}: {}", self.nothing(missing));
                }
                Some(nearest) => {
                    let _ = writeln!(
                        out,
                        "  {layer}{level}: {}, statement {}{} lacks:",
                        one_line(&nearest.policy),
                        nearest.statement,
                        named(nearest.sid.as_deref())
                    );
                    for mismatch in &nearest.lacks {
                        let _ = writeln!(out, "    {}", words(mismatch));
                    }
                }
            }
        }
    }

    /// Why a layer has no allow that could come near.
    fn nothing(&self, missing: &Missing) -> String {
        let has_one = (self.layers.iter())
            .filter(|report| report.layer == missing.layer && report.level == missing.level)
            .any(|report| !report.policies.is_empty());
        if has_one {
            format!("no statement allows {}", one_line(&self.action))
        } else if missing.layer == LayerKind::Session {
            "none was passed, and a federated session may only what one allows".to_owned()
        } else {
            "there is none".to_owned()
        }
    }
}

fn named(sid: Option<&str>) -> String {
    sid.map_or_else(String::new, |sid| format!(" ({})", one_line(sid)))
}

fn words(mismatch: &Mismatch) -> String {
    let Mismatch {
        element,
        expected,
        actual,
    } = mismatch;
    let words = if matches!(&**element, "Principal" | "NotPrincipal") {
        format!("{element}: {expected} is named, and {actual} asks")
    } else {
        format!("{element}: {expected} is asked for, and the request has {actual}")
    };
    one_line(&words).into_owned()
}

impl Explanation {
    fn layer_rows(&self, report: &LayerReport, rows: &mut Vec<[String; 4]>) {
        let says = match report.says {
            Says::Allow => "allows",
            Says::Deny => "DENIES",
            // RCPFullAWSAccess stands on every level besides.
            Says::Silent if report.layer == LayerKind::Rcp => "denies nothing",
            Says::Silent => "is silent",
        };
        let level = report
            .level
            .map_or_else(String::new, |level| format!(", level {level}"));
        rows.push([
            format!("{}{level}", report.layer.noun()),
            String::new(),
            String::new(),
            says.to_owned(),
        ]);
        for policy in &report.policies {
            let decides = report.layer == self.reason.layer
                && self.reason.policy.as_ref() == Some(&policy.policy);
            let decides = self.reason.statement.filter(|_| decides);
            policy_rows(policy, decides, rows);
        }
    }
}

/// Of many statements those are shown that decide or apply, Denies before Allows; they stand before those that fail.
fn policy_rows(policy: &PolicyReport, decides: Option<usize>, rows: &mut Vec<[String; 4]>) {
    let name = one_line(&policy.policy);
    let (others, mut related): (Vec<_>, Vec<_>) = (policy.statements.iter())
        .partition(|statement: &&StatementReport| other_action(statement).is_some());
    related.sort_by_key(|statement| {
        let applies = statement.applies;
        let denies = applies && statement.effect == Effect::Deny;
        Reverse((decides == Some(statement.statement), denies, applies))
    });
    let hidden = related.len().saturating_sub(SHOWN);
    related.truncate(SHOWN);
    related.sort_by_key(|statement| (!statement.applies, statement.statement));
    for statement in related
        .into_iter()
        .chain(others.iter().copied().take(OTHERS))
    {
        let effect = match statement.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        let sid = named(statement.sid.as_deref());
        rows.push([
            String::new(),
            name.clone().into_owned(),
            format!("{}{sid} {effect}", statement.statement),
            result(statement),
        ]);
    }
    for (count, what) in [
        (hidden, "not shown"),
        (
            others.len().saturating_sub(OTHERS),
            "not shown, about other actions",
        ),
    ] {
        if count > 0 {
            rows.push([
                String::new(),
                name.clone().into_owned(),
                format!("{count} more"),
                what.to_owned(),
            ]);
        }
    }
}

/// What a statement says of the action, if it is about others.
fn other_action(statement: &StatementReport) -> Option<&Mismatch> {
    let mut failed = statement.failed.iter();
    failed.find(|mismatch| matches!(&*mismatch.element, "Action" | "NotAction"))
}

fn result(statement: &StatementReport) -> String {
    if let Some(action) = other_action(statement) {
        let mut listed: String = action.expected.chars().take(OTHER_ACTIONS).collect();
        if listed.len() < action.expected.len() {
            listed.push('…');
        }
        return format!("{} does not match: {}", action.element, one_line(&listed));
    }
    let mut result = match statement.failed.first() {
        None => "matches".to_owned(),
        Some(first) => words(first),
    };
    if let Some(grants) = statement.grants.as_ref().filter(|_| statement.applies) {
        let _ = write!(result, " (names {})", grants.join(", "));
    }
    for condition in &statement.unreadable {
        let condition = one_line(condition);
        let _ = write!(result, "; the value for {condition} does not parse");
    }
    result
}

/// Columns as wide as their widest cell; the last one runs on.
fn draw(rows: &[[String; 4]], out: &mut String) {
    let width = |column: fn(&[String; 4]) -> &String| {
        rows.iter()
            .map(|row| column(row).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (layer, policy, statement) = (
        width(|[layer, ..]| layer),
        width(|[_, policy, ..]| policy),
        width(|[_, _, statement, _]| statement),
    );
    for [a, b, c, d] in rows {
        let line = format!("{a:layer$}  {b:policy$}  {c:statement$}  {d}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::policy::context::Map;
    use crate::policy::{Kind, Layers, Policy, PolicySet, Principal, Request, explain, parse};

    #[test]
    fn a_refusal_is_told_layer_by_layer() {
        let set = |kind, name, text: &str| {
            let document = parse(text, kind, "t").unwrap();
            PolicySet::new(vec![Arc::new(Policy::compile(&document, name))])
        };
        let identity = set(
            Kind::Identity,
            "inline:orders",
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Allow","Action":"orders:Delete*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
        );
        let scp = set(
            Kind::Scp,
            "FullAWSAccess",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
        );
        let principal = Principal::User {
            account: "555566667777".into(),
            arn: "arn:aws:iam::555566667777:user/ann".into(),
        };
        let request = Request {
            principal: &principal,
            action: "orders:DeleteOrder",
            resource: "arn:aws:orders::555566667777:order/7",
            resource_account: None,
            context: &Map::new(),
        };
        let layers = Layers {
            identity: &[&identity],
            scps: &[&scp],
            ..Layers::default()
        };
        let expected = "\
implicitDeny: arn:aws:iam::555566667777:user/ann may not orders:DeleteOrder on arn:aws:orders::555566667777:order/7: no identity-based policy allows it

LAYER                            POLICY         STATEMENT      RESULT
service control policy, level 0                                allows
                                 FullAWSAccess  0 Allow        matches
identity-based policy                                          is silent
                                 inline:orders  0 (Own) Allow  Condition Bool aws:MultiFactorAuthPresent: true is asked for, and the request has no such key
                                 inline:orders  1 Allow        Action does not match: s3:*

Nearest allow: identity-based policy inline:orders, statement 0 (Own). It lacks:
  Condition Bool aws:MultiFactorAuthPresent: true is asked for, and the request has no such key
";
        assert_eq!(explain(&request, &layers).table(), expected);
    }

    #[test]
    fn what_decides_is_shown_of_a_long_policy() {
        let other = r#"{"Effect":"Allow","Action":"x:Get","Resource":"arn:aws:x:::other"}"#;
        let deny = r#"{"Sid":"Last","Effect":"Deny","Action":"x:Get","Resource":"*"}"#;
        let allow = r#"{"Effect":"Allow","Action":"x:Get","Resource":"*"}"#;
        for filler in [other, allow] {
            let statements = [vec![filler; 30], vec![deny]].concat().join(",");
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
            let document = parse(&text, Kind::Identity, "t").unwrap();
            let set = PolicySet::new(vec![Arc::new(Policy::compile(&document, "long"))]);
            let told = table_of(&set, &Map::new());
            assert!(told.contains("30 (Last) Deny"), "{told}");
            assert!(told.contains("19 more"), "{told}");
            let rows = told.lines().filter(|line| line.contains("  long  "));
            assert_eq!(rows.count(), 13, "{told}");
        }
    }

    #[test]
    fn texts_of_others_do_not_steer_the_terminal() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x:Get","Resource":"*",
            "Condition":{"StringEquals":{"x:a":"b"}}}}"#;
        let document = parse(text, Kind::Identity, "t").unwrap();
        let set = PolicySet::new(vec![Arc::new(Policy::compile(&document, "a\u{1b}[2Jb"))]);
        let mut context = Map::new();
        context.set("x:a", "\u{1b}[31mred\nallowed: \u{9b}2J\u{202e}");
        let told = table_of(&set, &context);
        assert!(
            told.contains(r"\u001b[31mred\u000aallowed: \u009b2J\u202e"),
            "{told}"
        );
        assert!(told.contains(r"a\u001b[2Jb"), "{told}");
        assert!(
            !told.contains(|found: char| found.is_control() && found != '\n'),
            "{told}"
        );
    }

    fn table_of(set: &PolicySet, context: &Map) -> String {
        let principal = Principal::User {
            account: "555566667777".into(),
            arn: "arn:aws:iam::555566667777:user/ann".into(),
        };
        let request = Request {
            principal: &principal,
            action: "x:Get",
            resource: "*",
            resource_account: None,
            context,
        };
        let layers = Layers {
            identity: &[set],
            ..Layers::default()
        };
        explain(&request, &layers).table()
    }
}
