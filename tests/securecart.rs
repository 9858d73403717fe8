//! SecureCart's stories, judged without a network: a signed token of each identity provider, the principal that it
//! becomes, the route that a request matches, and the decision with its reason.
//!
//! The table is the example bundle's access matrix: who does what, and what is then said. A change of `policies/` that
//! changes what somebody may do shows here.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fault of the test's own making may end it"
)]

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use sidegate::authn::jwks::KeySet;
use sidegate::authn::jwt::Unverified;
use sidegate::authn::{Identity, identify};
use sidegate::bundle::{self, Files, Options, Snapshot};
use sidegate::clock::Timestamp;
use sidegate::directory::provider::Algorithm;
use sidegate::gate::simulation::{Question, explain};
use sidegate::policy::context::Map;
use sidegate::route::Asked;

const NOW: i64 = 1_800_000_000;
const DEPLOYMENT_MANAGER: &str = "AWSReservedSSO_DeploymentManager_";

const FINDINGS: [(&str, &str); 5] = [
    (
        "open-federation",
        "accounts/222222222222-security/roles/investigator.trust.json",
    ),
    (
        "pass-role-wildcard",
        "accounts/555566667777-production/policies/break-glass.json",
    ),
    (
        "public-principal",
        "accounts/555566667777-production/resources/public-images.yaml",
    ),
    ("unused-policy", "managed/AdministratorAccess.json"),
    ("pass-role-wildcard", "managed/AdministratorAccess.json"),
];

struct World {
    snapshot: Snapshot,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    keys: KeySet,
}

/// Who asks: the provider, what its token says, and the role that is chosen (its name's beginning).
struct Caller {
    provider: &'static str,
    claims: Value,
    role: Option<&'static str>,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl World {
    fn new() -> Self {
        let files = Files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
        let services = [
            "orders",
            "catalog",
            "payments",
            "deployments",
            "secrets",
            "databases",
        ];
        let options = Options {
            known_upstreams: Some(services.map(str::to_owned).to_vec()),
            strict: false,
        };
        let snapshot = bundle::load(&files, &options).unwrap_or_else(|faults| {
            panic!(
                "{}",
                faults
                    .iter()
                    .map(|fault| files.render(fault))
                    .collect::<String>()
            )
        });
        // Meant as they are, and `check` shows them; whatever else it found would be a fault of the bundle.
        let found = snapshot.faults.iter().map(|fault| (fault.id, &*fault.file));
        assert_eq!(found.collect::<Vec<_>>(), FINDINGS);
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let parts: RsaPublicKeyComponents<Vec<u8>> = rsa.public_key().into();
        let (_, point) = ec.public_key().as_ref().split_at(1);
        let (x, y) = point.split_at(32);
        let set = json!({ "keys": [
            { "kid": "rsa", "kty": "RSA", "n": b64(parts.n), "e": b64(parts.e) },
            { "kid": "ec", "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) },
        ]});
        let keys = KeySet::read(set.to_string().as_bytes()).unwrap();
        Self {
            snapshot,
            rsa,
            ec,
            keys,
        }
    }

    /// The principal that a token becomes, or why it becomes none.
    fn identity(&self, caller: &Caller) -> Result<Identity, String> {
        let directory = &self.snapshot.directory;
        let provider = directory.provider(caller.provider).unwrap();
        let mut claims = caller.claims.clone();
        let all = claims.as_object_mut().unwrap();
        for (name, value) in [
            ("iss", json!(*provider.issuer)),
            ("aud", json!(*provider.audiences.first().unwrap().clone())),
            ("iat", json!(NOW - 60)),
            ("exp", json!(NOW + 600)),
        ] {
            all.entry(name).or_insert(value);
        }
        let rsa = provider.algorithms.contains(&Algorithm::Rs256);
        let header = if rsa {
            json!({ "alg": "RS256", "kid": "rsa" })
        } else {
            json!({ "alg": "ES256", "kid": "ec" })
        };
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let random = SystemRandom::new();
        let signature = if rsa {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa
                .sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                )
                .unwrap();
            signature
        } else {
            self.ec
                .sign(&random, message.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec()
        };
        let token = format!("{message}.{}", b64(signature));
        let verified = Unverified::parse(&token)
            .and_then(|token| {
                token.verify(provider, &self.keys, Timestamp::from_seconds(NOW), [0; 32])
            })
            .map_err(|error| error.to_string())?;
        let chosen = caller.role.map(|wanted| {
            let mut roles = directory
                .roles()
                .filter(|role| role.name.starts_with(wanted));
            roles.next().unwrap().arn.to_string()
        });
        identify(
            &Arc::new(verified),
            directory,
            chosen.as_deref(),
            &Map::new(),
        )
        .map_err(|failure| failure.reason.label().to_owned())
    }

    /// `allowed`, or what refused: `explicitDeny scp`, `implicitDeny identity`, or why there is no principal.
    fn ask(&self, caller: Option<&Caller>, method: &str, service: &str, path: &str) -> String {
        let identity = match caller.map(|caller| self.identity(caller)) {
            None => Identity::anonymous(),
            Some(Ok(identity)) => identity,
            Some(Err(reason)) => return reason,
        };
        let host = format!("{service}.securecart.internal");
        let headers: &[(&str, &str)] = &[];
        let asked = Asked {
            method,
            host: Some(&host),
            path,
            query: None,
            headers: &headers,
            grpc: false,
        };
        let found = match self.snapshot.routes.resolve(&asked) {
            Ok(found) => found,
            Err(refused) => return refused.to_string(),
        };
        let mut context = Map::new();
        context.set("aws:RequestedRegion", found.service.region());
        for (key, value) in &found.tags {
            context.set(&format!("aws:ResourceTag/{key}"), &**value);
        }
        if let Some(age) = identity.mfa_age(Timestamp::from_seconds(NOW)) {
            context.set("aws:MultiFactorAuthAge", age.as_secs().to_string());
        }
        let mut worst = "allowed".to_owned();
        for resource in &found.resources {
            let question = Question {
                identity: &identity,
                action: &found.action,
                resource,
                resource_account: Some(found.service.account()),
                context: &context,
                now: Timestamp::from_seconds(NOW),
            };
            let explanation = explain(&self.snapshot, &question);
            if explanation.decision.as_str() != "allowed" {
                let layer = serde_json::to_value(explanation.reason.layer).unwrap();
                worst = format!(
                    "{} {}",
                    explanation.decision.as_str(),
                    layer.as_str().unwrap()
                );
            }
        }
        worst
    }
}

fn corp(groups: &[&str], role: Option<&'static str>) -> Caller {
    Caller {
        provider: "corp",
        claims: json!({ "sub": "u-1", "email": "kim@securecart.example", "groups": groups }),
        role,
    }
}

fn pod(namespace: &str, account: &str) -> Caller {
    Caller {
        provider: "cluster",
        claims: json!({
            "sub": format!("system:serviceaccount:{namespace}:{account}"),
            "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": account } },
        }),
        role: None,
    }
}

