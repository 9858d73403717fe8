//! Who appears in the demo's stories: a token each.

use crate::cli::demo::story::Person;

const DAY: i64 = 86_400;

/// A name in `claims` for the time at which the token is made.
pub const NOW: &str = "\"$NOW\"";

const fn corp(
    variable: &'static str,
    words: &'static str,
    subject: &'static str,
    claims: &'static str,
) -> Person {
    Person {
        variable,
        words,
        provider: "corp",
        subject,
        audience: None,
        algorithm: "PS256",
        seconds: DAY,
        claims,
    }
}

const fn staff(variable: &'static str, words: &'static str, claims: &'static str) -> Person {
    Person {
        provider: "staff",
        algorithm: "ES256",
        ..corp(variable, words, variable, claims)
    }
}

/// A Kubernetes service account.
const fn pod(
    variable: &'static str,
    words: &'static str,
    subject: &'static str,
    claims: &'static str,
) -> Person {
    Person {
        provider: "cluster",
        algorithm: "RS256",
        ..corp(variable, words, subject, claims)
    }
}

const fn job(variable: &'static str, words: &'static str, subject: &'static str) -> Person {
    Person {
        provider: "ci",
        algorithm: "RS256",
        ..corp(variable, words, subject, r#"{"pipeline_id": "4711"}"#)
    }
}

const CUSTOMER: Person = Person {
    provider: "shop",
    algorithm: "EdDSA",
    ..corp(
        "CUSTOMER",
        "customer 17 of the shop",
        "customer-17",
        r#"{"customer": "17"}"#,
    )
};

/// Everyone who appears.
pub const PEOPLE: &[Person] = &[
    corp(
        "DORA",
        "a developer",
        "dora",
        r#"{"email": "dora@securecart.example", "groups": ["developers"]}"#,
    ),
    corp(
        "AMIR",
        "a security auditor",
        "amir",
        r#"{"email": "amir@securecart.example", "groups": ["security-auditors"]}"#,
    ),
    Person {
        algorithm: "ES384",
        ..corp(
            "INES",
            "an investigator of the security team",
            "ines",
            r#"{"email": "ines@securecart.example", "groups": ["security-response"], "roles": ["investigator"]}"#,
        )
    },
    pod(
        "IMAGES",
        "the image service",
        "system:serviceaccount:catalog:image-service",
        r#"{"kubernetes.io": {"namespace": "catalog", "serviceaccount": {"name": "image-service"}}}"#,
    ),
    pod(
        "NAMESAKE",
        "a service account of the same name in another namespace",
        "system:serviceaccount:evil:image-service",
        r#"{"kubernetes.io": {"namespace": "evil", "serviceaccount": {"name": "image-service"}}}"#,
    ),
    pod(
        "PAYMENTS",
        "the payment function",
        "system:serviceaccount:payments:payment-function",
        r#"{"kubernetes.io": {"namespace": "payments", "serviceaccount": {"name": "payment-function"}}}"#,
    ),
    job(
        "PIPELINE",
        "the CI/CD pipeline on the main branch",
        "project_path:securecart/shop:ref_type:branch:ref:main",
    ),
    job(
        "BRANCH",
        "the CI/CD pipeline on somebody's branch",
        "project_path:securecart/shop:ref_type:branch:ref:try-this",
    ),
    staff(
        "SAM",
        "an operator in the group Security-Audit",
        r#"{"preferred_username": "sam", "groups": ["Security-Audit"]}"#,
    ),
    staff(
        "DAN",
        "an operator in the group DevOps-Admin",
        r#"{"preferred_username": "dan", "groups": ["DevOps-Admin"]}"#,
    ),
    staff(
        "BEA",
        "finance, in the group Billing-ReadOnly",
        r#"{"preferred_username": "bea", "groups": ["Billing-ReadOnly"]}"#,
    ),
    staff(
        "ANA",
        "the break-glass user, signed in with MFA",
        r#"{"preferred_username": "break-glass-ana", "amr": ["pwd", "otp"], "auth_time": "$NOW"}"#,
    ),
    staff(
        "ANA_NO_MFA",
        "the break-glass user, with a password alone",
        r#"{"preferred_username": "break-glass-ana", "amr": ["pwd"], "auth_time": "$NOW"}"#,
    ),
    CUSTOMER,
    Person {
        variable: "EXPIRED",
        words: "customer 17, with yesterday's token",
        seconds: -DAY,
        ..CUSTOMER
    },
    Person {
        variable: "STRAY",
        words: "customer 17, with a token for another application",
        audience: Some("another-application"),
        ..CUSTOMER
    },
];
