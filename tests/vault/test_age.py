"""age files are opened by an independent implementation (pyrage), and recipients are read as BIP 173 has them."""

import os
from collections.abc import Iterable

import pyrage
import pytest

from vault import age
from vault.age import Lock, lock_by_passphrase, lock_for_recipient

SIZES = (0, 1, 65_535, 65_536, 65_537, 200_000)


def whole(lock: Lock, data: bytes) -> bytes:
    pieces: Iterable[bytes] = (data[at : at + 10_007] for at in range(0, len(data), 10_007))
    return b"".join(lock.encrypted(pieces))


@pytest.mark.parametrize("size", SIZES)
def test_another_implementation_opens_it_with_the_identity(size: int) -> None:
    identity, data = pyrage.x25519.Identity.generate(), os.urandom(size)
    lock = lock_for_recipient(str(identity.to_public()))
    sealed = whole(lock, data)
    assert pyrage.decrypt(sealed, [identity]) == data and len(sealed) == lock.size_of(size)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])


@pytest.mark.parametrize("size", (0, 70_000))
def test_another_implementation_opens_it_with_the_passphrase(size: int) -> None:
    data = os.urandom(size)
    lock = lock_by_passphrase("korrekt \u00fcber batterie")
    sealed = whole(lock, data)
    assert pyrage.passphrase.decrypt(sealed, "korrekt \u00fcber batterie") == data and len(sealed) == lock.size_of(size)
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(sealed, "korrekt uber batterie")


def test_what_was_cut_off_does_not_open() -> None:
    identity = pyrage.x25519.Identity.generate()
    sealed = whole(lock_for_recipient(str(identity.to_public())), os.urandom(3 * 65_536))
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed[: -(65_536 + 16)], [identity])


def test_capitals_are_the_same_recipient() -> None:
    identity = pyrage.x25519.Identity.generate()
    sealed = whole(lock_for_recipient(f"  {str(identity.to_public()).upper()} "), b"all")
    assert pyrage.decrypt(sealed, [identity]) == b"all"


@pytest.mark.parametrize(
    "text", ["", "age1", "age1" + "q" * 58, "AGE-SECRET-KEY-1QQQQ", "ssh-ed25519 AAAA", "age2" + "q" * 58]
)
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="recipient"):
        lock_for_recipient(text)


def test_a_mistyped_recipient_is_refused() -> None:
    good = str(pyrage.x25519.Identity.generate().to_public())
    for at in range(4, len(good)):
        wrong = good[:at] + ("q" if good[at] != "q" else "p") + good[at + 1 :]
        with pytest.raises(ValueError, match="recipient"):
            lock_for_recipient(wrong)


def test_a_lock_shows_no_key() -> None:
    lock = lock_by_passphrase("korrekt batterie")
    assert repr(lock.file_key) not in repr(lock) and "file_key" not in repr(lock)


def test_a_passphrase_costs_as_much_as_is_asked() -> None:
    """OWASP ASVS 11.4.4 and its appendix: scrypt with N of 2^17 or more, r = 8, p = 1."""
    stanza = age.lock_by_passphrase("five calm words of mine").header.split(b"\n")[1]
    assert stanza.startswith(b"-> scrypt ") and int(stanza.split()[-1]) >= 17
