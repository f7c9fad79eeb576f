"""JWS: only our keys, only EdDSA, only this payload."""

import base64
import json

import pytest

from gdpr_portal.errors import Invalid
from vault import keyfiles, providers, signing
from vault.signing import b64url, compact, jwks, sign_jws, thumbprint, verify_jws

from .conftest import forget

PAYLOAD = b'{"receipt":"41"}'


def header_of(token: str) -> dict:
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))


def refused(token: str, *args, **options) -> None:
    with pytest.raises(Invalid) as error:
        verify_jws(token, *args, **options)
    assert (error.value.code, str(error.value)) == ("bad_signature", "bad_signature: The signature does not verify.")


def test_a_signature_verifies_by_the_published_key():
    token = sign_jws(PAYLOAD, typ="receipt+jwt")

    [published] = jwks()["keys"]
    assert header_of(token) == {"alg": "EdDSA", "kid": published["kid"], "typ": "receipt+jwt"}
    assert verify_jws(token) == verify_jws(token, typ="receipt+jwt") == PAYLOAD
    assert set(published) == {"kty", "crv", "x", "use", "alg", "kid"}
    public = base64.urlsafe_b64decode(published["x"] + "=")
    assert thumbprint(public) == published["kid"]
    refused(token, typ="archive")


def test_another_library_verifies_it_too():
    jwt = pytest.importorskip("jwt")
    token = sign_jws(PAYLOAD, typ="receipt+jwt")
    key = jwt.PyJWK(jwks()["keys"][0])

    assert jwt.PyJWS().decode(token, key, algorithms=["EdDSA"]) == PAYLOAD
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.PyJWS().decode(token[:-8] + "AAAAAAAA", key, algorithms=["EdDSA"])


def test_a_detached_signature_needs_its_payload():
    token = sign_jws(PAYLOAD, typ="manifest", detached=True)

    assert token.split(".")[1] == ""
    assert verify_jws(token, PAYLOAD) == PAYLOAD
    refused(token)
    refused(token, PAYLOAD + b" ")
    refused(sign_jws(PAYLOAD, typ="manifest"), PAYLOAD)


def forged(header: dict, *, seed: bytes | None = None, signature: str | None = None) -> str:
    seed = seed or providers.keyring().key("receipts")
    token = compact(seed, json.dumps(header).encode(), PAYLOAD)
    return token if signature is None else token.rsplit(".", 1)[0] + "." + signature


def test_whatever_the_header_proposes_instead_is_refused():
    kid = jwks()["keys"][0]["kid"]
    good = {"alg": "EdDSA", "kid": kid, "typ": "x"}
    mine = bytes(range(32))
    own_key = {"kty": "OKP", "crv": "Ed25519", "x": b64url(signing.public_of(mine))}
    assert verify_jws(forged(good)) == PAYLOAD

    for token in (
        forged(good | {"alg": "none"}, signature=""),
        forged(good | {"alg": "none"}),
        forged(good | {"alg": "HS256"}),
        forged(good | {"alg": "eddsa"}),
        forged({"kid": kid}),
        forged(good, seed=mine),
        forged(good | {"kid": thumbprint(signing.public_of(mine))}, seed=mine),
        forged(good | {"jwk": own_key}, seed=mine),
        forged({"alg": "EdDSA", "jwk": own_key}, seed=mine),
        forged(good | {"crit": ["b64"], "b64": False}),
        forged(good, signature=""),
        forged(good, signature="AA"),
        forged(good) + "=",
        forged(good) + ".",
        "." + forged(good),
        "",
        "..",
        "a.b.c",
        b64url(b"[]") + "." + b64url(PAYLOAD) + ".AA",
    ):
        refused(token)


def test_a_changed_payload_or_signature_is_refused():
    token = sign_jws(PAYLOAD, typ="x")
    head, body, signature = token.split(".")

    refused(f"{head}.{b64url(PAYLOAD.replace(b'41', b'42'))}.{signature}")
    for at in range(0, len(signature), 7):
        other = "A" if signature[at] != "A" else "B"
        refused(f"{head}.{body}.{signature[:at]}{other}{signature[at + 1 :]}")


