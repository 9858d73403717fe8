//! One route: what it matches, and what a request that matches it asks for.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::arn::Arn;
use crate::route::template::{Methods, Template};
use crate::route::value::{Constants, Part, Sources, ValueTemplate};
use crate::source::mapping::{self, Mapping};
use crate::source::{Entry, Node, Report, Span, Value};

/// Whether a refusal by policy stands, or is only recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Refused is refused.
    Enforce,
    /// What policy would refuse is forwarded, and recorded.
    Shadow,
}

/// Keys in lower case, with what they are set to.
type Values = Box<[(Box<str>, ValueTemplate)]>;

/// A route of a service.
#[derive(Debug, Clone)]
pub struct Route {
    pub(in crate::route) template: Template,
    pub(in crate::route) action: Box<str>,
    folded_action: Box<str>,
    pub(in crate::route) resources: Box<[ValueTemplate]>,
    pub(in crate::route) tags: Values,
    pub(in crate::route) context: Values,
    pub(in crate::route) allow: Allow,
    enforcement: Option<Enforcement>,
    upgrades: Box<[Box<str>]>,
    file: Arc<str>,
    span: Span,
}

/// What a route lets stand in its paths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::route) struct Allow {
    pub(in crate::route) encoded_slash: bool,
    pub(in crate::route) params: bool,
}

impl Route {
    /// Reads one entry of `routes`.
    pub(in crate::route) fn read(
        node: &Node,
        constants: &Constants<'_>,
        report: &mut Report,
    ) -> Option<Self> {
        let mut keys = Mapping::of(node, "a route", report)?;
        let matched = keys.required_string("match", report);
        let action = keys.required_string("action", report);
        let parts = Parts {
            resource: keys.required("resource", report),
            tags: keys.map("resource_tags", report),
            context: keys.map("context", report),
            allow: keys.strings("allow", report),
            enforcement: keys.string("enforcement", report),
            upgrade: keys.take("upgrade"),
        };
        keys.finish(report);
        let action = action.filter(|(name, span)| check_action(name, *span, report));
        // Without a template every parameter would be reported as unknown.
        let (text, span) = matched?;
        let template = Template::read(text, span, report)?;
        parts.read(template, action?.0, span, constants, report)
    }

    /// The `match`, as written: `GET,HEAD /orders/{id}`. Unique within a service's host, so it labels metrics.
    pub fn label(&self) -> &str {
        self.template.as_str()
    }

    /// The methods that it matches.
    pub fn methods(&self) -> &Methods {
        self.template.methods()
    }

    /// The action that it asks for.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The same in lower case, as policies compare it.
    pub fn folded_action(&self) -> &str {
        &self.folded_action
    }

    /// Its own enforcement, where the file says one.
    pub fn enforcement(&self) -> Option<Enforcement> {
        self.enforcement
    }

    /// Whether a connection may be upgraded to `protocol` (compared without case).
    pub fn allows_upgrade(&self, protocol: &str) -> bool {
        self.upgrades
            .iter()
            .any(|known| known.eq_ignore_ascii_case(protocol))
    }

    /// The file that holds it.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Its place in that file.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The context keys that it sets, in lower case.
    pub fn context_keys(&self) -> impl Iterator<Item = &str> {
        self.context.iter().map(|(key, _)| &**key)
    }
}

/// The values of a route's keys, whether they come from `routes` or from an OpenAPI document.
#[derive(Debug)]
pub(in crate::route) struct Parts<'n> {
    pub(in crate::route) resource: Option<&'n Node>,
    pub(in crate::route) tags: &'n [Entry],
    pub(in crate::route) context: &'n [Entry],
    pub(in crate::route) allow: Vec<(&'n str, Span)>,
    pub(in crate::route) enforcement: Option<(&'n str, Span)>,
    pub(in crate::route) upgrade: Option<&'n Node>,
}

impl Parts<'_> {
    /// Puts a route together; `None` when any part of it is at fault.
    pub(in crate::route) fn read(
        self,
        template: Template,
        action: &str,
        span: Span,
        constants: &Constants<'_>,
        report: &mut Report,
    ) -> Option<Route> {
        let resources = self
            .resource
            .and_then(|node| read_resources(node, &template, constants, report));
        let tags = read_values(self.tags, Key::Tag, &template, constants, report);
        let context = read_values(self.context, Key::Context, &template, constants, report);
        let allow = read_allow(&self.allow, report);
        let enforcement = read_enforcement(self.enforcement, report);
        let upgrades = read_upgrades(self.upgrade, &template, report);
        Some(Route {
            action: action.into(),
            folded_action: action.to_lowercase().into(),
            resources: resources?,
            tags: tags?,
            context: context?,
            allow: allow?,
            enforcement: enforcement?,
            upgrades: upgrades?,
            template,
            file: Arc::clone(report.file()),
            span,
        })
    }
}

