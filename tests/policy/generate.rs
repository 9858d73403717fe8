//! Random cases in the exchange format of `simulate --jsonl`, from a seed. Few names and values, so that they meet.

use serde_json::{Map, Value, json};

/// A small random number generator (SplitMix64), or one whose first rolls are given, as a fuzzer wants it.
pub(crate) struct Dice {
    state: u64,
    given: std::vec::IntoIter<u8>,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            ..Self::of(&[])
        }
    }

    /// Each byte is a roll.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            state: 0,
            given: Vec::from(bytes).into_iter(),
        }
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        if let Some(byte) = self.given.next() {
            return usize::from(byte) % sides;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }
}

const HOME: &str = "111111111111";
const AWAY: &str = "222222222222";
const USER: &str = "arn:aws:iam::111111111111:user/team/ann";
const ROLE: &str = "arn:aws:iam::111111111111:role/team/app";
const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/app/s1";
const BOB: &str = "arn:aws:sts::111111111111:federated-user/bob";
const PROVIDER: &str = "arn:aws:iam::111111111111:oidc-provider/idp.example";
const LINKED: &str = "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/X";

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Plain,
    Resource,
    Trust,
    Rcp,
}

/// A whole case from a seed.
pub(crate) fn case(seed: u64) -> Value {
    let mut case = thrown(&mut Dice::new(seed));
    case["id"] = json!(seed.to_string());
    case
}

/// A whole case.
pub(crate) fn thrown(dice: &mut Dice) -> Value {
    let kind = dice.pick(&[
        Value::Null,
        json!("resource"),
        json!("trust"),
        json!("mandatory"),
    ]);
    let sided = if kind == "trust" {
        Kind::Trust
    } else {
        Kind::Resource
    };
    let resource = if dice.chance(30) {
        Value::Null
    } else {
        document(dice, sided)
    };
    let identity: Vec<Value> = (0..dice.roll(4))
        .map(|n| json!({"name": format!("p{n}"), "document": document(dice, Kind::Plain)}))
        .collect();
    let boundary = if dice.chance(60) {
        Value::Null
    } else {
        broad(dice)
    };
    let session = if dice.chance(60) {
        Value::Null
    } else {
        broad(dice)
    };
    let scps: Vec<Vec<Value>> = (0..dice.roll(3))
        .map(|_| (0..=dice.roll(2)).map(|_| broad(dice)).collect())
        .collect();
    let rcps: Vec<Vec<Value>> = (0..dice.roll(2))
        .map(|_| {
            (0..dice.roll(2))
                .map(|_| document(dice, Kind::Rcp))
                .collect()
        })
        .collect();
    json!({
        "id": Value::Null,
        "request": {
            "principal": principal(dice),
            "action": dice.pick(&["s3:GetObject", "S3:getobject", "s3:PutObject"]),
            "resource": dice.pick(&["arn:aws:s3:::logs/a.txt", "arn:aws:s3:::logs/ann/x", "arn:aws:q:eu:222222222222:logs/*", "*"]),
            "resourceAccount": dice.pick(&[json!(HOME), json!(HOME), json!(AWAY), Value::Null]),
            "context": context(dice),
        },
        "policies": {
            "identity": identity, "resource": resource, "resourceKind": kind,
            "boundary": boundary, "session": session, "scps": scps, "rcps": rcps,
        },
    })
}

fn principal(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"type": "user", "account": HOME, "arn": USER, "name": "ann"}),
        json!({"type": "user", "account": HOME, "arn": USER, "name": "ann"}),
        json!({"type": "assumed-role", "account": HOME, "arn": SESSION, "roleArn": ROLE, "name": "app", "session": "s1"}),
        json!({"type": "assumed-role", "account": HOME, "arn": SESSION, "roleArn": ROLE, "name": "app", "session": "s1"}),
        json!({"type": "assumed-role", "account": HOME, "arn": "arn:aws:sts::111111111111:assumed-role/X/s", "roleArn": LINKED, "name": "X", "session": "s"}),
        json!({"type": "role", "account": HOME, "arn": ROLE}),
        json!({"type": "federated-user", "account": HOME, "arn": BOB, "userArn": USER}),
        json!({"type": "root", "account": HOME, "arn": "arn:aws:iam::111111111111:root"}),
        json!({"type": "service", "service": "backup.amazonaws.com", "arn": null, "account": null}),
        json!({"type": "federated", "account": HOME, "arn": PROVIDER}),
        json!({"type": "anonymous", "arn": null, "account": null}),
    ])
}

