//! Any two texts as dates: of two dates one is earlier, or they are equal, whichever stands in the policy.
//!
//! Input: two dates.

use super::judge::{condition, lines};

pub(crate) fn target(input: &[u8]) {
    let Some([one, other]) = lines(input) else {
        return;
    };
    let Some(equal) = condition("DateEquals", one, other) else {
        return;
    };
    let ask = |relation: &str| condition(&format!("Date{relation}"), one, other).expect("a date");
    let (less, more) = (ask("LessThan"), ask("GreaterThan"));
    let Some(mirrored) = condition("DateEquals", other, one) else {
        // What a policy cannot hold, no request's value is either: no Allow applies, every Deny does.
        for said in [equal, less, more, ask("NotEquals")] {
            assert_eq!(said, [false, true]);
        }
        return;
    };
    assert_eq!(equal, mirrored);
    assert_eq!(1, [equal, less, more].iter().filter(|said| said[0]).count());
    assert_eq!(Some(less), condition("DateGreaterThan", other, one));
    assert_eq!(ask("LessThanEquals")[0], less[0] || equal[0]);
    assert_eq!(ask("GreaterThanEquals")[0], more[0] || equal[0]);
    assert_eq!(ask("NotEquals")[0], !equal[0]);
    // A date equals itself.
    assert_eq!(condition("DateEquals", one, one), Some([true, true]));
}
