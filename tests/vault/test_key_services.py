"""The keyring wrapped by HashiCorp Vault's transit engine or AWS KMS: opened by their leave, else sealed (F26)."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from gdpr_portal import breakers
from tests.vault.conftest import forget
from tests.vault.fake_services import ACCESS, REGION, SECRET, TOKEN, Fake, FakeKms, FakeTransit, serving, signed
from vault import aws_kms, keyfiles, keyring, providers, rotation, services, transit, wrapping
from vault.providers import Sealed

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[FakeTransit, FakeKms], ids=lambda kind: kind.name)
def fake(request: Any, settings: Any, tmp_path: Any, monkeypatch: Any) -> Iterator[Fake]:
    """A key service that runs, and settings under which the service uses it."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(transit, "PAUSE_SECONDS", 0.01)
    for module in (transit, aws_kms):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.5)
    with serving(request.param()) as made:
        settings.VAULT_KEY_PROVIDER, settings.VAULT_SERVICE_KEY = made.name, made.key
        settings.VAULT_TRANSIT_ADDRESS = settings.VAULT_KMS_ENDPOINT = made.address
        settings.VAULT_TRANSIT_TOKEN_FILE, settings.VAULT_KMS_REGION = token, REGION
        forget()
        yield made


@pytest.fixture
def wrapped(fake: Fake, key_file: Any) -> Fake:
    """The key file of the test, wrapped by `keys wrap`."""
    call_command("keys", "wrap")
    forget()
    fake.asked.clear()
    return fake


def reason() -> str:
    with pytest.raises(Sealed) as sealed:
        providers.keyring(fresh=True)
    assert sealed.value.status == 503
    return sealed.value.reason


def test_a_wrapped_file_shows_no_key_and_opens(fake, key_file, settings, owner, place):
    plain = key_file.read_bytes()
    settings.VAULT_KEY_PROVIDER = "file"
    sealed = services.create_data_key(owner).seal(place, b"x")
    settings.VAULT_KEY_PROVIDER = fake.name
    forget()
    assert "not a wrapped keyring" in reason()  # a plain file does not pass where a service should be asked

    call_command("keys", "wrap")
    forget()

    document = key_file.read_bytes()
    texts = [text for kind in json.loads(plain)["keys"].values() for text in kind["versions"].values()]
    assert len(texts) == len(keyring.KINDS)
    assert not any(text.encode() in document or base64.urlsafe_b64decode(text + "=") in document for text in texts)
    assert key_file.stat().st_mode & 0o777 == 0o400
    assert services.subject_key(owner).open(place, sealed) == b"x"
    assert not any(text.encode() in each["body"] for each in fake.asked for text in texts)  # nor does the service see

    settings.VAULT_KEY_PROVIDER = "file"
    forget()
    assert "the key file is wrapped" in reason()


def test_init_makes_a_wrapped_file_at_once(fake, settings, tmp_path):
    settings.VAULT_KEY_FILE = tmp_path / "fresh" / "vault.json"
    forget()

    call_command("keys", "init")

    assert wrapping.is_wrapped(settings.VAULT_KEY_FILE.read_bytes())
    assert services.status().unsealed


def test_unwrapping_gives_the_same_keys(wrapped, key_file, settings):
    before = providers.keyring().key("master")
    call_command("keys", "unwrap")
    settings.VAULT_KEY_PROVIDER = "file"
    forget()

    assert providers.keyring().key("master") == before
    with pytest.raises(CommandError, match="no service"):
        call_command("keys", "wrap")


def test_the_service_is_asked_once_and_not_for_every_call(wrapped):
    for _ in range(50):
        providers.keyring(fresh=True)

    assert len(wrapped.asked) == 1


@pytest.mark.parametrize("order", range(6))
def test_a_refusal_seals_at_once(wrapped, order):
    refusals = wrapped.REFUSED
    wrapped.orders = [refusals[order % len(refusals)]]

    assert "refuses its key" in reason()
    assert len(wrapped.asked) == 1
    assert not services.status().unsealed


@pytest.mark.parametrize("order", range(4))
def test_overload_is_waited_out_and_seals_when_it_lasts(wrapped, order):
    wrapped.orders = [wrapped.OVERLOADED[order]] * 2
    assert providers.keyring(fresh=True)
    assert len(wrapped.asked) == 3

    forget()
    wrapped.orders = [wrapped.OVERLOADED[order]] * 3
    assert "does not answer" in (said := reason()) or "overloaded" in said
    assert len(wrapped.asked) == 6


def test_a_service_that_is_late_or_not_there_seals(wrapped, monkeypatch):
    for module in (transit, aws_kms):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.1)
        monkeypatch.setattr(module, "TRIES", 1)
    wrapped.delay = 60.0
    began = time.monotonic()
    assert "does not answer" in reason()
    assert time.monotonic() - began < 50.0

    forget()
    wrapped.stop()
    assert "does not answer" in reason()


