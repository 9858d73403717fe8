//! What is known about the global condition keys: their names, what they hold, and which hold many values.

use crate::source::nearest;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    Arn,
    Flag,
    Number,
    Date,
    /// Seconds since 1970: numbers and dates both read it.
    Epoch,
    Address,
}

/// The keys that the documentation knows, in its letters. Those that end in a slash are followed by a tag's key.
const GLOBAL: [(&str, Holds); 58] = [
    ("aws:AssumedRoot", Holds::Text),
    ("aws:CalledVia", Holds::Text),
    ("aws:CalledViaFirst", Holds::Text),
    ("aws:CalledViaLast", Holds::Text),
    ("aws:ChatbotSourceArn", Holds::Arn),
    ("aws:CurrentTime", Holds::Date),
    ("aws:Ec2InstanceSourcePrivateIPv4", Holds::Address),
    ("aws:Ec2InstanceSourceVpc", Holds::Text),
    ("aws:EpochTime", Holds::Epoch),
    ("aws:FederatedProvider", Holds::Text),
    ("aws:MultiFactorAuthAge", Holds::Number),
    ("aws:MultiFactorAuthPresent", Holds::Flag),
    ("aws:PrincipalAccount", Holds::Text),
    ("aws:PrincipalArn", Holds::Arn),
    ("aws:PrincipalIsAWSService", Holds::Flag),
    ("aws:PrincipalOrgID", Holds::Text),
    ("aws:PrincipalOrgPaths", Holds::Text),
    ("aws:PrincipalServiceName", Holds::Text),
    ("aws:PrincipalServiceNamesList", Holds::Text),
    ("aws:PrincipalTag/", Holds::Text),
    ("aws:PrincipalType", Holds::Text),
    ("aws:Referer", Holds::Text),
    ("aws:RequestTag/", Holds::Text),
    ("aws:RequestedRegion", Holds::Text),
    ("aws:ResourceAccount", Holds::Text),
    ("aws:ResourceOrgID", Holds::Text),
    ("aws:ResourceOrgPaths", Holds::Text),
    ("aws:ResourceTag/", Holds::Text),
    ("aws:SecureTransport", Holds::Flag),
    ("aws:SignInSessionArn", Holds::Arn),
    ("aws:SourceAccount", Holds::Text),
    ("aws:SourceArn", Holds::Arn),
    ("aws:SourceIdentity", Holds::Text),
    ("aws:SourceIp", Holds::Address),
    ("aws:SourceOrgID", Holds::Text),
    ("aws:SourceOrgPaths", Holds::Text),
    ("aws:SourceVpc", Holds::Text),
    ("aws:SourceVpcArn", Holds::Arn),
    ("aws:SourceVpce", Holds::Text),
    ("aws:TagKeys", Holds::Text),
    ("aws:TokenIssueTime", Holds::Date),
    ("aws:UserAgent", Holds::Text),
    ("aws:ViaAWSService", Holds::Flag),
    ("aws:VpcSourceIp", Holds::Address),
    ("aws:VpceAccount", Holds::Text),
    ("aws:VpceOrgID", Holds::Text),
    ("aws:VpceOrgPaths", Holds::Text),
    ("aws:userid", Holds::Text),
    ("aws:username", Holds::Text),
    ("sts:AWSServiceName", Holds::Text),
    ("sts:DurationSeconds", Holds::Number),
    ("sts:ExternalId", Holds::Text),
    ("sts:RequestContextProviders", Holds::Arn),
    ("sts:RequestContext/", Holds::Text),
    ("sts:RoleSessionName", Holds::Text),
    ("sts:SourceIdentity", Holds::Text),
    ("sts:TaskPolicyArn", Holds::Arn),
    ("sts:TransitiveTagKeys", Holds::Text),
];

/// Keys that the documentation calls multivalued, in lower case.
const MULTIVALUED: [&str; 10] = [
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
    "sts:transitivetagkeys",
    "dynamodb:attributes",
    "dynamodb:leadingkeys",
];

/// Whether a key (in lower case) holds many values; `None` for keys that only their service knows.
pub(crate) fn is_multivalued(key: &str) -> Option<bool> {
    if MULTIVALUED.contains(&key) {
        return Some(true);
    }
    key.starts_with("aws:").then_some(false)
}

/// What a key holds (any case); `None` for keys that are not known here.
pub(crate) fn holds(key: &str) -> Option<Holds> {
    GLOBAL
        .iter()
        .find(|(known, _)| {
            if known.ends_with('/') {
                key.split_at_checked(known.len())
                    .is_some_and(|(head, tag)| head.eq_ignore_ascii_case(known) && !tag.is_empty())
            } else {
                key.eq_ignore_ascii_case(known)
            }
        })
        .map(|(_, holds)| *holds)
}

/// Whether a key is one of those that every service has, by its prefix, and yet none that is known.
pub(crate) fn is_unknown(key: &str) -> bool {
    key.split_at_checked(4)
        .is_some_and(|(prefix, _)| prefix.eq_ignore_ascii_case("aws:"))
        && holds(key).is_none()
}

/// The known key that a key is a slip of the pen for.
pub(crate) fn near(key: &str) -> Option<&'static str> {
    let all = GLOBAL.iter().map(|(known, _)| *known);
    // A tag's key may be long, and is no part of the name.
    nearest(key.split_inclusive('/').next().unwrap_or(key), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_keys() {
        assert_eq!(holds("AWS:sourceip"), Some(Holds::Address));
        assert_eq!(holds("aws:PrincipalTag/team"), Some(Holds::Text));
        assert_eq!(holds("aws:PrincipalTag/"), None);
        for key in ["aws:username", "orders:Channel", "aws:SourceIP"] {
            assert!(!is_unknown(key), "{key}");
        }
        for (key, known) in [
            ("aws:SorceIp", Some("aws:SourceIp")),
            ("aws:PrincipleTag/team", Some("aws:PrincipalTag/")),
            ("aws:nothing-like-it", None),
        ] {
            assert!(is_unknown(key), "{key}");
            assert_eq!(near(key), known, "{key}");
        }
        for key in MULTIVALUED {
            assert!(
                holds(key).is_some() || key.starts_with("dynamodb:"),
                "{key}"
            );
        }
    }
}
