"""`manage.py rebuild_standing --check` reports what differs from the events and writes nothing; without it it mends."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consent.models import Standing
from consent.services.standing import state_of
from tests.consent.people import answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def check() -> str:
    out = StringIO()
    call_command("rebuild_standing", "--check", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("damage", ["changed", "missing", "invented"])
def test_a_planted_difference_is_told_and_left_alone_then_mended(alice: Any, bob: Any, damage: str) -> None:
    answer(alice.subject, "give")
    answer(bob.subject, "refuse")
    assert "every standing row is what the events derive" in check()
    rows = Standing.objects.filter(subject=bob.subject)
    if damage == "changed":
        rows.update(state="given")
    elif damage == "missing":
        rows.delete()
    else:
        row = rows.get()
        row.pk, row.purpose = None, "health_programme"
        row.save()
    before = list(Standing.objects.order_by("pk").values())
    out = StringIO()
    with pytest.raises(CommandError) as found:
        call_command("rebuild_standing", "--check", stdout=out)
    assert found.value.returncode == 1
    assert str(bob.subject.pseudonym) in out.getvalue() and str(alice.subject.pseudonym) not in out.getvalue()
    assert list(Standing.objects.order_by("pk").values()) == before, "a check wrote"

    call_command("rebuild_standing", stdout=StringIO())
    assert "every standing row" in check()
    assert (state_of(bob.subject, "newsletter"), state_of(alice.subject, "newsletter")) == ("refused", "given")
    assert state_of(bob.subject, "health_programme") == "never_asked"
