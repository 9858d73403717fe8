//! Another keyring is another generation.

use crate::sts::token::tests::plain;

use super::*;

#[test]
fn a_replaced_keyring_no_longer_opens() {
    let now = Timestamp::from_seconds(1_800_000_000);
    let keys = Keys::new(Keyring::new(now).unwrap());
    let token = keys.issue(plain(), now).unwrap().token;
    let before = keys.open(token.expose(), now).unwrap();
    assert_eq!(before.generation, keys.generation());
    keys.replace(Keyring::new(now).unwrap());
    assert_ne!(before.generation, keys.generation());
    assert_eq!(
        keys.open(token.expose(), now).unwrap_err(),
        OpenError::UnknownKey
    );
    keys.replace(Keyring::default());
    assert!(!keys.can_issue(now) && keys.issue(plain(), now).is_err());
}
