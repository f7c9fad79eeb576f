"""A restored backup never brings an erased person back (security.md I11, F23)."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from access.models import Account
from audit import actors
from consent.services.data import store_data
from erasure.services import requests
from subjects.models import Identifier, PersonalValue, Subject
from tests.erasure.people import sweep_all
from vault import ledger
from vault.models import DataKey, Tombstone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_the_fence_is_up_until_the_erasure_is_replayed(alice: Any, bob: Any, shop: Any) -> None:
    for person in (alice, bob):
        store_data(
            application=shop, subject=person.subject, purpose="orders", values={"given_name": "X"}, source="subject"
        )
    backup = snapshot(alice)
    requests.file_request(
        subject=alice.subject, right="erasure", details={}, verified_by="account", actor=actors.SUBJECT
    )
    sweep_all()
    assert not DataKey.objects.filter(owner=alice.subject.id).exists()
    restore(backup)
    assert DataKey.objects.filter(owner=alice.subject.id).exists()
    assert not ledger.replayed()
    with pytest.raises(CommandError, match="fence is up"):
        call_command("restore_fence", "--check")
    call_command("restore_fence")
    call_command("restore_fence", "--check")
    assert not DataKey.objects.filter(owner__in=[alice.subject.id, alice.account.id]).exists()
    assert not PersonalValue.objects.filter(subject=alice.subject).exists()
    assert not Identifier.objects.filter(subject=alice.subject).exists()
    assert not Account.objects.filter(pk=alice.account.id).exists()
    assert PersonalValue.objects.filter(subject=bob.subject).exists()


def snapshot(person: Any) -> list[Any]:
    """The rows of the person that an old backup would hold."""
    subject = Subject.objects.get(pk=person.subject.pk)
    rows: list[Any] = [Account.objects.get(pk=person.account.pk), subject]
    rows += list(DataKey.objects.filter(owner__in=[subject.id, person.account.pk]))
    rows += list(Identifier.objects.filter(subject=subject)) + list(PersonalValue.objects.filter(subject=subject))
    return rows


def restore(rows: list[Any]) -> None:
    """The database is as it was: the rows are back, and it does not know of the erasure."""
    Tombstone.objects.all().delete()
    for row in rows:
        row.save()
