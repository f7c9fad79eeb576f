"""No form of the portal collects what nobody approved: every field is an approved component, or argued for here.

Art. 5(1)(c), Art. 25(2). The API refuses what is in no contract (tests/consent/test_data.py). Pages of staff are not
meant: they are about the catalogue and about cases, and never ask a data subject for anything.
"""

import importlib
import re
from pathlib import Path

import pytest
from django import forms

from consent.models import Component
from consent.selectors import APPROVED

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("access", "subjects", "consent", "erasure", "gdpr_portal")
STAFF = re.compile(
    r"\b(admin|qa|audit_desk|desk|staff|past_forms|breaches|transfer_admin|place_admin|pack_admin|letters)\b"
)

ACT = "which act, purpose, right, row or language: a choice of the page, no datum of the person"
SECRET = "what only the person knows or holds, to prove who they are (Art. 32(1)(b)); kept as a digest or not at all"
OWN_WORDS = "the person's own words in exercising a right (Art. 12); sealed, and erased with the request"
TOLD = "organisations declared at the desk that were told of an erasure; nothing about the person (Art. 17(2))"
PLACE = (
    "what who answers for a place run by hand did, or holds of the person; sealed, handed on in their copy (Art. 15(3))"
)
KNOWN_BY = "what somebody says they are known by, to be found (Art. 11(2)); looked up and never kept"
COMPONENTS = {"email": "email"}
"""Field -> the collection component it is."""
ARGUED = {
    "password": SECRET, "current": SECRET, "code": SECRET, "otp": SECRET, "reference": SECRET,
    "purpose": ACT, "ground": ACT, "right": ACT, "decision": ACT, "action": ACT, "event": ACT, "explicit": ACT,
    "next": ACT, "shown": ACT, "after_copies": ACT, "destination": ACT, "passkey": SECRET, "supplement": ACT,
    "outcome": PLACE, "reason": PLACE, "files": PLACE, "told": TOLD,
    "label": "what the person calls a passkey, to know it again; sealed, in their archive, gone with the account",
    "field": "which approved component is to be put right (Art. 16)",
    "value": "the right value of an approved component, judged by its type before it is kept (Art. 16)",
    "rights": ACT, "confirm": ACT, "objections": ACT, "withdrawals": ACT, "kind": ACT,
    "own_email": "of a representative, who asks in another's name; sealed with the mandate, gone with an erasure",
    "phone": KNOWN_BY, "customer_id": KNOWN_BY,
    "valid_until": "the last day of a mandate (law.md R27)",
    "document": "the mandate itself (law.md R27); sealed under the person's key, looked at by a reviewer",
    "text": OWN_WORDS,
    "file": "what shows who asks, where a reviewer stated a doubt (Art. 12(6)); sealed, gone with the decision",
    "name": "of the parent who agrees for a child (Art. 8(2)), or who acts by a mandate; sealed as proof of who did",
    "passphrase": SECRET, "recipient": "the age recipient a download is locked to; used for that download, never kept",
    "birth_date": "of the child, typed by the parent and only compared with the one held (Art. 8(2))",
}  # fmt: skip
"""Fields of the portal that are no component, each with its reason."""


def modules() -> list[str]:
    """Every module of ours that the portal's pages may have a form in."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]
    return [name for name in names if ".migrations." not in name and not STAFF.search(name.replace(".", " "))]


def form_fields() -> dict[str, str]:
    """Field -> a form it is in, of all forms of the portal."""
    fields = {}
    for name in modules():
        if "forms.Form" not in (text := (ROOT / (name.replace(".", "/") + ".py")).read_text()) and "Form)" not in text:
            continue
        for each in vars(importlib.import_module(name)).values():
            if isinstance(each, type) and issubclass(each, forms.BaseForm) and each.__module__ == name:
                fields |= dict.fromkeys(each.base_fields, f"{name}.{each.__name__}")  # type: ignore[attr-defined]
    return fields


def written_fields(root: Path) -> dict[str, str]:
    """Field -> a page of the portal that asks for it without a form class."""
    fields = {}
    for page in (root / "templates").rglob("*.html"):
        if STAFF.search(" ".join(page.relative_to(root).parts)):
            continue
        for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page.read_text()):
            for name in re.findall(r'\bname="([^"{}]+)"', tag):
                fields[name] = str(page.relative_to(root))
    return fields


def unknown(fields: dict[str, str]) -> dict[str, str]:
    return {name: where for name, where in fields.items() if name not in COMPONENTS and name not in ARGUED}


def test_the_search_sees_the_forms_and_the_pages() -> None:
    assert {"email", "password", "value", "birth_date"} <= form_fields().keys()
    assert {"otp", "explicit"} <= written_fields(ROOT).keys()


def test_every_field_is_a_component_or_argued_for() -> None:
    assert unknown(form_fields()) == {}
    assert unknown(written_fields(ROOT)) == {}


def test_no_argument_has_outlived_its_field() -> None:
    there = form_fields().keys() | written_fields(ROOT).keys()
    assert (ARGUED.keys() | COMPONENTS.keys()) - there == set()


@pytest.mark.usefixtures("catalogue")
def test_the_components_named_are_approved() -> None:
    approved = set(Component.objects.filter(state__in=APPROVED).values_list("slug", flat=True))
    assert set(COMPONENTS.values()) <= approved


def test_a_field_nobody_argued_for_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "templates" / "portal" / "shoes.html"
    page.parent.mkdir(parents=True)
    page.write_text('<form><select name="shoe_size"></select><input type="hidden" name="action"></form>')
    assert unknown(written_fields(tmp_path)) == {"shoe_size": "templates/portal/shoes.html"}
