#![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

use std::cell::Cell;

use proptest::prelude::*;

use super::*;

thread_local! {
    /// Bytes that matching looked at, on this thread.
    pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// What one match costs.
fn steps(pattern: &Pattern, text: &str) -> usize {
    STEPS.set(0);
    let _ = pattern.matches(text);
    STEPS.get()
}

/// What a match may cost: without `?` a small multiple of both lengths together; a long segment with `?` may be
/// compared at each place, a block of places at a time.
fn bound(glob: &str, text: &str) -> usize {
    let linear = (SHORT + 2) * (glob.len() + text.len());
    if glob.contains('?') {
        linear + glob.len() * (text.len() + BLOCK)
    } else {
        linear
    }
}

fn pattern(text: &str) -> Pattern {
    let mut builder = Builder::default();
    for character in text.chars() {
        match character {
            '*' => builder.run(),
            '?' => builder.any(),
            other => builder.literal(other.encode_utf8(&mut [0; 4])),
        }
    }
    builder.finish()
}

/// The plainest matcher there is: a table of which prefixes fit.
fn naive(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match wanted {
                '*' => row[at] || (at > 0 && next[at - 1]),
                '?' => at > 0 && row[at - 1],
                other => at > 0 && row[at - 1] && text[at - 1] == other,
            };
        }
        row = next;
    }
    row[text.len()]
}

#[test]
fn wildcards() {
    for (glob, text, fits) in [
        ("*", "", true),
        ("*", "anything:/at/all", true),
        ("", "", true),
        ("", "a", false),
        ("?", "", false),
        ("?", "é", true),
        ("??", "é", false),
        ("a*", "a", true),
        ("*a", "ba", true),
        ("*a", "ab", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("*ab*ab", "ab", false),
        ("*ab*ab", "abab", true),
        ("a?c*", "abcd", true),
        ("*??", "a", false),
        ("a", "*", false),
        ("é*?", "éa", true),
    ] {
        assert_eq!(pattern(glob).matches(text), fits, "{glob} on {text}");
        assert_eq!(naive(glob, text), fits, "naive: {glob} on {text}");
    }
}

#[test]
fn the_literal_prefix() {
    assert_eq!(pattern("abc*d").prefix(), b"abc");
    assert_eq!(pattern("ab?c").prefix(), b"ab");
    assert_eq!(pattern("abc").prefix(), b"abc");
    assert!(pattern("***").is_everything());
}

#[test]
fn long_segments_with_question_marks() {
    let long = "ab?".repeat(20);
    let text = format!("xx{}yy", "abcabé".repeat(10));
    let glob = format!("*{long}*");
    assert!(pattern(&glob).matches(&text));
    assert!(naive(&glob, &text));
    let text = text.replace('é', "d");
    assert!(pattern(&glob).matches(&text));
    let far = format!("{}{text}", "abx".repeat(19)).replacen("abx", "aax", 1);
    assert_eq!(pattern(&glob).matches(&far), naive(&glob, &far));
}

#[test]
fn hostile_patterns_take_few_steps() {
    let text = "a".repeat(2_048);
    let wide = format!("{}é", "a".repeat(2_046));
    for (glob, text) in [
        ("*a".repeat(3_072), &text),
        (format!("{}b", "*a".repeat(3_071)), &text),
        ("*a".repeat(1_000) + "b", &text),
        (format!("*{}b*", "a".repeat(1_000)), &text),
        (format!("*{}b*", "a".repeat(20)), &text),
        (format!("*{}b*", "a".repeat(20)).repeat(200), &text),
        (format!("*{}b*", "a?".repeat(500)), &text),
        (format!("*{}b", "a?".repeat(1_020)), &text),
        (format!("*{}b*", "a?".repeat(12)).repeat(200), &text),
        (format!("*{}*", "a?".repeat(13)).repeat(100) + "b*", &text),
        (format!("*{}é*", "a?".repeat(500)), &wide),
        (format!("*{}é*", "?a".repeat(7)).repeat(100), &wide),
    ] {
        let spent = steps(&pattern(&glob), text);
        let bound = bound(&glob, text);
        assert!(spent <= bound, "{spent} steps and not {bound}: {glob:.60}");
        assert!(spent > 0, "nothing is counted: {glob:.60}");
    }
    // The bound itself stays far from what trying again would take: the number of stars to the power of two, times
    // the length of the text.
    assert!(bound(&"*a".repeat(3_072), &text) < 250_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_pattern_takes_more_steps_than_its_length_and_the_texts_allow(
        pieces in prop::collection::vec(("[ab?é]{0,3}", 0usize..30), 1..20),
        text in "[ab]{0,400}é?[ab]{0,200}",
    ) {
        let glob: String = pieces.iter().map(|(piece, count)| piece.repeat(*count) + "*").collect();
        let (spent, bound) = (steps(&pattern(&glob), &text), bound(&glob, &text));
        prop_assert!(spent <= bound, "{spent} steps and not {bound}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn as_the_naive_matcher(glob in "[ab*?é]{0,12}", text in "[abé]{0,14}") {
        prop_assert_eq!(pattern(&glob).matches(&text), naive(&glob, &text));
    }

    #[test]
    fn long_ones_too(glob in "[ab*]{0,4}([ab?é]{25,60}[*]){1,2}[ab?]{0,4}", text in "[abé]{0,160}") {
        prop_assert_eq!(pattern(&glob).matches(&text), naive(&glob, &text));
    }

    #[test]
    fn texts_made_from_the_pattern(pieces in prop::collection::vec(("[abé]{0,9}", "[abéü]{0,9}"), 1..8), holes in "[ab?é]{30,50}") {
        let glob = pieces.iter().flat_map(|(piece, _)| [&**piece, "*"]).collect::<String>() + &holes + "*";
        let text = pieces.iter().flat_map(|(piece, run)| [&**piece, &**run]).collect::<String>() + &holes.replace('?', "ø") + "zz";
        prop_assert!(pattern(&glob).matches(&text));
        prop_assert!(naive(&glob, &text));
    }

    #[test]
    fn wide_search_is_block_search(segment in "a[ab?]{5,30}", text in "[ab]{0,120}") {
        let bytes: Vec<u8> = segment.bytes().map(|byte| if byte == b'?' { ANY } else { byte }).collect();
        let block = find_block(&bytes, text.as_bytes()).map(|at| at + bytes.len());
        prop_assert_eq!(find_wide(&bytes, text.as_bytes()), block);
    }
}
