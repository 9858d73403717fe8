//! Pagination as AWS does it: MaxItems, Marker, IsTruncated.
//!
//! A marker names the last item that was told, not a number of items: what a reload adds or takes away in between makes
//! nobody miss what is there all the time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::query_api::error::Error;
use crate::query_api::form::Form;
use crate::query_api::xml::Members;

/// Without `MaxItems`.
const DEFAULT: usize = 100;
const MOST: usize = 1_000;
/// A page that is this large ends, however many items were asked for, as AWS reserves for itself.
pub(super) const MOST_BYTES: usize = 1024 * 1024;
/// Longer than any key of an item.
const LONGEST_MARKER: usize = 4_096;
/// What a marker begins with, decoded.
const PREFIX: &str = "after:";

/// The parameters of every list.
pub(super) const PARAMETERS: [&str; 2] = ["Marker", "MaxItems"];

/// What part of a list is asked for.
#[derive(Debug)]
pub(super) struct Page {
    after: Option<String>,
    most: usize,
}

/// What comes behind a list.
#[derive(Debug, Default)]
pub(super) struct Rest(Option<String>);

impl Page {
    pub(super) fn read(form: &Form) -> Result<Self, Error> {
        let most = match form.get("MaxItems") {
            None => DEFAULT,
            Some(text) => max_items(text)?,
        };
        let after = form.get("Marker").map(|marker| {
            let invalid = || Error::validation("Invalid Marker.");
            if marker.len() > LONGEST_MARKER {
                return Err(invalid());
            }
            let bytes = URL_SAFE_NO_PAD.decode(marker).map_err(|_| invalid())?;
            let text = String::from_utf8(bytes).map_err(|_| invalid())?;
            text.strip_prefix(PREFIX)
                .map(str::to_owned)
                .ok_or_else(invalid)
        });
        Ok(Self {
            after: after.transpose()?,
            most,
        })
    }

    /// Cuts the page out of `items`, which stand in the order of their keys.
    pub(super) fn cut<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Rest) {
        self.cut_weighed(items, key, |_| 0)
    }

    /// The same of items that may be large: the one that makes [`MOST_BYTES`] full is the last.
    pub(super) fn cut_weighed<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
        bytes: impl Fn(&T) -> usize,
    ) -> (Vec<T>, Rest) {
        let mut items = items.into_iter().filter(|item| {
            let after = self.after.as_deref();
            after.is_none_or(|after| *key(item) > *after)
        });
        let mut held = 0_usize;
        let mut page = Vec::new();
        while page.len() < self.most && held < MOST_BYTES {
            let Some(item) = items.next() else { break };
            held = held.saturating_add(bytes(&item));
            page.push(item);
        }
        let more = items.next().is_some();
        let last = page.last().filter(|_| more);
        let marker = last.map(|last| marker(&key(last)));
        (page, Rest(marker))
    }

    /// What is behind the marker in a list that has an order of its own, and as many as are asked for, with their numbers.
    pub(super) fn numbered<T>(
        &self,
        items: impl IntoIterator<Item = T>,
    ) -> impl Iterator<Item = (usize, T)> {
        let items = items.into_iter().enumerate();
        let behind = items.filter(|(at, _)| {
            let after = self.after.as_deref();
            after.is_none_or(|after| *number(*at) > *after)
        });
        behind.take(self.most)
    }

    /// The same of a list that has an order of its own.
    pub(super) fn cut_numbered<T>(&self, items: impl IntoIterator<Item = T>) -> (Vec<T>, Rest) {
        let (page, rest) = self.cut(items.into_iter().enumerate(), |(at, _)| number(*at));
        (page.into_iter().map(|(_, item)| item).collect(), rest)
    }
}

fn marker(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{PREFIX}{key}"))
}

/// The key of what has a number alone.
fn number(at: usize) -> String {
    format!("{at:08}")
}

impl Rest {
    /// There is more behind the one of this number.
    pub(super) fn behind(at: usize) -> Self {
        Self(Some(marker(&number(at))))
    }

    /// `<IsTruncated>` and `<Marker>`.
    pub(super) fn write(&self, members: &mut Members) {
        members
            .boolean("IsTruncated", self.0.is_some())
            .maybe("Marker", self.0.as_deref());
    }
}

fn max_items(text: &str) -> Result<usize, Error> {
    let bound = |constraint| Error::constraint("maxItems", constraint);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(bound("Member must be a whole number"));
    }
    match text.parse::<usize>() {
        Ok(0) => Err(bound("Member must have value greater than or equal to 1")),
        Ok(most @ 1..=MOST) => Ok(most),
        _ => Err(bound("Member must have value less than or equal to 1000")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, Error> {
        Page::read(&Form::parse(query.as_bytes(), false).unwrap())
    }

    #[test]
    fn pages_join_to_the_whole_and_survive_changes() {
        let mut names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
        let mut seen = Vec::new();
        let mut query = "MaxItems=3".to_owned();
        loop {
            let asked = page(&query).unwrap();
            let (found, Rest(marker)) = asked.cut(names.clone(), String::clone);
            seen.extend(found);
            // What was told already goes away: the rest is told all the same.
            names.retain(|name| name != "n1");
            let Some(marker) = marker else { break };
            query = format!("MaxItems=3&Marker={marker}");
        }
        let all: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn what_is_large_comes_in_shorter_pages() {
        let key = |number: &usize| format!("{number:03}");
        let all = || page("MaxItems=1000").unwrap();
        let (found, Rest(marker)) = all().cut_weighed(0..100, key, |_| MOST_BYTES / 4);
        assert_eq!((found.len(), marker.is_some()), (4, true));
        let (found, _) = all().cut_weighed(0..2, key, |_| MOST_BYTES.saturating_mul(9));
        assert_eq!(found, [0], "one at least");
    }

    #[test]
    fn bounds() {
        for bad in [
            "MaxItems=0",
            "MaxItems=1001",
            "MaxItems=",
            "MaxItems=%2B1",
            "MaxItems=99999999999999999999",
            "Marker=%21",
            "Marker=",
            "Marker=YWJj",
        ] {
            assert_eq!(page(bad).unwrap_err().code, "ValidationError", "{bad}");
        }
        let (all, Rest(marker)) = page("").unwrap().cut(0..100, |n| format!("{n:03}"));
        assert_eq!((all.len(), marker), (100, None));
        let (all, Rest(marker)) = page("").unwrap().cut_numbered(0..101);
        assert_eq!((all.len(), marker.is_some()), (100, true));
    }
}
