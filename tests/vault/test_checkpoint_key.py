"""The audit log's signature: the sequencer's process signs, every other one knows the public key alone."""

import pytest

from audit import note
from audit import signing as audit_signing
from gdpr_portal.errors import Unavailable
from vault import checkpoint_key, keyfiles, providers, signing


@pytest.fixture(autouse=True)
def nothing_registered(key_file):
    audit_signing.forget()


def test_the_web_process_announces_the_key_without_reading_it(settings, key_file):
    settings.AUDIT_SIGNING_KEY_FILE.unlink()

    checkpoint_key.register(signs=False)

    assert audit_signing.verify() is signing.verifies, "not the slow one of the floor below"
    [vkey] = audit_signing.vkeys()
    assert [vkey] == keyfiles.read_vkeys(key_file)
    assert note.decode_vkey(vkey).public_key == providers.keyring().audit_public
    with pytest.raises(Unavailable):
        audit_signing.signer()


def test_only_the_sequencers_role_registers_a_signer(settings):
    settings.DATABASE_ROLE = "app"
    checkpoint_key.register()
    with pytest.raises(Unavailable):
        audit_signing.signer()

    settings.DATABASE_ROLE = "sequencer"
    checkpoint_key.register()

    signer = audit_signing.signer()
    public = note.decode_vkey(signer.vkey).public_key
    assert signing.verifies(public, b"checkpoint", signer.sign(b"checkpoint"))


def test_the_keyring_tells_the_public_key_where_no_file_lies_beside_it(key_file):
    key_file.with_name(keyfiles.VKEY_NAME).unlink()

    checkpoint_key.register(signs=False)

    assert len(audit_signing.vkeys()) == 1


def test_before_init_nothing_is_known_and_nothing_breaks(settings, tmp_path, caplog):
    settings.VAULT_KEY_FILE = tmp_path / "none" / "vault.json"
    settings.AUDIT_SIGNING_KEY_FILE = tmp_path / "none" / "audit.json"

    checkpoint_key.register(signs=True)

    assert audit_signing.vkeys() == []
    assert "checkpoint key cannot be used" in caplog.text


def test_after_rotation_both_keys_are_trusted_and_the_new_one_signs(settings, key_file):
    old = keyfiles.read_checkpoint_key(settings.AUDIT_SIGNING_KEY_FILE)
    keyfiles.rotate_checkpoint_key(key_file=key_file, audit_file=settings.AUDIT_SIGNING_KEY_FILE)

    checkpoint_key.register(signs=True)

    assert [note.decode_vkey(vkey).public_key == old.public for vkey in audit_signing.vkeys()] == [True, False]
    assert audit_signing.signer().vkey == audit_signing.vkeys()[-1]
    assert settings.AUDIT_SIGNING_KEY_FILE.stat().st_mode & 0o777 == 0o400


def test_the_vault_alone_imports_the_cryptography_library():
    from pathlib import Path

    root = Path(__file__).parents[2]
    apps = ["gdpr_portal", "access", "audit", "vault", "subjects", "consent", "erasure"]
    sources = [path for app in apps for path in (root / app).rglob("*.py")]
    importing = {path.relative_to(root).parts[0] for path in sources if "from cryptography" in path.read_text()}
    sealing = [path.name for path in sources if "AESGCM(" in path.read_text() and path.parent.name == "vault"]

    assert importing == {"vault"}
    assert sealing == ["aead.py"]
