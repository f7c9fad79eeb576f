"""Rotation reaches the columns of other apps: look-ups, sign-ins and secrets go on under the new version."""

from typing import Any

import pytest

from access.models import Account, PasskeyDevice, WebhookEndpoint
from access.services import passkeys
from access.services.accounts import account_by_email
from access.services.applications import set_endpoint, webhook_secrets
from subjects.models import Identifier
from subjects.selectors import find_subject
from tests.access.authenticator import Authenticator
from vault import rotation

pytestmark = pytest.mark.django_db


def versions(rows: Any, column: str) -> set[int]:
    return {bytes(value)[0] for value in rows.objects.values_list(column, flat=True)}


def test_people_and_accounts_are_found_after_the_index_key_changed(alice: Any, shop: Any) -> None:
    before = versions(Identifier, "index")
    assert before == versions(Account, "email_index")
    assert sum(rotation.rotate("index")) >= 0
    assert versions(Identifier, "index") == versions(Account, "email_index") == {max(before) + 1}
    assert find_subject(application=shop, kind="email", value=alice.email) == alice.subject
    assert account_by_email(alice.email) == alice.account
    rotation.retire("index", max(before))
    assert find_subject(application=shop, kind="customer_id", value="c-alice") == alice.subject


def test_passkeys_are_found_after_the_index_key_changed(alice: Any) -> None:
    authenticator = Authenticator()
    challenge = passkeys.new_challenge(ceremony=passkeys.REGISTER, where="here")
    options = passkeys.registration_options(alice.account, challenge)
    answer = passkeys.Answer(authenticator.create(options), (challenge,))
    device = passkeys.add_passkey(account=alice.account, answer=answer, label="mine")
    before = versions(PasskeyDevice, "credential_index")
    list(rotation.rotate("index"))
    assert versions(PasskeyDevice, "credential_index") == {max(before) + 1}
    rotation.retire("index", max(before))
    challenge = passkeys.new_challenge(ceremony=passkeys.SIGN_IN, where="here")
    answer = passkeys.Answer(authenticator.get({"challenge": challenge}), (challenge,))
    assert passkeys.prove_passkey(answer=answer, ceremony=passkeys.SIGN_IN) == device


def test_webhook_secrets_open_after_the_secrets_key_changed(shop: Any) -> None:
    secret = set_endpoint(application=shop, url="https://shop.example/notices")
    sealed = bytes(WebhookEndpoint.objects.get().secret_sealed)
    list(rotation.rotate("secrets"))
    assert bytes(WebhookEndpoint.objects.get().secret_sealed) != sealed
    assert webhook_secrets(shop) == [secret]


def test_a_version_in_use_is_not_retired(alice: Any) -> None:
    from gdpr_portal.errors import WrongState

    current = max(rotation.histogram("index"))
    rotation.add_version("index")
    with pytest.raises(WrongState):
        rotation.retire("index", current)
    list(rotation.rotate("index"))
