"""A SAML identity provider: signs with signxml or xmlsec1, and forges as attackers do.

`idp.py FOLDER` writes the vectors of the unit tests (tests/vectors/saml): metadata and responses of one moment.
"""

import base64
import copy
import datetime
import os
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import DigestAlgorithm, SignatureMethod, XMLSigner, methods
from signxml.algorithms import CanonicalizationMethod

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
ENTITY = "https://login.example/saml/metadata"
RECIPIENT = "https://signin.sidegate.example/saml"
AUDIENCE = "urn:sidegate:example"
ROLE = "arn:aws:iam::555566667777:role/people"
PROVIDER = "arn:aws:iam::555566667777:saml-provider/login"
NOW = datetime.datetime(2027, 1, 15, 8, 0, tzinfo=datetime.timezone.utc)


def when(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Provider:
    """Keys, and what is signed with them."""

    def __init__(self, key=None, entity=ENTITY):
        self.entity = entity
        self.key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "login.example")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(7)
            .not_valid_before(datetime.datetime(2026, 1, 1))
            .not_valid_after(datetime.datetime(2046, 1, 1))
            .sign(self.key, hashes.SHA256())
        )

    def metadata(self, *others, more=""):
        def descriptor(provider):
            der = provider.certificate.public_bytes(serialization.Encoding.DER)
            text = base64.encodebytes(der).decode()
            return (
                f'<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{text}'
                "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            )

        keys = "".join(descriptor(provider) for provider in (self, *others))
        return (
            f'<?xml version="1.0"?>\n<!-- of {self.entity} -->\n<md:EntityDescriptor xmlns:md="{METADATA}" '
            f'xmlns:ds="{DS}" entityID="{self.entity}"{more}><md:IDPSSODescriptor '
            f'protocolSupportEnumeration="{PROTOCOL}">{keys}<md:SingleSignOnService '
            'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://login.example/sso"/>'
            "</md:IDPSSODescriptor></md:EntityDescriptor>\n"
        )

    def sign(self, node, method=None, digest=DigestAlgorithm.SHA256):
        """Signs an element by its ID; the signature stands behind its issuer."""
        if method is None:
            ecdsa = isinstance(self.key, ec.EllipticCurvePrivateKey)
            method = SignatureMethod.ECDSA_SHA256 if ecdsa else SignatureMethod.RSA_SHA256
        node = copy.deepcopy(node)
        placeholder = etree.Element(f"{{{DS}}}Signature", Id="placeholder", nsmap={"ds": DS})
        node.insert(1, placeholder)
        signer = XMLSigner(
            method=methods.enveloped,
            signature_algorithm=method,
            digest_algorithm=digest,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        return signer.sign(node, key=self.key, cert=pem.decode(), reference_uri=node.get("ID"), id_attribute="ID")

    def sign_with_xmlsec(self, tree, element="Assertion"):
        """Signs the first element of a name by the xmlsec1 program."""
        tree = copy.deepcopy(tree)
        node = next(tree.iter(f"{{{SAML}}}{element}"))
        template = (
            f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
            '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
            '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
            f'<ds:Reference URI="#{node.get("ID")}"><ds:Transforms>'
            f'<ds:Transform Algorithm="{DS}enveloped-signature"/>'
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>'
            '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/>'
            "</ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"
        )
        node.insert(1, etree.fromstring(template))
        with tempfile.TemporaryDirectory() as folder:
            unsigned, key = os.path.join(folder, "in.xml"), os.path.join(folder, "key.pem")
            with open(unsigned, "wb") as file:
                file.write(etree.tostring(tree))
            with open(key, "wb") as file:
                file.write(
                    self.key.private_bytes(
                        serialization.Encoding.PEM,
                        serialization.PrivateFormat.TraditionalOpenSSL,
                        serialization.NoEncryption(),
                    )
                )
            command = ["xmlsec1", "--sign", "--privkey-pem", key, "--id-attr:ID", f"{SAML}:{element}", unsigned]
            return etree.fromstring(subprocess.run(command, check=True, capture_output=True).stdout)


def attribute(name, *values):
    texts = "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
    return f'<saml:Attribute Name="{name}">{texts}</saml:Attribute>'


def assertion(
    now=NOW,
    id="_assertion-1",
    issuer=ENTITY,
    subject="dana@login.example",
    recipient=RECIPIENT,
    audience=AUDIENCE,
    session="dana",
    role=f"{ROLE},{PROVIDER}",
    begins=-60,
    ends=300,
    confirmed=300,
    issued=0,
    more="",
    conditions="",
    statement=True,
    version="2.0",
):
    def at(seconds):
        return when(now + datetime.timedelta(seconds=seconds))

    restriction = f"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>"
    text = f"""<saml:Assertion xmlns:saml="{SAML}" ID="{id}" Version="{version}" IssueInstant="{at(issued)}"><saml:Issuer>{issuer}</saml:Issuer>
  <saml:Subject>
    <saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</saml:NameID>
    <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
      <saml:SubjectConfirmationData NotOnOrAfter="{at(confirmed)}" Recipient="{recipient}"/>
    </saml:SubjectConfirmation>
  </saml:Subject>
  <saml:Conditions NotBefore="{at(begins)}" NotOnOrAfter="{at(ends)}">{restriction if audience else ""}{conditions}</saml:Conditions>
  {f'<saml:AuthnStatement AuthnInstant="{at(issued)}" SessionNotOnOrAfter="{at(7200)}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>' if statement else ""}
  <saml:AttributeStatement>{attribute(ATTRIBUTES + "Role", role)}{attribute(ATTRIBUTES + "RoleSessionName", session)}{attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "staff", "member")}{more}</saml:AttributeStatement>
</saml:Assertion>"""
    return etree.fromstring(text)


def response(*assertions, now=NOW, id="_response-1", issuer=ENTITY, destination=RECIPIENT, status="Success"):
    text = (
        f'<samlp:Response xmlns:samlp="{PROTOCOL}" xmlns:saml="{SAML}" ID="{id}" Version="2.0" '
        f'IssueInstant="{when(now)}" Destination="{destination}"><saml:Issuer>{issuer}</saml:Issuer><samlp:Status>'
        f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status></samlp:Response>'
    )
    root = etree.fromstring(text)
    for one in assertions:
        root.append(one)
    return root


def encoded(tree):
    return base64.b64encode(etree.tostring(tree)).decode()


def signature_of(node):
    return node.find(f"{{{DS}}}Signature")


def without_signature(node):
    node = copy.deepcopy(node)
    node.remove(signature_of(node))
    return node


def forged(node):
    """The same for somebody else, under another ID."""
    node = copy.deepcopy(node)
    name = next(node.iter(f"{{{SAML}}}NameID"))
    name.text = "admin@login.example"
    for one in [node, *node.iter(f"{{{SAML}}}Assertion")]:
        if one.get("ID"):
            one.set("ID", one.get("ID") + "-evil")
    return node


def object_with(node):
    holder = etree.Element(f"{{{DS}}}Object")
    holder.append(node)
    return holder


def wrappings(provider, now=NOW):
    """The eight known shapes of signature wrapping, as SAML Raider numbers them."""
    signed_response = provider.sign(response(assertion(now), now=now))
    signed = provider.sign(assertion(now))

    one = forged(without_signature(signed_response))
    signature = copy.deepcopy(signature_of(signed_response))
    signature.append(object_with(without_signature(signed_response)))
    one.insert(1, signature)
    yield "xsw1", one

    two = forged(without_signature(signed_response))
    two.insert(1, copy.deepcopy(signature_of(signed_response)))
    two.insert(1, without_signature(signed_response))
    yield "xsw2", two

    yield "xsw3", response(forged(without_signature(signed)), copy.deepcopy(signed), now=now)

    four = forged(without_signature(signed))
    four.append(copy.deepcopy(signed))
    yield "xsw4", response(four, now=now)

    five = forged(signed)
    yield "xsw5", response(five, without_signature(signed), now=now)

    six = forged(signed)
    signature_of(six).append(without_signature(signed))
    yield "xsw6", response(six, now=now)

    seven = response(copy.deepcopy(signed), now=now)
    extensions = etree.Element(f"{{{PROTOCOL}}}Extensions")
    extensions.append(forged(without_signature(signed)))
    seven.insert(1, extensions)
    yield "xsw7", seven

    eight = forged(signed)
    signature_of(eight).append(object_with(without_signature(signed)))
    yield "xsw8", response(eight, now=now)


def bad_texts(provider, now=NOW):
    """Texts that differ from a good response in one thing, by what that is."""
    good = response(provider.sign(assertion(now)), now=now)
    text = etree.tostring(good).decode()
    yield "a DTD", '<!DOCTYPE samlp:Response [<!ENTITY x "y">]>' + text
    yield "an external DTD", '<!DOCTYPE samlp:Response SYSTEM "http://127.0.0.1:1/x.dtd">' + text
    yield "a comment in the subject", text.replace("dana@login.example<", "dana@login.example<!-- -->.evil.example<")
    yield "a comment in the session's name", text.replace(">dana<", ">da<!-- -->na<")
    yield "CDATA in the subject", text.replace("dana@login.example<", "<![CDATA[dana@login.example]]><")
    yield "a processing instruction", text.replace("<saml:Subject>", "<saml:Subject><?x y?>")
    yield "another subject", text.replace("dana@", "admin@")
    yield "another role", text.replace("role/people", "role/admins")
    yield "no text", ""
    yield "no XML", "SAML"
    yield "a deep nesting", "<a>" * 200
    yield "an ID in a namespace", text.replace("<saml:Subject>", f'<saml:Subject xmlns:x="urn:x" x:ID="_assertion-1">')


def bad_trees(provider, stranger, now=NOW):
    """Responses that must be refused, by what is wrong with them."""
    sign = provider.sign
    unsigned = assertion(now)
    yield "unsigned", response(unsigned, now=now)
    twice = sign(assertion(now))
    twice.insert(1, copy.deepcopy(signature_of(twice)))
    yield "signed twice", response(twice, now=now)
    yield "two signed assertions", response(sign(assertion(now)), sign(assertion(now, id="_assertion-2")), now=now)
    yield "the same assertion twice", response(sign(assertion(now)), sign(assertion(now)), now=now)
    yield "signed by a stranger", response(stranger.sign(assertion(now)), now=now)
    yield "signed with SHA-1's kin", response(sign(assertion(now), digest=DigestAlgorithm.SHA224), now=now)
    yield "no assertion", sign(response(now=now))
    yield "a bare assertion", sign(assertion(now))
    yield "another issuer", response(sign(assertion(now, issuer="https://other.example")), now=now)
    yield "another issuer of the response", response(sign(assertion(now)), now=now, issuer="https://other.example")
    yield "another recipient", response(sign(assertion(now, recipient="https://other.example")), now=now)
    yield "another destination", response(sign(assertion(now)), now=now, destination="https://other.example")
    yield "another audience", response(sign(assertion(now, audience="urn:other")), now=now)
    yield "no audience", response(sign(assertion(now, audience="")), now=now)
    yield "an unknown condition", response(sign(assertion(now, conditions="<saml:Condition/>")), now=now)
    yield "not good yet", response(sign(assertion(now, begins=120)), now=now)
    yield "issued in the future", response(sign(assertion(now, issued=120)), now=now)
    yield "nobody was authenticated", response(sign(assertion(now, statement=False)), now=now)
    yield "another version", response(sign(assertion(now, version="1.1")), now=now)
    more = attribute(ATTRIBUTES + "RoleSessionName", "root")
    yield "an attribute twice", response(sign(assertion(now, more=more)), now=now)
    altered = response(sign(assertion(now)), now=now)
    signature = next(altered.iter(f"{{{DS}}}SignatureValue"))
    signature.text = base64.b64encode(b"\1" * 256).decode()
    yield "another signature value", altered
    whole = response(sign(assertion(now)), now=now)
    next(whole.iter(f"{{{DS}}}Reference")).set("URI", "")
    yield "a reference to the whole document", whole


def expired(provider, now=NOW):
    yield "the conditions are over", response(provider.sign(assertion(now, ends=-60)), now=now)
    yield "the confirmation is over", response(provider.sign(assertion(now, confirmed=-60)), now=now)
    yield "issued six minutes ago", response(provider.sign(assertion(now, issued=-360, begins=-400)), now=now)


def good(provider, now=NOW):
    yield "the assertion is signed", response(provider.sign(assertion(now, id="_good-1")), now=now)
    yield "the response is signed", provider.sign(response(assertion(now, id="_good-2"), now=now))
    yield "both are signed", provider.sign(response(provider.sign(assertion(now, id="_good-3")), now=now))
    if isinstance(provider.key, rsa.RSAPrivateKey):
        yield "signed by xmlsec1", provider.sign_with_xmlsec(response(assertion(now, id="_good-4"), now=now))
        pss = assertion(now, id="_good-5")
        signed = provider.sign(pss, method=SignatureMethod.SHA256_RSA_MGF1)
        yield "signed by RSA-PSS", response(signed, now=now)
        wide = provider.sign(
            assertion(now, id="_good-6"), method=SignatureMethod.RSA_SHA512, digest=DigestAlgorithm.SHA512
        )
        yield "signed with SHA-512", response(wide, now=now)


def main(folder):
    login, elliptic, stranger = Provider(), Provider(ec.generate_private_key(ec.SECP256R1())), Provider()

    def put(name, text):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)

    def tree(kind, name, root):
        put(f"{kind} {name}.xml".replace(" ", "-").replace("'", ""), etree.tostring(root).decode())

    put("metadata.xml", login.metadata(elliptic))
    for name, root in good(login):
        tree("good", name, root)
    for name, root in good(elliptic):
        tree("good", name + " by ECDSA", root)
    for name, root in bad_trees(login, stranger):
        tree("bad", name, root)
    for name, root in wrappings(login):
        tree("bad", name, root)
    for name, text in bad_texts(login):
        put(f"bad {name}.xml".replace(" ", "-").replace("'", ""), text)
    for name, root in expired(login):
        tree("expired", name, root)
    tree("rejected", "a failure", response(login.sign(assertion()), status="Responder"))


if __name__ == "__main__":
    main(sys.argv[1])
