use super::*;
use crate::policy::context::Map;
use crate::source::{Report, json};

/// The one condition of a Condition block.
fn condition(block: &str) -> Condition {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{block}}}}}"#
    );
    let mut report = Report::on("t");
    let node = json::read(&text, &mut report).unwrap();
    let document = crate::policy::Document::read(&node, crate::policy::Kind::Identity, &mut report);
    let document = document.unwrap_or_else(|| panic!("{block}: {:?}", report.faults()));
    document.statements[0].conditions[0].clone()
}

fn context() -> Map {
    let mut map = Map::new();
    map.set("s:text", "Value")
        .set("s:empty", "")
        .set("s:number", "10.0")
        .set("s:date", "2026-11-23T09:30:00Z")
        .set("s:true", "TRUE")
        .set("s:ip", "203.0.113.7")
        .set("s:ip6", "2001:db8::1")
        .set("s:arn", "arn:aws:iam::111111111111:role/team/app")
        .set("s:bytes", "AQID")
        .set("s:user", "ann")
        .set_many("m:list", ["a", "b"])
        .set_many("m:one", ["a"])
        .set_many("m:none", Vec::<String>::new())
        .set_many("m:blank", [""])
        .set_many("m:blanks", ["", ""])
        .set_many("m:mixed", ["5", "abc"]);
    map
}

fn judge(block: &str) -> Outcome {
    condition(block).judge(&context())
}

fn check(cases: &[(&str, Outcome)]) {
    for (block, outcome) in cases {
        assert_eq!(judge(block), *outcome, "{block}");
    }
}

use Outcome::{Fails, Holds, Unreadable as Odd};

