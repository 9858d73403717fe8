//! Whether a statement applies to a request. A statement applies when every element that it has matches.

use super::context::Context;
use super::document::Statement;
use super::principal::Principal;

/// A request, made ready for many statements.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'r> {
    pub(crate) principal: &'r Principal,
    /// In lower case.
    pub(crate) action: &'r str,
    pub(crate) resource: &'r str,
    pub(crate) context: &'r dyn Context,
    /// A permissions boundary acts on the requester.
    pub(crate) bounded: bool,
}

impl Statement {
    /// Whether every element but Principal matches.
    #[inline]
    pub(crate) fn fits(&self, ask: &Ask<'_>) -> bool {
        self.actions.cover(ask.action)
            && self
                .resources
                .as_ref()
                .is_none_or(|resources| resources.cover(ask.resource, ask.context))
            && self
                .conditions
                .iter()
                .all(|condition| condition.judge(ask.context).counts(self.effect))
    }
}