fn context(dice: &mut Dice) -> Value {
    let mut context = Map::new();
    let choices: [(&str, Vec<Value>); 9] = [
        (
            "t:Text",
            vec![
                json!("ann"),
                json!("ANN"),
                json!("a*"),
                json!(""),
                json!("logs"),
                json!(["ann"]),
            ],
        ),
        ("t:other", vec![json!("ann"), json!("x/y"), json!("?")]),
        (
            "t:list",
            vec![
                json!(["ann", "bob"]),
                json!(["ann"]),
                json!([]),
                json!([""]),
                json!(["", ""]),
                json!("ann"),
            ],
        ),
        (
            "t:number",
            vec![
                json!("10"),
                json!("9.50"),
                json!("-1"),
                json!("x"),
                json!(["10", "x"]),
                json!(["9", "11"]),
            ],
        ),
        (
            "t:date",
            vec![
                json!("2026-11-23T09:30:00Z"),
                json!("1795426200"),
                json!("2026-11-23"),
                json!("soon"),
            ],
        ),
        ("t:flag", vec![json!("true"), json!("FALSE"), json!("yes")]),
        (
            "t:ip",
            vec![
                json!("203.0.113.7"),
                json!("::ffff:203.0.113.7"),
                json!("2001:db8::1"),
                json!("nowhere"),
            ],
        ),
        (
            "t:arn",
            vec![
                json!(USER),
                json!("arn:aws:s3:::logs/a:b"),
                json!("no:arn"),
                json!([USER, ROLE]),
            ],
        ),
        ("t:bytes", vec![json!("AQID"), json!("AA=="), json!("%")]),
    ];
    for (key, values) in choices {
        if dice.chance(60) {
            let key = if dice.chance(20) {
                key.to_uppercase()
            } else {
                key.to_owned()
            };
            context.insert(key, dice.pick(&values));
        }
    }
    Value::Object(context)
}

/// Mostly everything, so that other layers matter too.
fn broad(dice: &mut Dice) -> Value {
    if dice.chance(60) {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    } else {
        document(dice, Kind::Plain)
    }
}

pub(crate) fn document(dice: &mut Dice, kind: Kind) -> Value {
    let statements: Vec<Value> = (0..=dice.roll(3)).map(|_| statement(dice, kind)).collect();
    let mut document = Map::new();
    if kind == Kind::Rcp || dice.chance(85) {
        document.insert("Version".into(), json!("2012-10-17"));
    } else if dice.chance(50) {
        document.insert("Version".into(), json!("2008-10-17"));
    }
    let one = statements.len() == 1 && dice.chance(50);
    document.insert(
        "Statement".into(),
        if one {
            statements[0].clone()
        } else {
            json!(statements)
        },
    );
    Value::Object(document)
}

/// One value, or a list.
fn some(dice: &mut Dice, from: &[&str]) -> Value {
    if dice.chance(60) {
        json!(dice.pick(from))
    } else {
        json!(
            (0..=dice.roll(3))
                .map(|_| dice.pick(from))
                .collect::<Vec<_>>()
        )
    }
}

pub(crate) fn statement(dice: &mut Dice, kind: Kind) -> Value {
    let mut statement = Map::new();
    let deny = kind == Kind::Rcp || dice.chance(15);
    statement.insert("Effect".into(), json!(if deny { "Deny" } else { "Allow" }));
    match kind {
        Kind::Plain => {}
        Kind::Rcp => {
            statement.insert("Principal".into(), json!("*"));
        }
        Kind::Resource | Kind::Trust => {
            let key = if deny && kind == Kind::Resource && dice.chance(50) {
                "NotPrincipal"
            } else {
                "Principal"
            };
            statement.insert(key.into(), names(dice));
        }
    }
    let actions = [
        "s3:GetObject",
        "s3:Get*",
        "S3:*",
        "s3:?etobject",
        "s3:Put*",
        "q:*",
    ];
    let key = if kind == Kind::Rcp || dice.chance(90) {
        "Action"
    } else {
        "NotAction"
    };
    let wide = kind != Kind::Rcp && dice.chance(25);
    statement.insert(
        key.into(),
        if wide {
            json!("*")
        } else {
            some(dice, &actions)
        },
    );
    if kind != Kind::Trust && !(kind == Kind::Resource && dice.chance(10)) {
        let key = if dice.chance(90) {
            "Resource"
        } else {
            "NotResource"
        };
        let resources = [
            "*",
            "*",
            "arn:aws:s3:::logs/*",
            "arn:aws:s3:::logs/a.txt",
            "arn:aws:s3:::logs/${t:text}/*",
            "arn:aws:s3:*",
            "arn:aws:s3:::${t:other, 'logs'}/?.txt",
            "arn:aws:s3:::logs/${t:none}*",
            "arn:*:s3:*logs/*",
            "arn:aws:q:e?:222222222222:logs/${*}",
        ];
        statement.insert(key.into(), some(dice, &resources));
    }
    let count = dice.pick(&[0, 0, 1, 1, 2, 3]);
    if count > 0 {
        let mut block = Map::new();
        for _ in 0..count {
            let (operator, key, values) = condition(dice);
            block
                .entry(operator)
                .or_insert_with(|| json!({}))
                .as_object_mut()
                .unwrap()
                .insert(key, values);
        }
        statement.insert("Condition".into(), Value::Object(block));
    }
    Value::Object(statement)
}

