//! Every operator with any policy value and any request value. A value that does not parse never grounds an allow, so
//! an Allow and a Deny of the same condition never both miss it.
//!
//! Input: operator, policy value, request value.

use super::judge;

pub(crate) fn target(input: &[u8]) {
    let Some([operator, wanted, found]) = judge::lines(input) else {
        return;
    };
    let plain = judge::condition(operator, wanted, found);
    // What reads one value alone reads it as one of several.
    for quantifier in ["ForAllValues:", "ForAnyValue:"] {
        let name = operator.to_lowercase();
        if name.starts_with("for") || name.starts_with("null") || found.is_empty() {
            continue;
        }
        let quantified = judge::condition(&format!("{quantifier}{operator}"), wanted, found);
        assert_eq!(plain, quantified, "{quantifier}{operator}");
    }
}