/// Whether `name` is an action that a request can ask for; reports it when not.
pub(in crate::route) fn check_action(name: &str, span: Span, report: &mut Report) -> bool {
    let sound = name.split_once(':').is_some_and(|(service, action)| {
        is_service(service)
            && !action.is_empty()
            && action.len() <= 128
            && action
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    });
    if !sound {
        let help = if name.contains(['*', '?']) {
            "a request asks for one action; wildcards belong into policies"
        } else {
            "write service:Name, as in orders:GetOrder"
        };
        report.error("bad-action", span, format!("`{name}` is no action"), help);
    }
    sound
}

/// The service part of actions, ARNs and context keys.
pub(in crate::route) fn is_service(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn read_resources(
    node: &Node,
    template: &Template,
    constants: &Constants<'_>,
    report: &mut Report,
) -> Option<Box<[ValueTemplate]>> {
    let items = match &node.value {
        Value::List(items) if items.is_empty() => {
            report.error(
                "bad-resource",
                node.span,
                "a route asks for one resource at least",
                "write the ARN of what the request is about: arn:{partition}:SERVICE::{account}:TYPE/{parameter}",
            );
            return None;
        }
        Value::List(items) => items.as_slice(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Map(_) => {
            std::slice::from_ref(node)
        }
    };
    let resources: Vec<_> = items
        .iter()
        .map(|item| {
            let (text, span) = mapping::string(item, "resource", report)?;
            let value =
                ValueTemplate::read(text, span, template, constants, Sources::Path, report)?;
            check_arn(text, span, &value, constants, report).then_some(value)
        })
        .collect();
    resources.into_iter().collect()
}

/// A template is an ARN when its first five parts are written out and belong to the service's account, so that no
/// value of a request can move a colon or an account.
fn check_arn(
    text: &str,
    span: Span,
    value: &ValueTemplate,
    constants: &Constants<'_>,
    report: &mut Report,
) -> bool {
    let mut sample = String::new();
    let mut fixed_colons = 0;
    for (at, part) in value.parts.iter().enumerate() {
        match part {
            Part::Literal(literal) => {
                if at == 0 {
                    fixed_colons = literal.bytes().filter(|byte| *byte == b':').count();
                }
                sample.push_str(literal);
            }
            Part::Path(_) | Part::Query(_) | Part::Header(_) => sample.push('x'),
        }
    }
    let (message, help) = match Arn::parse(&sample) {
        Err(error) => (
            format!("`{text}` is no ARN: {error}"),
            format!(
                "write arn:{{partition}}:{}::{{account}}:TYPE/{{parameter}}",
                constants.service
            ),
        ),
        Ok(_) if fixed_colons < 5 => (
            format!("`{text}`: a parameter may stand only in the resource part of an ARN"),
            "the five parts before it are the bundle's to say".to_owned(),
        ),
        Ok(arn) if !matches!(arn.account(), "") && arn.account() != constants.account => (
            format!(
                "`{text}` is in account {}, and the service's resources are in {}",
                arn.account(),
                constants.account
            ),
            "write {account}".to_owned(),
        ),
        Ok(_) => return true,
    };
    report.error("bad-resource", span, message, help);
    false
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Tag,
    Context,
}

fn read_values(
    entries: &[Entry],
    kind: Key,
    template: &Template,
    constants: &Constants<'_>,
    report: &mut Report,
) -> Option<Values> {
    let mut values: Vec<(Box<str>, ValueTemplate)> = Vec::with_capacity(entries.len());
    let mut sound = true;
    for entry in entries {
        // Keys are compared without case, so they are kept in lower case.
        let key = entry.key.to_lowercase();
        let fault = match kind {
            Key::Tag if key.is_empty() || key.chars().count() > 128 => {
                Some("a tag key has 1 to 128 characters".to_owned())
            }
            Key::Context => context_key_fault(&key),
            Key::Tag => None,
        };
        let twice = values.iter().any(|(known, _)| **known == *key);
        if let Some(message) = fault {
            report.error(
                "bad-key",
                entry.key_span,
                message,
                "a route's own keys are named SERVICE:Name, as in orders:Channel",
            );
            sound = false;
        } else if twice {
            report.error(
                "bad-key",
                entry.key_span,
                format!(
                    "`{}` stands here twice: keys are compared without case",
                    entry.key
                ),
                "remove one of them",
            );
            sound = false;
        }
        let sources = match kind {
            Key::Tag => Sources::Path,
            Key::Context => Sources::Request,
        };
        let value = mapping::string(&entry.value, &entry.key, report).and_then(|(text, span)| {
            ValueTemplate::read(text, span, template, constants, sources, report)
        });
        match value {
            Some(value) => values.push((key.into(), value)),
            None => sound = false,
        }
    }
    sound.then(|| values.into())
}

/// What is wrong with a context key (in lower case). The keys that say who asks are never a route's to set.
fn context_key_fault(key: &str) -> Option<String> {
    let Some((service, name)) = key.split_once(':') else {
        return Some(format!("`{key}` is no context key"));
    };
    if matches!(service, "aws" | "sts" | "saml" | "iam") {
        return Some(format!("a route never sets {service}: keys"));
    }
    let named = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    (!is_service(service) || !named).then(|| format!("`{key}` is no context key of a service"))
}

fn read_allow(words: &[(&str, Span)], report: &mut Report) -> Option<Allow> {
    let mut allow = Allow::default();
    let mut sound = true;
    for (word, span) in words {
        match *word {
            "encoded_slash" => allow.encoded_slash = true,
            "params" => allow.params = true,
            _ => {
                report.error(
                    "bad-allow",
                    *span,
                    format!("`{word}` is nothing that a route can allow"),
                    "write encoded_slash or params",
                );
                sound = false;
            }
        }
    }
    sound.then_some(allow)
}

#[expect(
    clippy::option_option,
    reason = "outer: read without a fault; inner: said at all"
)]
fn read_enforcement(
    word: Option<(&str, Span)>,
    report: &mut Report,
) -> Option<Option<Enforcement>> {
    match word {
        None => Some(None),
        Some(("enforce", _)) => Some(Some(Enforcement::Enforce)),
        Some(("shadow", _)) => Some(Some(Enforcement::Shadow)),
        Some((word, span)) => {
            report.error(
                "bad-enforcement",
                span,
                format!("`{word}` is no kind of enforcement"),
                "write enforce or shadow",
            );
            None
        }
    }
}

fn read_upgrades(
    node: Option<&Node>,
    template: &Template,
    report: &mut Report,
) -> Option<Box<[Box<str>]>> {
    let Some(node) = node else {
        return Some(Box::default());
    };
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let words: SmallVec<[_; 2]> = items
        .iter()
        .filter_map(|item| mapping::string(item, "upgrade", report))
        .collect();
    let mut sound = words.len() == items.len();
    for (word, span) in &words {
        let help = match *word {
            // h2c would smuggle requests past every decision.
            "h2c" => "requests inside it would pass undecided",
            word if word.is_empty() || !word.bytes().all(|b| b.is_ascii_graphic() && b != b',') => {
                "write websocket"
            }
            _ => continue,
        };
        report.error(
            "bad-upgrade",
            *span,
            format!("`{word}` is no upgrade that a route can allow"),
            help,
        );
        sound = false;
    }
    if !template.methods().includes("GET") {
        report.error(
            "bad-upgrade",
            node.span,
            "a connection is upgraded by a GET, which this route does not match",
            "add GET to its methods",
        );
        sound = false;
    }
    sound.then(|| words.iter().map(|(word, _)| Box::from(*word)).collect())
}
