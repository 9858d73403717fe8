//! IAM's rules as plainly as they can be written, over raw JSON. Slow on purpose, and independent of the engine.

use serde_json::{Map, Value};

use std::cmp::Ordering;

/// `allowed`, `explicitDeny` or `implicitDeny`.
pub(crate) fn decide(case: &Value) -> &'static str {
    let world = World {
        principal: &case["request"]["principal"],
        action: text(&case["request"]["action"]),
        resource: text(&case["request"]["resource"]),
        context: case["request"]["context"].as_object().unwrap(),
        bounded: !case["policies"]["boundary"].is_null(),
    };
    let policies = &case["policies"];
    let kind = world.kind();
    let belongs = !matches!(kind, "service" | "anonymous" | "federated");
    let linked = ["arn", "roleArn"]
        .iter()
        .any(|key| text(&world.principal[*key]).contains(":role/aws-service-role/"));

    let identity: Vec<&Value> = if belongs && kind != "root" {
        policies["identity"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["document"])
            .collect()
    } else {
        Vec::new()
    };
    let boundary =
        Some(&policies["boundary"]).filter(|found| belongs && kind != "root" && !found.is_null());
    let session = Some(&policies["session"]).filter(|found| belongs && !found.is_null());
    let no_levels = Vec::new();
    let scps = if belongs && !linked {
        policies["scps"].as_array().unwrap()
    } else {
        &no_levels
    };
    let rcps = if linked {
        &no_levels
    } else {
        policies["rcps"].as_array().unwrap()
    };
    let resource = Some(&policies["resource"]).filter(|found| !found.is_null());

    // 1. A Deny anywhere.
    let mut denies = false;
    for document in identity.iter().copied().chain(boundary).chain(session) {
        denies |= world.any(document, "Deny", false);
    }
    for document in scps.iter().flat_map(|level| level.as_array().unwrap()) {
        denies |= world.any(document, "Deny", false);
    }
    for document in rcps
        .iter()
        .flat_map(|level| level.as_array().unwrap())
        .chain(resource)
    {
        denies |= world.any(document, "Deny", true);
    }
    if denies {
        return "explicitDeny";
    }

    // 2. The terms.
    let i = kind == "root"
        || identity
            .iter()
            .any(|document| world.any(document, "Allow", false));
    let b = boundary.is_none_or(|document| world.any(document, "Allow", false));
    let s = match session {
        Some(document) => world.any(document, "Allow", false),
        None => kind != "federated-user",
    };
    let c = scps.iter().all(|level| {
        level
            .as_array()
            .unwrap()
            .iter()
            .any(|document| world.any(document, "Allow", false))
    });
    let grants: Vec<&str> = resource.map_or_else(Vec::new, |document| world.grants(document));
    let granted = |kind| grants.contains(&kind);

    let allowed = if !belongs {
        granted("self") || granted("everyone")
    } else if !c {
        false
    } else if world.same_account(case) {
        let mandatory = matches!(
            policies["resourceKind"].as_str(),
            Some("trust" | "mandatory")
        );
        let identity_row = i && b && s && (!mandatory || granted("account"));
        identity_row || granted("self") || granted("everyone") || (granted("parent") && b && s)
    } else {
        !grants.is_empty() && i && b && s
    };
    if allowed { "allowed" } else { "implicitDeny" }
}

struct World<'c> {
    principal: &'c Value,
    action: &'c str,
    resource: &'c str,
    context: &'c Map<String, Value>,
    bounded: bool,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// A string, or a list of them; numbers and booleans become text.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

