//! Any text as an ARN: its parts make it up again.

use sidegate::arn::Arn;

pub(crate) fn target(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(arn) = Arn::parse(text) {
        let again = format!(
            "arn:{}:{}:{}:{}:{}",
            arn.partition(),
            arn.service(),
            arn.region(),
            arn.account(),
            arn.resource()
        );
        assert_eq!(again, text);
    }
}
