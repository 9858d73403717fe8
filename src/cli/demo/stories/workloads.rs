//! Programs: services in the cluster without any stored credential, and the pipeline that deploys.

use crate::cli::demo::stories::{CATALOG, DEPLOYMENTS, SECRETS, allowed, ask, denied, story};
use crate::cli::demo::story::{Chapter, Question, Scene, Story};

const PIPELINE: &str = "arn:aws:iam::444444444444:role/ci/pipeline";
const DEPLOY: &str = "arn:aws:iam::555566667777:role/deploy";

/// Told in this order.
pub(in crate::cli::demo) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "A service without any stored credential",
        stories: &[
            story(
                "image-service-reads",
                "The image service reads a product image",
                "Its Kubernetes service account is trusted by the role image-service. No credential is stored anywhere.",
                ask(
                    "IMAGES",
                    "GET",
                    CATALOG,
                    "/images/42",
                    allowed(":assumed-role/image-service/"),
                ),
            ),
            story(
                "image-service-writes-nothing",
                "The image service replaces a product image",
                "Its role reads images, and its permissions boundary would allow no more.",
                ask(
                    "IMAGES",
                    "PUT",
                    CATALOG,
                    "/images/42",
                    denied("catalog:PutImage"),
                ),
            ),
            story(
                "namesake-is-not-trusted",
                "A service account of the same name in another namespace",
                "The role's trust policy names namespace and account: system:serviceaccount:catalog:image-service.",
                ask("NAMESAKE", "GET", CATALOG, "/images/42", denied("")),
            ),
        ],
    },
    Chapter {
        title: "A function that reads one secret",
        stories: &[
            story(
                "payment-function-reads-its-secret",
                "The payment function reads the payment gateway's secret",
                "Its role allows this one secret, and the secret's resource policy lets it alone through.",
                ask(
                    "PAYMENTS",
                    "GET",
                    SECRETS,
                    "/secrets/payment-gateway",
                    allowed(":assumed-role/payment-function/"),
                ),
            ),
            story(
                "payment-function-reads-no-other",
                "The payment function reads the database's password",
                "Its role allows one secret, and this is another.",
                ask(
                    "PAYMENTS",
                    "GET",
                    SECRETS,
                    "/secrets/database-password",
                    denied(
                        "because no identity-based policy allows the secrets:GetSecretValue action",
                    ),
                ),
            ),
        ],
    },
    Chapter {
        title: "CI/CD: from the devops account into production",
        stories: &[
            story(
                "pipeline-watches",
                "The pipeline of the devops account looks at a deployment in production",
                "Across accounts both sides must allow: its own policy, and the deployments' resource policy.",
                ask(
                    "PIPELINE",
                    "GET",
                    DEPLOYMENTS,
                    "/deployments/7",
                    allowed(":assumed-role/pipeline/4711"),
                ),
            ),
            story(
                "pipeline-deploys-not-as-itself",
                "The pipeline deploys to production as itself",
                "To deploy it must become the role deploy of the production account.",
                ask(
                    "PIPELINE",
                    "POST",
                    DEPLOYMENTS,
                    "/deployments",
                    denied("deployments:CreateDeployment"),
                ),
            ),
            Story {
                name: "pipeline-becomes-deploy",
                title: "The pipeline assumes the role deploy, with the external id",
                because: "Its own policy allows sts:AssumeRole, and the role's trust policy wants exactly this ExternalId.",
                scene: Scene::Question(Question {
                    principal: PIPELINE,
                    action: "sts:AssumeRole",
                    resource: DEPLOY,
                    context: &[("sts:ExternalId", "securecart-deploy-7f3a")],
                    allowed: true,
                    word: "may sts:AssumeRole",
                }),
            },
            story(
                "pipeline-deploys-as-deploy",
                "With the session token that the STS gave it, the pipeline deploys to production",
                "When the demo started, the pipeline called the STS: AssumeRoleWithWebIdentity, then AssumeRole with the external id.",
                ask(
                    "DEPLOY",
                    "POST",
                    DEPLOYMENTS,
                    "/deployments",
                    allowed("arn:aws:sts::555566667777:assumed-role/deploy/release-4711"),
                ),
            ),
            story(
                "pipeline-session-does-no-more",
                "With the same session token the pipeline reads a secret",
                "A session may do what its role may, and nothing else.",
                ask(
                    "DEPLOY",
                    "GET",
                    SECRETS,
                    "/secrets/database-password",
                    denied(
                        "because no identity-based policy allows the secrets:GetSecretValue action",
                    ),
                ),
            ),
            Story {
                name: "pipeline-needs-the-external-id",
                title: "The pipeline assumes the role deploy, without the external id",
                because: "The trust policy's condition on sts:ExternalId does not hold.",
                scene: Scene::Question(Question {
                    principal: PIPELINE,
                    action: "sts:AssumeRole",
                    resource: DEPLOY,
                    context: &[],
                    allowed: false,
                    word: "no role trust policy allows it",
                }),
            },
            story(
                "branch-is-not-trusted",
                "The pipeline of somebody's branch looks at a deployment",
                "The trust policy names the main branch in the token's subject.",
                ask("BRANCH", "GET", DEPLOYMENTS, "/deployments/7", denied("")),
            ),
        ],
    },
];