fn names(dice: &mut Dice) -> Value {
    let aws = [
        "*",
        HOME,
        "arn:aws:iam::111111111111:root",
        AWAY,
        USER,
        ROLE,
        SESSION,
        BOB,
    ];
    match dice.roll(6) {
        0 => json!("*"),
        1 => json!({"Service": "backup.amazonaws.com", "AWS": AWAY}),
        2 => json!({"Federated": PROVIDER}),
        _ => json!({"AWS": some(dice, &aws)}),
    }
}

fn condition(dice: &mut Dice) -> (String, String, Value) {
    let text = [
        "ann",
        "a*",
        "ANN",
        "${t:other}",
        "${t:none}",
        "${t:none, 'ann'}",
        "${*}",
        "a${*}",
        "",
        "${T:TEXT}",
        "logs",
    ];
    let arns = [
        "arn:aws:iam::*:user/*",
        USER,
        "arn:aws:s3:::logs/*",
        "arn:aws:s3:::${t:text}/a:b",
        "*:*:*:*:*:*",
        "arn:a?s:iam::111111111111:${t:none, 'role'}/*",
    ];
    let relations = [
        "Equals",
        "NotEquals",
        "LessThan",
        "LessThanEquals",
        "GreaterThan",
        "GreaterThanEquals",
    ];
    let (stem, mut key, values): (String, &str, &[&str]) = match dice.roll(9) {
        0 | 1 => (
            dice.pick(&[
                "StringEquals",
                "StringNotEquals",
                "StringEqualsIgnoreCase",
                "StringNotEqualsIgnoreCase",
                "StringLike",
                "StringNotLike",
            ])
            .into(),
            dice.pick(&["t:text", "t:list", "t:other"]),
            &text,
        ),
        2 => (
            format!("Numeric{}", dice.pick(&relations)),
            "t:number",
            &["10.0", "9.5", "+10", "-1", "100"],
        ),
        3 => (
            format!("Date{}", dice.pick(&relations)),
            "t:date",
            &[
                "2026-11-23T09:30:00Z",
                "1795426200",
                "2026-11",
                "2026-11-23T10:30+01:00",
            ],
        ),
        4 => (
            "Bool".into(),
            "t:flag",
            &["true", "false", "${t:flag}", "${t:none}", "${t:text}"],
        ),
        5 => (
            dice.pick(&["IpAddress", "NotIpAddress"]).into(),
            "t:ip",
            &[
                "203.0.113.0/24",
                "203.0.113.7",
                "0.0.0.0/0",
                "::/0",
                "2001:db8::/32",
                "::ffff:203.0.113.0/120",
            ],
        ),
        6 => (
            dice.pick(&["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"])
                .into(),
            "t:arn",
            &arns,
        ),
        7 => ("BinaryEquals".into(), "t:bytes", &["AQID", "AA=="]),
        _ => ("Null".into(), "t:text", &["true", "false"]),
    };
    if dice.chance(15) {
        key = dice.pick(&["t:absent", "t:text", "t:list"]);
    }
    let quantifier = dice.pick(&["", "", "", "ForAllValues:", "ForAnyValue:"]);
    let suffix = if stem != "Null" && dice.chance(25) {
        "IfExists"
    } else {
        ""
    };
    // The values that are variables are literal text, and no booleans, in a document of 2008.
    let values = if stem == "Bool" && dice.chance(70) {
        &values[..2]
    } else {
        values
    };
    (
        format!("{quantifier}{stem}{suffix}"),
        key.to_owned(),
        some(dice, values),
    )
}
