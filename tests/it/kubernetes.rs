//! A cluster as an OpenID provider: projected service-account tokens of the shape that Kubernetes documents, its API
//! server's keys behind TLS of the cluster's own authority and a bearer token, roles that trust `sub` and `aud`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair as Pair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use sidegate::clock::Clock;

use crate::support::{Answer, Sidegate, Site, Upstream, request};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const SUBJECT: &str = "system:serviceaccount:catalog:image-service";
const SESSION: &str = "arn:aws:sts::555566667777:assumed-role/image-service/";
/// The token of Sidegate's own pod, which may read the keys.
const OWN: &str = "eyJ.the-pods-own.token";

/// A cluster's signing key, as `kube-apiserver` has it: RS256, named by a hash.
struct Cluster {
    key: RsaKeyPair,
    id: &'static str,
}

impl Cluster {
    fn new(id: &'static str) -> Self {
        Self {
            key: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            id,
        }
    }

    /// What `/openid/v1/jwks` answers.
    fn jwks(&self) -> Value {
        let public: RsaPublicKeyComponents<Vec<u8>> = self.key.public_key().into();
        json!({"keys": [{
            "use": "sig", "kty": "RSA", "kid": self.id, "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(&public.n), "e": URL_SAFE_NO_PAD.encode(&public.e),
        }]})
    }

    /// A projected token, as the TokenRequest API makes one for a pod; its header has no `typ`.
    fn token(&self, issuer: &str, audiences: &[&str], change: impl FnOnce(&mut Value)) -> String {
        let now = Clock::machine().now().seconds();
        let mut claims = json!({
            "aud": audiences,
            "exp": now + 3607,
            "iat": now,
            "iss": issuer,
            "jti": "6cd2d9a0-8f3a-4a1c-9a27-6d3f0e6c1b52",
            "kubernetes.io": {
                "namespace": "catalog",
                "node": {"name": "node-3", "uid": "2f1d5cd0-3a0b-4f3a-8d3b-5d8c3e0f7a11"},
                "pod": {"name": "image-service-6d8f9c7b5-x2k4p", "uid": "0c7b0f6e-12ab-4c3d-9e8f-7a6b5c4d3e2f"},
                "serviceaccount": {"name": "image-service", "uid": "a9b8c7d6-e5f4-4321-8765-0123456789ab"},
                "warnafter": now + 3000,
            },
            "nbf": now,
            "sub": SUBJECT,
        });
        change(&mut claims);
        let header = json!({"alg": "RS256", "kid": self.id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                message.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An API server: TLS by the cluster's own authority; keys and discovery for whoever has a token. Returns its address
/// and the authority's certificate.
fn api_server(jwks: Value) -> (SocketAddr, String) {
    api_server_naming(None, jwks)
}

/// One whose discovery document says that the keys are at another address.
fn api_server_naming(node: Option<SocketAddr>, jwks: Value) -> (SocketAddr, String) {
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, Pair::generate().unwrap()).unwrap();
    let key = Pair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(leaf.der().to_vec())],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, jwks) = (Arc::clone(&config), jwks.clone());
            let keys_at = node.unwrap_or(address);
            std::thread::spawn(move || serve(config, stream, address, keys_at, &jwks));
        }
    });
    (address, authority.pem())
}

fn serve(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    address: SocketAddr,
    keys_at: SocketAddr,
    jwks: &Value,
) {
    let connection = ServerConnection::new(config).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match stream.read_line(&mut head) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let authorized = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .any(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value == format!("Bearer {OWN}")
        });
    let url = format!("https://{address}");
    let (status, body) = match head.split(' ').nth(1) {
        _ if !authorized => ("401 Unauthorized", json!({"kind": "Status", "code": 401})),
        Some("/openid/v1/jwks") => ("200 OK", jwks.clone()),
        Some("/.well-known/openid-configuration") => (
            "200 OK",
            json!({
                "issuer": url, "jwks_uri": format!("https://{keys_at}/openid/v1/jwks"),
                "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }),
        ),
        _ => ("404 Not Found", json!({})),
    };
    let body = body.to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/jwk-set+json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    // A client that goes away is no matter here.
    let _ = stream.get_mut().write_all(answer.as_bytes());
    let _ = stream.get_mut().flush();
}

/// A sidecar in a cluster's pod.
struct Pod {
    sidegate: Sidegate,
    _site: Site,
}

impl Pod {
    fn start(issuer: &str, keys: &str, authority: &str) -> Self {
        let upstream = Upstream::start();
        let site = Site::with_bundle(&upstream, "nothing");
        site.write("ca.crt", authority);
        site.write("token", OWN);
        let file = |name: &str| site.path(name).display().to_string();
        site.write(
            "policies/identity-providers/cluster.yaml",
            &format!(
                "type: oidc\naccount: \"555566667777\"\nissuer: \"{issuer}\"\naudiences: [sidegate]\n\
                 keys: {{ {keys}, ca_file: \"{}\", bearer_file: \"{}\" }}\nalgorithms: [RS256]\n\
                 map: {{ role: '{{claim:\"kubernetes.io\".serviceaccount.name}}', session_name: \"{{claim:sub}}\" }}\n",
                file("ca.crt"),
                file("token"),
            ),
        );
        // Another way to be known, so that it is ready whatever becomes of this one.
        let other = Cluster::new("b3RoZXI").jwks().to_string();
        site.write("policies/identity-providers/other.jwks.json", &other);
        site.write(
            "policies/identity-providers/other.yaml",
            "type: oidc\naccount: \"555566667777\"\nissuer: https://other.example\naudiences: [other]\n\
             keys: { file: other.jwks.json }\nalgorithms: [RS256]\nmap: { user: nobody }\n",
        );
        let (_, place) = issuer.split_once("://").unwrap();
        site.write(
            "policies/accounts/555566667777-app/roles/image-service.yaml",
            &json!({
                "trust_policy": {"Version": "2012-10-17", "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Federated": format!("arn:aws:iam::555566667777:oidc-provider/{place}")},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": {
                        (format!("{place}:aud")): "sidegate",
                        (format!("{place}:sub")): SUBJECT,
                    }},
                }},
                "inline_policies": {"use": {"Version": "2012-10-17", "Statement": {
                    "Effect": "Allow", "Action": "app:Use", "Resource": "arn:aws:app::555566667777:group",
                }}},
            })
            .to_string(),
        );
        Self {
            sidegate: Sidegate::start(&site),
            _site: site,
        }
    }

    fn ask(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer)];
        request(self.sidegate.ingress, "GET", "app", "/group", &headers)
    }
}

