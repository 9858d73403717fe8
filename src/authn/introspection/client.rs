//! How Sidegate proves to an introspection endpoint who asks: with the client's secret (RFC 6749, section 2.3.1), or by an
//! assertion that the client's own key signs (`private_key_jwt`, RFC 7523), so that nothing secret travels.
//!
//! The files are read anew for each question: both are rotated under us. Asks nothing itself.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::authn::fetch::{self, FetchError};
use crate::clock::Timestamp;
use crate::directory::provider::{ClientProof, Introspection};
use crate::secret::Secret;

use super::question::escaped;

const MAX_SECRET: u64 = 4 * 1024;
const MAX_KEY: u64 = 16 * 1024;
/// How long an assertion is good for: it is made for one question.
const LIFE: Duration = Duration::from_secs(60);
const KIND: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// What a question carries besides the token.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) authorization: Option<Secret<HeaderValue>>,
    /// More of the form, each member behind `&`.
    pub(super) form: String,
}

/// What an assertion says (RFC 7523, section 3).
#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
}

/// The proof for one question to this issuer.
pub(super) async fn proof(
    introspection: &Introspection,
    issuer: &str,
    now: Timestamp,
) -> Result<Proof, FetchError> {
    let client = &introspection.client_id;
    match &introspection.proof {
        ClientProof::Secret(file) => {
            let secret = fetch::read_file(file, MAX_SECRET).await?;
            let authorization = basic(client, secret).map_err(|why| unusable(file, why))?;
            Ok(Proof {
                authorization: Some(authorization),
                form: String::new(),
            })
        }
        ClientProof::Key { file, id } => {
            let pem = Secret::new(fetch::read_file(file, MAX_KEY).await?);
            let claims = Claims {
                iss: client,
                sub: client,
                aud: issuer,
                jti: uuid::Uuid::new_v4().to_string(),
                iat: now.seconds(),
                exp: now.plus(LIFE).seconds(),
            };
            let assertion = signed(pem.expose(), id.as_deref(), &claims).ok_or_else(|| {
                unusable(
                    file,
                    "it is no PEM with a private key on P-256, of Ed25519 or of RSA",
                )
            })?;
            let client = escaped(client);
            Ok(Proof {
                authorization: None,
                form: format!(
                    "&client_id={client}&client_assertion_type={KIND}&client_assertion={assertion}"
                ),
            })
        }
    }
}

/// Both halves in the encoding of forms, then as Basic has it.
fn basic(client: &str, secret: Vec<u8>) -> Result<Secret<HeaderValue>, &'static str> {
    let secret = String::from_utf8(secret).map_err(|_| "it is no text")?;
    let secret = secret.trim();
    if secret.is_empty() {
        return Err("it holds no secret");
    }
    let both = format!("{}:{}", escaped(client), escaped(secret));
    let value = format!("Basic {}", STANDARD.encode(both));
    let mut value = HeaderValue::from_str(&value).map_err(|_| "it holds no secret")?;
    value.set_sensitive(true);
    Ok(Secret::new(value))
}

/// Signed as the key's kind has it.
fn signed(pem: &[u8], id: Option<&str>, claims: &Claims<'_>) -> Option<String> {
    let kinds = [
        (EncodingKey::from_ec_pem(pem), Algorithm::ES256),
        (EncodingKey::from_ed_pem(pem), Algorithm::EdDSA),
        (EncodingKey::from_rsa_pem(pem), Algorithm::RS256),
    ];
    let mut usable = kinds
        .into_iter()
        .filter_map(|(key, algorithm)| key.ok().zip(Some(algorithm)));
    usable.find_map(|(key, algorithm)| {
        let header = Header {
            kid: id.map(str::to_owned),
            ..Header::new(algorithm)
        };
        encode(&header, claims, &key).ok()
    })
}

fn unusable(path: &str, why: &str) -> FetchError {
    FetchError::File {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::authn::json::Json;
    use crate::authn::jwks::KeySet;
    use crate::authn::testing::{NOW, Signer, now};
    use crate::directory::provider;

    const ISSUER: &str = "https://idp.example";

    fn by_key(path: &std::path::Path) -> Introspection {
        Introspection {
            endpoint: None,
            client_id: "side gate".into(),
            proof: ClientProof::Key {
                file: path.to_str().unwrap().into(),
                id: Some("mine".into()),
            },
            ca_file: None,
            token_prefix: "".into(),
            max_age: Duration::from_secs(30),
            default_audience: None,
        }
    }

    #[tokio::test]
    async fn an_assertion_is_signed_for_the_issuer_and_for_a_minute() {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let made = made.unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref());
        let jwk = Signer::Ec(pair.unwrap(), false).jwk("mine", "");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let text = STANDARD.encode(made.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        std::fs::write(&path, pem).unwrap();
        let proof = proof(&by_key(&path), ISSUER, now()).await.unwrap();
        assert!(proof.authorization.is_none());
        let (rest, assertion) = proof.form.split_once("&client_assertion=").unwrap();
        assert_eq!(
            rest,
            format!("&client_id=side%20gate&client_assertion_type={KIND}")
        );
        let keys = KeySet::read(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).unwrap();
        let algorithm = provider::Algorithm::Es256;
        let key = keys.matching(Some("mine"), algorithm)[0];
        let (message, signature) = assertion.rsplit_once('.').unwrap();
        assert!(key.verifies(algorithm, message, signature));
        let (header, payload) = message.split_once('.').unwrap();
        let [header, claims] = [header, payload]
            .map(|part| Json::read(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap());
        assert_eq!(header.get("kid").unwrap().text(), Some("mine"));
        let said = |name: &str| claims.get(name).unwrap().texts().concat();
        assert_eq!(said("iss"), "side gate");
        assert_eq!(said("sub"), "side gate");
        assert_eq!(said("aud"), ISSUER);
        assert_eq!(said("iat"), NOW.to_string());
        assert_eq!(said("exp"), (NOW + 60).to_string());
        assert_eq!(said("jti").len(), 36);
    }

    #[tokio::test]
    async fn what_is_no_key_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        for text in [
            "",
            "secret",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = proof(&by_key(&path), ISSUER, now()).await.unwrap_err();
            assert!(
                error.to_string().contains("no PEM with a private key"),
                "{error}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert!(proof(&by_key(&path), ISSUER, now()).await.is_err());
    }
}
