//! Ranges that are together every address of a family.

use super::*;

#[test]
fn a_negated_range_of_all_addresses_lets_nobody_pass() {
    let told = |operator: &str, ranges: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"x:Get","Resource":"*","Condition":{{"{operator}":{{"aws:SourceIp":{ranges}}}}}}}}}"#
        );
        let document = parse(&text, Kind::Identity, "t").unwrap();
        let mut report = Report::on("t");
        conditions::statement(&document.statements[0], &Effort::default(), &mut report);
        let found = report.faults().iter();
        found
            .map(|fault| format!("{}: {}", fault.id, fault.message))
            .collect::<Vec<_>>()
    };
    let four = "every-address: `0.0.0.0/0` is every address of IPv4";
    assert_eq!(
        told("IpAddress", r#""0.0.0.0/0""#),
        [format!("{four}: it limits nothing")]
    );
    assert_eq!(
        told("NotIpAddress", r#""0.0.0.0/0""#),
        [format!(
            "{four}: under NotIpAddress no address of IPv4 passes"
        )]
    );
    assert_eq!(
        told("NotIpAddress", r#"["0.0.0.0/0","::/0"]"#),
        [
            "condition-never: the ranges are every address of IPv4 and IPv6: under NotIpAddress the condition never holds"
        ]
    );
    for halves in [r#"["0.0.0.0/1","128.0.0.0/1"]"#, r#""::ffff:0:0/96""#] {
        assert_eq!(
            told("IpAddress", halves),
            ["every-address: the ranges are together every address of IPv4: it limits nothing"]
        );
    }
    assert!(told("NotIpAddress", r#""10.0.0.0/8""#).is_empty());
}
