//! An identity provider's metadata: its name, and the keys that it signs with (SAML 2.0 Metadata, sections 2.3, 2.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra_keys::{Key, KeysManager, loader};
use x509_parser::public_key::PublicKey;

use crate::clock::Timestamp;

use super::Fault;
use super::assertion::instant;
use super::document::{Document, METADATA, SIGNATURE};

/// Metadata of a folder that grew by itself is no metadata.
const MAX_BYTES: usize = 1024 * 1024;
const MAX_KEYS: usize = 16;
const RSA_BITS: usize = 2048;

/// What is known of an identity provider.
#[derive(Debug)]
pub struct Metadata {
    entity_id: Box<str>,
    keys: Vec<Key>,
    valid_until: Option<Timestamp>,
}

impl Metadata {
    /// Reads an `EntityDescriptor`.
    ///
    /// # Errors
    /// When it is none, or has no certificate to verify signatures with.
    pub fn read(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::invalid("it is larger than 1 MiB"));
        }
        let document = Document::parse(text)?;
        let root = document.root()?;
        if !document.is(root, (METADATA, "EntityDescriptor")) {
            return Err(Fault::invalid(
                "its outermost element is no md:EntityDescriptor",
            ));
        }
        let entity_id = document.required(root, "entityID")?;
        let valid_until = document.attribute(root, "validUntil").map(instant);
        let role = document.one(root, (METADATA, "IDPSSODescriptor"))?;
        let mut keys = Vec::new();
        for descriptor in document.named(role, (METADATA, "KeyDescriptor")) {
            if document.attribute(descriptor, "use") == Some("encryption") {
                continue;
            }
            let info = document.one(descriptor, (SIGNATURE, "KeyInfo"))?;
            for data in document.named(info, (SIGNATURE, "X509Data")) {
                for certificate in document.named(data, (SIGNATURE, "X509Certificate")) {
                    keys.push(key(&document.text(certificate)?)?);
                }
            }
        }
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(Fault::invalid(format!(
                "it has {} certificates for signing, and 1 to {MAX_KEYS} are due",
                keys.len()
            )));
        }
        Ok(Self {
            entity_id: entity_id.into(),
            keys,
            valid_until: valid_until.transpose()?,
        })
    }

    /// The provider's name for itself: the issuer of its assertions.
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// When it ceases to hold.
    pub(super) fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The keys, and nothing else, that signatures are verified with.
    pub(super) fn keys(&self) -> KeysManager {
        let mut manager = KeysManager::new();
        manager.add_keys(self.keys.iter().cloned());
        manager
    }
}

fn key(base64: &str) -> Result<Key, Fault> {
    let compact: String = base64.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD
        .decode(compact)
        .map_err(|_| Fault::invalid("a certificate is not base64"))?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der)
        .map_err(|_| Fault::invalid("a certificate cannot be read"))?;
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() >= RSA_BITS => {}
        Ok(PublicKey::RSA(rsa)) => {
            return Err(Fault::invalid(format!(
                "an RSA key has {} bits, and at least {RSA_BITS} are due",
                rsa.key_size()
            )));
        }
        Ok(PublicKey::EC(_)) => {}
        _ => {
            return Err(Fault::invalid(
                "a certificate is neither of an RSA nor an EC key",
            ));
        }
    }
    loader::load_x509_cert_der(&der)
        .map_err(|error| Fault::invalid(format!("a certificate cannot be read: {error}")))
}
