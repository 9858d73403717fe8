//! An explanation as a table for people: one line a statement that has to do with the request.

use std::fmt::Write;

use super::{Explanation, LayerReport, Mismatch, Missing, PolicyReport, Says, StatementReport};
use crate::policy::decision::Verdict;
use crate::policy::document::Effect;
use crate::policy::layers::LayerKind;

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
            layer_rows(report, &mut rows);
        }
        let mut out = format!("{}: {}\n", self.decision.as_str(), self.reason.words);
        if !rows.is_empty() {
            rows.insert(
                0,
                ["LAYER", "POLICY", "STATEMENT", "RESULT"].map(str::to_owned),
            );
            out.push('\n');
            draw(&rows, &mut out);
        }
        if let Some(nearest) = &self.nearest {
            let level = nearest
                .level
                .map_or_else(String::new, |level| format!(" (level {level})"));
            let _ = writeln!(
                out,
                "\nNearest allow: {}{level} {}, statement {}{}. It lacks{}",
                nearest.layer.noun(),
                nearest.policy,
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
                        nearest.policy,
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
            format!("no statement allows {}", self.action)
        } else if missing.layer == LayerKind::Session {
            "none was passed, and a federated session may only what one allows".to_owned()
        } else {
            "there is none".to_owned()
        }
    }
}

fn named(sid: Option<&str>) -> String {
    sid.map_or_else(String::new, |sid| format!(" ({sid})"))
}

fn words(mismatch: &Mismatch) -> String {
    format!(
        "{}: {} is asked for, and the request has {}",
        mismatch.element, mismatch.expected, mismatch.actual
    )
}

fn layer_rows(report: &LayerReport, rows: &mut Vec<[String; 4]>) {
    let says = match report.says {
        Says::Allow => "allows",
        Says::Deny => "DENIES",
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
        policy_rows(policy, rows);
    }
}

fn policy_rows(policy: &PolicyReport, rows: &mut Vec<[String; 4]>) {
    let (mut related, mut others) = (0usize, 0usize);
    for statement in &policy.statements {
        let (count, most) = if other_action(statement).is_some() {
            (&mut others, OTHERS)
        } else {
            (&mut related, SHOWN)
        };
        *count = count.saturating_add(1);
        if *count <= most {
            rows.push([
                String::new(),
                policy.policy.clone(),
                format!(
                    "{}{} {}",
                    statement.statement,
                    named(statement.sid.as_deref()),
                    match statement.effect {
                        Effect::Allow => "Allow",
                        Effect::Deny => "Deny",
                    }
                ),
                result(statement),
            ]);
        }
    }
    for (count, what) in [
        (related.saturating_sub(SHOWN), "not shown"),
        (
            others.saturating_sub(OTHERS),
            "not shown, about other actions",
        ),
    ] {
        if count > 0 {
            rows.push([
                String::new(),
                policy.policy.clone(),
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
        return format!("{} does not match: {listed}", action.element);
    }
    let mut result = match statement.failed.first() {
        None => "matches".to_owned(),
        Some(first) => words(first),
    };
    if let Some(grants) = statement.grants.as_ref().filter(|_| statement.applies) {
        let _ = write!(result, " (names {})", grants.join(", "));
    }
    for condition in &statement.unreadable {
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
}
