"""A row at the desk has one page, however its id is written, and a list is asked by its filters alone (T16, T17)."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import URLPattern, resolve, reverse

from access.admin_base import DeskAdmin, OwnPages
from access.models import Account
from erasure.models import EvidencePack, RightsRequest
from erasure.services import packs
from tests.erasure.people import file

DESKS = [each for model, each in admin.site._registry.items() if model is not Group]  # Django's, of superusers alone


def own_page(desk: Any) -> URLPattern | None:
    """The pattern before Django's that leads to the page of one row."""
    name = f"{desk.opts.app_label}_{desk.opts.model_name}_change"
    found = [each for each in desk.get_urls() if each.name == name]
    return found[0] if len(found) > 1 else None


def test_desks_with_pages_of_their_own_shut_djangos() -> None:
    own = {type(desk).__name__ for desk in DESKS if own_page(desk) is not None}
    assert own == {type(desk).__name__ for desk in DESKS if isinstance(desk, OwnPages)}
    assert {"RequestAdmin", "EvidencePackAdmin", "PlaceTaskAdmin", "CheckedTextAdmin", "AccessQuestionAdmin"} == own


def spellings(row_id: Any) -> list[str]:
    return [str(row_id).upper(), row_id.hex, f"{{{row_id}}}", f"urn:uuid:{row_id}"]


@pytest.mark.django_db
def test_another_spelling_of_an_id_opens_no_form_of_all_columns(
    alice: Any, bob: Any, catalogue: None, rita: Any, quentin: Any, olga: Any
) -> None:
    row = file(alice.subject, "access")
    page = reverse("admin:erasure_rightsrequest_changelist")
    given = {"subject": str(bob.subject.pk), "state": "completed", "right": "access", "verified_by": "account"}
    for who in (rita, quentin, olga):
        browser = who.browser()
        assert browser.get(f"{page}{row.id}/change/").status_code == 200
        for each in spellings(row.id):
            assert browser.get(f"{page}{each}/change/").status_code == 404, (who.name, each)
            assert browser.post(f"{page}{each}/change/", given).status_code == 404, (who.name, each)
    again = RightsRequest.objects.get(pk=row.id)
    assert (again.subject_id, again.state) == (row.subject_id, row.state)


@pytest.mark.django_db
def test_nobody_agrees_for_somebody_else_in_a_form(alice: Any, catalogue: None, rita: Any, olga: Any) -> None:
    pack = packs.ask_about_person(pseudonym=alice.subject.pseudonym, reason="authority", by=rita.account)
    page, given = f"/admin/erasure/evidencepack/{pack.id.hex}/change/", {"agreed_by": str(olga.account.pk)}
    assert rita.browser().post(page, given | {"reason": "authority"}).status_code == 404
    assert EvidencePack.objects.get(pk=pack.pk).agreed_by_id is None


@pytest.mark.django_db
def test_a_digest_is_not_read_letter_by_letter(rita: Any, olga: Any) -> None:
    page, digest = reverse("admin:access_account_changelist"), rita.account.password
    browser = olga.browser()
    assert browser.get(page, {"is_staff__exact": "1"}).status_code == 200
    for lookup in ("password__startswith", "password", "password__regex", "email_index", "pk__in", "id"):
        assert browser.get(page, {lookup: digest[:9]}).status_code == 400, lookup


@pytest.mark.parametrize("desk", DESKS, ids=lambda desk: type(desk).__name__)
def test_a_list_is_asked_by_its_filters_alone(desk: Any) -> None:
    assert isinstance(desk, DeskAdmin)
    offered = {
        each[0] if isinstance(each, tuple) else getattr(each, "parameter_name", each) for each in desk.list_filter
    }
    for field in desk.model._meta.get_fields():
        allowed = desk.lookup_allowed(field.name, "x", None)
        assert allowed == (field.name in offered), field.name
        for lookup in ("startswith", "contains", "regex", "password", "user__password__startswith"):
            assert not desk.lookup_allowed(f"{field.name}__{lookup}", "x", None), field.name


def test_djangos_own_desk_would_answer() -> None:
    """The same of a desk without the defence."""
    plain = admin.ModelAdmin(Account, admin.site)
    assert plain.lookup_allowed("password__startswith", "x", None)
    found = resolve("/admin/erasure/rightsrequest/ABCDEFAB-ABCD-ABCD-ABCD-ABCDEFABCDEF/change/")
    assert found.url_name == "erasure_rightsrequest_change" and "object_id" in found.kwargs
