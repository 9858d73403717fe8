//! People who work at SecureCart: developers, auditors, operators, and the break-glass user.

use crate::cli::demo::stories::{
    DATABASES, DEPLOYMENTS, PAYMENTS, SECRETS, allowed, ask, denied, signed, story,
};
use crate::cli::demo::story::{Chapter, Request};

const DEVELOPER: (&str, &str) = (
    "X-Sidegate-Role",
    "arn:aws:iam::555566667777:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_DeploymentManager_99142dba1c5f9310",
);

/// Told in this order.
pub(in crate::cli::demo) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Developers manage deployments, and are no administrators",
        stories: &[
            story(
                "developer-deploys",
                "A developer deploys to production",
                "Her group has the permission set DeploymentManager in production; she says which of her two roles she means.",
                Request {
                    headers: &[DEVELOPER],
                    body: r#"{"version": "2.4.0"}"#,
                    ..ask(
                        "DORA",
                        "POST",
                        DEPLOYMENTS,
                        "/deployments",
                        allowed("/dora@securecart.example"),
                    )
                },
            ),
            story(
                "developer-must-choose",
                "A developer does not say which of her roles she means",
                "She has one in production and one in staging; Sidegate never guesses.",
                ask("DORA", "POST", DEPLOYMENTS, "/deployments", denied("")),
            ),
            story(
                "developer-deletes-nothing",
                "A developer deletes a deployment",
                "DeploymentManager creates and rolls back; nothing allows her to delete.",
                Request {
                    headers: &[DEVELOPER],
                    ..ask(
                        "DORA",
                        "DELETE",
                        DEPLOYMENTS,
                        "/deployments/7",
                        denied(
                            "because no identity-based policy allows the deployments:DeleteDeployment action",
                        ),
                    )
                },
            ),
            story(
                "developer-reads-no-secret",
                "A developer reads the payment gateway's secret",
                "The secret's own resource policy denies everyone but the payment function.",
                Request {
                    headers: &[DEVELOPER],
                    ..ask(
                        "DORA",
                        "GET",
                        SECRETS,
                        "/secrets/payment-gateway",
                        denied("with an explicit deny in a resource-based policy"),
                    )
                },
            ),
        ],
    },
    Chapter {
        title: "Auditors read everything and change nothing",
        stories: &[
            story(
                "auditor-reads",
                "A security auditor lists deployments",
                "The permission set SecurityAudit reads how everything is set up.",
                ask(
                    "AMIR",
                    "GET",
                    DEPLOYMENTS,
                    "/deployments",
                    allowed("/amir@securecart.example"),
                ),
            ),
            story(
                "auditor-lists-secrets",
                "A security auditor lists secrets",
                "Their names and settings are for auditors to see.",
                ask(
                    "AMIR",
                    "GET",
                    SECRETS,
                    "/secrets",
                    allowed("/amir@securecart.example"),
                ),
            ),
            story(
                "auditor-reads-no-secret",
                "A security auditor reads a secret's value",
                "The secret's own policy denies it to all but those that need it, as SecurityAudit denies every secret.",
                ask(
                    "AMIR",
                    "GET",
                    SECRETS,
                    "/secrets/payment-gateway",
                    denied("with an explicit deny in a resource-based policy"),
                ),
            ),
            story(
                "auditor-changes-nothing",
                "A security auditor deploys",
                "Nothing allows an auditor to change anything.",
                ask(
                    "AMIR",
                    "POST",
                    DEPLOYMENTS,
                    "/deployments",
                    denied(
                        "because no identity-based policy allows the deployments:CreateDeployment action",
                    ),
                ),
            ),
            story(
                "operator-audits",
                "Sam, an IAM user in the group Security-Audit, lists databases",
                "The group's managed policy SecurityAudit allows it.",
                ask(
                    "SAM",
                    "GET",
                    DATABASES,
                    "/databases",
                    allowed(":user/staff/sam"),
                ),
            ),
            story(
                "investigator-looks-across-accounts",
                "An investigator of the security account looks at a deployment in production",
                "Her own policy and the deployments' resource policy both allow it.",
                ask(
                    "INES",
                    "GET",
                    DEPLOYMENTS,
                    "/deployments/7",
                    allowed(":assumed-role/investigator/ines@securecart.example"),
                ),
            ),
        ],
    },
    Chapter {
        title: "Operators, and the deny that no allow overrides",
        stories: &[
            story(
                "admin-sees-a-database",
                "Dan, in the group DevOps-Admin, looks at a database",
                "The group's policies allow databases:*.",
                ask(
                    "DAN",
                    "GET",
                    DATABASES,
                    "/databases/orders",
                    allowed(":user/staff/dan"),
                ),
            ),
            story(
                "admin-deletes-no-database",
                "Dan deletes the database",
                "databases:* allows it, and the SCP no-destructive-actions denies it: the deny wins.",
                ask(
                    "DAN",
                    "DELETE",
                    DATABASES,
                    "/databases/orders",
                    denied("with an explicit deny in a service control policy"),
                ),
            ),
            story(
                "billing-reads",
                "Bea, in the group Billing-ReadOnly, lists payments",
                "The group's managed policy Billing allows it.",
                ask(
                    "BEA",
                    "GET",
                    PAYMENTS,
                    "/payments",
                    allowed(":user/staff/bea"),
                ),
            ),
            story(
                "billing-refunds-nothing",
                "Bea refunds a payment",
                "Billing-ReadOnly reads.",
                ask(
                    "BEA",
                    "POST",
                    PAYMENTS,
                    "/payments/9/refund",
                    denied(
                        "because no identity-based policy allows the payments:RefundPayment action",
                    ),
                ),
            ),
        ],
    },
    Chapter {
        title: "Break-glass users: everything with MFA, nothing without, and never what nobody may",
        stories: &[
            story(
                "break-glass-with-mfa",
                "The break-glass user reads the database's password, signed in with MFA",
                "break-glass allows everything while the MFA is younger than an hour.",
                ask(
                    "ANA",
                    "GET",
                    SECRETS,
                    "/secrets/database-password",
                    allowed(":user/break-glass/break-glass-ana"),
                ),
            ),
            story(
                "break-glass-without-mfa",
                "The same user, without MFA",
                "aws:MultiFactorAuthPresent is not true, so nothing allows anything.",
                ask(
                    "ANA_NO_MFA",
                    "GET",
                    SECRETS,
                    "/secrets/database-password",
                    denied(
                        "because no identity-based policy allows the secrets:GetSecretValue action",
                    ),
                ),
            ),
            story(
                "break-glass-deletes-no-database",
                "The break-glass user deletes a database, signed in with MFA",
                "An SCP of the organization denies it to everyone, and no allow overrides a deny.",
                ask(
                    "ANA",
                    "DELETE",
                    DATABASES,
                    "/databases/orders",
                    denied("with an explicit deny in a service control policy"),
                ),
            ),
            signed(
                "break-glass-by-access-key",
                "At night the identity provider is down: the break-glass user signs with a session of her access key, made with a code",
                "When the demo started it called GetSessionToken with a TOTP code; aws:MultiFactorAuthAge counts from there.",
                ask(
                    "ANA_MFA",
                    "GET",
                    SECRETS,
                    "/secrets/database-password",
                    allowed(":user/break-glass/break-glass-ana"),
                ),
            ),
            signed(
                "break-glass-key-without-code",
                "The same access key, its session made without a code",
                "Whoever steals the key alone can do nothing with it.",
                ask(
                    "ANA_KEY",
                    "GET",
                    SECRETS,
                    "/secrets/database-password",
                    denied(
                        "because no identity-based policy allows the secrets:GetSecretValue action",
                    ),
                ),
            ),
            signed(
                "break-glass-session-deletes-no-database",
                "The session made with a code deletes a database",
                "The SCP denies it to everyone.",
                ask(
                    "ANA_MFA",
                    "DELETE",
                    DATABASES,
                    "/databases/orders",
                    denied("with an explicit deny in a service control policy"),
                ),
            ),
        ],
    },
];
