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
const GLOBAL: [(&str, Holds); 64] = [
    ("aws:AssumedRoot", Holds::Text),
    ("aws:CalledVia", Holds::Text),
    ("aws:CalledViaAWSMCP", Holds::Text),
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
    // Of old; SNS writes it into the policies that topics begin with.
    ("aws:SourceOwner", Holds::Text),
    ("aws:SourceVpc", Holds::Text),
    ("aws:SourceVpcArn", Holds::Arn),
    ("aws:SourceVpce", Holds::Text),
    ("aws:TagKeys", Holds::Text),
    ("aws:TokenIssueTime", Holds::Date),
    ("aws:UserAgent", Holds::Text),
    ("aws:ViaAWSMCPService", Holds::Flag),
    ("aws:ViaAWSService", Holds::Flag),
    ("aws:VpcSourceIp", Holds::Address),
    ("aws:VpceAccount", Holds::Text),
    ("aws:VpceOrgID", Holds::Text),
    ("aws:VpceOrgPaths", Holds::Text),
    ("aws:userid", Holds::Text),
    ("aws:username", Holds::Text),
    ("sidegate:MappedGroups", Holds::Text),
    ("sts:AWSServiceName", Holds::Text),
    ("sts:DurationSeconds", Holds::Number),
    ("sts:ExternalId", Holds::Text),
    ("sts:IdentityTokenAudience", Holds::Text),
    ("sts:RequestContextProviders", Holds::Arn),
    ("sts:RequestContext/", Holds::Text),
    ("sts:RoleSessionName", Holds::Text),
    ("sts:SigningAlgorithm", Holds::Text),
    ("sts:SourceIdentity", Holds::Text),
    ("sts:TaskPolicyArn", Holds::Arn),
    ("sts:TransitiveTagKeys", Holds::Text),
];

/// What IAM or a service of AWS knew once, in lower case, with what stands in its place.
const REPLACED: [(&str, &str); 2] = [
    ("aws:arn", "aws:PrincipalArn"),
    ("aws:principal", "aws:PrincipalArn"),
];

/// Namespaces whose keys are all known here.
const OWNED: [&str; 3] = ["aws", "sts", "sidegate"];

/// Keys that the documentation calls multivalued, in lower case.
const MULTIVALUED: [&str; 12] = [
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
    "sidegate:mappedgroups",
    "sts:identitytokenaudience",
    "sts:transitivetagkeys",
    "dynamodb:attributes",
    "dynamodb:leadingkeys",
];

/// Keys outside of `aws:` that the documentation calls single-valued, in lower case.
const SINGLE: [&str; 10] = [
    "saml:aud",
    "saml:doc",
    "saml:iss",
    "saml:namequalifier",
    "saml:sub",
    "saml:sub_type",
    "sts:durationseconds",
    "sts:externalid",
    "sts:rolesessionname",
    "sts:sourceidentity",
];

/// Whether a key (in lower case) holds many values; `None` for keys that only their service knows.
pub(crate) fn is_multivalued(key: &str) -> Option<bool> {
    if MULTIVALUED.contains(&key) {
        return Some(true);
    }
    let (namespace, name) = key.rsplit_once(':')?;
    if key.starts_with("aws:") {
        return Some(false);
    }
    // Claims of a token follow their issuer's host.
    let is_issuer = key
        .split([':', '/'])
        .next()
        .is_some_and(|host| host.contains('.'));
    match name {
        "amr" if is_issuer => Some(true),
        "sub" | "email" if is_issuer => Some(false),
        _ if namespace == "saml" && name.starts_with("eduperson") => Some(true),
        _ if SINGLE.contains(&key) => Some(false),
        _ => None,
    }
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

/// Why no request can have a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Its namespace is one of those whose keys are all known, and it is none of them.
    NoSuchKey,
    /// It has no namespace: keys are `service:Name`.
    NoNamespace,
}

/// Why no request can have a key (any case); `None`: one may.
pub(crate) fn unknown(key: &str) -> Option<Unknown> {
    let Some((namespace, _)) = key.split_once(':') else {
        return Some(Unknown::NoNamespace);
    };
    let is_owned = (OWNED.iter()).any(|owned| namespace.eq_ignore_ascii_case(owned));
    (is_owned && holds(key).is_none()).then_some(Unknown::NoSuchKey)
}

/// The known key that a key is a slip of the pen for, or that stands in its place, with the same tag.
pub(crate) fn near(key: &str) -> Option<String> {
    let folded = key.to_lowercase();
    if let Some((_, now)) = REPLACED.iter().find(|(old, _)| *old == folded) {
        return Some((*now).to_owned());
    }
    // A tag's key may be long, and is no part of the name.
    let (name, tag) = key.split_once('/').unwrap_or((key, ""));
    let slash = if key.contains('/') { "/" } else { "" };
    let all = || GLOBAL.iter().map(|(known, _)| *known);
    // Without a namespace it is the name alone that can be misspelt.
    let found = if name.contains(':') {
        nearest(&format!("{name}{slash}"), all())
    } else {
        let bare = |known: &'static str| known.split_once(':').map_or(known, |(_, name)| name);
        let word = nearest(&format!("{name}{slash}"), all().map(bare))?;
        all().find(|known| bare(known) == word)
    }?;
    Some(format!("{found}{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_keys() {
        assert_eq!(holds("AWS:sourceip"), Some(Holds::Address));
        assert_eq!(holds("aws:PrincipalTag/team"), Some(Holds::Text));
        assert_eq!(holds("aws:PrincipalTag/"), None);
        for key in [
            "aws:username",
            "orders:Channel",
            "aws:SourceIP",
            "AWS:SourceOwner",
            "idp.example/a:sub",
            "sts:RequestContext/x",
            "saml:edupersonorgdn",
        ] {
            assert_eq!(unknown(key), None, "{key}");
        }
        for (key, known) in [
            ("aws:SorceIp", Some("aws:SourceIp")),
            ("aws:PrincipleTag/team", Some("aws:PrincipalTag/team")),
            ("aws:PrincipalTag", Some("aws:PrincipalTag/")),
            ("aws:nothing-like-it", None),
            ("sts:ExtrnalId", Some("sts:ExternalId")),
            ("STS:externlid", Some("sts:ExternalId")),
            ("sidegate:MappedGroup", Some("sidegate:MappedGroups")),
            ("aws:arn", Some("aws:PrincipalArn")),
        ] {
            assert_eq!(unknown(key), Some(Unknown::NoSuchKey), "{key}");
            assert_eq!(near(key).as_deref(), known, "{key}");
        }
        for (key, known) in [
            ("username", Some("aws:username")),
            ("PrincipleTag/x", Some("aws:PrincipalTag/x")),
            ("team", None),
        ] {
            assert_eq!(unknown(key), Some(Unknown::NoNamespace), "{key}");
            assert_eq!(near(key).as_deref(), known, "{key}");
        }
        for (key, many) in [
            ("idp.example/a:amr", Some(true)),
            ("idp.example:8443/a:amr", Some(true)),
            ("saml:edupersonaffiliation", Some(true)),
            ("sts:externalid", Some(false)),
            ("idp.example:sub", Some(false)),
            ("aws:principaltag/a.b:amr", Some(false)),
            ("s3:existingobjecttag/a.b:amr", None),
            ("orders:amr", None),
        ] {
            assert_eq!(is_multivalued(key), many, "{key}");
        }
        for key in MULTIVALUED {
            assert!(
                holds(key).is_some() || key.starts_with("dynamodb:"),
                "{key}"
            );
        }
    }
}