impl World<'_> {
    fn kind(&self) -> &str {
        text(&self.principal["type"])
    }

    fn same_account(&self, case: &Value) -> bool {
        let own = text(&self.principal["account"]);
        let in_arn = self.resource.split(':').nth(4).unwrap_or("");
        let theirs = match case["request"]["resourceAccount"].as_str() {
            Some(account) => account,
            None if in_arn.len() == 12 => in_arn,
            None => own,
        };
        own == theirs
    }

    fn any(&self, document: &Value, effect: &str, sided: bool) -> bool {
        statements(document).into_iter().any(|statement| {
            statement["Effect"] == effect
                && self.applies(statement, document)
                && (!sided || self.names(statement))
        })
    }

    fn grants(&self, document: &Value) -> Vec<&'static str> {
        statements(document)
            .into_iter()
            .filter(|statement| statement["Effect"] == "Allow" && self.applies(statement, document))
            .flat_map(|statement| self.ways(&statement["Principal"]))
            .collect()
    }

    /// Whether Principal or NotPrincipal lets a Deny hit.
    fn names(&self, statement: &Value) -> bool {
        if statement.get("NotPrincipal").is_some() {
            let can_be_bounded = matches!(
                self.kind(),
                "user" | "role" | "assumed-role" | "federated-user"
            );
            (self.bounded && can_be_bounded) || self.ways(&statement["NotPrincipal"]).is_empty()
        } else {
            !self.ways(&statement["Principal"]).is_empty()
        }
    }

    fn ways(&self, element: &Value) -> Vec<&'static str> {
        if element == "*" {
            return vec!["everyone"];
        }
        let mut ways = Vec::new();
        let field = |key: &str| text(&self.principal[key]).to_owned();
        for name in element.get("AWS").map(texts).unwrap_or_default() {
            let account = match name.strip_suffix(":root") {
                Some(rest) => rest.rsplit(':').next().unwrap().to_owned(),
                None => name.clone(),
            };
            if name == "*" {
                ways.push("everyone");
            } else if matches!(self.kind(), "service" | "anonymous" | "federated") {
            } else if account == field("account") {
                ways.push("account");
            } else if name == field("arn") && self.kind() != "role" {
                ways.push("self");
            } else if (name == field("arn") && self.kind() == "role")
                || (name == field("roleArn") && self.kind() == "assumed-role")
                || (name == field("userArn") && self.kind() == "federated-user")
            {
                ways.push("parent");
            }
        }
        for name in element.get("Service").map(texts).unwrap_or_default() {
            if self.kind() == "service" && name == field("service") {
                ways.push("self");
            }
        }
        for name in element.get("Federated").map(texts).unwrap_or_default() {
            if self.kind() == "federated" && name == field("arn") {
                ways.push("self");
            }
        }
        ways
    }

    /// Every element but the principal.
    fn applies(&self, statement: &Value, document: &Value) -> bool {
        let variables = document["Version"] == "2012-10-17";
        let action = |pattern: &String| {
            glob(
                &tokens(&pattern.to_lowercase(), false, true, self).unwrap(),
                &self.action.to_lowercase(),
            )
        };
        let resource = |pattern: &String| {
            let fifth = pattern
                .match_indices(':')
                .nth(4)
                .map_or(pattern.len(), |(at, _)| at + 1);
            let (head, tail) = pattern.split_at(fifth);
            let head = tokens(head, false, true, self).unwrap();
            tokens(tail, variables, true, self)
                .is_some_and(|tail| glob(&[head.clone(), tail].concat(), self.resource))
        };
        let element = |plain: &str, negated: &str, fits: &dyn Fn(&String) -> bool| {
            if let Some(patterns) = statement.get(plain) {
                texts(patterns).iter().any(fits)
            } else if let Some(patterns) = statement.get(negated) {
                !texts(patterns).iter().any(fits)
            } else {
                true
            }
        };
        element("Action", "NotAction", &action)
            && element("Resource", "NotResource", &resource)
            && self.conditions(statement, variables)
    }

    fn conditions(&self, statement: &Value, variables: bool) -> bool {
        let Some(block) = statement.get("Condition") else {
            return true;
        };
        let denies = statement["Effect"] == "Deny";
        block.as_object().unwrap().iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, values)| {
                self.condition(operator, key, &texts(values), variables)
                    .unwrap_or(denies)
            })
        })
    }

    fn lookup(&self, key: &str) -> Option<&Value> {
        self.context
            .iter()
            .find(|(name, _)| name.to_lowercase() == key.to_lowercase())
            .map(|(_, value)| value)
    }

    /// `None`: a request value does not parse.
    fn condition(
        &self,
        operator: &str,
        key: &str,
        wanted: &[String],
        variables: bool,
    ) -> Option<bool> {
        let found = self.lookup(key);
        let (quantifier, rest) = operator
            .split_once(':')
            .map_or((None, operator), |(q, r)| (Some(q), r));
        let (base, if_exists) = rest
            .strip_suffix("IfExists")
            .map_or((rest, false), |base| (base, true));
        let values = match found {
            None => Vec::new(),
            Some(found) => texts(found),
        };
        let nothing = values.is_empty() || values == [""];
        if base == "Null" {
            return Some(wanted.iter().any(|wanted| (wanted == "true") == nothing));
        }
        let negated = base.contains("Not");
        let positive = base.replace("Not", "");
        let one = |value: &String| -> Option<bool> {
            let mut any = false;
            for wanted in wanted {
                any |= self.compare(&positive, value, wanted, variables)?;
            }
            Some(any != negated)
        };
        match quantifier {
            None if found.is_none() => Some(negated || if_exists),
            None if found.unwrap().is_array() => Some(false),
            None => one(&values[0]),
            Some(_) if nothing => Some(quantifier == Some("ForAllValues")),
            Some(quantifier) => {
                let judged: Option<Vec<bool>> = values.iter().map(one).collect();
                let judged = judged?;
                Some(if quantifier == "ForAllValues" {
                    judged.iter().all(|holds| *holds)
                } else {
                    judged.iter().any(|holds| *holds)
                })
            }
        }
    }

    fn compare(&self, operator: &str, value: &str, wanted: &str, variables: bool) -> Option<bool> {
        let order = |wanted_operator: &str, order: Ordering| match wanted_operator {
            "Equals" => order.is_eq(),
            "LessThan" => order.is_lt(),
            "LessThanEquals" => order.is_le(),
            "GreaterThan" => order.is_gt(),
            _ => order.is_ge(),
        };
        let exact = |wanted: &str| {
            tokens(wanted, variables, false, self).map(|tokens| {
                tokens
                    .into_iter()
                    .map(|token| {
                        if let Token::Character(c) = token {
                            c
                        } else {
                            ' '
                        }
                    })
                    .collect::<String>()
            })
        };
        Some(match operator {
            "StringEquals" => exact(wanted).is_some_and(|wanted| wanted == value),
            "StringEqualsIgnoreCase" => {
                exact(wanted).is_some_and(|wanted| wanted.to_lowercase() == value.to_lowercase())
            }
            "StringLike" => {
                tokens(wanted, variables, true, self).is_some_and(|wanted| glob(&wanted, value))
            }
            "Bool" => {
                let value = boolean(value)?;
                match exact(wanted) {
                    None => false,
                    Some(wanted) => boolean(&wanted)? == value,
                }
            }
            "BinaryEquals" => base64(value)? == base64(wanted).unwrap(),
            "IpAddress" => in_range(value, wanted)?,
            "ArnEquals" | "ArnLike" => {
                let parts: Vec<&str> = value.splitn(6, ':').collect();
                if parts.len() < 6 || parts[0] != "arn" {
                    return None;
                }
                outside(wanted, variables)
                    .iter()
                    .zip(&parts)
                    .all(|(wanted, part)| {
                        tokens(wanted, variables, true, self)
                            .is_some_and(|wanted| glob(&wanted, part))
                    })
            }
            _ => {
                if let Some(relation) = operator.strip_prefix("Numeric") {
                    order(relation, number(value)?.cmp(&number(wanted).unwrap()))
                } else if let Some(relation) = operator.strip_prefix("Date") {
                    order(relation, instant(value)?.cmp(&instant(wanted).unwrap()))
                } else {
                    panic!("operator {operator}")
                }
            }
        })
    }
}

