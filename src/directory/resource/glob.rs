//! Patterns with `*` (any run of characters, also none) and `?` (one character) over whole texts.

/// Whether `text` fits `pattern`. In `text` both are literal characters.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0usize, 0usize);
    // Behind the last star, and where the text it does not cover begins.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p = p.saturating_add(1);
                star = Some((p, t));
            }
            Some(b'?') => {
                p = p.saturating_add(1);
                t = next(text, t);
            }
            Some(byte) if text.get(t) == Some(byte) => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            Some(_) | None => {
                let Some((after, from)) = star else {
                    return false;
                };
                let from = next(text, from);
                star = Some((after, from));
                p = after;
                t = from;
            }
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Where the next character begins.
fn next(text: &[u8], at: usize) -> usize {
    let mut at = at.saturating_add(1);
    while text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
        at = at.saturating_add(1);
    }
    at
}

/// Whether any text fits both patterns.
pub fn overlap(a: &str, b: &str) -> bool {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    // reach[j]: can the part of `a` read so far and the first j characters of `b` be made one text.
    let mut reach = vec![false; b.len().saturating_add(1)];
    for i in 0..=a.len() {
        let mut row = vec![false; reach.len()];
        let above = i.checked_sub(1).and_then(|before| a.get(before));
        for j in 0..=b.len() {
            let left = j.checked_sub(1).and_then(|before| b.get(before));
            let from_above = reach.get(j).copied().unwrap_or_default();
            let before = |row: &[bool]| {
                let at = j.checked_sub(1).and_then(|before| row.get(before));
                at.copied().unwrap_or_default()
            };
            let is_star = above == Some(&'*') || left == Some(&'*');
            let reached = (i == 0 && j == 0)
                || (is_star && (from_above || before(&row)))
                || (before(&reach) && fits(above, left));
            if let Some(cell) = row.get_mut(j) {
                *cell = reached;
            }
        }
        reach = row;
    }
    reach.last().copied().unwrap_or_default()
}

/// Whether one character fits both.
fn fits(a: Option<&char>, b: Option<&char>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || *a == '?' || *b == '?',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*b*b", "abab", true),
            ("a", "*", false),
            ("?", "*", true),
            ("a*", "b", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn overlapping_patterns() {
        for (a, b, expected) in [
            ("image/*", "image/x*", true),
            ("image/a*", "image/b*", false),
            ("*a", "b*", true),
            ("a?", "?b", true),
            ("a", "b", false),
            ("*", "", true),
            ("?", "", false),
            ("a*b", "a*c", false),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} {b}");
            assert_eq!(overlap(b, a), expected, "{b} {a}");
        }
    }

    proptest! {
        #[test]
        fn what_fits_both_is_an_overlap(a in "[ab*?]{0,6}", b in "[ab*?]{0,6}", text in "[ab]{0,6}") {
            if matches(&a, &text) && matches(&b, &text) {
                prop_assert!(overlap(&a, &b));
            }
        }

        #[test]
        fn an_overlap_has_a_text_that_fits_both(a in "[ab*?]{0,4}", b in "[ab*?]{0,4}") {
            let found = texts().any(|text| matches(&a, &text) && matches(&b, &text));
            prop_assert_eq!(overlap(&a, &b), found);
        }
    }

    /// All texts of `a` and `b` of up to eight characters: enough for two patterns of up to four.
    fn texts() -> impl Iterator<Item = String> {
        (0..=8u32).flat_map(|length| {
            (0..1u32 << length).map(move |bits| {
                (0..length)
                    .map(|bit| if bits >> bit & 1 == 0 { 'a' } else { 'b' })
                    .collect()
            })
        })
    }
}
