//! Lists of what there is none of.

use super::*;

const OF_USERS: [&str; 3] = [
    "ListSSHPublicKeys",
    "ListServiceSpecificCredentials",
    "ListSigningCertificates",
];

#[test]
fn of_whom_there_is_and_who_may_ask() {
    let (alice, nobody) = (alice(), world("many/u000"));
    for action in OF_USERS {
        let empty = "<IsTruncated>false</IsTruncated>";
        assert!(alice.ask(action, "").unwrap().ends_with(empty), "{action}");
        assert!(alice.ask(action, "UserName=u001&MaxItems=5").is_ok());
        assert_eq!(alice.code(action, "UserName=none"), "NoSuchEntity");
        assert_eq!(alice.code(action, "UserName=eve"), "NoSuchEntity");
        let denied = nobody.ask(action, "UserName=alice").unwrap_err();
        assert_eq!(denied.0, "AccessDenied");
        assert!(denied.1.ends_with(&arn("user/staff/alice")), "{}", denied.1);
        assert_eq!(nobody.code(action, "UserName=none"), "AccessDenied");
    }
    let of_role = "ListInstanceProfilesForRole";
    assert!(alice.ask(of_role, "RoleName=app").is_ok());
    assert_eq!(alice.code(of_role, "RoleName=none"), "NoSuchEntity");
    assert_eq!(alice.code(of_role, ""), "ValidationError");
    let denied = nobody.ask(of_role, "RoleName=app").unwrap_err().1;
    assert!(denied.ends_with(&arn("role/app")), "{denied}");
    let key = "SSHPublicKeyId=APKAAAAAAAAAAAAAAAAA&Encoding=SSH";
    let denied = nobody.ask("GetSSHPublicKey", &format!("UserName=alice&{key}"));
    assert!(denied.unwrap_err().1.ends_with(&arn("user/staff/alice")));
    let missing = alice.code("GetSSHPublicKey", &format!("UserName=alice&{key}"));
    assert_eq!(missing, "NoSuchEntity");
}

/// Whoever may list those of one user, by its ARN, is not to be asked about all.
#[test]
fn one_user_is_enough() {
    let spy = world("many/u001");
    assert!(spy.ask("ListSSHPublicKeys", "").is_ok());
    assert_eq!(
        spy.code("ListSSHPublicKeys", "UserName=u002"),
        "AccessDenied"
    );
}

#[test]
fn parameters_are_checked() {
    let alice = alice();
    let others = [
        "ListInstanceProfiles",
        "ListServerCertificates",
        "ListDelegationRequests",
    ];
    for action in OF_USERS.into_iter().chain(others) {
        assert!(alice.ask(action, "").is_ok(), "{action}");
        for bad in ["Unknown=x", "MaxItems=0", "Marker=x"] {
            assert_eq!(alice.code(action, bad), "ValidationError", "{action} {bad}");
        }
    }
    let all = "ListServiceSpecificCredentials";
    assert!(alice.ask(all, "AllUsers=true").is_ok());
    for bad in ["AllUsers=true&UserName=alice", "AllUsers=1"] {
        assert_eq!(alice.code(all, bad), "ValidationError", "{bad}");
    }
    for prefix in ["ListInstanceProfiles", "ListServerCertificates"] {
        assert!(alice.ask(prefix, "PathPrefix=/a/").is_ok());
        assert_eq!(alice.code(prefix, "PathPrefix=a"), "ValidationError");
    }
}
