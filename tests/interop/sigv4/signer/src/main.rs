//! Signs requests with the `aws-sigv4` crate: one JSON request a line on stdin, one JSON answer a line on stdout.

use std::io::{BufRead, Write};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Asked {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    key: String,
    secret: String,
    service: String,
    presigned: bool,
    declared: bool,
}

#[derive(Serialize)]
struct Signed {
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

fn main() {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let asked: Asked = serde_json::from_str(&line).expect("a request");
        let signed = answer(&asked);
        let text = serde_json::to_string(&signed).expect("JSON");
        writeln!(out, "{text}").expect("somebody listens");
        out.flush().expect("somebody listens");
    }
}

fn answer(asked: &Asked) -> Signed {
    let identity = Credentials::new(&asked.key, &asked.secret, None, None, "test").into();
    let mut settings = SigningSettings::default();
    if asked.presigned {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(300));
    }
    if asked.declared {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    if asked.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(&asked.service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .expect("all is there");
    let headers = asked.headers.iter().map(|(name, value)| (&**name, &**value));
    let body = SignableBody::Bytes(asked.body.as_bytes());
    let request = SignableRequest::new(&*asked.method, &*asked.url, headers, body);
    let request = request.expect("a request that can be signed");
    let (instructions, _) = sign(request, &params.into()).expect("signed").into_parts();
    Signed {
        headers: instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        query: instructions
            .params()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_string()))
            .collect(),
    }
}