#[test]
fn missing_keys() {
    check(&[
        (r#"{"StringEquals":{"no:key":"x"}}"#, Fails),
        (r#"{"StringNotEquals":{"no:key":"x"}}"#, Holds),
        (r#"{"StringEqualsIfExists":{"no:key":"x"}}"#, Holds),
        (r#"{"StringNotEqualsIfExists":{"no:key":"x"}}"#, Holds),
        (r#"{"NumericNotEquals":{"no:key":"1"}}"#, Holds),
        (r#"{"NumericLessThan":{"no:key":"1"}}"#, Fails),
        (r#"{"Bool":{"no:key":"false"}}"#, Fails),
        (r#"{"BoolIfExists":{"no:key":"true"}}"#, Holds),
        (r#"{"NotIpAddress":{"no:key":"10.0.0.0/8"}}"#, Holds),
        (r#"{"ArnNotLike":{"no:key":"arn:aws:s3:::b"}}"#, Holds),
        (r#"{"Null":{"no:key":"true"}}"#, Holds),
        (r#"{"Null":{"no:key":"false"}}"#, Fails),
        (r#"{"Null":{"no:key":["true","false"]}}"#, Holds),
        (r#"{"Null":{"s:text":"false"}}"#, Holds),
        (r#"{"Null":{"s:empty":"true"}}"#, Holds),
        (r#"{"Null":{"m:none":"true"}}"#, Holds),
        (r#"{"Null":{"m:blank":"true"}}"#, Holds),
        (r#"{"Null":{"m:blanks":"true"}}"#, Fails),
        (r#"{"Null":{"m:list":"false"}}"#, Holds),
        (r#"{"ForAnyValue:Null":{"no:key":"true"}}"#, Holds),
    ]);
}

#[test]
fn strings() {
    check(&[
        (r#"{"StringEquals":{"S:TEXT":"Value"}}"#, Holds),
        (r#"{"StringEquals":{"s:text":"value"}}"#, Fails),
        (r#"{"StringEquals":{"s:text":["x","Value"]}}"#, Holds),
        (r#"{"StringNotEquals":{"s:text":["x","Value"]}}"#, Fails),
        (r#"{"StringNotEquals":{"s:text":["x","y"]}}"#, Holds),
        (r#"{"StringEquals":{"s:text":"V*"}}"#, Fails),
        (r#"{"StringLike":{"s:text":"V*e"}}"#, Holds),
        (r#"{"StringLike":{"s:text":"v*"}}"#, Fails),
        (r#"{"StringNotLike":{"s:text":"V????"}}"#, Fails),
        (r#"{"StringEqualsIgnoreCase":{"s:text":"vALUE"}}"#, Holds),
        (r#"{"StringNotEqualsIgnoreCase":{"s:text":"vALUE"}}"#, Fails),
        (r#"{"StringEquals":{"s:empty":""}}"#, Holds),
        (r#"{"StringNotEquals":{"s:empty":"x"}}"#, Holds),
        (r#"{"stringequals":{"s:text":"Value"}}"#, Holds),
        (r#"{"StringEquals":{"s:user":"${s:user}"}}"#, Holds),
        (r#"{"StringEquals":{"s:user":"${no:key}"}}"#, Fails),
        (r#"{"StringNotEquals":{"s:user":"${no:key}"}}"#, Holds),
        (
            r#"{"StringNotEquals":{"s:user":["${no:key}","ann"]}}"#,
            Fails,
        ),
        (r#"{"StringEquals":{"s:user":"${no:key, 'ann'}"}}"#, Holds),
        (
            r#"{"StringEqualsIgnoreCase":{"s:user":"${s:USER}"}}"#,
            Holds,
        ),
        (r#"{"StringEquals":{"s:text":[]}}"#, Fails),
        (r#"{"StringNotEquals":{"s:text":[]}}"#, Holds),
    ]);
}

#[test]
fn numbers_dates_booleans_bytes() {
    check(&[
        (r#"{"NumericEquals":{"s:number":10}}"#, Holds),
        (r#"{"NumericEquals":{"s:number":1e1}}"#, Holds),
        (r#"{"NumericLessThan":{"s:number":"10.01"}}"#, Holds),
        (r#"{"NumericLessThanEquals":{"s:number":"10"}}"#, Holds),
        (r#"{"NumericGreaterThan":{"s:number":["50","9"]}}"#, Holds),
        (r#"{"NumericNotEquals":{"s:number":"10"}}"#, Fails),
        (r#"{"NumericEquals":{"s:text":"10"}}"#, Odd),
        (r#"{"NumericNotEquals":{"s:text":"10"}}"#, Odd),
        (r#"{"NumericEqualsIfExists":{"s:text":"10"}}"#, Odd),
        (r#"{"DateEquals":{"s:date":"1795426200"}}"#, Holds),
        (r#"{"DateLessThan":{"s:date":"2026-11-24"}}"#, Holds),
        (r#"{"DateGreaterThan":{"s:text":"2026-11-24"}}"#, Odd),
        (r#"{"Bool":{"s:true":true}}"#, Holds),
        (r#"{"Bool":{"s:true":"false"}}"#, Fails),
        (r#"{"Bool":{"s:text":"false"}}"#, Odd),
        (r#"{"Bool":{"s:true":"${s:true}"}}"#, Holds),
        (r#"{"Bool":{"s:true":"${s:text}"}}"#, Odd),
        (r#"{"Bool":{"s:true":"${no:key}"}}"#, Fails),
        (r#"{"BinaryEquals":{"s:bytes":"AQID"}}"#, Holds),
        (r#"{"BinaryEquals":{"s:ip":"AQID"}}"#, Odd),
    ]);
}

#[test]
fn addresses_and_arns() {
    check(&[
        (r#"{"IpAddress":{"s:ip":"203.0.113.0/24"}}"#, Holds),
        (r#"{"NotIpAddress":{"s:ip":"203.0.113.0/24"}}"#, Fails),
        (r#"{"NotIpAddress":{"s:ip6":"203.0.113.0/24"}}"#, Holds),
        (r#"{"IpAddress":{"s:ip6":"2001:DB8::/32"}}"#, Holds),
        (r#"{"IpAddress":{"s:text":"203.0.113.0/24"}}"#, Odd),
        (r#"{"NotIpAddress":{"s:text":"203.0.113.0/24"}}"#, Odd),
        (r#"{"ArnLike":{"s:arn":"arn:aws:iam::*:role/*"}}"#, Holds),
        (r#"{"ArnEquals":{"s:arn":"arn:aws:iam::*:role/*"}}"#, Holds),
        (
            r#"{"ArnNotEquals":{"s:arn":"arn:aws:iam::1*:role/*/app"}}"#,
            Fails,
        ),
        (
            r#"{"ArnLike":{"s:arn":"arn:aws:iam::111111111111:role"}}"#,
            Fails,
        ),
        (r#"{"ArnLike":{"s:text":"arn:aws:iam::*:role/*"}}"#, Odd),
        (r#"{"ArnNotLike":{"s:text":"arn:aws:iam::*:role/*"}}"#, Odd),
    ]);
}

/// A variable that stands for no ARN, or for no boolean: the other values are judged as usual, and settle it where one
/// of them matches. Where none does, the condition cannot be read.
#[test]
fn one_of_several_values_does_not_parse() {
    const APP: &str = "arn:aws:iam::*:role/team/app";
    const OTHER: &str = "arn:aws:iam::*:role/other";
    let arns = |operator: &str, other: &str, first: bool| {
        let bad = "${s:user}";
        let (a, b) = if first { (bad, other) } else { (other, bad) };
        judge(&format!(r#"{{"{operator}":{{"s:arn":["{a}","{b}"]}}}}"#))
    };
    for first in [true, false] {
        for (operator, other, outcome) in [
            ("ArnEquals", APP, Holds),
            ("ArnNotEquals", APP, Fails),
            ("ArnLikeIfExists", APP, Holds),
            ("ForAnyValue:ArnLike", APP, Holds),
            ("ForAllValues:ArnNotLike", APP, Fails),
            ("ArnEquals", OTHER, Odd),
            ("ArnNotEquals", OTHER, Odd),
            // What has no value is another matter: it matches nothing.
            ("ArnEquals", "${no:key}", Odd),
        ] {
            assert_eq!(arns(operator, other, first), outcome, "{operator} {other}");
        }
    }
    check(&[
        (r#"{"Bool":{"s:true":["${s:text}","true"]}}"#, Holds),
        (r#"{"Bool":{"s:true":["true","${s:text}"]}}"#, Holds),
        (r#"{"Bool":{"s:true":["${s:text}","false"]}}"#, Odd),
        (
            r#"{"ArnLike":{"s:arn":["${no:key}","arn:aws:s3:::b"]}}"#,
            Fails,
        ),
    ]);
}

#[test]
fn many_values() {
    check(&[
        (r#"{"StringEquals":{"m:list":"a"}}"#, Fails),
        (r#"{"StringNotEquals":{"m:list":"x"}}"#, Fails),
        (r#"{"StringEquals":{"m:one":"a"}}"#, Fails),
        (r#"{"StringEqualsIfExists":{"m:list":["a","b"]}}"#, Fails),
        (
            r#"{"ForAllValues:StringEquals":{"m:list":["a","b","c"]}}"#,
            Holds,
        ),
        (r#"{"ForAllValues:StringEquals":{"m:list":["a"]}}"#, Fails),
        (r#"{"ForAllValues:StringEquals":{"no:key":["a"]}}"#, Holds),
        (r#"{"ForAllValues:StringEquals":{"m:none":["a"]}}"#, Holds),
        (r#"{"ForAllValues:StringEquals":{"m:blank":["a"]}}"#, Holds),
        (r#"{"ForAllValues:StringEquals":{"s:empty":["a"]}}"#, Holds),
        (r#"{"ForAllValues:StringEquals":{"m:blanks":["a"]}}"#, Fails),
        (
            r#"{"ForAllValues:StringEqualsIfExists":{"no:key":["a"]}}"#,
            Holds,
        ),
        (
            r#"{"ForAllValues:StringNotEquals":{"m:list":["x"]}}"#,
            Holds,
        ),
        (
            r#"{"ForAllValues:StringNotEquals":{"m:list":["a"]}}"#,
            Fails,
        ),
        (r#"{"ForAnyValue:StringEquals":{"m:list":["b"]}}"#, Holds),
        (r#"{"ForAnyValue:StringEquals":{"m:none":["b"]}}"#, Fails),
        (r#"{"ForAnyValue:StringEquals":{"no:key":["b"]}}"#, Fails),
        (
            r#"{"ForAnyValue:StringEqualsIfExists":{"no:key":["b"]}}"#,
            Fails,
        ),
        (r#"{"ForAnyValue:StringNotEquals":{"no:key":["b"]}}"#, Fails),
        (r#"{"ForAnyValue:StringNotEquals":{"m:list":["a"]}}"#, Holds),
        (
            r#"{"ForAnyValue:StringNotEquals":{"m:list":["a","b"]}}"#,
            Fails,
        ),
        (
            r#"{"ForAnyValue:StringEquals":{"s:text":["Value"]}}"#,
            Holds,
        ),
        (r#"{"ForAnyValue:NumericEquals":{"m:mixed":["5"]}}"#, Odd),
        (
            r#"{"ForAllValues:NumericNotEquals":{"m:mixed":["7"]}}"#,
            Odd,
        ),
    ]);
}

#[test]
fn typed_values_are_as_their_text() {
    use crate::clock::Timestamp;

    struct Typed(Value<'static>);
    impl Context for Typed {
        fn get(&self, _: &str) -> Option<Value<'_>> {
            Some(self.0)
        }
    }
    let time = Value::Instant(Timestamp::from_milliseconds(1_795_426_200_750));
    let cases = [
        (
            r#"{"DateEquals":{"k":"2026-11-23T09:30:00Z"}}"#,
            time,
            Holds,
        ),
        (
            r#"{"StringEquals":{"k":"2026-11-23T09:30:00Z"}}"#,
            time,
            Holds,
        ),
        (
            r#"{"DateEquals":{"k":"1970-01-01T00:00:10Z"}}"#,
            Value::Number(10),
            Holds,
        ),
        (
            r#"{"NumericEquals":{"k":"10.0"}}"#,
            Value::Number(10),
            Holds,
        ),
        (r#"{"StringLike":{"k":"t*"}}"#, Value::Bool(true), Holds),
        (r#"{"Bool":{"k":"false"}}"#, Value::Bool(false), Holds),
        (
            r#"{"IpAddress":{"k":"10.0.0.0/8"}}"#,
            Value::Ip("::ffff:10.0.0.1".parse().unwrap()),
            Holds,
        ),
        (r#"{"NumericEquals":{"k":"1"}}"#, Value::Bool(true), Odd),
        (r#"{"Null":{"k":"false"}}"#, Value::Bool(false), Holds),
    ];
    for (block, value, outcome) in cases {
        assert_eq!(condition(block).judge(&Typed(value)), outcome, "{block}");
    }
}