fn statements(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

#[derive(Clone, Debug)]
enum Token {
    Character(char),
    One,
    Run,
}

/// `None`: a variable has no value.
fn tokens(text: &str, variables: bool, wildcards: bool, world: &World<'_>) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if variables && rest.starts_with("${") && rest.contains('}') {
            let (inside, behind) = rest[2..].split_once('}').unwrap();
            rest = behind;
            if ["*", "?", "$"].contains(&inside) {
                tokens.extend(inside.chars().map(Token::Character));
                continue;
            }
            let (key, default) = match inside.split_once(", '") {
                Some((key, default)) => (key, Some(default.strip_suffix('\'').unwrap())),
                None => (inside, None),
            };
            let value = match world.lookup(key) {
                Some(Value::String(value)) => value.clone(),
                _ => default?.to_owned(),
            };
            tokens.extend(value.chars().map(Token::Character));
            continue;
        }
        tokens.push(match character {
            '*' if wildcards => Token::Run,
            '?' if wildcards => Token::One,
            other => Token::Character(other),
        });
        rest = &rest[character.len_utf8()..];
    }
    Some(tokens)
}

fn glob(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // fits[p][t]: the pattern from p on matches the text from t on.
    let mut fits = vec![vec![false; text.len() + 1]; pattern.len() + 1];
    for p in (0..=pattern.len()).rev() {
        for t in (0..=text.len()).rev() {
            fits[p][t] = match pattern.get(p) {
                None => t == text.len(),
                Some(Token::Run) => fits[p + 1][t] || (t < text.len() && fits[p][t + 1]),
                Some(Token::One) => t < text.len() && fits[p + 1][t + 1],
                Some(Token::Character(c)) => t < text.len() && text[t] == *c && fits[p + 1][t + 1],
            };
        }
    }
    fits[0][0]
}