#[test]
fn service_accounts_assume_roles() {
    let cluster = Cluster::new("dW5pcXVlLWhhc2gtb2YtdGhlLXB1YmxpYy1rZXk");
    let (address, authority) = api_server(cluster.jwks());
    let keys = format!("url: \"https://{address}/openid/v1/jwks\"");
    let pod = Pod::start(ISSUER, &keys, &authority);
    let answer = pod.ask(&cluster.token(ISSUER, &["sidegate"], |_| {}));
    let heard = answer.text().to_ascii_lowercase();
    assert_eq!(answer.status, 200, "{heard}");
    // Colons are no letters of session names: what replaces them cannot be told by two subjects alike.
    let principal =
        format!("x-sidegate-principal-arn: {SESSION}system-serviceaccount-catalog-image-service-");
    assert!(heard.contains(&principal), "{heard}");

    // Another audience beside ours is usual: the API server's own.
    let both = [ISSUER, "sidegate"];
    assert_eq!(pod.ask(&cluster.token(ISSUER, &both, |_| {})).status, 200);
    let token = |change: fn(&mut Value)| cluster.token(ISSUER, &["sidegate"], change);
    for (what, status, token) in [
        (
            "another namespace's account of that name",
            403,
            token(|claims| {
                claims["sub"] = "system:serviceaccount:evil:image-service".into();
                claims["kubernetes.io"]["namespace"] = "evil".into();
            }),
        ),
        (
            "another account",
            403,
            token(|claims| {
                claims["sub"] = "system:serviceaccount:catalog:other".into();
                claims["kubernetes.io"]["serviceaccount"]["name"] = "other".into();
            }),
        ),
        (
            "a legacy token of a secret: no expiry, no audience",
            401,
            token(|claims| {
                let claims = claims.as_object_mut().unwrap();
                claims.retain(|name, _| ["iss", "sub"].contains(&&**name));
            }),
        ),
        (
            "for the API server alone",
            401,
            cluster.token(ISSUER, &[ISSUER], |_| {}),
        ),
        (
            "another cluster's issuer",
            401,
            cluster.token("https://other.example", &["sidegate"], |_| {}),
        ),
        ("another cluster's key", 401, {
            let other = Cluster::new("dW5pcXVlLWhhc2gtb2YtdGhlLXB1YmxpYy1rZXk");
            other.token(ISSUER, &["sidegate"], |_| {})
        }),
    ] {
        let answer = pod.ask(&token);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
}

#[test]
fn by_discovery_too() {
    let cluster = Cluster::new("b3RoZXItaGFzaC1vZi10aGUtcHVibGljLWtleQ");
    let (address, authority) = api_server(cluster.jwks());
    let issuer = format!("https://{address}");
    let pod = Pod::start(&issuer, "discovery: true", &authority);
    let answer = pod.ask(&cluster.token(&issuer, &["sidegate"], |_| {}));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// As kubeadm has it: discovery at one name of the API server, and the keys, it says there, at a node's address.
#[test]
fn where_discovery_leads_to_another_address_the_bundle_names_it() {
    let cluster = Cluster::new("b3RoZXItaGFzaC1vZi10aGUtcHVibGljLWtleQ");
    let (node, one) = api_server(cluster.jwks());
    let (service, other) = api_server_naming(Some(node), cluster.jwks());
    let (issuer, authorities) = (format!("https://{service}"), one + &other);
    let token = cluster.token(&issuer, &["sidegate"], |_| {});
    // The pod's token does not follow a document to wherever that leads; the node would have answered it.
    let pod = Pod::start(&issuer, "discovery: true", &authorities);
    let answer = pod.ask(&token);
    assert_eq!(answer.status, 503, "{}", answer.text());
    let log = pod.sidegate.log();
    assert!(log.contains("write `keys: { url: … }`"), "{log}");
    // Whoever writes the bundle may send it there.
    let keys = format!("url: \"https://{node}/openid/v1/jwks\"");
    let pod = Pod::start(&issuer, &keys, &authorities);
    let answer = pod.ask(&token);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn only_of_its_own_authority() {
    let cluster = Cluster::new("b3RoZXItaGFzaC1vZi10aGUtcHVibGljLWtleQ");
    let (address, _) = api_server(cluster.jwks());
    let (_, stranger) = api_server(cluster.jwks());
    let keys = format!("url: \"https://{address}/openid/v1/jwks\"");
    let pod = Pod::start(ISSUER, &keys, &stranger);
    let answer = pod.ask(&cluster.token(ISSUER, &["sidegate"], |_| {}));
    assert_eq!(answer.status, 503, "{}", answer.text());
}
