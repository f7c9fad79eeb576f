"""Who signs and who is trusted in this process: the last one registered."""

import pytest

from audit import note, signing
from audit.standalone_verifier import ed25519_verify
from gdpr_portal.errors import Unavailable
from tests.audit.tools import NAME, PUBLIC, sign

OTHER = bytes(range(32))


def test_the_key_of_the_tests_is_registered_and_signs(key: str) -> None:
    assert signing.vkeys() == [key] == [note.encode_vkey(NAME, PUBLIC)]
    signer = signing.signer()
    assert (signer.name, signer.vkey, signer.sign) == (NAME, key, sign)


def test_a_key_registered_again_is_the_last_and_not_there_twice(key: str) -> None:
    signing.register_public_key(NAME, OTHER)
    assert signing.vkeys() == [key, note.encode_vkey(NAME, OTHER)]
    signing.register_public_key(NAME, PUBLIC)
    assert signing.vkeys() == [note.encode_vkey(NAME, OTHER), key]
    signing.vkeys().clear()
    assert len(signing.vkeys()) == 2, "a copy was given"


def test_the_signer_registered_last_signs(key: str) -> None:
    signing.register_signer("another", lambda message: b"x", OTHER)
    assert (signing.signer().name, signing.signer().sign(b"")) == ("another", b"x")
    assert signing.vkeys()[-1] == signing.signer().vkey == note.encode_vkey("another", OTHER)


def test_nobody_signs_where_nothing_is_registered(key: str) -> None:
    signing.register_verify(lambda *anything: True)
    signing.register_verify(lambda *anything: False)
    assert not signing.verify()(b"", b"", b"")
    signing.forget()
    assert signing.vkeys() == [] and signing.verify() is ed25519_verify
    with pytest.raises(Unavailable) as refused:
        signing.signer()
    assert refused.value.code == "no_signer"