/// Six parts, cut at colons outside `${…}`.
fn outside(text: &str, variables: bool) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = false;
    for (at, character) in text.char_indices() {
        if variables && text[at..].starts_with("${") {
            depth = true;
        }
        if character == '}' {
            depth = false;
        }
        if character == ':' && !depth && parts.len() < 6 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(character);
        }
    }
    parts
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// In thousandths: the generator writes no more digits.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.is_empty()
        || !whole
            .chars()
            .chain(fraction.chars())
            .all(|c| c.is_ascii_digit())
    {
        return None;
    }
    let fraction = format!("{fraction:0<3}");
    Some(sign * (whole.parse::<i128>().ok()? * 1000 + fraction.parse::<i128>().ok()?))
}

/// Epoch seconds, by counting days.
fn instant(text: &str) -> Option<i128> {
    if !text.get(1..)?.contains('-') {
        return number(text);
    }
    let (date, time) = text
        .split_once('T')
        .map_or((text, None), |(date, time)| (date, Some(time)));
    let fields: Vec<i128> = date
        .split('-')
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    let (year, month, day) = (
        fields[0],
        *fields.get(1)?,
        fields.get(2).copied().unwrap_or(1),
    );
    let leap = |year: i128| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [
        31,
        28 + i128::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if day < 1 || day > length {
        return None;
    }
    let mut days = day - 1;
    for year in 1970..year {
        days += 365 + i128::from(leap(year));
    }
    days += lengths
        .iter()
        .take(usize::try_from(month - 1).ok()?)
        .sum::<i128>();
    let mut seconds = days * 86_400;
    if let Some(time) = time {
        let (clock, offset) = match time.strip_suffix('Z') {
            Some(clock) => (clock, 0),
            None => {
                let at = time.rfind(['+', '-'])?;
                let sign = if time[at..].starts_with('+') { 1 } else { -1 };
                let (hours, minutes) = time[at + 1..].split_once(':')?;
                (
                    &time[..at],
                    sign * (hours.parse::<i128>().ok()? * 3600
                        + minutes.parse::<i128>().ok()? * 60),
                )
            }
        };
        let fields: Vec<i128> = clock
            .split(':')
            .map(|field| field.parse().ok())
            .collect::<Option<_>>()?;
        seconds += fields[0] * 3600 + fields[1] * 60 + fields.get(2).copied().unwrap_or(0) - offset;
    }
    Some(seconds * 1000)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Addresses as bits, compared one by one.
fn in_range(value: &str, range: &str) -> Option<bool> {
    let bits = |text: &str| -> Option<String> {
        let address: std::net::IpAddr = text.parse().ok()?;
        Some(match address {
            std::net::IpAddr::V4(v4) => format!("4{:032b}", u32::from(v4)),
            std::net::IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => format!("4{:032b}", u32::from(v4)),
                None => format!("6{:0128b}", u128::from(v6)),
            },
        })
    };
    let (network, length) = range
        .split_once('/')
        .map_or((range, None), |(n, l)| (n, Some(l)));
    let mapped = network.contains(':') && bits(network).unwrap().starts_with('4');
    let network = bits(network).unwrap();
    let length = match length {
        None => network.len() - 1,
        Some(length) => length.parse::<usize>().unwrap() - if mapped { 96 } else { 0 },
    };
    let value = bits(value)?;
    Some(value.len() == network.len() && value[..=length] == network[..=length])
}
