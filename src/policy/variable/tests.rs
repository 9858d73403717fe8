use super::*;
use crate::policy::context::Map;

const LIKE: Syntax = Syntax {
    variables: true,
    wildcards: true,
};

fn fits(template: &str, text: &str, syntax: Syntax) -> bool {
    let mut context = Map::new();
    context
        .set("aws:username", "ann")
        .set("aws:PrincipalTag/Team", "*")
        .set("empty", "")
        .set("again", "${aws:username}")
        .set_many("aws:TagKeys", ["a"]);
    Template::read(template, syntax)
        .unwrap()
        .matches(text, &context)
}

#[test]
fn values_are_literal_text() {
    assert!(fits("home/${aws:username}/*", "home/ann/x", LIKE));
    assert!(fits("home/${AWS:UserName}/*", "home/ann/x", LIKE));
    assert!(fits("${aws:principaltag/team}", "*", LIKE));
    assert!(!fits("${aws:PrincipalTag/team}", "x", LIKE));
    assert!(fits("${again}", "${aws:username}", LIKE));
    assert!(fits("a${empty}b", "ab", LIKE));
}

#[test]
fn defaults_and_nothing() {
    assert!(fits("${nobody, 'x*y'}", "x*y", LIKE));
    assert!(!fits("${nobody, 'x*y'}", "xzy", LIKE));
    assert!(fits("${aws:username, 'x'}", "ann", LIKE));
    assert!(fits("${nobody, ''}", "", LIKE));
    assert!(!fits("${nobody}", "", LIKE));
    assert!(!fits("*${nobody}*", "anything", LIKE));
    assert!(fits("${aws:TagKeys, 'd'}", "d", LIKE));
    assert!(!fits("${aws:TagKeys}", "a", LIKE));
}

#[test]
fn escapes_and_literal_dollars() {
    assert!(fits("a${*}${?}${$}", "a*?$", LIKE));
    assert!(!fits("${*}", "x", LIKE));
    assert!(fits("${aws:username", "${aws:username", LIKE));
    assert!(fits("$x}", "$x}", LIKE));
    let plain = Syntax {
        variables: false,
        wildcards: true,
    };
    assert!(fits("${aws:username}", "${aws:username}", plain));
    let exact = Syntax {
        variables: true,
        wildcards: false,
    };
    assert!(fits("*${*}", "**", exact));
    assert!(!fits("*", "x", exact));
}

#[test]
fn unknown_forms_are_refused() {
    for text in [
        "${}",
        "${a,'b'}",
        "${a, b}",
        "${a, 'b' }",
        "${${a}}",
        "${**}",
        "${a*}",
        "${ a }",
        "${a }",
        "${ a, 'b'}",
        "${a , 'b'}",
    ] {
        assert!(Template::read(text, LIKE).is_err(), "{text}");
    }
}

#[test]
fn colons_inside_variables_do_not_split() {
    assert_eq!(
        split_outside("arn:aws:s3::${aws:PrincipalAccount}:b:c", 6, true),
        ["arn", "aws", "s3", "", "${aws:PrincipalAccount}", "b:c"]
    );
    assert_eq!(split_outside("a:${b:c", 6, true), ["a", "${b", "c"]);
    assert_eq!(split_outside("a:${b:c}", 6, false), ["a", "${b", "c}"]);
}

#[test]
fn many_long_values_are_not_written_out() {
    let mut context = Map::new();
    context.set("long", "a".repeat(10_000));
    let many = "${long}".repeat(1_000);
    let Form::Open(tokens) = Template::read(&many, LIKE).unwrap().form else {
        panic!("no variables");
    };
    assert!(fill(&tokens, &context, 100).unwrap().least() <= 10_100);
    let template = Template::read(&many, LIKE).unwrap();
    assert!(!template.matches("a", &context));
    assert!(template.told(&context).unwrap().unwrap().len() < 40_000);
    assert!(template.matches(&"a".repeat(10_000_000), &context));
    // Of what is cut it is seen all the same that a variable has no value.
    let none = Template::read(&format!("{many}${{nobody}}"), LIKE).unwrap();
    assert_eq!(none.with_text(&context, 5, str::len), None);
    assert_eq!(none.told(&context), Some(Err("nobody")));
    // Runs take no letters.
    let runs = Template::read("*${one}*?*", LIKE).unwrap();
    context.set("one", "x");
    assert!(runs.matches("xy", &context));
    assert!(!runs.matches("x", &context));
}
