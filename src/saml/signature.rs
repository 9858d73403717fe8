//! Which elements of a response are signed: by the provider's keys, as a whole, in the places where SAML has it.
//!
//! SAML 2.0 Core, section 5.4, and what signature wrapping taught since: a signature is its element's own child and
//! refers to that element by its ID, there is one assertion in the whole document, and no signature elsewhere.

use bergshamra_dsig::DsigContext;
use bergshamra_dsig::verify::{VerifyResult, verify_all_document};
use uppsala::NodeId;

use super::document::{ASSERTION, CANONICAL, Document, PROTOCOL, SIGNATURE};
use super::{Fault, Metadata};

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const EXCLUSIVE: [&str; 2] = [
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
];
const METHODS: [&str; 8] = [
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
    "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
];
const DIGESTS: [&str; 3] = [
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];
/// What a signature may say about its key; the keys that count are the metadata's.
const KEY_INFO: [&str; 3] = ["X509Data", "KeyName", "KeyValue"];

/// The elements that say something, all of it signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed {
    pub(super) response: NodeId,
    /// Lies in the response, and is signed itself or by the response's signature.
    pub(super) assertion: NodeId,
}

/// Verifies the signatures of a response.
pub(super) fn verify(document: &Document<'_>, metadata: &Metadata) -> Result<Signed, Fault> {
    let response = document.root()?;
    if !document.is(response, (PROTOCOL, "Response")) {
        return Err(Fault::invalid("its outermost element is no samlp:Response"));
    }
    if !document
        .anywhere((ASSERTION, "EncryptedAssertion"))
        .is_empty()
    {
        return Err(Fault::invalid(
            "the assertion is encrypted, which is not supported",
        ));
    }
    let assertions = document.anywhere((ASSERTION, "Assertion"));
    let assertion = document.maybe(response, (ASSERTION, "Assertion"))?;
    let Some(assertion) = assertion.filter(|one| assertions == [*one]) else {
        return Err(Fault::invalid(
            "it does not hold exactly one assertion in its place",
        ));
    };
    let own = [
        (
            response,
            document.maybe(response, (SIGNATURE, "Signature"))?,
        ),
        (
            assertion,
            document.maybe(assertion, (SIGNATURE, "Signature"))?,
        ),
    ];
    let mut expected: Vec<(NodeId, NodeId)> = Vec::new();
    for (element, signature) in own {
        if let Some(signature) = signature {
            well_formed(document, element, signature)?;
            expected.push((element, signature));
        }
    }
    if expected.is_empty() {
        return Err(Fault::invalid("nothing in it is signed"));
    }
    if document.anywhere((SIGNATURE, "Signature")).len() != expected.len() {
        return Err(Fault::invalid("it has a signature where none is due"));
    }
    let context = DsigContext::new(metadata.keys());
    let results = verify_all_document(&context, document.inner())
        .map_err(|error| Fault::invalid(format!("its signature cannot be verified: {error}")))?;
    for (element, signature) in &expected {
        let good = results
            .iter()
            .any(|result| covers(result, *signature, *element));
        if !good {
            return Err(Fault::invalid(format!(
                "its signature does not verify: {}",
                results.iter().find_map(why).unwrap_or("it is another's")
            )));
        }
    }
    if results.len() != expected.len() {
        return Err(Fault::invalid("it has a signature where none is due"));
    }
    Ok(Signed {
        response,
        assertion,
    })
}

fn covers(result: &VerifyResult, signature: NodeId, element: NodeId) -> bool {
    let VerifyResult::Valid {
        signature_node,
        references,
        ..
    } = result
    else {
        return false;
    };
    let [reference] = references.as_slice() else {
        return false;
    };
    *signature_node == signature
        && reference.resolved_node == Some(element)
        && reference.digest_verified
}

fn why(result: &VerifyResult) -> Option<&str> {
    match result {
        VerifyResult::Invalid { reason } => Some(reason),
        VerifyResult::Valid { .. } => None,
    }
}

fn odd(what: &str) -> Fault {
    Fault::invalid(format!("its signature {what}"))
}

/// The children of an element, which must be these.
fn parts<const N: usize>(
    document: &Document<'_>,
    node: NodeId,
    names: [&str; N],
) -> Result<[NodeId; N], Fault> {
    let children: Option<[NodeId; N]> = document.children(node).try_into().ok();
    children
        .filter(|children| {
            let mut pairs = children.iter().zip(names);
            pairs.all(|(child, name)| document.is(*child, (SIGNATURE, name)))
        })
        .ok_or_else(|| odd("has other parts than SAML's"))
}

/// One signature, in the only shape that SAML needs: one reference, to the element that it stands in.
fn well_formed(document: &Document<'_>, element: NodeId, signature: NodeId) -> Result<(), Fault> {
    let info = if document.children(signature).len() == 2 {
        let [info, _] = parts(document, signature, ["SignedInfo", "SignatureValue"])?;
        info
    } else {
        let names = ["SignedInfo", "SignatureValue", "KeyInfo"];
        let [info, _, key] = parts(document, signature, names)?;
        let is_known = |child: &NodeId| {
            let mut known = KEY_INFO.iter();
            known.any(|name| document.is(*child, (SIGNATURE, name)))
        };
        if !document.children(key).iter().all(is_known) {
            return Err(odd("tells of its key in a way that is not read"));
        }
        info
    };
    let names = ["CanonicalizationMethod", "SignatureMethod", "Reference"];
    let [canonical, method, reference] = parts(document, info, names)?;
    algorithm(document, canonical, &EXCLUSIVE)?;
    algorithm(document, method, &METHODS)?;
    let id = document.required(element, "ID")?;
    if id.is_empty() || document.required(reference, "URI")?.strip_prefix('#') != Some(id) {
        return Err(odd("is not over the element that it stands in"));
    }
    let names = ["Transforms", "DigestMethod", "DigestValue"];
    let [transforms, digest, _] = parts(document, reference, names)?;
    algorithm(document, digest, &DIGESTS)?;
    let [enveloped, exclusive] = parts(document, transforms, ["Transform"; 2])?;
    algorithm(document, enveloped, &[ENVELOPED])?;
    algorithm(document, exclusive, &EXCLUSIVE)
}

/// The algorithm of an element, which must be one of a list and have no parameters but namespaces to include.
fn algorithm(document: &Document<'_>, node: NodeId, known: &[&str]) -> Result<(), Fault> {
    let name = document.required(node, "Algorithm")?;
    let plain = document
        .children(node)
        .iter()
        .all(|child| document.is(*child, (CANONICAL, "InclusiveNamespaces")));
    let only = document
        .element(node)
        .is_some_and(|element| element.attributes.len() == 1);
    if known.contains(&name) && plain && only {
        return Ok(());
    }
    let name: String = name.chars().take(100).collect();
    Err(Fault::invalid(format!(
        "its signature uses {}, which is not accepted",
        name.escape_debug()
    )))
}
