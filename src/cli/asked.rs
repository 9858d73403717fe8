//! What is asked on a command line about an action and a resource: whether it makes sense. Knows no bundle.

use crate::arn::Arn;
use crate::cli::output::Failed;

/// Refuses what can be no request's action or resource.
///
/// # Errors
/// What is wrong, and how to write it.
pub fn check(action: &str, resource: &str) -> Result<(), Failed> {
    // Routes take no other names either.
    let fits = |text: &str, more: &[u8]| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let is_action = |(service, name): (&str, &str)| fits(service, b"-") && fits(name, b"-_.");
    if !action.split_once(':').is_some_and(is_action) {
        return Err(Failed(format!(
            "`{action}` is no action: write SERVICE:NAME, like orders:GetOrder"
        )));
    }
    if resource != "*" && Arn::parse(resource).is_err() {
        return Err(Failed(format!(
            "`{resource}` is no resource: write its ARN, or *"
        )));
    }
    Ok(())
}
