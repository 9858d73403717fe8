//! What is fetched, from whom, and with what.

use rcgen::{CertifiedIssuer, KeyPair};
use tokio_rustls::TlsAcceptor;

use super::*;

async fn accepted(provider: &Arc<Provider>, token: &str) -> Result<(), Reason> {
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let providers = [provider.clone()];
    authenticator.follow(&providers);
    try_token(&authenticator, &providers, token).await.map(drop)
}

#[tokio::test]
async fn by_url_with_a_bearer_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "pod-token\n").unwrap();
    let issuer = Issuer::start(Mode::Keys(signers().jwks())).await;
    let keys = format!(
        r#"{{"url":"{}/openid/v1/jwks","bearer_file":"{}"}}"#,
        issuer.url,
        file.display()
    );
    let cluster = provider("cluster", "https://kubernetes.default.svc", &keys, "");
    let token = token_of("https://kubernetes.default.svc");
    assert_eq!(accepted(&cluster, &token).await, Ok(()));
    let head = issuer.heads.lock().unwrap()[0].to_lowercase();
    assert!(head.starts_with("get /openid/v1/jwks "), "{head}");
    assert!(
        head.contains("authorization: bearer pod-token\r\n"),
        "{head}"
    );
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        accepted(&cluster, &token).await,
        Err(Reason::ProviderUnavailable)
    );
}

#[tokio::test]
async fn redirects_stay_on_the_host() {
    let other = Issuer::start(Mode::Keys(signers().jwks())).await;
    let issuer = Issuer::start(Mode::Redirect("/moved".into())).await;
    let corp = discovered("corp", &issuer.url);
    let token = token_of(&issuer.url);
    assert_eq!(accepted(&corp, &token).await, Ok(()));
    for elsewhere in [
        format!("{}/jwks", other.url),
        other.url.replace("http:", ""),
        "/again".to_owned(),
        "jwks".to_owned(),
    ] {
        issuer.set(Mode::Redirect(elsewhere.clone()));
        assert_eq!(
            accepted(&corp, &token).await,
            Err(Reason::ProviderUnavailable),
            "{elsewhere}"
        );
    }
    assert_eq!(other.fetches(), 0);
}

#[tokio::test]
async fn discovery_names_another_issuer() {
    let issuer = Issuer::start(Mode::Keys(signers().jwks())).await;
    let lying = discovered("corp", &format!("{}/", issuer.url));
    assert_eq!(
        accepted(&lying, &token_of(&lying.issuer)).await,
        Err(Reason::ProviderUnavailable)
    );
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn server_of(authority: &CertifiedIssuer<'static, KeyPair>) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".into()])
        .unwrap()
        .signed_by(&key, authority)
        .unwrap();
    let server = rustls::ServerConfig::builder_with_provider(
        rustls::crypto::aws_lc_rs::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![leaf.der().clone()],
        rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    )
    .unwrap();
    TlsAcceptor::from(Arc::new(server))
}

#[tokio::test]
async fn nobody_leads_from_tls_to_plain_http() {
    let folder = tempfile::tempdir().unwrap();
    let ours = authority("ours");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ours.pem()).unwrap();
    let plain = Issuer::start(Mode::Keys(signers().jwks())).await;
    let elsewhere = Mode::KeysAt(format!("{}/jwks", plain.url));
    let issuer = Issuer::with_tls(elsewhere, Some(server_of(&ours))).await;
    let keys = format!(r#"{{"discovery":true,"ca_file":"{}"}}"#, file.display());
    let token = token_of(&issuer.url);
    let corp = provider("corp", &issuer.url, &keys, "");
    assert_eq!(
        accepted(&corp, &token).await,
        Err(Reason::ProviderUnavailable)
    );
    assert_eq!(plain.fetches(), 0, "a service of this machine is not asked");
    // Unless the bundle says so.
    let corp = provider("corp", &issuer.url, &keys, r#","allow_http":true"#);
    assert_eq!(accepted(&corp, &token).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_authority_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, foreign) = (authority("ours"), authority("foreign"));
    let tls = server_of(&ours);
    let issuer = Issuer::with_tls(Mode::Keys(signers().jwks()), Some(tls)).await;
    let good = folder.path().join("good.pem");
    let bad = folder.path().join("bad.pem");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&good, ours.pem()).unwrap();
    std::fs::write(&bad, foreign.pem()).unwrap();
    std::fs::write(&empty, "").unwrap();
    for (file, answer) in [
        (Some(&good), Ok(())),
        (Some(&bad), Err(Reason::ProviderUnavailable)),
        (Some(&empty), Err(Reason::ProviderUnavailable)),
        (None, Err(Reason::ProviderUnavailable)),
    ] {
        let ca = file.map_or(String::new(), |file| {
            format!(r#","ca_file":"{}""#, file.display())
        });
        let keys = format!(r#"{{"discovery":true{ca}}}"#);
        let corp = provider("corp", &issuer.url, &keys, "");
        assert_eq!(
            accepted(&corp, &token_of(&issuer.url)).await,
            answer,
            "{file:?}"
        );
    }
}

#[tokio::test]
async fn a_key_file_of_the_machine_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, signers().jwks()).unwrap();
    let keys = format!(r#"{{"file":"{}"}}"#, file.display());
    let corp = provider("corp", "https://idp.example", &keys, "");
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let providers = [corp];
    authenticator.follow(&providers);
    let old = token_of("https://idp.example");
    assert!(try_token(&authenticator, &providers, &old).await.is_ok());
    // Half written: the last good keys stay.
    std::fs::write(&file, "{\"keys\":[").unwrap();
    tokio::time::sleep(timing().file_poll * 3).await;
    assert!(try_token(&authenticator, &providers, &old).await.is_ok());
    let next = Signer::ed();
    let keys = format!(r#"{{"keys":[{}]}}"#, next.jwk("next", ""));
    std::fs::write(&file, keys).unwrap();
    let new = token_by(&next, "next", "https://idp.example", "");
    eventually("new key", async || {
        try_token(&authenticator, &providers, &new).await.is_ok()
    })
    .await;
    let answer = try_token(&authenticator, &providers, &old).await;
    assert_eq!(answer.err(), Some(Reason::BadSignature));
}

#[tokio::test]
async fn a_key_file_of_the_bundle_needs_no_fetch() {
    let corp = provider("corp", "https://idp.example", r#"{"file":"k.json"}"#, "");
    let mut corp = corp.as_ref().clone();
    let mut report = crate::source::Report::on("k.json");
    corp.attach_keys(&signers().jwks(), &mut report);
    assert!(!report.has_errors());
    let corp = Arc::new(corp);
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let providers = [corp];
    authenticator.follow(&providers);
    let status = authenticator.statuses().remove(0);
    assert_eq!((status.state, status.age), (State::Fresh, None));
    let good = token_of("https://idp.example");
    assert!(try_token(&authenticator, &providers, &good).await.is_ok());
    let stranger = token_by(&Signer::ed(), "x", "https://idp.example", "");
    let answer = try_token(&authenticator, &providers, &stranger).await;
    assert_eq!(answer.err(), Some(Reason::BadSignature));
}
