//! IAM's rules as plainly as they can be written, over raw JSON. Slow on purpose, and independent of the engine.

mod values;

use std::cmp::Ordering;

use serde_json::{Map, Value};

use values::{base64, boolean, in_range, instant, number};

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
        if let Value::Array(union) = document {
            return union
                .iter()
                .any(|document| self.any(document, effect, sided));
        }
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
            // An incomplete ARN is completed; a star at its end reaches as far.
            let missing = 5usize.saturating_sub(pattern.matches(':').count());
            let pattern = if pattern.ends_with('*') {
                pattern.clone()
            } else {
                format!("{pattern}{}", ":*".repeat(missing))
            };
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
        let operator = &*operator.to_lowercase();
        let found = self.lookup(key);
        let (quantifier, rest) = operator
            .split_once(':')
            .map_or((None, operator), |(q, r)| (Some(q), r));
        let (base, if_exists) = rest
            .strip_suffix("ifexists")
            .map_or((rest, false), |base| (base, true));
        let values = match found {
            None => Vec::new(),
            Some(found) => texts(found),
        };
        let nothing = values.is_empty() || values == [""];
        if base == "null" {
            return Some(wanted.iter().any(|wanted| (wanted == "true") == nothing));
        }
        let negated = base.contains("not");
        let positive = base.replace("not", "");
        let one = |value: &String| -> Option<bool> {
            // Of several values one that does not parse settles nothing, if another one matches.
            let each: Vec<Option<bool>> = (wanted.iter())
                .map(|wanted| self.compare(&positive, value, wanted, variables))
                .collect();
            if each.contains(&Some(true)) {
                return Some(!negated);
            }
            (!each.contains(&None)).then_some(negated)
        };
        match quantifier {
            None if values.is_empty() => Some(negated || if_exists),
            None if found.unwrap().is_array() => Some(false),
            None => one(&values[0]),
            Some(_) if nothing => Some(quantifier == Some("forallvalues")),
            Some(quantifier) => {
                let judged: Option<Vec<bool>> = values.iter().map(one).collect();
                let judged = judged?;
                Some(if quantifier == "forallvalues" {
                    judged.iter().all(|holds| *holds)
                } else {
                    judged.iter().any(|holds| *holds)
                })
            }
        }
    }

    fn compare(&self, operator: &str, value: &str, wanted: &str, variables: bool) -> Option<bool> {
        let order = |wanted_operator: &str, order: Ordering| match wanted_operator {
            "equals" => order.is_eq(),
            "lessthan" => order.is_lt(),
            "lessthanequals" => order.is_le(),
            "greaterthan" => order.is_gt(),
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
            "stringequals" => exact(wanted).is_some_and(|wanted| wanted == value),
            "stringequalsignorecase" => {
                exact(wanted).is_some_and(|wanted| wanted.to_lowercase() == value.to_lowercase())
            }
            "stringlike" => {
                tokens(wanted, variables, true, self).is_some_and(|wanted| glob(&wanted, value))
            }
            "bool" => {
                let value = boolean(value)?;
                match exact(wanted) {
                    None => false,
                    Some(wanted) => boolean(&wanted)? == value,
                }
            }
            "binaryequals" => base64(value)? == base64(wanted).unwrap(),
            "ipaddress" => in_range(value, wanted)?,
            "arnequals" | "arnlike" => {
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
                if let Some(relation) = operator.strip_prefix("numeric") {
                    order(relation, number(value)?.cmp(&number(wanted).unwrap()))
                } else if let Some(relation) = operator.strip_prefix("date") {
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
