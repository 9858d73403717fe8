//! Texts that are broken, or only look so: for each what exactly is said, where, and what the carets stand under. A row
//! that says nothing is read without a word.

#![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

use super::{Files, Options, is_finding, load, sound};
use crate::source::{Fault, Severity, Span};

/// `id line:column text`: the text above the carets, its beginning if it is long; `-` where nothing is pointed at. Of
/// another file than the row's, its path stands before the line.
type Told = &'static [&'static str];

/// What stands in `scps/guard.json`.
#[rustfmt::skip]
const JSON: &[(&str, Told)] = &[
    ("", &["invalid-json 1:1"]),
    ("\n\n", &["invalid-json 1:1"]),
    ("\u{feff}{}", &["invalid-json 1:1 \u{feff}"]),
    ("{}x", &["invalid-json 1:3 x"]),
    ("// why\n{}", &["invalid-json 1:1 /"]),
    ("{} // why", &["invalid-json 1:4 /"]),
    ("# why\n{}", &["invalid-json 1:1 #"]),
    ("{,}", &["invalid-json 1:2 ,"]),
    (r#"{"Version":"2012-10-17",}"#, &["invalid-json 1:25 }"]),
    ("[1,]", &["invalid-json 1:4 ]"]),
    ("{'a':1}", &["invalid-json 1:2 '"]),
    ("{a:1}", &["invalid-json 1:2 a"]),
    (r#"{"a":NaN}"#, &["invalid-json 1:6 N"]),
    (r#"{"a":Infinity}"#, &["invalid-json 1:6 I"]),
    (r#"{"a":01}"#, &["invalid-json 1:6 0"]),
    (r#"{"a":+1}"#, &["invalid-json 1:6 +"]),
    (r#"{"a":.5}"#, &["invalid-json 1:6 ."]),
    (r#"{"a":0x1}"#, &["invalid-json 1:7 x"]),
    (r#"{"a":True}"#, &["invalid-json 1:6 T"]),
    (r#"{"a":"\ud83d"}"#, &[r#"invalid-json 1:13 ""#]),
    (r#"{"a":"\udc00"}"#, &[r#"invalid-json 1:13 ""#]),
    (r#"{"a":"\ud83dx"}"#, &["invalid-json 1:13 x"]),
    (r#"{"a":"\x41"}"#, &["invalid-json 1:8 x"]),
    ("{\"a\":\"x\ty\"}", &["invalid-json 1:8"]),
    (r#"{"a":"x"#, &["invalid-json 1:8"]),
    (r#"{"a":[1"#, &["invalid-json 1:8"]),
    (r#"{"a""#, &["invalid-json 1:5"]),
    (r#"{"a":"#, &["invalid-json 1:6"]),
    ("[", &["invalid-json 1:2"]),
    ("null", &["wrong-type 1:1 null"]),
    (r#""x""#, &[r#"wrong-type 1:1 "x""#]),
    ("7", &["wrong-type 1:1 7"]),
    ("true", &["wrong-type 1:1 true"]),
    ("[]", &["wrong-type 1:1 []"]),
    ("{}", &["missing-member 1:1 {}"]),
    (r#"{"Version":"2012-10-17"}"#, &[r#"missing-member 1:1 {"Version":"2012-10-17"}"#]),
    (r#"{"Statement":null}"#, &["wrong-type 1:14 null"]),
    (r#"{"Statement":[]}"#, &["empty-list 1:14 []"]),
    (r#"{"Statement":{}}"#, &["missing-member 1:14 {}"]),
    (r#"{"Statement":[null]}"#, &["wrong-type 1:15 null"]),
    (r#"{"Statement":[[]]}"#, &["wrong-type 1:15 []"]),
    (r#"{"Statement":"x"}"#, &[r#"wrong-type 1:14 "x""#]),
    (r#"{"Version":null,"Statement":[{"Effect":"Deny","Action":"db:X","Resource":"*"}]}"#, &["wrong-type 1:12 null"]),
    (r#"{"Version":20121017,"Statement":[{"Effect":"Deny","Action":"db:X","Resource":"*"}]}"#, &["wrong-type 1:12 20121017"]),
    (r#"{"Version":"2012-10-18","Statement":[{"Effect":"Deny","Action":"db:X","Resource":"*"}]}"#, &[r#"unknown-version 1:12 "2012-10-18""#]),
    (r#"{"version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"db:X","Resource":"*"}]}"#, &[r#"unknown-member 1:2 "version""#]),
    (r#"{"Version":"2012-10-17","Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"db:X","Resource":"*"}]}"#, &[r#"duplicate-key 1:25 "Version""#]),
    ("{\"Version\":\"2012-10-17\",\r\n\"Statement\":[\r\n{\"Effect\":\"Deny\",\"Action\":\"db:X\",\"Resource\":\"*\"}]}\r\n", &[]),
    ("{\"Version\":\"2012-10-17\",\r\n\"Statement\":[\r\n{\"Effect\":\"deny\",\"Action\":\"db:X\",\"Resource\":\"*\"}]}\r\n", &[r#"bad-effect 3:11 "deny""#]),
];

/// What stands in the one statement of `scps/guard.json`.
#[rustfmt::skip]
const STATEMENTS: &[(&str, Told)] = &[
    (r#""Effect":null,"Action":"db:X","Resource":"*""#, &["bad-effect 1:48 null"]),
    (r#""Effect":true,"Action":"db:X","Resource":"*""#, &["bad-effect 1:48 true"]),
    (r#""Effect":"deny","Action":"db:X","Resource":"*""#, &[r#"bad-effect 1:48 "deny""#]),
    (r#""effect":"Deny","Action":"db:X","Resource":"*""#, &[r#"unknown-member 1:39 "effect""#]),
    (r#""Action":"db:X","Resource":"*""#, &[r#"missing-member 1:38 {"Action":"db:X","Resour…"#]),
    (r#""Effect":"Deny","Resource":"*""#, &[r#"missing-member 1:38 {"Effect":"Deny","Resour…"#]),
    (r#""Effect":"Deny","Action":null,"Resource":"*""#, &["wrong-type 1:64 null"]),
    (r#""Effect":"Deny","Action":7,"Resource":"*""#, &["wrong-type 1:64 7"]),
    (r#""Effect":"Deny","Action":[],"Resource":"*""#, &["empty-list 1:64 []"]),
    (r#""Effect":"Deny","Action":"","Resource":"*""#, &[r#"bad-action 1:64 """#]),
    (r#""Effect":"Deny","Action":"db","Resource":"*""#, &[r#"bad-action 1:64 "db""#]),
    (r#""Effect":"Deny","Action":"db:","Resource":"*""#, &[r#"bad-action 1:64 "db:""#]),
    (r#""Effect":"Deny","Action":"d*:X","Resource":"*""#, &[r#"bad-action 1:64 "d*:X""#]),
    (r#""Effect":"Deny","Action":"db:X:Y","Resource":"*""#, &[r#"bad-action 1:64 "db:X:Y""#]),
    (r#""Effect":"Deny","Action":["db:X",["db:Y"]],"Resource":"*""#, &[r#"wrong-type 1:72 ["db:Y"]"#]),
    (r#""Effect":"Deny","Action":{"a":"b"},"Resource":"*""#, &[r#"wrong-type 1:64 {"a":"b"}"#]),
    (r#""Effect":"Deny","Acton":"db:X","Resource":"*""#, &[r#"unknown-member 1:55 "Acton""#]),
    (r#""Effect":"Deny","Action":"db:X","NotAction":"db:Y","Resource":"*""#, &[r#"conflicting-members 1:71 "NotAction""#]),
    (r#""Effect":"Deny","Action":"db:X""#, &[r#"missing-member 1:38 {"Effect":"Deny","Action…"#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":null"#, &["wrong-type 1:82 null"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":[]"#, &["empty-list 1:82 []"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"""#, &[r#"resource-no-arn 1:82 """#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"db""#, &[r#"resource-no-arn 1:82 "db""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws:db""#, &[r#"incomplete-arn 1:82 "arn:aws:db""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws:d*:::x""#, &[r#"wildcard-in-service 1:82 "arn:aws:d*:::x""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws:db:::""#, &[r#"arn-never-matches 1:82 "arn:aws:db:::""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws:db::${aws:PrincipalAccount}:x""#, &[r#"variable-in-arn 1:82 "arn:aws:db::${aws:Princ…"#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws:db:::${aws:usernme}""#, &[r#"variable-without-value 1:82 "arn:aws:db:::${aws:user…"#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws:db:::${""#, &[r#"unclosed-variable 1:82 "arn:aws:db:::${""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws:db:::${}""#, &[r#"bad-variable 1:82 "arn:aws:db:::${}""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"arn:aws-cn:db:::x""#, &[r#"arn-never-matches 1:82 "arn:aws-cn:db:::x""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","NotResource":"*""#, &[r#"conflicting-members 1:86 "NotResource""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Principal":"*""#, &[r#"principal-forbidden 1:86 "Principal""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Foo":1"#, &[r#"unknown-member 1:86 "Foo""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Sid":null"#, &["wrong-type 1:92 null"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Sid":7"#, &["wrong-type 1:92 7"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Sid":"""#, &[r#"empty-sid 1:92 """#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Sid":"ł""#, &[r#"character-not-allowed 1:92 "ł""#]),
    (r#""Effect":"Deny","Effect":"Deny","Action":"db:X","Resource":"*""#, &[r#"duplicate-key 1:55 "Effect""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":null"#, &["wrong-type 1:98 null"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":[]"#, &["wrong-type 1:98 []"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{}"#, &["empty-condition 1:98 {}"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":{}}"#, &["empty-condition 1:114 {}"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":"x"}"#, &[r#"wrong-type 1:114 "x""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEqual":{"a:b":"x"}}"#, &[r#"unknown-operator 1:99 "StringEqual""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"NullIfExists":{"a:b":"true"}}"#, &[r#"unknown-operator 1:99 "NullIfExists""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":{"a:b":null}}"#, &["wrong-type 1:121 null"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":{"a:b":["x",[]]}}"#, &["wrong-type 1:126 []"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":{"a:b":[]}}"#, &["empty-condition 1:121 []"]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":{"a:b":"x","a:b":"y"}}"#, &[r#"duplicate-key 1:125 "a:b""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":{"a:b":"x","A:B":"y"}}"#, &[r#"duplicate-condition-key 1:125 "A:B""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"NumericEquals":{"a:b":"x"}}"#, &[r#"bad-value 1:122 "x""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"DateLessThan":{"a:b":"soon"}}"#, &[r#"bad-value 1:121 "soon""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"Bool":{"a:b":"yes"}}"#, &[r#"bad-value 1:113 "yes""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","10.0.0.0/33"]}}"#, &[r#"bad-value 1:141 "10.0.0.0/33""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"BinaryEquals":{"a:b":"%"}}"#, &[r#"bad-value 1:121 "%""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"x"}}"#, &[r#"bad-value 1:129 "x""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*","Condition":{"StringEquals":{"sts:ExtrnalId":"x"}}"#, &[r#"unknown-condition-key 1:115 "sts:ExtrnalId""#]),
    (r#""Effect":"Deny","Action":"db:X","Resource":"*"},{"#, &["missing-member 1:87 {}"]),
    (r#""Sid":"A","Effect":"Deny","Action":"db:X","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"db:Y","Resource":"*""#, &[r#"duplicate-sid 1:97 {"Sid":"A","Effect":"Den…"#]),
];

/// What stands in a user's file.
#[rustfmt::skip]
const YAML: &[(&str, Told)] = &[
    ("", &["wrong-type 1:1"]),
    ("# why\n", &["wrong-type 1:1 #"]),
    ("---\n", &["wrong-type 2:1"]),
    ("\u{feff}groups: [readers]\n", &[]),
    ("groups: [readers]\r\npath: /x/\r\n", &[]),
    ("groups: [raeders]\r\n", &["dangling-reference 1:10 raeders"]),
    ("groups:\n\t- readers\n", &["invalid-yaml 2:2 -"]),
    ("groups: &g [readers]\n", &["yaml-feature 1:9 &g ["]),
    ("groups: &g [readers]\nmanaged_policies: *g\n", &["yaml-feature 1:9 &g [", "yaml-feature 2:19 *g"]),
    ("<<: { path: /x/ }\n", &["unknown-key 1:1 <<"]),
    ("tags:\n  <<: { a: b }\n", &["bad-tag 2:3 <<"]),
    ("groups: !!seq [readers]\n", &["yaml-feature 1:9 !!seq ["]),
    ("path: !x /x/\n", &["yaml-feature 1:7 !x /x/"]),
    ("groups: [readers]\n---\npath: /x/\n", &["invalid-yaml 2:1 ---"]),
    ("---\ngroups: [readers]\n...\n", &[]),
    ("a: a: a: \n", &["invalid-yaml 1:5 :"]),
    ("tags: { a: x, a: y }\n", &["duplicate-key 1:15 a"]),
    ("tags: { A: x, a: y }\n", &["duplicate-tag 1:15 a"]),
    ("groups: [readers]\ngroups: [readers]\n", &["duplicate-key 2:1 groups"]),
    ("groups: [readers, readers]\n", &["duplicate-reference 1:19 readers"]),
    ("tags: { a: no, b: off, c: yes, d: 2026-01-01 }\n", &[]),
    ("tags: { a: true }\n", &["wrong-type 1:12 true"]),
    ("tags: { a: 7 }\n", &["wrong-type 1:12 7"]),
    ("tags: { a: null }\n", &["wrong-type 1:12 null"]),
    ("tags: { a: [x] }\n", &["wrong-type 1:12 [x]"]),
    ("tags: { 7: x }\n", &[]),
    ("bearer: no\n", &["wrong-type 1:9 no"]),
    ("bearer: \"false\"\n", &[r#"wrong-type 1:9 "false""#]),
    ("bearer: 0\n", &["wrong-type 1:9 0"]),
    ("bearer: ~\n", &[]),
    ("path: 7\n", &["wrong-type 1:7 7"]),
    ("path: people\n", &["bad-path 1:7 people"]),
    ("path: null\n", &[]),
    ("groups: [7]\n", &["wrong-type 1:10 7"]),
    ("groups: [null]\n", &["wrong-type 1:10 null"]),
    ("groups: [\"\"]\n", &[r#"dangling-reference 1:10 """#]),
    ("groups: readers\n", &["wrong-type 1:9 readers"]),
    ("groups: { readers: x }\n", &["wrong-type 1:9 { readers: x }"]),
    ("groups:\npath:\ntags:\n", &[]),
    ("id: 7\n", &["wrong-type 1:5 7"]),
    ("id: AIDA1\n", &["bad-id 1:5 AIDA1"]),
    ("created: 2026-01-01\n", &["bad-time 1:10 2026-01-01"]),
    ("created: yesterday\n", &["bad-time 1:10 yesterday"]),
    ("- groups\n", &["wrong-type 1:1 - groups"]),
    ("readers\n", &["wrong-type 1:1 readers"]),
    ("7\n", &["wrong-type 1:1 7"]),
    ("groups: [readers\n", &["invalid-yaml 1:17"]),
    ("path: \"/x/\n", &[r#"invalid-yaml 1:7 ""#]),
    ("path: '/x/\n", &["invalid-yaml 1:7 '"]),
    ("groups: [readers]\n  path: /x/\n", &["invalid-yaml 2:3 p"]),
    ("path: /x/: y\n", &["invalid-yaml 1:10 :"]),
    ("path: @x\n", &["invalid-yaml 1:7 @"]),
    ("path: %x\n", &["invalid-yaml 1:7 %"]),
    ("path: *x\n", &["invalid-yaml 1:7 *"]),
    ("path: \"\\q\"\n", &[r#"invalid-yaml 1:7 ""#]),
    ("? [a]\n: b\n", &["invalid-yaml 1:3 ["]),
    ("{ path: /x/, }\n", &[]),
    ("{ path: /x/ } x\n", &["invalid-yaml 1:15 x"]),
    (": x\n", &["unknown-key 1:1 -"]),
    ("gropus: [readers]\n", &["unknown-key 1:1 gropus"]),
    ("Groups: [readers]\n", &["unknown-key 1:1 Groups"]),
    ("inline_policies: { x: }\n", &["wrong-type 1:21"]),
    ("inline_policies: { x: {} }\n", &["missing-member 1:23 {}"]),
    ("inline_policies: { x: [] }\n", &["wrong-type 1:23 []"]),
    ("inline_policies: { x: { file: [y] } }\n", &["wrong-type 1:31 [y]"]),
    ("inline_policies: { x: { file: y.json } }\n", &["dangling-reference 1:31 y.json"]),
    ("inline_policies: { x: { file: ../../../../y.json } }\n", &["dangling-reference 1:31 ../../../../y.json"]),
    ("inline_policies: { x: { fiel: y.json } }\n", &["unknown-key 1:25 fiel"]),
    ("inline_policies: { x: { Version: 2012-10-17, Statement: { Effect: Deny, Action: \"db:X\", Resource: \"*\" } } }\n", &[]),
    ("inline_policies: { x: { Version: \"2012-10-17\", Statement: { Effect: Deny, Action: *, Resource: \"*\" } } }\n", &["invalid-yaml 1:83 *"]),
    ("inline_policies: { x: { Version: \"2012-10-17\", Statement: { Effect: Deny, Action: \"db:X\", Effect: Deny, Resource: \"*\" } } }\n", &["duplicate-key 1:91 Effect"]),
    ("inline_policies: { x: { Version: \"2012-10-17\", Statement: { Effect: Deny, Action: db:X, Resource: arn:aws:db:::x } } }\n", &[]),
    ("inline_policies: { x: { Version: \"2012-10-17\", Statement: { Effect: No, Action: \"db:X\", Resource: \"*\" } } }\n", &["bad-effect 1:69 No"]),
];

/// A file (`P/` is production's folder), what stands in it, and what stands there instead.
#[rustfmt::skip]
const EDITS: &[(&str, &str, &str, Told)] = &[
    ("organization.yaml", r#"accounts: ["111111111111"]"#, "accounts: [111111111111]", &["wrong-type 5:14 111111111111"]),
    ("organization.yaml", r#"accounts: ["111111111111"]"#, "accounts: [11111111111]", &["wrong-type 5:14 11111111111"]),
    ("organization.yaml", r#"accounts: ["111111111111"]"#, r#"accounts: ["1111-1111-1111"]"#, &[r#"bad-account 5:14 "1111-1111-1111""#]),
    ("organization.yaml", r#"accounts: ["111111111111"]"#, "accounts: [1111-1111-1111]", &["bad-account 5:14 1111-1111-1111"]),
    ("organization.yaml", r#"accounts: ["111111111111"]"#, "accounts: []", &["missing-account 1:1 -", r#"missing-account 2:21 "111111111111""#]),
    ("organization.yaml", r#"management_account: "111111111111""#, "management_account: 111111111111", &["wrong-type 2:21 111111111111"]),
    ("organization.yaml", r#"management_account: "111111111111""#, "management_account: 012345678901", &["wrong-type 2:21 012345678901"]),
    ("organization.yaml", r#"{ id: "555566667777", rcps"#, "{ id: 555566667777, rcps", &["wrong-type 9:24 555566667777"]),
    ("organization.yaml", r#"{ id: "555566667777", rcps"#, "{ rcps", &["missing-key 9:18 { rcps: [inside] }"]),
    ("organization.yaml", "scps: [FullAWSAccess, guard]", "scps: []", &["empty-scps 1:1 -", "unattached-policy scps/guard.json:1:1 -"]),
    ("organization.yaml", "scps: [FullAWSAccess, guard]", "scps: [guard]", &[]),
    ("organization.yaml", "scps: [FullAWSAccess, guard]", "scps: [FullAWSAccess]", &["unattached-policy scps/guard.json:1:1 -"]),
    ("organization.yaml", "rcps: [inside]", "rcps: [insde]", &["dangling-reference 9:47 insde"]),
    ("P/account.yaml", r#"id: "555566667777""#, "id: 555566667777", &["wrong-type 1:5 555566667777"]),
    ("P/account.yaml", r#"id: "555566667777""#, r#"id: "555566667778""#, &[r#"wrong-folder 1:5 "555566667778""#]),
    ("P/account.yaml", "id: \"555566667777\"\n", "", &["missing-key 1:1 name: production"]),
    ("permission-sets/Readers.yaml", r#"eng, account: "555566667777""#, "eng, account: 555566667777", &["wrong-type 4:28 555566667777"]),
    ("permission-sets/Readers.yaml", "provider: corp\n", "", &["missing-key 1:1 managed_policies: [ReadO…"]),
    ("permission-sets/Readers.yaml", "ops", "eng", &[r#"duplicate-reference 5:5 { group: eng, account: "…"#]),
    ("identity-providers/corp.yaml", r#"account: "555566667777""#, "account: 555566667777", &["wrong-type 2:10 555566667777"]),
    ("identity-providers/corp.yaml", "type: oidc", "type: oidcc", &["unknown-value 1:7 oidcc"]),
    ("identity-providers/corp.yaml", "https://idp", "http://idp", &["plain-http 3:9 http://idp.example"]),
    ("routes/catalog.yaml", r#"account: "555566667777""#, "account: 555566667777", &["wrong-type 2:10 555566667777"]),
    ("routes/catalog.yaml", "GET /images", "GET,,HEAD /images", &["bad-match 6:12 GET,,HEAD /images/{id}"]),
    ("routes/catalog.yaml", "GET /images", "GET, HEAD /images", &["bad-match 6:12 GET, HEAD /images/{id}"]),
    ("routes/catalog.yaml", "GET /images", "get /images", &["bad-match 6:12 get /images/{id}"]),
    ("routes/catalog.yaml", "GET /images", "/images", &["bad-match 6:12 /images/{id}"]),
    ("routes/catalog.yaml", "/{id}\n", "/{id\n", &["bad-match 6:12 GET /images/{id"]),
    ("routes/catalog.yaml", "image/{id}", "image/{nr}", &["bad-value 8:15 arn:{partition}:catalog:…"]),
    ("routes/catalog.yaml", "action: catalog:GetImage", "action: catalog:*", &["bad-action 7:13 catalog:*"]),
    ("P/resources/images.yaml", "arn:aws:catalog::555566667777:image/*", "arn:aws:catalog::111111111111:image/*", &["wrong-folder 1:11 arn:aws:catalog::1111111…"]),
    ("P/resources/images.yaml", "arn:aws:catalog::555566667777:image/*", "arn:aws:catalog", &["malformed-arn 1:11 arn:aws:catalog"]),
    ("rcps/inside.json", r#""Deny""#, r#""Allow""#, &[r#"rcp-allow 1:38 {"Effect":"Allow","Princ…"#]),
    ("rcps/inside.json", r#""catalog:Delete*""#, r#""*""#, &[r#"rcp-every-action 1:80 "*""#]),
    ("rcps/inside.json", r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#, &[r#"rcp-principal 1:67 {"AWS":"*"}"#]),
];

const GUARD: &str = "scps/guard.json";
const USER: &str = "accounts/555566667777-production/users/alice.yaml";

/// All faults of the sound bundle with one file in place of its own.
fn told(path: &str, content: &[u8]) -> Vec<String> {
    let mut files = Files::new();
    for (other, text) in sound().iter().filter(|(other, _)| *other != path) {
        files.insert(other, text.as_bytes().to_vec());
    }
    files.insert(path, content.to_vec());
    let found = match load(&files, &Options::default()) {
        Ok(snapshot) => {
            let errors = |fault: &Fault| fault.severity == Severity::Error;
            assert!(!snapshot.faults.iter().any(errors));
            snapshot.faults
        }
        Err(faults) => faults,
    };
    let mut told: Vec<String> = found
        .iter()
        .filter(|fault| !is_finding(fault))
        .map(|fault| {
            let drawn = files.render(fault);
            assert!(
                drawn.contains("\n  = help: ") && !fault.help.is_empty(),
                "{drawn}"
            );
            assert_eq!(
                drawn.contains('^'),
                fault.span != Span::WHOLE_FILE,
                "{drawn}"
            );
            let file = if *fault.file == *path {
                ""
            } else {
                &fault.file
            };
            let colon = if file.is_empty() { "" } else { ":" };
            let at = fault.span.start;
            let shown = pointed(files.text(&fault.file).unwrap_or_default(), fault.span);
            let line = format!(
                "{} {file}{colon}{}:{} {shown}",
                fault.id, at.line, at.column
            );
            line.trim_end().to_owned()
        })
        .collect();
    told.sort();
    told
}

/// The text under which carets stand.
fn pointed(text: &str, span: Span) -> String {
    if span == Span::WHOLE_FILE {
        return "-".to_owned();
    }
    let line = text.lines().nth(span.start.line as usize - 1);
    let behind = line.unwrap_or_default().chars();
    let behind = behind.skip(span.start.column as usize - 1);
    let length = if span.end.line == span.start.line {
        (span.end.column - span.start.column) as usize
    } else {
        usize::MAX
    };
    let shown: String = behind.take(length).collect();
    if shown.chars().count() > 24 {
        shown.chars().take(24).chain(['…']).collect()
    } else {
        shown
    }
}

fn compare<'r>(rows: impl Iterator<Item = (String, &'static str, String, &'r [&'r str])>) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (what, path, content, expected) in rows {
        count += 1;
        let found = told(path, content.as_bytes());
        if found != expected {
            wrong.push(format!(
                "{what}\n    expected {expected:?}\n    found    {found:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 30, "{count}");
}

#[test]
fn broken_json() {
    compare(
        (JSON.iter()).map(|(text, told)| ((*text).to_owned(), GUARD, (*text).to_owned(), *told)),
    );
}

#[test]
fn broken_statements() {
    compare(STATEMENTS.iter().map(|(text, told)| {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{{{text}}}]}}"#);
        ((*text).to_owned(), GUARD, document, *told)
    }));
}

#[test]
fn broken_yaml() {
    compare(
        (YAML.iter()).map(|(text, told)| ((*text).to_owned(), USER, (*text).to_owned(), *told)),
    );
}

#[test]
fn broken_edits() {
    compare(EDITS.iter().map(|(path, old, new, told)| {
        let path = path.replace("P/", "accounts/555566667777-production/");
        let all = sound();
        let (path, text) = all.iter().find(|(other, _)| *other == path).unwrap();
        assert!(text.contains(old), "{path} has no {old:?}");
        let what = format!("{path}: {old} -> {new}");
        (what, *path, text.replacen(old, new, 1), *told)
    }));
}

#[test]
fn what_is_too_deep_too_long_or_no_text() {
    let deep = |open: &str| open.repeat(70).into_bytes();
    assert_eq!(told(GUARD, &deep("[")), ["invalid-json 1:66 ["]);
    assert_eq!(told(GUARD, &deep(r#"{"a":"#)), ["invalid-json 1:326 {"]);
    assert_eq!(
        told(USER, &[b"groups: ", &deep("[")[..]].concat()),
        ["invalid-yaml 1:72 ["]
    );
    assert_eq!(
        told(GUARD, &deep("[").repeat(2_000)),
        ["invalid-json 1:66 ["]
    );
    let long = "x".repeat(1 << 20);
    let tag = format!("tags: {{ a: \"{long}\" }}\n");
    assert_eq!(
        told(USER, tag.as_bytes()),
        [r#"bad-tag 1:12 "xxxxxxxxxxxxxxxxxxxxxxx…"#]
    );
    let sid = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Sid":"{long}","Effect":"Deny","Action":"db:X","Resource":"*"}}}}"#
    );
    assert_eq!(
        told(GUARD, sid.as_bytes()),
        [r#"quota-policy-size 1:1 {"Version":"2012-10-17",…"#]
    );
    let action = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"{long}","Resource":"*"}}}}"#
    );
    assert_eq!(
        told(GUARD, action.as_bytes()),
        [
            r#"bad-action 1:63 "xxxxxxxxxxxxxxxxxxxxxxx…"#,
            r#"quota-policy-size 1:1 {"Version":"2012-10-17",…"#,
        ]
    );
    assert_eq!(told(GUARD, b"\xff\xfe{}"), ["not-utf8 1:1"]);
    assert_eq!(told(USER, b"groups: [\xe9]\n"), ["not-utf8 1:10"]);
    assert_eq!(
        told(USER, b"groups: [readers]\0\npath: /x/\n"),
        ["invalid-yaml 1:18 \0"]
    );
}