fn staff(name: &str, mfa: bool) -> Caller {
    let amr = if mfa {
        json!(["pwd", "otp"])
    } else {
        json!(["pwd"])
    };
    Caller {
        provider: "staff",
        claims: json!({ "sub": name, "preferred_username": name, "amr": amr, "auth_time": NOW - 60 }),
        role: None,
    }
}

fn pipeline(branch: &str) -> Caller {
    Caller {
        provider: "ci",
        claims: json!({
            "sub": format!("project_path:securecart/shop:ref_type:branch:ref:{branch}"),
            "pipeline_id": "4711",
        }),
        role: None,
    }
}

fn customer(number: &str) -> Caller {
    Caller {
        provider: "shop",
        claims: json!({ "sub": format!("customer-{number}"), "customer": number }),
        role: None,
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table: one block for each who, one row for each what"
)]
fn who_may_do_what() {
    let world = World::new();
    let check = |caller: Option<&Caller>, rows: &[(&str, &str)]| {
        for (request, expected) in rows {
            let (method, rest) = request.split_once(' ').unwrap();
            let (service, path) = rest.split_once(' ').unwrap();
            assert_eq!(
                world.ask(caller, method, service, path),
                *expected,
                "{} {:?}: {request}",
                caller.map_or("anonymous", |caller| caller.provider),
                caller.map(|caller| caller.claims.to_string()),
            );
        }
    };

    // Developers manage deployments without being administrators; two accounts are open to them, so they choose.
    check(
        Some(&corp(&["developers"], Some(DEPLOYMENT_MANAGER))),
        &[
            ("GET deployments /deployments", "allowed"),
            ("POST deployments /deployments", "allowed"),
            ("DELETE deployments /deployments/7", "implicitDeny identity"),
            (
                "GET secrets /secrets/payment-gateway",
                "explicitDeny resource",
            ),
        ],
    );
    check(
        Some(&corp(&["developers"], None)),
        &[("GET deployments /deployments", "role_not_offered")],
    );
    check(
        Some(&corp(&["marketing"], None)),
        &[("GET deployments /deployments", "no_principal")],
    );

    // The image service reads product images, and nobody else's service account becomes it.
    check(
        Some(&pod("catalog", "image-service")),
        &[
            ("GET catalog /images/42", "allowed"),
            ("PUT catalog /images/42", "implicitDeny identity"),
            (
                "GET secrets /secrets/payment-gateway",
                "explicitDeny resource",
            ),
        ],
    );
    check(
        Some(&pod("evil", "image-service")),
        &[("GET catalog /images/42", "role_not_trusted")],
    );

    // The payment function reads one secret.
    check(
        Some(&pod("payments", "payment-function")),
        &[
            ("GET secrets /secrets/payment-gateway", "allowed"),
            (
                "GET secrets /secrets/database-password",
                "implicitDeny identity",
            ),
            ("POST payments /payments", "allowed"),
        ],
    );

    // The pipeline of the main branch sees production, and has to become the deploy role to change it.
    check(
        Some(&pipeline("main")),
        &[
            ("GET deployments /deployments/7", "allowed"),
            ("POST deployments /deployments", "implicitDeny resource"),
        ],
    );
    check(
        Some(&pipeline("feature")),
        &[("GET deployments /deployments/7", "role_not_trusted")],
    );

    // Auditors read everything and change nothing.
    check(
        Some(&corp(&["security-auditors"], None)),
        &[
            ("GET deployments /deployments", "allowed"),
            ("GET secrets /secrets", "allowed"),
            (
                "GET secrets /secrets/database-password",
                "explicitDeny identity",
            ),
            ("POST deployments /deployments", "implicitDeny identity"),
        ],
    );
    check(
        Some(&staff("sam", false)),
        &[
            ("GET databases /databases", "allowed"),
            ("DELETE deployments /deployments/7", "implicitDeny identity"),
        ],
    );

    // Breaking the glass takes a second factor, and does not break the organization's own rules.
    check(
        Some(&staff("break-glass-ana", true)),
        &[
            ("GET secrets /secrets/database-password", "allowed"),
            ("DELETE databases /databases/orders", "explicitDeny scp"),
        ],
    );
    check(
        Some(&staff("break-glass-ana", false)),
        &[(
            "GET secrets /secrets/database-password",
            "implicitDeny identity",
        )],
    );

    // No allow overrides the deny of dangerous actions.
    check(
        Some(&staff("dan", false)),
        &[
            ("GET databases /databases/orders", "allowed"),
            ("DELETE databases /databases/orders", "explicitDeny scp"),
        ],
    );

    // Billing reads.
    check(
        Some(&staff("bea", false)),
        &[
            ("GET payments /payments", "allowed"),
            ("POST payments /payments/9/refund", "implicitDeny identity"),
        ],
    );
    check(
        Some(&staff("nobody", false)),
        &[("GET payments /payments", "no_principal")],
    );

    // The shop window is public, by a resource policy and nothing else.
    check(
        None,
        &[
            ("GET catalog /public/images/logo", "allowed"),
            ("GET catalog /images/42", "implicitDeny resource"),
            ("GET secrets /secrets/payment-gateway", "explicitDeny rcp"),
        ],
    );

    // Customers see their own orders.
    check(
        Some(&customer("17")),
        &[
            ("GET orders /customers/17/orders/1001", "allowed"),
            (
                "GET orders /customers/18/orders/1002",
                "implicitDeny identity",
            ),
        ],
    );
}

#[test]
fn the_pipeline_deploys_with_the_external_id_only() {
    let world = World::new();
    let identity = world.identity(&pipeline("main")).unwrap();
    let directory = &world.snapshot.directory;
    let deploy = directory
        .roles()
        .find(|role| &*role.name == "deploy")
        .unwrap();
    for (external_id, expected) in [
        (Some("securecart-deploy-7f3a"), "allowed"),
        (Some("guessed"), "implicitDeny"),
        (None, "implicitDeny"),
    ] {
        let mut context = Map::new();
        if let Some(id) = external_id {
            context.set("sts:ExternalId", id);
        }
        let question = Question {
            identity: &identity,
            action: "sts:AssumeRole",
            resource: &deploy.arn,
            resource_account: None,
            context: &context,
            now: Timestamp::from_seconds(NOW),
        };
        let explanation = explain(&world.snapshot, &question);
        assert_eq!(explanation.decision.as_str(), expected, "{external_id:?}");
    }
}
