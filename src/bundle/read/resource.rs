//! `accounts/ID-NAME/resources/NAME.yaml`.

use super::document::{Source, Use, source};
use super::field;
use crate::arn::Arn;
use crate::directory::Tags;
use crate::policy::Kind;
use crate::source::mapping::Mapping;
use crate::source::{Node, Report, Span};

/// A resource file as it is written.
#[derive(Debug)]
pub(in crate::bundle) struct Raw {
    pub(in crate::bundle) pattern: Arn,
    pub(in crate::bundle) pattern_span: Span,
    pub(in crate::bundle) tags: Tags,
    pub(in crate::bundle) tags_span: Span,
    pub(in crate::bundle) policy: Option<Source>,
}

/// Longer than any ARN.
const MAX_PATTERN: usize = 2_048;

/// Reads the file; `name` is its name without `.yaml`.
pub(in crate::bundle) fn read(node: &Node, name: &str, report: &mut Report) -> Option<Raw> {
    let mut map = Mapping::of(node, "a resource", report)?;
    let resource = map.required_string("resource", report);
    let tags_span = node.get("tags").map_or(map.span(), |tags| tags.span);
    let tags = field::tags(&mut map, report);
    let name = format!("resource-policy:{name}");
    let used = Use {
        kind: Kind::Resource,
        name: &name,
    };
    let policy = map
        .take("policy")
        .and_then(|node| source(node, used, report));
    map.finish(report);
    let (text, pattern_span) = resource?;
    Some(Raw {
        pattern: pattern(text, pattern_span, report)?,
        pattern_span,
        tags,
        tags_span,
        policy,
    })
}

fn pattern(text: &str, span: Span, report: &mut Report) -> Option<Arn> {
    let mut fail = |message: String, help: &str| {
        report.error("malformed-arn", span, message, help);
        None
    };
    if text.len() > MAX_PATTERN {
        return fail(
            format!("an ARN has {MAX_PATTERN} characters at most"),
            "cover several resources with *",
        );
    }
    let arn = match Arn::parse(text) {
        Ok(arn) => arn,
        Err(error) => {
            return fail(
                format!("`{text}` is no ARN: {error}"),
                "write arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE; * and ? may stand in region and resource",
            );
        }
    };
    if [arn.partition(), arn.service()]
        .iter()
        .any(|part| part.contains(['*', '?']))
    {
        return fail(
            "partition and service of a resource are written out".to_owned(),
            "write one file for each service; * and ? may stand in region and resource",
        );
    }
    if matches!(arn.service(), "iam" | "sts") {
        return fail(
            format!("a resource of {} has no policy or tags here", arn.service()),
            "a role's trust policy and tags stand in its own file",
        );
    }
    Some(arn)
}
