//! The tree of path templates of one host: which route a method and a path lead to.
//!
//! Per segment a literal comes before a parameter and a parameter before the rest, with going back where a way leads
//! nowhere. Each node is reached by one way only, so a look-up visits each at most once, whatever the path.

use smallvec::SmallVec;

use crate::route::path::decode;
use crate::route::template::{Methods, Segment, Template};

/// Segments that parameters took, in order.
pub(in crate::route) type Captured<'p> = SmallVec<[&'p str; 8]>;

/// A tree of templates; a route is named by its number.
#[derive(Debug, Clone)]
pub(in crate::route) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Sorted by their text.
    literals: Vec<(Box<str>, usize)>,
    parameter: Option<usize>,
    /// Routes that end here.
    ends: Ends,
    /// Routes whose last segment takes everything from here.
    rest: Ends,
}

#[derive(Debug, Clone, Default)]
struct Ends {
    grpc: Option<usize>,
    named: Vec<(Box<str>, usize)>,
    any: Option<usize>,
}

/// What a request is, as far as a tree asks.
#[derive(Debug, Clone, Copy)]
pub(in crate::route) struct Method<'a> {
    pub(in crate::route) name: &'a str,
    pub(in crate::route) grpc: bool,
}

impl Tree {
    pub(in crate::route) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }

    /// Puts a route in.
    ///
    /// # Errors
    /// The routes that match the same requests; this one is then not put in for those.
    pub(in crate::route) fn insert(
        &mut self,
        template: &Template,
        route: usize,
    ) -> Result<(), SmallVec<[usize; 1]>> {
        let mut at = 0;
        let mut rest = false;
        for segment in &template.segments {
            match segment {
                Segment::Literal(text) => at = self.literal(at, text),
                Segment::Parameter => at = self.parameter(at),
                Segment::Rest => rest = true,
            }
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return Ok(());
        };
        let ends = if rest { &mut node.rest } else { &mut node.ends };
        let equal = ends.insert(template.methods(), route);
        if equal.is_empty() { Ok(()) } else { Err(equal) }
    }

    fn literal(&mut self, at: usize, text: &str) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return at;
        };
        match node
            .literals
            .binary_search_by(|(known, _)| (**known).cmp(text))
        {
            Ok(found) => node.literals.get(found).map_or(at, |(_, child)| *child),
            Err(place) => {
                node.literals.insert(place, (text.into(), new));
                self.nodes.push(Node::default());
                new
            }
        }
    }

    fn parameter(&mut self, at: usize) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return at;
        };
        let child = *node.parameter.get_or_insert(new);
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }

    /// The route that a canonical path leads to, and what its parameters take (escapes and all).
    pub(in crate::route) fn find<'p>(
        &self,
        method: Method<'_>,
        path: &'p str,
    ) -> Option<(usize, Captured<'p>)> {
        let mut captured = Captured::new();
        let route = self.walk(0, method, path.strip_prefix('/')?, &mut captured)?;
        Some((route, captured))
    }

    /// INVARIANT: the depth of this recursion is the depth of the tree, which templates bound.
    fn walk<'p>(
        &self,
        at: usize,
        method: Method<'_>,
        path: &'p str,
        captured: &mut Captured<'p>,
    ) -> Option<usize> {
        let node = self.nodes.get(at)?;
        // Byte by byte: segments are too short for a quicker search to pay.
        let slash = path.bytes().position(|byte| byte == b'/');
        let (segment, behind) = match slash.and_then(|at| path.split_at_checked(at)) {
            Some((segment, behind)) => (segment, behind.get(1..)),
            None => (path, None),
        };
        let descend = |child: usize, captured: &mut Captured<'p>| match behind {
            Some(behind) => self.walk(child, method, behind, captured),
            None => self.nodes.get(child)?.ends.find(method),
        };
        let decoded = decode(segment);
        if let Ok(found) = node
            .literals
            .binary_search_by(|(known, _)| (**known).cmp(&*decoded))
            && let Some((_, child)) = node.literals.get(found)
            && let Some(route) = descend(*child, captured)
        {
            return Some(route);
        }
        // An empty segment is no value: it is what stands behind a trailing slash.
        if segment.is_empty() {
            return None;
        }
        if let Some(child) = node.parameter {
            captured.push(segment);
            if let Some(route) = descend(child, captured) {
                return Some(route);
            }
            captured.pop();
        }
        let route = node.rest.find(method)?;
        captured.push(path);
        Some(route)
    }
}

impl Ends {
    fn insert(&mut self, methods: &Methods, route: usize) -> SmallVec<[usize; 1]> {
        let mut equal = SmallVec::new();
        match methods {
            Methods::Grpc => equal.extend(take(&mut self.grpc, route)),
            Methods::Any => equal.extend(take(&mut self.any, route)),
            Methods::Listed(names) => {
                for name in names {
                    match self.named.iter().find(|(known, _)| known == name) {
                        Some((_, known)) if !equal.contains(known) => equal.push(*known),
                        Some(_) => {}
                        None => self.named.push((name.clone(), route)),
                    }
                }
            }
        }
        equal
    }

    fn find(&self, method: Method<'_>) -> Option<usize> {
        let grpc = self.grpc.filter(|_| method.grpc && method.name == "POST");
        grpc.or_else(|| {
            let named = self.named.iter().find(|(name, _)| **name == *method.name);
            named.map(|(_, route)| *route)
        })
        .or(self.any)
    }
}

/// The route that already has the place, if any.
fn take(place: &mut Option<usize>, route: usize) -> Option<usize> {
    let before = *place;
    place.get_or_insert(route);
    before
}
