"""What the desks show has words of the reader's language: things, columns, and why a service refused."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import flatten
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field
from django.utils import translation

from gdpr_portal import admin_words
from gdpr_portal.errors import Invalid
from tests.browser.catalogue import ROOT, marked

FAMILY = {"Invalid", "Refused", "Missing", "WrongState", "Unavailable"}
AT_A_DESK = (
    "consent/admin", "consent/qa", "consent/services", "consent/review_states.py", "erasure/admin/desk.py",
    "erasure/services", "erasure/rights.py", "erasure/states.py", "audit/held.py",
)  # fmt: skip
FOR_PROGRAMS = {
    "asks.py", "attestations.py", "authorisations.py", "confirmations.py", "connector_runs.py", "connectors.py",
    "consents.py", "data.py", "decisions.py", "deliveries.py", "destinations.py", "imports.py", "opendsr.py",
    "opendsr_calls.py", "opendsr_signer.py", "pieces.py", "sharing.py",
}  # fmt: skip
"""Services whose refusals are read by programs, or said to people in other words (consent/words.py)."""


def columns(pages: ModelAdmin) -> Iterator[Field]:
    """The columns of the model that its list, filters and form show."""
    shown = [*pages.list_display, *(each[0] if isinstance(each, tuple) else each for each in pages.list_filter)]
    shown += [*pages.readonly_fields, *flatten(pages.fields or ())]
    shown += list(getattr(getattr(pages.form, "_meta", None), "fields", None) or ())
    for name in filter(lambda each: isinstance(each, str), shown):
        try:
            field = pages.model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        if isinstance(field, Field):
            yield field


@pytest.mark.parametrize("pages", admin.site._registry.values(), ids=str)
def test_every_thing_and_column_has_words(pages: ModelAdmin) -> None:
    if pages.model._meta.app_label == "auth":
        return  # Django's own, in Django's words
    assert pages.model._meta.label in admin_words.THINGS
    own = {field.name for field in columns(pages) if getattr(field, "_verbose_name", None) is None}
    assert own - set(admin_words.COLUMNS) == set()


def test_they_are_in_the_readers_language() -> None:
    from erasure.models import RightsRequest

    asked = RightsRequest._meta
    assert (asked.verbose_name_plural, asked.get_field("due_at").verbose_name) == ("rights requests", "due on")
    with translation.override("de"):
        assert str(asked.verbose_name_plural) == "Anträge betroffener Personen"
        assert str(asked.get_field("due_at").verbose_name) == "fällig am"


def test_an_article_is_named_as_its_readers_do() -> None:
    from gdpr_portal.templatetags.articles import gdpr

    assert [gdpr(each) for each in ("Art. 17(3)(b)", "20(2)", "Art. 18")] == [
        "Art. 17(3)(b) GDPR", "Art. 20(2) GDPR", "Art. 18 GDPR",
    ]  # fmt: skip
    with translation.override("de"):
        assert gdpr("Art. 17(3)(b)") == "Art. 17 Abs. 3 Buchst. b DSGVO"
    with translation.override("fr"):
        assert gdpr("17(1)") == "art. 17, par. 1, RGPD"


def test_every_place_of_an_erasure_has_words() -> None:
    from erasure.words import DESK_PLACES, PLACES
    from subjects.holdings import holdings

    assert {each.name for each in holdings()} - set(PLACES) == set()
    assert DESK_PLACES.keys() == PLACES.keys()


def test_what_a_refusal_counts_is_said_in_the_readers_language() -> None:
    refused = Invalid("invalid_value", "Write 1 to %(longest)s characters.", params={"longest": 5000})
    assert refused.message == refused.in_words == "Write 1 to 5000 characters."
    with translation.override("de"):
        assert refused.in_words == "Schreiben Sie 1 bis 5000 Zeichen."
        assert refused.message == "Write 1 to 5000 characters.", "programs and logs read English"


def refusals() -> Iterator[str]:
    """Every sentence by which a service that a desk calls refuses."""
    for place in AT_A_DESK:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            if file.name not in FOR_PROGRAMS:
                yield from said(file)


def said(file: Path) -> Iterator[str]:
    """The sentences of the errors that this file raises."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FAMILY and len(node.args) > 1:
            message = node.args[1]
            if isinstance(message, ast.Constant) and isinstance(message.value, str):
                yield message.value
            elif isinstance(message, ast.JoinedStr):
                yield f"{file}:{node.lineno} is put together: no catalogue can know it, use params"


def test_every_refusal_of_a_desk_is_in_the_catalogues() -> None:
    found = set(refusals())
    assert len(found) > 100
    assert sorted(found - marked()) == []
