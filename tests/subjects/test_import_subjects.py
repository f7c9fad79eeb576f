"""`manage.py import_subjects`: people come in from a file, bad lines are named, and repeating it changes nothing."""

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent.models import ConsentEvent, NoticeText, Standing
from consent.services.consents import record_consent
from consent.services.data import read_data, store_data
from consent.services.standing import compare_standing
from subjects import selectors
from subjects.management.commands import import_subjects
from subjects.models import ApplicationLink, Identifier, PersonalValue, Subject, ValuePurpose
from subjects.services import imports as service
from subjects.services import mark_erased, read_values, register_subject, restrict
from vault.models import DataKey

pytestmark = pytest.mark.usefixtures("catalogue")
CANARY = "Canaria"


def person(number: int, **more: Any) -> dict[str, Any]:
    """A line of the file, telling the person by e-mail and customer number."""
    orders = {
        "given_name": f"{CANARY}{number}",
        "family_name": f"{CANARY}-{number}",
        "email": f"p{number}@canary.example",
    }
    line = {
        "identifiers": {"email": f"p{number}@canary.example", "customer_id": f"c{number}"},
        "data": {"orders": orders},
    }
    return line | more


def bytes_of(lines: list[Any]) -> bytes:
    return b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture
def run_import(tmp_path: Path, shop: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`run_import(lines)` -> (exit code, standard output, standard error), without lines of how far it is."""
    monkeypatch.setattr(import_subjects, "SECONDS_BETWEEN_LINES", float("inf"))  # a slow machine would write some

    def run(lines: list[Any], **options: Any) -> tuple[int, str, str]:
        file = tmp_path / "people.jsonl"
        file.write_bytes(bytes_of(lines))
        out, err = io.StringIO(), io.StringIO()
        code = 0
        try:
            call_command("import_subjects", str(file), application="shop", stdout=out, stderr=err, **options)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def newsletter() -> dict[str, Any]:
    """A consent to the wording that is live."""
    text = NoticeText.objects.get(notice__purpose__slug="newsletter", language="en")
    notice = {"version": text.notice.version, "language": "en", "digest": text.digest}
    return {"purpose": "newsletter", "action": "give", "notice": notice, "channel": "paper"}


def counts() -> dict[str, int]:
    models = (Subject, Identifier, ApplicationLink, PersonalValue, ValuePurpose, DataKey, ConsentEvent)
    return {model.__name__: model.objects.count() for model in models}


def known(shop: Any, number: int) -> Subject:
    return selectors.find_subject(application=shop, kind="customer_id", value=f"c{number}")


# --- the plain case -------------------------------------------------------------------------------------------------
def test_three_hundred_people_come_in_sealed_and_can_be_read(run_import, shop, audit_log):
    before = counts()
    code, out, err = run_import([person(number) for number in range(300)])
    assert (code, err) == (0, "")
    assert out.startswith("imported 300, already known 0, bad 0, seconds ")
    after = counts()
    assert {name: after[name] - before[name] for name in after} == {
        "Subject": 300, "Identifier": 600, "ApplicationLink": 300, "PersonalValue": 900, "ValuePurpose": 900,
        "DataKey": 300, "ConsentEvent": 0,
    }  # fmt: skip
    subject = known(shop, 7)
    assert selectors.email_of(subject) == "p7@canary.example"
    assert selectors.reference_for(shop, subject) == "c7"
    assert read_data(application=shop, subject=subject, purpose="orders").values["given_name"] == f"{CANARY}7"
    assert not any(
        CANARY.encode() in bytes(sealed) for sealed in PersonalValue.objects.values_list("sealed", flat=True)
    )
    imported = audit_log("subject.imported")
    assert len(imported) == 300 == len({event.subject for event in imported})
    assert len({event.details["batch"] for event in imported}) == 1
    assert subject.pseudonym in {event.subject for event in imported}
    stored = [event for event in audit_log("data.stored") if event.subject == subject.pseudonym]
    assert [(event.purpose, sorted(event.fields)) for event in stored] == [
        ("orders", ["email", "family_name", "given_name"])
    ]


def test_repeating_a_file_changes_nothing(run_import, audit_log, newsletter):
    lines = [person(number) for number in range(40)]
    lines[3] |= {"data": {"newsletter": {"given_name": "N"}}, "consents": [newsletter], "birth_date": "1990-01-31"}
    run_import(lines)
    before, events = counts(), len(audit_log())
    code, out, _ = run_import(lines)
    assert code == 0
    assert out.startswith("imported 0, already known 40, bad 0")
    assert counts() == before
    assert len(audit_log()) == events


def test_profile_and_two_purposes_of_one_value(run_import, shop):
    line = person(1, language="de", country="de", birth_date="1990-01-31")
    line["data"]["direct_marketing"] = {"email": "p1@canary.example"}
    assert run_import([line])[0] == 0
    subject = known(shop, 1)
    assert (subject.language, subject.country, selectors.birth_date_of(subject)) == ("de", "DE", "1990-01-31")
    held = {row.field: row.purposes for row in selectors.values_held(subject)}
    assert held["email"] == ("direct_marketing", "orders")


def test_the_number_of_statements_does_not_depend_on_the_number_of_people(run_import, monkeypatch, newsletter):
    from consent.services import imports as judging

    monkeypatch.setattr(judging, "LOOKED_UP_FOR_SECONDS", 1000.0)
    run_import([person(0), subscriber(1999, newsletter)])
    spent = []
    for first, last in ((1, 11), (100, 400), (1000, 1100)):
        with CaptureQueriesContext(connection) as queries:
            run_import([person(number) for number in range(first, last)])
        spent.append(len(queries))
    assert len(set(spent)) == 1, spent
    with CaptureQueriesContext(connection) as one:
        run_import([subscriber(2000, newsletter)])
    with CaptureQueriesContext(connection) as many:
        run_import([subscriber(number, newsletter) for number in range(3000, 3200)])
    assert len(one) == len(many)
    with CaptureQueriesContext(connection) as again:
        run_import([person(number) for number in range(100, 400)])
    assert len(again) < spent[0]


# --- bad lines ------------------------------------------------------------------------------------------------------
def x(members: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"identifiers": {"customer_id": "x1"}} | (members or {}) | more


BAD = [
    (b"{nothing\n", "malformed_json"),
    (b'{"identifiers": {"email": "\xff"}}\n', "malformed_json"),
    (b'{"identifiers": {"email": "a\\u0000@canary.example"}}\n', "malformed_json"),
    (b'{"identifiers": {"customer_id": "1"}, "identifiers": {"customer_id": "2"}}\n', "malformed_json"),
    (b'{"identifiers": {"customer_id": "' + b"x" * (1024 * 1024) + b'"}}\n', "too_large"),
    (b"[" * 30 + b"]" * 30 + b"\n", "too_deep"),
    (b'["canary"]\n', "invalid_type"),
    ({"data": {}}, "missing_member /identifiers"),
    ({"identifiers": {"customer_id": 7}}, "invalid_type /identifiers/customer_id"),
    ({"identifiers": {}}, "invalid_value /identifiers"),
    ({"identifiers": {"email": "canary"}}, "invalid_value /identifiers/email"),
    ({"identifiers": {"passport": "canary"}}, "unknown_member /identifiers/passport"),
    (x({"nick": "canary"}), "unknown_member /nick"),
    (x({"data": []}), "invalid_type /data"),
    (x(data={"orders": None}), "invalid_type /data/orders"),
    (x({"consents": {}}), "invalid_type /consents"),
    (x({"consents": [7]}), "invalid_value /consents/0"),
    (x({"birth_date": "19900131"}), "invalid_value /birth_date"),
    (x({"language": 5}), "invalid_type /language"),
    (x({"country": "Canary"}), "invalid_value /country"),
    (x(data={"orders": {"email": "canary"}}), "invalid_value /data/orders/email"),
    (x(data={"orders": {"email": None}}), "invalid_value /data/orders"),
    (x(data={"orders": {"vat_number": "DE1"}}), "not_in_contract /data/orders"),
    (x(data={"Canary B": {"email": "a@b.example"}}), "unknown_purpose /data"),
    (x(data={"profiling": {"email": "a@b.example"}}), "purpose_not_approved /data/profiling"),
    (x(data={"newsletter": {"email": "a@b.example"}}), "no_lawful_basis /consents"),
    (
        x(data={"orders": {"email": "a@b.example"}, "direct_marketing": {"email": "b@b.example"}}),
        "invalid_value /data/direct_marketing/email",
    ),
]  # fmt: skip


def test_bad_lines_are_named_by_number_and_the_good_ones_come_in(run_import, shop, caplog):
    lines: list[Any] = [person(number) for number in range(300)]
    places = {position * 10: bad for position, bad in enumerate(BAD)}
    for place, (line, _) in sorted(places.items(), reverse=True):
        lines.insert(place, line)
    lines.insert(1, b"  \r\n")
    code, out, err = run_import(lines)
    assert code == 1
    assert out.startswith(f"imported 300, already known 0, bad {len(BAD)},")
    said = err.splitlines()
    numbers = [next(n for n, line in enumerate(lines, 1) if line is bad) for bad, _ in BAD]
    assert said == [f"line {number}: {words}" for number, (_, words) in zip(numbers, BAD, strict=True)]
    everything = (out + err + caplog.text).lower()
    assert "canary" not in everything.replace("canary b", "")
    assert "@" not in everything


def test_only_a_hundred_bad_lines_are_named(run_import):
    code, out, err = run_import([{"identifiers": {"email": f"canary{n}"}} for n in range(130)], batch=40)
    assert code == 1
    assert "bad 130" in out
    assert len(err.splitlines()) == 101
    assert err.splitlines()[-1] == "and 30 more bad lines"


def test_where_somebody_watches_one_bar_is_redrawn_in_its_line(shop, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file, screen = tmp_path / "people.jsonl", Terminal()
    file.write_bytes(bytes_of([person(number) for number in range(30)]))
    call_command("import_subjects", str(file), application="shop", batch=10, stdout=io.StringIO(), stderr=screen)
    assert "100%" in screen.getvalue()
    assert "imported 30, already known 0, bad 0" in screen.getvalue()
    assert screen.getvalue().count("\n") == 1


def test_no_file_and_no_application_cannot_run(shop, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_subjects", str(tmp_path / "none"), application="shop")
    (tmp_path / "empty").touch()
    with pytest.raises(CommandError, match="no application"):
        call_command("import_subjects", str(tmp_path / "empty"), application="nobody")


def test_a_sealed_vault_stops_the_import_and_is_no_bad_line(run_import, monkeypatch):
    from vault import providers

    def sealed(**given: Any) -> Any:
        raise providers.Sealed("the key file is missing")

    monkeypatch.setattr(providers, "keyring", sealed)
    before = counts()
    with pytest.raises(CommandError, match="Stopped") as stopped:
        run_import([person(1)])
    assert stopped.value.returncode == 2
    assert counts() == before


# --- people known already -------------------------------------------------------------------------------------------
def test_a_known_person_gets_what_is_missing_and_keeps_the_rest(run_import, shop, eve):
    email = {"email": "p5@canary.example"}
    subject, _ = register_subject(application=eve, identifiers=email, language="fr")
    store_one = {"subject": subject, "source": "observed", "application": shop}
    register_subject(application=shop, identifiers=email)
    store_data(purpose="orders", values={"given_name": f"{CANARY}5", "family_name": "Before"}, **store_one)
    kept = PersonalValue.objects.get(subject=subject, field="given_name")
    code, out, _ = run_import([person(5, language="de", country="DE")])
    assert (code, out[:35]) == (0, "imported 0, already known 1, bad 0,"[:35])
    subject.refresh_from_db()
    assert (subject.language, subject.country) == ("fr", "DE")
    assert selectors.identifiers_of(shop, subject) == ["customer_id", "email"]
    values = read_values(subject=subject, fields=["given_name", "family_name", "email"])
    assert values == {"given_name": f"{CANARY}5", "family_name": f"{CANARY}-5", "email": "p5@canary.example"}
    untouched = PersonalValue.objects.get(subject=subject, field="given_name")
    assert (untouched.updated_at, bytes(untouched.sealed)) == (kept.updated_at, bytes(kept.sealed))
    assert PersonalValue.objects.filter(subject=subject).count() == 3


def test_somebody_another_application_knows_is_linked(run_import, shop, eve):
    subject, _ = register_subject(application=eve, identifiers={"email": "p5@canary.example"})
    run_import([{"identifiers": {"email": "p5@canary.example"}}])
    assert selectors.knows(shop, subject)


def test_two_lines_of_one_person_are_one_person(run_import, shop):
    first, second = person(1), person(1)
    second["identifiers"] = {"customer_id": "c1", "phone": "+49 30 901820"}
    second["data"] = {"orders": {"phone": "+49 30 901820"}}
    third = {"identifiers": {"phone": "+4930901820"}}
    before = Subject.objects.count()
    code, out, _ = run_import([first, second, third, person(2)])
    assert (code, Subject.objects.count() - before) == (0, 2)
    assert out.startswith("imported 2, already known 2, bad 0")
    assert selectors.identifiers_of(shop, known(shop, 1)) == ["customer_id", "email", "phone"]
    assert PersonalValue.objects.filter(subject=known(shop, 1)).count() == 4


def test_identifiers_of_two_people_are_a_conflict(run_import):
    mixed = {"identifiers": {"email": "p1@canary.example", "customer_id": "c2"}}
    other = {"identifiers": {"email": "other@canary.example", "customer_id": "c2"}}
    code, _, err = run_import([person(1), person(2), mixed, other])
    assert (code, err.splitlines()) == (1, ["line 3: identifier_conflict", "line 4: identifier_conflict"])
    assert run_import([mixed])[2] == "line 1: identifier_conflict\n"


def test_whoever_was_erased_is_a_new_person(run_import, shop):
    run_import([person(1)])
    gone = known(shop, 1)
    mark_erased(subject=gone, actor="system:worker")
    _, out, _ = run_import([person(1)])
    assert out.startswith("imported 1, already known 0, bad 0")
    assert known(shop, 1).pk != gone.pk


@pytest.mark.parametrize("family_name", [f"{CANARY}-1", "Changed"])
def test_data_of_a_restricted_person_is_refused(run_import, shop, family_name):
    run_import([person(1)])
    restrict(subject=known(shop, 1), ground="legal_claims", request=None, actor="system:worker")
    line = person(1)
    line["data"]["orders"]["family_name"] = family_name
    line["identifiers"]["phone"] = "+4930901820"
    code, _, err = run_import([line])
    assert (code, err) == (1, "line 1: restricted /data\n")
    assert selectors.identifiers_of(shop, known(shop, 1)) == ["customer_id", "email"]


# --- consents -------------------------------------------------------------------------------------------------------
def subscriber(number: int, consent: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {"newsletter": {"given_name": f"{CANARY}{number}"}}
    return {"identifiers": {"customer_id": f"c{number}"}, "data": data, "consents": [consent], **more}


def test_consents_are_recorded_with_their_evidence(run_import, shop, newsletter, audit_log):
    code, _, err = run_import([subscriber(number, newsletter) for number in range(20)])
    assert (code, err) == (0, "")
    event = ConsentEvent.objects.get(subject=known(shop, 3))
    assert (event.action, event.channel, event.notice_digest) == ("give", "paper", newsletter["notice"]["digest"])
    assert read_data(application=shop, subject=known(shop, 3), purpose="newsletter").values == {
        "given_name": f"{CANARY}3"
    }
    assert len(audit_log("consent.given")) == 20
    assert {"channel", "notice_digest", "explicit"} <= audit_log("consent.given")[0].details.keys()
    assert compare_standing() == []


def test_a_child_s_data_waits_for_the_parents_and_the_others_come_in(run_import, shop, newsletter):
    lines = [subscriber(number, newsletter) for number in range(5)]
    lines[2]["birth_date"] = "2020-01-31"
    code, out, err = run_import(lines)
    assert (code, err) == (1, "line 3: no_lawful_basis /data/newsletter\n")
    assert out.startswith("imported 4, already known 0, bad 1")
    assert Identifier.objects.filter(subject__links__application=shop, kind="customer_id").count() == 4


def test_an_old_consent_does_not_bring_back_what_was_withdrawn(run_import, shop, newsletter):
    run_import([subscriber(1, newsletter)])
    subject = known(shop, 1)
    record_consent(subject=subject, purpose="newsletter", action="withdraw", channel="web", actor="subject")
    old = newsletter | {"at": ConsentEvent.objects.filter(subject=subject).earliest("at").at.isoformat()}
    line = subscriber(1, old)
    line["data"]["newsletter"]["given_name"] = "Changed"
    assert run_import([line])[2] == "line 1: no_lawful_basis /data/newsletter\n"
    assert Standing.objects.get(subject=subject, purpose="newsletter", recipient="").state == "withdrawn"


def test_a_consent_that_cannot_be_written_spoils_its_own_line_only(run_import, newsletter):
    early = newsletter | {"at": "2001-01-01T00:00:00Z"}
    code, out, err = run_import([subscriber(1, newsletter), subscriber(2, early), subscriber(3, newsletter)])
    assert (code, err) == (1, "line 2: notice_outdated /consents\n")
    assert out.startswith("imported 2, already known 0, bad 1")


# --- races and restarts ---------------------------------------------------------------------------------------------
def test_an_exception_half_way_loses_the_running_batch_only(run_import, monkeypatch):
    lines = [person(number) for number in range(300)]
    people, keys = Subject.objects.count(), DataKey.objects.count()
    original, calls = service.write_newcomers, []

    def breaking(run: Any, batch: Any) -> None:
        calls.append(1)
        with service.transaction.atomic():
            original(run, batch)
            if len(calls) == 3:
                raise RuntimeError("the power failed")

    monkeypatch.setattr(service, "write_newcomers", breaking)
    with pytest.raises(RuntimeError):
        run_import(lines, batch=50)
    assert Subject.objects.count() - people == 100 == DataKey.objects.count() - keys
    monkeypatch.undo()
    _, out, _ = run_import(lines, batch=50)
    assert out.startswith("imported 200, already known 100, bad 0")
    assert Subject.objects.count() - people == 300


@pytest.mark.django_db(transaction=True)
def test_somebody_registered_meanwhile_through_the_api_is_recognised(run_import, shop, monkeypatch):
    lines = [person(number) for number in range(20)]
    original = service.write_newcomers

    def overtaken(run: Any, batch: Any) -> None:
        def register() -> None:
            register_subject(application=shop, identifiers={"email": "p7@canary.example"})
            connection.close()

        rival = threading.Thread(target=register)
        rival.start()
        rival.join()
        original(run, batch)

    monkeypatch.setattr(service, "write_newcomers", overtaken)
    before = Subject.objects.count()
    code, out, _ = run_import(lines)
    assert code == 0
    assert out.startswith("imported 19, already known 1, bad 0")
    assert Subject.objects.count() - before == 20
    assert selectors.identifiers_of(shop, known(shop, 7)) == ["customer_id", "email"]
    assert PersonalValue.objects.filter(subject=known(shop, 7)).count() == 3