def test_a_sealed_service_refuses_at_once_and_opens_by_itself(wrapped, monkeypatch, owner):
    wrapped.orders = [wrapped.REFUSED[0]]
    assert "refuses" in reason()
    monkeypatch.setattr(providers, "RETRY_SECONDS", 600.0)
    for _ in range(20):
        assert "refuses" in reason()
    assert len(wrapped.asked) == 1  # nobody waits for the service

    wrapped.delay = 0.3
    monkeypatch.setattr(providers, "RETRY_SECONDS", 0.0)
    assert eventually(lambda: services.status().unsealed)
    services.create_data_key(owner)


def test_a_running_service_seals_itself_when_its_key_is_taken_away_and_not_when_nobody_answers(wrapped, monkeypatch):
    monkeypatch.setattr(providers, "CONFIRM_SECONDS", 0.0)
    assert services.status().unsealed
    wrapped.orders = [wrapped.OVERLOADED[1]] * 3
    for _ in range(10):
        assert services.status().unsealed
        time.sleep(0.02)

    wrapped.oldest = 2  # the version that wrapped the keyring is not to be used any more
    assert eventually(lambda: not services.status().unsealed)
    assert "refuses" in services.status().reason

    wrapped.oldest = 1
    monkeypatch.setattr(providers, "RETRY_SECONDS", 0.0)
    assert eventually(lambda: services.status().unsealed)


def test_a_key_service_that_stays_silent_is_left_alone(wrapped, monkeypatch):
    monkeypatch.setattr(providers, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(breakers, "FAILURES", 2)
    wrapped.orders = [wrapped.OVERLOADED[0]] * 100
    assert eventually(lambda: reason() and breakers.left_seconds("keys", wrapped.name) > 0)
    asked = len(wrapped.asked)
    for _ in range(20):
        assert reason()
    assert len(wrapped.asked) == asked


def eventually(holds: Any) -> bool:
    for _ in range(3000):
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_the_services_key_rotates_and_the_file_is_wrapped_anew(wrapped, key_file):
    old = key_file.read_bytes()
    wrapped.rotate()
    assert providers.keyring(fresh=True).current("master") == 1

    call_command("keys", "wrap")
    wrapped.oldest = 2
    forget()

    assert providers.keyring(fresh=True).current("master") == 1
    key_file.chmod(0o600)
    key_file.write_bytes(old)
    assert "refuses" in reason()


def test_our_keys_rotate_and_retire_in_a_wrapped_file(wrapped, key_file, owner, place):
    sealed = services.create_data_key(owner).seal(place, b"x")
    assert list(rotation.rotate("master"))[-1] >= 1
    rotation.retire("master", 1)
    keyfiles.rotate_checkpoint_key(
        key_file=key_file, audit_file=key_file.parents[1] / "audit-key" / "audit.json", service=providers.key_service()
    )
    forget()

    assert wrapping.is_wrapped(key_file.read_bytes())
    assert providers.keyring().versions("master") == [2]
    assert services.subject_key(owner).open(place, sealed) == b"x"


def test_what_was_changed_or_exchanged_in_the_file_does_not_open(wrapped, key_file, settings):
    document = json.loads(key_file.read_bytes())
    other = json.loads(wrapping.sealed_document(keyring.generate(audit_public=None), providers.key_service()))
    attempts = [
        {"wrapped": other["wrapped"]}, {"keyring": other["keyring"]}, {"by": "else"}, {"key": "else"},
        {"format": "wrapped/2"}, {"keyring": ""}, {"wrapped": "!"}, {"wrapped": None}, {"keyring": "AAAA"},
    ]  # fmt: skip
    for changed in attempts:
        key_file.chmod(0o600)
        key_file.write_text(json.dumps(document | changed))
        key_file.chmod(0o400)
        forget()
        assert "damaged" in (said := reason()) or "refuses" in said, changed
    settings.VAULT_SERVICE_KEY = "another-key"
    key_file.chmod(0o600)
    key_file.write_text(json.dumps(document | {"key": "another-key"}))
    key_file.chmod(0o400)
    forget()
    assert "refuses" in reason()


def test_wrong_credentials_are_refused(wrapped, settings, monkeypatch):
    settings.VAULT_TRANSIT_TOKEN_FILE.write_text("hvs.another")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert "refuses" in reason()

    forget()
    settings.VAULT_TRANSIT_TOKEN_FILE.unlink()
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "token file" in (said := reason()) or "credentials" in said


def test_an_extra_that_is_not_installed_is_named(wrapped, monkeypatch):
    import sys

    for name in ("hvac", "botocore.config", "botocore"):
        monkeypatch.setitem(sys.modules, name, None)

    assert "is not installed" in reason()


def test_the_fakes_signature_check_knows_amazons_published_example():
    # AWS Signature Version 4 test suite, get-vanilla.
    signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    headers = {
        "Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}",
    }  # fmt: skip
    assert signed("GET", "/", headers, b"", region="us-east-1", service="service")
    assert not signed("GET", "/", headers, b"x", region="us-east-1", service="service")
    assert not signed("GET", "/", headers, b"", region=REGION, service="service")
