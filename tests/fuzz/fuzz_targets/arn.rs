//! Any text as an ARN: its parts make it up again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::arn::Arn;

fuzz_target!(|text: &str| {
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
});
