use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use super::*;
use crate::authn::testing::{NOW, now};
use crate::source::{Report, yaml};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority {
        issuer: Issuer::new(params, key),
        pem,
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// A leaf that is good around [`NOW`].
fn leaf(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    change(&mut params);
    params
}

fn issue(by: &Authority, params: &CertificateParams) -> Arc<[CertificateDer<'static>]> {
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, &by.issuer).unwrap();
    Arc::from([made.der().clone()])
}

fn read(by: &Authority, params: &CertificateParams) -> Certificate {
    Certificate::read(&issue(by, params)).unwrap()
}

fn provider(name: &str, more: &str) -> Arc<Provider> {
    provider_of(name, more, None)
}

fn provider_of(name: &str, more: &str, authorities: Option<&str>) -> Arc<Provider> {
    let mut report = Report::on("p.yaml");
    let file = if authorities.is_some() {
        ", authorities: ca.pem"
    } else {
        ""
    };
    let text = format!("{{ account: \"555566667777\"{file}, {more} }}");
    let node = yaml::read(&text, &mut report).unwrap();
    let mut provider = Provider::read(&node, name, &mut report).unwrap();
    if let Some(pem) = authorities {
        provider.attach_keys(pem, &mut report);
    }
    assert!(!report.has_errors());
    Arc::new(provider)
}

const PROD: &str = "type: spiffe, trust_domain: prod.example";
const ID: &str = "spiffe://prod.example/ns/shop/sa/orders";

#[test]
fn the_trust_domain_names_the_provider() {
    let by = authority("a");
    let certificate = read(
        &by,
        &leaf(|params| params.subject_alt_names = vec![uri(ID)]),
    );
    let prod = provider("prod", PROD);
    let test = provider("test", "type: spiffe, trust_domain: test.example");
    let x509 = provider("machines", "type: x509");
    let all = [Arc::clone(&test), Arc::clone(&x509), Arc::clone(&prod)];
    let token = certificate.vouched(&all, now()).unwrap().unwrap();
    assert_eq!(token.provider().name, prod.name);
    assert_eq!(token.claims().subject(), Some(ID));
    assert_eq!(
        token.claims().get("path").and_then(Json::text),
        Some("/ns/shop/sa/orders")
    );
    assert_eq!(token.expires_at(), certificate.not_after());
    assert_eq!(
        prod.arn("aws", prod.account),
        "arn:aws:iam::555566667777:spiffe-provider/prod.example"
    );
    // Made once for all requests of the connection.
    let again = certificate.vouched(&all, now()).unwrap().unwrap();
    assert!(Arc::ptr_eq(&token, &again));
    // One with a SPIFFE id is never taken for one without.
    for providers in [&[test][..], std::slice::from_ref(&x509)] {
        let refused = certificate.vouched(providers, now());
        assert_eq!(refused.err(), Some(Distrust::NoProvider));
    }
    assert!(certificate.vouched(&[], now()).unwrap().is_none());
}