def test_the_last_character_has_one_spelling_only():
    """Base64 leaves unused bits at the end: 86 characters for 64 bytes have 4 of them."""
    token = sign_jws(PAYLOAD, typ="x")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spelled = [token[:-1] + letter for letter in alphabet if letter != token[-1]]

    for other in spelled:
        refused(other)


def test_after_rotation_and_retirement_old_signatures_still_verify(key_file):
    old = sign_jws(PAYLOAD, typ="x")
    keyfiles.change(key_file, lambda ring: ring.with_version("receipts"))
    forget()
    new = sign_jws(PAYLOAD, typ="x")
    both = [key["kid"] for key in jwks()["keys"]]
    assert both == [header_of(new)["kid"], header_of(old)["kid"]]

    public = signing.public_of(providers.keyring().key("receipts", 1))
    keyfiles.change(key_file, lambda ring: ring.without_version("receipts", 1, public=public))
    forget()

    assert [key["kid"] for key in jwks()["keys"]] == both
    assert verify_jws(old) == verify_jws(new) == PAYLOAD


# RFC 8037, appendix A: the key, its JWK's `x`, its RFC 7638 thumbprint.
RFC_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC_X, RFC_KID = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_key_of_the_rfc_has_its_published_name():
    public = signing.public_of(RFC_SEED)
    assert (b64url(public), thumbprint(public)) == (RFC_X, RFC_KID)
    assert signing.public_of_jwk(RFC_X) == public


@pytest.mark.parametrize(
    "x", ["", RFC_X[:-2], RFC_X + "AA", RFC_X + "=", RFC_X + "==", "!" + RFC_X[1:], RFC_X[:-1] + "p"]
)
def test_an_x_that_is_no_public_key_is_refused(x):
    with pytest.raises(Invalid, match="bad_signature"):
        signing.public_of_jwk(x)


def test_a_key_of_somebody_else_verifies_what_they_signed_and_nothing_else():
    public, good = signing.public_of(RFC_SEED), {"alg": "EdDSA", "kid": RFC_KID, "typ": "ack"}
    token = forged(good, seed=RFC_SEED)
    assert signing.verify_outside_jws(token, public, typ="ack") == PAYLOAD
    head, body, signature = token.split(".")
    for other, typ in (
        (token, "receipt"),
        (forged(good | {"alg": "none"}, seed=RFC_SEED), "ack"),
        (forged(good | {"kid": "x"}, seed=RFC_SEED), "ack"),
        (forged(good | {"crit": []}, seed=RFC_SEED), "ack"),
        (forged({"alg": "EdDSA", "kid": RFC_KID}, seed=RFC_SEED), "ack"),
        (forged(good), "ack"),
        (f"{head}.{b64url(b'other')}.{signature}", "ack"),
        (f"{head}.{body}.{b64url(bytes(64))}", "ack"),
        (b64url(b"[1]") + f".{body}.{signature}", "ack"),
        (b64url(b"{") + f".{body}.{signature}", "ack"),
    ):
        with pytest.raises(Invalid, match="bad_signature"):
            signing.verify_outside_jws(other, public, typ=typ)


def test_what_is_published_says_what_the_key_is_for():
    [published] = jwks()["keys"]
    assert {name: published[name] for name in ("kty", "crv", "use", "alg")} == {
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
    }  # fmt: skip


def test_padding_is_no_part_of_the_alphabet_and_is_never_written():
    assert [b64url(bytes(length)) for length in range(4)] == ["", "AA", "AAA", "AAAA"]
    assert b64url(b"\xfb\xff") == "-_8"


@pytest.mark.parametrize("head", [b"[]", b"7", b'"x"', b"null"])
def test_a_header_that_is_no_object_is_refused(head):
    refused(f"{b64url(head)}.{b64url(PAYLOAD)}.{b64url(bytes(64))}")
