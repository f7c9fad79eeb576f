"""Keys and a ledger of their own for every test of the vault, and nothing left in the process afterwards."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from audit import signing as audit_signing
from vault import checks, keyfiles, providers, services
from vault.envelope import Place, SubjectKey, new_data_key

ORIGIN = "test.example/audit"


@pytest.fixture(autouse=True)
def key_file(tmp_path: Path, settings) -> Iterator[Path]:
    settings.VAULT_KEY_FILE = tmp_path / "keys" / "vault.json"
    settings.AUDIT_SIGNING_KEY_FILE = tmp_path / "audit-key" / "audit.json"
    settings.SHRED_LEDGER_FILE = tmp_path / "ledger" / "shred.jsonl"
    settings.AUDIT_LOG_ORIGIN = ORIGIN
    known = list(audit_signing._vkeys), list(audit_signing._signers)
    keyfiles.initialise(key_file=settings.VAULT_KEY_FILE, audit_file=settings.AUDIT_SIGNING_KEY_FILE, origin=ORIGIN)
    forget()
    yield settings.VAULT_KEY_FILE
    forget()
    audit_signing._vkeys[:], audit_signing._signers[:] = known


def forget() -> None:
    """This process is as one that has just started."""
    providers.forget()
    checks.forget()
    services._Told.reason = ""


@pytest.fixture
def owner() -> UUID:
    return uuid4()


@pytest.fixture
def key(owner: UUID) -> SubjectKey:
    return SubjectKey(owner, new_data_key())


@pytest.fixture
def place() -> Place:
    return Place("subjects_field", "value", "41")