#[test]
fn what_is_no_svid() {
    let by = authority("a");
    let all = [provider("prod", PROD), provider("machines", "type: x509")];
    let refused = |names: Vec<SanType>| {
        let certificate = read(&by, &leaf(|params| params.subject_alt_names = names));
        certificate.vouched(&all, now()).map(drop)
    };
    for names in [
        vec![uri(ID), uri("spiffe://prod.example/other")],
        vec![uri(ID), uri(ID)],
        vec![uri("https://prod.example/"), uri(ID)],
        vec![uri("spiffe://prod.example")],
        vec![uri("spiffe://prod.example/a%62")],
        vec![uri("SPIFFE://prod.example/a")],
        vec![uri("spiffe://prod.example:1/a")],
        vec![uri("spiffe:prod.example/a")],
    ] {
        let text = format!("{names:?}");
        assert!(matches!(refused(names), Err(Distrust::NoSvid(_))), "{text}");
    }
    // With one URI, other kinds of names do no harm.
    let dns = SanType::DnsName("orders.example".try_into().unwrap());
    assert_eq!(refused(vec![dns, uri(ID)]), Ok(()));
    let signs = leaf(|params| {
        params.subject_alt_names = vec![uri(ID)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    });
    let signs = read(&by, &signs).vouched(&all, now());
    assert!(matches!(signs, Err(Distrust::NoSvid(_))));
}

#[test]
fn names_become_claims() {
    let by = authority("The, Authority");
    let certificate = read(
        &by,
        &leaf(|params| {
            let name = &mut params.distinguished_name;
            *name = rcgen::DistinguishedName::new();
            name.push(DnType::OrganizationName, "Shop, Inc.");
            name.push(DnType::CommonName, "orders");
            params.subject_alt_names = vec![
                SanType::DnsName("Orders.Example".try_into().unwrap()),
                SanType::DnsName("b.example".try_into().unwrap()),
                SanType::Rfc822Name("a@example".try_into().unwrap()),
                uri("https://orders.example/"),
            ];
        }),
    );
    let provider = provider("machines", "type: x509");
    let token = certificate.vouched(&[Arc::clone(&provider)], now());
    let token = token.unwrap().unwrap();
    let texts = |name: &str| {
        token
            .claims()
            .get(name)
            .map(Json::texts)
            .unwrap_or_default()
    };
    assert_eq!(texts("sub"), ["CN=orders,O=Shop\\, Inc."]);
    assert_eq!(texts("issuer"), ["CN=The\\, Authority"]);
    assert_eq!(texts("cn"), ["orders"]);
    assert_eq!(texts("o"), ["Shop, Inc."]);
    assert_eq!(texts("dns"), ["orders.example", "b.example"]);
    assert_eq!(texts("email"), ["a@example"]);
    assert_eq!(texts("uri"), ["https://orders.example/"]);
    assert_eq!(texts("fingerprint"), [hex(certificate.fingerprint())]);
    assert_eq!(
        provider.arn("aws", provider.account),
        "arn:aws:iam::555566667777:x509-provider/machines"
    );
}

#[test]
fn a_provider_with_authorities_takes_no_others_word() {
    let (own, other) = (authority("own"), authority("other"));
    let params = leaf(|params| params.subject_alt_names = vec![uri(ID)]);
    let prod = [provider_of("prod", PROD, Some(&own.pem))];
    assert!(read(&own, &params).vouched(&prod, now()).unwrap().is_some());
    let refused = read(&other, &params).vouched(&prod, now());
    assert_eq!(refused.err(), Some(Distrust::NoProvider));
    // Without a SPIFFE id it is the authorities that tell one provider from another.
    let of = |name, by: &Authority| provider_of(name, "type: x509", Some(&by.pem));
    let both = [of("own", &own), of("other", &other)];
    for (by, name) in [(&own, "own"), (&other, "other")] {
        let token = read(by, &leaf(|_| {})).vouched(&both, now());
        assert_eq!(&*token.unwrap().unwrap().provider().name, name);
    }
    let third = read(&authority("third"), &leaf(|_| {})).vouched(&both, now());
    assert_eq!(third.err(), Some(Distrust::NoProvider));
}

#[test]
fn a_providers_authority_vouches_no_longer_than_what_lies_between() {
    let root = authority("root");
    let params = |year| {
        leaf(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        })
    };
    let key = KeyPair::generate().unwrap();
    let between = params(2028).signed_by(&key, &root.issuer).unwrap();
    let below = Authority {
        issuer: Issuer::new(params(2028), key),
        pem: String::new(),
    };
    let own = issue(&below, &leaf(|_| {}));
    let chain: Arc<[_]> = Arc::from([own[0].clone(), between.der().clone()]);
    let certificate = Certificate::read(&chain).unwrap();
    let providers = [provider_of("own", "type: x509", Some(&root.pem))];
    let end = Timestamp::from_seconds(1_830_297_600); // 2028-01-01
    let second = Duration::from_secs(1);
    let who = |at| certificate.vouched(&providers, at).map(drop);
    assert_eq!(who(now()), Ok(()));
    assert_eq!(who(end), Ok(()));
    assert!(!certificate.has_turned_since(now(), end));
    assert!(certificate.has_turned_since(end, end.plus(second)));
    assert_eq!(who(end.plus(second)), Err(Distrust::NoProvider));
    // Nor is a refusal remembered for longer.
    assert_eq!(who(end), Ok(()));
    let junk = [own[0].clone(), CertificateDer::from(&b"junk"[..])];
    let read = Certificate::read(&Arc::from(junk));
    assert_eq!(read.err(), Some(Distrust::Unreadable));
}

#[test]
fn it_is_good_in_its_time_alone() {
    let by = authority("a");
    let certificate = read(
        &by,
        &leaf(|params| params.subject_alt_names = vec![uri(ID)]),
    );
    let prod = [provider("prod", PROD)];
    let end = certificate.not_after();
    assert!(end > Timestamp::from_seconds(NOW));
    assert!(certificate.vouched(&prod, end).is_ok());
    let late = certificate.vouched(&prod, end.plus(Duration::from_secs(1)));
    assert_eq!(late.err(), Some(Distrust::Expired));
    let early = certificate.vouched(&prod, Timestamp::from_seconds(0));
    assert_eq!(early.err(), Some(Distrust::Expired));
    // Also where no provider would ask who it is: what it binds ends with it.
    assert!(
        certificate
            .vouched(&[], end.plus(Duration::from_secs(1)))
            .is_err()
    );
}

#[test]
fn what_is_no_certificate() {
    for bytes in [&b""[..], b"\x30", b"\x30\x03\x02\x01\x01", &[0; 1000]] {
        let chain: Arc<[CertificateDer<'static>]> = Arc::from([CertificateDer::from(bytes)]);
        assert_eq!(Certificate::read(&chain).err(), Some(Distrust::Unreadable));
    }
    let chain: Arc<[CertificateDer<'static>]> = Arc::from([]);
    assert!(Certificate::read(&chain).is_err());
    let good = issue(&authority("a"), &leaf(|_| {}));
    let mut longer = good[0].to_vec();
    longer.push(0);
    let chain: Arc<[CertificateDer<'static>]> = Arc::from([CertificateDer::from(longer)]);
    assert!(Certificate::read(&chain).is_err());
}
